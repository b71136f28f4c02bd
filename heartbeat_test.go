package tether_test

import (
	"context"
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
)

const beat = 10 * time.Millisecond // the interval in most tests

// A beatRig is a heartbeat whose ticks are written down.
type beatRig struct {
	app   *tether.Owner
	h     *tether.Heartbeat
	start time.Time
	ticks journal[tether.Tick]
}

func newBeatRig(interval time.Duration, opts ...tether.HeartbeatOption) *beatRig {
	app := tether.NewOwner("app")
	return &beatRig{app: app, h: tether.NewHeartbeat(app, interval, opts...), start: time.Now()}
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

// A row is a Tick with its time counted from the start, for comparison.
type row struct {
	N       uint64
	At      time.Duration
	Delta   time.Duration
	Skipped uint64
}

func (r *beatRig) rows() (rows []row) {
	for _, tick := range r.ticks.all() {
		rows = append(rows, row{tick.N, tick.Time.Sub(r.start), tick.Delta, tick.Skipped})
	}
	return rows
}

// regular returns n rows of ticks without any trouble, from number first on.
func regular(first, n int, from time.Duration) (rows []row) {
	for i := range n {
		rows = append(rows, row{uint64(first + i), from + time.Duration(i+1)*beat, beat, 0})
	}
	return rows
}

// at sleeps until d after the start, and for an instant that the ticks which are
// due then need.
func (r *beatRig) at(d time.Duration) {
	time.Sleep(time.Until(r.start.Add(d)))
	synctest.Wait()
}

func TestAHeartbeatTicksExactlyOnTheInterval(t *testing.T) {
	for _, opts := range [][]tether.HeartbeatOption{nil, {tether.FixedStep(3)}} {
		inBubble(t, fmt.Sprintf("options=%d", len(opts)), func(t *testing.T) {
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

func TestAHeartbeatsTimesAreMonotonic(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	tick, err := tether.Wait(t.Context(), tether.NewHeartbeat(app, time.Nanosecond))
	require.NoError(t, err)
	assert.Contains(t, tick.Time.String(), "m=+", "a monotonic reading")
}

func TestAHeartbeatsGridStartsWithTheFirstConnection(t *testing.T) {
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

func TestAHeartbeatCoalescesTheBeatsThatASlowHandlerMisses(t *testing.T) {
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
		inBubble(t, fmt.Sprint("takes=", test.takes), func(t *testing.T) {
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
func TestAHeartbeatsDeltasAddUpToTheTimeElapsed(t *testing.T) {
	for _, test := range []struct {
		name string
		opts []tether.HeartbeatOption
	}{{"Coalescing", nil}, {"FixedStep=1", []tether.HeartbeatOption{tether.FixedStep(1)}}, {"FixedStep=4", []tether.HeartbeatOption{tether.FixedStep(4)}}} {
		inBubble(t, test.name, func(t *testing.T) {
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

func TestAFixedStepHeartbeatDeliversWhatIsDueInBatches(t *testing.T) {
	const slow = 2
	for _, test := range []struct {
		maxSteps int
		takes    time.Duration
		want     []row // the next ticks
		dropped  time.Duration
	}{
		{1, beat / 2, regular(3, 2, 2*beat), 0},
		{1, 5 * beat, append([]row{{3, 7 * beat, beat, 4}}, regular(4, 2, 7*beat)...), 4 * beat},
		{3, 5 * beat, append([]row{{3, 7 * beat, beat, 2}, {4, 7 * beat, beat, 0}, {5, 7 * beat, beat, 0}}, regular(6, 1, 7*beat)...), 2 * beat},
		{3, 3 * beat, append([]row{{3, 5 * beat, beat, 0}, {4, 5 * beat, beat, 0}, {5, 5 * beat, beat, 0}}, regular(6, 1, 5*beat)...), 0},
		{8, 3*beat + 1, append([]row{{3, 5*beat + 1, beat, 0}, {4, 5*beat + 1, beat, 0}, {5, 5*beat + 1, beat, 0}}, regular(6, 1, 5*beat)...), 0},
	} {
		inBubble(t, fmt.Sprintf("maxSteps=%d/takes=%v", test.maxSteps, test.takes), func(t *testing.T) {
			r := newBeatRig(beat, tether.FixedStep(test.maxSteps))
			defer r.app.Destroy()
			r.connect(r.app, func(tick tether.Tick) {
				if tick.N == slow {
					time.Sleep(test.takes)
				}
			})
			r.at(2*beat + test.takes + 5*beat)
			want := append(regular(1, 2, 0), test.want...)
			assert.Equal(t, want, r.rows()[:len(want)])
			assert.Equal(t, test.dropped, r.h.Dropped())
		})
	}
}

func TestAHeartbeatHasNoTimerWhileNobodyIsConnected(t *testing.T) {
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

func TestAHeartbeatsFirstDeltaAfterAnIdleTimeCountsFromTheConnect(t *testing.T) {
	for _, opts := range [][]tether.HeartbeatOption{nil, {tether.FixedStep(10)}} {
		inBubble(t, fmt.Sprintf("options=%d", len(opts)), func(t *testing.T) {
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

func TestAHeartbeatThatIsEndedInsideTheFifthTickHasTickedFiveTimes(t *testing.T) {
	for _, opts := range []struct {
		name string
		late time.Duration // what the 3rd tick takes; under FixedStep the 5th is then inside a batch
		opts []tether.HeartbeatOption
	}{
		{"Plain", 0, nil},
		{"FixedStep", 0, []tether.HeartbeatOption{tether.FixedStep(4)}},
		{"Batch", 6 * beat, []tether.HeartbeatOption{tether.FixedStep(10)}},
	} {
		for _, test := range []struct {
			name string
			end  func(t *testing.T, r *beatRig, owner *tether.Owner, c *tether.Connection)
		}{
			{"Destroy", func(t *testing.T, r *beatRig, _ *tether.Owner, _ *tether.Connection) {
				assert.Equal(t, tether.ErrPending, r.app.Destroy())
			}},
			{"DestroyOfTheConnectionsOwner", func(t *testing.T, _ *beatRig, owner *tether.Owner, _ *tether.Connection) {
				assert.Equal(t, tether.ErrPending, owner.Destroy())
			}},
			{"Cancel", func(_ *testing.T, r *beatRig, _ *tether.Owner, _ *tether.Connection) { r.app.Cancel(nil) }},
			{"CancelOfTheConnectionsOwner", func(_ *testing.T, _ *beatRig, owner *tether.Owner, _ *tether.Connection) { owner.Cancel(nil) }},
			{"Disconnect", func(t *testing.T, _ *beatRig, _ *tether.Owner, c *tether.Connection) {
				assert.True(t, c.Disconnect())
			}},
		} {
			inBubble(t, opts.name+"/"+test.name, func(t *testing.T) {
				r := newBeatRig(beat, opts.opts...)
				defer r.app.Destroy()
				owner := tether.NewOwner("owner")
				defer owner.Destroy()
				var c atomic.Pointer[tether.Connection]
				c.Store(r.connect(owner, func(tick tether.Tick) {
					switch tick.N {
					case 3:
						time.Sleep(opts.late)
					case 5:
						test.end(t, r, owner, c.Load())
					}
				}))
				time.Sleep(24 * time.Hour)
				synctest.Wait()
				assert.Len(t, r.rows(), 5, "ticks")
				assert.False(t, c.Load().Connected())
				assert.Zero(t, r.h.Len())
				assert.Zero(t, r.app.Stats().Timers)
			})
		}
	}
}

func TestDestroyWaitsForTheTickOfAHeartbeatThatRuns(t *testing.T) {
	for _, whose := range []string{"Heartbeat", "Connection"} {
		inBubble(t, whose, func(t *testing.T) {
			r := newBeatRig(beat)
			defer r.app.Destroy()
			owner := tether.NewOwner("owner")
			defer owner.Destroy()
			n := 0 // plain: a handler beside Destroy's return is a race
			r.connect(owner, func(tether.Tick) {
				n++
				time.Sleep(5 * beat)
				n++
			})
			victim := owner
			if whose == "Heartbeat" {
				victim = r.app
			}
			victim.Defer(func() { n += 10 })
			time.Sleep(2 * beat)
			require.NoError(t, victim.Destroy())
			assert.Equal(t, 6*beat, time.Since(r.start), "when Destroy returned")
			assert.Equal(t, 12, n)
			time.Sleep(time.Hour)
			assert.Equal(t, 12, n)
		})
	}
}

// The slow handler is that of a connection which is over already, so that a new
// grid begins while a tick of the old one is still being delivered.
func TestAHeartbeatNeverOverlapsTicks(t *testing.T) {
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
		inBubble(t, test.name, func(t *testing.T) {
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

func TestAHeartbeatsTickMayConnectAndDisconnect(t *testing.T) {
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

// A batch is owed to those who were connected while its time passed.
func TestTheRestOfAHeartbeatsBatchIsNotForALaterConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newBeatRig(beat, tether.FixedStep(10))
		defer r.app.Destroy()
		var first atomic.Pointer[tether.Connection]
		var second journal[time.Duration]
		first.Store(r.connect(r.app, func(tick tether.Tick) {
			switch tick.N {
			case 1:
				time.Sleep(5 * beat) // then five are due at once, at 6 beats
			case 3:
				first.Load().Disconnect()
				r.h.Connect(r.app, func(tick tether.Tick) { second.add(tick.Time.Sub(r.start)) })
			}
		}))
		r.at(8*beat + beat/2)
		assert.Len(t, r.rows(), 3, "ticks of the first connection")
		assert.Equal(t, []time.Duration{7 * beat, 8 * beat}, second.all(), "ticks of the second")
	})
}

func TestGoexitInATickDoesNotStopAHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newBeatRig(beat)
		defer r.app.Destroy()
		r.connect(r.app, func(tick tether.Tick) {
			if tick.N%2 == 0 {
				runtime.Goexit()
			}
		})
		var second journal[uint64]
		r.h.Connect(r.app, func(tick tether.Tick) { second.add(tick.N) })
		r.at(6 * beat)
		assert.Equal(t, regular(1, 6, 0), r.rows())
		assert.Equal(t, []uint64{1, 2, 3, 4, 5, 6}, second.all(), "the other handler of the tick")
		require.NoError(t, r.app.Destroy())
	})
}

// The rest of a batch must not get lost with the goroutine that delivers it.
func TestGoexitInABatchOfAFixedStepHeartbeatLosesNoTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newBeatRig(beat, tether.FixedStep(10))
		defer r.app.Destroy()
		r.connect(r.app, func(tick tether.Tick) {
			switch tick.N {
			case 1:
				time.Sleep(5 * beat) // then five are due at once
			case 3:
				runtime.Goexit() // the second of them
			}
		})
		r.at(10*beat + beat/2)
		var sum time.Duration
		for _, row := range r.rows() {
			sum += row.Delta
		}
		assert.Equal(t, 10*beat, sum+r.h.Dropped(), "sum of Delta and Dropped after ten intervals")
		assert.Len(t, r.rows(), 10, "ticks: %v", r.rows())
	})
}

func TestASupervisedPanicInATickDoesNotStopAHeartbeat(t *testing.T) {
	for _, opts := range [][]tether.HeartbeatOption{nil, {tether.FixedStep(10)}} {
		inBubble(t, fmt.Sprintf("options=%d", len(opts)), func(t *testing.T) {
			r := newBeatRig(beat, opts...)
			defer r.app.Destroy()
			var reports journal[any]
			owner := tether.NewOwner("owner", tether.WithPanicHandler(func(e *tether.PanicError) {
				assert.Equal(t, "owner", e.Owner)
				reports.add(e.Value)
			}))
			defer owner.Destroy()
			r.connect(owner, func(tick tether.Tick) {
				if tick.N%2 == 0 {
					panic(tick.N)
				}
			})
			r.at(5 * beat)
			assert.Equal(t, regular(1, 5, 0), r.rows())
			assert.Equal(t, []any{uint64(2), uint64(4)}, reports.all())
			assert.NoError(t, owner.Destroy())
			assert.NoError(t, r.app.Destroy())
		})
	}
}

func TestAPanicInATickOfAHeartbeatCrashesTheProgram(t *testing.T) {
	out := crash(t, func() {
		app := tether.NewOwner("app")
		tether.NewHeartbeat(app, time.Nanosecond).Connect(app, func(tether.Tick) { panic("boom in a tick") })
		<-app.Ended() // the other goroutine crashes
	})
	assert.Contains(t, out, "panic: boom in a tick")
}

func TestAHeartbeatCallsAOnceOnce(t *testing.T) {
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

func TestAHeartbeatCallsHandlersByPriority(t *testing.T) {
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

func TestAHeartbeatTicksIntoAQueue(t *testing.T) {
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

func TestAHeartbeatIsASource(t *testing.T) {
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

func TestAHeartbeatTicksForADay(t *testing.T) {
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

func TestAHeartbeatOfADeadOwnerIsDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newBeatRig(beat)
		other := tether.NewOwner("other")
		defer other.Destroy()
		c := r.connect(other, nil)
		r.at(2 * beat)
		require.NoError(t, r.app.Destroy())
		assert.False(t, c.Connected(), "the connection of another owner")
		born := tether.NewHeartbeat(r.app, beat)
		for _, h := range []*tether.Heartbeat{r.h, born} {
			assert.False(t, h.Connect(other, r.ticks.add).Connected())
			assert.False(t, h.Once(other, r.ticks.add).Connected())
			assert.Zero(t, h.Len())
			_, err := tether.Wait(context.Background(), h)
			assert.Equal(t, tether.ErrDestroyed, err)
		}
		time.Sleep(time.Hour)
		assert.Equal(t, regular(1, 2, 0), r.rows())
		assert.Zero(t, other.Stats().Connections)

		dead := tether.NewOwner("dead")
		require.NoError(t, dead.Destroy())
		living := tether.NewHeartbeat(other, beat)
		assert.False(t, living.Connect(dead, r.ticks.add).Connected())
		assert.Zero(t, other.Stats().Timers, "timers for a dead connection")
	})
}

// In real time and from many goroutines, for the race detector.
func TestAHeartbeatMayBeUsedFromManyGoroutines(t *testing.T) {
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
}

func TestMisuseOfAHeartbeatPanics(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	h := tether.NewHeartbeat(app, beat)
	for want, f := range map[string]func(){
		"tether: NewHeartbeat with nil Owner":     func() { tether.NewHeartbeat(nil, beat) },
		"tether: NewHeartbeat with interval 0s":   func() { tether.NewHeartbeat(app, 0) },
		"tether: NewHeartbeat with interval -1ns": func() { tether.NewHeartbeat(app, -1) },
		"tether: NewHeartbeat with nil option":    func() { tether.NewHeartbeat(app, beat, nil) },
		"tether: FixedStep with maxSteps 0":       func() { tether.FixedStep(0) },
		"tether: FixedStep with maxSteps -1":      func() { tether.FixedStep(-1) },
		"tether: Connect with nil Owner":          func() { h.Connect(nil, func(tether.Tick) {}) },
		"tether: Connect with nil handler":        func() { h.Connect(app, nil) },
		"tether: Connect with nil option":         func() { h.Connect(app, func(tether.Tick) {}, nil) },
		"tether: Once with nil Owner":             func() { h.Once(nil, func(tether.Tick) {}) },
		"tether: Once with nil handler":           func() { h.Once(app, nil) },
	} {
		assert.PanicsWithValue(t, want, f)
	}
	assert.PanicsWithValue(t, "tether: NewHeartbeat with nil Owner", func() { tether.NewHeartbeat(new(tether.Owner), beat) }, "a zero Owner")
	assert.Zero(t, h.Len())
	assert.Zero(t, app.Stats().Timers)
}
