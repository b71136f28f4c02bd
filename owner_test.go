package tether_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
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
	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/scope"
)

// A trace is a log that several goroutines write.
type trace struct {
	mu    sync.Mutex
	lines []string
}

func (l *trace) add(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf(format, args...))
}

func (l *trace) f(line string) func() { return func() { l.add("%s", line) } }

func (l *trace) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.lines, " ")
}

// A closer is an io.Closer that logs and fails with err.
type closer struct {
	name string
	log  *trace
	err  error
}

func (c *closer) Close() error {
	c.log.add("%s", c.name)
	return c.err
}

// ended reports whether o's teardown is complete.
func ended(o *tether.Owner) bool {
	select {
	case <-o.Ended():
		return true
	default:
		return false
	}
}

func TestUnwindRunsChildrenAndCleanupsNewestFirst(t *testing.T) {
	var log trace
	o := tether.NewOwner("o")
	o.Defer(log.f("1"))
	a := o.NewChild("a")
	o.Defer(log.f("2"))
	a.Defer(log.f("a1"))
	aa := a.NewChild("aa")
	a.Defer(log.f("a2"))
	aa.Defer(log.f("aa1"))
	tether.Own(o, &closer{"3", &log, nil})
	b := o.NewChild("b")
	b.Defer(log.f("b1"))
	require.NoError(t, o.Destroy())
	require.Equal(t, "b1 3 2 a2 aa1 a1 1", log.String())
	for _, o := range []*tether.Owner{o, a, aa, b} {
		require.True(t, ended(o), o.Path())
		require.False(t, o.Alive(), o.Path())
	}
	require.Equal(t, tether.Stats{}, o.Stats())
}

func TestDestroyReturnsWhatClosersReturnedEveryTime(t *testing.T) {
	var log trace
	e1, e2, e3 := errors.New("e1"), errors.New("e2"), errors.New("e3")
	o := tether.NewOwner("o")
	c := o.NewChild("c")
	tether.Own(o, &closer{"1", &log, e1})
	tether.Own(c, &closer{"2", &log, e2})
	tether.Own(c, &closer{"ok", &log, nil})
	for range 2 {
		err := o.Destroy()
		require.ErrorIs(t, err, e1)
		require.ErrorIs(t, err, e2)
	}
	err := c.Destroy()
	require.ErrorIs(t, err, e2)
	require.NotErrorIs(t, err, e1)
	require.NoError(t, o.NewChild("late").Destroy())
	require.Same(t, o, o.NewChild("later").Parent())
	late := tether.Own(o, &closer{"late", &log, e3})
	require.Equal(t, "late", late.name)
	require.ErrorIs(t, o.Destroy(), e3, "even an error that comes too late is kept")
	require.Equal(t, "1 ok 2 late", log.String())
}

func TestADestroyedChildIsForgottenByItsParent(t *testing.T) {
	o := tether.NewOwner("o")
	defer o.Destroy()
	first, second, third := o.NewChild("1"), o.NewChild("2"), o.NewChild("3")
	for i, c := range []*tether.Owner{second, first, third} {
		require.NoError(t, c.Destroy())
		require.Equal(t, 3-i, o.Stats().Owners)
		require.True(t, o.Alive())
	}
}

func TestPathsNamesAndParents(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	ann := app.NewChild("lobby").NewChild("ann")
	require.Equal(t, "app/lobby/ann", ann.Path())
	require.Equal(t, "app/lobby/ann", fmt.Sprint(ann))
	require.Equal(t, "ann", ann.Name())
	require.Equal(t, "lobby", ann.Parent().Name())
	require.Same(t, app, ann.Parent().Parent())
	require.Nil(t, app.Parent())
}

func TestStatsCountTheSubtree(t *testing.T) {
	var s tether.Signal[int]
	o := tether.NewOwner("o")
	c := o.NewChild("c")
	s.Connect(o, func(int) {})
	s.Connect(c, func(int) {})
	o.Go(func(ctx context.Context) { <-ctx.Done() })
	c.AfterFunc(time.Hour, func() {})
	c.Defer(func() {})
	tether.Own(o, io.NopCloser(nil))
	c.Interrupt(func() {})
	require.Equal(t, tether.Stats{Owners: 2, Connections: 2, Goroutines: 1, Timers: 1, Cleanups: 2}, o.Stats())
	require.Equal(t, tether.Stats{Owners: 1, Connections: 1, Timers: 1, Cleanups: 1}, c.Stats())
	require.NoError(t, o.Destroy())
	require.Equal(t, tether.Stats{}, o.Stats())
}

