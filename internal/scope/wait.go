package scope

import (
	"sync/atomic"

	"github.com/seed-ec287111/tether/internal/yield"
)

// Two owned goroutines that wait for the end of each other's owners would wait for
// ever. So whoever is about to wait looks whether that closes a circle, and does not
// wait if so.
//
// Only goroutines that a scope owns can be part of a circle, as no teardown waits for
// others; and inside handlers and cleanups nobody waits at all. An owned goroutine G
// that waits for the end of t is an edge from G to t. G itself is waited for by the
// teardown of its scope, and those above that. So the search goes backwards from the
// caller: who waits for a teardown that waits for me? If t is found to be one of
// those, the wait would close a circle. It never looks at a subtree, and locks no tree
// but those on the way.
//
// An edge is entered first and searched for second. So of two goroutines that come at
// once at least one finds the other's edge; and by the time of the search all scopes on
// the way are cut off, so what runs in them only gets less. If both find each other,
// the younger one gives in, and the older one waits for that before it decides.

// A wait is an edge: an owned goroutine that waits, or is about to, for the end of t.
type wait struct {
	of    []*Scope // whose goroutine it is
	t     *teardown
	n     uint64 // counts the waits of the program
	index int    // in t.waits

	settled atomic.Bool   // it waits
	decided chan struct{} // closed when it is settled or has given in
}

// waits is a list of edges to one teardown, in no order. The tree's mutex guards it.
type waits []*wait

var lastWait atomic.Uint64

// mayWait reports whether the caller may wait for the end of t, and if so notes
// that it does until done is called. inside says whether it is where nobody may wait.
func (t *teardown) mayWait(inside func() bool) (ok bool, done func()) {
	nothing := func() {}
	if inside() {
		return false, nothing
	}
	of := current()
	if of == nil {
		return true, nothing
	}
	w := &wait{of: of, t: t, n: lastWait.Add(1), decided: make(chan struct{})}
	w.enter()
	defer close(w.decided)
	for {
		yield.Point("wait: search")
		younger, circle := w.search()
		switch {
		case !circle:
			w.settled.Store(true)
			return true, w.remove
		case younger == nil:
			w.remove()
			return false, nothing
		}
		<-younger.decided
	}
}

func (w *wait) enter() {
	w.t.top.tree.mu.Lock()
	defer w.t.top.tree.mu.Unlock()
	w.index = len(w.t.waits)
	w.t.waits = append(w.t.waits, w)
}

func (w *wait) remove() {
	w.t.top.tree.mu.Lock()
	defer w.t.top.tree.mu.Unlock()
	all := w.t.waits
	last := all[len(all)-1]
	all[w.index], last.index = last, w.index
	all[len(all)-1] = nil
	w.t.waits = all[:len(all)-1]
}

// A hop is an edge that the search has come by, and the one before it.
type hop struct {
	*wait
	from *hop
}

// search reports whether w closes a circle, and if so returns an edge of that which is
// younger than w and undecided, nil if there is none.
func (w *wait) search() (younger *wait, circle bool) {
	rest := []*hop{{wait: w}}
	seen := map[*wait]bool{w: true}
	for len(rest) > 0 {
		h := rest[len(rest)-1]
		rest = rest[:len(rest)-1]
		for _, s := range h.of {
			edges, found := s.waitedFor(w.t)
			if found {
				return w.undecided(h), true
			}
			for _, e := range edges {
				if !seen[e] {
					seen[e] = true
					rest = append(rest, &hop{e, h})
				}
			}
		}
	}
	return nil, false
}

// waitedFor returns the edges to all teardowns that wait for the goroutines of s, or
// reports that t is one of these. Those of the scopes above wait for s by way of above, or,
// where a part of a tree ends on its own account, without.
func (s *Scope) waitedFor(t *teardown) (edges []*wait, found bool) {
	s.tree.mu.Lock()
	defer s.tree.mu.Unlock()
	for p := s; p != nil; p = p.parent {
		for u := p.down; u != nil; u = u.above {
			if u == t {
				return nil, true
			}
			edges = append(edges, u.waits...)
		}
		if !s.tree.parts.Load() {
			break // those above are above in that sense too
		}
		if st := s.tree.stages[p]; st != nil {
			if &st.end == t {
				return nil, true
			}
			edges = append(edges, st.end.waits...)
		}
	}
	return edges, false
}

// undecided returns an edge on the way back from h that is younger than w and may still
// give in, nil if there is none.
func (w *wait) undecided(h *hop) *wait {
	for ; h != nil; h = h.from {
		if h.n > w.n && !h.settled.Load() {
			return h.wait
		}
	}
	return nil
}
