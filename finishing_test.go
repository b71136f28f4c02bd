package tether_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/stretchr/testify/require"
)

// aBlockedReader is a pipe in which a goroutine of o reads until it is closed.
func aBlockedReader(o *tether.Owner) (closed *atomic.Int32) {
	r, w := io.Pipe()
	closed = new(atomic.Int32)
	tether.OwnBlocking(o, closing(func() error {
		closed.Add(1)
		return w.Close()
	}))
	o.Go(func(context.Context) { _, _ = r.Read(make([]byte, 1)) })
	return closed
}

func TestOwnBlocking_UnblocksWhatTheTeardownWaitsForHoweverItBegins(t *testing.T) {
	for name, end := range map[string]func(root, o *tether.Owner, stop func()){
		"Destroy":        func(_, o *tether.Owner, _ func()) { require.NoError(t, o.Destroy()) },
		"ancestor":       func(root, _ *tether.Owner, _ func()) { require.NoError(t, root.Destroy()) },
		"DestroyContext": func(_, o *tether.Owner, _ func()) { require.NoError(t, o.DestroyContext(context.Background())) },
		"Cancel":         func(_, o *tether.Owner, _ func()) { o.Cancel(nil) },
		"context":        func(_, _ *tether.Owner, stop func()) { stop() },
		"failure": func(_, o *tether.Owner, _ func()) {
			o.GoErr(func(context.Context) error { return io.EOF })
		},
		"handler": func(_, o *tether.Owner, _ func()) {
			var s tether.Signal[int]
			s.Connect(o, func(int) { require.ErrorIs(t, o.Destroy(), tether.ErrPending) })
			s.Fire(1)
		},
		"goroutine": func(_, o *tether.Owner, _ func()) {
			o.Go(func(context.Context) { require.ErrorIs(t, o.Destroy(), tether.ErrPending) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, stop := context.WithCancel(context.Background())
			defer stop()
			root := tether.NewOwner("root")
			o := root.NewChild("o", tether.WithContext(ctx))
			closed := aBlockedReader(o)
			end(root, o, stop)
			waitFor(t, o)
			require.EqualValues(t, 1, closed.Load())
			require.NoError(t, root.Destroy())
			require.EqualValues(t, 1, closed.Load())
		})
	}
}

func TestOwnBlocking_AnErrorIsTheOwnersUnlessItSaysThatItWasClosed(t *testing.T) {
	real := errors.New("disk full")
	for _, c := range []struct {
		err  error
		told bool
	}{
		{nil, false},
		{real, true},
		{net.ErrClosed, false},
		{os.ErrClosed, false},
		{io.ErrClosedPipe, false},
		{&net.OpError{Op: "close", Err: net.ErrClosed}, false},
		{&os.PathError{Op: "close", Err: os.ErrClosed}, false},
		{fmt.Errorf("shutdown: %w", io.ErrClosedPipe), false},
		{errors.Join(net.ErrClosed, os.ErrClosed), false},
		{errors.Join(net.ErrClosed, real), true},
		{fmt.Errorf("%w and %w", real, net.ErrClosed), true},
		{fmt.Errorf("%w and %w", io.ErrClosedPipe, net.ErrClosed), false},
		{context.Canceled, true},
		{odd{"a"}, true},
	} {
		for name, own := range map[string]func(o *tether.Owner){
			"before": func(o *tether.Owner) { tether.OwnBlocking(o, closing(func() error { return c.err })) },
			"dead": func(o *tether.Owner) {
				o.Cancel(nil)
				ran := false
				tether.OwnBlocking(o, closing(func() error { ran = true; return c.err }))
				require.True(t, ran)
			},
			"draining": func(o *tether.Owner) {
				o.Go(func(context.Context) {
					o.Cancel(nil)
					ran := false
					tether.OwnBlocking(o, closing(func() error { ran = true; return c.err }))
					require.True(t, ran)
				})
			},
		} {
			o := tether.NewOwner("o")
			own(o)
			if name != "before" {
				<-o.Ended()
			}
			if err := o.Destroy(); c.told {
				require.Equal(t, c.err, err, name)
			} else {
				require.NoError(t, err, "%s: %v", name, c.err)
			}
		}
	}
}

// odd is an error that can't be compared.
type odd []string

func (odd) Error() string { return "odd" }

func TestOwnBlocking_ReturnsItsArgumentAndIsNamedWhileItRuns(t *testing.T) {
	o := tether.NewOwner("o")
	var c *slowCloser
	begun, goOn := make(chan bool), make(chan bool)
	c = &slowCloser{func() { close(begun); <-goOn }}
	require.Same(t, c, tether.OwnBlocking(o, c))
	ctx, cancel := context.WithCancel(context.Background())
	go func() { <-begun; cancel() }()
	err := o.DestroyContext(ctx)
	var pending *tether.PendingError
	require.ErrorAs(t, err, &pending)
	require.Equal(t, []tether.Running{{Owner: "o", Kind: "interrupt", Func: "(*tether_test.slowCloser).Close"}}, pending.Running)
	close(goOn)
	<-o.Ended()
}

type slowCloser struct{ f func() }

func (c *slowCloser) Close() error { c.f(); return nil }

func TestOwnBlocking_IsClosedBeforeAndOwnAfterWhatRuns(t *testing.T) {
	o := tether.NewOwner("o")
	var said steps
	note := func(s string) io.Closer { return closing(func() error { said.add("%s", s); return nil }) }
	tether.Own(o, note("own"))
	tether.OwnBlocking(o, note("blocking"))
	o.Go(func(ctx context.Context) { <-ctx.Done(); time.Sleep(time.Millisecond); said.add("goroutine") })
	require.NoError(t, o.Destroy())
	require.Equal(t, []string{"blocking", "goroutine", "own"}, said.list())
}

func TestGoErr_TheFirstErrorEndsTheOwner(t *testing.T) {
	first := errors.New("first")
	o := tether.NewOwner("o")
	require.True(t, o.GoErr(func(context.Context) error { return nil }))
	require.True(t, o.GoErr(func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }))
	require.True(t, o.GoErr(func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }))
	require.True(t, o.GoErr(func(ctx context.Context) error { <-ctx.Done(); return net.ErrClosed }))
	require.True(t, o.GoErr(func(ctx context.Context) error {
		<-ctx.Done()
		return errors.Join(fmt.Errorf("read: %w", net.ErrClosed), fmt.Errorf("told: %w", ctx.Err()))
	}))
	require.True(t, o.Alive())
	require.True(t, o.GoErr(func(context.Context) error { return first }))
	<-o.Ended()
	require.Equal(t, first, context.Cause(o.Context()))
	require.Equal(t, first, o.Destroy())
	require.False(t, o.GoErr(func(context.Context) error { panic("it started") }))
}

