package tether_test

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

func TestQueue_DropsAndCountsTheValuesOfADeadConnection(t *testing.T) {
	for _, manual := range []bool{false, true} {
		for _, death := range queueDeaths {
			testkit.Bubble(t, fmt.Sprintf("%s/manual=%v", death.name, manual), func(t *testing.T) {
				var opts []tether.QueueOption
				if manual {
					opts = append(opts, tether.Manual())
				}
				w := newQueueWorld(8, tether.Block, opts...)
				defer w.destroy()
				bystander := tether.NewOwner("bystander")
				defer bystander.Destroy()
				var other tether.Signal[int]
				var others journal[int]
				other.Connect(bystander, others.add, tether.On(w.q))
				release := func() { w.q.Drain() }
				if !manual {
					release = holdQueue(w.q)
					defer release()
				}
				w.s.Fire(1)
				other.Fire(10)
				w.s.Fire(2)
				w.s.Fire(3)
				require.Equal(t, 4, w.q.Len())
				require.Zero(t, w.q.Dropped())

				killed := background(func() { death.kill(w) })
				synctest.Wait()
				dropped, left, rest := 3, 1, []int{10}
				if death.queue {
					dropped, left, rest = 4, 0, nil
				}
				assert.EqualValues(t, dropped, w.q.Dropped(), "Dropped at the death")
				assert.Equal(t, left, w.q.Len(), "Len at the death")
				assert.False(t, w.c.Connected(), "Connected")
				assert.Zero(t, w.owner.Stats().Connections, "connections in the owner's book")
				assert.Zero(t, w.s.Len(), "connections in the signal's book")
				w.s.Fire(4) // for nobody

				release()
				synctest.Wait()
				assert.True(t, killed(), "the killer has returned")
				assert.Empty(t, w.handled.all(), "values of the dead")
				assert.Equal(t, rest, others.all(), "values of the living")
				assert.EqualValues(t, dropped, w.q.Dropped(), "Dropped in the end")
			})
		}
	}
}

func TestQueue_HandlesOrCountsTheValueThatItTookWhenIdle(t *testing.T) {
	for _, death := range queueDeaths {
		t.Run(death.name, func(t *testing.T) {
			for round := range 60 {
				w := newQueueWorld(1, tether.Block)
				w.s.Fire(round)
				for range round % 4 {
					runtime.Gosched()
				}
				death.kill(w)
				require.NoError(t, w.q.Flush(t.Context()))
				handled, dropped := len(w.handled.all()), int(w.q.Dropped())
				require.Equal(t, 1, handled+dropped, "round %d: %d handled and %d dropped of 1 fired", round, handled, dropped)
				w.destroy()
			}
		})
	}
}

// A value was found to be alive, then its connection ended, and then its handler
// was to be called: it was gone, and so was the value, which Dropped did not
// count, while Drain counted it as a call that it had made.
func TestQueue_AValueWhoseConnectionEndsInTheLastMomentIsCounted(t *testing.T) {
	testkit.Procs(t, 4)
	owner := tether.NewOwner("owner")
	defer owner.Destroy()
	for round := range 12 {
		const n = 100
		q := tether.NewQueue(owner, n, tether.DropNewest, tether.Manual())
		var s tether.Signal[int]
		calls := 0
		var turn atomic.Int32 // of the connection after the one that was called last
		conns := make([]*tether.Connection, n)
		for i := range conns {
			conns[i] = s.Connect(owner, func(int) {
				calls++
				turn.Store(int32(i) + 1)
			}, tether.On(q))
		}
		s.Fire(1)
		var wg sync.WaitGroup
		var over atomic.Bool
		wg.Go(func() {
			for !over.Load() {
				conns[min(turn.Load(), n-1)].Disconnect()
			}
		})
		for range 2 {
			wg.Go(func() {
				for !over.Load() {
					q.Len() // takes the lock that the last moment ends with
				}
			})
		}
		counted := q.Drain()
		over.Store(true)
		wg.Wait()
		require.Equal(t, calls, counted, "round %d: calls that Drain says it made", round)
		require.EqualValues(t, n, uint64(calls)+q.Dropped(), "round %d: %d calls and %d dropped", round, calls, q.Dropped())
	}
}

