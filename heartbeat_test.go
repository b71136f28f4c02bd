package tether_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

const beat = 10 * time.Millisecond // the interval in most tests

// A beatRig is a heartbeat whose ticks are written down.
type beatRig struct {
	app   *tether.Owner
	h     *tether.Heartbeat
	start time.Time
	ticks journal[tether.Tick]
}

// connect writes ticks down, and then calls f, if that is not nil.
func (r *beatRig) connect(owner *tether.Owner, f func(tether.Tick)) *tether.Connection {
	return r.h.Connect(owner, func(tick tether.Tick) {
		r.ticks.add(tick)
		if f != nil {
			f(tick)
		}
	})
}

func (r *beatRig) rows() (rows []row) {
	for _, tick := range r.ticks.all() {
		rows = append(rows, row{tick.N, tick.Time.Sub(r.start), tick.Delta, tick.Skipped})
	}
	return rows
}

// at sleeps until d after the start, and for an instant that the ticks which are
// due then need.
func (r *beatRig) at(d time.Duration) {
	time.Sleep(time.Until(r.start.Add(d)))
	synctest.Wait()
}

func newBeatRig(interval time.Duration, opts ...tether.HeartbeatOption) *beatRig {
	app := tether.NewOwner("app")
	return &beatRig{app: app, h: tether.NewHeartbeat(app, interval, opts...), start: time.Now()}
}

// A row is a Tick with its time counted from the start, for comparison.
type row struct {
	N       uint64
	At      time.Duration
	Delta   time.Duration
	Skipped uint64
}

// regular returns n rows of ticks without any trouble, from number first on.
func regular(first, n int, from time.Duration) (rows []row) {
	for i := range n {
		rows = append(rows, row{uint64(first + i), from + time.Duration(i+1)*beat, beat, 0})
	}
	return rows
}

func TestHeartbeat_TicksExactlyOnTheInterval(t *testing.T) {
	for _, opts := range [][]tether.HeartbeatOption{nil, {tether.FixedStep(3)}} {
		testkit.Bubble(t, fmt.Sprintf("options=%d", len(opts)), func(t *testing.T) {
			r := newBeatRig(beat, opts...)
			defer r.app.Destroy()
			r.connect(r.app, func(tick tether.Tick) {
				assert.True(t, tick.Time.Equal(time.Now()), "Tick.Time is the time of delivery")
			})
			r.at(beat - 1)
			assert.Empty(t, r.rows(), "ticks before the first beat")
			r.at(20 * beat)
			assert.Equal(t, regular(1, 20, 0), r.rows())
			assert.Zero(t, r.h.Dropped())
		})
	}
}

func TestHeartbeat_TimesAreMonotonic(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	tick, err := tether.Wait(t.Context(), tether.NewHeartbeat(app, time.Nanosecond))
	require.NoError(t, err)
	assert.Contains(t, tick.Time.String(), "m=+", "a monotonic reading")
}

func TestHeartbeat_TicksForADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newBeatRig(time.Second)
		defer r.app.Destroy()
		var last tether.Tick
		var sum time.Duration
		r.h.Connect(r.app, func(tick tether.Tick) {
			if tick.N != last.N+1 || tick.Delta != time.Second || tick.Skipped != 0 {
				t.Errorf("after %+v came %+v", last, tick)
			}
			last = tick
			sum += tick.Delta
		})
		r.at(24 * time.Hour)
		require.NoError(t, r.app.Destroy())
		assert.EqualValues(t, 86400, last.N)
		assert.Equal(t, 24*time.Hour, sum)
		assert.Equal(t, 24*time.Hour, last.Time.Sub(r.start))
	})
}

func TestHeartbeat_CoalescesTheBeatsThatASlowHandlerMisses(t *testing.T) {
	const slow = 2 // the tick whose handler is slow
	for _, test := range []struct {
		takes time.Duration
		want  []row // the next two ticks
	}{
		{beat / 2, []row{{3, 3 * beat, beat, 0}, {4, 4 * beat, beat, 0}}},
		{beat - 1, []row{{3, 3 * beat, beat, 0}, {4, 4 * beat, beat, 0}}},
		{beat, []row{{3, 3 * beat, beat, 0}, {4, 4 * beat, beat, 0}}},
		{beat + 1, []row{{3, 3*beat + 1, beat + 1, 0}, {4, 4 * beat, beat - 1, 0}}},
		{2*beat - 1, []row{{3, 4*beat - 1, 2*beat - 1, 0}, {4, 4 * beat, 1, 0}}},
		{2 * beat, []row{{3, 4 * beat, 2 * beat, 1}, {4, 5 * beat, beat, 0}}},
		{35 * beat / 10, []row{{3, 55 * beat / 10, 35 * beat / 10, 2}, {4, 6 * beat, beat / 2, 0}}},
		{1000 * beat, []row{{3, 1002 * beat, 1000 * beat, 999}, {4, 1003 * beat, beat, 0}}},
	} {
		testkit.Bubble(t, fmt.Sprint("takes=", test.takes), func(t *testing.T) {
			r := newBeatRig(beat)
			defer r.app.Destroy()
			r.connect(r.app, func(tick tether.Tick) {
				if tick.N == slow {
					time.Sleep(test.takes)
				}
			})
			r.at(2*beat + test.takes + 3*beat)
			assert.Equal(t, append(regular(1, 2, 0), test.want...), r.rows()[:4])
		})
	}
}

