package tether_test

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

func TestQueue_DrainHandlesWhatIsPendingWhenItIsCalled(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		q := tether.NewQueue(app, 10, tether.Block, tether.Manual())
		var s tether.Signal[int]
		var handled []int
		s.Connect(app, func(v int) {
			handled = append(handled, v)
			if v < 10 {
				s.Fire(v + 10)
			}
		}, tether.On(q))
		assert.Equal(t, 0, q.Drain(), "of an empty queue")
		s.Fire(1)
		s.Fire(2)
		assert.Empty(t, handled, "handled before Drain")
		assert.Equal(t, 2, q.Len())
		assert.Equal(t, 2, q.Drain(), "first Drain")
		assert.Equal(t, []int{1, 2}, handled)
		assert.Equal(t, 2, q.Drain(), "second Drain")
		assert.Equal(t, []int{1, 2, 11, 12}, handled)
		assert.Equal(t, 0, q.Drain(), "third Drain")
	})
}

func TestQueue_DrainRunsHandlersOnItsCaller(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		q := tether.NewQueue(app, 10, tether.Block, tether.Manual())
		var s tether.Signal[int]
		s.Connect(app, func(int) { runtime.Goexit() }, tether.On(q))
		s.Fire(1)
		ended := make(chan bool)
		go func() {
			returned := false
			defer func() { ended <- !returned }()
			q.Drain()
			returned = true
		}()
		assert.True(t, <-ended, "Goexit of a handler ended the goroutine that called Drain")
	})
}

func TestQueue_DrainDoesNotCountSkippedValues(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		w := newQueueWorld(10, tether.Block, tether.Manual())
		defer w.destroy()
		var other tether.Signal[int]
		other.Connect(w.parent, func(int) {}, tether.On(w.q))
		w.s.Fire(1)
		other.Fire(1)
		w.s.Fire(2)
		defer w.c.Mute()()
		assert.Equal(t, 1, w.q.Drain(), "calls made, of 3 values, 2 of which are muted")
		assert.EqualValues(t, 2, w.q.Dropped())
		assert.Zero(t, w.q.Len())
	})
}

// The same for Drain, which also must not count calls that it did not make.
func TestQueue_DrainCountsTheCallsThatItMadeWhenAConnectionDiesMeanwhile(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		rounds := 2000
		if testing.Short() {
			rounds = 200
		}
		app := tether.NewOwner("app")
		defer app.Destroy()
		q := tether.NewQueue(app, 10, tether.Block, tether.Manual())
		dropped := uint64(0)
		for round := range rounds {
			var s tether.Signal[int]
			const fires = 6
			calls := 0
			c := s.Connect(app, func(int) { calls++ }, tether.On(q))
			for range fires {
				s.Fire(1)
			}
			var wg sync.WaitGroup
			wg.Go(func() {
				for range round % 5 {
					runtime.Gosched()
				}
				c.Disconnect()
			})
			got := q.Drain()
			wg.Wait()
			require.Equal(t, calls, got, "round %d: Drain's count of calls", round)
			require.EqualValues(t, fires, uint64(calls)+q.Dropped()-dropped, "round %d: %d calls", round, calls)
			dropped = q.Dropped()
		}
	})
}

func TestQueue_DrainsAtOnceTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		q := tether.NewQueue(app, 100, tether.Block, tether.Manual())
		var s tether.Signal[int]
		var handled journal[int]
		step := make(chan struct{})
		s.Connect(app, func(v int) {
			<-step
			handled.add(v)
		}, tether.On(q))
		s.Fire(1)
		s.Fire(2)
		var counts journal[int]
		drain := func() { counts.add(q.Drain()) }
		first := background(drain)
		synctest.Wait()
		s.Fire(3)
		var rest [3]func() bool
		for i := range rest {
			rest[i] = background(drain)
		}
		synctest.Wait()
		assert.False(t, first() || rest[0]() || rest[1]() || rest[2](), "a Drain returned early")
		step <- struct{}{}
		step <- struct{}{}
		synctest.Wait()
		assert.Equal(t, []int{1, 2}, handled.all())
		assert.Equal(t, []int{2}, counts.all(), "what the first Drain returned")
		close(step)
		synctest.Wait()
		assert.Equal(t, []int{1, 2, 3}, handled.all())
		got := counts.all()
		slices.Sort(got)
		assert.Equal(t, []int{0, 0, 1, 2}, got, "what all Drains returned")
	})
}

