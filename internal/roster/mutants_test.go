package roster

import (
	"reflect"
	"runtime"
	"testing"
	"unsafe"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether/internal/presence"
	"github.com/seed-ec287111/tether/internal/scope"
)

// The tests of this file each kill mutants of the package that all other tests
// let live, see verify/MUTANTS.md.

// connect connects n connections of one priority.
func connect(t *testing.T, r *Roster, owner *scope.Scope, priority, n int) (conns []*Conn) {
	for range n {
		c := new(Conn)
		require.True(t, r.Connect(c, owner, Word(func(int) {}), priority, false, nil))
		conns = append(conns, c)
	}
	return conns
}

func disconnect(t *testing.T, conns []*Conn) {
	for _, c := range conns {
		require.True(t, c.Disconnect())
	}
}

// collected reports whether the collector takes what p points to.
func collected[T any](p weak.Pointer[T]) bool {
	for range 20 {
		if p.Value() == nil {
			return true
		}
		runtime.GC()
	}
	return false
}

// One goroutine has ended the last connection, and stands still before it ends
// the activity. Who connects meanwhile must end that first.
func TestANewActivityEndsTheOneBeforeWhoseEndIsLate(t *testing.T) {
	owner := newScope(t)
	var r Roster
	var actives []*scope.Scope
	r.WhileActive(func() *scope.Scope { return owner.NewChild("active", scope.Config{}) },
		func(s *scope.Scope) {
			for _, a := range actives {
				require.False(t, a.Alive(), "two at once")
			}
			actives = append(actives, s)
		})
	c := connect(t, &r, owner, 0, 1)[0]
	done, ok := c.end()
	require.True(t, ok)
	c = connect(t, &r, owner, 0, 1)[0]
	require.Len(t, actives, 2)
	done()
	require.True(t, actives[1].Alive(), "it is not the late one's to end")
	require.Nil(t, r.edges.cur.before, "and holds nothing of the one before")
	require.True(t, c.Disconnect())
}

func TestAConnectionThatWasRefusedHoldsNothing(t *testing.T) {
	owner := newScope(t)
	var r Roster
	r.Close()
	c := new(Conn)
	require.False(t, r.Connect(c, owner, Word(func(int) {}), 0, false, new(Extra)))
	require.True(t, reflect.ValueOf(c).Elem().IsZero())
	r = Roster{}
	require.NoError(t, owner.Destroy())
	require.False(t, r.Connect(c, owner, Word(func(int) {}), 0, false, new(Extra)))
	require.True(t, reflect.ValueOf(c).Elem().IsZero())
}

// A large priority is several blocks. What is left of it must be as small as
// its connections are few, in whatever order they go.
func TestBlocksThatExtendOthersShrinkAndGo(t *testing.T) {
	owner := newScope(t)
	const n = 2*maxEntries + 100
	for _, c := range []struct {
		name string
		go_  func(conns []*Conn)
	}{
		{"the newest first", func(conns []*Conn) {
			for i := range conns {
				disconnect(t, conns[len(conns)-1-i:][:1])
			}
		}},
		{"the oldest first", func(conns []*Conn) { disconnect(t, conns) }},
		{"the middle first", func(conns []*Conn) {
			disconnect(t, conns[1000:2000])
			disconnect(t, conns[2000:])
			disconnect(t, conns[:1000])
		}},
	} {
		var r Roster
		low := connect(t, &r, owner, -1, 1)
		conns := connect(t, &r, owner, 0, n)
		priorities, _ := r.blocks()
		require.Greater(t, len(priorities), 3, "several blocks")
		c.go_(conns)
		priorities, entries := r.blocks()
		require.Equal(t, []int{-1}, priorities, c.name)
		require.LessOrEqual(t, entries, minEntries)
		require.Len(t, r.tails, 1)
		disconnect(t, low)
	}
}

func TestAnEmptiedLargeBlockThatExtendsAnotherShrinks(t *testing.T) {
	owner := newScope(t)
	var r Roster
	conns := connect(t, &r, owner, 0, 2*maxEntries)
	_, full := r.blocks()
	first := int(r.head.Load().n.Load())
	disconnect(t, conns[first:])
	priorities, entries := r.blocks()
	require.Len(t, priorities, 2, "a full block has a successor")
	require.Less(t, entries, full-maxEntries/2)
	require.Equal(t, first, r.Len())
	disconnect(t, conns[:first])
}

func TestABlockThatIsMostlyDeadShrinks(t *testing.T) {
	owner := newScope(t)
	var r Roster
	conns := connect(t, &r, owner, 0, 100)
	_, before := r.blocks()
	disconnect(t, conns[:80])
	_, after := r.blocks()
	require.Less(t, after, before/2)
	disconnect(t, conns[80:])
}

// A Fire announces the first owner before it looks; but where that entry is a
// queue's it is nobody, and the walk must not take a slot for its own.
func TestAFireBeginsWithTheFirstEntryUnlessThatIsAQueues(t *testing.T) {
	owner := newScope(t)
	var r, q Roster
	c := connect(t, &r, owner, 0, 1)
	w := r.Start(r.Head())
	require.Same(t, c[0], w.First().conn)
	queued := new(Conn)
	require.True(t, q.Connect(queued, owner, Word(func(int) {}), 0, true, &Extra{}))
	v := q.Start(q.Head())
	require.Nil(t, v.First())

	w.Begin(w.First())
	require.False(t, w.Switch(&q.Head().entries[0]), "nobody is announced in one instruction")
	at := presence.Place(unsafe.Pointer(&w))
	require.False(t, at.Claim(8), "taken")
	w.leave()
	require.True(t, at.Claim(8), "free again")
	require.False(t, at.Move(0))
	disconnect(t, append(c, queued))
}