// What the deltas add up to is the time, however long the handlers take.
func TestHeartbeat_DeltasAddUpToTheTimeElapsed(t *testing.T) {
	for _, test := range []struct {
		name string
		opts []tether.HeartbeatOption
	}{{"Coalescing", nil}, {"FixedStep=1", []tether.HeartbeatOption{tether.FixedStep(1)}}, {"FixedStep=4", []tether.HeartbeatOption{tether.FixedStep(4)}}} {
		testkit.Bubble(t, test.name, func(t *testing.T) {
			r := newBeatRig(beat, test.opts...)
			defer r.app.Destroy()
			rnd := rand.New(rand.NewPCG(3, 4))
			var sum, batch time.Duration // batch: when the last one began
			var n, beats uint64
			r.h.Connect(r.app, func(tick tether.Tick) {
				n++
				assert.Equal(t, n, tick.N)
				elapsed := tick.Time.Sub(r.start)
				if test.opts != nil && elapsed != batch { // all of the batch before has come
					before := sum + r.h.Dropped() - time.Duration(tick.Skipped)*beat
					assert.Equal(t, batch.Truncate(beat), before, "tick %d: sum of Delta and Dropped before it", n)
					batch = elapsed
				}
				sum += tick.Delta
				beats += 1 + tick.Skipped
				if test.opts == nil {
					assert.Equal(t, elapsed, sum, "tick %d: sum of Delta", n)
					assert.EqualValues(t, elapsed/beat, beats, "tick %d: beats", n)
				} else {
					assert.Equal(t, beat, tick.Delta)
					assert.Equal(t, time.Duration(beats)*beat, sum+r.h.Dropped(), "tick %d: sum of Delta and Dropped", n)
				}
				if rnd.IntN(3) == 0 {
					time.Sleep(time.Duration(rnd.Int64N(int64(7 * beat))))
				}
			})
			time.Sleep(2000 * beat)
			require.NoError(t, r.app.Destroy())
			assert.Greater(t, n, uint64(500))
			assert.LessOrEqual(t, sum+r.h.Dropped(), time.Since(r.start))
		})
	}
}

func TestHeartbeat_CallsAOnceOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newBeatRig(beat)
		defer r.app.Destroy()
		c := r.h.Once(r.app, r.ticks.add)
		assert.True(t, c.Connected())
		time.Sleep(time.Hour)
		assert.Equal(t, regular(1, 1, 0), r.rows())
		assert.False(t, c.Connected())
		assert.Zero(t, r.h.Len())
	})
}

func TestHeartbeat_CallsHandlersByPriority(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newBeatRig(beat)
		defer r.app.Destroy()
		var order journal[string]
		add := func(name string) func(tether.Tick) {
			return func(tick tether.Tick) { order.add(fmt.Sprint(name, tick.N)) }
		}
		r.h.Connect(r.app, add("low"), tether.Priority(-1))
		r.h.Connect(r.app, add("normal"))
		r.h.Once(r.app, add("high"), tether.Priority(1))
		r.at(2 * beat)
		assert.Equal(t, []string{"high1", "normal1", "low1", "normal2", "low2"}, order.all())
	})
}

func TestHeartbeat_TicksIntoAQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newBeatRig(beat)
		defer r.app.Destroy()
		q := tether.NewQueue(r.app, 3, tether.DropOldest, tether.Manual())
		r.h.Connect(r.app, r.ticks.add, tether.On(q))
		r.at(5 * beat)
		assert.Equal(t, 3, q.Drain())
		assert.Equal(t, regular(1, 5, 0)[2:], r.rows())
		assert.EqualValues(t, 2, q.Dropped())
	})
}

func TestHeartbeat_IsASource(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newBeatRig(beat)
		defer r.app.Destroy()
		tick, err := tether.Wait(t.Context(), r.h)
		require.NoError(t, err)
		r.ticks.add(tick)
		assert.Zero(t, r.h.Len())
		for tick := range tether.Values(t.Context(), r.h, 1, tether.Block) {
			r.ticks.add(tick)
			if tick.N == 4 {
				break
			}
		}
		assert.Equal(t, regular(1, 4, 0), r.rows())
		synctest.Wait()
		assert.Zero(t, r.h.Len())
		assert.Zero(t, r.app.Stats().Timers)
	})
}

