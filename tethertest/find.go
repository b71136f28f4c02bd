package tethertest

import (
	"slices"
	"weak"

	"github.com/seed-ec287111/tether/internal/inflight"
	"github.com/seed-ec287111/tether/internal/outline"
	"github.com/seed-ec287111/tether/internal/quote"
	"github.com/seed-ec287111/tether/internal/scope"
)

// Findings are what a verification has to report.
type findings struct {
	t      string
	mine   []*entry // what the test made
	shared []*entry // what it may have made
	grown  []growth
	round  []string // the tests that ran meanwhile, t included
	ends   int      // how many verifications had ended
}

func (f *findings) empty() bool { return len(f.mine) == 0 && len(f.shared) == 0 && len(f.grown) == 0 }

// find looks for what v answers for and is alive. last says that this includes what no
// other verification answers for.
func (w *watcher) find(v *verification) (f *findings, last bool) {
	f = &findings{t: v.t.Name()}
	last = w.of(v, f)
	over := func(e *entry) bool {
		s := e.scope.Value()
		if e.unattended && (s == nil || !busy(s)) {
			return true // or as good as over
		}
		return s != nil && s.Over()
	}
	f.mine, f.shared = slices.DeleteFunc(f.mine, over), slices.DeleteFunc(f.shared, over)
	if last {
		f.grown = w.grown()
	}
	return f, last
}

// busy reports whether something of s or below runs, or will: a goroutine, a timer, a
// handler, a value in a queue.
func busy(s *scope.Scope) bool {
	for rest := []*scope.Scope{s}; len(rest) > 0; {
		s := rest[len(rest)-1]
		yes := s.Handlers() > 0
		s.Each(runs, func(m scope.Detail) { yes = yes || m.Kind != scope.Resource || m.Overflow != "" && m.Len > 0 })
		if yes {
			return true
		}
		rest = append(rest[:len(rest)-1], s.Children()...)
	}
	return false
}

func runs(k scope.Kind) bool {
	return k == scope.Timer || k == scope.Goroutine || k == scope.Resource
}

// A census counts what owners that are older than a round hold.
type census map[item]growth

// An item is a kind of thing that an owner may hold several of.
type item struct {
	root uint64
	path *way
	thing
}

// A growth is how many there are, or how many more.
type growth struct {
	item
	n      int
	site   uintptr // where the last child was made
	seq    int     // of the first in its census, for order
	folded *way    // its path, as lines are told apart
}

// A counter takes a census.
type counter struct {
	census
	ways    ways
	running map[uint64]int // calls of handlers, by the id of their scope
	members []scope.Detail
}

// count takes a census of the roots that are older than the round. gate is held, as it guards the ways.
func (w *watcher) count() census {
	c := counter{census: census{}, ways: w.ways, running: map[uint64]int{}}
	for _, id := range inflight.Announced(nil) {
		c.running[id]++
	}
	for r := range scope.Roots() {
		s := r.Scope()
		if r.N > w.since || s == nil || w.exempt(s) {
			continue
		}
		c.add(r.N, s)
	}
	return c.census
}

// grown compares a census of now with the one before.
func (w *watcher) grown() (all []growth) {
	w.gate.Lock()
	defer w.gate.Unlock()
	for it, now := range w.count() {
		if n := now.n - w.before[it].n; n > 0 {
			now.n = n
			all = append(all, now)
		}
	}
	slices.SortFunc(all, func(a, b growth) int { return a.seq - b.seq })
	return all
}

// exempt reports whether an older root is not to be counted: it is of this round
// after all, or one of its tests is going to destroy it.
func (w *watcher) exempt(s *scope.Scope) bool {
	p := weak.Make(s)
	w.mu.Lock()
	defer w.mu.Unlock()
	test, kept := w.kept[p]
	return w.roots[p] != nil || kept && slices.Contains(w.tests, test)
}

// add counts a root and what is below it, parents first. It keeps what is still to be counted
// in a list, as a tree may be too deep for calls in each other.
func (c *counter) add(root uint64, s *scope.Scope) {
	type branch struct {
		s            *scope.Scope
		path, folded *way // to its parent
	}
	for rest := []branch{{s: s}}; len(rest) > 0; {
		b := rest[len(rest)-1]
		rest = rest[:len(rest)-1]
		name := quote.Name(b.s.Name())
		path, folded := c.ways.on(b.path, name), c.ways.on(b.folded, outline.Fold(name))
		c.one(root, b.s, path, folded)
		for _, child := range slices.Backward(b.s.Children()) {
			rest = append(rest, branch{child, path, folded})
		}
	}
}

// one counts s, but not what is below it.
func (c *counter) one(root uint64, s *scope.Scope, path, folded *way) {
	note := func(th thing, n int, site uintptr) {
		it := item{root, path, th}
		g, ok := c.census[it]
		if !ok {
			g = growth{item: it, seq: len(c.census), folded: folded}
		}
		g.n += n
		g.site = site
		c.census[it] = g
	}
	if s.Parent() != nil {
		note(thing{kind: "owner"}, 1, s.Site())
	}
	running := s.Counted()
	if id := s.ID(); id != 0 {
		running += c.running[id]
	}
	if running > 0 {
		note(thing{kind: "running handler"}, running, 0)
	}
	c.members = c.members[:0]
	s.Each(counted, func(m scope.Detail) { c.members = append(c.members, m) })
	for _, m := range slices.Backward(c.members) {
		if th, n := describe(m); n > 0 {
			note(th, n, 0)
		}
	}
}

// counted says what kinds of members an older owner may not have got more of.
func counted(k scope.Kind) bool {
	return k == scope.Connection || k == scope.Timer || k == scope.Goroutine || k == scope.Resource
}
