package main

import (
	"fmt"
	"iter"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

// slack is what the heap may differ by, in the mean of some minutes, for other
// reasons than leaks and the number of players. weight is what a player adds to it;
// measured, roughly.
const (
	slack  = 64 << 10
	weight = 9 << 10
)

// What a player and a shot hold, each thing for a line in Join or shoot.
var (
	ofPlayer = tether.Stats{
		Owners:      3, // its own, what its effect has made, and its line on the board
		Connections: 5, // to the ticks, to the events, and the functions of hurt, the effect and the line
		Cleanups:    4, // gone, of the group, of the body's lease, of what the effect has made
	}
	ofShot = tether.Stats{
		Owners:      1,
		Connections: 1, // to the ticks
		Cleanups:    2, // of the count, of the lease
	}
)

// expected is what the arena's owner must hold, as far as the game knows.
func (a *Arena) expected() tether.Stats {
	s, n := a.base, len(a.online)
	s.Owners += n*ofPlayer.Owners + a.flying*ofShot.Owners
	s.Connections += n*ofPlayer.Connections + a.flying*ofShot.Connections
	s.Cleanups += n*ofPlayer.Cleanups + a.flying*ofShot.Cleanups
	for _, p := range a.online {
		s.Connections += awake(p.x) + awake(p.y)
		if p.hurt.Get() {
			s.Cleanups++ // its effect tells when that is over
		}
	}
	s.Connections += a.listeners() - 1 // the ghosts; the ring is in the base
	return s
}

// listeners is how many connections the feed must have: the ring and the ghosts.
// Players listen to the ring.
func (a *Arena) listeners() int {
	n := 1
	for _, g := range a.ghosts {
		if g != nil {
			n++
		}
	}
	return n
}

// Check compares what the library has with what the game knows.
func (a *Arena) Check(r Row) (problems []string) {
	check := func(what string, got, want any) {
		if got != want {
			problems = append(problems, fmt.Sprintf("minute %d: %s: %+v, expected %+v", r.Minute, what, got, want))
		}
	}
	loot := 0
	worn := make(map[*Skin]bool)
	for _, p := range a.online {
		loot += len(p.bag)
		worn[p.skin] = true
	}
	check("players", r.Players, len(a.online))
	check("lines of the board", len(a.board.Get()), len(a.online))
	check("owner", r.Stats, a.expected())
	check("bodies on loan", a.bodies.Stats().Leased, len(a.online))
	check("shots on loan", a.shots.Stats().Leased, a.flying)
	check("history", r.History, min(a.told, maxEvents))
	check("skins", r.Skins, len(worn))
	check("loot", r.Loot, loot)
	check("ghosts", r.Ghosts, a.listeners()-1)
	return problems
}

// flat compares the heap of the later half of the minutes with that of the
// earlier one, in the mean and without the players, whose number varies. The first
// minutes don't count, in which the arena fills up.
func flat(rows []Row) (problems []string) {
	const filling = 2
	if len(rows) < 2*filling+2 {
		return nil
	}
	rows = rows[filling:]
	half := len(rows) / 2
	early, late := mean(rows[:half]), mean(rows[half:])
	if late > early+slack {
		problems = append(problems, fmt.Sprintf("minute %d: the heap has grown from %d to %d KiB in the mean",
			rows[len(rows)-1].Minute, early>>10, late>>10))
	}
	return problems
}

func mean(rows []Row) (bytes int) {
	for _, r := range rows {
		bytes += int(r.Bytes) - r.Players*weight
	}
	return bytes / len(rows)
}

// Zero says what is left after the end.
func (a *Arena) Zero() (problems []string) {
	zero := func(what string, n int) {
		if n != 0 {
			problems = append(problems, fmt.Sprintf("at the end: %s: %d left", what, n))
		}
	}
	s := a.owner.Stats()
	zero("owners", s.Owners)
	zero("connections", s.Connections)
	zero("goroutines", s.Goroutines)
	zero("timers", s.Timers)
	zero("cleanups", s.Cleanups)
	zero("players", a.players.Len()+len(a.online))
	zero("shots", a.flying)
	zero("listeners", a.feed.Len())
	zero("history", a.recent.Len())
	zero("skins", a.skins.Len())
	zero("loot", a.origin.Len())
	bodies, shots := a.bodies.Stats(), a.shots.Stats()
	zero("bodies in the pool", bodies.Idle+bodies.Leased+int(bodies.Made-bodies.Disposed))
	zero("shots in the pool", shots.Idle+shots.Leased+int(shots.Made-shots.Disposed))
	return problems
}

func awake(s *state.Spring) int {
	if s.Asleep() {
		return 0
	}
	return 1
}

func count[K, V any](all iter.Seq2[K, V]) (n int) {
	for range all {
		n++
	}
	return n
}
