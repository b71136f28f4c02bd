package state_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether/state"
)

// A function recovers the panic of a Get that would have to wait. So its value is never kept.
func TestBind_ToWhatCanNotBeKeptCallsWithWhatGetGives(t *testing.T) {
	o := app(t)
	var c, back *state.Computed[int]
	runs := 0
	back = state.NewComputed(o, func(use *state.Use) int { return c.Get() })
	c = state.NewComputed(o, func(use *state.Use) int {
		if runs++; runs > 100 {
			panic("without end")
		}
		_ = panicOf(func() { back.Use(use) })
		return 7
	})
	require.Equal(t, 7, c.Get())
	var got []int
	state.Bind(o, c, func(v int) { got = append(got, v) })
	require.Equal(t, []int{7}, got)
}

// However many changes are waiting for a function that panics, it is not called deeper and
// deeper in the stack.
func TestBind_PanicsDoNotStandOnEachOther(t *testing.T) {
	o := app(t)
	const n = 2000
	x := state.NewValue(o, 0)
	calls, deepest := 0, 0
	p := panicOf(func() {
		state.Bind(o, x, func(int) {
			if calls++; calls == 1 {
				for i := range n {
					x.Set(i + 1)
				}
			}
			deepest = max(deepest, runtime.Callers(0, make([]uintptr, 10*n)))
			panic("f")
		})
	})
	require.Equal(t, "f", p)
	require.Equal(t, 1+n, calls)
	require.Less(t, deepest, 300)
}