func TestAClosingRosterTellsAllWhoseValueIsOnItsWay(t *testing.T) {
	owner := newScope(t)
	var r Roster
	told := 0
	for range 3 {
		c := new(Conn)
		require.True(t, r.Connect(c, owner, Word(func(int) {}), 0, true, &Extra{Ended: func() { told++ }}))
		rest, ok := c.Spend()
		require.True(t, ok)
		rest()
	}
	r.Close()
	require.Equal(t, 3, told)
}

// A walk that finds, at its step to the next owner, that a teardown waits for the
// last one, takes its announcement back, in the slot too.
func TestAWalkThatRelievesATeardownFreesItsSlot(t *testing.T) {
	a, b := newScope(t), newScope(t)
	var r Roster
	ca, cb := connect(t, &r, a, 0, 1), connect(t, &r, b, 0, 1)
	w := r.Start(r.Head())
	at := presence.Place(unsafe.Pointer(&w))
	w.Begin(w.First())
	require.True(t, a.Enter()) // as a teardown counts who it waits for
	require.Equal(t, 1, presence.Await(a.PresenceID()))
	e := &r.Head().entries[1]
	require.False(t, w.Switch(e))
	require.NotNil(t, w.Announce(&r.Head().entries[0], e, 1))
	require.Equal(t, b.PresenceID(), w.ID)
	require.False(t, w.End(nil))
	require.True(t, at.Claim(8))
	require.False(t, at.Move(0))
	disconnect(t, append(ca, cb...))
}

func TestDisconnectAllLeavesNoBlock(t *testing.T) {
	owner := newScope(t)
	var r Roster
	conns := connect(t, &r, owner, 0, 3)
	conns[0].Mute()
	r.DisconnectAll()
	require.Nil(t, r.Head())
	require.Empty(t, r.tails)
	for _, c := range conns {
		require.Nil(t, c.block, "a dead connection holds a block, and so others")
	}
	require.True(t, connect(t, &r, owner, 0, 1)[0].Disconnect())
}

func TestADeadConnectionHoldsNeitherItsHandlerNorItsHookNorItsBlock(t *testing.T) {
	owner := newScope(t)
	for _, how := range []string{"disconnected", "all at once", "muted", "owner"} {
		var r Roster
		sub := owner.NewChild("sub", scope.Config{})
		c := new(Conn)
		ended := 0
		w, h := func() (w, h weak.Pointer[[64]byte]) {
			v, hooked := new([64]byte), new([64]byte)
			require.True(t, r.Connect(c, sub, Word(func(int) { v[0]++ }), 0, false, nil))
			c.OnEnd(func() { ended += 1 + int(hooked[0]) })
			return weak.Make(v), weak.Make(hooked)
		}()
		switch how {
		case "disconnected":
			c.Disconnect()
		case "all at once":
			r.DisconnectAll()
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

func TestAllHooksOfAConnectionAreCalledInTheirOrder(t *testing.T) {
	owner := newScope(t)
	var r Roster
	c := connect(t, &r, owner, 0, 1)[0]
	var calls []int
	for i := range 3 {
		c.OnEnd(func() { calls = append(calls, i) })
	}
	require.True(t, c.Disconnect())
	require.Equal(t, []int{0, 1, 2}, calls)
	c.OnEnd(func() { calls = append(calls, 3) })
	require.Equal(t, []int{0, 1, 2, 3}, calls, "late, at once")
}

// Both books keep a spent connection for the value that is on its way, and no
// longer.
func TestAReleasedConnectionIsForgottenByBothBooks(t *testing.T) {
	owner := newScope(t)
	var r Roster
	spend := func() (*Conn, weak.Pointer[Conn]) {
		c := &Conn{}
		require.True(t, r.Connect(c, owner, Word(func(int) {}), 0, true, &Extra{Ended: func() { t.Error("it was delivered") }}))
		rest, ok := c.Spend()
		require.True(t, ok)
		rest()
		require.False(t, c.Live())
		return c, weak.Make(c)
	}
	c, w := spend()
	c.Release()
	require.Nil(t, c.extra.Ended)
	require.Empty(t, r.spent)
	c = nil
	disconnect(t, connect(t, &r, owner, 0, 2*minEntries)) // a block keeps a few of the dead
	require.True(t, collected(w), "released")
	c, w = spend()
	c.extra.Ended = nil
	r.Close()
	require.Empty(t, r.spent, "a closed roster owes nobody")
	c.Release() // the value's goroutine may not know yet
	c = nil
	require.True(t, collected(w), "closed")
	runtime.KeepAlive(&r)
}

// Two teardowns may wait at one step of a walk: for the owner that it leaves,
// and for the next one, which it has announced already. Each gets its word.
func TestBothOwnersThatAWalkChangesBetweenAreTold(t *testing.T) {
	a, b := newScope(t), newScope(t)
	for _, s := range []*scope.Scope{a, b} {
		require.True(t, s.Enter()) // in the place of a presence that a teardown found
		s.Cancel(nil)
		require.False(t, s.Over())
	}
	leave(a, b, true)
	<-a.Ended()
	<-b.Ended()
}
