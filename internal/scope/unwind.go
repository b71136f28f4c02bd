package scope

import (
	"github.com/seed-ec287111/tether/internal/finally"
	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/yield"
)

// The third phase, unwinding: children and cleanups run, newest first, depth first.

// An unwinder walks a subtree from its top down and back. It needs no stack, because the
// parents are the way back. So a tree may have any depth.
type unwinder struct {
	t      *teardown
	at     *Scope // where it is; nil at the end
	until  *Scope // where it ends; nil: at t's top, and then with what comes due by the end of t
	number uint64 // on the stack; 0: none
	apart  bool   // user code is to run on another goroutine than this one

	inside func() bool // whether this goroutine may not wait; nil: it may not
}

// complete unwinds t, and then what comes due by the end of t. Panics and Goexits go on
// when all of it is done.
func (t *teardown) complete() { t.completeBy(nil) }

// completeBy is complete for a caller that may wait for the end of t, unless inside says
// that it is inside a call that may not. If completeBy returns before t has ended, another
// goroutine goes on with t.
func (t *teardown) completeBy(inside func() bool) {
	if t != nil {
		u := unwinder{t: t, at: t.top, apart: t.apart, inside: inside}
		u.run()
	}
}

// run unwinds. If there are children, a Destroy of one whose turn is still to come must
// find out whether a cleanup of this unwinding called it. So run puts a number on the
// stack.
func (u *unwinder) run() {
	if u.number != 0 || !u.t.parent {
		finally.Each(u.step)
		return
	}
	own := *u // u itself stays on the stack
	own.number = goroutine.NewNumber()
	own.announce()
	goroutine.Spell(own.number, &own)
}

// Run is run with u's number on the stack.
func (u *unwinder) Run() { finally.Each(u.step) }

// announce makes u's number that of its teardown.
func (u *unwinder) announce() {
	tree := u.t.top.tree
	tree.mu.Lock()
	u.t.number = u.number
	tree.mu.Unlock()
}

// step runs one cleanup, or goes one scope down or up. It returns false at the end.
func (u *unwinder) step() bool {
	s := u.at
	if s == nil {
		return false
	}
	s.mu.Lock()
	if s.state.Load() < unwinding {
		s.becomeLocked(unwinding)
	}
	s.doneLocked()
	n := s.last
	if n == nil {
		s.mu.Unlock()
		return u.up()
	}
	c, ok := n.m.(*cleanup)
	if !ok {
		child := n.m.(*Scope) // nothing else outlives the drain
		s.mu.Unlock()
		yield.Point("unwind: child")
		if child.bond == inTurn {
			return u.turn(child)
		}
		u.at = child
		return true
	}
	if u.apart {
		s.mu.Unlock()
		return u.goOn()
	}
	s.removeLocked(n)
	s.now = c
	s.mu.Unlock()
	yield.Point("unwind: cleanup")
	c.run()
	return true
}

// goOn leaves the rest to a goroutine of the teardown's own. It returns false.
func (u *unwinder) goOn() bool {
	own := unwinder{t: u.t, at: u.at, inside: func() bool { return false }} // and another number
	go own.run()
	return false
}

// doneLocked forgets the cleanup that ran last, and what its closure holds.
func (s *Scope) doneLocked() {
	if s.now != nil {
		s.now.f, s.now.closer = nil, nil
		s.now = nil
	}
}

// up ends the scope, which has nothing left, and goes on to its parent, or to the top of
// the teardown that comes due by this end. It returns false if there is neither.
func (u *unwinder) up() bool {
	s := u.at
	yield.Point("finish")
	s.tree.mu.Lock()
	s.mu.Lock()
	s.doneLocked()
	s.becomeLocked(ended)
	s.mu.Unlock()
	s.tellEnd()
	s.passErrorsLocked()
	if s != u.t.top {
		s.tree.mu.Unlock()
		u.at = s.parent
		return s != u.until
	}
	var due *teardown
	if above := u.t.above; above != nil {
		due = above.dropLocked(lastOut)
	}
	s.tree.mu.Unlock()
	if due == nil {
		return false
	}
	yield.Point("unwind: above")
	// NOTE: Cancel calls no user code on its caller, of whatever owner.
	due.apart = due.apart || u.apart
	if due.parent && u.number == 0 { // it needs a number, which then serves the teardowns above it too
		u.at = nil // also if a cleanup panics
		due.complete()
		return false
	}
	*u = unwinder{t: due, at: due.top, number: u.number, apart: due.apart}
	if u.number != 0 {
		u.announce()
	}
	return true
}

// tellEnd takes s, which has ended, out of the books of others. tree.mu is held.
func (s *Scope) tellEnd() {
	if Observed() {
		tell(s, finished)
	}
	delete(s.tree.stages, s)
	if s.parent == nil {
		s.tree.unlist()
	} else {
		s.parent.inherit(s)
	}
}

// destroyBelow is Destroy of a scope that t, which is unwinding, has not reached yet, or is
// at.
func (s *Scope) destroyBelow(t *teardown, number uint64, inside func() bool) {
	yield.Point("destroy: under another")
	if number != 0 && goroutine.Spelled(number) {
		if s.state.Load() >= unwinding || t.nestedIn(s) {
			return // this is a cleanup of s itself, or of a descendant
		}
		t.nested = append(t.nested, s) // its turn would have come later
		defer func() { t.nested = t.nested[:len(t.nested)-1] }()
		u := unwinder{t: t, at: s, until: s, number: number}
		u.run()
		return
	}
	// What ends in its turn may still have goroutines. They may call Destroy of scopes that
	// the unwinding reaches later. So the wait counts as one for all of t.
	free, done := t.mayWait(inside)
	defer done()
	if !free {
		return
	}
	<-s.Ended()
	yield.Point("destroy: woken")
}

// nestedIn reports whether a descendant of s is being unwound before its turn. The turn of
// s has not come, nor that of any scope between the two. So the way up ends at the first
// scope that is unwinding. The caller is on the goroutine that unwinds, the only one to
// read or write nested.
func (t *teardown) nestedIn(s *Scope) bool {
	for _, n := range t.nested {
		for p := n.parent; p != nil && p.state.Load() < unwinding; p = p.parent {
			if p == s {
				return true
			}
		}
	}
	return false
}
