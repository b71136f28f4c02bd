package keyed

import (
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/seed-ec287111/tether/internal/goroutine"
)

// A flight is an opening as all maps, of whatever types, see it. While it runs, its number
// is on its goroutine's stack: so a Get finds out inside whose open it is.
//
// An open waits for another one where the goroutine that it runs on does. So a flight has
// one edge at most, to the flight that its goroutine waits for; all flights of one
// goroutine have the same. An edge is entered, by the one that is about to wait, only
// where the path from its end does not lead back to it, and in the same critical section:
// so there never is a circle, and of several that would close one together the last one
// finds it.
type flight struct {
	number uint64
	name   string  // of the key
	on     *flight // what its goroutine waits for; guarded by flights.mu
}

// flights has those that are under way.
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

// flightsOfCaller returns those that the caller is inside of, innermost first.
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

// wait says that the caller is about to wait for f, until done is called. It panics if it
// would wait for itself.
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

// circle is the message of a call, of the key name, that would wait for itself. mine are
// the flights from that call outwards to the one where the circle closes, path those
// from the one that it would wait for up to there.
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