func TestDestroyWaitsForHandlersGoroutinesAndTimerFunctions(t *testing.T) {
	for name, start := range map[string]func(o *tether.Owner, s *tether.Signal[int], f func()){
		"handler": func(o *tether.Owner, s *tether.Signal[int], f func()) {
			s.Connect(o, func(int) { f() })
			go s.Fire(1)
		},
		"once": func(o *tether.Owner, s *tether.Signal[int], f func()) {
			s.Once(o, func(int) { f() })
			go s.Fire(1)
		},
		"queued handler": func(o *tether.Owner, s *tether.Signal[int], f func()) {
			s.Connect(o, func(int) { f() }, tether.On(tether.NewQueue(o, 1, tether.Block)))
			s.Fire(1)
		},
		"goroutine": func(o *tether.Owner, _ *tether.Signal[int], f func()) {
			o.Go(func(context.Context) { f() })
		},
		"timer": func(o *tether.Owner, _ *tether.Signal[int], f func()) {
			o.AfterFunc(0, f)
		},
		"tick": func(o *tether.Owner, _ *tether.Signal[int], f func()) {
			tether.NewHeartbeat(o, time.Millisecond).Once(o, func(tether.Tick) { f() })
		},
		"interrupt of a goroutine's Cancel": func(o *tether.Owner, _ *tether.Signal[int], f func()) {
			o.Interrupt(f)
			go o.Cancel(nil)
		},
		"WhileActive": func(o *tether.Owner, _ *tether.Signal[int], f func()) {
			s := tether.NewSignal[int](o, tether.WhileActive(func(*tether.Owner) { f() }))
			go s.Connect(o, func(int) {})
		},
	} {
		for _, below := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/below=%v", name, below), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					root := tether.NewOwner("root")
					o := root
					if below {
						o = root.NewChild("child").NewChild("grandchild")
					}
					var s tether.Signal[int]
					plain := 0 // the race detector sees to it that Destroy is a barrier
					entered, leave := make(chan bool), make(chan bool)
					start(o, &s, func() {
						close(entered)
						<-leave
						runtime.Gosched()
						plain++
					})
					<-entered
					cleaned, done := false, make(chan error)
					root.Defer(func() { cleaned = true })
					go func() { done <- root.Destroy() }()
					synctest.Wait()
					require.False(t, root.Alive())
					require.False(t, ended(root), "Destroy must wait")
					close(leave)
					require.NoError(t, <-done)
					plain++
					require.True(t, cleaned)
					require.Equal(t, 2, plain)
				})
			})
		}
	}
}

func TestADestroyOfWhatRunsReturnsPendingInsideAndTheLastOneOutCompletes(t *testing.T) {
	for _, what := range []string{"own", "parent"} {
		for name, start := range map[string]func(o *tether.Owner, s *tether.Signal[int], f func()){
			"handler": func(o *tether.Owner, s *tether.Signal[int], f func()) {
				s.Connect(o, func(int) { f() })
				s.Fire(1)
			},
			"queued handler": func(o *tether.Owner, s *tether.Signal[int], f func()) {
				s.Connect(o, func(int) { f() }, tether.On(tether.NewQueue(o, 1, tether.DropOldest)))
				s.Fire(1)
			},
			"goroutine": func(o *tether.Owner, _ *tether.Signal[int], f func()) {
				o.Go(func(context.Context) { f() })
			},
			"timer": func(o *tether.Owner, _ *tether.Signal[int], f func()) {
				o.AfterFunc(time.Second, f)
			},
			"tick": func(o *tether.Owner, _ *tether.Signal[int], f func()) {
				tether.NewHeartbeat(o, time.Second).Connect(o, func(tether.Tick) { f() })
			},
			"cleanup": func(o *tether.Owner, _ *tether.Signal[int], f func()) {
				o.Defer(f)
				o.Destroy()
			},
			"closer": func(o *tether.Owner, _ *tether.Signal[int], f func()) {
				tether.Own(o, closeFunc(func() error { f(); return nil }))
				o.Destroy()
			},
			"interrupt": func(o *tether.Owner, _ *tether.Signal[int], f func()) {
				o.Interrupt(f)
				o.Destroy()
			},
			"WhileActive": func(o *tether.Owner, _ *tether.Signal[int], f func()) {
				tether.NewSignal[int](o, tether.WhileActive(func(*tether.Owner) { f() })).Connect(o, func(int) {})
			},
		} {
			t.Run(what+" owner in "+name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					root := tether.NewOwner("root")
					target := root.NewChild("target")
					o := target
					if what == "parent" {
						o = target.NewChild("child")
					}
					var s tether.Signal[int]
					cleaned, inside := 0, false
					target.Defer(func() {
						assert.False(t, inside, "a cleanup ran while the call was still inside")
						cleaned++
					})
					calls := 0
					start(o, &s, func() {
						calls++
						inside = true
						assert.ErrorIs(t, target.Destroy(), tether.ErrPending)
						assert.ErrorIs(t, target.DestroyContext(t.Context()), tether.ErrPending)
						assert.False(t, target.Alive())
						assert.False(t, ended(target))
						inside = false
					})
					time.Sleep(time.Minute)
					<-target.Ended()
					require.Equal(t, 1, cleaned)
					require.Equal(t, 1, calls)
					require.Equal(t, tether.Stats{Owners: 1}, root.Stats())
					require.NoError(t, root.Destroy())
				})
			})
		}
	}
}

type closeFunc func() error

func (f closeFunc) Close() error { return f() }

func TestInsideAHandlerDestroyOfAQuietOwnerIsComplete(t *testing.T) {
	a, b := tether.NewOwner("a"), tether.NewOwner("b")
	var s tether.Signal[int]
	cleaned := false
	b.Defer(func() { cleaned = true })
	s.Connect(b, func(int) { t.Error("called though its owner was destroyed before its turn") }, tether.Priority(-1))
	s.Connect(a, func(int) {
		assert.NoError(t, b.Destroy())
		assert.True(t, cleaned)
		assert.True(t, ended(b))
	})
	s.Fire(1)
	require.NoError(t, a.Destroy())
}

func TestThePendingTeardownCompletesBeforeAnotherOwnersHandlerRuns(t *testing.T) {
	a, b := tether.NewOwner("a"), tether.NewOwner("b")
	defer b.Destroy()
	var s tether.Signal[int]
	var log trace
	a.Defer(log.f("cleanup"))
	s.Connect(a, func(int) { log.add("a"); a.Destroy() })
	s.Connect(a, func(int) { log.add("never") })
	s.Connect(b, func(int) { log.add("b") })
	s.Fire(1)
	require.Equal(t, "a cleanup b", log.String())
}

func TestACleanupThatRunsInsideAFireMayDestroyTheNextHandlersOwner(t *testing.T) {
	a, b := tether.NewOwner("a"), tether.NewOwner("b")
	var s tether.Signal[int]
	a.Defer(func() { assert.NoError(t, b.Destroy(), "nothing of b runs yet") })
	s.Connect(a, func(int) { a.Destroy() })
	s.Connect(b, func(int) { t.Error("b's handler ran after its Destroy") })
	s.Fire(1)
	require.True(t, ended(b))
}

