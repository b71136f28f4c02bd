package state_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

func frames(src *tether.Signal[tether.Tick], n int, d time.Duration) {
	for range n {
		src.Fire(tether.Tick{Delta: d})
	}
}

// Who uses two springs never sees one before a tick and the other after.
func TestTogether_SpringsOnOneSourceMoveInOneMoment(t *testing.T) {
	o := app(t)
	var src tether.Signal[tether.Tick]
	config := state.SpringConfig{Frequency: 1, Damping: 1}
	a, b := state.NewSpring(o, &src, 0, config), state.NewSpring(o, &src, 0, config)
	tween := state.NewTween(o, &src, 0, 1, time.Second, state.Linear)
	n := 0
	state.NewEffect(o, func(use *state.Use, run *tether.Owner) {
		x, y, z := a.Use(use), b.Use(use), tween.Use(use)
		require.Equal(t, x, y)
		require.Equal(t, x > 0, z > 0)
		n++
	})
	a.SetTarget(1)
	b.SetTarget(1)
	for i := range 5 {
		frames(&src, 1, 50*time.Millisecond)
		require.Equal(t, i+2, n, "once a tick")
	}
	require.Equal(t, 3, src.Len())
	frames(&src, 200, 50*time.Millisecond)
	require.True(t, a.Asleep() && b.Asleep() && tween.Arrived())
	require.Equal(t, []float64{1, 1, 1}, []float64{a.Get(), b.Get(), tween.Get()})
	require.Zero(t, src.Len())
}

func TestTogether_ASpringOfAnEndedOwnerDoesNotHoldTheOthers(t *testing.T) {
	o := app(t)
	var src tether.Signal[tether.Tick]
	config := state.SpringConfig{Frequency: 1, Damping: 1}
	child := o.NewChild("child")
	a, b := state.NewSpring(child, &src, 0, config), state.NewSpring(o, &src, 0, config)
	a.SetTarget(1)
	b.SetTarget(1)
	frames(&src, 1, 50*time.Millisecond)
	stays := a.Get()
	child.Destroy()
	frames(&src, 1, 50*time.Millisecond)
	require.Equal(t, stays, a.Get())
	require.Greater(t, b.Get(), stays)
	require.Equal(t, 1, src.Len())
}

func TestSpring_TakesAnyFiniteNumber(t *testing.T) {
	const big = math.MaxFloat64
	for _, damping := range []float64{0, 0.3, 1, 50, 1e9} {
		for _, frequency := range []float64{1e-9, 1, 1e9} {
			for _, delta := range []time.Duration{0, 1, 16 * time.Millisecond, time.Hour, math.MaxInt64} {
				o := tether.NewOwner("o")
				var src tether.Signal[tether.Tick]
				s := state.NewSpring(o, &src, -big, state.SpringConfig{Frequency: frequency, Damping: damping})
				for _, do := range []func(){
					func() { s.SetTarget(big) }, func() { s.Impulse(big); s.Impulse(big) }, func() { s.SetVelocity(-big) },
					func() { s.SetPosition(big) }, func() { s.SetTarget(-1) },
				} {
					do()
					frames(&src, 3, delta)
					for _, x := range []float64{s.Get(), s.Velocity()} {
						if math.IsNaN(x) || math.IsInf(x, 0) {
							t.Fatalf("%v with frequency %v, damping %v, delta %v", x, frequency, damping, delta)
						}
					}
				}
				o.Destroy()
			}
		}
	}
	o := app(t)
	var src tether.Signal[tether.Tick]
	for _, c := range []state.SpringConfig{{Frequency: 1e308}, {Frequency: 1, Damping: 1e200}, {Frequency: 1e-320}, {Frequency: 1, Rest: math.Inf(1)}} {
		require.NotNil(t, panicOf(func() { state.NewSpring(o, &src, 0, c) }), "%v", c)
	}
	s := state.NewSpring(o, &src, 0, state.SpringConfig{Frequency: 1})
	for _, x := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		for _, f := range []func(float64){s.SetTarget, s.Impulse, s.SetVelocity, s.SetPosition} {
			require.NotNil(t, panicOf(func() { f(x) }))
		}
	}
	require.Zero(t, s.Get())
	require.True(t, s.Asleep())
}

