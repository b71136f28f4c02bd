package main

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/history"
	"github.com/seed-ec287111/tether/keyed"
	"github.com/seed-ec287111/tether/pool"
	"github.com/seed-ec287111/tether/state"
	"github.com/seed-ec287111/tether/weakref"
)

// What the arena has room for.
const (
	maxPlayers = 32
	maxShots   = 48
	maxEvents  = 64 // that who joins is told of
	maxGhosts  = 8  // that are remembered
	names      = 48 // so that most players have been here before
	skins      = 12
)

// An Arena is the game. Everything in it happens on the goroutine that fires the
// ticks, so it needs no locks.
type Arena struct {
	owner   *tether.Owner
	tick    tether.Source[tether.Tick]
	rng     *rand.Rand
	players *keyed.Owners[string]
	bodies  *pool.Pool[*Body]
	shots   *pool.Pool[*Shot]
	feed    *tether.Signal[Event]
	recent  *history.Ring[Event]
	skins   *weakref.Cache[int, Skin]
	origin  *weakref.Map[Loot, string]
	here    *state.Value[map[string]*Player]
	board   *state.Computed[map[string]string] // a line for each player

	base   tether.Stats      // of an arena without players
	online []*Player         // in the order of their arrival
	ghosts [maxGhosts]*Ghost // nobody else refers to them
	next   int               // the ghost to be forgotten next
	flying int               // shots

	joined, shot, told int
	leak               string // what is planted
	kept               []any  // by the planted leak
}

// An Event is something that everybody hears of.
type Event struct {
	N    int
	Text string
}

// A Skin is shared by those who wear it, and gone when nobody does.
type Skin [4 << 10]byte

// Loot is something to carry. Where it comes from stands elsewhere.
type Loot [64]byte

// A Ghost is what is left of a player. It listens for as long as it is remembered.
type Ghost struct {
	name  string
	heard int
}

// Hear counts.
func (g *Ghost) Hear(Event) { g.heard++ }

// NewArena makes an empty arena. It belongs to owner.
func NewArena(owner *tether.Owner, tick tether.Source[tether.Tick], o Options) *Arena {
	a := &Arena{
		owner:   owner,
		tick:    tick,
		rng:     rand.New(rand.NewPCG(o.Seed, 0)),
		players: keyed.New[string](owner, "players"),
		bodies:  pool.New(owner, newBody, pool.Limit(maxPlayers), pool.Prewarm(4), pool.Reset((*Body).reset)),
		shots:   pool.New(owner, newShot, pool.Limit(maxShots)),
		feed:    tether.NewSignal[Event](owner),
		skins:   weakref.NewCache[int, Skin](owner),
		origin:  weakref.NewMap[Loot, string](owner),
		leak:    o.Leak,
	}
	a.recent = history.Record(owner, a.feed, maxEvents)
	a.here = state.NewValue(owner, map[string]*Player{})
	a.board = state.ForEach(owner, a.here, func(use *state.Use, line *tether.Owner, name string, p *Player) string {
		return fmt.Sprintf("%s has %d", name, p.energy.Use(use))
	})
	a.base = owner.Stats()
	return a
}

// Arrive has players join, now and then, as long as there is room.
func (a *Arena) Arrive(t tether.Tick) {
	if len(a.online) < maxPlayers && a.chance(8) {
		a.Join(fmt.Sprintf("player-%d", a.rng.IntN(names)), t)
	}
}

// setHere changes a copy of who is here, and sets that.
func (a *Arena) setHere(change func(map[string]*Player)) {
	a.here.Update(func(old map[string]*Player) map[string]*Player {
		here := maps.Clone(old)
		change(here)
		return here
	})
}

// tell has everybody hear something.
func (a *Arena) tell(format string, args ...any) {
	a.told++
	e := Event{a.told, fmt.Sprintf(format, args...)}
	if a.leak == "history" { // one without a bound, with a picture of each event
		a.kept = append(a.kept, new([1 << 10]byte))
	}
	a.feed.Fire(e)
}

// remember makes a ghost, for which another is forgotten. Its connection is not
// ended by anybody: it ends when the ghost is collected.
func (a *Arena) remember(name string) {
	g := &Ghost{name: name}
	weakref.Connect(a.owner, a.feed, g, (*Ghost).Hear)
	if a.leak == "ghost" {
		a.kept = append(a.kept, g)
	}
	a.ghosts[a.next] = g
	a.next = (a.next + 1) % maxGhosts
}

// other returns somebody who is not p, or nil.
func (a *Arena) other(p *Player) *Player {
	if len(a.online) < 2 {
		return nil
	}
	i := a.rng.IntN(len(a.online) - 1)
	if i >= slices.Index(a.online, p) {
		i++
	}
	return a.online[i]
}

// chance is true once in n times.
func (a *Arena) chance(n int) bool { return a.rng.IntN(n) == 0 }