func TestNestedFiresCompleteTheTeardownWithTheOutermostCall(t *testing.T) {
	o := tether.NewOwner("o")
	var s tether.Signal[int]
	var log trace
	o.Defer(log.f("cleanup"))
	s.Connect(o, func(depth int) {
		log.add("in%d", depth)
		if depth < 3 {
			s.Fire(depth + 1)
		} else {
			assert.ErrorIs(t, o.Destroy(), tether.ErrPending)
		}
		log.add("out%d", depth)
	})
	s.Fire(1)
	require.Equal(t, "in1 in2 in3 out3 out2 out1 cleanup", log.String())
}

func TestTwoHandlersThatDestroyEachOthersOwnersDoNotDeadlock(t *testing.T) {
	for range 200 {
		a, b := tether.NewOwner("a"), tether.NewOwner("b")
		var sa, sb tether.Signal[int]
		var both sync.WaitGroup
		both.Add(2)
		meet := func(other *tether.Owner) func(int) {
			return func(int) { both.Done(); both.Wait(); other.Destroy() }
		}
		sa.Connect(a, meet(b))
		sb.Connect(b, meet(a))
		go sa.Fire(1)
		sb.Fire(1)
		<-a.Ended()
		<-b.Ended()
	}
}

func TestTwoGoroutinesThatDestroyEachOthersOwnersDoNotDeadlock(t *testing.T) {
	for range 200 {
		root := tether.NewOwner("root")
		a, b := root.NewChild("a"), tether.NewOwner("b").NewChild("bb")
		var both sync.WaitGroup
		both.Add(2)
		var pending atomic.Int32
		meet := func(other *tether.Owner) func(context.Context) {
			return func(context.Context) {
				both.Done()
				both.Wait()
				if errors.Is(other.Destroy(), tether.ErrPending) {
					pending.Add(1)
				}
			}
		}
		a.Go(meet(b))
		b.Go(meet(a))
		<-a.Ended()
		<-b.Ended()
		require.Equal(t, int32(1), pending.Load(), "one closes the circle, the other waits")
		require.NoError(t, root.Destroy())
		require.NoError(t, b.Parent().Destroy())
	}
}

func TestACircleOfThreeGoroutinesDoesNotDeadlock(t *testing.T) {
	var owners [3]*tether.Owner
	for i := range owners {
		owners[i] = tether.NewOwner(fmt.Sprint(i))
	}
	var all sync.WaitGroup
	all.Add(3)
	for i, o := range owners {
		o.Go(func(context.Context) {
			all.Done()
			all.Wait()
			owners[(i+1)%3].Destroy()
		})
	}
	for _, o := range owners {
		<-o.Ended()
	}
}

func TestTheServerPattern(t *testing.T) {
	for _, dying := range []bool{false, true} {
		t.Run(fmt.Sprintf("app is being destroyed=%v", dying), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app := tether.NewOwner("app")
				session := app.NewChild("session")
				var said tether.Signal[string]
				cleaned, after := false, false
				inHandler, leave := make(chan bool), make(chan bool)
				session.Defer(func() { cleaned = true })
				said.Connect(session, func(string) { close(inHandler); <-leave })
				end := make(chan bool)
				app.Go(func(ctx context.Context) { // serves the connection
					select {
					case <-end:
					case <-ctx.Done():
					}
					assert.NoError(t, session.Destroy(), "a full barrier")
					assert.True(t, cleaned)
					after = true
				})
				go said.Fire("x")
				<-inHandler
				done := make(chan error, 1)
				if dying {
					app.Defer(func() { assert.True(t, cleaned && after) })
					go func() { done <- app.Destroy() }()
				} else {
					close(end)
				}
				synctest.Wait()
				require.False(t, session.Alive())
				require.False(t, ended(session), "a handler of the session is parked")
				close(leave)
				<-session.Ended()
				if !dying {
					done <- app.Destroy()
				}
				require.NoError(t, <-done)
				require.True(t, after)
			})
		})
	}
}

func TestAnOwnedGoroutineThatDestroysItsOwnerCompletesTheTeardownWhenItReturns(t *testing.T) {
	for _, up := range []int{0, 1} {
		o := tether.NewOwner("o")
		target, host := o, o
		if up == 1 {
			host = o.NewChild("c")
		}
		returned := false
		target.Defer(func() { assert.True(t, returned) })
		host.Go(func(context.Context) {
			assert.ErrorIs(t, target.Destroy(), tether.ErrPending)
			returned = true
		})
		<-target.Ended()
	}
}

func TestAWaitingDestroyUnwindsItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		var s tether.Signal[int]
		entered, leave := make(chan bool), make(chan bool)
		s.Connect(o, func(int) { close(entered); <-leave })
		fired := make(chan any, 1)
		go func() {
			defer func() { fired <- recover() }()
			s.Fire(1)
		}()
		<-entered
		o.Defer(func() { panic("from the cleanup") })
		recovered := make(chan any)
		go func() {
			defer func() { recovered <- recover() }()
			o.Destroy()
		}()
		synctest.Wait()
		close(leave)
		require.Equal(t, "from the cleanup", <-recovered, "the panic goes to whoever unwinds")
		require.Nil(t, <-fired)
		require.True(t, ended(o))
	})
}

func TestDestroyFromManyGoroutinesRunsCleanupsOnceAndAllWait(t *testing.T) {
	for range 100 {
		o := tether.NewOwner("o")
		cleaned := 0
		err := errors.New("closed badly")
		for i := range 5 {
			c := o.NewChild(fmt.Sprint(i))
			c.Defer(func() { cleaned++ })
			c.Go(func(context.Context) {})
		}
		tether.Own(o, closeFunc(func() error { return err }))
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				assert.ErrorIs(t, o.Destroy(), err)
				assert.Equal(t, 5, cleaned)
			})
		}
		wg.Wait()
	}
}

