package tether_test

import (
	"context"
	"errors"
	"io"
	"runtime"
	"testing"
	"testing/synctest"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
)

// The tests of this file each kill mutants of the library that all other tests
// let live, see verify/MUTANTS.md.

func TestAPendingErrorSaysWhatItWaitsFor(t *testing.T) {
	var e tether.PendingError
	require.EqualError(t, &e, "tether: teardown pending")
	e.Running = []tether.Running{{Owner: "app", Kind: "goroutine", Func: "main.f (x.go:1)"}}
	require.EqualError(t, &e, "tether: teardown pending: waiting for goroutine main.f (x.go:1) of app")
	e.Running = append(e.Running, tether.Running{Owner: "app/a", Kind: "timer", Func: "unknown"})
	require.EqualError(t, &e, "tether: teardown pending: waiting for goroutine main.f (x.go:1) of app, timer unknown of app/a")

	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("app")
		hold := make(chan bool)
		o.Go(func(context.Context) { <-hold })
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(io.EOF)
		require.ErrorContains(t, o.DestroyContext(ctx), "tether: teardown pending: EOF: waiting for goroutine github.com/")
		close(hold)
		<-o.Ended()
	})
}

// The contexts of Run are two where WithContext gives another: both end the
// owner, and the values are those of the first.
func TestRunIsBoundToBothItsContexts(t *testing.T) {
	type key struct{}
	cause := errors.New("also")
	synctest.Test(t, func(t *testing.T) {
		also, cancel := context.WithCancelCause(t.Context())
		ctx := context.WithValue(t.Context(), key{}, "of ctx")
		require.NoError(t, tether.Run(ctx, "run", func(o *tether.Owner) error {
			require.Equal(t, "of ctx", o.Context().Value(key{}))
			cancel(cause)
			<-o.Context().Done()
			require.Equal(t, cause, context.Cause(o.Context()))
			return nil
		}, tether.WithContext(also)))
	})
}

// Who cancels unwinds on a goroutine of the teardown's own, also where a handler
// is the last one out, and where a Destroy inside a handler came first: a cleanup
// that waits for the end of the Fire would deadlock on the firer.
func TestTheLastHandlerOutDoesNotUnwindWhatWasCancelled(t *testing.T) {
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

// A handler must not be told that a teardown is pending, by whatever verb, if
// nothing of the target runs.
func TestInsideAHandlerDestroyContextIsDestroy(t *testing.T) {
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

// What a panicking handler had connected was called by the rest of its own Fire,
// where both stood in one block.
func TestAFireThatGoesOnAfterAPanicKeepsItsSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s tether.Signal[int]
		o := tether.NewOwner("o")
		defer o.Destroy()
		var calls []string
		s.Once(o, func(int) {
			s.Connect(o, func(int) { calls = append(calls, "late") })
			panic("p")
		})
		s.Connect(o, func(int) { calls = append(calls, "rest") })
		require.PanicsWithValue(t, "p", func() { s.Fire(1) })
		require.Equal(t, []string{"rest"}, calls)
	})
}

// A firer that a full queue holds is no call of the connection's owner: nothing
// of that runs.
func TestAHeldFirerDoesNotCountAsACall(t *testing.T) {
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

// One announcement serves the values of one owner that stand next to each other
// in a queue, and not those of the next owner.
func TestAQueuedHandlerRunsForItsOwnOwnerAlone(t *testing.T) {
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

// A Once on a queue is over when its value is queued, and with it the activity
// of its signal.
func TestTheActivityEndsWhenTheLastOnceIsSpentOnAQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		var active *tether.Owner
		s := tether.NewSignal[int](o, tether.WhileActive(func(a *tether.Owner) { active = a }))
		q := tether.NewQueue(o, 10, tether.Block, tether.Manual())
		s.Once(o, func(int) {}, tether.On(q))
		require.True(t, active.Alive())
		s.Fire(1)
		require.False(t, active.Alive())
		require.Equal(t, 1, q.Drain())
		require.NoError(t, o.Destroy())
	})
}

// A queue that dies while a connection on it is being made, as WhileActive's
// function ends it, did not know the connection yet.
func TestAQueueThatDiesDuringAConnectEndsTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, ofQueue := tether.NewOwner("o"), tether.NewOwner("of the queue")
		q := tether.NewQueue(ofQueue, 10, tether.Block)
		s := tether.NewSignal[int](o, tether.WhileActive(func(*tether.Owner) { require.NoError(t, ofQueue.Destroy()) }))
		c := s.Connect(o, func(int) {}, tether.On(q))
		require.False(t, c.Connected())
		require.Zero(t, s.Len())
		require.NoError(t, o.Destroy())
	})
}

