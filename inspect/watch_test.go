package inspect_test

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/inspect"
)

// A reports collects what a watch reports.
type reports struct {
	mu   sync.Mutex
	list []inspect.Slow
}

func (r *reports) add(s inspect.Slow) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.list = append(r.list, s)
}

func (r *reports) take() []inspect.Slow {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := r.list
	r.list = nil
	return list
}

func stick(gate chan bool) { <-gate }

func TestWatch_AStuckHandlerIsReportedWhileItIsStuckAndOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		ann := app.NewChild("ann")
		var s tether.Signal[int]
		var r reports
		stop := inspect.Watch(app, time.Second, r.add)
		gate := make(chan bool)
		s.Connect(app, func(int) {})
		s.Connect(ann, func(v int) { // stuck handler
			if v > 0 {
				stick(gate)
			}
		})
		for range 100 { // quick ones are not reported
			s.Fire(0)
			time.Sleep(100 * time.Millisecond)
		}
		require.Empty(t, r.take())
		for range 2 { // each stuck call is another episode
			go s.Fire(1)
			time.Sleep(999 * time.Millisecond)
			require.Empty(t, r.take(), "not before its time")
			time.Sleep(501 * time.Millisecond)
			list := r.take()
			require.Equal(t, 1, len(list))
			require.Equal(t, "app/ann", list[0].Owner)
			require.Equal(t, "handler", list[0].Kind)
			require.Equal(t, line(t, "stuck handler"), list[0].Func.Line)
			require.Contains(t, list[0].Func.File, "watch_test.go")
			require.Contains(t, list[0].Stack, "inspect_test.stick")
			require.GreaterOrEqual(t, list[0].For, time.Second)
			time.Sleep(time.Minute)
			require.Empty(t, r.take(), "once")
			gate <- true
			synctest.Wait()
		}
		stop()
		stop()
		go s.Fire(1)
		time.Sleep(time.Minute)
		require.Empty(t, r.take(), "stopped")
		gate <- true
		require.NoError(t, app.Destroy())
	})
}

// A queue announces once for a run of values, so a busy one looks stuck.
func TestWatch_ABusyQueueIsNotStuckButAStuckOneIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		var s tether.Signal[int]
		var r reports
		defer inspect.Watch(app, time.Second, r.add)()
		q := tether.NewQueue(app, 1000, tether.Block)
		var handled int
		s.Connect(app, func(v int) { // queued
			handled++
			time.Sleep(time.Duration(v) * time.Millisecond)
		}, tether.On(q))
		for range 500 {
			s.Fire(100)
		}
		require.NoError(t, q.Flush(t.Context()))
		require.Equal(t, 500, handled)
		require.Empty(t, r.take(), "50 s of work are no stuck handler")
		s.Fire(10_000)
		require.NoError(t, q.Flush(t.Context()))
		list := r.take()
		require.Equal(t, 1, len(list))
		require.Equal(t, line(t, "queued"), list[0].Func.Line)
		require.Contains(t, list[0].Stack, "time.Sleep")
		require.NoError(t, app.Destroy())
	})
}

func TestWatch_ATeardownThatIsStuckIsReportedAfterTheCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		lobby := app.NewChild("lobby")
		var r reports
		inspect.Watch(app, time.Second, r.add)
		gate := make(chan bool)
		lobby.Go(func(context.Context) { stick(gate) }) // stuck goroutine
		lobby.Defer(func() { stick(gate) })             // stuck cleanup
		done := make(chan error)
		go func() { done <- app.Destroy() }()
		time.Sleep(time.Minute)
		list := r.take()
		require.Equal(t, 1, len(list))
		require.Equal(t, "app", list[0].Owner)
		require.Equal(t, "drain", list[0].Kind)
		require.Len(t, list[0].Running, 1)
		require.Equal(t, "app/lobby", list[0].Running[0].Owner)
		require.Equal(t, "goroutine", list[0].Running[0].Kind)
		require.Contains(t, list[0].Running[0].Func, "watch_test.go:")
		require.Contains(t, list[0].Stack, "inspect_test.stick")
		gate <- true
		time.Sleep(time.Minute)
		require.Empty(t, r.take(), "one teardown is one episode")
		gate <- true
		require.NoError(t, <-done)
	})
}