func TestParentAndChildDestroyedAtOnce(t *testing.T) {
	for range 300 {
		root := tether.NewOwner("root")
		parent := root.NewChild("parent")
		child := parent.NewChild("child")
		var s tether.Signal[int]
		ran := 0
		child.Defer(func() { ran++ })
		parent.Defer(func() { ran += 10 })
		s.Connect(child, func(int) {})
		var wg sync.WaitGroup
		for _, f := range []func(){
			func() { s.Fire(1) },
			func() { assert.NoError(t, child.Destroy()) },
			func() { assert.NoError(t, parent.Destroy()) },
			func() { parent.Cancel(nil) },
			func() { assert.NoError(t, root.DestroyContext(context.Background())) },
		} {
			wg.Go(f)
		}
		wg.Wait()
		require.Equal(t, 11, ran)
		require.True(t, ended(child) && ended(parent) && ended(root))
	}
}

func TestAnOwnerDestroyedOnItsOwnUnwindsWhileAnAncestorDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		session := app.NewChild("session")
		release := make(chan bool)
		app.Go(func(context.Context) { <-release })
		appDone := make(chan error)
		go func() { appDone <- app.Destroy() }()
		synctest.Wait()
		require.False(t, session.Alive())
		cleaned := false
		session.Defer(func() { cleaned = true }) // between cut-off and unwind
		require.False(t, cleaned)
		require.NoError(t, session.Destroy())
		require.True(t, cleaned)
		require.False(t, ended(app))
		close(release)
		require.NoError(t, <-appDone)
	})
}

func TestDestroyDuringAnAncestorsUnwind(t *testing.T) {
	t.Run("from one of its cleanups it is torn down now", func(t *testing.T) {
		app := tether.NewOwner("app")
		var log trace
		first := app.NewChild("first")
		first.Defer(log.f("first"))
		app.Defer(func() {
			log.add("cleanup")
			assert.NoError(t, first.Destroy())
			assert.NoError(t, first.Destroy())
			assert.ErrorIs(t, app.Destroy(), tether.ErrPending)
			log.add("end")
		})
		require.NoError(t, app.Destroy())
		require.Equal(t, "cleanup first end", log.String())
	})
	t.Run("elsewhere it waits, but not inside a handler", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			app := tether.NewOwner("app")
			var log trace
			first := app.NewChild("first")
			first.Defer(log.f("first"))
			in, out := make(chan bool), make(chan bool)
			app.Defer(func() { close(in); <-out })
			appDone, firstDone := make(chan error), make(chan error)
			go func() { appDone <- app.Destroy() }()
			<-in
			go func() { firstDone <- first.Destroy() }()
			other := tether.NewOwner("other")
			var s tether.Signal[int]
			s.Connect(other, func(int) { assert.ErrorIs(t, first.Destroy(), tether.ErrPending) })
			s.Fire(1)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			require.ErrorIs(t, first.DestroyContext(ctx), tether.ErrPending)
			synctest.Wait()
			require.False(t, ended(first))
			close(out)
			require.NoError(t, <-firstDone)
			require.NoError(t, <-appDone)
			require.Equal(t, "first", log.String())
			require.NoError(t, other.Destroy())
		})
	})
}

func TestInterruptsUnblockAnAcceptLoop(t *testing.T) {
	app := tether.NewOwner("app")
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	app.Interrupt(func() { ln.Close() })
	accepted := make(chan error, 1)
	app.Go(func(context.Context) {
		_, err := ln.Accept()
		accepted <- err
	})
	require.NoError(t, app.Destroy())
	require.ErrorIs(t, <-accepted, net.ErrClosed)
}

func TestInterruptsRunOnceAtTheCutOffNewestFirst(t *testing.T) {
	var log trace
	o := tether.NewOwner("o")
	o.Interrupt(log.f("1"))
	c := o.NewChild("c")
	c.Interrupt(log.f("c1"))
	stop := o.Interrupt(log.f("stopped"))
	require.True(t, stop())
	require.False(t, stop())
	o.Interrupt(func() {
		log.add("2")
		assert.False(t, c.Alive(), "the whole subtree is cut off by then")
		assert.Error(t, c.Context().Err())
		o.Interrupt(log.f("at once"))
		o.Defer(log.f("late cleanup"))
	})
	o.Defer(log.f("cleanup"))
	require.NoError(t, o.Destroy())
	require.Equal(t, "2 at once c1 1 late cleanup cleanup", log.String())
	o.Interrupt(log.f("ended"))
	require.True(t, strings.HasSuffix(log.String(), " ended"))
}

func TestDeadOwnersStartNothingAndLoseNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log trace
		var s tether.Signal[int]
		o := tether.NewOwner("o")
		hold := make(chan bool)
		o.Go(func(context.Context) { <-hold })
		done := make(chan error)
		go func() { done <- o.Destroy() }()
		synctest.Wait()
		try := func(phase string) {
			require.False(t, s.Connect(o, func(int) { t.Error("called") }).Connected())
			require.False(t, s.Once(o, func(int) { t.Error("called") }).Connected())
			require.False(t, s.ConnectSelf(o, func(*tether.Connection, int) { t.Error("called") }).Connected())
			require.False(t, o.Go(func(context.Context) { t.Error("started") }))
			require.False(t, o.AfterFunc(0, func() { t.Error("started") })())
			sig := tether.NewSignal[int](o)
			require.False(t, sig.Connect(tether.NewOwner("x", tether.WithContext(t.Context())), func(int) {}).Connected())
			sig.Fire(1)
			c := o.NewChild("child")
			require.False(t, c.Alive())
			c.Defer(log.f("child of " + phase))
			o.Defer(log.f("cleanup of " + phase))
			o.Interrupt(log.f("interrupt of " + phase))
			tether.Own(o, &closer{"closer of " + phase, &log, nil})
			s.Fire(1)
		}
		try("cut")
		require.Equal(t, "interrupt of cut", log.String())
		o.Defer(func() { try("unwinding") })
		close(hold)
		require.NoError(t, <-done)
		try("ended")
		require.Equal(t, "interrupt of cut"+
			" child of unwinding cleanup of unwinding interrupt of unwinding closer of unwinding"+
			" closer of cut cleanup of cut child of cut"+
			" child of ended cleanup of ended interrupt of ended closer of ended", log.String())
		require.True(t, ended(o.NewChild("born ended")))
	})
}

