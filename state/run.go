package state

import (
	"slices"
	"sync/atomic"

	"github.com/seed-ec287111/tether/internal/yield"
)

// A run is one goroutine's claim to bring a node up to date: first by looking at
// what it used last time, then, if that has changed, by calling the function.
// Others wait for its end.
//
// An overtaken run is one whose node was marked since it began. What it has seen
// was true together, but is not what is true now. So its function is not shown
// anything more: the next Use unwinds it by a panic, and it begins again.
type run struct {
	use  Use
	node *node
	by   *run // that needs this one; nil: Get or settle

	asked  bool // by's function needs it, not only its look
	orphan bool // never computed, or failed before: nobody is there to settle it

	// Written by the run's goroutine alone.
	kept   bool // nothing had changed
	tried  bool // the function was to be called
	called bool // it was
	passed bool // no panic or Goexit goes on to the caller
	ok     bool // the function has returned
	same   bool // a value equal to the last one
	out    any  // the *box of the value

	abandoned atomic.Bool // the function was unwound, or shall be

	// Guarded by books.
	over   bool
	failed bool          // at the end: there is no value, or one not to be kept
	loose  bool          // it used something that has failed: not to be kept
	used   int           // how many of node.deps are this run's
	seen   map[*node]int // their index, once they are many
	waits  []*run        // what must be over before this one can go on
	owed   []settler     // of a top run: orphans below it that have changed
	done   chan struct{} // closed at the end; nil while nobody waits
}

// overtaken is what unwinds a run.
var overtaken any = overtakenPanic{}

type overtakenPanic struct{}

func (overtakenPanic) Error() string {
	return "state: a Set has overtaken this computation; let the panic pass"
}

// refresh returns when n is fresh, and nil; or with a run that the caller has
// made, whose result is good for this caller but could not be kept.
//
// by is the run that asks, nil for none; use says that its function does, in
// which case n is entered as a dependency in the same moment. A panic of n's
// function goes on to the caller.
func (n *node) refresh(by *run, use bool) *run {
	for {
		books.Lock()
		if by != nil && by.stopLocked(use) {
			return nil
		}
		if n.fresh.Load() {
			if use {
				by.linkLocked(n)
			}
			books.Unlock()
			return nil
		}
		if n.run != nil {
			n.run.wait(by)
			continue
		}
		r := &run{node: n, by: by, asked: use}
		r.use.run = r
		n.run = r
		running++
		if by != nil {
			by.waits = append(by.waits, r)
		}
		r.orphan = !n.marked.Load()
		n.marked.Store(false)
		books.Unlock()

		if by != nil {
			r.work()
		} else {
			r.workAndPay()
		}

		if by == nil {
			// What it saw was true after this call began, even if it was overtaken.
			if r.called && !r.abandoned.Load() {
				return r
			}
			continue
		}
		if r.failed {
			return r
		}
	}
}

// stopLocked reports whether r is not to go on, and frees books if so. A
// function is unwound.
func (r *run) stopLocked(use bool) bool {
	if use && r.over {
		books.Unlock()
		panic("state: Use after its computation has returned")
	}
	if !r.node.marked.Load() {
		return false
	}
	books.Unlock()
	if use {
		r.abandoned.Store(true)
		panic(overtaken)
	}
	return true
}

// verify unwinds r's function if it was overtaken. It comes after the reading of
// a value, see markLocked.
func (r *run) verify() {
	if r.node.marked.Load() {
		books.Lock()
		if !r.stopLocked(true) {
			books.Unlock()
		}
	}
}

// work does what the claim is for.
func (r *run) work() {
	defer r.end()
	if r.needed() {
		r.node.cell.compute(r)
		r.passed = true
	}
	yield.Point("state: worked, end")
}

// workAndPay is work for a run that nobody's computation needs: it delivers the
// changes that it, and those below it, have brought about.
func (r *run) workAndPay() {
	defer func() {
		books.Lock()
		owed := r.owed
		r.owed = nil
		books.Unlock()
		settle(owed)
	}()
	r.work()
}