func TestGoErr_EveryRealErrorIsJoined(t *testing.T) {
	first, second, third := errors.New("first"), errors.New("second"), errors.New("third")
	o := tether.NewOwner("o")
	later := make(chan bool)
	o.GoErr(func(ctx context.Context) error { <-ctx.Done(); defer close(later); return second })
	o.GoErr(func(ctx context.Context) error { <-later; return errors.Join(third, ctx.Err()) })
	o.GoErr(func(context.Context) error { return first })
	<-o.Ended()
	err := o.Destroy()
	require.Equal(t, first, context.Cause(o.Context()))
	for _, e := range []error{first, second, third} {
		require.ErrorIs(t, err, e)
	}
}

func TestGoErr_OfConcurrentErrorsOneIsTheCauseAndAllAreTold(t *testing.T) {
	for range 200 {
		o := tether.NewOwner("o")
		all := make([]error, 4)
		for i := range all {
			all[i] = fmt.Errorf("error %d", i)
			o.GoErr(func(context.Context) error { return all[i] })
		}
		<-o.Ended()
		err := o.Destroy()
		n := 0
		for _, e := range all { // those that began before the end
			if errors.Is(err, e) {
				n++
			}
		}
		require.Positive(t, n)
		require.ErrorIs(t, err, context.Cause(o.Context()))
	}
}

