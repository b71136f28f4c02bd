package pool_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/testkit"
	"github.com/seed-ec287111/tether/pool"
)

// whileCut cancels root, and calls f between the moment from which on root and its
// children are seen dead and the one at which the children's contexts end.
func whileCut(t *testing.T, root *tether.Owner, cause error, f func()) {
	t.Helper()
	called := false
	require.True(t, handle.Scope("test", root).OnCut(func() {}, func() {
		called = true
		f()
	}))
	root.Cancel(cause)
	require.True(t, called)
	<-root.Ended()
}

// Acquire looked at the error of the owner's context, which is set some time after
// the owner is seen dead: it lent to a dead owner, or from a dead pool.
func TestPool_RefusesForWhomeverIsSeenDead(t *testing.T) {
	why := errors.New("why")
	f, app, _ := things(t)
	root := app.NewChild("root")
	owner, home := root.NewChild("owner"), root.NewChild("home")
	open := pool.New(app, f.make, pool.Prewarm(1))
	closed := pool.New(home, f.make, pool.Prewarm(1))
	ctx := owner.Context()
	whileCut(t, root, why, func() {
		require.False(t, owner.Alive())
		require.NoError(t, ctx.Err(), "too late to tell")
		l, err := open.Acquire(t.Context(), owner)
		require.Equal(t, why, err)
		require.Nil(t, l)
		l, err = closed.Acquire(t.Context(), app)
		require.ErrorIs(t, err, pool.ErrClosed)
		require.ErrorIs(t, err, why)
		require.Nil(t, l)
		require.Equal(t, pool.Stats{}, pool.New(home, f.make, pool.Prewarm(1)).Stats(), "born closed")
	})
	_, err := closed.Acquire(t.Context(), app)
	require.ErrorIs(t, err, why)
	require.Len(t, f.things, 2)
}

// An item that comes back while the waiting owner is being cut off goes on to the
// next, as for the owner it would be too late.
func TestPool_HandsOnAnItemWhoseWaiterIsSeenDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, app, p := things(t, pool.Limit(1))
		root := app.NewChild("root")
		owner := root.NewChild("owner")
		held := acquire(t, p, app)
		var failed, err error
		go func() { _, failed = p.Acquire(t.Context(), owner) }()
		synctest.Wait()
		var next *pool.Lease[*thing]
		go func() { next, err = p.Acquire(t.Context(), app) }()
		synctest.Wait()
		require.Equal(t, 2, p.Stats().Waiting)
		whileCut(t, root, nil, func() { held.Release() })
		synctest.Wait()
		require.Equal(t, tether.ErrDestroyed, failed)
		require.NoError(t, err)
		next.Release()
		conserved(t, p, 1)
	})
}

func TestPool_ResetsNothingOnceItIsSeenDead(t *testing.T) {
	f, app, _ := things(t)
	home := app.NewChild("home")
	p := pool.New(home, f.make, pool.Reset(reset), pool.Dispose(dispose))
	l := acquire(t, p, app)
	whileCut(t, home, nil, func() { l.Release() })
	require.Equal(t, thing{id: 1, dispose: 1}, *f.things[0])
}

type closer func() error

func (c closer) Close() error { return c() }

// Acquire waited inside a cleanup of the owner that had the last item: for an
// unwinding that waited for it.
func TestPool_DoesNotWaitInsideACleanup(t *testing.T) {
	for name, within := range map[string]func(o *tether.Owner, f func()){
		"Defer":     func(o *tether.Owner, f func()) { o.Defer(f) },
		"Own":       func(o *tether.Owner, f func()) { tether.Own(o, closer(func() error { f(); return nil })) },
		"Interrupt": func(o *tether.Owner, f func()) { o.Interrupt(f) },
		"a late Defer": func(o *tether.Owner, f func()) {
			o.Defer(func() { o.NewChild("late").Defer(f) })
		},
		"a handler below": func(o *tether.Owner, f func()) {
			other := tether.NewOwner("other")
			var s tether.Signal[int]
			s.Connect(other, func(int) { f() })
			o.Defer(func() { s.Fire(1); other.Destroy() })
		},
		"a deep stack": func(o *tether.Owner, f func()) {
			var down func(n int)
			down = func(n int) {
				if n == 0 {
					f()
					return
				}
				down(n - 1)
			}
			o.Defer(func() { down(1000) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, app, p := things(t, pool.Limit(1))
				holder := app.NewChild("holder")
				acquire(t, p, holder)
				var err error
				calls := 0
				within(holder, func() {
					calls++
					_, err = p.Acquire(t.Context(), app)
				})
				require.NoError(t, holder.Destroy()) // hung
				require.Equal(t, 1, calls)
				require.Equal(t, tether.ErrPending, err)
				require.Equal(t, pool.Stats{Idle: 1, Made: 1}, p.Stats())
			})
		})
	}
}

