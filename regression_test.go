package tether_test

import (
	"context"
	"errors"
	"math"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
)

// The tests below are of bugs that were found before the first release. Each has
// failed against the code with its bug. Where only a race could show a bug, the
// test goes round often enough to have lost it every time or nearly so.

// inside reports whether the caller was called, by whatever way, by a function
// whose name ends in name.
func inside(name string) bool {
	var pcs [100]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs[:])])
	for {
		f, more := frames.Next()
		if strings.HasSuffix(f.Function, name) {
			return true
		}
		if !more {
			return false
		}
	}
}

// racing has the test run with as many processors as make its race likely.
func racing(t *testing.T, procs int) {
	before := runtime.GOMAXPROCS(procs)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// captureFunc is capture for functions without arguments.
func captureFunc() (f func(), gone func() bool) {
	h, gone := capture()
	return func() { h(1) }, gone
}

// supervisor returns a panic handler that captures f.
func supervisor(f func()) func(*tether.PanicError) { return func(*tether.PanicError) { f() } }

// Queues.

// A firer that a full Block queue had held, and that then found the queue idle,
// had its value taken in hand at once. It used no room, so none became free by
// it, and the next held firer slept for ever beside an idle queue.
func TestNoFirerStaysHeldByAQueueThatWentIdle(t *testing.T) {
	racing(t, 1) // the queue is idle before the firer that it has woken runs
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

// A value was found to be alive, then its connection ended, and then its handler
// was to be called: it was gone, and so was the value, which Dropped did not
// count, while Drain counted it as a call that it had made.
func TestAValueWhoseConnectionEndsInTheLastMomentIsCounted(t *testing.T) {
	racing(t, 4)
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

// A value that has spent its connection was bound to nothing any more. When its
// owner or its signal died before its turn, it went on to take room in the queue
// and keep its handler, and Flush waited for it, until the queue got to it.
func TestTheValueOfASpentOnceDoesNotOutliveItsOwnerOrSignalInAQueue(t *testing.T) {
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
			collect(t, "the closure", gone)
			assert.Zero(t, q.Drain())
			assert.EqualValues(t, 1, q.Dropped(), "Dropped after a Drain")
			runtime.KeepAlive(c)
		})
	}
}

// "Exactly one call" became none: the queue dropped the value, and the
// connection that had been spent for it was not there for another.
func TestAQueueDropsOtherValuesBeforeThatOfASpentOnce(t *testing.T) {
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
}

// The connection stood, but its queue had not been told of it: the panic came in
// between. So it outlived the queue, and swallowed what was fired.
func TestAConnectionThatStandsAfterAPanicOfWhileActiveEndsWithItsQueue(t *testing.T) {
	owner, keeper := tether.NewOwner("owner"), tether.NewOwner("keeper")
	defer owner.Destroy()
	q := tether.NewQueue(keeper, 1, tether.DropNewest)
	s := tether.NewSignal[int](owner, tether.WhileActive(func(*tether.Owner) { panic("inactive") }))
	require.PanicsWithValue(t, "inactive", func() { s.Connect(owner, func(int) {}, tether.On(q)) })
	require.Equal(t, 1, s.Len())
	require.NoError(t, keeper.Destroy())
	require.Zero(t, s.Len(), "connections after the end of their queue")
}

// The connection was made first and ended when the queue turned out to be dead:
// long enough to open a network connection, or whatever WhileActive is for.
func TestAConnectionOnADeadQueueIsNotAnActivity(t *testing.T) {
	owner, keeper := tether.NewOwner("owner"), tether.NewOwner("keeper")
	defer owner.Destroy()
	q := tether.NewQueue(keeper, 1, tether.DropNewest)
	require.NoError(t, keeper.Destroy())
	s := tether.NewSignal[int](owner, tether.WhileActive(func(*tether.Owner) {
		t.Error("WhileActive's function ran, though nobody was connected")
	}))
	c := s.Connect(owner, func(int) {}, tether.On(q))
	require.False(t, c.Connected())
	require.Zero(t, s.Len())
}