func TestGoErr_AChildsErrorIsTheChildsUnlessItEndsWithItsParent(t *testing.T) {
	reason := errors.New("reason")
	root := tether.NewOwner("root")
	child := root.NewChild("child")
	child.GoErr(func(context.Context) error { return reason })
	<-child.Ended()
	require.Equal(t, reason, context.Cause(child.Context()))
	require.True(t, root.Alive())
	another := root.NewChild("another")
	another.GoErr(func(ctx context.Context) error { <-ctx.Done(); return reason })
	require.Equal(t, reason, root.Destroy())
}

func TestGoErr_RunReturnsItOnce(t *testing.T) {
	reason := errors.New("reason")
	fails := func(app *tether.Owner) {
		app.GoErr(func(context.Context) error { return reason })
		<-app.Context().Done()
	}
	for _, opts := range [][]tether.OwnerOption{nil, {tether.Staged()}} {
		err := tether.Run(context.Background(), "app", func(app *tether.Owner) error {
			fails(app)
			return nil
		}, opts...)
		require.Equal(t, reason, err)
		err = tether.Run(context.Background(), "app", func(app *tether.Owner) error {
			fails(app)
			return context.Cause(app.Context())
		}, opts...)
		require.Equal(t, reason, err)
		err = tether.Run(context.Background(), "app", func(app *tether.Owner) error {
			fails(app)
			return io.EOF
		}, opts...)
		require.ErrorIs(t, err, io.EOF)
		require.ErrorIs(t, err, reason)
	}
}

func TestGoErr_RunThatGivesUpTellsIt(t *testing.T) {
	reason := errors.New("reason")
	release := make(chan bool)
	var root *tether.Owner
	err := tether.Run(context.Background(), "app", func(app *tether.Owner) error {
		root = app
		app.Go(func(context.Context) { <-release })
		app.GoErr(func(context.Context) error { return reason })
		<-app.Context().Done()
		return nil
	}, tether.WithGrace(time.Millisecond))
	require.ErrorIs(t, err, reason)
	require.ErrorIs(t, err, tether.ErrPending)
	close(release)
	<-root.Ended()
}

func TestGoErr_IsNamedByTheUsersFunctionAndSupervised(t *testing.T) {
	var got *tether.PanicError
	o := tether.NewOwner("o", tether.WithPanicHandler(func(p *tether.PanicError) { got = p }))
	o.GoErr(func(context.Context) error { panic("oh") })
	release := make(chan bool)
	o.GoErr(func(context.Context) error { <-release; return nil })
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	err := o.DestroyContext(ctx)
	require.ErrorContains(t, err, "goroutine github.com/seed-ec287111/tether_test.TestGoErr_IsNamedByTheUsersFunctionAndSupervised.func")
	close(release)
	<-o.Ended()
	require.Equal(t, "oh", got.Value)
	require.Contains(t, got.Func, "TestGoErr_IsNamedByTheUsersFunctionAndSupervised")
}

func TestCloseInTurn_ASignalMayBeFiredUntilItsTurn(t *testing.T) {
	hub, outside := tether.NewOwner("hub"), tether.NewOwner("outside")
	var said steps
	var s *tether.Signal[string]
	hub.Defer(func() {
		s.Fire("too late")
		require.False(t, s.Connect(outside, func(string) {}).Connected())
		require.Zero(t, s.Len())
	})
	s = tether.NewSignal[string](hub, tether.CloseInTurn())
	hub.Defer(func() { s.Fire("cleanup") })
	hub.Go(func(ctx context.Context) {
		<-ctx.Done()
		s.Fire("goroutine")
	})
	s.Connect(outside, func(v string) { said.add("%s", v) })
	s.Connect(hub, func(v string) { said.add("own: %s", v) })
	s.Fire("alive")
	require.NoError(t, hub.Destroy())
	require.Equal(t, []string{"alive", "own: alive", "goroutine", "cleanup"}, said.list())
	require.Zero(t, outside.Stats().Connections)
	require.NoError(t, outside.Destroy())
}

