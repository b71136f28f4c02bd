package tether_test

import (
	"fmt"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

func TestQueue_BlockHoldsTheFirerUntilThereIsRoom(t *testing.T) {
	for _, manual := range []bool{false, true} {
		testkit.Bubble(t, fmt.Sprintf("manual=%v", manual), func(t *testing.T) {
			app := tether.NewOwner("app")
			defer app.Destroy()
			var opts []tether.QueueOption
			if manual {
				opts = append(opts, tether.Manual())
			}
			q := tether.NewQueue(app, 2, tether.Block, opts...)
			var s tether.Signal[int]
			var handled journal[int]
			step := make(chan struct{})
			s.Connect(app, func(v int) {
				<-step
				handled.add(v)
			}, tether.On(q))
			var drained func() bool
			if manual {
				s.Fire(1)
				drained = background(func() { assert.Equal(t, 1, q.Drain()) })
				synctest.Wait()
			} else {
				s.Fire(1)
			}
			s.Fire(2)
			s.Fire(3)
			returned := background(func() { s.Fire(4) })
			synctest.Wait()
			assert.False(t, returned(), "Fire returned without room")
			assert.Equal(t, 2, q.Len())
			step <- struct{}{}
			synctest.Wait()
			if manual {
				assert.True(t, drained())
				assert.False(t, returned(), "Fire returned before the next Drain")
				drained = background(func() { assert.Equal(t, 2, q.Drain()) })
				synctest.Wait()
			}
			assert.True(t, returned(), "Fire returned with room")
			assert.Equal(t, 2, q.Len())
			if manual {
				close(step)
				synctest.Wait()
				assert.True(t, drained())
				assert.Equal(t, 1, q.Drain(), "the value that was held comes after what was pending")
			} else {
				close(step)
				synctest.Wait()
			}
			assert.Equal(t, []int{1, 2, 3, 4}, handled.all())
			assert.Zero(t, q.Dropped())
		})
	}
}

func TestQueue_BlockLetsGoOfAFirerWhoseConnectionEnds(t *testing.T) {
	const firers = 3
	for _, manual := range []bool{false, true} {
		for _, death := range queueDeaths {
			testkit.Bubble(t, fmt.Sprintf("%s/manual=%v", death.name, manual), func(t *testing.T) {
				var opts []tether.QueueOption
				if manual {
					opts = append(opts, tether.Manual())
				}
				w := newQueueWorld(2, tether.Block, opts...)
				defer w.destroy()
				if !manual {
					release := holdQueue(w.q)
					defer release()
				}
				w.s.Fire(1)
				w.s.Fire(2)
				var held [firers]func() bool
				for i := range held {
					held[i] = background(func() { w.s.Fire(3) })
				}
				synctest.Wait()
				for i := range held {
					require.False(t, held[i](), "firer %d is held", i)
				}
				background(func() { death.kill(w) })
				synctest.Wait()
				for i := range held {
					assert.True(t, held[i](), "firer %d was let go", i)
				}
				assert.EqualValues(t, 2+firers, w.q.Dropped(), "two were pending, %d held", firers)
				assert.Zero(t, w.q.Len())
			})
		}
	}
}

func TestQueue_BlockTheEndOfOneConnectionMakesRoomForTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newQueueWorld(2, tether.Block)
		defer w.destroy()
		var other tether.Signal[int]
		c := other.Connect(w.parent, func(int) { t.Error("handled a value of the dead") }, tether.On(w.q))
		release := holdQueue(w.q)
		defer release()
		other.Fire(1)
		other.Fire(2)
		a, b := background(func() { w.s.Fire(1) }), background(func() { w.s.Fire(1) })
		third := background(func() { other.Fire(3) })
		synctest.Wait()
		require.False(t, a() || b() || third(), "all are held")
		c.Disconnect()
		synctest.Wait()
		assert.True(t, a(), "there is room for one")
		assert.True(t, b(), "and for another")
		assert.True(t, third(), "the third is let go")
		assert.EqualValues(t, 3, w.q.Dropped())
		release()
		synctest.Wait()
		assert.Equal(t, []int{1, 1}, w.handled.all())
	})
}

func TestQueue_BlockLetsHeldFirersInOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		q := tether.NewQueue(app, 1, tether.Block)
		var s tether.Signal[int]
		step := make(chan struct{})
		var handled journal[int]
		s.Connect(app, func(v int) {
			<-step
			handled.add(v)
		}, tether.On(q))
		s.Fire(0)
		s.Fire(1)
		const firers = 20
		var returned atomic.Int32
		for i := range firers {
			go func() {
				s.Fire(2 + i)
				returned.Add(1)
			}()
		}
		for i := range firers {
			synctest.Wait()
			require.EqualValues(t, i, returned.Load(), "firers let in after %d values", i)
			require.Equal(t, 1, q.Len())
			step <- struct{}{}
		}
		close(step)
		synctest.Wait()
		got := handled.all()
		slices.Sort(got)
		var want []int
		for i := range firers + 2 {
			want = append(want, i)
		}
		assert.Equal(t, want, got)
		assert.Zero(t, q.Dropped())
	})
}

// A firer that was held and then finds the queue idle has its value taken in
// hand at once: it uses up no room. If only room that was used up and given back
// woke the next firer, that one would be held by an idle queue, for ever.
func TestQueue_BlockHoldsNobodyWhenIdle(t *testing.T) {
	for _, firers := range []int{2, 3, 20} {
		for _, capacity := range []int{1, 2, 5} {
			testkit.Bubble(t, fmt.Sprintf("firers=%d/capacity=%d", firers, capacity), func(t *testing.T) {
				w := newQueueWorld(capacity, tether.Block)
				defer w.destroy()
				release := holdQueue(w.q)
				defer release()
				for range capacity {
					w.s.Fire(0)
				}
				var held atomic.Int32
				for range firers {
					held.Add(1)
					go func() {
						w.s.Fire(1)
						held.Add(-1)
					}()
				}
				synctest.Wait()
				require.EqualValues(t, firers, held.Load(), "firers held by a full queue")
				release()
				synctest.Wait()
				assert.Zero(t, held.Load(), "firers held by an idle queue")
				assert.Len(t, w.handled.all(), capacity+firers, "values handled")
				assert.Zero(t, w.q.Len())
			})
		}
	}
}

// A firer that a full Block queue had held, and that then found the queue idle,
// had its value taken in hand at once. It used no room, so none became free by
// it, and the next held firer slept for ever beside an idle queue.
func TestQueue_BlockNoFirerStaysHeldByOneThatWentIdle(t *testing.T) {
	testkit.Procs(t, 1) // the queue is idle before the firer that it has woken runs
	synctest.Test(t, func(t *testing.T) {
		owner := tether.NewOwner("owner")
		q := tether.NewQueue(owner, 1, tether.Block)
		var s tether.Signal[int]
		gate := make(chan struct{})
		var handled, held atomic.Int32
		s.Connect(owner, func(int) { <-gate; handled.Add(1) }, tether.On(q))
		s.Fire(0) // being handled
		s.Fire(1) // pending
		const firers = 4
		for range firers {
			go func() {
				held.Add(1)
				s.Fire(2)
				held.Add(-1)
			}()
		}
		synctest.Wait()
		require.EqualValues(t, firers, held.Load(), "firers held by the full queue")
		close(gate)
		synctest.Wait()
		assert.Zero(t, held.Load(), "firers held by the idle queue")
		assert.EqualValues(t, 2+firers, handled.Load(), "values handled")
		assert.Zero(t, q.Len())
		require.NoError(t, owner.Destroy())
	})
}