func TestDestroyContextNamesWhatStillRunsAndTheTeardownGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		ann := app.NewChild("ann")
		var s tether.Signal[int]
		leave := make(chan bool)
		var entered sync.WaitGroup
		entered.Add(2)
		s.Connect(ann, func(int) { entered.Done(); <-leave })
		go s.Fire(1)
		app.Go(func(context.Context) { entered.Done(); <-leave })
		ann.AfterFunc(0, func() { <-leave })
		entered.Wait()
		synctest.Wait()
		cause := errors.New("out of patience")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, cause)
		defer cancel()
		err := app.DestroyContext(ctx)
		require.ErrorIs(t, err, tether.ErrPending)
		require.ErrorIs(t, err, cause)
		var p *tether.PendingError
		require.ErrorAs(t, err, &p)
		kinds := map[string]string{}
		for _, r := range p.Running {
			kinds[r.Kind+" of "+r.Owner] = r.Func
		}
		require.Len(t, p.Running, 3, "%v", err)
		for _, k := range []string{"handler of app/ann", "goroutine of app", "timer of app/ann"} {
			require.Contains(t, kinds[k], "TestDestroyContextNamesWhatStillRuns", k)
			require.Contains(t, kinds[k], "owner_test.go:", k)
		}
		require.Contains(t, err.Error(), "out of patience")
		close(leave)
		<-app.Ended()
		require.NoError(t, app.DestroyContext(t.Context()))
	})
}

func TestDestroyContextGivesUpOnACleanupThatBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		c := o.NewChild("c")
		leave := make(chan bool)
		c.Defer(func() { <-leave })
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err := o.DestroyContext(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		var p *tether.PendingError
		require.ErrorAs(t, err, &p)
		require.Len(t, p.Running, 1)
		require.Equal(t, "cleanup", p.Running[0].Kind)
		require.Equal(t, "o/c", p.Running[0].Owner)
		require.Contains(t, p.Running[0].Func, "TestDestroyContextGivesUp")
		close(leave)
		<-o.Ended()
	})
}

func TestDestroyContextWithAnEndedContext(t *testing.T) {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	o := tether.NewOwner("o")
	o.NewChild("c")
	var s tether.Signal[int]
	s.Connect(o, func(int) {})
	o.AfterFunc(time.Hour, func() {})
	require.NoError(t, o.DestroyContext(ended), "neither calls nor cleanups were left")

	o = tether.NewOwner("o")
	leave := make(chan bool)
	o.Defer(func() { <-leave })
	require.ErrorIs(t, o.DestroyContext(ended), tether.ErrPending)
	require.False(t, o.Alive())
	close(leave)
	<-o.Ended()
	require.NoError(t, o.DestroyContext(ended))
}

func TestCancelUnderALockThatHandlersAndCleanupsWant(t *testing.T) {
	var mu sync.Mutex
	o := tether.NewOwner("o")
	var s tether.Signal[int]
	entered := make(chan bool)
	locked := func() { mu.Lock(); defer mu.Unlock() }
	s.Connect(o, func(int) { close(entered); locked() })
	o.Defer(locked)
	o.Interrupt(locked)
	cause := errors.New("enough")
	mu.Lock()
	go s.Fire(1)
	<-entered
	o.Cancel(cause)
	o.Cancel(errors.New("too late"))
	require.False(t, o.Alive())
	require.Equal(t, cause, context.Cause(o.Context()))
	mu.Unlock()
	<-o.Ended()
	require.NoError(t, o.Destroy())
}

func TestCancelRunsNoUserCodeOnTheCaller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		var ran atomic.Int32
		o.Defer(func() { ran.Add(1) })
		o.NewChild("c").Defer(func() { ran.Add(1) })
		o.Interrupt(func() { ran.Add(1) })
		held := make(chan bool)
		o.Interrupt(func() { <-held })
		o.Cancel(nil)
		require.Zero(t, ran.Load())
		require.Equal(t, tether.ErrDestroyed, context.Cause(o.Context()))
		close(held)
		<-o.Ended()
		require.Equal(t, int32(3), ran.Load())
	})
}

func TestCancelOfAQuietOwnerIsCompleteAtOnce(t *testing.T) {
	o := tether.NewOwner("o")
	var s tether.Signal[int]
	s.Connect(o, func(int) {})
	o.Cancel(nil)
	require.True(t, ended(o))
	require.Zero(t, s.Len())
}

