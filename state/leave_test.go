package state_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether/state"
)

// A Get leaves the owner of the last function that it called. If that owner has been
// cancelled, its cleanups run there, and what they set is not what the Get has found.
func TestGet_ACleanupThatItSetsOffOutdatesWhatItHasFound(t *testing.T) {
	o := app(t)
	inner := o.NewChild("inner")
	x, y := state.NewValue(o, 0), state.NewValue(o, 0)
	inner.Defer(func() { x.Set(5) })
	c := state.NewComputed(inner, func(use *state.Use) int {
		if y.Use(use) == 1 {
			_ = inner.Destroy()
		}
		return 0
	})
	sum := state.NewComputed(o, func(use *state.Use) int { return c.Use(use) + x.Use(use) })
	require.Zero(t, sum.Get())
	y.Set(1)
	sum.Get() // the cleanup runs at its end
	require.Equal(t, 5, x.Get())
	require.Equal(t, 5, sum.Get())
}
