package state_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

// A tick whose easing is slow, and that a later tick has passed, moves nothing back.
func TestTween_DoesNotGoBackWhenAnEarlierTickIsLate(t *testing.T) {
	o := app(t)
	var beat tether.Signal[tether.Tick]
	in, out, done := make(chan bool), make(chan bool), make(chan bool)
	w := state.NewTween(o, &beat, 0, 10, 10*time.Second, func(passed float64) float64 {
		if passed == 0.1 {
			close(in)
			<-out
		}
		return passed
	})
	go func() {
		defer close(done)
		beat.Fire(tether.Tick{Delta: time.Second})
	}()
	<-in
	beat.Fire(tether.Tick{Delta: time.Second})
	require.Equal(t, 2.0, w.Get())
	close(out)
	<-done
	require.Equal(t, 2.0, w.Get())
}

// A hasty source ticks before Connect has returned.
type hasty struct {
	tether.Signal[tether.Tick]
	f func()
}

func (h *hasty) Connect(o *tether.Owner, handler func(tether.Tick), opts ...tether.ConnectOption) *tether.Connection {
	c := h.Signal.Connect(o, handler, opts...)
	if f := h.f; f != nil {
		h.f = nil
		f()
	}
	return c
}

// A spring that comes to rest and is woken again while it connects has two
// connections for a moment. The first is not the one that it keeps.
func TestSpring_KeepsTheConnectionOfItsLastWaking(t *testing.T) {
	o := app(t)
	src := new(hasty)
	s := state.NewSpring(o, src, 0, state.SpringConfig{Frequency: 1, Damping: 1})
	src.f = func() {
		for !s.Asleep() {
			src.Fire(tether.Tick{Delta: time.Second})
		}
		s.SetTarget(2)
	}
	s.SetTarget(1)
	require.False(t, s.Asleep())
	require.Equal(t, 1, src.Len())
	for !s.Asleep() {
		src.Fire(tether.Tick{Delta: time.Second})
	}
	require.Equal(t, 2.0, s.Get())
	require.Zero(t, src.Len())
}

// A tween took itself for connected for good when its source had panicked, and moved on with
// the ticks of others.
func TestTween_ConnectsAnewWhenItsSourceHasPanicked(t *testing.T) {
	o := app(t)
	src := new(hasty)
	w := state.NewTween(o, src, 0, 1, time.Second, state.Linear)
	src.Fire(tether.Tick{Delta: time.Second})
	require.True(t, w.Arrived())
	src.f = func() { panic("boom") }
	require.Equal(t, "boom", panicOf(func() { w.Retarget(2, time.Second) }))
	other := state.NewTween(o, src, 0, 1, time.Minute, state.Linear)
	src.Fire(tether.Tick{Delta: time.Second})
	require.Equal(t, 1.0, w.Get(), "it does not move")
	w.Retarget(3, time.Second)
	src.Fire(tether.Tick{Delta: time.Second})
	require.Equal(t, 3.0, w.Get())
	require.True(t, w.Arrived())
	<-w.Done()
	require.False(t, other.Arrived())
}
