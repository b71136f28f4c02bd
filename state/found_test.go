package state_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

// A watched value that failed while a Set settled it was told to nobody when a
// computing function, and not Get, brought it back: its change waited for the
// next Set.
func TestAWatchedValueThatAComputingFunctionBringsBackIsTold(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var fail atomic.Bool
	v := state.NewValue(app, 0)
	w := state.NewComputed(app, func(use *state.Use) int {
		x := v.Use(use)
		if fail.Load() {
			panic("boom")
		}
		return x
	})
	y := state.NewComputed(app, func(use *state.Use) int { return w.Use(use) })
	told := 0
	w.Changes().Connect(app, func(c state.Change[int]) { told = c.New })
	fail.Store(true)
	require.PanicsWithValue(t, "boom", func() { v.Set(1) })
	fail.Store(false)
	require.Equal(t, 1, y.Get())
	require.Equal(t, 1, told)
	require.Equal(t, 1, w.Get())
}

// Their equality would run with locks held.
func TestSpringsAndTweensHaveNoEqualOfTheUsers(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var ticks tether.Signal[tether.Tick]
	equal := state.Equal(func(a, b float64) bool { return a == b })
	require.PanicsWithValue(t, "state: NewSpring with Equal", func() {
		state.NewSpring(app, &ticks, 0, state.SpringConfig{Frequency: 1, Damping: 1}, equal)
	})
	require.PanicsWithValue(t, "state: NewTween with Equal", func() {
		state.NewTween(app, &ticks, 0, 1, time.Second, state.Linear, equal)
	})
	require.Zero(t, ticks.Len())
}

// A target nearer than Rest left a spring asleep beside it.
func TestASpringThatNeedNotMoveIsAtItsTarget(t *testing.T) {
	app := tether.NewOwner("app")
	var ticks tether.Signal[tether.Tick]
	s := state.NewSpring(app, &ticks, 0, state.SpringConfig{Frequency: 1, Damping: 1, Rest: 0.5})
	var told []float64
	s.Changes().Connect(app, func(c state.Change[float64]) { told = append(told, c.New) })
	s.SetTarget(0.4)
	require.True(t, s.Asleep())
	require.Equal(t, 0.4, s.Get())
	require.Equal(t, 0.4, s.Target())
	require.Equal(t, []float64{0.4}, told)

	require.NoError(t, app.Destroy())
	s.SetTarget(7)
	s.Impulse(1)
	require.Equal(t, 0.4, s.Target(), "the owner is dead")
	require.Zero(t, s.Velocity())
}