func TestWatch_AStuckCleanupOfAChildIsNamed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		child := app.NewChild("child")
		var r reports
		defer inspect.Watch(app, time.Second, r.add)()
		gate := make(chan bool)
		child.Defer(func() { stick(gate) })
		go child.Destroy()
		time.Sleep(time.Minute)
		list := r.take()
		require.Equal(t, 1, len(list))
		require.Equal(t, "app/child", list[0].Owner)
		require.Equal(t, "cleanup", list[0].Running[0].Kind)
		require.Contains(t, list[0].Stack, "inspect_test.stick")
		gate <- true
		require.NoError(t, app.Destroy())
	})
}

func TestWatch_AStuckHandlerOfADestroyedOwnerIsBoth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		var s tether.Signal[int]
		var r reports
		inspect.Watch(app, time.Second, r.add)
		gate := make(chan bool)
		s.Connect(app, func(int) { stick(gate) }) // of a destroyed owner
		go s.Fire(1)
		synctest.Wait()
		go app.Destroy()
		time.Sleep(time.Minute)
		list := r.take()
		require.Equal(t, 2, len(list))
		for _, slow := range list {
			require.Contains(t, slow.Stack, "inspect_test.stick", slow.Kind)
			if slow.Kind == "handler" {
				require.Contains(t, slow.Func.Name, "TestWatch_AStuckHandlerOfADestroyedOwner")
			} else {
				require.Equal(t, "handler", slow.Running[0].Kind)
			}
		}
		gate <- true
		<-app.Ended()
	})
}

// More handlers than there are slots for announcements.
func TestWatch_EveryOneOfManyStuckHandlersIsReportedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 300
		app := tether.NewOwner("app")
		var s tether.Signal[int]
		var r reports
		defer inspect.Watch(app, time.Second, r.add)()
		gate := make(chan bool)
		s.Connect(app, func(int) { stick(gate) })
		for range n {
			go s.Fire(1)
		}
		time.Sleep(10 * time.Second)
		list := r.take()
		require.Equal(t, n, len(list))
		stacks := make(map[string]bool)
		for _, slow := range list {
			stacks[slow.Stack] = true
		}
		require.Len(t, stacks, n, "each with its own stack")
		close(gate)
		require.NoError(t, app.Destroy())
	})
}

// The first owner without a slot took the stacks of all that had connected the same function
// for its own, and those with a slot were reported besides.
func TestWatch_EachOfManyOwnersHasItsOwnStuckHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 300
		app := tether.NewOwner("app")
		var r reports
		gate := make(chan bool)
		alloc := stickMany(app, n, gate, &r)
		list := r.take()
		require.Equal(t, n, len(list))
		owners, stacks := make(map[string]bool), make(map[string]bool)
		for _, slow := range list {
			owners[slow.Owner], stacks[slow.Stack] = true, true
		}
		require.Len(t, owners, n)
		require.Len(t, stacks, n)
		require.Less(t, stickMany(app.NewChild("more"), 4*n, gate, &r), 9*alloc, "each noted the stacks of all")
		close(gate)
		require.NoError(t, app.Destroy())
	})
}

// stickMany watches n owners below o while a handler of each is stuck, and returns how many
// bytes that has allocated.
func stickMany(o *tether.Owner, n int, gate chan bool, r *reports) uint64 {
	for i := range n {
		var s tether.Signal[int]
		s.Connect(o.NewChild(fmt.Sprint(i)), func(int) { stick(gate) })
		go s.Fire(1)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	stop := inspect.Watch(o, time.Second, r.add)
	time.Sleep(3 * time.Second)
	stop()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// As above, but none is stuck: each goroutine calls the handler again and again,
// and is elsewhere in it at half time.
func TestWatch_NoneOfManyBusyHandlersIsReported(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		var s tether.Signal[int]
		var r reports
		defer inspect.Watch(app, time.Second, r.add)()
		s.Connect(app, func(v int) {
			if v%2 == 0 {
				time.Sleep(500 * time.Millisecond)
				return
			}
			time.Sleep(500 * time.Millisecond)
		})
		time.Sleep(100 * time.Millisecond)
		var wg sync.WaitGroup
		for range 200 {
			wg.Go(func() {
				for v := range 12 {
					s.Fire(v)
				}
			})
			wg.Go(func() {
				for range 12 {
					new(sync.WaitGroup).Go(func() { s.Fire(0) })
					time.Sleep(500 * time.Millisecond)
				}
			})
		}
		wg.Wait()
		require.Zero(t, len(r.take()))
		require.NoError(t, app.Destroy())
	})
}

