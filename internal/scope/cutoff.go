package scope

import (
	"slices"

	"github.com/seed-ec287111/tether/internal/finally"
	"github.com/seed-ec287111/tether/internal/inflight"
	"github.com/seed-ec287111/tether/internal/yield"
)

// The first phase, the cut-off: in one step nothing new starts in a whole subtree.

// A Cutoff collects, while locks are held, what to do when they are released.
type Cutoff struct {
	t     *teardown // of the scopes that are cut off, from now on; nil before it is needed
	from  *teardown // of these scopes until now; nil: they are alive
	cause error

	announced  bool // a scope with a presence id was cut off
	scopes     int
	busy       int         // what runs in the scopes that were cut off
	below      []*teardown // teardowns further down that began before
	after      []func()
	interrupts []*interrupt
	path       []step // from the top to the scope that is being cut off
}

// A step is a scope on the way down, and its next member to look at. The scope's mutex is
// held.
type step struct {
	s    *Scope
	next *Node
}

// After arranges for f to be called by the goroutine that cuts off, once it holds no lock.
// f must not be user code, but may call methods of the user's contexts.
func (co *Cutoff) After(f func()) { co.after = append(co.after, f) }

// Remove is Detach for a member's Cut.
func (co *Cutoff) Remove(s *Scope, n *Node) { s.removeLocked(n) }

// begin cuts off the subtree of s and gives it a teardown. When begin returns, nothing new
// starts there. stage says that the end of s is a part of its parent's, see teardown.stage.
// tree.mu is held. Either s is alive, or an ancestor's teardown has cut it off and still
// drains. That teardown then waits for the new one as a whole.
//
// If nothing is left to do, to wait for or to unwind, begin ends s as well and returns nil.
// That is the common case of owners that come and go. It needs no teardown.
func (s *Scope) begin(cause error, stage bool) *teardown {
	co := &s.tree.scratch
	co.cause, co.from = cause, s.down
	co.cut(s)
	marked := 0
	if co.announced && co.scopes == 1 { // one scan is enough
		marked = inflight.Await(s.id.Load())
	}
	if co.idle() && marked == 0 && s.last == nil {
		s.down = &atOnce
		if stage {
			s.down = &teardown{top: s, stage: true}
		}
		s.becomeLocked(ended) // a Defer from now on calls its function at once
		s.mu.Unlock()
		s.tellEnd()
		s.passErrorsLocked()
		*co = Cutoff{}
		return nil
	}
	t := co.teardown()
	s.down = t
	s.busy += int32(marked)
	s.calls += int32(marked)
	s.mu.Unlock()

	t.top, t.draining, t.stage = s, true, stage
	t.pending = co.busy + marked + 1 // the hold of the goroutine that cuts off, see drain.go
	if co.from != nil {
		co.from.pending -= co.busy + len(co.below)
		co.from.waitForLocked(t)
	}
	for _, below := range co.below {
		t.waitForLocked(below)
	}
	if co.announced && co.scopes > 1 {
		t.awaitHandlers()
	}
	t.after, t.interrupts = co.after, co.interrupts
	*co = Cutoff{}
	return t
}

// teardown returns the teardown of this cut-off. The first call makes it, so it exists only
// if it is needed.
func (co *Cutoff) teardown() *teardown {
	if co.t == nil {
		co.t = new(teardown)
	}
	return co.t
}

// idle reports whether a single scope was cut off that was alive, nothing runs in it, and
// nothing was put off.
func (co *Cutoff) idle() bool {
	return co.from == nil && co.scopes == 1 && co.busy == 0 && len(co.after) == 0 &&
		len(co.interrupts) == 0 && len(co.below) == 0
}

// atOnce stands for the teardowns of all scopes that ended at once. It is never written,
// because nothing runs in such a scope, and nothing will.
var atOnce teardown

// cut cuts off top and all below it, except what a teardown of its own ends already, and
// what ends in its turn. It returns with the mutex of top held.
//
// A scope is marked after its descendants, while the mutexes on the way down to it are
// held. So a goroutine that sees a scope dead finds all below it dead too, and no child can
// be added between the marks of a scope's children and its own. The way is kept in a list,
// because a tree may be deeper than a goroutine's stack can be.
func (co *Cutoff) cut(top *Scope) {
	for s, n := top, co.enter(top); ; {
		if n == nil {
			co.mark(s)
			if s == top {
				return
			}
			s.down = co.teardown()
			s.mu.Unlock()
			up := co.path[len(co.path)-1]
			co.path = co.path[:len(co.path)-1]
			s, n = up.s, up.next
			continue
		}
		m := n.m
		n = n.prev // Cut may unlink m
		child, ok := m.(*Scope)
		switch {
		case !ok:
			if co.from == nil {
				m.Cut(co)
			}
		case child.bond == inTurn:
		case child.down == co.from: // read with tree.mu held
			co.path = append(co.path, step{s, n})
			s, n = child, co.enter(child)
		default: // it has a teardown of its own
			co.below = append(co.below, child.down)
		}
	}
}

// enter locks s, and returns the first member to look at.
func (co *Cutoff) enter(s *Scope) *Node {
	s.mu.Lock() // NOTE: nested in the parent's
	co.scopes++
	co.announced = co.announced || s.id.Load() != 0
	if co.from == nil {
		s.cause = co.cause
		if s.unbind != nil {
			co.After(s.unbind)
			s.unbind = nil
		}
	}
	if s.cancel != nil { // if s was cut off before, the goroutine that did it may not have called cancel yet
		cancel, cause := s.cancel, s.cause
		co.After(func() { cancel(cause) })
	}
	if co.from != nil && s.counts[Child] == 0 {
		return nil
	}
	return s.last
}

// mark makes s dead, and counts what runs in it. mu is held.
func (co *Cutoff) mark(s *Scope) {
	if co.from == nil {
		s.state.Store(cutOff)
	}
	co.busy += int(s.busy)
}

// awaitHandlers counts all announced calls of handlers of t's scopes in these, and in t.
// tree.mu is held.
func (t *teardown) awaitHandlers() {
	var buf [16]uint64
	ids := inflight.Announced(buf[:0])
	if len(ids) == 0 {
		return
	}
	for _, p := range t.top.subtree(nil) {
		if id := p.id.Load(); p.down == t && slices.Contains(ids, id) {
			n := inflight.Await(id)
			p.countLocked(n, n)
			t.pending += n
		}
	}
}

// runAfter calls what was put off, except interrupts. Here contexts end. Methods of the user's
// contexts are called, and may panic. The panic goes on after the rest, and the caller still
// owes the end of the cut-off.
func (t *teardown) runAfter() {
	if len(t.after) == 0 {
		return
	}
	finally.Each(func() bool {
		if len(t.after) == 0 {
			t.after = nil
			return false
		}
		f := t.after[0]
		t.after = t.after[1:]
		f()
		return true
	})
}

// runInterrupts runs the interrupts, newest first. A panic or Goexit of one goes on after
// the rest have run.
func (t *teardown) runInterrupts() {
	if len(t.interrupts) == 0 {
		return
	}
	finally.Each(func() bool {
		if len(t.interrupts) == 0 {
			return false
		}
		i := t.interrupts[0]
		t.interrupts = t.interrupts[1:]
		yield.Point("cut-off: interrupt")
		i.run()
		return true
	})
}
