package tether_test

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

func TestQueue_AOnceIsSpentWhenItsValueIsQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newQueueWorld(10, tether.Block)
		defer w.destroy()
		w.c.Disconnect()
		release := holdQueue(w.q)
		defer release()
		c := w.s.Once(w.owner, w.handled.add, tether.On(w.q))
		assert.True(t, c.Connected())
		assert.Equal(t, 1, w.owner.Stats().Connections)
		w.s.Fire(1)
		assert.False(t, c.Connected(), "once the value is queued")
		assert.False(t, c.Disconnect(), "Disconnect of a spent one")
		assert.Zero(t, w.s.Len())
		assert.Zero(t, w.owner.Stats().Connections)
		w.s.Fire(2)
		w.s.DisconnectAll()
		release()
		synctest.Wait()
		assert.Equal(t, []int{1}, w.handled.all())
		assert.Zero(t, w.q.Dropped())
	})
}

func TestQueue_AOnceOnAnIdleOneIsCalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newQueueWorld(10, tether.Block)
		defer w.destroy()
		w.c.Disconnect()
		var c *tether.Connection
		c = w.s.Once(w.owner, func(v int) {
			assert.False(t, c.Connected(), "inside the handler")
			w.handled.add(v)
			w.s.Fire(2)
		}, tether.On(w.q))
		w.s.Fire(1)
		w.s.Fire(2)
		synctest.Wait()
		assert.Equal(t, []int{1}, w.handled.all())
	})
}

func TestQueue_ASpentOnceIsDroppedWhenItsOwnerQueueOrSignalDies(t *testing.T) {
	for _, death := range queueDeaths {
		if death.name == "Disconnect" || death.name == "DisconnectAll" {
			continue // of the living; see above
		}
		testkit.Bubble(t, death.name, func(t *testing.T) {
			w := newQueueWorld(10, tether.Block)
			defer w.destroy()
			w.c.Disconnect()
			release := holdQueue(w.q)
			defer release()
			w.s.Once(w.owner, w.handled.add, tether.On(w.q))
			w.s.Fire(1)
			killed := background(func() { death.kill(w) })
			synctest.Wait()
			assert.EqualValues(t, 1, w.q.Dropped(), "Dropped at the death")
			assert.Zero(t, w.q.Len(), "Len at the death")
			release()
			synctest.Wait()
			assert.True(t, killed())
			assert.Empty(t, w.handled.all())
			assert.EqualValues(t, 1, w.q.Dropped(), "Dropped in the end")
			assert.Zero(t, w.q.Len())
		})
	}
}

// A value that has spent its connection was bound to nothing any more. When its
// owner or its signal died before its turn, it went on to take room in the queue
// and keep its handler, and Flush waited for it, until the queue got to it.
func TestQueue_TheValueOfASpentOnceDoesNotOutliveItsOwnerOrSignal(t *testing.T) {
	for _, death := range []string{"owner", "signal"} {
		t.Run(death, func(t *testing.T) {
			keeper, owner, source := tether.NewOwner("keeper"), tether.NewOwner("owner"), tether.NewOwner("source")
			defer keeper.Destroy()
			defer owner.Destroy()
			defer source.Destroy()
			q := tether.NewQueue(keeper, 1, tether.DropNewest, tether.Manual())
			s := tether.NewSignal[int](source)
			h, gone := capture()
			c := s.Once(owner, h, tether.On(q))
			s.Fire(1)
			require.False(t, c.Connected())
			require.Equal(t, 1, q.Len())
			if death == "owner" {
				require.NoError(t, owner.Destroy())
			} else {
				require.NoError(t, source.Destroy())
			}
			assert.Zero(t, q.Len(), "values pending")
			assert.EqualValues(t, 1, q.Dropped(), "Dropped")
			over, cancel := context.WithCancel(t.Context())
			cancel()
			assert.NoError(t, q.Flush(over), "Flush, which had nothing to wait for")
			testkit.Collect(t, "the closure", gone)
			assert.Zero(t, q.Drain())
			assert.EqualValues(t, 1, q.Dropped(), "Dropped after a Drain")
			runtime.KeepAlive(c)
		})
	}
}

