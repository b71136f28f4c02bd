package scope

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestObserver_IsToldUntilItStops(t *testing.T) {
	require.False(t, Observed())
	var told []string
	note := func(what string) func(*Scope) {
		return func(s *Scope) { told = append(told, what+" "+s.Name()) }
	}
	stop := Observe(&Observer{Made: note("made"), Ended: note("ended")})
	other := Observe(&Observer{Made: note("also made")})
	s := newRoot("s")
	c := s.NewChild("c", Config{})
	other()
	other()
	require.NoError(t, c.Destroy())
	require.NoError(t, s.Destroy())
	stop()
	require.NoError(t, newRoot("unseen").Destroy())
	require.Equal(t, []string{"made s", "also made s", "made c", "also made c", "ended c", "ended s"}, told)
	require.False(t, Observed())
}

func TestSnapshot_DescribesWhatAScopeHolds(t *testing.T) {
	s := newRoot("s")
	stop := s.Defer(func() {})
	s.Interrupt(func() {})
	s.NewChild("c", Config{Site: 7})
	shot := s.Snapshot()
	require.Equal(t, "alive", shot.State)
	require.Len(t, shot.Members, 2)
	require.Equal(t, Cleanup, shot.Members[0].Kind)
	require.NotZero(t, shot.Members[0].PC)
	require.Equal(t, Interrupt, shot.Members[1].Kind)
	require.Len(t, shot.Children, 1)
	require.EqualValues(t, 7, shot.Children[0].Site())
	require.True(t, stop())
	require.NoError(t, s.Destroy())
	shot = s.Snapshot()
	require.Equal(t, "ended", shot.State)
	require.Empty(t, shot.Members)
	require.Empty(t, shot.Children)
}

func TestSnapshot_CountsTheCallsThatHaveNoSlot(t *testing.T) {
	s := New("s", Config{})
	require.Zero(t, s.Snapshot().Handlers)
	require.True(t, s.Enter())
	require.Equal(t, 1, s.Snapshot().Handlers)
	s.Leave()
	require.Zero(t, s.Snapshot().Handlers)
	require.NoError(t, s.Destroy())
}