func TestQueue_EndsItsConnectionsWhenItEnds(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		keeper := tether.NewOwner("keeper")
		q := tether.NewQueue(keeper, 1, tether.Block)
		var s tether.Signal[int]
		c := s.Connect(app, func(int) {}, tether.On(q))
		once := s.Once(app, func(int) {}, tether.On(q))
		free := s.Connect(app, func(int) {})
		require.NoError(t, keeper.Destroy())
		assert.False(t, c.Connected(), "connection on the queue")
		assert.False(t, once.Connected(), "once on the queue")
		assert.True(t, free.Connected(), "connection without a queue")
		assert.Equal(t, 1, s.Len())
		assert.Equal(t, 1, app.Stats().Connections)
		assert.False(t, s.Connect(app, func(int) {}, tether.On(q)).Connected(), "a later connection")
		assert.False(t, s.Once(app, func(int) {}, tether.On(q)).Connected(), "a later once")
		assert.False(t, s.ConnectSelf(app, func(*tether.Connection, int) {}, tether.On(q)).Connected(), "a later ConnectSelf")
		assert.Equal(t, 1, s.Len())
		assert.Equal(t, 1, app.Stats().Connections)
	})
}

func TestQueue_OfADeadOwnerIsDead(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		dead := tether.NewOwner("dead")
		require.NoError(t, dead.Destroy())
		for _, opts := range [][]tether.QueueOption{nil, {tether.Manual()}} {
			q := tether.NewQueue(dead, 1, tether.Block, opts...)
			var s tether.Signal[int]
			c := s.Connect(app, func(int) { t.Error("handled by a dead queue") }, tether.On(q))
			assert.False(t, c.Connected())
			assert.False(t, c.Disconnect())
			assert.Zero(t, s.Len())
			assert.Zero(t, app.Stats().Connections)
			s.Fire(1)
			s.Fire(2)
			s.Fire(3)
			assert.Zero(t, q.Len())
			assert.Zero(t, q.Dropped())
			assert.NoError(t, q.Flush(t.Context()))
			if opts != nil {
				assert.Zero(t, q.Drain())
			}
		}
	})
}

// The dead must not fill a queue: many connections come and go while it is held.
func TestQueue_DeadConnectionsTakeNoRoom(t *testing.T) {
	for _, o := range overflows {
		testkit.Bubble(t, o.name, func(t *testing.T) {
			w := newQueueWorld(4, o.overflow)
			defer w.destroy()
			release := holdQueue(w.q)
			defer release()
			w.s.Fire(1)
			for i := range 500 {
				var s tether.Signal[int]
				c := s.Connect(w.owner, func(int) { t.Error("handled a value of the dead") }, tether.On(w.q))
				s.Fire(1)
				s.Fire(2)
				s.Fire(3)
				require.Equal(t, 4, w.q.Len(), "round %d", i)
				c.Disconnect()
				require.Equal(t, 1, w.q.Len(), "round %d", i)
				require.EqualValues(t, 3*(i+1), w.q.Dropped(), "round %d", i)
			}
			w.s.Fire(2)
			release()
			synctest.Wait()
			assert.Equal(t, []int{1, 2}, w.handled.all())
			assert.EqualValues(t, 1500, w.q.Dropped())
		})
	}
}

