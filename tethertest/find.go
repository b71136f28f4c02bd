package tethertest

import (
	"slices"
	"weak"

	"github.com/seed-ec287111/tether/internal/inflight"
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
func busy(s *scope.Scope) (yes bool) {
	yes = s.Handlers() > 0
	s.Each(runs, func(m scope.Detail) { yes = yes || m.Kind != scope.Resource || m.Overflow != "" && m.Len > 0 })
	return yes || slices.ContainsFunc(s.Children(), busy)
}

func runs(k scope.Kind) bool {
	return k == scope.Timer || k == scope.Goroutine || k == scope.Resource
}

// A census counts what owners that are older than a round hold.
type census map[item]growth

// An item is a kind of thing that an owner may hold several of.
type item struct {
	root uint64
	path string
	thing
}

// A growth is how many there are, or how many more.
type growth struct {
	item
	n    int
	site uintptr // where the last child was made
	seq  int     // of the first in its census, for order
}

// A counter takes a census.
type counter struct {
	census
	running map[uint64]int // calls of handlers, by the id of their scope
	members []scope.Detail
}

// count takes a census of the roots up to since.
func (w *watcher) count(since uint64) census {
	c := counter{census: census{}, running: map[uint64]int{}}
	for _, id := range inflight.Announced(nil) {
		c.running[id]++
	}
	for r := range scope.Roots() {
		s := r.Scope()
		if r.N > since || s == nil || w.exempt(s) {
			continue
		}
		c.add(r.N, s, quote.Name(s.Name()))
	}
	return c.census
}

// grown compares a census of now with the one before.
func (w *watcher) grown() (all []growth) {
	w.gate.Lock()
	since, before := w.since, w.before
	w.gate.Unlock()
	for it, now := range w.count(since) {
		if n := now.n - before[it].n; n > 0 {
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

// add counts s, which stands at path, and what is below it.
func (c *counter) add(root uint64, s *scope.Scope, path string) {
	note := func(th thing, n int, site uintptr) {
		it := item{root, path, th}
		g, ok := c.census[it]
		if !ok {
			g = growth{item: it, seq: len(c.census)}
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
	for _, child := range s.Children() {
		c.add(root, child, path+"/"+quote.Name(child.Name()))
	}
}

// counted says what kinds of members an older owner may not have got more of.
func counted(k scope.Kind) bool {
	return k == scope.Connection || k == scope.Timer || k == scope.Goroutine || k == scope.Resource
}
