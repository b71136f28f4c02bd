package hook_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/hook"
	"github.com/seed-ec287111/tether/inspect"
)

var (
	errCaller = errors.New("the caller's end")
	errOwner  = errors.New("the owner's end")
)

// asked is how a handler may have looked at its context before the end comes: what is made
// on demand must say the same, whenever that was.
var asked = map[string]func(ctx context.Context) (derived context.Context, cancel func()){
	"not at all": func(ctx context.Context) (context.Context, func()) { return ctx, func() {} },
	"by Done":    func(ctx context.Context) (context.Context, func()) { ctx.Done(); return ctx, func() {} },
	"by deriving": func(ctx context.Context) (context.Context, func()) {
		return context.WithCancel(ctx)
	},
	"by deriving a value": func(ctx context.Context) (context.Context, func()) {
		return context.WithValue(ctx, key{}, "derived"), func() {}
	},
	"by deriving for a time": func(ctx context.Context) (context.Context, func()) {
		return context.WithTimeout(ctx, 24*time.Hour)
	},
}

func TestContext_EndsWithTheFirstOfTheTwoAndHasItsCause(t *testing.T) {
	for how, ask := range asked {
		for _, first := range []string{"caller", "owner"} {
			t.Run(how+", the "+first+" first", func(t *testing.T) {
				each(t, func(t *testing.T, k kind) {
					app := newApp(t)
					o := app.NewChild("o")
					caller, end := context.WithCancelCause(context.WithValue(bg, key{}, "value"))
					ends := []func(){func() { end(errCaller) }, func() { o.Cancel(errOwner) }}
					want := errCaller
					if first == "owner" {
						ends[0], ends[1] = ends[1], ends[0]
						want = errOwner
					}
					called := false
					k.connect(o, func(ctx context.Context) {
						called = true
						require.Equal(t, "value", ctx.Value(key{}))
						derived, cancel := ask(ctx)
						defer cancel()
						require.NoError(t, derived.Err())
						require.NoError(t, context.Cause(derived))
						for _, f := range ends {
							f()
						}
						for _, ctx := range []context.Context{derived, ctx} {
							require.Equal(t, want, context.Cause(ctx))
							require.Equal(t, context.Canceled, ctx.Err())
							select {
							case <-ctx.Done():
							default:
								t.Error("Done is not closed, though Err is not nil")
							}
							require.Equal(t, want, context.Cause(ctx), "after Done")
						}
						later, cancel := context.WithCancel(ctx)
						defer cancel()
						require.Equal(t, want, context.Cause(later))
					})
					_ = k.call(caller)
					require.True(t, called)
				})
			})
		}
	}
}

func TestContext_AHandlerThatBlocksLetsGoWhenItsOwnerIsDestroyed(t *testing.T) {
	type contexts map[string]func() (context.Context, context.CancelFunc)
	for name, make := range (contexts{
		"without end":            func() (context.Context, context.CancelFunc) { return bg, func() {} },
		"with values alone":      func() (context.Context, context.CancelFunc) { return context.WithValue(bg, key{}, 1), func() {} },
		"with an end":            func() (context.Context, context.CancelFunc) { return context.WithCancel(bg) },
		"with a deadline":        func() (context.Context, context.CancelFunc) { return context.WithTimeout(bg, time.Hour) },
		"of the user's own kind": func() (context.Context, context.CancelFunc) { return newOwn(), func() {} },
		"of an owner": func() (context.Context, context.CancelFunc) {
			o := tether.NewOwner("x")
			return o.Context(), func() { o.Destroy() }
		},
		"without end any more": func() (context.Context, context.CancelFunc) {
			c, f := context.WithCancel(bg)
			return context.WithoutCancel(c), f
		},
		"to be done some time": func() (context.Context, context.CancelFunc) { return context.TODO(), func() {} },
		"with a function for end": func() (context.Context, context.CancelFunc) {
			c, f := context.WithCancel(bg)
			context.AfterFunc(c, func() {})
			return c, f
		},
	}) {
		t.Run(name, func(t *testing.T) {
			each(t, func(t *testing.T, k kind) {
				synctest.Test(t, func(t *testing.T) {
					app := newApp(t)
					o := app.NewChild("o")
					ctx, cancel := make()
					defer cancel()
					var cause error
					k.connect(o, func(ctx context.Context) { <-ctx.Done(); cause = context.Cause(ctx) })
					go func() { _ = k.call(ctx) }()
					synctest.Wait()
					require.NoError(t, o.Destroy())
					require.Equal(t, tether.ErrDestroyed, cause)
				})
			})
		})
	}
}

