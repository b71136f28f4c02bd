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
// If a goroutine waits for an opening, so do all opens that run on it: each of their flights has
// an edge to that of the opening. A Replace runs no open yet while it waits for the end of
// earlier owners. Its flight has an edge to each open that runs in one of these. The goroutine
// that is about to wait enters the edges, but only if no path leads from their ends back to its
// own flights. It does both in one critical section. So there never is a circle. If several
// goroutines would close one together, the last of them finds it. A Replace closes none, because
// inside an open it does not wait. It enters its edges before others know of it.
//
// An edge may stay when its end is over, because that waits for nothing.
type flight struct {
	number uint64
	name   string    // of the key
	on     []*flight // what it waits for; guarded by flights.mu
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
	f.on = nil
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
	if path := f.pathTo(mine, map[*flight]bool{}); path != nil {
		last := len(path) - 1
		panic(circle(op, f.name, mine[:slices.Index(mine, path[last])+1], path[:last]))
	}
	for _, g := range mine {
		g.on = []*flight{f}
	}
	return func() {
		flights.mu.Lock()
		defer flights.mu.Unlock()
		for _, g := range mine {
			g.on = nil
		}
	}
}

// pathTo returns a path from f to one of ends, nil if there is none. seen has those from which
// there is none. flights.mu is held.
func (f *flight) pathTo(ends []*flight, seen map[*flight]bool) []*flight {
	if slices.Contains(ends, f) {
		return []*flight{f}
	}
	if seen[f] {
		return nil
	}
	seen[f] = true
	for _, g := range f.on {
		if path := g.pathTo(ends, seen); path != nil {
			return append([]*flight{f}, path...)
		}
	}
	return nil
}

// waitFor enters the edges of a Replace that is about to wait for others, before anybody knows
// of it, or takes them out.
func (f *flight) waitFor(others []*flight) {
	flights.mu.Lock()
	defer flights.mu.Unlock()
	f.on = others
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
