package tether_test

import (
	"context"
	"fmt"
	"math"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

func TestHeartbeat_HasNoTimerWhileNobodyIsConnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newBeatRig(beat)
		defer r.app.Destroy()
		other := tether.NewOwner("other")
		defer other.Destroy()
		idle := func(when string) {
			t.Helper()
			synctest.Wait()
			assert.Zero(t, r.app.Stats().Timers, "timers %s", when)
			assert.Equal(t, 1, r.app.Stats().Owners, "owners %s", when)
			assertGoroutines(t, 0, when)
			before := len(r.rows())
			time.Sleep(24 * time.Hour)
			synctest.Wait()
			assert.Len(t, r.rows(), before, "ticks after a day, %s", when)
		}
		idle("before the first connection")
		a, b := r.connect(r.app, nil), r.connect(other, nil)
		assert.Equal(t, 1, r.app.Stats().Timers, "timers with two connections")
		assertGoroutines(t, 0, "while it waits for a beat")
		time.Sleep(3*beat + beat/2)
		assert.Len(t, r.rows(), 6, "ticks of two connections")
		a.Disconnect()
		assert.Equal(t, 1, r.app.Stats().Timers, "timers with one connection")
		b.Disconnect()
		assert.Zero(t, r.app.Stats().Timers, "timers at once after the last Disconnect")
		idle("after the last Disconnect")

		child := other.NewChild("child")
		r.connect(child, nil)
		time.Sleep(beat)
		require.NoError(t, child.Destroy())
		idle("after the end of the last connection's owner")

		r.connect(r.app, func(tether.Tick) { time.Sleep(5 * beat) }).Disconnect()
		c := r.connect(r.app, func(tether.Tick) { time.Sleep(5 * beat) })
		time.Sleep(2 * beat)
		c.Disconnect() // while its handler runs
		time.Sleep(5 * beat)
		idle("after a Disconnect while the handler ran")

		var once journal[uint64]
		r.h.Once(r.app, func(tick tether.Tick) { once.add(tick.N) })
		time.Sleep(3 * beat)
		assert.Len(t, once.all(), 1)
		idle("after a once")
	})
}

func TestHeartbeat_TheGridStartsWithTheFirstConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newBeatRig(beat)
		defer r.app.Destroy()
		r.at(7*beat + beat/3)
		r.connect(r.app, nil)
		from := 7*beat + beat/3
		assert.Equal(t, 1, r.h.Len())
		r.at(from + 2*beat + beat/2)
		var second journal[time.Duration]
		c := r.h.Connect(r.app, func(tick tether.Tick) { second.add(tick.Time.Sub(r.start)) })
		assert.Equal(t, 2, r.h.Len())
		r.at(from + 4*beat)
		c.Disconnect()
		assert.Equal(t, 1, r.h.Len())
		r.at(from + 5*beat)
		assert.Equal(t, regular(1, 5, from), r.rows(), "ticks of the first connection")
		assert.Equal(t, []time.Duration{from + 3*beat, from + 4*beat}, second.all(), "ticks of the second, on the same grid")
	})
}

func TestHeartbeat_TheFirstDeltaAfterAnIdleTimeCountsFromTheConnect(t *testing.T) {
	for _, opts := range [][]tether.HeartbeatOption{nil, {tether.FixedStep(10)}} {
		testkit.Bubble(t, fmt.Sprintf("options=%d", len(opts)), func(t *testing.T) {
			r := newBeatRig(beat, opts...)
			defer r.app.Destroy()
			c := r.connect(r.app, nil)
			r.at(2*beat + beat/2)
			c.Disconnect()
			r.at(100*beat + beat/3)
			r.connect(r.app, nil)
			r.at(103*beat + beat/3)
			assert.Equal(t, append(regular(1, 2, 0), regular(3, 3, 100*beat+beat/3)...), r.rows())
			assert.Zero(t, r.h.Dropped())
		})
	}
}

