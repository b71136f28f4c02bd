package hook_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/hook"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newApp(t *testing.T) *tether.Owner {
	app := tether.NewOwner("app")
	t.Cleanup(func() { require.NoError(t, app.Destroy()) })
	return app
}

// A kind is one of the calls, for tests of what they have in common: each of its handlers
// says no more than "go on", so that everyone is called.
type kind struct {
	name    string
	connect func(o *tether.Owner, f func(context.Context), opts ...tether.ConnectOption) *tether.Connection
	call    func(context.Context) error // nil if everyone was called
	len     func() int
}

// kinds returns one of each, closing with owner unless that is nil.
func kinds(owner *tether.Owner) []kind {
	first, all := new(hook.Hook[int, int]), new(hook.Hook[int, int])
	veto, chain := new(hook.Veto[int]), new(hook.Chain[int, int])
	if owner != nil {
		first, all = hook.New[int, int](owner), hook.New[int, int](owner)
		veto, chain = hook.NewVeto[int](owner), hook.NewChain[int, int](owner)
	}
	asked := func(h *hook.Hook[int, int]) func(*tether.Owner, func(context.Context), ...tether.ConnectOption) *tether.Connection {
		return func(o *tether.Owner, f func(context.Context), opts ...tether.ConnectOption) *tether.Connection {
			return h.Handle(o, func(ctx context.Context, _ int) (int, error) { f(ctx); return 0, hook.ErrPass }, opts...)
		}
	}
	return []kind{
		{"First", asked(first), func(ctx context.Context) error {
			if _, err := first.First(ctx, 1); err != hook.ErrNobody {
				return err
			}
			return nil
		}, first.Len},
		{"All", asked(all), func(ctx context.Context) error { _, err := all.All(ctx, 1); return err }, all.Len},
		{"Ask", func(o *tether.Owner, f func(context.Context), opts ...tether.ConnectOption) *tether.Connection {
			return veto.Handle(o, func(ctx context.Context, _ int) error { f(ctx); return nil }, opts...)
		}, func(ctx context.Context) error { return veto.Ask(ctx, 1) }, veto.Len},
		{"Run", func(o *tether.Owner, f func(context.Context), opts ...tether.ConnectOption) *tether.Connection {
			return chain.Use(o, func(ctx context.Context, in int, next func(context.Context, int) (int, error)) (int, error) {
				f(ctx)
				return next(ctx, in)
			}, opts...)
		}, func(ctx context.Context) error {
			_, err := chain.Run(ctx, 1, func(context.Context, int) (int, error) { return 0, nil })
			return err
		}, chain.Len},
	}
}

// each runs test for each kind.
func each(t *testing.T, test func(t *testing.T, k kind)) {
	for _, k := range kinds(nil) {
		t.Run(k.name, func(t *testing.T) { test(t, k) })
	}
}
