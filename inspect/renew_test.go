package inspect_test

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether/internal/scope"
)

// announced returns a root scope with a presence id, of which one call is announced.
func announced(t *testing.T) (s *scope.Scope, retract func()) {
	s = scope.New("s", scope.Config{})
	t.Cleanup(func() { require.NoError(t, s.Destroy()) })
	s.PresenceID()
	at := new(int)
	slot, ok := s.Announce(unsafe.Pointer(at))
	require.True(t, ok)
	require.NotNil(t, slot)
	return s, func() { s.Retract(slot) }
}

func TestRenew_ACallIsCountedOnceUntilItReturns(t *testing.T) {
	s, retract := announced(t)
	require.Equal(t, 1, s.Handlers())
	require.Zero(t, s.Counted())
	for range 3 {
		s.Renew()
		require.Equal(t, 1, s.Handlers())
		require.Equal(t, 1, s.Counted())
	}
	retract()
	require.Zero(t, s.Handlers())
	require.Zero(t, s.Counted())
}

func TestRenew_ATeardownWaitsForTheCallOnce(t *testing.T) {
	s, retract := announced(t)
	s.Renew()
	s.Cancel(nil)
	require.False(t, s.Over())
	retract()
	<-s.Ended()
}

// Who fires announces before it looks whether the owner is dead. Counted in, that
// would be counted out of a teardown which has not counted it.
func TestRenew_ACallOfADeadScopeIsNot(t *testing.T) {
	s := scope.New("s", scope.Config{})
	s.PresenceID()
	require.True(t, s.Enter())
	s.Cancel(nil)
	at := new(int)
	slot, ok := s.Announce(unsafe.Pointer(at))
	require.True(t, ok)
	s.Renew()
	s.Retract(slot)
	require.Equal(t, "cut off", s.State(), "the call from before runs still")
	s.Leave()
	<-s.Ended()
}