// A tick was due before a connection was made, and came to it after an idle time: with a
// Time before the Connect, and a first Delta that began before it.
func TestHeartbeat_NoTickOfBeforeAnIdleTimeComesToALaterConnection(t *testing.T) {
	for _, opts := range [][]tether.HeartbeatOption{nil, {tether.FixedStep(5)}} {
		synctest.Test(t, func(t *testing.T) {
			app := tether.NewOwner("app")
			defer app.Destroy()
			h := tether.NewHeartbeat(app, time.Second, opts...)
			hold := make(chan bool)
			var late *tether.Connection
			var connected time.Time
			var ticks []tether.Tick
			first := h.Connect(app, func(tether.Tick) { <-hold }) // stands in the first tick
			time.Sleep(time.Second)
			synctest.Wait()
			// The second handler of the held tick is connected only now, after an idle time.
			first.Disconnect()
			time.Sleep(2500 * time.Millisecond)
			connected = time.Now()
			late = h.Connect(app, func(tick tether.Tick) { ticks = append(ticks, tick) }, tether.Priority(-1))
			close(hold)
			time.Sleep(3500 * time.Millisecond)
			synctest.Wait()
			late.Disconnect()
			require.NotEmpty(t, ticks)
			var sum time.Duration
			for _, tick := range ticks {
				assert.False(t, tick.Time.Before(connected), "a tick of %v, connected at %v", tick.Time, connected)
				sum += tick.Delta
			}
			assert.Equal(t, ticks[len(ticks)-1].Time.Sub(connected), sum, "the sum of Delta is the time elapsed")
		})
	}
}

// A beat that was on its way when everybody disconnected, and that arrived when
// somebody had connected again, counted as one of the new grid: it took time off
// that, and gave the tick to nobody.
func TestHeartbeat_ABeatOfAnEarlierGridTakesNoTimeOffTheNextOne(t *testing.T) {
	testkit.Procs(t, 4)
	owner := tether.NewOwner("owner")
	defer owner.Destroy()
	h := tether.NewHeartbeat(owner, time.Microsecond)
	owner.Go(func(ctx context.Context) {
		for ctx.Err() == nil {
			h.Dropped() // takes the lock that a beat wants, and so delays it
		}
	})
	for round := range 500 {
		ticks := make(chan tether.Tick, 1)
		c := h.Connect(owner, func(k tether.Tick) {
			select {
			case ticks <- k:
			default: // not the first
			}
		})
		connected := time.Now()
		k := <-ticks
		c.Disconnect() // the second is on its way
		require.GreaterOrEqual(t, k.Delta, k.Time.Sub(connected), "round %d: the first Delta counts from the connect", round)
		require.Less(t, k.Skipped, uint64(math.MaxInt64), "round %d: Skipped", round)
	}
}

// A beat came while the tick of an earlier grid was being delivered, and left a
// note to be looked after. By the time the tick was over it was the note of a
// grid that was over too, but the third grid got a timer by it, its second one:
// from then on there were two beats for each.
func TestHeartbeat_HasOneTimerWhateverItsEarlierGridsLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		owner := tether.NewOwner("owner")
		h := tether.NewHeartbeat(owner, time.Second)
		gate := make(chan struct{})
		first := h.Connect(owner, func(tether.Tick) { <-gate })
		time.Sleep(1500 * time.Millisecond) // in its tick
		first.Disconnect()
		second := h.Connect(owner, func(tether.Tick) {})
		time.Sleep(1500 * time.Millisecond) // its beat was late
		second.Disconnect()
		var ticks journal[tether.Tick]
		h.Connect(owner, ticks.add)
		close(gate)
		for beat := range 5 {
			synctest.Wait()
			require.Equal(t, 1, owner.Stats().Timers, "timers after %d beats", beat)
			require.Len(t, ticks.all(), beat)
			time.Sleep(time.Second)
		}
		synctest.Wait()
		for _, k := range ticks.all() {
			assert.Equal(t, time.Second, k.Delta)
			assert.Zero(t, k.Skipped)
		}
		require.NoError(t, owner.Destroy())
	})
}

// While one tick of a batch was handled its connection was replaced by another one. The
// ticks that were due before came to nobody, and were counted all the same.
func TestHeartbeat_TicksThatNobodyGetsAreNotCountedAndTheirTimeIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		h := tether.NewHeartbeat(app, time.Second, tether.FixedStep(10))
		var numbers []uint64
		var sum time.Duration
		start := time.Now()
		count := func(tick tether.Tick) {
			numbers = append(numbers, tick.N)
			sum += tick.Delta
		}
		slow := true
		var first atomic.Pointer[tether.Connection]
		first.Store(h.Connect(app, func(tick tether.Tick) {
			count(tick)
			switch {
			case slow:
				slow = false
				time.Sleep(5500 * time.Millisecond) // the next beat has five ticks
			default:
				h.Connect(app, count)
				first.Load().Disconnect() // in the first of the five
			}
		}))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		for i, n := range numbers {
			require.EqualValues(t, i+1, n, "all that were counted were delivered: %v", numbers)
		}
		require.Equal(t, time.Since(start), sum+h.Dropped(), "the time elapsed, %v ticks", len(numbers))
	})
}