// Here the connection dies when all Fires have returned but the queue is at
// work, so that the numbers must match exactly.
func TestQueue_LosesNoValueUncountedWhenAConnectionDiesWhileItWorks(t *testing.T) {
	rounds := 150
	if testing.Short() {
		rounds = 20
	}
	for _, death := range queueDeaths {
		t.Run(death.name, func(t *testing.T) {
			for round := range rounds {
				w := newQueueWorld(10, tether.Block)
				const fires = 8
				alive := true // plain
				handled := 0
				w.c.Disconnect()
				w.c = w.s.Connect(w.owner, func(int) {
					if !alive {
						t.Error("handled after the end of its owner")
					}
					handled++
				}, tether.On(w.q))
				start := make(chan struct{})
				var wg sync.WaitGroup
				wg.Go(func() {
					<-start
					for range round % 7 {
						runtime.Gosched()
					}
					death.kill(w)
				})
				for range fires {
					w.s.Fire(round)
				}
				close(start)
				wg.Wait()
				_ = w.owner.Destroy()
				alive = false
				require.NoError(t, w.q.Flush(t.Context()))
				require.EqualValues(t, fires, uint64(handled)+w.q.Dropped(),
					"round %d: %d handled and %d dropped", round, handled, w.q.Dropped())
				w.destroy()
			}
		})
	}
}

// Here the connection dies while it is fired at. A Fire that overlaps the death
// may come to nothing; all others must be accounted for.
func TestQueue_LosesNoValueUncountedWhenAConnectionDiesWhileItIsFiredAt(t *testing.T) {
	rounds := 25
	if testing.Short() {
		rounds = 5
	}
	for _, o := range overflows {
		for _, death := range queueDeaths {
			t.Run(o.name+"/"+death.name, func(t *testing.T) {
				for round := range rounds {
					w := newQueueWorld(2, o.overflow)
					const firers, each = 3, 10
					w.c.Disconnect()
					last := 0 // plain
					handled := 0
					w.c = w.s.Connect(w.owner, func(v int) {
						handled++
						last = v
						runtime.Gosched()
					}, tether.On(w.q))
					var begun, returned atomic.Int64
					var wg sync.WaitGroup
					for range firers {
						wg.Go(func() {
							for range each {
								w.s.Fire(int(begun.Add(1)))
								returned.Add(1)
							}
						})
					}
					for range 1 + round%9 {
						runtime.Gosched()
					}
					least := returned.Load()
					death.kill(w)
					most := begun.Load()
					wg.Wait()
					_ = w.owner.Destroy()
					require.NoError(t, w.q.Flush(t.Context()))
					got := int64(handled) + int64(w.q.Dropped())
					require.True(t, least <= got && got <= most, "round %d: %d handled and %d dropped, want %d to %d in all, last value %d",
						round, handled, w.q.Dropped(), least, most, last)
					require.Zero(t, w.q.Len())
					w.destroy()
				}
			})
		}
	}
}

func TestQueue_LosesNoValueUncountedUnderConcurrentFires(t *testing.T) {
	for _, o := range overflows {
		for _, manual := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/manual=%v", o.name, manual), func(t *testing.T) {
				const firers, each = 4, 200
				var opts []tether.QueueOption
				if manual {
					opts = append(opts, tether.Manual())
				}
				w := newQueueWorld(3, o.overflow, opts...)
				defer w.destroy()
				w.c.Disconnect()
				handled := 0 // plain
				last := make([]int, firers)
				signals := make([]tether.Signal[int], firers)
				for f := range signals {
					signals[f].Connect(w.owner.NewChild("firer"), func(v int) {
						assert.Greater(t, v, last[f], "firer %d: out of order or twice", f)
						last[f] = v
						handled++
						if v%8 == 0 {
							runtime.Gosched()
						}
					}, tether.On(w.q))
				}
				var wg sync.WaitGroup
				for f := range firers {
					wg.Go(func() {
						for n := range each {
							signals[f].Fire(n + 1)
							if n%8 == 0 {
								runtime.Gosched()
							}
						}
					})
				}
				if manual {
					var done atomic.Bool
					go func() {
						wg.Wait()
						done.Store(true)
					}()
					for !done.Load() {
						w.q.Drain()
						runtime.Gosched()
					}
					w.q.Drain()
				}
				wg.Wait()
				require.NoError(t, w.q.Flush(t.Context()))
				assert.EqualValues(t, firers*each, uint64(handled)+w.q.Dropped(), "%d handled and %d dropped", handled, w.q.Dropped())
				assert.Zero(t, w.q.Len())
				if o.overflow == tether.Block {
					assert.Zero(t, w.q.Dropped(), "of a queue that blocks")
				}
			})
		}
	}
}
