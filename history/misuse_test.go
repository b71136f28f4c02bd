package history_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/history"
)

// A faulty source panics where it is connected.
type faulty struct{ tether.Source[int] }

func (faulty) Connect(*tether.Owner, func(int), ...tether.ConnectOption) *tether.Connection {
	panic("faulty")
}

func TestMisuse_PanicsBeforeAnythingChanges(t *testing.T) {
	owner, s, r := newRing(t, 1, 1)
	var noRing *history.Ring[int]
	var noSignal *tether.Signal[int]
	var noBeat *tether.Heartbeat
	h := func(int) {}
	self := func(*tether.Connection, int) {}
	before := owner.Stats()
	for _, test := range []struct {
		says string
		call func()
	}{
		{"history: Record with nil Owner", func() { history.Record(nil, s, 1) }},
		{"history: Record with nil Owner", func() { history.Record(new(tether.Owner), s, 1) }},
		{"history: Record with nil Source", func() { history.Record[int](owner, nil, 1) }},
		{"history: Record with nil Source", func() { history.Record(owner, noSignal, 1) }},
		{"history: Record with nil Source", func() { history.Record(owner, noRing, 1) }},
		{"history: Record with nil Source", func() { history.Record(owner, noBeat, 1) }},
		{"history: Record with n 0", func() { history.Record(owner, s, 0) }},
		{"history: Record with n -1", func() { history.Record(owner, s, -1) }},
		{"faulty", func() { history.Record(owner, faulty{}, 1) }},

		{"history: All of nil Ring", func() { noRing.All() }},
		{"history: Last of nil Ring", func() { noRing.Last() }},
		{"history: Len of nil Ring", func() { noRing.Len() }},
		{"history: Connect of nil Ring", func() { noRing.Connect(owner, h) }},
		{"history: Once of nil Ring", func() { noRing.Once(owner, h) }},
		{"history: ConnectSelf of nil Ring", func() { noRing.ConnectSelf(owner, self) }},

		{"tether: Connect with nil Owner", func() { r.Connect(nil, h) }},
		{"tether: Once with nil Owner", func() { r.Once(nil, h) }},
		{"tether: ConnectSelf with nil Owner", func() { r.ConnectSelf(nil, self) }},
		{"tether: Connect with nil handler", func() { r.Connect(owner, nil) }},
		{"tether: Once with nil handler", func() { r.Once(owner, nil) }},
		{"tether: ConnectSelf with nil handler", func() { r.ConnectSelf(owner, nil) }},
		{"tether: Connect with nil option", func() { r.Connect(owner, h, nil) }},
		{"tether: Once with nil option", func() { r.Once(owner, h, nil) }},
		{"tether: ConnectSelf with nil option", func() { r.ConnectSelf(owner, self, nil) }},
	} {
		require.PanicsWithValue(t, test.says, test.call)
	}
	require.Equal(t, before, owner.Stats())
	require.Equal(t, 1, s.Len())
}

func TestRing_TheZeroOneIsDeadAndEmpty(t *testing.T) {
	owner := tether.NewOwner("owner")
	defer owner.Destroy()
	var r history.Ring[int]
	require.False(t, r.Connect(owner, func(int) {}).Connected())
	_, ok := r.Last()
	require.False(t, ok)
	require.Zero(t, r.Len())
	for range r.All() {
		t.Fatal("a value")
	}
	require.Zero(t, owner.Stats().Connections)
}
