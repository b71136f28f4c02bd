package state_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

// A strange is a Readable that is not of package state.
type strange struct {
	changes *tether.Signal[state.Change[int]]
}

func (f *strange) Get() int                                  { return 0 }
func (f *strange) Use(*state.Use) int                        { return 0 }
func (f *strange) Changes() tether.Source[state.Change[int]] { return f.changes }

// The connection stood, for as long as the owner lived. It kept the source active, and Bind's
// kept every change.
func TestConnect_OfASourceThatPanicsWhenItBecomesActiveLeavesNothing(t *testing.T) {
	panics := tether.WhileActive(func(*tether.Owner) { panic("boom") })
	t.Run("spring", func(t *testing.T) {
		o := app(t)
		ticks := tether.NewSignal[tether.Tick](o, panics)
		s := state.NewSpring(o, ticks, 0, state.SpringConfig{Frequency: 1, Damping: 1})
		require.PanicsWithValue(t, "boom", func() { s.SetTarget(1) })
		require.Zero(t, ticks.Len())
	})
	t.Run("tween", func(t *testing.T) {
		o := app(t)
		ticks := tether.NewSignal[tether.Tick](o, panics)
		require.PanicsWithValue(t, "boom", func() { state.NewTween(o, ticks, 0, 1, time.Second, state.Linear) })
		require.Zero(t, ticks.Len())
	})
	t.Run("bind", func(t *testing.T) {
		o := app(t)
		f := &strange{tether.NewSignal[state.Change[int]](o, panics)}
		require.PanicsWithValue(t, "boom", func() { state.Bind(o, f, func(int) {}) })
		require.Zero(t, f.changes.Len())
	})
}
