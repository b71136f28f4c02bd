package main

import (
	"fmt"
	"runtime"
	"time"

	"github.com/seed-ec287111/tether"
)

// leaks are those that can be planted, each found by another check.
var leaks = []string{"lease", "history", "ghost", "loot"}

func (o Options) valid() bool {
	for _, l := range leaks {
		if o.Leak == l {
			return true
		}
	}
	return o.Leak == ""
}

// Memory is what lives in the process.
type Memory struct {
	Objects, Bytes uint64
	Goroutines     int
}

// Measure collects garbage and counts what is left.
func Measure() Memory {
	runtime.GC()
	runtime.GC() // what the first one has found dead is swept, and its cleanups have been queued
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return Memory{m.HeapObjects, m.HeapAlloc, runtime.NumGoroutine()}
}

// A Row is the state at the end of a simulated minute.
type Row struct {
	Minute  int
	Players int
	Stats   tether.Stats
	Idle    int // bodies and shots
	Leased  int
	Awake   int // springs
	History int
	Skins   int
	Loot    int
	Ghosts  int
	Memory
}

const heading = "" +
	"       |                 |        conn-   | pools       | springs |         | weak             |  live   |  heap\n" +
	"minute | players  owners | ections  defers | idle leased |   awake | history | skin loot ghosts | objects |   KiB\n"

func (r Row) String() string {
	return fmt.Sprintf("%6d | %7d %7d | %7d %7d | %4d %6d | %7d | %7d | %4d %4d %6d | %7d | %5d",
		r.Minute, r.Players, r.Stats.Owners, r.Stats.Connections, r.Stats.Cleanups, r.Idle, r.Leased,
		r.Awake, r.History, r.Skins, r.Loot, r.Ghosts, r.Objects, r.Bytes>>10)
}

// Row counts what there is. The collector tells the weak tables in its own time,
// so it waits for that, though not for ever.
func (a *Arena) Row(minute int) Row {
	memory := Measure()
	settled := func() bool {
		return a.skins.Len() == count(a.skins.All()) && a.origin.Len() == count(a.origin.All()) &&
			a.feed.Len() == a.listeners()
	}
	for deadline := time.Now().Add(2 * time.Second); !settled() && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
		memory = Measure()
	}
	r := Row{
		Minute:  minute,
		Players: a.players.Len(),
		Stats:   a.owner.Stats(),
		History: a.recent.Len(),
		Skins:   a.skins.Len(),
		Loot:    a.origin.Len(),
		Memory:  memory,
	}
	bodies, shots := a.bodies.Stats(), a.shots.Stats()
	r.Idle, r.Leased = bodies.Idle+shots.Idle, bodies.Leased+shots.Leased
	for _, p := range a.online {
		r.Awake += awake(p.x) + awake(p.y)
	}
	r.Ghosts = a.feed.Len() - 1
	return r
}
