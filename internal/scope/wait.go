package scope

import (
	"sync/atomic"

	"github.com/seed-ec287111/tether/internal/yield"
)

// If two owned goroutines waited for the end of each other's owners, they would wait for
// ever. So a goroutine that is about to wait looks whether its wait closes a circle. If it
// does, the goroutine does not wait.
//
// Only goroutines that a scope owns can be part of a circle: teardowns wait for no other
// goroutines, and no goroutine waits inside handlers and cleanups. An owned goroutine G
// that waits for the end of t is an edge from G to t. The teardown of G's scope waits for
// G, and so do the teardowns above. So the search goes backwards from the caller: which
// goroutines wait for a teardown that waits for this one? If t is one of these teardowns,
// the wait would close a circle. The search never looks at a subtree, and locks no trees
// but those on the way.
//
// A goroutine first enters its edge, and then searches. So of two goroutines that come at
// once, at least one finds the other's edge. By the time of the search all scopes on the
// way are cut off, so what runs in them only gets less. If both find each other, the
// younger wait gives in, and the older waits for that before it decides.

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

// mayWait reports whether the caller may wait for the end of t. If so, it enters that the
// caller waits, until done is called. inside reports whether the caller is inside a call
// that may not wait.
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

// A hop is an edge that the search has come by, and the hop before it.
type hop struct {
	*wait
	from *hop
}

// search reports whether w closes a circle. If it does, younger is an edge of the circle
// that is younger than w and undecided, nil if there is none.
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
// reports that t is one of these. The teardowns of the scopes above wait for s by way of
// teardown.above. If a part of the tree ends separately, they do so without it.
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
			break // u has come to all teardowns further up
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