// A handler that a queue runs counts for two owners. Where both were destroyed
// with one call, it was reported as two handlers, and as the dump then had one
// too few, both were "unknown".
func TestAPendingErrorListsAQueuedHandlerOnceAndByName(t *testing.T) {
	for _, both := range []bool{true, false} {
		owner := tether.NewOwner("app")
		a, b := owner, owner
		path := "app"
		if !both {
			a, b = owner.NewChild("a"), owner.NewChild("b")
			path = "app/a"
		}
		var s tether.Signal[int]
		entered, leave := make(chan bool), make(chan bool)
		s.Connect(a, func(int) { close(entered); <-leave }, tether.On(tether.NewQueue(b, 1, tether.Block)))
		s.Fire(1)
		<-entered
		over, cancel := context.WithCancel(t.Context())
		cancel()
		var p *tether.PendingError
		require.ErrorAs(t, owner.DestroyContext(over), &p)
		close(leave)
		<-owner.Ended()
		require.Len(t, p.Running, 1, "one owner for both: %t", both)
		require.Equal(t, path, p.Running[0].Owner)
		require.Equal(t, "handler", p.Running[0].Kind)
		require.Contains(t, p.Running[0].Func, "TestAPendingErrorListsAQueuedHandlerOnceAndByName")
		require.Contains(t, p.Running[0].Func, "regression_test.go:")
	}
}

// Teardowns.

// An ancestor was unwinding when Interrupt came for an owner below. The owner had
// not got its turn yet, so the interrupt was counted as something that a drain
// would wait for; that was over. A Destroy inside went round in circles until the
// stack overflowed; the unwinding found something that it could not unwind.
func TestAnInterruptBelowAnOwnerThatUnwindsRunsAtOnce(t *testing.T) {
	t.Run("and may destroy its owner", func(t *testing.T) {
		app := tether.NewOwner("app")
		child := app.NewChild("child")
		var log trace
		child.Defer(log.f("child"))
		app.Defer(func() {
			stop := child.Interrupt(func() {
				log.add("interrupt")
				assert.NoError(t, child.Destroy())
				log.add("over")
			})
			assert.False(t, stop())
		})
		require.NoError(t, app.Destroy())
		require.Equal(t, "interrupt child over", log.String())
		require.True(t, ended(child))
	})
	t.Run("on another goroutine, which the unwinding meets", func(t *testing.T) {
		app := tether.NewOwner("app")
		child := app.NewChild("child")
		var log trace
		leave, left := make(chan bool), make(chan bool)
		child.Defer(log.f("child"))
		app.Defer(func() {
			entered := make(chan bool)
			go func() {
				defer close(left)
				child.Interrupt(func() { close(entered); <-leave })
			}()
			<-entered
		})
		app.NewChild("first").Defer(log.f("first"))
		require.NoError(t, app.Destroy())
		require.Equal(t, "first child", log.String())
		close(leave)
		<-left
	})
}

// A cleanup of d, which a cleanup further up had destroyed, destroyed an owner
// between the two. That one had not got its turn, so it was unwound, d again with
// it: d's older cleanups ran while a newer one still did, and d ended twice.
func TestNestedCleanupsUnwindNoOwnerTwice(t *testing.T) {
	top := tether.NewOwner("top")
	s := top.NewChild("s")
	d := s.NewChild("d")
	d.Ended() // has a channel, which must not be closed twice
	var log trace
	s.Defer(log.f("s"))
	d.Defer(log.f("older"))
	d.Defer(func() {
		log.add("newer(")
		assert.ErrorIs(t, s.Destroy(), tether.ErrPending)
		assert.ErrorIs(t, d.Destroy(), tether.ErrPending)
		assert.False(t, ended(d), "d has ended inside its cleanup")
		log.add(")")
	})
	top.Defer(func() {
		assert.NoError(t, d.Destroy())
		assert.True(t, ended(d))
		assert.False(t, ended(s))
	})
	require.NoError(t, top.Destroy())
	require.Equal(t, "newer( ) older s", log.String())
	require.True(t, ended(s))
}

