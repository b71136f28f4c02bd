package hook_test

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
	"github.com/seed-ec287111/tether/hook"
	"github.com/seed-ec287111/tether/inspect"
)

// ways are the ways in which a handler comes not to be called any more.
var ways = map[string]func(x *victim){
	"Disconnect":      func(x *victim) { x.conn.Disconnect() },
	"Mute":            func(x *victim) { x.conn.Mute() },
	"Destroy":         func(x *victim) { _ = x.owner.Destroy() },
	"Cancel":          func(x *victim) { x.owner.Cancel(errors.New("why")) },
	"DestroyContext":  func(x *victim) { _ = x.owner.DestroyContext(bg) },
	"ancestor":        func(x *victim) { _ = x.parent.Destroy() },
	"owner's context": func(x *victim) { x.cancel(); <-x.owner.Context().Done() },
}

// A victim is a handler that is to end.
type victim struct {
	parent, owner *tether.Owner
	cancel        context.CancelFunc
	conn          *tether.Connection
	calls         int
}

func newVictim(app *tether.Owner, k kind, in func(context.Context), opts ...tether.ConnectOption) *victim {
	x := &victim{parent: app.NewChild("parent")}
	ctx, cancel := context.WithCancel(bg)
	x.cancel = cancel
	x.owner = x.parent.NewChild("owner", tether.WithContext(ctx))
	x.conn = k.connect(x.owner, func(ctx context.Context) { x.calls++; in(ctx) }, opts...)
	return x
}

func TestEnd_WhatEndsByWhateverWayAtWhateverPlaceIsNotCalled(t *testing.T) {
	nothing := func(context.Context) {}
	for way, end := range ways {
		places := map[string]func(t *testing.T, app *tether.Owner, k kind){
			"before": func(t *testing.T, app *tether.Owner, k kind) {
				x := newVictim(app, k, nothing)
				end(x)
				require.NoError(t, k.call(bg))
				require.Zero(t, x.calls)
			},
			"in an earlier handler": func(t *testing.T, app *tether.Owner, k kind) {
				var x *victim
				k.connect(app, func(context.Context) { end(x) })
				x = newVictim(app, k, nothing)
				require.NoError(t, k.call(bg))
				require.Zero(t, x.calls)
			},
			"in an earlier handler of another priority": func(t *testing.T, app *tether.Owner, k kind) {
				x := newVictim(app, k, nothing)
				k.connect(app, func(context.Context) { end(x) }, tether.Priority(1))
				require.NoError(t, k.call(bg))
				require.Zero(t, x.calls)
			},
			"in a call within a handler": func(t *testing.T, app *tether.Owner, k kind) {
				var x *victim
				depth := 0
				k.connect(app, func(context.Context) {
					if depth++; depth == 1 {
						require.NoError(t, k.call(bg))
					} else {
						end(x)
					}
				})
				x = newVictim(app, k, nothing)
				require.NoError(t, k.call(bg))
				require.Zero(t, x.calls)
			},
			"in itself": func(t *testing.T, app *tether.Owner, k kind) {
				var x *victim
				x = newVictim(app, k, func(context.Context) { end(x) })
				others := 0
				k.connect(app, func(context.Context) { others++ })
				_ = k.call(bg) // a link whose context has ended by that runs nothing more
				require.NoError(t, k.call(bg))
				require.Equal(t, 1, x.calls)
				require.GreaterOrEqual(t, others, 1)
			},
			"on another goroutine": func(t *testing.T, app *tether.Owner, k kind) {
				var x *victim
				k.connect(app, func(context.Context) {
					done := make(chan struct{})
					go func() { defer close(done); end(x) }()
					<-done
				})
				x = newVictim(app, k, nothing)
				require.NoError(t, k.call(bg))
				require.Zero(t, x.calls)
			},
		}
		for place, test := range places {
			t.Run(way+" "+place, func(t *testing.T) {
				each(t, func(t *testing.T, k kind) {
					app := newApp(t)
					test(t, app, k)
					_ = app.Destroy()
					require.Zero(t, k.len(), "after the end of all")
				})
			})
		}
	}
}

// The race detector proves the barrier: the write after Destroy races with the one of a
// handler that Destroy has not waited for.
func TestDestroy_IsABarrierForEveryKindOfCall(t *testing.T) {
	rounds := 2000
	if testing.Short() {
		rounds = 300
	}
	each(t, func(t *testing.T, k kind) {
		app := newApp(t)
		for range rounds {
			o := app.NewChild("o")
			plain, cleaned := 0, false
			o.Defer(func() { cleaned = true })
			k.connect(o, func(context.Context) {
				if cleaned {
					t.Error("called after the cleanups")
				}
				plain++
				runtime.Gosched()
				plain++
			})
			var wg sync.WaitGroup
			started := make(chan struct{})
			wg.Go(func() {
				close(started)
				for range 3 {
					_ = k.call(bg)
				}
			})
			<-started
			runtime.Gosched()
			require.NoError(t, o.Destroy())
			plain++
			require.True(t, cleaned)
			wg.Wait()
		}
	})
}

