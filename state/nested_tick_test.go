package state_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

// A mover was ahead of its own handler by one tick at most. What a tick inside another one had
// moved was moved again by the outer one, and that moved the others again, too.
func TestTogether_ATickInsideAnotherMovesEachByItsDeltaOnce(t *testing.T) {
	for _, from := range []string{"a change", "the end of the first", "an easing", "a handler between", "a handler behind"} {
		t.Run(from, func(t *testing.T) {
			o := app(t)
			var src tether.Signal[tether.Tick]
			depth := 0 // the end comes once, what else there is in each tick
			inner := func() {
				if depth < 3 {
					depth++
					frames(&src, 1, time.Duration(10*depth)*time.Second)
				}
			}
			on := func(at string) {
				if at == from {
					inner()
				}
			}
			long := 100 * time.Hour
			duration := long
			if from == "the end of the first" {
				duration = time.Second
			}
			first := state.NewTween(o, &src, 0, duration.Seconds(), duration, state.Linear)
			a := state.NewTween(o, &src, 0, long.Seconds(), long, func(x float64) float64 { on("an easing"); return x })
			src.Connect(o, func(tether.Tick) { on("a handler between") })
			b := state.NewTween(o, &src, 0, long.Seconds(), long, state.Linear)
			src.Connect(o, func(tether.Tick) { on("a handler behind") })
			first.Changes().Connect(o, func(state.Change[float64]) { on("a change"); on("the end of the first") })
			frames(&src, 1, time.Second)
			want := 1.0
			for range 4 {
				if want == 1 {
					want += []float64{0, 10, 10 + 20, 10 + 20 + 30}[depth]
				} else {
					frames(&src, 1, 2*time.Second)
					want += 2
				}
				require.InDelta(t, want, a.Get(), 1e-6)
				require.InDelta(t, want, b.Get(), 1e-6)
			}
		})
	}
}

// Two goroutines tick. The first one's tick has moved all, and has called one of the handlers.
func TestTogether_TicksAtOnceMoveEachByTheirDeltas(t *testing.T) {
	o := app(t)
	var src tether.Signal[tether.Tick]
	a := state.NewTween(o, &src, 0, 1, time.Second, state.Linear) // at its end with the first tick
	var once bool
	src.Connect(o, func(tether.Tick) {
		if !once {
			once = true
			done := make(chan struct{})
			go func() {
				defer close(done)
				frames(&src, 1, 5*time.Second)
			}()
			<-done
		}
	})
	b := state.NewTween(o, &src, 0, 1000, 1000*time.Second, state.Linear)
	c := state.NewTween(o, &src, 0, 1000, 1000*time.Second, state.Linear)
	frames(&src, 1, 2*time.Second)
	require.True(t, a.Arrived())
	for want := 7.0; want < 20; want++ {
		require.InDelta(t, want, b.Get(), 1e-9)
		require.InDelta(t, want, c.Get(), 1e-9)
		frames(&src, 1, time.Second)
	}
}

// It is moved with the others by the tick in which it sets out, though its handler is not called
// then. So it pays for that with a tick when it is alone.
func TestTogether_OneThatSetsOutInATickMovesWithTheOthersAndForNoLongerThanItsTicks(t *testing.T) {
	o := app(t)
	var src tether.Signal[tether.Tick]
	var late *state.Tween
	src.Connect(o, func(tether.Tick) {
		if late == nil {
			late = state.NewTween(o, &src, 0, 1000, 1000*time.Second, state.Linear)
		}
	})
	first := state.NewTween(o, &src, 0, 4, 4*time.Second, state.Linear)
	for i := range 4 {
		frames(&src, 1, time.Second)
		require.InDelta(t, first.Get(), late.Get(), 1e-9, i)
	}
	require.True(t, first.Arrived())
	frames(&src, 1, time.Second)
	require.InDelta(t, 4, late.Get(), 1e-9)
	frames(&src, 1, time.Second)
	require.InDelta(t, 5, late.Get(), 1e-9)
}

// A source may call some of its handlers less often than others.
func TestTogether_OneThatIsCalledSeldomIsNeverFarAhead(t *testing.T) {
	o := app(t)
	src := new(gated)
	first := state.NewTween(o, src, 0, 1000, 1000*time.Second, state.Linear)
	src.closed = true
	seldom := state.NewTween(o, src, 0, 1000, 1000*time.Second, state.Linear)
	frames(&src.Signal, 100, time.Second)
	require.InDelta(t, 100, first.Get(), 1e-9)
	require.LessOrEqual(t, seldom.Get(), 4.0)
	src.closed = false
	frames(&src.Signal, 100, time.Second)
	require.InDelta(t, 200, first.Get(), 1e-9)
	require.InDelta(t, 102, seldom.Get(), 2)
}

// A gated source holds back the ticks of those that connect while it is closed, as long as it is.
type gated struct {
	tether.Signal[tether.Tick]
	closed bool
}

func (g *gated) Connect(o *tether.Owner, f func(tether.Tick), opts ...tether.ConnectOption) *tether.Connection {
	behind := g.closed
	return g.Signal.Connect(o, func(t tether.Tick) {
		if !behind || !g.closed {
			f(t)
		}
	}, opts...)
}