// These call no user code on the caller, who may hold any lock. They looked
// whether there was anything to unwind, and if not, finished the owner off
// themselves; but a Defer between the look and the deed was then theirs to run.
func TestACleanupRegisteredInTheLastMomentRunsOnNoCallerOfCancel(t *testing.T) {
	racing(t, 2)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	owner := tether.NewOwner("owner")
	defer owner.Destroy()
	verbs := []struct {
		name string
		make func() (target *tether.Owner, end func())
	}{
		{"(*Owner).Cancel", func() (*tether.Owner, func()) {
			o := owner.NewChild("target")
			return o, func() { o.Cancel(nil) }
		}},
		{"(*Owner).DestroyContext", func() (*tether.Owner, func()) {
			o := owner.NewChild("target")
			return o, func() { _ = o.DestroyContext(ended) }
		}},
		{"(*Connection).Disconnect", func() (o *tether.Owner, end func()) {
			s := tether.NewSignal[int](owner, tether.WhileActive(func(active *tether.Owner) { o = active }))
			c := s.Connect(owner, func(int) {})
			return o, func() { c.Disconnect() }
		}},
	}
	var target, busy atomic.Pointer[tether.Owner]
	var over atomic.Bool
	var wrong atomic.Value // the verb that ran a cleanup
	cleanup := func() {
		for _, verb := range verbs {
			if inside("tether." + verb.name) {
				wrong.Store(verb.name)
			}
		}
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		for !over.Load() {
			if o := target.Load(); o != nil && o.Alive() {
				busy.Store(o)
				o.Defer(cleanup)() // there, gone, there, gone
			}
		}
	})
	// On a busy machine the two wait for each other for long.
	deadline := time.Now().Add(200 * time.Millisecond)
	for round := 0; round < 5000 && time.Now().Before(deadline); round++ {
		o, end := verbs[round%len(verbs)].make()
		target.Store(o)
		for busy.Load() != o {
			runtime.Gosched()
		}
		for range round % 32 {
			over.Load()
		}
		end()
	}
	over.Store(true)
	wg.Wait()
	<-target.Load().Ended()
	require.Nil(t, wrong.Load(), "ran a cleanup on its caller")
}

// The cut-off went from the top down: who saw the root dead could still find an
// owner below it alive, connect to it, start goroutines in it.
func TestWhoSeesAnOwnerDeadFindsAllBelowItDead(t *testing.T) {
	racing(t, 2)
	for round := range 10 {
		root := tether.NewOwner("root")
		first := root.NewChild("first") // the last in the line
		for range 1000 {
			root.NewChild("child")
		}
		var s tether.Signal[int]
		s.Connect(first, func(int) { t.Error("a handler was called after the cut-off") })
		begun, seen := make(chan bool), make(chan bool)
		go func() {
			close(begun)
			for root.Alive() {
				runtime.Gosched()
			}
			alive := first.Alive()
			started := first.Go(func(context.Context) {})
			s.Fire(1)
			seen <- alive || started
		}()
		<-begun
		require.NoError(t, root.Destroy())
		require.False(t, <-seen, "round %d: the first child was alive when the root was dead", round)
	}
}