// needed reports whether the function has to be called. It looks at the
// dependencies in the order of their use, and stops at the first change: what
// the function uses after that is its own affair. So nothing is computed here
// that the function would not ask for.
func (r *run) needed() bool {
	n := r.node
	for i, looked := 0, true; ; {
		books.Lock()
		for i < len(n.deps) && n.deps[i].version == n.deps[i].dep.version && n.deps[i].dep.fresh.Load() {
			i++
		}
		switch {
		case n.marked.Load(): // overtaken
			books.Unlock()
			return false
		case i >= len(n.deps) && !n.must:
			r.kept = true
			books.Unlock()
			return false
		case n.must || !looked || n.deps[i].version != n.deps[i].dep.version:
			r.tried = true
			n.must = true // until a value is installed
			books.Unlock()
			return true
		}
		dep := n.deps[i].dep
		books.Unlock()
		looked = r.look(dep)
	}
}

// look brings a dependency up to date. One that panics counts as changed: the
// function will meet the panic itself, and perhaps recover it.
func (r *run) look(dep *node) (ok bool) {
	defer func() { _ = recover() }()
	return dep.refresh(r, false) == nil
}

// catch is deferred around the function's call, and ends the unwinding of a run
// that was overtaken. Other panics it leaves alone, with their stack.
func (r *run) catch() {
	if !r.abandoned.Load() {
		return
	}
	if p := recover(); p != nil && p != overtaken {
		panic(p)
	}
}

// linkLocked enters dep among what r has used.
func (r *run) linkLocked(dep *node) {
	n := r.node
	if r.used == len(n.deps) || n.deps[r.used].dep != dep { // not as last time
		if r.hasLocked(dep) {
			return
		}
		i := slices.IndexFunc(n.deps[r.used:], func(e *edge) bool { return e.dep == dep })
		if i < 0 {
			n.deps = append(n.deps, newEdge(dep, n))
			i = len(n.deps) - 1
		} else {
			i += r.used
		}
		n.deps[i], n.deps[r.used] = n.deps[r.used], n.deps[i]
	}
	n.deps[r.used].version = dep.version
	if r.seen != nil {
		r.seen[dep] = r.used
	}
	r.used++
}

// hasLocked reports whether r has used dep. A map pays from some 16 on (a guess;
// for fewer, comparing is quicker than making one).
func (r *run) hasLocked(dep *node) bool {
	mine := r.node.deps[:r.used]
	if len(mine) <= 16 {
		return slices.ContainsFunc(mine, func(e *edge) bool { return e.dep == dep })
	}
	if r.seen == nil {
		r.seen = make(map[*node]int, 2*len(mine))
		for i, e := range mine {
			r.seen[e.dep] = i
		}
	}
	_, ok := r.seen[dep]
	return ok
}

// end gives the claim back, whatever has happened, and keeps the result if it is
// what is true now.
func (r *run) end() {
	n := r.node
	books.Lock()
	defer books.Unlock()
	r.over = true
	n.run = nil
	running--
	if r.by != nil {
		r.by.forgetLocked(r)
	}
	current := !n.marked.Load()
	switch {
	case r.kept:
		n.fresh.Store(current)
	case r.called:
		n.keepLocked(r.used)
		good := r.ok && !r.abandoned.Load() && !r.loose
		if good && current {
			if !r.same {
				n.version++
				n.cell.install(r.out)
				if r.orphan {
					top := r.topLocked()
					top.owed = append(top.owed, n.cell)
				}
			}
			n.must = false
			n.fresh.Store(true)
		}
		// Overtaken, it may do better the next time; unless its panic is on its way.
		r.failed = !good && !r.abandoned.Load() && current || !r.passed
		if r.failed && r.asked && !r.by.over {
			r.by.loose = true
			r.by.linkLocked(n)
		}
	case r.tried: // but the owner is dead
		n.freezeLocked()
	}
	if r.done != nil {
		close(r.done)
	}
}

// topLocked returns the run for whose sake r was begun.
func (r *run) topLocked() *run {
	for r.by != nil {
		r = r.by
	}
	return r
}

func (r *run) forgetLocked(other *run) {
	if i := slices.Index(r.waits, other); i >= 0 {
		r.waits = slices.Delete(r.waits, i, i+1)
	}
}
