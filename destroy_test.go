package tether_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

func TestDestroy_WaitsForHandlersGoroutinesAndTimerFunctions(t *testing.T) {
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

func TestDestroy_OfASessionByTheGoroutineThatServesIt(t *testing.T) {
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

func TestDestroy_OneThatWaitsUnwindsItself(t *testing.T) {
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

func TestDestroy_FromManyGoroutinesRunsCleanupsOnceAndAllWait(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
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
	})
}

func TestDestroy_OfParentAndChildAtOnce(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
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
	})
}

func TestDestroy_OfAnOwnerUnwindsItWhileAnAncestorDrains(t *testing.T) {
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

func TestDestroy_DuringAnAncestorsUnwinding(t *testing.T) {
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

// A cleanup of d, which a cleanup further up had destroyed, destroyed an owner
// between the two. That one had not got its turn, so it was unwound, d again with
// it: d's older cleanups ran while a newer one still did, and d ended twice.
func TestDestroy_InNestedCleanupsUnwindsNoOwnerTwice(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
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
	})
}

// Who cancels unwinds on a goroutine of the teardown's own, also where a handler
// is the last one out, and where a Destroy inside a handler came first: a cleanup
// that waits for the end of the Fire would deadlock on the firer.
func TestDestroy_TheLastHandlerOutDoesNotUnwindWhatWasCancelled(t *testing.T) {
	for name, cut := range map[string]func(ctx context.Context, o *tether.Owner){
		"Cancel": func(_ context.Context, o *tether.Owner) { o.Cancel(nil) },
		"Destroy, then Cancel": func(_ context.Context, o *tether.Owner) {
			assert.ErrorIs(t, o.Destroy(), tether.ErrPending)
			o.Cancel(nil)
		},
		"Destroy, then DestroyContext": func(ctx context.Context, o *tether.Owner) {
			assert.ErrorIs(t, o.Destroy(), tether.ErrPending)
			go o.DestroyContext(ctx)
			synctest.Wait()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var s tether.Signal[int]
				o := tether.NewOwner("o")
				fired := make(chan bool)
				o.Defer(func() { <-fired })
				s.Connect(o, func(int) { cut(t.Context(), o) })
				s.Fire(1)
				close(fired)
				<-o.Ended()
			})
		})
	}
}

// The teardown that came due by the end of another one was unwound by a call within the
// last step of that one, which was taken again when a cleanup panicked.
func TestDestroy_ACleanupThatPanicsInATeardownThatComesDueByAnotherOnes(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
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
	})
}

func TestDestroy_IsABarrierWhileAllCoresFire(t *testing.T) {
	for _, procs := range []int{1, 2, 8} {
		t.Run(fmt.Sprintf("procs=%d", procs), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
			var s tether.Signal[int]
			stop := make(chan bool)
			var firers sync.WaitGroup
			for range 3 {
				firers.Go(func() {
					for {
						select {
						case <-stop:
							return
						default:
							s.Fire(1)
							runtime.Gosched()
						}
					}
				})
			}
			for range 1000 {
				o := tether.NewOwner("o")
				var mu sync.Mutex // keeps handlers from racing with each other, not with what follows Destroy
				plain := 0
				for i := range 3 {
					s.Connect(o, func(int) {
						mu.Lock()
						plain++
						mu.Unlock()
						if i == 0 {
							runtime.Gosched()
						}
					})
				}
				runtime.Gosched()
				require.NoError(t, o.Destroy())
				plain = -1 // a race, if a handler still runs
				_ = plain
			}
			close(stop)
			firers.Wait()
			require.Zero(t, s.Len())
		})
	}
}

func TestDestroy_OfASignalsOwnerDoesNotWaitForForeignHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, other := tether.NewOwner("o"), tether.NewOwner("other")
		s := tether.NewSignal[int](o)
		entered, leave := make(chan bool), make(chan bool)
		s.Connect(other, func(int) { close(entered); <-leave })
		go s.Fire(1)
		<-entered
		require.NoError(t, o.Destroy())
		close(leave)
		require.NoError(t, other.Destroy())
	})
}