// What a closer returned went up only as long as the owners above were unwinding
// themselves. An owner in between, whose turn was still to come, broke the chain.
func TestAClosersErrorGoesUpToTheOwnerThatIsDestroyed(t *testing.T) {
	boom := errors.New("boom")
	for depth := 1; depth <= 4; depth++ {
		top := tether.NewOwner("top")
		o := top
		for range depth {
			o = o.NewChild("below")
		}
		tether.Own(o, closeFunc(func() error { return boom }))
		top.Defer(func() { assert.ErrorIs(t, o.Destroy(), boom) })
		require.ErrorIs(t, top.Destroy(), boom, "depth %d", depth)
		require.ErrorIs(t, o.Parent().Destroy(), boom, "depth %d, of the parent", depth)
	}
}

// The last handler's owner is torn down before the next handler runs, by when the
// walk had moved on to that one's owner. Its panic handler then got the panic of
// a cleanup that was none of its business, and the caller of Fire got nothing.
func TestAPanicOfATeardownInsideAFireIsNotTheNextOwnersToSupervise(t *testing.T) {
	for _, destroyedToo := range []bool{false, true} {
		a := tether.NewOwner("a")
		var log trace
		b := tether.NewOwner("b", tether.WithPanicHandler(func(p *tether.PanicError) { log.add("b got %v", p.Value) }))
		a.Defer(func() {
			if destroyedToo {
				b.Destroy()
			}
			panic("cleanup")
		})
		var s tether.Signal[int]
		s.Connect(a, func(int) { a.Destroy() })
		s.Connect(b, func(int) { log.add("called") })
		require.PanicsWithValue(t, "cleanup", func() { s.Fire(1) })
		if destroyedToo {
			require.Empty(t, log.String())
		} else {
			require.Equal(t, "called", log.String())
		}
		require.True(t, ended(a))
		require.NoError(t, b.Destroy())
	}
}

// Leaks.

// Run bound the root to two contexts, but it remembered how to leave only one.
// The other, that of a server for example, kept every root of every request.
func TestRunLeavesBothItsContexts(t *testing.T) {
	a, cancelA := context.WithCancel(t.Context())
	defer cancelA()
	b, cancelB := context.WithCancel(t.Context())
	defer cancelB()
	for _, order := range [][2]context.Context{{a, b}, {b, a}} {
		f, gone := captureFunc()
		err := tether.Run(order[0], "request", func(*tether.Owner) error { return nil },
			tether.WithContext(order[1]), tether.WithPanicHandler(supervisor(f)))
		require.NoError(t, err)
		collect(t, "what Run's owner held", gone)
	}
}

// A priority that nobody had any more kept its place in the signal: the heap grew
// with every new one, and so did the time of each Connect and Fire.
func TestPrioritiesThatNobodyHasLeaveNoTrace(t *testing.T) {
	owner := tether.NewOwner("owner")
	defer owner.Destroy()
	var s tether.Signal[int]
	next := 0
	pairs := func() {
		for range 2000 {
			next--
			s.Connect(owner, func(int) {}, tether.Priority(next)).Disconnect()
		}
	}
	s.Connect(owner, func(int) {})
	pairs()
	before := heap()
	pairs()
	require.Less(t, heap()-before, int64(32<<10), "bytes grown")
	require.Equal(t, 1, s.Len())
}

// The function that takes an interrupt back kept the interrupt, and that kept its
// closure, for as long as the caller kept the former.
func TestAnInterruptsClosureIsGarbageWhenItHasRun(t *testing.T) {
	for _, when := range []string{"Destroy", "Cancel", "after the cut-off"} {
		t.Run(when, func(t *testing.T) {
			owner := tether.NewOwner("owner")
			hold := make(chan bool)
			owner.Go(func(context.Context) { <-hold }) // keeps it from unwinding
			f, gone := captureFunc()
			var stop func() bool
			switch when {
			case "Destroy":
				stop = owner.Interrupt(f)
				go owner.Destroy()
			case "Cancel":
				stop = owner.Interrupt(f)
				owner.Cancel(nil)
			default:
				owner.Cancel(nil)
				stop = owner.Interrupt(f)
			}
			collect(t, "the interrupt", gone)
			require.False(t, stop())
			close(hold)
			<-owner.Ended()
			runtime.KeepAlive(owner)
		})
	}
}

