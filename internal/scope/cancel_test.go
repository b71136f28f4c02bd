package scope

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether/internal/goroutine"
)

// Cancel calls no user code on the caller, so interrupts run on another
// goroutine; but what the caller may rely on has happened when Cancel returns.
func TestCancel_EndsTheContextBeforeItReturnsThoughInterruptsRunElsewhere(t *testing.T) {
	for range 100 {
		s := New("s", Config{})
		s.Interrupt(func() {})
		ctx := s.Context()
		s.Cancel(nil)
		require.Error(t, ctx.Err())
		<-s.Ended()
	}
}

// The end of a cancelled child may be the last thing that an ancestor waits for. Then the
// ancestor's cleanups were run by Cancel, on its caller, under whatever lock that has.
func TestCancel_RunsNoCleanupOfAnAncestorOnItsCaller(t *testing.T) {
	a := New("a", Config{})
	x := a.NewChild("x", Config{})
	x.NewChild("y", Config{})
	var ran uint64
	a.Defer(func() { ran = goroutine.ID() })
	cancelled := x.beginAsync(nil, nil) // Cancel of x, up to its last step
	a.tree.mu.Lock()
	destroyed := a.begin(ErrDestroyed, false) // Destroy of a, in a handler: it does not wait
	require.Nil(t, destroyed.dropLocked(destroyer))
	a.tree.mu.Unlock()
	cancelled.release()
	<-a.Ended()
	require.NotZero(t, ran)
	require.NotEqual(t, goroutine.ID(), ran)
}

func TestCancel_TheBlameIsKeptThoughTheScopeEndsAtOnce(t *testing.T) {
	for _, idle := range []bool{true, false} {
		s, plain := New("s", Config{}), New("plain", Config{})
		if !idle {
			s.Defer(func() {})
		}
		require.NoError(t, s.Blame())
		err := errors.New("blame")
		s.Cancel(err)
		late := s.NewChild("late", Config{})
		plain.Cancel(nil)
		<-s.Ended()
		<-plain.Ended()
		require.Same(t, err, s.Blame())
		require.NoError(t, late.Blame(), "that is its parent's")
		require.NoError(t, plain.Blame())
	}
}
