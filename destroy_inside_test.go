package tether_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

func TestDestroy_InsideWhatRunsReturnsPendingAndTheLastOneOutCompletes(t *testing.T) {
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

func TestDestroy_InsideAHandlerOfAQuietOwnerIsComplete(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
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
	})
}

// A handler must not be told that a teardown is pending, by whatever verb, if
// nothing of the target runs.
func TestDestroyContext_InsideAHandlerIsDestroy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s tether.Signal[int]
		o, other := tether.NewOwner("o"), tether.NewOwner("other")
		defer o.Destroy()
		unwound := false
		other.Defer(func() { unwound = true })
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		s.Connect(o, func(int) {
			require.NoError(t, other.DestroyContext(ended))
			require.True(t, unwound)
		})
		s.Fire(1)
	})
}

func TestDestroy_APendingTeardownCompletesBeforeAnotherOwnersHandlerRuns(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
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
	})
}

func TestDestroy_InACleanupInsideAFireMayBeOfTheNextHandlersOwner(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		a, b := tether.NewOwner("a"), tether.NewOwner("b")
		var s tether.Signal[int]
		a.Defer(func() { assert.NoError(t, b.Destroy(), "nothing of b runs yet") })
		s.Connect(a, func(int) { a.Destroy() })
		s.Connect(b, func(int) { t.Error("b's handler ran after its Destroy") })
		s.Fire(1)
		require.True(t, ended(b))
	})
}

func TestDestroy_InNestedFiresCompletesWithTheOutermostCall(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
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
	})
}

func TestDestroy_TwoHandlersThatDestroyEachOthersOwnersDoNotDeadlock(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
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
	})
}

func TestDestroy_TwoGoroutinesThatDestroyEachOthersOwnersDoNotDeadlock(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
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
	})
}

func TestDestroy_ACircleOfThreeGoroutinesDoesNotDeadlock(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
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
	})
}

func TestDestroy_ByAnOwnedGoroutineOfItsOwnerCompletesWhenItReturns(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
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
	})
}

// A goroutine that would wait for itself is told so by the plain error: nothing
// was given up on.
func TestDestroyContext_AnOwnedGoroutineIsToldThatItsOwnersEndIsPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		var err error
		o.Go(func(context.Context) { err = o.DestroyContext(t.Context()) })
		<-o.Ended()
		require.Equal(t, tether.ErrPending, err)
	})
}

// What an iterator's puller is in can't be seen from the iterator. It hung there.
func TestDestroy_InAPulledIteratorDoesNotWait(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		var s tether.Signal[int]
		var err error
		s.Connect(o, func(int) {
			next, stop := iter.Pull(func(func(int) bool) { err = o.Destroy() })
			defer stop()
			next()
		})
		s.Fire(1)
		require.ErrorIs(t, err, tether.ErrPending)
		<-o.Ended()

		idle := tether.NewOwner("idle")
		next, stop := iter.Pull(func(func(int) bool) { err = idle.Destroy() })
		defer stop()
		next()
		require.NoError(t, err, "where nothing runs it is complete, as ever")
	})
}

// The code that calls handlers exists once for each shape of values, and each must be
// known as such, or Destroy inside a handler waits for itself.
func TestDestroy_InAHandlerOfAnyTypeOfValueDoesNotWait(t *testing.T) {
	destroysInside(t, 1)
	destroysInside(t, "text")
	destroysInside(t, new(int))
	destroysInside(t, struct{ a, b, c string }{})
	destroysInside(t, [3]int{})
	destroysInside[any](t, nil)
	destroysInside(t, func() {})
	destroysInside(t, []byte(nil))
	destroysInside(t, struct{}{})
	destroysInside(t, make(chan int))
	destroysInside(t, &struct{ x []int }{})
	destroysInside(t, map[string]int{})
}

func destroysInside[T any](t *testing.T, v T) {
	connects := map[string]func(s *tether.Signal[T], o *tether.Owner, h func(T), opts ...tether.ConnectOption){
		"Connect": func(s *tether.Signal[T], o *tether.Owner, h func(T), opts ...tether.ConnectOption) {
			s.Connect(o, h, opts...)
		},
		"Once": func(s *tether.Signal[T], o *tether.Owner, h func(T), opts ...tether.ConnectOption) {
			s.Once(o, h, opts...)
		},
		"ConnectSelf": func(s *tether.Signal[T], o *tether.Owner, h func(T), opts ...tether.ConnectOption) {
			s.ConnectSelf(o, func(_ *tether.Connection, v T) { h(v) }, opts...)
		},
	}
	for name, connect := range connects {
		for _, first := range []bool{true, false} { // the short way, and the one after it
			o := tether.NewOwner("o")
			var s tether.Signal[T]
			if !first {
				s.Connect(tether.NewOwner("other", tether.WithContext(t.Context())), func(T) {}, tether.Priority(1))
			}
			calls := 0
			connect(&s, o, func(T) {
				calls++
				require.ErrorIs(t, o.Destroy(), tether.ErrPending, "%s of %T", name, v)
			})
			s.Fire(v)
			<-o.Ended()
			require.Equal(t, 1, calls)
		}
		o := tether.NewOwner("o")
		var s tether.Signal[T]
		connect(&s, o, func(T) {
			require.ErrorIs(t, o.Destroy(), tether.ErrPending, "%s of %T on a queue", name, v)
		}, tether.On(tether.NewQueue(o, 1, tether.DropNewest)))
		s.Fire(v)
		<-o.Ended()
	}
}

// The same for a deferred Destroy can't be told from one in a deferred call of the handler
// itself: it does not wait, and the last one out completes the teardown.
func TestDestroy_DeferredUnderAHandlersPanicDoesNotWait(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		hold := make(chan bool)
		o.Go(func(context.Context) { <-hold })
		var err error
		require.Panics(t, func() {
			defer func() { err = o.Destroy() }()
			var s tether.Signal[int]
			s.Connect(o, func(int) { panic("handler") })
			s.Fire(1)
		})
		require.ErrorIs(t, err, tether.ErrPending)
		close(hold)
		require.NoError(t, o.Destroy())
	})
}