func TestWhatRunsAtOnceOnAnEndedOwnerIsGarbageThough(t *testing.T) {
	owner := tether.NewOwner("owner")
	require.NoError(t, owner.Destroy())
	for name, register := range map[string]func(func()) func() bool{"Defer": owner.Defer, "Interrupt": owner.Interrupt} {
		f, gone := captureFunc()
		stop := register(f)
		collect(t, "the closure given to "+name, gone)
		require.False(t, stop())
	}
}

// Values and heartbeats.

// The end of the context was looked at between two values only. While the body
// ran, firers that the loop held stayed held.
func TestTheEndOfAValuesContextLetsGoOfFirersWhileTheBodyRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var s tether.Signal[int]
		go func() {
			time.Sleep(time.Second) // till the loop has begun
			s.Fire(1)
		}()
		bodies := 0
		for range tether.Values(ctx, &s, 1, tether.Block) {
			bodies++
			var fired atomic.Bool
			go func() {
				s.Fire(2)
				s.Fire(3)
				fired.Store(true)
			}()
			synctest.Wait()
			require.False(t, fired.Load(), "the firer is to be held")
			cancel()
			synctest.Wait()
			require.True(t, fired.Load(), "the firer is held after the end of the context")
			require.Zero(t, s.Len())
		}
		require.Equal(t, 1, bodies)
	})
}

// A batch of ticks was taken off the grid at once, then delivered one by one. When
// a handler called Goexit, the rest of its batch came neither as ticks nor in
// Dropped, and the simulated world was late for good.
func TestAFixedStepHeartbeatLosesNoTimeByAGoexit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		owner := tether.NewOwner("owner")
		h := tether.NewHeartbeat(owner, time.Second, tether.FixedStep(10))
		ticks := 0
		var sum time.Duration
		h.Connect(owner, func(k tether.Tick) {
			ticks++
			sum += k.Delta
			switch ticks {
			case 1:
				time.Sleep(4 * time.Second) // the next batch is of four
			case 2, 4:
				runtime.Goexit()
			}
		})
		time.Sleep(10500 * time.Millisecond)
		synctest.Wait()
		require.Equal(t, 10*time.Second, sum+h.Dropped())
		require.Equal(t, 10, ticks)
		require.NoError(t, owner.Destroy())
	})
}

// A beat that was on its way when everybody disconnected, and that arrived when
// somebody had connected again, counted as one of the new grid: it took time off
// that, and gave the tick to nobody.
func TestABeatOfAnEarlierGridTakesNoTimeOffTheNextOne(t *testing.T) {
	racing(t, 4)
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
func TestAHeartbeatHasOneTimerWhateverItsEarlierGridsLeftBehind(t *testing.T) {
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

// The teardown that came due by the end of another one was unwound by a call within the
// last step of that one, which was taken again when a cleanup panicked.
func TestACleanupThatPanicsInATeardownThatComesDueByAnotherOnes(t *testing.T) {
	for name, fail := range map[string]func(){"panic": func() { panic("oh") }, "Goexit": runtime.Goexit} {
		root := tether.NewOwner("root")
		root.NewChild("sibling").Defer(fail)
		child := root.NewChild("child")
		var s tether.Signal[int]
		s.Connect(child, func(int) {
			require.ErrorIs(t, child.Destroy(), tether.ErrPending)
			require.ErrorIs(t, root.Destroy(), tether.ErrPending)
		})
		rootEnded, childEnded := root.Ended(), child.Ended()
		recovered := make(chan any)
		go func() {
			defer func() { recovered <- recover() }()
			s.Fire(1)
		}()
		if r := <-recovered; name == "panic" {
			require.Equal(t, "oh", r)
		} else {
			require.Nil(t, r)
		}
		<-childEnded
		<-rootEnded
	}
}