func TestCloseInTurn_ActiveLivesUntilTheSignalsTurnHoweverTheEndBegins(t *testing.T) {
	for name, end := range map[string]func(root, hub, outside *tether.Owner){
		"Destroy":        func(_, hub, _ *tether.Owner) { _ = hub.Destroy() },
		"ancestor":       func(root, _, _ *tether.Owner) { _ = root.Destroy() },
		"Cancel":         func(_, hub, _ *tether.Owner) { hub.Cancel(nil) },
		"DestroyContext": func(_, hub, _ *tether.Owner) { _ = hub.DestroyContext(context.Background()) },
		"its handler": func(_, hub, _ *tether.Owner) {
			var q tether.Signal[int]
			q.Connect(hub, func(int) { require.ErrorIs(t, hub.Destroy(), tether.ErrPending) })
			q.Fire(1)
		},
		"another handler": func(_, hub, outside *tether.Owner) {
			var q tether.Signal[int]
			q.Connect(outside, func(int) { _ = hub.Destroy() })
			q.Fire(1)
		},
		"another cleanup": func(_, hub, outside *tether.Owner) {
			o := outside.NewChild("o")
			o.Defer(func() { _ = hub.Destroy() })
			_ = o.Destroy()
		},
		"a goroutine of another": func(_, hub, outside *tether.Owner) {
			outside.Go(func(context.Context) { _ = hub.Destroy() })
		},
		"stages": func(root, _, _ *tether.Owner) { _ = root.Destroy() },
	} {
		t.Run(name, func(t *testing.T) {
			var opts []tether.OwnerOption
			if name == "stages" {
				opts = append(opts, tether.Staged())
			}
			root, outside := tether.NewOwner("root"), tether.NewOwner("outside")
			hub := root.NewChild("hub", opts...)
			var said steps
			var active *tether.Owner
			hub.Defer(func() { said.add("before: %v", active.Alive()) })
			s := tether.NewSignal[int](hub, tether.CloseInTurn(), tether.WhileActive(func(o *tether.Owner) {
				active = o
				require.Equal(t, "root/hub/signal/active", o.Path())
				require.Same(t, hub, o.Parent().Parent())
				o.Defer(func() { said.add("active cleaned") })
				o.Go(func(ctx context.Context) { <-ctx.Done(); runtime.Gosched(); said.add("active told") })
			}))
			hub.Defer(func() { said.add("after: %v", active.Alive()) })
			s.Connect(outside, func(int) {})
			end(root, hub, outside)
			waitFor(t, hub)
			require.Equal(t, []string{"after: true", "active told", "active cleaned", "before: false"}, said.list())
			<-active.Ended()
			require.NoError(t, root.Destroy())
			require.NoError(t, outside.Destroy())
		})
	}
}

func TestCloseInTurn_ADestroyBeforeItsTurnLeavesTheSignalToItsTurn(t *testing.T) {
	root, outside := tether.NewOwner("root"), tether.NewOwner("outside")
	hub := root.NewChild("hub")
	var said steps
	s := tether.NewSignal[int](hub, tether.CloseInTurn(), tether.WhileActive(func(o *tether.Owner) {
		o.Go(func(ctx context.Context) { <-ctx.Done(); time.Sleep(time.Millisecond); said.add("active") })
	}))
	hub.Defer(func() { said.add("hub") })
	s.Connect(outside, func(int) {})
	root.Defer(func() {
		said.add("root: %v", errors.Is(hub.Destroy(), tether.ErrPending))
	})
	require.NoError(t, root.Destroy())
	require.Equal(t, []string{"hub", "root: true", "active"}, said.list())
	<-hub.Ended()
	require.NoError(t, outside.Destroy())
}