// own is a context as users write them, of a type that can't be compared.
type own struct {
	context.Context
	notComparable []int
	done          chan struct{}
}

// A meddler is a context that does something when it is asked.
type meddler struct {
	context.Context
	err, done func()
}

func (m *meddler) Err() error {
	if m.err != nil {
		m.err()
	}
	return m.Context.Err()
}

func (m *meddler) Done() <-chan struct{} {
	if m.done != nil {
		m.done()
	}
	return m.Context.Done()
}

// A cut-off that comes between the decision to call a handler and the making of its
// context, which is what asks the caller's here.
func TestContext_HasEndedIfTheOwnerWasCutOffJustBefore(t *testing.T) {
	for _, k := range kinds(nil)[:3] { // a Run asks before it decides
		app := newApp(t)
		o := app.NewChild("o")
		asked := 0
		caller := &meddler{Context: context.WithValue(bg, key{}, 1), err: func() {
			if asked++; asked == 2 { // the first time is before all
				o.Cancel(errOwner)
			}
		}}
		called := false
		k.connect(o, func(ctx context.Context) {
			called = true
			require.Equal(t, errOwner, context.Cause(ctx))
			require.Equal(t, context.Canceled, ctx.Err())
		})
		require.NoError(t, k.call(caller))
		require.True(t, called)
	}
}

// The inner context is made twice if two ask at once, and one of the two is used.
func TestContext_IsOneThoughItIsMadeTwice(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		app := newApp(t)
		base, cancel := context.WithCancel(bg)
		defer cancel()
		caller := &meddler{Context: base}
		k.connect(app, func(ctx context.Context) {
			var first <-chan struct{}
			caller.done = func() {
				caller.done = nil
				first = ctx.Done()
			}
			require.Equal(t, ctx.Done(), ctx.Done())
			require.Equal(t, first, ctx.Done())
		})
		require.NoError(t, k.call(caller))
	})
}

// The closing comes after it was asked whether the hook has closed.
func TestClose_AHookThatClosesAtTheLastMomentSaysSo(t *testing.T) {
	app := newApp(t)
	for i := range kinds(nil) {
		o := app.NewChild("o")
		k := kinds(o)[i]
		k.connect(app, func(context.Context) { t.Error("called") })
		require.Equal(t, hook.ErrClosed, k.call(&meddler{Context: bg, err: func() { _ = o.Destroy() }}), k.name)
	}
}

func newOwn() own                   { return own{bg, nil, make(chan struct{})} }
func (o own) Done() <-chan struct{} { return o.done }
func (o own) Err() error {
	select {
	case <-o.done:
		return errCaller
	default:
		return nil
	}
}

func TestContext_AHandlerThatBlocksLetsGoWhenTheCallersEnds(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		synctest.Test(t, func(t *testing.T) {
			app := newApp(t)
			ctx, cancel := context.WithTimeoutCause(bg, time.Minute, errCaller)
			defer cancel()
			k.connect(app, func(ctx context.Context) {
				<-ctx.Done()
				require.Equal(t, context.DeadlineExceeded, ctx.Err())
				require.Equal(t, errCaller, context.Cause(ctx))
				derived, cancel := context.WithTimeout(ctx, time.Hour)
				defer cancel()
				require.Equal(t, context.DeadlineExceeded, derived.Err())
			})
			k.connect(app, func(context.Context) { t.Error("called, though the context has ended") })
			began := time.Now()
			require.Equal(t, errCaller, k.call(ctx))
			require.Equal(t, time.Minute, time.Since(began))
		})
		t.Run("of the user's own kind", func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app := newApp(t)
				ctx := newOwn()
				k.connect(app, func(ctx context.Context) { <-ctx.Done(); require.Equal(t, errCaller, ctx.Err()) })
				c := k.connect(app, func(context.Context) { t.Error("called, though the context has ended") })
				defer c.Disconnect()
				time.AfterFunc(time.Second, func() { close(ctx.done) })
				require.Equal(t, errCaller, k.call(ctx))
			})
		})
	})
}

