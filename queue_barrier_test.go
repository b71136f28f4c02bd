package tether_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

func TestQueue_AHandlerRunsForBothOwners(t *testing.T) {
	for _, manual := range []bool{false, true} {
		for _, whose := range []string{"Connection", "Queue"} {
			testkit.Bubble(t, fmt.Sprintf("%s/manual=%v", whose, manual), func(t *testing.T) {
				owner, keeper := tether.NewOwner("owner"), tether.NewOwner("keeper")
				defer owner.Destroy()
				defer keeper.Destroy()
				var opts []tether.QueueOption
				if manual {
					opts = append(opts, tether.Manual())
				}
				q := tether.NewQueue(keeper, 10, tether.Block, opts...)
				var s tether.Signal[int]
				var story journal[string]
				gate := make(chan struct{})
				s.Connect(owner, func(v int) {
					<-gate
					story.add(fmt.Sprint("handled ", v))
				}, tether.On(q))
				victim, other := owner, keeper
				if whose == "Queue" {
					victim, other = keeper, owner
				}
				victim.Defer(func() { story.add("cleanup") })
				s.Fire(1)
				s.Fire(2)
				if manual {
					background(func() { q.Drain() })
				}
				synctest.Wait()
				ended := background(func() {
					assert.NoError(t, victim.Destroy())
					story.add("destroyed")
				})
				synctest.Wait()
				assert.False(t, ended(), "Destroy returned while the handler ran")
				close(gate)
				synctest.Wait()
				assert.True(t, ended(), "Destroy returned after the handler")
				assert.Equal(t, []string{"handled 1", "cleanup", "destroyed"}, story.all())
				assert.EqualValues(t, 1, q.Dropped(), "the pending value")
				assert.True(t, other.Alive())
			})
		}
	}
}

// One announcement serves the values of one owner that stand next to each other
// in a queue, and not those of the next owner.
func TestQueue_AHandlerRunsForItsOwnOwnerAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, a, b := tether.NewOwner("o"), tether.NewOwner("a"), tether.NewOwner("b")
		q := tether.NewQueue(o, 10, tether.Block)
		var s tether.Signal[int]
		calls := 0
		s.Connect(a, func(int) {}, tether.On(q))
		s.Connect(b, func(int) {
			calls++
			require.ErrorIs(t, b.Destroy(), tether.ErrPending)
			require.NoError(t, a.Destroy(), "nothing of it runs")
		}, tether.On(q))
		s.Fire(1)
		synctest.Wait()
		require.Equal(t, 1, calls)
		<-b.Ended()
		require.NoError(t, o.Destroy())
	})
}

func TestQueue_DestroyIsABarrierForItsHandlers(t *testing.T) {
	for _, whose := range []string{"Connection", "Queue"} {
		t.Run(whose, func(t *testing.T) {
			for round := range 300 {
				owner, keeper := tether.NewOwner("owner"), tether.NewOwner("keeper")
				victim := owner
				if whose == "Queue" {
					victim = keeper
				}
				q := tether.NewQueue(keeper, 10, tether.Block)
				var s tether.Signal[int]
				n := 0 // plain: a handler beside Destroy's return is a race
				s.Connect(owner, func(int) {
					n++
					runtime.Gosched()
					n++
				}, tether.On(q))
				for range 4 {
					s.Fire(1)
				}
				for range round % 5 {
					runtime.Gosched()
				}
				require.NoError(t, victim.Destroy())
				n++
				require.Equal(t, 1, n%2, "n is %d after Destroy: a handler was in the middle", n)
				require.NoError(t, owner.Destroy())
				require.NoError(t, keeper.Destroy())
			}
		})
	}
}

func TestQueue_DestroyOfASignalsOwnerDoesNotWaitForItsHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newQueueWorld(1, tether.Block)
		defer w.destroy()
		gate := make(chan struct{})
		defer close(gate)
		w.s.Connect(w.owner, func(int) { <-gate }, tether.On(w.q), tether.Priority(1))
		w.s.Fire(1)
		synctest.Wait()
		ended := background(func() { assert.NoError(t, w.source.Destroy()) })
		synctest.Wait()
		assert.True(t, ended(), "Destroy of the signal's owner returned")
	})
}

func TestQueue_DestroyInsideAHandlerIsCompletedBeforeTheNextHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keeper, a, b := tether.NewOwner("keeper"), tether.NewOwner("a"), tether.NewOwner("b")
		defer keeper.Destroy()
		defer b.Destroy()
		q := tether.NewQueue(keeper, 10, tether.Block)
		var s tether.Signal[int]
		var story journal[string]
		a.Defer(func() { story.add("cleanup of a") })
		s.Connect(a, func(v int) {
			assert.Equal(t, tether.ErrPending, a.Destroy())
			story.add(fmt.Sprint("a ", v))
		}, tether.On(q))
		s.Connect(b, func(v int) { story.add(fmt.Sprint("b ", v)) }, tether.On(q))
		release := holdQueue(q)
		defer release()
		s.Fire(1)
		s.Fire(2)
		release()
		synctest.Wait()
		assert.Equal(t, []string{"a 1", "cleanup of a", "b 1", "b 2"}, story.all())
		assert.EqualValues(t, 1, q.Dropped(), "a's second value")
		assert.NoError(t, a.Destroy())
	})
}

