package state_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

// A teardown that a handler has begun completes when the handler's owner is left, before the
// effect. If a cleanup panicked there, the effect saw the change with the next Set, or never.
func TestEffect_RunsThoughATeardownBeforeItPanics(t *testing.T) {
	o, other := app(t), tether.NewOwner("other")
	x := state.NewValue(o, 0)
	other.Defer(func() { panic("boom") })
	seen := 0
	state.NewEffect(o, func(use *state.Use, _ *tether.Owner) { seen = x.Use(use) })
	c := state.NewComputed(o, func(use *state.Use) int { return x.Use(use) })
	c.Changes().Connect(other, func(state.Change[int]) { _ = other.Destroy() })
	require.PanicsWithValue(t, "boom", func() { x.Set(1) })
	require.Equal(t, 1, seen)
}

// A teardown that a function has begun completes when its owner is left for that of the next
// function. If a cleanup panics there, the next function has not.
func TestGet_APanicOfATeardownIsNotThatOfTheNextFunction(t *testing.T) {
	told := 0
	o := tether.NewOwner("o", tether.WithPanicHandler(func(*tether.PanicError) { told++ }))
	defer o.Destroy()
	inner := tether.NewOwner("inner")
	y := state.NewValue(o, 0)
	inner.Defer(func() { panic("boom") })
	c := state.NewComputed(inner, func(use *state.Use) int {
		if y.Use(use) == 1 {
			_ = inner.Destroy()
		}
		return y.Peek(use)
	})
	sum := state.NewComputed(o, func(use *state.Use) int { return 10 + c.Use(use) })
	require.Equal(t, 10, sum.Get())
	y.Set(1)
	require.PanicsWithValue(t, "boom", func() { sum.Get() })
	require.Zero(t, told)
	require.Equal(t, 11, sum.Get())
}
