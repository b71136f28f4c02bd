package roster

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether/internal/scope"
)

func newScope(t *testing.T) *scope.Scope {
	s := scope.New("s", scope.Config{})
	t.Cleanup(func() { require.NoError(t, s.Destroy()) })
	return s
}

// The last disconnect and the next first connect each have a half that comes when
// no lock is held. A disconnect that was late with its half left the first active
// alive; DisconnectAll, ending the second, looked at that one only; and the third
// began beside the first.
func TestActivitiesDoNotOverlapHoweverLateTheirEndIs(t *testing.T) {
	owner := newScope(t)
	var r Roster
	var actives []*scope.Scope
	r.WhileActive(func() *scope.Scope { return owner.NewChild("active", scope.Config{}) },
		func(s *scope.Scope) {
			for i, a := range actives {
				require.False(t, a.Alive(), "active %d is alive when active %d begins", i, len(actives))
			}
			actives = append(actives, s)
		})
	word := Word(func(int) {})
	connect := func() *Conn {
		c := new(Conn)
		require.True(t, r.Connect(c, owner, word, 0, false, nil))
		return c
	}

	c0 := connect()
	done, ok := c0.end() // one goroutine stops here, in Disconnect
	require.True(t, ok)
	c1 := &Conn{owner: owner, roster: &r}
	first, ok := r.enter(c1, word, 0, 2) // another one here, in Connect
	require.True(t, ok)
	r.DisconnectAll() // a third
	connect()         // a fourth
	require.Len(t, actives, 2)
	require.False(t, actives[0].Alive())
	require.True(t, actives[1].Alive())

	done() // the first two go on
	first.begin()
	require.Len(t, actives, 2, "the one in between was over before it began")
	require.True(t, actives[1].Alive(), "it is not the late ones' to end")
	r.DisconnectAll()
	require.False(t, actives[1].Alive())
}

// blocks returns the priorities of all blocks, and the number of entries.
func (r *Roster) blocks() (priorities []int, entries int) {
	for b := r.head.Load(); b != nil; b = b.next.Load() {
		priorities = append(priorities, b.priority)
		entries += len(b.entries)
	}
	return priorities, entries
}

// Only blocks with many entries were ever taken out of the list.
func TestPrioritiesThatNobodyHasKeepNoBlock(t *testing.T) {
	owner := newScope(t)
	word := Word(func(int) {})
	for _, order := range []string{"up", "down", "random"} {
		var r Roster
		var conns []*Conn
		stays := new(Conn)
		r.Connect(stays, owner, word, 1000, false, nil)
		for i := range 100 {
			p := map[string]int{"up": i, "down": -i, "random": rand.IntN(50)}[order]
			for range 1 + i%12 {
				c := new(Conn)
				r.Connect(c, owner, word, p, false, nil)
				conns = append(conns, c)
			}
		}
		rand.Shuffle(len(conns), func(i, j int) { conns[i], conns[j] = conns[j], conns[i] })
		for _, c := range conns {
			require.True(t, c.Disconnect())
		}
		priorities, _ := r.blocks()
		require.Equal(t, []int{1000}, priorities, order)
		require.True(t, stays.Disconnect())
		priorities, entries := r.blocks()
		require.LessOrEqual(t, len(priorities), 1, "an empty roster may keep one block")
		require.LessOrEqual(t, entries, 2*minEntries)
		for i := range 100 {
			c := new(Conn)
			r.Connect(c, owner, word, i, false, nil)
			c.Disconnect()
		}
		priorities, _ = r.blocks()
		require.LessOrEqual(t, len(priorities), 1, "and so after pairs")
	}
}

// A walk sees every connection of before, by priority and then by age, and none
// that was made since, whatever versions of blocks it comes by.
func TestAWalkAgreesWithAList(t *testing.T) {
	owner := newScope(t)
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 0))
		var r Roster
		type entry struct {
			c        *Conn
			priority int
		}
		var model []entry
		for step := range 300 {
			if rng.IntN(5) < 3 || len(model) == 0 {
				e := entry{new(Conn), rng.IntN(4)}
				i := 0
				for i < len(model) && model[i].priority >= e.priority {
					i++
				}
				model = slices.Insert(model, i, e)
				require.True(t, r.Connect(e.c, owner, Word(func(int) {}), e.priority, false, nil))
			} else {
				i := rng.IntN(len(model))
				require.True(t, model[i].c.Disconnect())
				require.False(t, model[i].c.Disconnect())
				model = slices.Delete(model, i, i+1)
			}
			require.Equal(t, len(model), r.Len(), "seed %d, step %d", seed, step)
			if step%10 > 0 || r.Head() == nil {
				continue
			}
			var got, want []*Conn
			w := r.Start(r.Head())
			if e := w.First(); e != nil {
				w.Begin(e)
			}
			for {
				entries, _ := w.Entries()
				for i := range entries {
					if entries[i].Word() != nil || !w.Skip(&entries[i]) {
						got = append(got, entries[i].conn)
					}
				}
				if !w.NextBlock() {
					require.False(t, w.End(nil))
					break
				}
			}
			for _, e := range model {
				want = append(want, e.c)
			}
			require.True(t, slices.Equal(want, got), "seed %d, step %d: %d connections in another order than %d", seed, step, len(got), len(want))
		}
		r.DisconnectAll()
		require.Zero(t, r.Len())
	}
}

// A connection spent on a queue, whose owner ended before the value's turn, was
// kept by the roster for as long as the signal lived.
func TestASpentConnectionWhoseOwnerEndsIsForgotten(t *testing.T) {
	owner := newScope(t)
	var r Roster
	for range 100 {
		sub := owner.NewChild("sub", scope.Config{})
		c := new(Conn)
		require.True(t, r.Connect(c, sub, Word(func(int) {}), 0, true, &Extra{Ended: func() {}}))
		rest, ok := c.Spend()
		require.True(t, ok)
		rest()
		require.NoError(t, sub.Destroy())
	}
	require.Empty(t, r.spent)
}