func TestContexts(t *testing.T) {
	type key struct{}
	base, cancel := context.WithCancelCause(context.WithValue(context.Background(), key{}, "v"))
	o := tether.NewOwner("o", tether.WithContext(base))
	c := o.NewChild("c")
	d := o.NewChild("d", tether.WithContext(context.WithValue(context.Background(), key{}, "own")))
	require.Equal(t, "v", o.Context().Value(key{}))
	require.Equal(t, "v", c.Context().Value(key{}))
	require.Equal(t, "own", d.Context().Value(key{}))
	require.True(t, c.Context() == c.Context(), "made once")
	lone := o.NewChild("lone")
	require.NoError(t, lone.Context().Err())
	require.NoError(t, lone.Destroy())
	require.Equal(t, tether.ErrDestroyed, context.Cause(lone.Context()))
	cause := errors.New("closing")
	cancel(cause)
	for _, o := range []*tether.Owner{o, c, d} {
		<-o.Ended()
		require.Equal(t, cause, context.Cause(o.Context()), o.Path())
		require.Error(t, o.Context().Err())
	}
	dead := tether.NewOwner("dead", tether.WithContext(base))
	require.True(t, ended(dead))
	require.Equal(t, cause, context.Cause(dead.Context()), "made after the cut-off")
	parent := tether.NewOwner("parent")
	require.True(t, ended(parent.NewChild("born ended", tether.WithContext(base))))
	require.Equal(t, 1, parent.Stats().Owners)
	require.NoError(t, parent.Destroy())
}

func TestAContextUnderADestroyedOwnerIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		o := tether.NewOwner("o", tether.WithContext(ctx))
		require.NoError(t, o.Destroy())
		cancel()
		synctest.Wait()
		require.Equal(t, tether.ErrDestroyed, context.Cause(o.NewChild("c").Context()))
	})
}

func TestTimers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		var log trace
		o.AfterFunc(2*time.Second, log.f("2"))
		o.AfterFunc(time.Second, log.f("1"))
		stop := o.AfterFunc(time.Second, log.f("stopped"))
		require.True(t, stop())
		require.False(t, stop())
		o.AfterFunc(time.Hour, log.f("never"))
		time.Sleep(time.Minute)
		require.Equal(t, "1 2", log.String())
		require.Equal(t, 1, o.Stats().Timers)
		require.NoError(t, o.Destroy())
		time.Sleep(2 * time.Hour)
		require.Equal(t, "1 2", log.String())
	})
}

func TestATimerOnItsWayAtTheCutOffIsWaitedForAndDoesNothing(t *testing.T) {
	for range 2000 {
		o := tether.NewOwner("o")
		destroyed := false // written after Destroy without a lock: the race detector watches
		for range 3 {
			o.AfterFunc(0, func() {
				if destroyed {
					t.Error("ran after Destroy")
				}
			})
		}
		require.NoError(t, o.Destroy())
		destroyed = true
	}
}

func TestRun(t *testing.T) {
	boom, cause := errors.New("boom"), errors.New("cause")
	t.Run("returns f's error after the cleanups", func(t *testing.T) {
		cleaned := false
		err := tether.Run(t.Context(), "run", func(o *tether.Owner) error {
			o.Defer(func() { cleaned = true })
			o.Go(func(ctx context.Context) { <-ctx.Done() })
			require.Equal(t, 1+1, o.Stats().Goroutines, "f counts as one")
			return boom
		})
		require.Equal(t, boom, err)
		require.True(t, cleaned)
	})
	t.Run("joins what closers returned", func(t *testing.T) {
		err := tether.Run(t.Context(), "run", func(o *tether.Owner) error {
			tether.Own(o, closeFunc(func() error { return cause }))
			return boom
		})
		require.ErrorIs(t, err, boom)
		require.ErrorIs(t, err, cause)
	})
	t.Run("returns the cause given to Cancel where f returned nil", func(t *testing.T) {
		run := func(ferr, cause error) error {
			return tether.Run(t.Context(), "run", func(o *tether.Owner) error {
				o.Cancel(cause)
				return ferr
			})
		}
		require.Equal(t, cause, run(nil, cause))
		require.Equal(t, boom, run(boom, cause))
		require.NoError(t, run(nil, nil))
	})
	t.Run("the end of ctx cuts off, f's return unwinds", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cleaned := false
		err := tether.Run(ctx, "run", func(o *tether.Owner) error {
			o.Defer(func() { cleaned = true })
			cancel()
			<-o.Context().Done()
			runtime.Gosched()
			require.False(t, cleaned)
			return nil
		})
		require.NoError(t, err, "the end of ctx is no error")
		require.True(t, cleaned)
	})
	t.Run("with an ended ctx f still runs, on a dead owner", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var log trace
		err := tether.Run(ctx, "run", func(o *tether.Owner) error {
			require.False(t, o.Alive())
			o.Defer(log.f("cleanup"))
			log.add("f")
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, "f cleanup", log.String())
	})
	t.Run("a panic goes on after the teardown", func(t *testing.T) {
		cleaned := false
		require.PanicsWithValue(t, "out", func() {
			_ = tether.Run(t.Context(), "run", func(o *tether.Owner) error {
				o.Defer(func() { cleaned = true })
				panic("out")
			})
		})
		require.True(t, cleaned)
	})
	t.Run("a supervised panic is reported and returned", func(t *testing.T) {
		var got []*tether.PanicError
		err := tether.Run(t.Context(), "run", func(o *tether.Owner) error {
			panic(boom)
		}, tether.WithPanicHandler(func(p *tether.PanicError) { got = append(got, p) }))
		require.ErrorIs(t, err, boom)
		require.Len(t, got, 1)
		require.Equal(t, "run", got[0].Owner)
	})
	t.Run("gives up after the grace time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			leave := make(chan bool)
			var owner *tether.Owner
			start := time.Now()
			err := tether.Run(t.Context(), "run", func(o *tether.Owner) error {
				owner = o
				o.Go(func(context.Context) { <-leave })
				return nil
			}, tether.WithGrace(3*time.Second))
			require.ErrorIs(t, err, tether.ErrPending)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, 3*time.Second, time.Since(start))
			close(leave)
			<-owner.Ended()
		})
	})
	t.Run("inside a handler it does not wait", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			o := tether.NewOwner("o")
			var s tether.Signal[int]
			leave := make(chan bool)
			s.Connect(o, func(int) {
				err := tether.Run(t.Context(), "run", func(r *tether.Owner) error {
					r.Go(func(context.Context) { <-leave })
					return nil
				})
				assert.ErrorIs(t, err, tether.ErrPending)
			})
			s.Fire(1)
			close(leave)
			require.NoError(t, o.Destroy())
		})
	})
	t.Run("f's goroutine belongs to the root", func(t *testing.T) {
		require.NoError(t, tether.Run(t.Context(), "run", func(o *tether.Owner) error {
			assert.ErrorIs(t, o.Destroy(), tether.ErrPending)
			return nil
		}))
	})
}