func TestCloseInTurn_GoroutinesThatWaitForEachOthersOwnersDoNotHang(t *testing.T) {
	for range 50 {
		hub, outside := tether.NewOwner("hub"), tether.NewOwner("outside")
		begin := make(chan bool)
		s := tether.NewSignal[int](hub, tether.CloseInTurn(), tether.WhileActive(func(o *tether.Owner) {
			o.Go(func(ctx context.Context) { <-begin; _ = outside.Destroy() })
		}))
		s.Connect(outside.NewChild("listener"), func(int) {})
		outside.Go(func(context.Context) { <-begin; _ = hub.Destroy() })
		close(begin)
		waitFor(t, hub)
		waitFor(t, outside)
	}
}

func TestCloseInTurn_ErrorsAndPanicsOfActiveAreThoseOfTheOwner(t *testing.T) {
	hub, outside := tether.NewOwner("hub"), tether.NewOwner("outside")
	reason := errors.New("reason")
	s := tether.NewSignal[int](hub, tether.CloseInTurn(), tether.WhileActive(func(o *tether.Owner) {
		tether.Own(o, closing(func() error { return reason }))
		o.Defer(func() { panic("oh") })
	}))
	s.Connect(outside, func(int) {})
	require.PanicsWithValue(t, "oh", func() { _ = hub.Destroy() })
	require.Equal(t, reason, hub.Destroy())
	require.NoError(t, outside.Destroy())
}

func TestCloseInTurn_OnADeadOwnerTheSignalIsClosed(t *testing.T) {
	hub := tether.NewOwner("hub")
	outside := tether.NewOwner("outside")
	defer outside.Destroy()
	hub.Defer(func() {
		s := tether.NewSignal[int](hub, tether.CloseInTurn())
		require.False(t, s.Connect(outside, func(int) {}).Connected())
	})
	require.NoError(t, hub.Destroy())
	s := tether.NewSignal[int](hub, tether.CloseInTurn())
	require.False(t, s.Connect(outside, func(int) {}).Connected())
}

func TestCloseInTurn_FiredAndConnectedWhileItEnds(t *testing.T) {
	for range 200 {
		hub, outside := tether.NewOwner("hub"), tether.NewOwner("outside")
		var made, gone atomic.Int32
		s := tether.NewSignal[int](hub, tether.CloseInTurn(), tether.WhileActive(func(o *tether.Owner) {
			made.Add(1)
			o.Defer(func() { gone.Add(1) })
		}))
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				for range 10 {
					c := s.Connect(outside, func(int) {})
					s.Fire(1)
					c.Disconnect()
				}
			})
		}
		wg.Go(func() { _ = hub.Destroy() })
		wg.Wait()
		require.Equal(t, made.Load(), gone.Load(), "an active owner outlives the owner of the signal")
		require.Zero(t, hub.Stats())
		require.NoError(t, outside.Destroy())
	}
}

func TestUnattended_IsNotReportedWhenItIsGarbage(t *testing.T) {
	var lost atomic.Int32
	defer tether.OnLost(func(l tether.Lost) {
		if l.Name == "attended" {
			lost.Add(1)
		} else {
			lost.Add(100)
		}
	})()
	func() {
		tether.NewOwner("unattended", tether.Unattended()).NewChild("child", tether.Unattended())
		tether.NewOwner("attended")
	}()
	for lost.Load() == 0 {
		runtime.GC()
		time.Sleep(time.Millisecond)
	}
	runtime.GC()
	require.EqualValues(t, 1, lost.Load())

	o := tether.NewOwner("o", tether.Unattended())
	require.NoError(t, o.Destroy())
}
