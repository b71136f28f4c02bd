package connlist

import (
	"reflect"
	"runtime"
	"testing"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether/internal/scope"
)

func TestConn_OneThatWasRefusedHoldsNothing(t *testing.T) {
	owner := newScope(t)
	var l List
	l.Bind(owner)
	require.NoError(t, owner.Destroy())
	c := new(Conn)
	require.False(t, l.Connect(c, newScope(t), Word(func(int) {}), 0, false, new(Hooks)), "closed")
	require.True(t, reflect.ValueOf(c).Elem().IsZero())
	l = List{}
	require.False(t, l.Connect(c, owner, Word(func(int) {}), 0, false, new(Hooks)), "dead owner")
	require.True(t, reflect.ValueOf(c).Elem().IsZero())
}

func TestConn_AClosingListTellsAllWhoseValueIsOnItsWay(t *testing.T) {
	owner, signals := newScope(t), newScope(t)
	var l List
	l.Bind(signals)
	told := 0
	for range 3 {
		c := new(Conn)
		require.True(t, l.Connect(c, owner, Word(func(int) {}), 0, true, &Hooks{Ended: func() { told++ }}))
		rest, ok := c.Spend()
		require.True(t, ok)
		rest()
	}
	require.NoError(t, signals.Destroy())
	require.Equal(t, 3, told)
}

func TestConn_ADeadOneHoldsNeitherItsHandlerNorItsHookNorItsBlock(t *testing.T) {
	owner := newScope(t)
	for _, how := range []string{"disconnected", "all at once", "muted", "owner"} {
		var l List
		sub := owner.NewChild("sub", scope.Config{})
		c := new(Conn)
		ended := 0
		w, h := func() (w, h weak.Pointer[[64]byte]) {
			v, hooked := new([64]byte), new([64]byte)
			require.True(t, l.Connect(c, sub, Word(func(int) { v[0]++ }), 0, false, nil))
			c.OnEnd(func() { ended += 1 + int(hooked[0]) })
			return weak.Make(v), weak.Make(hooked)
		}()
		switch how {
		case "disconnected":
			c.Disconnect()
		case "all at once":
			l.DisconnectAll()
		case "muted":
			c.Mute()
			c.Disconnect()
		}
		require.NoError(t, sub.Destroy())
		require.Equal(t, 1, ended, how)
		require.True(t, collected(w), "%s: the handler", how)
		require.True(t, collected(h), "%s: the hook", how)
		require.Nil(t, c.block, how)
		runtime.KeepAlive(c)
	}
}

func TestConn_AllHooksAreCalledInTheirOrder(t *testing.T) {
	owner := newScope(t)
	var l List
	c := connect(t, &l, owner, 0, 1)[0]
	var calls []int
	for i := range 3 {
		c.OnEnd(func() { calls = append(calls, i) })
	}
	require.True(t, c.Disconnect())
	require.Equal(t, []int{0, 1, 2}, calls)
	c.OnEnd(func() { calls = append(calls, 3) })
	require.Equal(t, []int{0, 1, 2, 3}, calls, "late, at once")
}

// A Wait on what a wrapper returns left its hook there for as long as that lived.
func TestConn_AForgottenHookIsNotCalledAndNotHeld(t *testing.T) {
	owner := newScope(t)
	var l List
	c := connect(t, &l, owner, 0, 1)[0]
	var calls []int
	var forget []func()
	for i := range 6 {
		forget = append(forget, c.OnEnd(func() { calls = append(calls, i) }))
	}
	w := func() weak.Pointer[[64]byte] {
		v := new([64]byte)
		c.OnEnd(func() { v[0]++ })()
		return weak.Make(v)
	}()
	for _, i := range []int{3, 0, 5, 3} {
		forget[i]()
	}
	require.True(t, collected(w))
	require.True(t, c.Disconnect())
	require.Equal(t, []int{1, 2, 4}, calls)
	for _, f := range forget {
		f()
	}
	runtime.KeepAlive(c)
}

// Both books keep a spent connection for the value that is on its way, and no
// longer.
func TestConn_AReleasedOneIsForgottenByBothBooks(t *testing.T) {
	owner := newScope(t)
	var l List
	spend := func() (*Conn, weak.Pointer[Conn]) {
		c := &Conn{}
		require.True(t, l.Connect(c, owner, Word(func(int) {}), 0, true, &Hooks{Ended: func() { t.Error("it was delivered") }}))
		rest, ok := c.Spend()
		require.True(t, ok)
		rest()
		require.False(t, c.Live())
		return c, weak.Make(c)
	}
	c, w := spend()
	c.Release()
	require.Nil(t, c.hooks.Ended)
	require.Empty(t, l.spent)
	c = nil
	disconnect(t, connect(t, &l, owner, 0, 2*minEntries)) // a block keeps a few of the dead
	require.True(t, collected(w), "released")
	c, w = spend()
	c.hooks.Ended = nil
	l.forget(l.endAll(true))
	require.Empty(t, l.spent, "a closed list owes nobody")
	c.Release() // the value's goroutine may not know yet
	c = nil
	require.True(t, collected(w), "closed")
	runtime.KeepAlive(&l)
}

// A connection spent on a queue, whose owner ended before the value's turn, was
// kept by the list for as long as the signal lived.
func TestConn_ASpentOneWhoseOwnerEndsIsForgotten(t *testing.T) {
	owner := newScope(t)
	var l List
	for range 100 {
		sub := owner.NewChild("sub", scope.Config{})
		c := new(Conn)
		require.True(t, l.Connect(c, sub, Word(func(int) {}), 0, true, &Hooks{Ended: func() {}}))
		rest, ok := c.Spend()
		require.True(t, ok)
		rest()
		require.NoError(t, sub.Destroy())
	}
	require.Empty(t, l.spent)
}