func TestQueue_DrainsAtOnceHandleEachValueOnce(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		const drainers, firers, each = 3, 3, 200
		q := tether.NewQueue(app, 16, tether.Block, tether.Manual())
		var s tether.Signal[[2]int]
		last := make([]int, firers) // plain: the race detector looks, too
		s.Connect(app, func(v [2]int) {
			assert.Equal(t, last[v[0]]+1, v[1], "next value of firer %d", v[0])
			last[v[0]] = v[1]
		}, tether.On(q))
		var fire, drain sync.WaitGroup
		for f := range firers {
			fire.Go(func() {
				for n := range each {
					s.Fire([2]int{f, n + 1})
				}
			})
		}
		var calls atomic.Int64
		var done atomic.Bool
		for range drainers {
			drain.Go(func() {
				for !done.Load() {
					calls.Add(int64(q.Drain()))
					runtime.Gosched()
				}
			})
		}
		fire.Wait()
		done.Store(true)
		drain.Wait()
		calls.Add(int64(q.Drain()))
		assert.EqualValues(t, firers*each, calls.Load())
		assert.Equal(t, slices.Repeat([]int{each}, firers), last)
	})
}

func TestQueue_DrainInsideAHandlerOfItsOwnReturnsZero(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		a := tether.NewQueue(app, 10, tether.Block, tether.Manual())
		b := tether.NewQueue(app, 10, tether.Block, tether.Manual())
		var sa, sb tether.Signal[int]
		var handled journal[string]
		sa.Connect(app, func(v int) {
			handled.add(fmt.Sprint("a", v))
			assert.Equal(t, 0, a.Drain(), "its own queue")
			if v == 1 {
				assert.Equal(t, 1, b.Drain(), "another queue")
			}
		}, tether.On(a))
		sb.Connect(app, func(v int) {
			handled.add(fmt.Sprint("b", v))
			assert.Equal(t, 0, a.Drain(), "the outer queue")
		}, tether.On(b))
		sa.Fire(1)
		sa.Fire(2)
		sb.Fire(1)
		assert.Equal(t, 2, a.Drain())
		assert.Equal(t, []string{"a1", "b1", "a2"}, handled.all())
	})
}

func TestQueue_DrainPassesAPanicOnWhenTheRestIsHandled(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		q := tether.NewQueue(app, 10, tether.Block, tether.Manual())
		var s tether.Signal[int]
		var handled []int
		s.Connect(app, func(v int) {
			handled = append(handled, v)
			if v == 2 || v == 3 {
				panic(fmt.Sprint("boom ", v))
			}
		}, tether.On(q))
		for round := range 2 { // nothing is poisoned
			handled = nil
			for v := range 5 {
				s.Fire(v)
			}
			require.PanicsWithValue(t, "boom 3", func() { q.Drain() }, "round %d", round)
			assert.Equal(t, []int{0, 1, 2, 3, 4}, handled)
			assert.Zero(t, q.Len())
			s.Fire(7)
			assert.Equal(t, 1, q.Drain())
		}
		assert.Zero(t, q.Dropped())
		assert.NoError(t, app.Destroy())
	})
}

func TestQueue_DrainPassesAGoexitOnWhenTheRestIsHandled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		q := tether.NewQueue(app, 10, tether.Block, tether.Manual())
		var s tether.Signal[int]
		var handled journal[int]
		s.Connect(app, func(v int) {
			handled.add(v)
			if v == 1 || v == 2 {
				runtime.Goexit()
			}
		}, tether.On(q))
		for v := range 5 {
			s.Fire(v)
		}
		returned := false
		over := background(func() {
			q.Drain()
			returned = true
		})
		synctest.Wait()
		require.True(t, over())
		assert.False(t, returned, "Drain returned, instead of ending its goroutine")
		assert.Equal(t, []int{0, 1, 2, 3, 4}, handled.all())
		s.Fire(5)
		assert.Equal(t, 1, q.Drain(), "afterwards")
		assert.NoError(t, app.Destroy())
	})
}

func TestQueue_DrainsThatWaitForTheirTurnReturnWhenItDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newQueueWorld(10, tether.Block, tether.Manual())
		defer w.destroy()
		gate := make(chan struct{})
		var s tether.Signal[int]
		s.Connect(w.parent, func(int) { <-gate }, tether.On(w.q))
		s.Fire(1)
		w.s.Fire(2)
		first := background(func() { assert.Equal(t, 1, w.q.Drain(), "the first Drain") })
		synctest.Wait()
		w.s.Fire(3)
		second := background(func() { assert.Equal(t, 0, w.q.Drain(), "the second Drain") })
		third := background(func() { assert.Equal(t, 0, w.q.Drain(), "the third Drain") })
		synctest.Wait()
		w.keeper.Cancel(nil)
		synctest.Wait()
		assert.False(t, first())
		close(gate)
		synctest.Wait()
		assert.True(t, first() && second() && third(), "all have returned")
		assert.EqualValues(t, 2, w.q.Dropped())
		assert.Equal(t, 0, w.q.Drain(), "of a dead queue")
	})
}