func TestAPanicInACleanupGoesOnWhenTheRestHasRun(t *testing.T) {
	for _, end := range []string{"panic", "Goexit"} {
		t.Run(end, func(t *testing.T) {
			var log trace
			o := tether.NewOwner("o")
			o.Defer(log.f("1"))
			c := o.NewChild("c")
			c.Defer(log.f("c1"))
			c.Defer(func() {
				log.add("boom")
				if end == "Goexit" {
					runtime.Goexit()
				}
				panic("boom")
			})
			c.Defer(log.f("c3"))
			o.Defer(log.f("3"))
			out := make(chan any)
			go func() {
				defer func() { out <- recover() }()
				o.Destroy()
				out <- "returned"
			}()
			want := any("boom")
			if end == "Goexit" {
				want = nil
			}
			require.Equal(t, want, <-out)
			require.Equal(t, "3 c3 boom c1 1", log.String())
			require.True(t, ended(o) && ended(c))
			require.NoError(t, o.Destroy())
		})
	}
}

func TestAPanicInAnInterruptGoesOnAndTheTeardownCompletes(t *testing.T) {
	var log trace
	o := tether.NewOwner("o")
	o.Defer(log.f("cleanup"))
	o.Interrupt(log.f("1"))
	o.Interrupt(func() { panic("boom") })
	require.PanicsWithValue(t, "boom", func() { o.Destroy() })
	require.Equal(t, "1 cleanup", log.String())
	require.True(t, ended(o))
}

func TestSupervisedPanicsAreReportedAndNothingStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var got []*tether.PanicError
		root := tether.NewOwner("root", tether.WithPanicHandler(func(p *tether.PanicError) {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, p)
		}))
		o := root.NewChild("child")
		bad := errors.New("bad")
		boom := func() { panic(bad) }
		var log trace
		o.Defer(log.f("last cleanup"))
		o.Defer(boom)
		tether.Own(o, closeFunc(func() error { panic(bad) }))
		o.Interrupt(log.f("last interrupt"))
		o.Interrupt(boom)
		o.Go(func(context.Context) { boom() })
		o.AfterFunc(0, boom)
		var s tether.Signal[int]
		s.Connect(o, func(int) { boom() })
		s.Connect(o, func(int) { log.add("next handler") })
		s.Connect(o, func(int) { boom() }, tether.On(tether.NewQueue(o, 2, tether.Block)))
		tether.NewSignal[int](o, tether.WhileActive(func(*tether.Owner) { boom() })).Connect(o, func(int) {})
		tether.NewHeartbeat(o, time.Second).Once(o, func(tether.Tick) { boom() })
		s.Fire(1)
		time.Sleep(time.Minute)
		require.NoError(t, root.Destroy())
		require.Equal(t, "next handler last interrupt last cleanup", log.String())
		require.Len(t, got, 9)
		for _, p := range got {
			require.ErrorIs(t, p, bad)
			require.True(t, p.Owner == "root/child" || p.Owner == "root/child/active", p.Owner)
			if !strings.Contains(p.Func, "closeFunc.Close") {
				require.Contains(t, p.Func, "TestSupervisedPanics", "%s", p.Stack)
			}
			require.Contains(t, string(p.Stack), "owner_test.go")
			require.Contains(t, p.Error(), "bad")
		}
	})
}

func TestAChildMayHaveAPanicHandlerOfItsOwn(t *testing.T) {
	var log trace
	handler := func(name string) tether.OwnerOption {
		return tether.WithPanicHandler(func(p *tether.PanicError) { log.add("%s:%v", name, p.Value) })
	}
	root := tether.NewOwner("root", handler("root"))
	own := root.NewChild("own", handler("own"))
	root.Defer(func() { panic(1) })
	own.Defer(func() { panic(2) })
	require.NoError(t, root.Destroy())
	require.Equal(t, "root:1 own:2", log.String())
}

func TestUnsupervisedPanicsWithoutAFirerCrash(t *testing.T) {
	for name, f := range map[string]func(*tether.Owner){
		"goroutine": func(o *tether.Owner) { o.Go(func(context.Context) { panic("the value") }) },
		"timer":     func(o *tether.Owner) { o.AfterFunc(0, func() { panic("the value") }) },
		"tick": func(o *tether.Owner) {
			tether.NewHeartbeat(o, time.Millisecond).Connect(o, func(tether.Tick) { panic("the value") })
		},
		"teardown of Cancel": func(o *tether.Owner) {
			o.Defer(func() { panic("the value") })
			o.Cancel(nil)
		},
		"teardown of a context": func(*tether.Owner) {
			ctx, cancel := context.WithCancel(context.Background())
			tether.NewOwner("o", tether.WithContext(ctx)).Defer(func() { panic("the value") })
			cancel()
		},
	} {
		t.Run(name, func(t *testing.T) {
			out := crash(t, func() {
				f(tether.NewOwner("o"))
				select {}
			})
			require.Contains(t, out, "panic: the value")
			require.Contains(t, out, "owner_test.go", "with its own stack")
		})
	}
}

