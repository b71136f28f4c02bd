package state_test

import (
	"runtime"
	"testing"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/state"
)

// Set looked at the error of the owner's context, which is set some time after the
// owner is seen dead.
func TestValue_StaysWhatItIsOnceItsOwnerIsSeenDead(t *testing.T) {
	root := tether.NewOwner("root")
	owner := root.NewChild("owner")
	ctx := owner.Context()
	var beat tether.Signal[tether.Tick]
	v := state.NewValue(owner, 1)
	s := state.NewSpring(owner, &beat, 0, state.SpringConfig{Frequency: 1, Damping: 1})
	called := false
	require.True(t, handle.Scope("test", root).OnCut(func() {}, func() {
		called = true
		require.False(t, owner.Alive())
		require.NoError(t, ctx.Err(), "too late to tell")
		v.Set(2)
		v.Update(func(int) int { return 3 })
		s.SetTarget(4)
		s.Impulse(5)
		born := state.NewValue(owner, 6)
		born.Set(7)
		require.Equal(t, 6, born.Get())
	}))
	root.Cancel(nil)
	require.True(t, called)
	require.Equal(t, 1, v.Get())
	require.Zero(t, s.Target())
	require.Zero(t, s.Velocity())
	<-root.Ended()
}

// An owner holds something of each of its values until it ends, but not what they
// are.
func TestValue_IsGarbageWhenNobodyUsesItThoughItsOwnerLives(t *testing.T) {
	owner := tether.NewOwner("owner")
	defer owner.Destroy()
	w := func() weak.Pointer[[64]byte] {
		b := new([64]byte)
		state.NewValue(owner, b)
		return weak.Make(b)
	}()
	for range 100 {
		if runtime.GC(); w.Value() == nil {
			return
		}
	}
	t.Fatal("the value was not collected after 100 collections")
}

// The stack of one panic carried the next, and so on.
func TestSet_TellsAllHoweverManyPanic(t *testing.T) {
	const n = 3000
	owner := tether.NewOwner("owner")
	defer owner.Destroy()
	depth := func() int { return runtime.Callers(0, make([]uintptr, 4096)) }
	v := state.NewValue(owner, 0)
	k, deepest := 0, 0
	for range n {
		c := state.NewComputed(owner, func(use *state.Use) int { return v.Use(use) })
		c.Changes().Connect(owner, func(state.Change[int]) {
			k++
			deepest = max(deepest, depth())
			panic("ouch")
		})
	}
	require.PanicsWithValue(t, "ouch", func() { v.Set(1) })
	require.Equal(t, n, k)
	require.Less(t, deepest, 1500)

	// And where one value changes many times, by its own handler.
	k, deepest = 0, 0
	w := state.NewValue(owner, 0)
	w.Changes().Connect(owner, func(c state.Change[int]) {
		k++
		deepest = max(deepest, depth())
		if c.New < n {
			w.Set(c.New + 1)
		}
		panic("ouch")
	})
	require.PanicsWithValue(t, "ouch", func() { w.Set(1) })
	require.Equal(t, n, k)
	require.Less(t, deepest, 1500)
}