// The slow handler is that of a connection which is over already, so that a new
// grid begins while a tick of the old one is still being delivered.
func TestHeartbeat_NeverOverlapsTicks(t *testing.T) {
	ms := time.Millisecond
	for _, test := range []struct {
		name    string
		takes   time.Duration // what the first tick, at 10 ms, takes
		cut     []time.Duration
		connect []time.Duration
		end     time.Duration
		want    []row // of the second connection on
	}{
		{
			"LateForThreeBeatsOfTheNewGrid", 50 * ms, []time.Duration{15 * ms}, []time.Duration{22 * ms}, 80 * ms,
			[]row{{2, 60 * ms, 38 * ms, 2}, {3, 62 * ms, 2 * ms, 0}, {4, 72 * ms, 10 * ms, 0}},
		},
		{
			"DoneBeforeTheNewGridsFirstBeat", 17 * ms, []time.Duration{15 * ms}, []time.Duration{22 * ms}, 50 * ms,
			[]row{{2, 32 * ms, 10 * ms, 0}, {3, 42 * ms, 10 * ms, 0}},
		},
		{
			"DoneOnTheNewGridsFirstBeat", 22 * ms, []time.Duration{15 * ms}, []time.Duration{22 * ms}, 50 * ms,
			[]row{{2, 32 * ms, 10 * ms, 0}, {3, 42 * ms, 10 * ms, 0}},
		},
		{
			"TwoNewGrids", 50 * ms, []time.Duration{15 * ms, 40 * ms}, []time.Duration{22 * ms, 41 * ms}, 75 * ms,
			[]row{{2, 60 * ms, 19 * ms, 0}, {3, 61 * ms, ms, 0}, {4, 71 * ms, 10 * ms, 0}},
		},
		{
			"OnlyTheGridBetweenWasLate", 35 * ms, []time.Duration{15 * ms, 40 * ms}, []time.Duration{22 * ms, 41 * ms}, 75 * ms,
			[]row{{2, 51 * ms, 10 * ms, 0}, {3, 61 * ms, 10 * ms, 0}, {4, 71 * ms, 10 * ms, 0}},
		},
		{
			"TheNewGridIsOverBeforeTheTick", 50 * ms, []time.Duration{15 * ms, 40 * ms}, []time.Duration{22 * ms, 100 * ms}, 125 * ms,
			[]row{{2, 110 * ms, 10 * ms, 0}, {3, 120 * ms, 10 * ms, 0}},
		},
	} {
		testkit.Bubble(t, test.name, func(t *testing.T) {
			r := newBeatRig(beat)
			defer r.app.Destroy()
			var running atomic.Int32
			tick := func(takes time.Duration) func(tether.Tick) {
				return func(tether.Tick) {
					assert.EqualValues(t, 1, running.Add(1), "ticks at a time, at %v", time.Since(r.start))
					time.Sleep(takes)
					running.Add(-1)
				}
			}
			c := r.connect(r.app, tick(test.takes))
			for i, cut := range test.cut {
				r.at(cut)
				c.Disconnect()
				r.at(test.connect[i])
				c = r.connect(r.app, tick(0))
			}
			r.at(test.end)
			assert.Equal(t, append([]row{{1, beat, beat, 0}}, test.want...), r.rows())
			assert.Equal(t, 1, r.app.Stats().Timers, "timers")
		})
	}
}

func TestHeartbeat_ATickMayConnectAndDisconnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newBeatRig(beat)
		defer r.app.Destroy()
		var c atomic.Pointer[tether.Connection]
		var reconnect func(tick tether.Tick)
		reconnect = func(tether.Tick) {
			c.Load().Disconnect() // the last one: the grid ends
			time.Sleep(beat / 5)
			c.Store(r.connect(r.app, reconnect))
		}
		c.Store(r.connect(r.app, reconnect))
		r.at(4 * (beat + beat/5))
		step := beat + beat/5
		assert.Equal(t, []row{
			{1, beat, beat, 0}, {2, step + beat, beat, 0}, {3, 2*step + beat, beat, 0}, {4, 3*step + beat, beat, 0},
		}, r.rows())
		assert.Equal(t, 1, r.h.Len())
		assert.Equal(t, 1, r.app.Stats().Timers)
	})
}

// In real time and from many goroutines, for the race detector.
func TestHeartbeat_MayBeUsedFromManyGoroutines(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		h := tether.NewHeartbeat(app, 10*time.Microsecond)
		var running atomic.Int32
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 30 {
					owner := tether.NewOwner("owner")
					n := 0 // plain
					ticked := make(chan struct{})
					h.Connect(owner, func(tether.Tick) {
						if running.Add(1) != 1 {
							t.Error("ticks overlap")
						}
						if n++; n == 2 {
							close(ticked)
						}
						runtime.Gosched()
						running.Add(-1)
					})
					<-ticked
					_ = h.Len()
					if err := owner.Destroy(); err != nil {
						t.Errorf("Destroy: got %v, want nil", err)
					}
					n++
				}
			})
		}
		wg.Wait()
		assert.Zero(t, h.Len())
		require.NoError(t, app.Destroy())
	})
}