func TestConnectRacingDestroyLeavesNothingConnected(t *testing.T) {
	for range 300 {
		o := tether.NewOwner("o")
		var s tether.Signal[int]
		late := false
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				for range 20 {
					s.Connect(o, func(int) { _ = late })
					o.NewChild("c").Defer(func() { _ = late })
					o.Go(func(context.Context) { _ = late })
				}
			})
		}
		wg.Go(func() { s.Fire(1) })
		require.NoError(t, o.Destroy())
		wg.Wait()
		require.NoError(t, o.Destroy())
		late = true
		require.Zero(t, s.Len())
		require.Equal(t, tether.Stats{}, o.Stats())
	}
}

// noContext is a nil context, which linters would not let pass as a literal.
var noContext context.Context

func TestMisuseOfOwnersPanicsBeforeAnythingChanges(t *testing.T) {
	o := tether.NewOwner("o")
	defer o.Destroy()
	var nilOwner *tether.Owner
	var zero tether.Owner
	var nilCloser *closer
	for want, f := range map[string]func(){
		"tether: NewChild with nil Owner":            func() { nilOwner.NewChild("x") },
		"tether: Destroy with nil Owner":             func() { zero.Destroy() },
		"tether: DestroyContext with nil Owner":      func() { zero.DestroyContext(t.Context()) },
		"tether: DestroyContext with nil context":    func() { o.DestroyContext(noContext) },
		"tether: Cancel with nil Owner":              func() { nilOwner.Cancel(nil) },
		"tether: Alive with nil Owner":               func() { nilOwner.Alive() },
		"tether: Ended with nil Owner":               func() { nilOwner.Ended() },
		"tether: Context with nil Owner":             func() { zero.Context() },
		"tether: Name with nil Owner":                func() { _ = zero.Name() },
		"tether: Path with nil Owner":                func() { _ = zero.Path() },
		"tether: Parent with nil Owner":              func() { nilOwner.Parent() },
		"tether: Stats with nil Owner":               func() { nilOwner.Stats() },
		"tether: Defer with nil Owner":               func() { nilOwner.Defer(func() {}) },
		"tether: Defer with nil function":            func() { o.Defer(nil) },
		"tether: Interrupt with nil Owner":           func() { nilOwner.Interrupt(func() {}) },
		"tether: Interrupt with nil function":        func() { o.Interrupt(nil) },
		"tether: Own with nil Owner":                 func() { tether.Own(nilOwner, io.NopCloser(nil)) },
		"tether: Own with nil closer":                func() { tether.Own[io.Closer](o, nil) },
		"tether: Own with nil closer ":               func() { tether.Own(o, nilCloser) },
		"tether: Go with nil Owner":                  func() { nilOwner.Go(func(context.Context) {}) },
		"tether: Go with nil function":               func() { o.Go(nil) },
		"tether: AfterFunc with nil Owner":           func() { nilOwner.AfterFunc(0, func() {}) },
		"tether: AfterFunc with nil function":        func() { o.AfterFunc(0, nil) },
		"tether: NewOwner with nil option":           func() { tether.NewOwner("x", nil) },
		"tether: NewChild with nil option":           func() { o.NewChild("x", nil) },
		"tether: WithContext with nil context":       func() { tether.WithContext(noContext) },
		"tether: WithPanicHandler with nil function": func() { tether.WithPanicHandler(nil) },
		"tether: Run with nil context":               func() { tether.Run(noContext, "x", func(*tether.Owner) error { return nil }) },
		"tether: Run with nil function":              func() { tether.Run(t.Context(), "x", nil) },
		"tether: Run with nil option": func() {
			tether.Run(t.Context(), "x", func(*tether.Owner) error { t.Error("ran"); return nil }, nil)
		},
		"tether: NewSignal with nil Owner":         func() { tether.NewSignal[int](nil) },
		"tether: NewSignal with nil option":        func() { tether.NewSignal[int](o, nil) },
		"tether: WhileActive with nil function":    func() { tether.WhileActive(nil) },
		"tether: NewHeartbeat with nil Owner":      func() { tether.NewHeartbeat(nil, 1) },
		"tether: NewHeartbeat with interval 0s":    func() { tether.NewHeartbeat(o, 0) },
		"tether: NewQueue with nil Owner":          func() { tether.NewQueue(nil, 1, tether.Block) },
		"tether: NewQueue with capacity 0":         func() { tether.NewQueue(o, 0, tether.Block) },
		"tether: NewQueue with unknown Overflow 3": func() { tether.NewQueue(o, 1, 3) },
	} {
		require.PanicsWithValue(t, strings.TrimSpace(want), f, want)
	}
	require.Equal(t, tether.Stats{Owners: 1}, o.Stats())
}

func TestAHundredThousandOwnersThreeDeepGoWithOneCall(t *testing.T) {
	root := tether.NewOwner("root")
	var s tether.Signal[int]
	var cleanups int
	n := 100
	if raceEnabled {
		n = 20
	}
	for range n {
		a := root.NewChild("a")
		for range n {
			b := a.NewChild("b")
			for range 10 {
				c := b.NewChild("c")
				s.Connect(c, func(int) {})
				c.Defer(func() { cleanups++ })
			}
		}
	}
	require.NoError(t, root.Destroy())
	require.Equal(t, n*n*10, cleanups)
	require.Zero(t, s.Len())
}

func TestRun_ItsOwnerIsAmongTheRootsWhileItRuns(t *testing.T) {
	find := func() (found []scope.Root) {
		for r := range scope.Roots() {
			if r.Name == "run of a test" {
				found = append(found, r)
			}
		}
		return found
	}
	require.NoError(t, tether.Run(t.Context(), "run of a test", func(o *tether.Owner) error {
		found := find()
		require.Len(t, found, 1)
		require.Contains(t, goroutine.FuncAt(found[0].Site), "owner_test.go")
		return nil
	}))
	require.Empty(t, find())
}
