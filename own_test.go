package tether_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

func TestOwn_EveryDestroyReturnsWhatClosersReturned(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
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
	})
}

// What a closer returned went up only as long as the owners above were unwinding
// themselves. An owner in between, whose turn was still to come, broke the chain.
func TestOwn_AClosersErrorGoesUpToTheOwnerThatIsDestroyed(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
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
	})
}

// aBlockedReader is a pipe in which a goroutine of o reads until it is closed.
func aBlockedReader(o *tether.Owner) (closed *atomic.Int32) {
	r, w := io.Pipe()
	closed = new(atomic.Int32)
	tether.OwnBlocking(o, closeFunc(func() error {
		closed.Add(1)
		return w.Close()
	}))
	o.Go(func(context.Context) { _, _ = r.Read(make([]byte, 1)) })
	return closed
}

// odd is an error that can't be compared.
type odd []string

func (odd) Error() string { return "odd" }

type slowCloser struct{ f func() }

func (c *slowCloser) Close() error { c.f(); return nil }

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
			"before": func(o *tether.Owner) { tether.OwnBlocking(o, closeFunc(func() error { return c.err })) },
			"dead": func(o *tether.Owner) {
				o.Cancel(nil)
				ran := false
				tether.OwnBlocking(o, closeFunc(func() error { ran = true; return c.err }))
				require.True(t, ran)
			},
			"draining": func(o *tether.Owner) {
				o.Go(func(context.Context) {
					o.Cancel(nil)
					ran := false
					tether.OwnBlocking(o, closeFunc(func() error { ran = true; return c.err }))
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

func TestOwnBlocking_ReturnsItsArgumentAndIsNamedWhileItRuns(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
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
	})
}

func TestOwnBlocking_IsClosedBeforeAndOwnAfterWhatRuns(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		var said trace
		note := func(s string) io.Closer { return closeFunc(func() error { said.add("%s", s); return nil }) }
		tether.Own(o, note("own"))
		tether.OwnBlocking(o, note("blocking"))
		o.Go(func(ctx context.Context) { <-ctx.Done(); time.Sleep(time.Millisecond); said.add("goroutine") })
		require.NoError(t, o.Destroy())
		require.Equal(t, []string{"blocking", "goroutine", "own"}, said.list())
	})
}