// What a live queue may hold of connections that are over: nothing. Each case
// ends one, by which the closure and the Connection must be garbage.
func TestAQueueHoldsNothingOfAConnectionThatIsOver(t *testing.T) {
	for name, end := range map[string]func(s *tether.Signal[int], q *tether.Queue, owner *tether.Owner, h func(int)) *tether.Connection{
		"refused": func(s *tether.Signal[int], q *tether.Queue, owner *tether.Owner, h func(int)) *tether.Connection {
			owner.Destroy()
			return s.Connect(owner, h, tether.On(q))
		},
		"disconnected": func(s *tether.Signal[int], q *tether.Queue, owner *tether.Owner, h func(int)) *tether.Connection {
			c := s.Connect(owner, h, tether.On(q))
			c.Disconnect()
			return c
		},
		"spent": func(s *tether.Signal[int], q *tether.Queue, owner *tether.Owner, h func(int)) *tether.Connection {
			c := s.Once(owner, h, tether.On(q))
			s.Fire(1)
			q.Drain()
			return c
		},
	} {
		t.Run(name, func(t *testing.T) {
			o, owner := tether.NewOwner("o"), tether.NewOwner("owner")
			defer o.Destroy()
			defer owner.Destroy()
			var s tether.Signal[int]
			q := tether.NewQueue(o, 10, tether.Block, tether.Manual())
			h, gone := capture()
			w := weak.Make(end(&s, q, owner, h))
			for range 20 { // a signal keeps a few of the dead until their block is copied
				s.Connect(o, func(int) {}).Disconnect()
			}
			collect(t, "the closure", gone)
			collect(t, "the connection", func() bool { return w.Value() == nil })
			runtime.KeepAlive(q)
			runtime.KeepAlive(&s)
		})
	}
}

// A dead queue owes nobody anything, not even those whose value it has dropped.
func TestADeadQueueHoldsNothingOfItsConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, owner := tether.NewOwner("o"), tether.NewOwner("owner")
		defer owner.Destroy()
		var s tether.Signal[int]
		q := tether.NewQueue(o, 10, tether.Block, tether.Manual())
		h1, gone1 := capture()
		h2, gone2 := capture()
		w1, w2 := weak.Make(s.Connect(owner, h1, tether.On(q))), weak.Make(s.Once(owner, h2, tether.On(q)))
		s.Fire(1)
		require.NoError(t, o.Destroy())
		for range 20 {
			s.Connect(owner, func(int) {}).Disconnect()
		}
		collect(t, "the closure of a connection", gone1)
		collect(t, "the closure of a spent one", gone2)
		collect(t, "a connection", func() bool { return w1.Value() == nil })
		collect(t, "a spent one", func() bool { return w2.Value() == nil })
		runtime.KeepAlive(q)
		runtime.KeepAlive(&s)
	})
}

// A value is garbage when its handler has returned, or has been passed by,
// though its connection goes on.
func TestAQueueForgetsAValueThatHasBeenHandled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		defer o.Destroy()
		var s tether.Signal[*payload]
		q := tether.NewQueue(o, 10, tether.Block, tether.Manual())
		c := s.Connect(o, func(*payload) {}, tether.On(q))
		fire := func() weak.Pointer[payload] {
			p := new(payload)
			s.Fire(p)
			return weak.Make(p)
		}
		w := fire()
		require.Equal(t, 1, q.Drain())
		collect(t, "a value that was handled", func() bool { return w.Value() == nil })
		w = fire()
		c.Mute()
		require.Zero(t, q.Drain())
		collect(t, "a value that was passed by", func() bool { return w.Value() == nil })
		require.True(t, c.Connected())
		runtime.KeepAlive(q)
	})
}

