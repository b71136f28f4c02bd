package scope

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether/internal/inflight"
)

func TestCalls_NoneEntersADeadScope(t *testing.T) {
	s := New("s", Config{})
	require.NoError(t, s.Destroy())
	require.False(t, s.Enter())
	require.False(t, s.EnterRun())
	require.Empty(t, kindsOf(s))
}

func TestCalls_ARetractedAnnouncementFreesItsSlot(t *testing.T) {
	s := New("s", Config{})
	require.NotZero(t, s.PresenceID())
	var at [64]byte
	slot, ok := s.Announce(unsafe.Pointer(&at))
	require.True(t, ok)
	require.NotNil(t, slot)
	s.Retract(slot)
	require.True(t, slot.Claim(8))
	require.False(t, slot.Swap(0))
	require.Same(t, slot, inflight.SlotFor(unsafe.Pointer(&at)))
	require.NoError(t, s.Destroy())
}
