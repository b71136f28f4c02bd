package scope

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// A cleanup that destroys a scope before its turn: meanwhile what is above that is
// pending, and after that it is not.
func TestUnwind_WhatIsAboveAScopeThatIsUnwoundBeforeItsTurnIsPending(t *testing.T) {
	var log []string
	root := New("root", Config{})
	mid := root.NewChild("mid", Config{})
	low := mid.NewChild("low", Config{})
	side := mid.NewChild("side", Config{})
	mid.Defer(func() { log = append(log, "mid") })
	side.Defer(func() { log = append(log, "side") })
	low.Defer(func() {
		require.ErrorIs(t, mid.Destroy(), ErrPending)
		require.ErrorIs(t, root.Destroy(), ErrPending)
		require.NoError(t, side.Destroy(), "is not above")
		log = append(log, "low")
	})
	root.Defer(func() {
		require.NoError(t, low.Destroy())
		require.True(t, low.Over())
		require.NoError(t, mid.Destroy())
		require.True(t, mid.Over())
		log = append(log, "root")
	})
	require.NoError(t, root.Destroy())
	require.Equal(t, []string{"side", "low", "mid", "root"}, log)
}

// Teardowns that come due one by the other must not stand on each other's shoulders.
func TestUnwind_OfAChainOfPendingTeardownsTakesABoundedStack(t *testing.T) {
	const n = 20000
	root := New("root", Config{})
	all := []*Scope{root}
	depth, deepest := 0, 0
	for range n {
		s := all[len(all)-1].NewChild("x", Config{})
		s.Defer(func() {
			depth = runtime.Callers(0, make([]uintptr, 1000))
			deepest = max(deepest, depth)
		})
		all = append(all, s)
	}
	leaf := all[n]
	require.True(t, leaf.Enter())
	for i := range all {
		s := all[n-i]
		s.tree.mu.Lock()
		require.Nil(t, s.begin(ErrDestroyed, false).dropLocked(lastOut))
		s.tree.mu.Unlock()
	}
	leaf.Leave()
	require.True(t, root.Over())
	require.NotZero(t, deepest)
	require.Less(t, deepest, 100)
}
