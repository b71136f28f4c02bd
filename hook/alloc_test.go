package hook_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/hook"
	"github.com/seed-ec287111/tether/internal/testkit"
)

type key struct{}

func TestBudget_CallsWithoutAContextOfTheCallersDoNotAllocate(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector allocates")
	}
	app := tether.NewOwner("app")
	defer app.Destroy()
	a, b := app.NewChild("a"), app.NewChild("b")
	var h hook.Hook[int, int]
	var v hook.Veto[int]
	var c hook.Chain[int, int]
	for _, o := range []*tether.Owner{a, a, b} {
		h.Handle(o, func(context.Context, int) (int, error) { return 0, hook.ErrPass })
		v.Handle(o, func(context.Context, int) error { return nil })
		c.Use(o, func(ctx context.Context, in int, next func(context.Context, int) (int, error)) (int, error) {
			return next(ctx, in+1)
		})
	}
	h.Handle(b, func(_ context.Context, in int) (int, error) { return in + 1, nil })
	bg := context.Background()
	require.Zero(t, testing.AllocsPerRun(100, func() { _, _ = h.First(bg, 1) }), "First")
	require.Zero(t, testing.AllocsPerRun(100, func() { _ = v.Ask(context.TODO(), 1) }), "Ask")
	require.Equal(t, 1.0, testing.AllocsPerRun(100, func() { _, _ = h.All(bg, 1) }), "All, for what it returns")
	last := func(_ context.Context, in int) (int, error) { return in, nil }
	require.Equal(t, 7.0, testing.AllocsPerRun(100, func() { _, _ = c.Run(bg, 1, last) }), "Run, two for each link, and b's context, whose next is called with a's")

	ctx := context.WithValue(bg, key{}, 1)
	require.Equal(t, 2.0, testing.AllocsPerRun(100, func() { _, _ = h.First(ctx, 1) }), "First, for each owner")
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	require.Equal(t, 2.0, testing.AllocsPerRun(100, func() { _ = v.Ask(ctx, 1) }), "Ask, for each owner")
}
