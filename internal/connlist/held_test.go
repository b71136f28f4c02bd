package connlist

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/inflight"
	"github.com/seed-ec287111/tether/internal/scope"
)

func TestAny_TellsWhetherAConnectionLives(t *testing.T) {
	var l List
	o := newScope(t)
	require.False(t, l.Any())
	conns := connect(t, &l, o, 0, 3)
	require.True(t, l.Any())
	require.True(t, conns[0].Disconnect())
	require.True(t, l.Any(), "the others")
	conns[1].Mute()
	require.True(t, conns[2].Disconnect())
	require.True(t, l.Any(), "one that is muted")
	require.True(t, conns[1].Disconnect())
	require.False(t, l.Any())
}

func TestFireHeld_CallsAsFireDoes(t *testing.T) {
	a, b := newScope(t), newScope(t)
	var got []int
	lists := make([]List, 5)
	note := func(n int) func(int) { return func(v int) { got = append(got, 10*n+v) } }
	for i, owner := range []*scope.Scope{a, a, b, a} {
		require.True(t, lists[i].Connect(new(Conn), owner, Word(note(i)), 0, false, nil))
	}
	require.True(t, lists[3].Connect(new(Conn), b, Word(note(7)), 0, false, nil))
	var h Held
	for i := range lists {
		FireHeld(&h, &lists[i], 5)
	}
	require.Equal(t, []int{5, 15, 25, 35, 75}, got)
	h.Leave()
	require.Zero(t, inflight.Count(a.PresenceID())+inflight.Count(b.PresenceID()))
}

func TestFireHeld_KeepsTheAnnouncementUntilItLeavesOrChanges(t *testing.T) {
	a, b := newScope(t), newScope(t)
	var la, lb List
	connect(t, &la, a, 0, 1)
	connect(t, &lb, b, 0, 1)
	count := func() []int { return []int{inflight.Count(a.PresenceID()), inflight.Count(b.PresenceID())} }
	var h Held
	FireHeld(&h, &la, 1)
	require.Equal(t, []int{1, 0}, count())
	FireHeld(&h, &la, 1)
	require.Equal(t, []int{1, 0}, count())
	FireHeld(&h, &lb, 1)
	require.Equal(t, []int{0, 1}, count())
	h.Leave()
	require.Equal(t, []int{0, 0}, count())
}

func TestFireHeld_DoesNotCallTheDeadAndLetsTheirTeardownComplete(t *testing.T) {
	o := scope.New("o", scope.Config{})
	var l List
	calls := 0
	require.True(t, l.Connect(new(Conn), o, Word(func(int) {
		calls++
		require.ErrorIs(t, o.Destroy(), scope.ErrPending)
	}), 0, false, nil))
	fire(new(List), 0) // marks what calls handlers
	var h Held
	FireHeld(&h, &l, 1)
	require.False(t, o.Over(), "its handler is announced")
	FireHeld(&h, &l, 1)
	require.Equal(t, 1, calls)
	h.Leave()
	require.True(t, o.Over())
}

func TestFireHeld_IsAHandlersCallToPackageGoroutine(t *testing.T) {
	var l List
	inside := false
	fire(new(List), 0)
	require.True(t, l.Connect(new(Conn), newScope(t), Word(func(int) { inside = goroutine.MustNotWait() }), 0, false, nil))
	var h Held
	FireHeld(&h, &l, 1)
	h.Leave()
	require.True(t, inside)
}

func TestFireHeld_ReportsAPanicOrLetsItGoOn(t *testing.T) {
	var reports []any
	supervised := scope.New("s", scope.Config{Super: func(_ *scope.Scope, v, _ any) { reports = append(reports, v) }})
	defer supervised.Destroy()
	o := newScope(t)
	for _, owner := range []*scope.Scope{supervised, o} {
		var l List
		require.True(t, l.Connect(new(Conn), owner, Word(func(int) { panic("ouch") }), 0, false, nil))
		var h Held
		func() {
			defer func() { _ = recover() }()
			FireHeld(&h, &l, 1)
			require.Same(t, supervised, owner)
		}()
		require.Zero(t, inflight.Count(owner.PresenceID()))
	}
	require.Equal(t, []any{"ouch"}, reports)
}

// A cleanup that panicked in a teardown that came due before the Fire kept the handlers from the
// value.
func TestFireHeld_CallsTheHandlersThoughATeardownBeforeThemPanics(t *testing.T) {
	for name, more := range map[string]int{"one": 0, "several": 1} {
		t.Run(name, func(t *testing.T) {
			o := scope.New("o", scope.Config{})
			o.Defer(func() { panic("cleanup") })
			var before, l List
			require.True(t, before.Connect(new(Conn), o, Word(func(int) { o.Destroy() }), 0, false, nil))
			calls := 0
			next := newScope(t)
			for range 1 + more {
				require.True(t, l.Connect(new(Conn), next, Word(func(int) { calls++ }), 0, false, nil))
			}
			fire(new(List), 0) // marks what calls handlers
			var h Held
			FireHeld(&h, &before, 1)
			require.PanicsWithValue(t, "cleanup", func() { FireHeld(&h, &l, 2) })
			require.Equal(t, 1+more, calls)
			h.Leave()
			require.Zero(t, inflight.Count(next.PresenceID()))
		})
	}
}
