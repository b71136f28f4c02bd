package state_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

// A ticking is a source that is a function, as users write them.
type ticking func()

func (ticking) Connect(*tether.Owner, func(tether.Tick), ...tether.ConnectOption) *tether.Connection {
	return nil
}

func (ticking) Once(*tether.Owner, func(tether.Tick), ...tether.ConnectOption) *tether.Connection {
	return nil
}

// A nil pointer in a Source was found when the spring woke up, and by a tween when it had
// a value and a cleanup already; a zero Owner was refused in the name of another call.
func TestConstructors_RefuseAnyKindOfNilBeforeAnythingChanges(t *testing.T) {
	o, zero := app(t), new(tether.Owner)
	var src tether.Signal[tether.Tick]
	config := state.SpringConfig{Frequency: 1, Damping: 1}
	for name, none := range map[string]tether.Source[tether.Tick]{
		"a Signal": (*tether.Signal[tether.Tick])(nil), "a Heartbeat": (*tether.Heartbeat)(nil), "a func": ticking(nil),
	} {
		require.Equal(t, "state: NewTween with nil Source", panicOf(func() { state.NewTween(o, none, 0, 1, 1, state.Linear) }), name)
		require.Equal(t, "state: NewSpring with nil Source", panicOf(func() { state.NewSpring(o, none, 0, config) }), name)
	}
	for want, f := range map[string]func(){
		"state: NewTween with nil Owner":    func() { state.NewTween(zero, &src, 0, 1, 1, state.Linear) },
		"state: NewSpring with nil Owner":   func() { state.NewSpring(zero, &src, 0, config) },
		"state: NewValue with nil Owner":    func() { state.NewValue(zero, 1) },
		"state: NewComputed with nil Owner": func() { state.NewComputed(zero, func(*state.Use) int { return 1 }) },
	} {
		require.Equal(t, want, panicOf(f))
	}
	require.Equal(t, tether.Stats{Owners: 1}, o.Stats())
	require.Zero(t, src.Len())
}

// Their equality would run with locks held.
func TestMisuse_SpringsAndTweensHaveNoEqualOfTheUsers(t *testing.T) {
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