// Far numbers move as near ones do, but for the scale.
func TestSpring_IsExactAlsoWithTheLargestNumbers(t *testing.T) {
	o := app(t)
	var src tether.Signal[tether.Tick]
	config := state.SpringConfig{Frequency: 1, Damping: 0.9}
	near, far := state.NewSpring(o, &src, 0, config), state.NewSpring(o, &src, 0, config)
	near.SetTarget(1)
	far.SetTarget(1e307)
	for range 20 {
		frames(&src, 1, 50*time.Millisecond)
		require.InEpsilon(t, near.Get(), far.Get()/1e307, 1e-9)
	}
}

func TestSpring_CanBePlacedAndTellsWhenItRests(t *testing.T) {
	o := app(t)
	var src tether.Signal[tether.Tick]
	s := state.NewSpring(o, &src, 0, state.SpringConfig{Frequency: 2, Damping: 1})
	closed := func(c <-chan struct{}) bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	}
	require.True(t, closed(s.Done()))
	var told []float64
	s.Changes().Connect(o, func(c state.Change[float64]) { told = append(told, c.New) })
	s.SetPosition(5)
	require.Equal(t, []float64{5}, told)
	require.False(t, s.Asleep())
	done := s.Done()
	require.False(t, closed(done))
	s.SetVelocity(-3)
	require.Equal(t, -3.0, s.Velocity())
	frames(&src, 200, 50*time.Millisecond)
	require.True(t, closed(done) && closed(s.Done()))
	require.Zero(t, s.Get())
	s.SetTarget(1)
	require.False(t, closed(s.Done()))

	child := o.NewChild("child")
	other := state.NewSpring(child, &src, 0, state.SpringConfig{Frequency: 2})
	other.SetTarget(1)
	done = other.Done()
	child.Destroy()
	require.True(t, closed(done))
}

func TestSpring_FollowsAValue(t *testing.T) {
	o := app(t)
	var src tether.Signal[tether.Tick]
	x := state.NewValue(o, 1.0)
	s := state.NewSpringTo(o, &src, x, state.SpringConfig{Frequency: 2, Damping: 1})
	require.Equal(t, 1.0, s.Get())
	require.True(t, s.Asleep())
	x.Set(3)
	frames(&src, 200, 50*time.Millisecond)
	require.Equal(t, 3.0, s.Get())
	require.Contains(t, panicOf(func() { x.Set(math.NaN()) }), "SetTarget with NaN")

	x.Set(3)
	double := state.NewComputed(o, func(use *state.Use) [2]float64 { return [2]float64{x.Use(use), -1} })
	v := state.NewSpringTo(o, &src, double, state.SpringConfig{Frequency: 2, Damping: 1})
	x.Set(5)
	frames(&src, 300, 50*time.Millisecond)
	require.Equal(t, [2]float64{5, -1}, v.Get())
}

func TestTogether_VectorsMoveAsOne(t *testing.T) {
	o := app(t)
	var src tether.Signal[tether.Tick]
	config := state.SpringConfig{Frequency: 1, Damping: 0.7}
	v := state.NewSpringOf(o, &src, [3]float64{}, config)
	x := state.NewSpring(o, &src, 0, config)
	v.SetTarget([3]float64{1, 2, 0})
	v.Impulse([3]float64{0, 0, 1})
	x.SetTarget(2)
	for range 10 {
		frames(&src, 1, 30*time.Millisecond)
		require.InDelta(t, x.Get(), v.Get()[1], 1e-12)
	}
	require.NotZero(t, v.Get()[2])
	frames(&src, 500, 30*time.Millisecond)
	require.Equal(t, [3]float64{1, 2, 0}, v.Get())
	require.NotNil(t, panicOf(func() { v.SetTarget([3]float64{1, math.NaN(), 0}) }))
	w := state.NewTweenOf(o, &src, [2]float64{0, 10}, [2]float64{10, 0}, time.Second, state.Linear)
	frames(&src, 1, 250*time.Millisecond)
	require.Equal(t, [2]float64{2.5, 7.5}, w.Get())
}