func TestWatch_StopWaitsForAReportButNotInsideOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		var s tether.Signal[int]
		gate, leave := make(chan bool), make(chan bool)
		s.Connect(app, func(int) { stick(gate) })
		var stop func()
		reported := false
		stop = inspect.Watch(app, time.Second, func(inspect.Slow) {
			stop()
			<-leave
			reported = true
		})
		go s.Fire(1)
		go s.Fire(1)
		time.Sleep(2 * time.Second)
		go func() { leave <- true }()
		stop()
		require.True(t, reported, "and the second is not reported any more")
		close(gate)
		require.NoError(t, app.Destroy())
	})
}

// A report that called Goexit, as FailNow of a test does, ended the watch without a word: it told
// nothing more of that look, and there was no other one.
func TestWatch_GoesOnWhenAReportCallsGoexit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		var r reports
		defer inspect.Watch(app, time.Second, func(s inspect.Slow) {
			r.add(s)
			runtime.Goexit()
		})()
		gate := make(chan bool)
		for range 3 {
			var s tether.Signal[int]
			s.Connect(app.NewChild("child"), func(int) { stick(gate) })
			go s.Fire(1)
		}
		time.Sleep(2 * time.Second)
		require.Len(t, r.take(), 3)
		var s tether.Signal[int]
		s.Connect(app, func(int) { stick(gate) })
		go s.Fire(1)
		time.Sleep(2 * time.Second)
		require.Len(t, r.take(), 1)
		close(gate)
		synctest.Wait()
		require.NoError(t, app.Destroy())
	})
}

func TestWatch_KeepsNothingAliveAndEndsWithItsOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		before := app.Stats()
		inspect.Watch(app, time.Second, func(inspect.Slow) {})
		require.Equal(t, before, app.Stats(), "it does not count")
		for i := range inspect.Roots() {
			require.NotContains(t, i.Name, "inspect")
		}
		w := weak.Make(app)
		defer tether.OnLost(nil)()
		app = nil
		collect(t, "the watched owner", func() bool { return w.Value() == nil })
		time.Sleep(time.Minute)
	})
}

// Renew changes how calls are counted under the feet of everybody.
func TestWatch_ATeardownIsABarrierWhileItLooks(t *testing.T) {
	defer runtime.GC()
	cores(t, func(t *testing.T) {
		rounds := 300
		if testing.Short() {
			rounds = 30
		}
		for range rounds {
			app := tether.NewOwner("app")
			a, b := app.NewChild("a"), app.NewChild("b")
			var s tether.Signal[int]
			q := tether.NewQueue(a, 4, tether.DropOldest)
			var running atomic.Int32
			plain := 0
			var mu sync.Mutex
			h := func(int) {
				running.Add(1)
				for range 20 {
					runtime.Gosched()
				}
				mu.Lock()
				plain++
				mu.Unlock()
				running.Add(-1)
			}
			s.Connect(a, h)
			s.Connect(b, h)
			s.Connect(a, h, tether.On(q))
			look := inspect.Looker(app, time.Nanosecond, func(inspect.Slow) {})
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() {
					for range 10 {
						s.Fire(1)
					}
				})
			}
			for range 5 {
				look()
				runtime.Gosched()
			}
			require.NoError(t, app.Destroy())
			require.Zero(t, running.Load())
			plain++ // a race with a handler that runs still, without mu
			require.False(t, look(), "it has ended")
			wg.Wait()
		}
	})
}

// All stacks were printed twice for each teardown.
func TestWatch_LooksAtTheStacksOnceHoweverManyTeardownsAreStuck(t *testing.T) {
	const n = 200
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		var before, after runtime.MemStats
		var r reports
		stop := inspect.Watch(app, time.Second, r.add)
		gate := make(chan bool)
		for range n {
			o := app.NewChild("stuck")
			var said tether.Signal[int]
			said.Connect(o, func(int) { <-gate })
			go said.Fire(1)
			synctest.Wait()
			o.Cancel(nil)
		}
		runtime.ReadMemStats(&before)
		time.Sleep(3 * time.Second)
		runtime.ReadMemStats(&after)
		drains := slices.DeleteFunc(r.take(), func(s inspect.Slow) bool { return s.Kind != "drain" })
		require.Len(t, drains, n)
		for _, s := range drains {
			require.Len(t, s.Running, 1)
			require.Contains(t, s.Running[0].Func, "LooksAtTheStacksOnce")
			require.Contains(t, s.Stack, "LooksAtTheStacksOnce")
		}
		require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(300_000*n), "bytes")
		stop()
		close(gate)
		require.NoError(t, app.Destroy())
	})
}