func TestContext_TheDeadlineIsTheEarlierOne(t *testing.T) {
	now := time.Now()
	deadline := func(d time.Duration) (context.Context, context.CancelFunc) {
		if d == 0 {
			return context.WithCancel(bg)
		}
		return context.WithDeadline(bg, now.Add(d))
	}
	for _, c := range []struct{ caller, owner, want time.Duration }{
		{0, 0, 0}, {1, 0, 1}, {0, 1, 1}, {1, 2, 1}, {2, 1, 1},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			each(t, func(t *testing.T, k kind) {
				ofOwner, stop := deadline(c.owner * time.Hour)
				defer stop()
				o := tether.NewOwner("o", tether.WithContext(ofOwner))
				defer o.Destroy()
				ctx, cancel := deadline(c.caller * time.Hour)
				defer cancel()
				k.connect(o, func(ctx context.Context) {
					d, ok := ctx.Deadline()
					require.Equal(t, c.want > 0, ok)
					if ok {
						require.Equal(t, now.Add(c.want*time.Hour), d)
					}
				})
				require.NoError(t, k.call(ctx))
			})
		})
	}
}

// Everybody was asked: there is nobody whom the end could have stopped.
func TestContext_OneThatEndsInTheLastHandlerStopsNothing(t *testing.T) {
	for _, k := range kinds(nil)[:3] {
		app := newApp(t)
		ctx, cancel := context.WithCancel(bg)
		k.connect(app, func(context.Context) { cancel() })
		require.NoError(t, k.call(ctx), k.name)
	}
}

func TestContext_OneThatHasEndedStopsTheCallBeforeTheNextHandler(t *testing.T) {
	each(t, func(t *testing.T, k kind) {
		app := newApp(t)
		ended, end := context.WithCancelCause(bg)
		end(errCaller)
		require.Equal(t, errCaller, k.call(ended), "though nobody is there")
		ctx, end := context.WithCancelCause(bg)
		k.connect(app, func(context.Context) { end(errCaller) })
		k.connect(app, func(context.Context) { t.Error("called, though the context has ended") })
		require.Equal(t, errCaller, k.call(ctx))
	})
	app := newApp(t)
	var c hook.Chain[int, int]
	ctx, end := context.WithCancelCause(bg)
	c.Use(app, func(ctx context.Context, in int, next func(context.Context, int) (int, error)) (int, error) {
		end(errCaller)
		return next(ctx, in)
	})
	_, err := c.Run(ctx, 1, func(context.Context, int) (int, error) { t.Error("last called"); return 0, nil })
	require.Equal(t, errCaller, err)
}

// What is answered before the end counts.
func TestContext_AnAnswerIsReturnedThoughItEndsWhileThatIsGiven(t *testing.T) {
	app := newApp(t)
	var h hook.Hook[int, int]
	ctx, cancel := context.WithCancel(bg)
	h.Handle(app, func(context.Context, int) (int, error) { cancel(); return 7, nil })
	n, err := h.First(ctx, 1)
	require.NoError(t, err)
	require.Equal(t, 7, n)
}

