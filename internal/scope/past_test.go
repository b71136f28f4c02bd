package scope

import (
	"fmt"
	"strings"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

func TestAScopeFillsItsSizeClass(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) == 8 {
		require.LessOrEqual(t, unsafe.Sizeof(Scope{}), uintptr(256))
	}
}

// A tallied is a member that counts.
type tallied struct {
	node Node
	t    Tally
}

func (m *tallied) Kind() Kind       { return Resource }
func (m *tallied) Cut(*Cutoff)      {}
func (m *tallied) Describe() Detail { return Detail{Len: 1, Taken: m.t.Taken, Dropped: m.t.Dropped} }
func (m *tallied) Final() Tally     { return m.t }

// sum returns what the shares of s and all below it have counted, by name.
func sum(s *Scope) map[string]Tally {
	all := make(map[string]Tally)
	add := func(name string, t Tally) {
		sum := all[name]
		all[name] = Tally{sum.Taken + t.Taken, sum.Dropped + t.Dropped}
	}
	s.Shares(func(p *Scope, share Share) {
		if share.Live != (Tally{}) {
			add(p.Kin(), share.Live)
		}
		for _, n := range share.Past {
			add(n.Name, n.Tally)
		}
	})
	return all
}

func TestATallyMovesUpOnceHoweverLateItComes(t *testing.T) {
	app := New("app", Config{})
	table := app.NewChild("table 4", Config{})
	seat := table.NewChild("seat 7", Config{})
	m := &tallied{t: Tally{3, 1}}
	require.True(t, seat.Attach(&m.node, m, nil))
	want := map[string]Tally{"seat #": {3, 1}}
	require.Equal(t, want, sum(app))
	seat.Detach(&m.node)
	require.Equal(t, want, sum(app))
	m.t = Tally{100, 100} // nobody asks any more

	late := Tally{1, 2}
	for i, s := range []*Scope{seat, table, app} {
		seat.CountLate(late)
		want["seat #"] = Tally{4 + uint64(i), 3 + 2*uint64(i)}
		require.Equal(t, want, sum(app))
		before := sum(s)
		require.NoError(t, s.Destroy())
		require.Equal(t, want, sum(app))
		require.Equal(t, before, sum(s), "it keeps what it had")
		if s != app {
			seat.CountLate(late)
			seat.CountLate(Tally{})
			require.Equal(t, before, sum(s), "it counts nothing any more")
			require.NotEqual(t, want, sum(app))
			seat.CountLate(Tally{^uint64(0), ^uint64(1)}) // takes it back
		}
	}
	seat.CountLate(late)
	want["seat #"] = Tally{7, 9}
	require.Equal(t, want, sum(app), "the last resort is the root, though it has ended")
}

func TestNamesAreBoundedAndStay(t *testing.T) {
	var n names
	require.Equal(t, "first #", n.of("", "first 1"))
	for i := range 10_000 {
		n.of("", strings.Repeat("x", i%60)+string(rune('a'+i%26)))
	}
	require.Len(t, n.known, maxNames)
	require.Equal(t, "first #", n.of("", "first 22"))
	require.Equal(t, Other, n.of("", "last"))
	require.Equal(t, Other, n.of("key of ", "last"))
}

func TestANameIsFoundWithoutAllocation(t *testing.T) {
	app := New("app", Config{})
	players := app.NewChild("players", Config{})
	players.NamedByKeys()
	for i, s := range []*Scope{app, players, players.NewChild("ann", Config{}), app.NewChild("player-17", Config{})} {
		want := []string{"app", "players", "key of players", "player-#"}[i]
		require.Equal(t, want, s.Kin(), fmt.Sprint(i))
		require.Zero(t, testing.AllocsPerRun(100, func() { s.Kin() }), want)
	}
}
