package keyed

import (
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/seed-ec287111/tether/internal/goroutine"
)

// A flight is an opening as the maps of all types see it. While it runs, its number is on its
// goroutine's stack. So a Get finds out inside which opens it is.
//
// If a goroutine waits for an opening, so do all opens that run on it. So a flight has one
// edge at most, to the flight that its goroutine waits for, and all flights of one goroutine
// have the same. The goroutine that is about to wait enters the edge, but only if no path
// leads from the edge's end back to its own flights. It does both in one critical section. So
// there never is a circle. If several goroutines would close one together, the last of them
// finds it.
type flight struct {
	number uint64
	name   string  // of the key
	on     *flight // what its goroutine waits for; guarded by flights.mu
}

// flights has the flights that are under way.
var flights struct {
	mu sync.Mutex // guards the fields below and the edges; a leaf
	by map[uint64]*flight
}

func (f *flight) begin(name string) {
	f.number, f.name = goroutine.NewNumber(), name
	flights.mu.Lock()
	defer flights.mu.Unlock()
	if flights.by == nil {
		flights.by = make(map[uint64]*flight)
	}
	flights.by[f.number] = f
}

func (f *flight) end() {
	flights.mu.Lock()
	defer flights.mu.Unlock()
	delete(flights.by, f.number)
}

// flightsOfCaller returns the flights that the caller is inside, innermost first.
func flightsOfCaller() (all []*flight) {
	numbers := goroutine.Numbers()
	flights.mu.Lock()
	defer flights.mu.Unlock()
	for _, n := range numbers {
		if f := flights.by[n]; f != nil {
			all = append(all, f)
		}
	}
	return all
}

// wait notes that the caller is about to wait for f. done takes that back. wait panics if the
// caller would wait for itself.
func (f *flight) wait(op string) (done func()) {
	mine := flightsOfCaller()
	if mine == nil {
		return func() {}
	}
	flights.mu.Lock()
	defer flights.mu.Unlock()
	var path []*flight
	for g := f; g != nil; g = g.on {
		if i := slices.Index(mine, g); i >= 0 {
			panic(circle(op, f.name, mine[:i+1], path))
		}
		path = append(path, g)
	}
	for _, g := range mine {
		g.on = f
	}
	return func() {
		flights.mu.Lock()
		defer flights.mu.Unlock()
		for _, g := range mine {
			g.on = nil
		}
	}
}

// circle returns the message of a call with the key name that would wait for itself. mine are
// the flights from the call outwards to the one at which the circle closes. path are the
// flights from the one that the call would wait for to that one.
func circle(op, name string, mine, path []*flight) string {
	var b strings.Builder
	b.WriteString("keyed: " + op + " of " + quoted(name) + " would wait for itself: ")
	for _, f := range slices.Backward(mine) {
		b.WriteString(quoted(f.name) + " needs ")
	}
	for _, f := range path {
		b.WriteString(quoted(f.name) + " needs ")
	}
	b.WriteString(quoted(mine[len(mine)-1].name))
	return b.String()
}

func quoted(name string) string { return strconv.Quote(name) }