func TestContext_HandlersOfOneOwnerGetOneInACall(t *testing.T) {
	ctx, cancel := context.WithCancel(bg)
	defer cancel()
	for i, k := range kinds(nil) {
		app := newApp(t)
		var owners []*tether.Owner
		for range 20 {
			owners = append(owners, app.NewChild("o"))
		}
		got := map[*tether.Owner]context.Context{}
		for round := range 3 {
			for _, o := range owners {
				k.connect(o, func(ctx context.Context) {
					if round > 0 && i < 3 { // in a chain the caller's is another one, that of the link before
						require.Same(t, got[o], ctx, k.name)
					}
					require.NoError(t, ctx.Err())
					got[o] = ctx
				})
			}
		}
		require.NoError(t, k.call(ctx))
		seen := map[context.Context]bool{}
		for _, c := range got {
			require.False(t, seen[c], k.name)
			seen[c] = true
			require.Error(t, c.Err(), "the call is over")
		}
		clear(got)
		require.NoError(t, k.call(bg))
		if i < 3 {
			require.Same(t, owners[3].Context(), got[owners[3]], k.name)
		}
	}

	app := newApp(t)
	o := app.NewChild("o")
	var c hook.Chain[int, int]
	var got []context.Context
	for range 3 {
		c.Use(o, func(ctx context.Context, in int, next func(context.Context, int) (int, error)) (int, error) {
			got = append(got, ctx)
			return next(ctx, in)
		})
	}
	_, err := c.Run(ctx, 1, answer(1, nil))
	require.NoError(t, err)
	require.Same(t, got[0], got[1])
	require.Same(t, got[0], got[2])
}

// A context that was kept ends with the call that it was made for: it holds nothing in the
// caller's, nor in the owner.
func TestContext_EndsWithTheCallAndLeavesNothing(t *testing.T) {
	for how, ask := range asked {
		t.Run(how, func(t *testing.T) {
			each(t, func(t *testing.T, k kind) {
				app := newApp(t)
				caller, cancel := context.WithCancel(bg)
				defer cancel()
				var kept []context.Context
				k.connect(app, func(ctx context.Context) {
					derived, _ := ask(ctx) // not cancelled: its parent's end is to do that
					kept = append(kept, ctx, derived)
				})
				require.NoError(t, k.call(caller))
				for _, ctx := range kept {
					require.Equal(t, context.Canceled, ctx.Err())
					<-ctx.Done()
					require.Equal(t, context.Canceled, context.Cause(ctx))
				}
				require.NoError(t, caller.Err())
				require.Empty(t, inspect.Of(app).Signals)
				require.Equal(t, tether.Stats{Owners: 1, Connections: 1}, app.Stats())
			})
		})
	}
}

func TestContext_OneFromInsideAHandlerMayBeUsedForAnotherCall(t *testing.T) {
	each(t, func(t *testing.T, outer kind) {
		for _, inner := range kinds(nil) {
			app := newApp(t)
			a, b := app.NewChild("a"), app.NewChild("b")
			var h hook.Veto[int]
			caller, end := context.WithCancelCause(context.WithValue(bg, key{}, 7))
			outer.connect(a, func(ctx context.Context) {
				require.NoError(t, inner.call(ctx))
				require.NoError(t, ctx.Err(), "the end of the inner call")
				require.NoError(t, h.Ask(ctx, 1))
			})
			inner.connect(b, func(ctx context.Context) { require.Equal(t, 7, ctx.Value(key{})) })
			h.Handle(b, func(ctx context.Context, _ int) error {
				a.Cancel(errOwner)
				require.Equal(t, errOwner, context.Cause(ctx), "the end of the owner of who calls")
				end(errCaller)
				require.Equal(t, errOwner, context.Cause(ctx))
				return nil
			})
			_ = outer.call(caller)
			outer = kinds(nil)[0]
		}
	})
}

// It ends with the outer call.
func TestContext_OfAHandlerGoesOnAsItIsToOthersOfItsOwner(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var outer, inner hook.Hook[int, int]
	var given, passed context.Context
	inner.Handle(app, func(ctx context.Context, _ int) (int, error) { passed = ctx; return 1, nil })
	outer.Handle(app, func(ctx context.Context, _ int) (int, error) {
		given = ctx
		defer func() { require.NoError(t, passed.Err()) }()
		return inner.First(ctx, 1)
	})
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	_, err := outer.First(ctx, 1)
	require.NoError(t, err)
	require.Equal(t, given, passed)
	require.Error(t, passed.Err())
}