func TestQueue_BlockAFireFromItsOwnHandlerGoesOverCapacity(t *testing.T) {
	for _, manual := range []bool{false, true} {
		for _, after := range []string{"Start", "Goexit", "Idle"} {
			if manual && after == "Goexit" {
				continue // it ends the caller of Drain
			}
			testkit.Bubble(t, fmt.Sprintf("manual=%v/after=%s", manual, after), func(t *testing.T) {
				app := tether.NewOwner("app")
				defer app.Destroy()
				var opts []tether.QueueOption
				if manual {
					opts = append(opts, tether.Manual())
				}
				q := tether.NewQueue(app, 1, tether.Block, opts...)
				var s, via tether.Signal[int]
				var handled journal[int]
				via.Connect(app, func(v int) { s.Fire(v) }) // not on the queue, but in its handler
				s.Connect(app, func(v int) {
					handled.add(v)
					switch v {
					case -1:
						runtime.Goexit()
					case 1:
						s.Fire(2)
						s.Fire(3)
						via.Fire(4)
						via.Fire(5)
						assert.Equal(t, 4, q.Len(), "Len over capacity")
					}
				}, tether.On(q))
				var want []int
				switch after {
				case "Goexit":
					s.Fire(-1)
					want = []int{-1}
				case "Idle":
					s.Fire(0)
					if manual {
						q.Drain()
					}
					synctest.Wait()
					want = []int{0}
				}
				s.Fire(1)
				for manual && q.Drain() > 0 {
				}
				synctest.Wait()
				assert.Equal(t, append(want, 1, 2, 3, 4, 5), handled.all())
				assert.Zero(t, q.Dropped())
			})
		}
	}
}

func TestQueue_BlockOtherFirersWaitUntilItIsBelowItsCapacityAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		q := tether.NewQueue(app, 1, tether.Block)
		var s tether.Signal[int]
		var handled journal[int]
		step := make(chan struct{})
		s.Connect(app, func(v int) {
			handled.add(v)
			if v == 1 {
				s.Fire(2)
				s.Fire(3)
				s.Fire(4)
			}
			<-step
		}, tether.On(q))
		s.Fire(1)
		synctest.Wait()
		returned := background(func() { s.Fire(5) })
		for n := range 3 {
			synctest.Wait()
			require.False(t, returned(), "Fire returned with %d pending", q.Len())
			require.Equal(t, 3-n, q.Len())
			step <- struct{}{}
		}
		synctest.Wait()
		assert.True(t, returned())
		close(step)
		synctest.Wait()
		assert.Equal(t, []int{1, 2, 3, 4, 5}, handled.all())
	})
}

// Only a Fire from a handler of the same queue goes over capacity. One from a handler of
// another queue is held like any.
func TestQueue_AFireFromAnotherQueuesHandlerIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		defer o.Destroy()
		from := tether.NewQueue(o, 4, tether.Block)
		to := tether.NewQueue(o, 1, tether.Block, tether.Manual())
		var s, next tether.Signal[int]
		returned := 0
		s.Connect(o, func(v int) {
			next.Fire(v)
			returned++
		}, tether.On(from))
		handled := 0
		next.Connect(o, func(int) { handled++ }, tether.On(to))
		for v := range 3 {
			s.Fire(v)
		}
		for i := range 3 {
			synctest.Wait()
			require.Equal(t, 1, to.Len(), "the capacity")
			require.Equal(t, i+1, returned)
			require.Equal(t, 1, to.Drain())
		}
		synctest.Wait()
		require.Equal(t, 3, handled)
	})
}

// The same where neither queue is Manual.
func TestQueue_AFireFromAnotherQueuesHandlerIsHeldByAGoroutinesQueueToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		defer o.Destroy()
		from := tether.NewQueue(o, 4, tether.Block)
		to := tether.NewQueue(o, 1, tether.Block)
		var s, next tether.Signal[int]
		returned := 0
		s.Connect(o, func(v int) {
			next.Fire(v)
			returned++
		}, tether.On(from))
		room := make(chan bool)
		next.Connect(o, func(int) { <-room }, tether.On(to))
		for v := range 4 {
			s.Fire(v)
		}
		synctest.Wait()
		require.Equal(t, 2, returned, "one is handled, one pending")
		require.Equal(t, 1, to.Len())
		room <- true
		synctest.Wait()
		require.Equal(t, 3, returned)
		close(room)
		synctest.Wait()
		require.Equal(t, 4, returned)
	})
}
