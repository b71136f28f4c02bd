package scope

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDefer_TheClosureIsGarbageWhenItHasRun(t *testing.T) {
	s := New("s", Config{})
	f, w := holding()
	s.Defer(func() {
		require.True(t, collected(w), "a closure that has run is held while the next cleanup runs")
	})
	stop := s.Defer(f)
	require.NoError(t, s.Destroy())
	require.False(t, stop())
}

// Between the moments at which an owner with nothing to unwind is found so and
// at which it has ended, a Defer must not register what nobody will run.
func TestDefer_OnAnIdleScopeThatEndsRunsAtOnce(t *testing.T) {
	ran := 0
	s := New("s", Config{})
	s.tree.mu.Lock()
	require.Nil(t, s.begin(ErrDestroyed, false))
	s.Defer(func() { ran++ })
	require.Equal(t, 1, ran)
	s.tree.mu.Unlock()

	s = New("s", Config{})
	child := s.NewChild("child", Config{})
	s.tree.mu.Lock()
	td := s.begin(ErrDestroyed, false)
	due := td.dropLocked(destroyer)
	require.Same(t, td, due)
	s.tree.mu.Unlock()
	u := unwinder{t: td, at: child}
	child.mu.Lock()
	child.becomeLocked(unwinding) // as the unwinder does before it looks
	child.mu.Unlock()
	child.Defer(func() { ran++ })
	require.Equal(t, 2, ran)
	u.at = s
	u.run()
	require.True(t, s.Over())
	require.True(t, child.Over())
}
