package hook_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/hook"
	"github.com/seed-ec287111/tether/internal/testkit"
)

// The announcement of the call stayed, and Destroy of the handler's owner hung for ever.
func TestHook_ACallerWhoseContextPanicsHoldsNoOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := testkit.NewBrokenContext(t, false)
		o := tether.NewOwner("o")
		var h hook.Hook[int, int]
		h.Handle(o, func(own context.Context, _ int) (int, error) {
			own.Done() // now it has something to undo in ctx
			ctx.Broken = true
			return 0, nil
		})
		require.PanicsWithValue(t, "broken", func() { h.First(ctx, 1) })
		require.NoError(t, o.Destroy())
	})
}

// The cut-off makes the context of a handler that has not asked for its end. If that panicked,
// nobody went on with the teardown.
func TestHook_ACallerWhoseContextPanicsAtTheCutOffHoldsNoOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		cleaned := false
		o.Defer(func() { cleaned = true })
		var h hook.Hook[int, int]
		h.Handle(o, func(context.Context, int) (int, error) {
			require.PanicsWithValue(t, "broken", func() { o.Destroy() })
			return 1, nil
		})
		h.First(testkit.NewBrokenContext(t, true), 1)
		require.NoError(t, o.Destroy())
		require.True(t, cleaned)
	})
}

// The contexts of the other owners' handlers went on after the call, as parts of these owners.
func TestHook_ACallerWhoseContextPanicsEndsTheContextOfEachHandler(t *testing.T) {
	for _, owners := range []int{2, 10} {
		ctx := testkit.NewBrokenContext(t, false)
		app := tether.NewOwner("app")
		defer app.Destroy()
		var h hook.Hook[int, int]
		var ended []<-chan struct{}
		for i := range owners {
			h.Handle(app.NewChild("o"), func(own context.Context, _ int) (int, error) {
				ended = append(ended, own.Done())
				ctx.Broken = i == owners-1
				return 0, nil
			})
		}
		require.PanicsWithValue(t, "broken", func() { h.All(ctx, 1) })
		require.Len(t, ended, owners)
		for _, e := range ended {
			select {
			case <-e:
			default:
				require.Fail(t, "a context has not ended")
			}
		}
	}
}
