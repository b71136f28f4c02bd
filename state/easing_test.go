package state_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

// One mover's easing panics. The others of its source have moved by that tick, and those that
// came to rest are done and have left the source.
func TestTogether_AnEasingThatPanicsKeepsNoOtherFromMoving(t *testing.T) {
	for _, exits := range []bool{false, true} {
		o := app(t)
		var src tether.Signal[tether.Tick]
		config := state.SpringConfig{Frequency: 1, Damping: 1}
		before, after := state.NewSpring(o, &src, 0, config), state.NewSpring(o, &src, 0, config)
		before.SetTarget(1)
		state.NewTween(o, &src, 0, 1, time.Hour, func(p float64) float64 {
			if exits {
				runtime.Goexit()
			}
			panic("easing")
		})
		after.SetTarget(1)
		done := []<-chan struct{}{before.Done(), after.Done()}
		end := make(chan any)
		go func() {
			defer func() { end <- recover() }()
			src.Fire(tether.Tick{Delta: time.Minute})
		}()
		if p := <-end; !exits {
			require.Equal(t, "easing", p)
		}
		for _, d := range done {
			select {
			case <-d:
			default:
				t.Error("not done")
			}
		}
		require.Equal(t, []float64{1, 1}, []float64{before.Get(), after.Get()})
		require.Equal(t, 1, src.Len(), "the tween")
	}
}