// A link is running for its owner as long as what its next runs, though that belongs to
// others.
func TestDestroy_WaitsForALinkInProgressAndForWhatItsNextRuns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := newApp(t)
		outer, inner := app.NewChild("outer"), app.NewChild("inner")
		var c hook.Chain[int, int]
		var steps []string
		var mu sync.Mutex
		step := func(s string) {
			mu.Lock()
			defer mu.Unlock()
			steps = append(steps, s)
		}
		c.Use(outer, func(ctx context.Context, in int, next func(context.Context, int) (int, error)) (int, error) {
			defer step("outer link returns")
			return next(ctx, in)
		})
		c.Use(inner, func(ctx context.Context, in int, next func(context.Context, int) (int, error)) (int, error) {
			defer step("inner link returns")
			return next(bg, in)
		})
		outer.Defer(func() { step("outer cleanup") })
		inner.Defer(func() { step("inner cleanup") })
		release := make(chan struct{})
		go func() {
			_, _ = c.Run(bg, 1, func(context.Context, int) (int, error) { <-release; step("last returns"); return 1, nil })
			step("Run returns")
		}()
		synctest.Wait()
		require.Equal(t, 1, inspect.Of(outer).Handlers)
		require.Equal(t, 1, inspect.Of(inner).Handlers)
		go func() { _ = inner.Destroy(); step("inner destroyed") }()
		synctest.Wait()
		go func() { _ = outer.Destroy(); step("outer destroyed") }()
		synctest.Wait()
		require.False(t, outer.Alive())
		ctx, cancel := context.WithTimeout(bg, time.Second)
		defer cancel()
		err := outer.DestroyContext(ctx)
		var pending *tether.PendingError
		require.ErrorAs(t, err, &pending)
		require.Len(t, pending.Running, 1)
		require.Equal(t, "handler", pending.Running[0].Kind)
		require.Empty(t, steps)
		close(release)
		synctest.Wait()
		require.Equal(t, "last returns", steps[0])
		require.Equal(t, "inner link returns", steps[1])
		at := func(s string) int {
			for i, x := range steps {
				if x == s {
					return i
				}
			}
			t.Fatalf("no %q in %q", s, steps)
			return 0
		}
		require.Less(t, at("inner link returns"), at("inner cleanup"))
		require.Less(t, at("outer link returns"), at("outer cleanup"))
		require.Less(t, at("outer cleanup"), at("outer destroyed"))
		require.Less(t, at("inner cleanup"), at("inner destroyed"))
	})
}

// In a handler Destroy does not wait, and the last one out completes it.
func TestDestroy_InsideAHandlerCutsOffAndIsCompletedBeforeTheCallReturns(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		app := newApp(t)
		o := app.NewChild("o")
		ended := false
		o.Defer(func() { ended = true })
		k.connect(o, func(context.Context) {
			require.Equal(t, tether.ErrPending, o.Destroy())
			require.False(t, ended)
		})
		_ = k.call(bg)
		require.True(t, ended)
		require.NoError(t, o.Destroy())
	})
}

// Two handlers that destroy each other's owners do not wait for each other.
func TestDestroy_HandlersMayDestroyEachOthersOwners(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		for range 200 {
			app := newApp(t)
			a, b := app.NewChild("a"), app.NewChild("b")
			other := kinds(nil)[0]
			k.connect(a, func(context.Context) { _ = b.Destroy() })
			other.connect(b, func(context.Context) { _ = a.Destroy() })
			var wg sync.WaitGroup
			wg.Go(func() { _ = k.call(bg) })
			wg.Go(func() { _ = other.call(bg) })
			wg.Wait()
			require.NoError(t, a.Destroy())
			require.NoError(t, b.Destroy())
		}
	})
}

// The teardown of an owner completes, cleanups and all, when its handler has returned and
// before the next one is called. What these end is not called either.
func TestEnd_WhatACleanupEndsBetweenTwoHandlersIsNotCalled(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		app := newApp(t)
		a, b := app.NewChild("a"), app.NewChild("b")
		a.Defer(func() { _ = b.Destroy() })
		k.connect(a, func(context.Context) { _ = a.Destroy() })
		k.connect(b, func(context.Context) { t.Error("called") })
		_ = k.call(bg)
		require.False(t, b.Alive())
	})
}

// A report names the handler itself, and not what stands between.
func TestDestroy_PendingErrorNamesTheHandlerThatIsWaitedFor(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		synctest.Test(t, func(t *testing.T) {
			app := newApp(t)
			o := app.NewChild("o")
			release := make(chan struct{})
			k.connect(o, func(context.Context) { stuck(release) })
			go func() { _ = k.call(bg) }()
			synctest.Wait()
			ctx, cancel := context.WithCancel(bg)
			time.AfterFunc(time.Second, cancel)
			var pending *tether.PendingError
			require.ErrorAs(t, o.DestroyContext(ctx), &pending)
			require.Len(t, pending.Running, 1)
			require.Equal(t, "app/o", pending.Running[0].Owner)
			require.Contains(t, pending.Running[0].Func, "hook_test.", "the function that the test has connected")
			close(release)
			require.NoError(t, o.Destroy())
			cancel()
		})
	})
}

//go:noinline
func stuck(release chan struct{}) { <-release }

// Disconnecting while others call is a race that may be lost, but not by a call that begins
// after it.
func TestEnd_NoCallThatBeginsAfterDisconnectCallsTheHandler(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		app := newApp(t)
		for range 300 {
			var gone, late atomic.Bool
			var wg sync.WaitGroup
			c := k.connect(app, func(context.Context) {
				if gone.Load() {
					late.Store(true)
				}
			})
			wg.Go(func() { _ = k.call(bg) })
			wg.Go(func() { c.Disconnect() })
			wg.Wait()
			gone.Store(true)
			require.NoError(t, k.call(bg))
			require.False(t, late.Load())
		}
	})
}