// A signal keeps nobody from finding its owner lost. If it is used thereafter,
// an activity has a parent all the same.
func TestAnActivityOfALostOwnersSignalHasAParent(t *testing.T) {
	captureLogs(t)
	var parent *tether.Owner
	s := func() *tether.Signal[int] {
		return tether.NewSignal[int](tether.NewOwner("lost"), tether.WhileActive(func(a *tether.Owner) { parent = a.Parent() }))
	}()
	for range 3 {
		runtime.GC()
	}
	o := tether.NewOwner("o")
	s.Connect(o, func(int) {})
	require.NotNil(t, parent)
	require.Equal(t, "lost", parent.Name())
	require.NoError(t, o.Destroy())
	require.NoError(t, parent.Destroy())
}

// A flush waits for the oldest value that was queued before it, however the
// places of others come and go.
func TestAFlushIsNotOverBeforeTheOldestOfItsValuesIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		q := tether.NewQueue(o, 10, tether.Block, tether.Manual())
		var signals [3]tether.Signal[int]
		var conns [3]*tether.Connection
		for i := range signals {
			conns[i] = signals[i].Connect(o, func(int) {}, tether.On(q))
		}
		signals[0].Fire(1)
		flushed := false
		go func() {
			assert.NoError(t, q.Flush(t.Context()))
			flushed = true
		}()
		synctest.Wait()
		signals[1].Fire(2)
		signals[2].Fire(3)
		conns[2].Disconnect()
		synctest.Wait()
		require.False(t, flushed, "its value is pending")
		require.Equal(t, 2, q.Drain())
		synctest.Wait()
		require.True(t, flushed)
		require.NoError(t, o.Destroy())
	})
}

// A connection of a lower priority, made during a Fire, stands in a block that
// the Fire comes by, all of which is too young for it.
func TestAConnectionOfALowerPriorityMadeDuringAFireIsNotCalledByIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s tether.Signal[int]
		o := tether.NewOwner("o")
		defer o.Destroy()
		var calls []int
		s.Connect(o, func(v int) {
			if v == 1 {
				s.Connect(o, func(v int) { calls = append(calls, v) }, tether.Priority(-1))
			}
		})
		s.Fire(1)
		require.Empty(t, calls)
		s.Fire(2)
		require.Equal(t, []int{2}, calls)
	})
}

// A dump of so many goroutines that it is read in several attempts has the
// handler that runs, wherever it stands.
func TestAHandlerIsNamedAmongManyGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		crowd, o := tether.NewOwner("crowd"), tether.NewOwner("o")
		hold := make(chan bool)
		for range 1500 {
			crowd.Go(func(context.Context) { <-hold })
		}
		synctest.Wait()
		var s tether.Signal[int]
		s.Connect(o, func(int) { <-hold })
		go s.Fire(1)
		synctest.Wait()
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		var p *tether.PendingError
		require.ErrorAs(t, o.DestroyContext(ended), &p)
		require.Len(t, p.Running, 1)
		require.Contains(t, p.Running[0].Func, "TestAHandlerIsNamedAmongManyGoroutines")
		close(hold)
		<-o.Ended()
		require.NoError(t, crowd.Destroy())
	})
}

// Flushes are released one by one, in the order of what they wait for; one that
// gives up takes no other with it.
func TestFlushesEndOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		q := tether.NewQueue(o, 10, tether.Block)
		var s tether.Signal[int]
		holds := []chan bool{make(chan bool), make(chan bool), make(chan bool)}
		s.Connect(o, func(v int) { <-holds[v] }, tether.On(q))
		ctx, cancel := context.WithCancel(t.Context())
		var got []string
		flush := func(name string, ctx context.Context) {
			go func() {
				if err := q.Flush(ctx); err != nil {
					name += ": " + err.Error()
				}
				got = append(got, name)
			}()
			synctest.Wait()
		}
		for v := range holds {
			s.Fire(v)
			flush([]string{"a", "b", "c"}[v], t.Context())
		}
		flush("d", ctx)
		cancel()
		synctest.Wait()
		require.Equal(t, []string{"d: context canceled"}, got)
		for v, want := range []string{"a", "b", "c"} {
			close(holds[v])
			synctest.Wait()
			require.Equal(t, want, got[len(got)-1])
			require.Len(t, got, v+2)
		}
		require.NoError(t, o.Destroy())
	})
}

// A goroutine that would wait for itself is told so by the plain error: nothing
// was given up on.
func TestAnOwnedGoroutineIsToldThatItsOwnersEndIsPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		var err error
		o.Go(func(context.Context) { err = o.DestroyContext(t.Context()) })
		<-o.Ended()
		require.Equal(t, tether.ErrPending, err)
	})
}