// It is owed one call, and no later Fire can make up for it.
func TestQueue_DropOldestKeepsTheValueOfASpentOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newQueueWorld(2, tether.DropOldest)
		defer w.destroy()
		release := holdQueue(w.q)
		defer release()
		w.s.Once(w.owner, func(v int) { w.handled.add(100 + v) }, tether.On(w.q), tether.Priority(1))
		for v := 1; v <= 5; v++ {
			w.s.Fire(v)
		}
		assert.EqualValues(t, 4, w.q.Dropped(), "Dropped, of the once and five values for two places")
		assert.Equal(t, 2, w.q.Len())
		for range 3 { // now the queue fills with spent ones
			w.s.Once(w.owner, func(v int) { w.handled.add(100 + v) }, tether.On(w.q))
		}
		w.s.Fire(6)
		assert.Equal(t, 2, w.q.Len(), "capacity bounds them too")
		release()
		synctest.Wait()
		assert.Equal(t, []int{101, 106}, w.handled.all(), "calls of the spent ones")
		assert.EqualValues(t, 1+5+1+3-2, w.q.Dropped(), "the rest of what was fired")
		w.s.Fire(7)
		synctest.Wait()
		got := w.handled.all()
		slices.Sort(got)
		assert.Contains(t, got, 107, "a Once whose value was dropped gets the next one; all: %v", got)
	})
}

// "Exactly one call" became none: the queue dropped the value, and the
// connection that had been spent for it was not there for another.
func TestQueue_DropsOtherValuesBeforeThatOfASpentOnce(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		owner := tether.NewOwner("owner")
		defer owner.Destroy()
		q := tether.NewQueue(owner, 2, tether.DropOldest, tether.Manual())
		var once, other tether.Signal[int]
		var log trace
		once.Once(owner, func(v int) { log.add("once(%d)", v) }, tether.On(q))
		other.Connect(owner, func(v int) { log.add("%d", v) }, tether.On(q))
		once.Fire(1)
		for v := range 4 {
			other.Fire(v)
		}
		require.Equal(t, 2, q.Len())
		require.EqualValues(t, 3, q.Dropped())
		require.Equal(t, 2, q.Drain())
		require.Equal(t, "once(1) 3", log.String())
	})
}

func TestQueue_AOnceIsCalledOnceUnderConcurrentFires(t *testing.T) {
	for _, o := range overflows {
		t.Run(o.name, func(t *testing.T) {
			for range 100 {
				app := tether.NewOwner("app")
				q := tether.NewQueue(app, 100, o.overflow)
				var s tether.Signal[int]
				calls := 0 // plain
				s.Once(app, func(int) { calls++ }, tether.On(q))
				var wg sync.WaitGroup
				for range 4 {
					wg.Go(func() {
						s.Fire(1)
						s.Fire(2)
					})
				}
				wg.Wait()
				require.NoError(t, q.Flush(t.Context()))
				require.Equal(t, 1, calls)
				require.Zero(t, q.Dropped())
				require.NoError(t, app.Destroy())
			}
		})
	}
}

func TestQueue_FirersHeldForAOnceAreLetGoWhenItIsSpent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		q := tether.NewQueue(app, 1, tether.Block)
		var s, filler tether.Signal[int]
		var handled journal[int]
		step := make(chan struct{})
		handler := func(v int) {
			<-step
			handled.add(v)
		}
		filler.Connect(app, handler, tether.On(q))
		filler.Fire(10)
		filler.Fire(11)
		c := s.Once(app, handler, tether.On(q))
		var held [3]func() bool
		for i := range held {
			held[i] = background(func() { s.Fire(2) })
		}
		synctest.Wait()
		require.False(t, held[0]() || held[1]() || held[2](), "all are held")
		assert.True(t, c.Connected(), "not spent before its value is queued")
		step <- struct{}{}
		synctest.Wait()
		assert.False(t, c.Connected(), "spent")
		assert.Equal(t, 1, q.Len(), "the queue is full again")
		assert.True(t, held[0]() && held[1]() && held[2](), "all were let go")
		assert.EqualValues(t, 2, q.Dropped(), "two were held for nothing")
		close(step)
		synctest.Wait()
		assert.Equal(t, []int{10, 11, 2}, handled.all())
	})
}

func TestQueue_AOnceThatFindsNoRoomIsNotSpent(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		w := newQueueWorld(1, tether.DropNewest, tether.Manual())
		defer w.destroy()
		w.s.Fire(1)
		w.c.Disconnect()
		var filler tether.Signal[int]
		filler.Connect(w.owner, func(int) {}, tether.On(w.q))
		filler.Fire(10)
		c := w.s.Once(w.owner, w.handled.add, tether.On(w.q))
		w.s.Fire(2)
		assert.True(t, c.Connected())
		assert.EqualValues(t, 1+1, w.q.Dropped())
		assert.Equal(t, 1, w.q.Drain())
		w.s.Fire(3)
		assert.False(t, c.Connected())
		assert.Equal(t, 1, w.q.Drain())
		assert.Equal(t, []int{3}, w.handled.all())
	})
}