func TestPool_DoesNotWaitInsideAnInterruptThatCameLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, app, p := things(t, pool.Limit(1))
		acquire(t, p, app)
		o := app.NewChild("o")
		o.Destroy()
		var err error
		o.Interrupt(func() { _, err = p.Acquire(t.Context(), app) })
		require.Equal(t, tether.ErrPending, err)
		require.Zero(t, p.Stats().Waiting)
	})
}

func TestPool_LendsInsideACleanupWhatIsThere(t *testing.T) {
	_, app, p := things(t, pool.Limit(1))
	o := app.NewChild("o")
	var errs [3]error
	o.Defer(func() {
		for i := range errs { // a new one, then the idle one
			var l *pool.Lease[*thing]
			if l, errs[i] = p.Acquire(t.Context(), app); l != nil {
				l.Release()
			}
		}
	})
	o.Destroy()
	require.Equal(t, [3]error{}, errs)
}

func TestPool_WaitsInsideAHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, app, p := things(t, pool.Limit(1))
		held := acquire(t, p, app)
		var s tether.Signal[int]
		var err error
		s.Connect(app, func(int) { _, err = p.Acquire(t.Context(), app) })
		done := make(chan bool)
		go func() { defer close(done); s.Fire(1) }()
		app.AfterFunc(time.Hour, func() { held.Release() })
		<-done
		require.NoError(t, err)
	})
}

// A lost owner's cleanup may refer to the owner. Whoever holds the pool must not
// hold the cleanup.
func TestPool_HidesNoLostRootWhoseCleanupRefersToIt(t *testing.T) {
	defer tether.OnLost(func(tether.Lost) {})()
	var p *pool.Pool[*thing]
	lost := make(chan bool)
	func() {
		app := tether.NewOwner("forgotten")
		app.Defer(func() { app.Name() })
		p = pool.New(app, new(factory).make, pool.Prewarm(1))
		runtime.AddCleanup(app, func(c chan bool) { close(c) }, lost)
	}()
	testkit.Collect(t, "the lost root", func() bool {
		select {
		case <-lost:
			return true
		case <-time.After(time.Millisecond):
			return false
		}
	})
	require.Equal(t, 1, p.Stats().Idle)
}

// The stack of one panic carried the next, and so on.
func TestPool_DisposesOfAllHoweverManyPanic(t *testing.T) {
	const n = 5000
	app := tether.NewOwner("app")
	k, deepest := 0, 0
	p := pool.New(app, func() (int, error) { return 0, nil }, pool.Prewarm(n), pool.Dispose(func(int) {
		k++
		deepest = max(deepest, runtime.Callers(0, make([]uintptr, 4096)))
		panic(k)
	}))
	require.PanicsWithValue(t, n, func() { app.Destroy() })
	require.Equal(t, pool.Stats{Made: n, Disposed: n}, p.Stats())
	require.Less(t, deepest, 1000)
}

// endWaits returns how long it takes to end n waits by their context.
func endWaits(n int, wait func(context.Context), waiting func() int) time.Duration {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() { wait(ctx) })
	}
	for waiting() < n {
		runtime.Gosched()
	}
	return testkit.CPU(func() {
		cancel()
		wg.Wait()
	})
}

// Each wait takes its place out of a long line, beside what the same number of bare
// waits takes.
func TestPool_EndsWaitsInConstantTimeEach(t *testing.T) {
	const n = 16_000
	app := tether.NewOwner("app")
	defer app.Destroy()
	p := pool.New(app, func() (int, error) { return 1, nil }, pool.Limit(1))
	held := acquire(t, p, app)
	ours := func() time.Duration {
		return endWaits(n, func(ctx context.Context) {
			if _, err := p.Acquire(ctx, app); err == nil {
				t.Error("got an item that is held")
			}
		}, func() int { return p.Stats().Waiting })
	}
	bare := func() time.Duration {
		var waiting atomic.Int64
		turn := make(chan int)
		return endWaits(n, func(ctx context.Context) {
			waiting.Add(1)
			select {
			case <-turn:
			case <-app.Ended():
			case <-ctx.Done():
			}
		}, func() int { return int(waiting.Load()) })
	}
	a, b := min(bare(), bare(), bare()), min(ours(), ours(), ours())
	require.Less(t, b, 10*a, "%d waits: %v, bare ones: %v", n, b, a)
	require.Zero(t, p.Stats().Waiting)
	require.True(t, held.Release())
	conserved(t, p, 1)
}
