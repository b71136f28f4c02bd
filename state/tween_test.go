package state_test

import (
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

func over(w *state.Tween) bool {
	select {
	case <-w.Done():
		return true
	default:
		return false
	}
}

func TestTween_IsAtItsEndExactlyAndOnce(t *testing.T) {
	o := app(t)
	var src tether.Signal[tether.Tick]
	cleanups := o.Stats().Cleanups
	w := state.NewTween(o, &src, 0.1, 0.7, time.Second, state.Linear)
	got := log(o, w.Changes())
	src.Fire(tether.Tick{Delta: 500 * time.Millisecond})
	require.InDelta(t, 0.4, w.Get(), 1e-12)
	require.False(t, over(w))
	require.False(t, w.Arrived())
	src.Fire(tether.Tick{Delta: 499 * time.Millisecond})
	src.Fire(tether.Tick{Delta: math.MaxInt64})
	src.Fire(tether.Tick{Delta: time.Second})
	require.Equal(t, 0.7, w.Get())
	require.True(t, over(w))
	require.True(t, w.Arrived())
	require.Zero(t, src.Len())
	require.Len(t, *got, 3)
	require.Equal(t, cleanups, o.Stats().Cleanups)
}

func TestTween_OneThatOvershootsEndsExactly(t *testing.T) {
	o := app(t)
	var src tether.Signal[tether.Tick]
	w := state.NewTween(o, &src, 5, -3, time.Second, func(p float64) float64 { return 2 * p })
	src.Fire(tether.Tick{Delta: 900 * time.Millisecond})
	require.InDelta(t, 5-8*1.8, w.Get(), 1e-12)
	src.Fire(tether.Tick{Delta: 100 * time.Millisecond})
	require.Equal(t, -3.0, w.Get())
	require.Equal(t, 0.5, state.Smooth(0.5))
	require.Equal(t, []float64{0, 1}, []float64{state.Smooth(0), state.Smooth(1)})
}

func TestTween_OnAHeartbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		beat := tether.NewHeartbeat(o, frame)
		start := time.Now()
		w := state.NewTween(o, beat, 0, 1, time.Second, state.Smooth)
		<-w.Done()
		require.Equal(t, 63*frame, time.Since(start)) // the first beat after a second
		require.Equal(t, 1.0, w.Get())
		synctest.Wait()
		require.Zero(t, beat.Len())
		require.NoError(t, o.Destroy())
	})
}

func TestTween_OneWhoseOwnerEndsIsDoneButNotArrived(t *testing.T) {
	o := tether.NewOwner("o")
	var src tether.Signal[tether.Tick]
	w := state.NewTween(o, &src, 0, 1, time.Second, state.Linear)
	src.Fire(tether.Tick{Delta: frame})
	at := w.Get()
	o.Destroy()
	require.True(t, over(w))
	require.False(t, w.Arrived())
	require.Equal(t, at, w.Get())
	require.True(t, over(state.NewTween(o, &src, 0, 1, time.Second, state.Linear)), "born over")
}

func TestTween_APanicOfAnEasingPoisonsNothing(t *testing.T) {
	o := app(t)
	var src tether.Signal[tether.Tick]
	w := state.NewTween(o, &src, 0, 1, time.Second, func(p float64) float64 {
		if p == 0.25 {
			panic("easing")
		}
		return p
	})
	require.Equal(t, "easing", panicOf(func() { src.Fire(tether.Tick{Delta: time.Second / 4}) }))
	src.Fire(tether.Tick{Delta: time.Second / 4})
	require.Equal(t, 0.5, w.Get())
}

func TestTween_ManyUnderStress(t *testing.T) {
	o := app(t)
	for range rounds() / 10 {
		var src tether.Signal[tether.Tick]
		w := state.NewTween(o, &src, 0, 1, time.Second, state.Linear)
		var mu sync.Mutex
		last := 0.0
		w.Changes().Connect(o, func(c state.Change[float64]) {
			mu.Lock()
			defer mu.Unlock()
			if c.Old != last || c.New <= c.Old {
				t.Errorf("told %v after %v", c, last)
			}
			last = c.New
		})
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				for range 20 {
					src.Fire(tether.Tick{Delta: 20 * time.Millisecond})
				}
			})
		}
		wg.Wait()
		require.Equal(t, 1.0, last)
		require.True(t, over(w))
	}
}