func TestQueue_DestroyOfItsOwnerInsideItsHandlerIsCompletedByTheQueue(t *testing.T) {
	for _, manual := range []bool{false, true} {
		testkit.Bubble(t, fmt.Sprintf("manual=%v", manual), func(t *testing.T) {
			keeper, app := tether.NewOwner("keeper"), tether.NewOwner("app")
			defer app.Destroy()
			var opts []tether.QueueOption
			if manual {
				opts = append(opts, tether.Manual())
			}
			q := tether.NewQueue(keeper, 10, tether.Block, opts...)
			var s tether.Signal[int]
			var story journal[string]
			keeper.Defer(func() { story.add("cleanup") })
			s.Connect(app, func(v int) {
				assert.Equal(t, tether.ErrPending, keeper.Destroy())
				story.add(fmt.Sprint("handled ", v))
			}, tether.On(q))
			s.Fire(1)
			s.Fire(2)
			if manual {
				assert.Equal(t, 1, q.Drain())
				assert.Equal(t, []string{"handled 1", "cleanup"}, story.all(), "when Drain has returned")
			}
			<-keeper.Ended()
			assert.Equal(t, []string{"handled 1", "cleanup"}, story.all())
			// The second value came too late where the queue was fast.
			assert.LessOrEqual(t, q.Dropped(), uint64(1))
			assert.Zero(t, s.Len())
		})
	}
}

func TestQueue_DestroyContextNamesAHandlerForBothOwners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		owner, keeper := tether.NewOwner("owner"), tether.NewOwner("keeper")
		q := tether.NewQueue(keeper, 10, tether.Block)
		var s tether.Signal[int]
		gate := make(chan struct{})
		s.Connect(owner, func(int) { <-gate }, tether.On(q))
		s.Fire(1)
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for _, o := range []*tether.Owner{owner, keeper} {
			var pending *tether.PendingError
			if err := o.DestroyContext(ctx); assert.ErrorAs(t, err, &pending) && assert.Len(t, pending.Running, 1, o.Name()) {
				r := pending.Running[0]
				assert.Equal(t, o.Name(), r.Owner)
				assert.Equal(t, "handler", r.Kind)
				assert.Contains(t, r.Func, "queue_barrier_test.go")
			}
		}
		close(gate)
		<-owner.Ended()
		<-keeper.Ended()
	})
}

// A firer that a full queue holds stands in the middle of a Fire; the handlers
// that it has called before have long returned.
func TestQueue_AHeldFireDoesNotHoldBackTheOwnersOfEarlierHandlers(t *testing.T) {
	for _, test := range []struct {
		name     string
		priority int
		connects []string
	}{
		{"ConnectedBefore", 0, []string{"free", "queued"}},
		{"HigherPriority", 1, []string{"queued", "free"}},
		{"BetweenTwo", 0, []string{"free", "queued", "late"}},
	} {
		testkit.Bubble(t, test.name, func(t *testing.T) {
			w := newQueueWorld(1, tether.Block)
			defer w.destroy()
			w.c.Disconnect()
			free, late := tether.NewOwner("free"), tether.NewOwner("late")
			defer late.Destroy()
			var calls journal[string]
			for _, what := range test.connects {
				switch what {
				case "free":
					w.s.Connect(free, func(int) { calls.add("free") }, tether.Priority(test.priority))
				case "late":
					w.s.Connect(late, func(int) { calls.add("late") })
				case "queued":
					w.s.Connect(w.owner, w.handled.add, tether.On(w.q))
				}
			}
			release := holdQueue(w.q)
			defer release()
			w.s.Fire(1)
			held := background(func() { w.s.Fire(2) })
			synctest.Wait()
			require.False(t, held(), "the firer is held")
			ended := background(func() { assert.NoError(t, free.Destroy()) })
			synctest.Wait()
			assert.True(t, ended(), "Destroy returned while the firer is held")
			assert.False(t, held(), "the firer is held still")
			release()
			synctest.Wait()
			assert.True(t, held(), "the firer has returned")
			assert.Equal(t, []int{1, 2}, w.handled.all())
			if len(test.connects) == 3 {
				assert.Equal(t, []string{"free", "late", "free", "late"}, calls.all())
			}
		})
	}
}

// A firer that a full queue holds is no call of the connection's owner: nothing
// of that runs.
func TestQueue_AHeldFirerDoesNotCountAsACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, waits, other := tether.NewOwner("o"), tether.NewOwner("waits"), tether.NewOwner("other")
		q := tether.NewQueue(o, 1, tether.Block, tether.Manual())
		var s, now tether.Signal[int]
		s.Connect(waits, func(int) {}, tether.On(q))
		go func() { s.Fire(1); s.Fire(2) }()
		synctest.Wait()
		require.Equal(t, 1, q.Len(), "one is pending, and the firer is held with the other")
		now.Connect(other, func(int) { require.NoError(t, waits.Destroy()) })
		now.Fire(1)
		require.NoError(t, other.Destroy())
		require.NoError(t, o.Destroy())
	})
}
