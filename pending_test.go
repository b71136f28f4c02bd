package tether_test

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

func TestPendingError_SaysWhatItWaitsFor(t *testing.T) {
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

// A handler that a queue runs counts for two owners. Where both were destroyed
// with one call, it was reported as two handlers, and as the dump then had one
// too few, both were "unknown".
func TestPendingError_ListsAQueuedHandlerOnceAndByName(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
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
			require.Contains(t, p.Running[0].Func, "TestPendingError_ListsAQueuedHandlerOnceAndByName")
			require.Contains(t, p.Running[0].Func, "pending_test.go:")
		}
	})
}

// A dump of so many goroutines that it is read in several attempts has the
// handler that runs, wherever it stands.
func TestPendingError_NamesAHandlerAmongManyGoroutines(t *testing.T) {
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
		require.Contains(t, p.Running[0].Func, "TestPendingError_NamesAHandlerAmongManyGoroutines")
		close(hold)
		<-o.Ended()
		require.NoError(t, crowd.Destroy())
	})
}

func TestDestroyContext_NamesWhatStillRunsAndTheTeardownGoesOn(t *testing.T) {
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
			require.Contains(t, kinds[k], "TestDestroyContext_NamesWhatStillRuns", k)
			require.Contains(t, kinds[k], "pending_test.go:", k)
		}
		require.Contains(t, err.Error(), "out of patience")
		close(leave)
		<-app.Ended()
		require.NoError(t, app.DestroyContext(t.Context()))
	})
}

func TestDestroyContext_GivesUpOnACleanupThatBlocks(t *testing.T) {
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
		require.Contains(t, p.Running[0].Func, "TestDestroyContext_GivesUp")
		close(leave)
		<-o.Ended()
	})
}

func TestDestroyContext_GivesUpOnABlockedInterruptAndNamesIt(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		hold := make(chan bool)
		o.Interrupt(func() { <-hold })
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		err := o.DestroyContext(ctx)
		var pending *tether.PendingError
		require.ErrorAs(t, err, &pending)
		require.Len(t, pending.Running, 1)
		require.Equal(t, "interrupt", pending.Running[0].Kind)
		require.Contains(t, pending.Running[0].Func, "GivesUpOnABlockedInterrupt")
		close(hold)
		<-o.Ended()
	})
}

func TestDestroyContext_WithAnEndedContext(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
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
	})
}