func TestTween_WaitsRepeatsAndComesBack(t *testing.T) {
	o := app(t)
	var src tether.Signal[tether.Tick]
	w := state.NewTween(o, &src, 0, 10, time.Second, state.Linear, state.Delay(500*time.Millisecond), state.Repeat(2), state.Reverse())
	var got []float64
	for range 15 {
		frames(&src, 1, 250*time.Millisecond)
		got = append(got, w.Get())
	}
	require.Equal(t, []float64{0, 0, 2.5, 5, 7.5, 10, 7.5, 5, 2.5, 0, 2.5, 5, 7.5, 10, 10}, got)
	require.True(t, w.Arrived())
	<-w.Done()
	require.Zero(t, src.Len())

	back := state.NewTween(o, &src, 0, 10, time.Second, state.Linear, state.Repeat(1), state.Reverse())
	frames(&src, 1, time.Hour)
	require.True(t, back.Arrived())
	require.Zero(t, back.Get())

	for ever := state.NewTween(o, &src, 0, 10, time.Second, state.Linear, state.Repeat(state.Forever)); ; {
		frames(&src, 1, math.MaxInt64)
		require.False(t, ever.Arrived())
		break
	}
	require.Equal(t, "state: NewValue with an option of tweens", panicOf(func() { state.NewValue(o, 1, state.Repeat(1)) }))
}

func TestTween_CanBeGivenAnotherTarget(t *testing.T) {
	o := app(t)
	var src tether.Signal[tether.Tick]
	w := state.NewTween(o, &src, 0, 10, time.Second, state.Linear)
	frames(&src, 1, 500*time.Millisecond)
	first := w.Done()
	w.Retarget(0, 100*time.Millisecond)
	frames(&src, 1, 50*time.Millisecond)
	require.Equal(t, 2.5, w.Get())
	frames(&src, 1, 50*time.Millisecond)
	require.Zero(t, w.Get())
	<-first
	w.Retarget(8, time.Second)
	require.False(t, w.Arrived())
	require.Equal(t, 1, src.Len())
	frames(&src, 4, 250*time.Millisecond)
	require.Equal(t, 8.0, w.Get())
	<-w.Done()
	require.Zero(t, src.Len())
}

// A Retarget crosses a tick: it comes from an easing, while the tween has a step that is not shown yet.
func TestTween_ARetargetDropsTheStepOnItsWayUnlessThatIsTheEnd(t *testing.T) {
	o := app(t)
	var src tether.Signal[tether.Tick]
	for _, c := range []struct {
		at   int // which tick is crossed
		to   float64
		opts []state.Option
		want []float64
	}{
		{2, 1, nil, []float64{5, 4, 3, 2, 1}}, // and no 6 after the 5
		{4, 4, nil, []float64{5, 6, 7, 8, 7, 6, 5, 4}},
		{8, 8, []state.Option{state.Repeat(1), state.Reverse()}, []float64{5, 6, 7, 8, 7, 6, 5, 4, 5, 6, 7, 8}},
	} {
		var tween *state.Tween
		tick, crossed := 0, false
		easing := func(x float64) float64 {
			if tick == c.at && !crossed {
				crossed = true
				tween.Retarget(c.to, time.Second)
			}
			return x
		}
		tween = state.NewTween(o, &src, 4, 8, time.Second, easing, c.opts...)
		state.NewTween(o, &src, 0, 1, time.Hour, easing) // whose turn comes later in each tick
		var seen []float64
		tween.Changes().Connect(o, func(c state.Change[float64]) { seen = append(seen, c.New) })
		for tick = 1; tick <= c.at+4; tick++ {
			frames(&src, 1, 250*time.Millisecond)
		}
		require.Equal(t, c.want, seen)
	}
}

// An easing is the user's: it does not run when its owner has ended, and its panic is the owner's.
func TestTween_AnEasingIsAHandlerOfItsOwner(t *testing.T) {
	reports := 0
	o := app(t)
	supervised := tether.NewOwner("s", tether.WithPanicHandler(func(*tether.PanicError) { reports++ }))
	var src tether.Signal[tether.Tick]
	ended := false
	state.NewSpring(o, &src, 0, state.SpringConfig{Frequency: 1}).SetTarget(1)
	w := state.NewTween(supervised, &src, 0, 10, time.Second, func(x float64) float64 {
		if ended {
			t.Error("it runs after the end")
		}
		if x > 0.4 {
			panic("easing")
		}
		return math.NaN()
	})
	frames(&src, 1, 100*time.Millisecond)
	require.Zero(t, w.Get())
	frames(&src, 1, 400*time.Millisecond)
	require.Equal(t, 1, reports)
	supervised.Destroy()
	ended = true
	frames(&src, 2, 100*time.Millisecond)
}
