package scope

import (
	"github.com/seed-ec287111/tether/internal/finally"
	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/yield"
)

// The third phase: children and cleanups run, newest first, depth first.

// An unwinder walks a subtree from its top down and back. It has no stack, as the way
// back is by the parents, so a tree may be as deep as it likes.
type unwinder struct {
	t      *teardown
	at     *Scope // where it is
	until  *Scope // where it ends: nil for t's top and for what comes due by its end
	signed bool   // t.gid is known
}

// complete unwinds t, then whatever comes due by that. Panics and Goexits go on when
// all of it is done.
func (t *teardown) complete() {
	if t != nil {
		u := unwinder{t: t, at: t.top}
		u.run()
	}
}

func (u *unwinder) run() { finally.Each(u.step) }

// step runs one cleanup, or goes one scope down or up. It returns false at the end.
func (u *unwinder) step() bool {
	s := u.at
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
		s.mu.Unlock()
		yield.Point("unwind: child")
		u.at = n.m.(*Scope) // nothing else outlives the drain
		return true
	}
	if u.t.apart {
		s.mu.Unlock()
		u.t.apart = false
		own := *u
		go own.run()
		return false
	}
	s.removeLocked(n)
	s.now = c
	s.mu.Unlock()
	u.sign()
	yield.Point("unwind: cleanup")
	c.run()
	return true
}

// doneLocked forgets the cleanup that ran last, and what its closure holds.
func (s *Scope) doneLocked() {
	if s.now != nil {
		s.now.f, s.now.closer = nil, nil
		s.now = nil
	}
}

// up ends the scope that has nothing left, and goes on to the one above: its parent, or
// the one whose teardown comes due by that. It returns false if there is none.
func (u *unwinder) up() bool {
	s := u.at
	yield.Point("finish")
	s.tree.mu.Lock()
	s.mu.Lock()
	s.doneLocked()
	s.becomeLocked(ended)
	errs := s.errs
	s.mu.Unlock()
	s.tellEnd()
	if s != u.t.top {
		s.parent.adoptErrorsLocked(errs)
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
	*u = unwinder{t: due, at: due.top}
	yield.Point("unwind: above")
	return true
}

// tellEnd takes s, which has ended, out of the books of others. tree.mu is held.
func (s *Scope) tellEnd() {
	if Observed() {
		tell(s, finished)
	}
	if s.parent == nil {
		s.tree.unlist()
	} else {
		s.parent.Detach(&s.node)
	}
}

// sign notes which goroutine runs the cleanups, for Destroy of a descendant whose turn
// is still to come. Without children there is none, and the time is saved.
func (u *unwinder) sign() {
	if u.signed || !u.t.parent {
		return
	}
	u.signed = true
	gid := goroutine.ID()
	tree := u.t.top.tree
	tree.mu.Lock()
	u.t.gid = gid
	tree.mu.Unlock()
}

// destroyBelow is Destroy of a scope that t, which is unwinding, has not come to yet, or
// is at.
func (s *Scope) destroyBelow(t *teardown, gid uint64) error {
	yield.Point("destroy: under another")
	if gid != 0 && gid == goroutine.ID() {
		if s.state.Load() >= unwinding || t.nestedIn(s) {
			return ErrPending // this is a cleanup of s itself, or of a descendant
		}
		t.nested = append(t.nested, s) // its turn would have come later
		defer func() { t.nested = t.nested[:len(t.nested)-1] }()
		u := unwinder{t: t, at: s, until: s, signed: true}
		u.run()
		return s.Err()
	}
	if goroutine.MustNotWait() {
		return ErrPending
	}
	<-s.Ended()
	yield.Point("destroy: woken")
	return s.Err()
}

// nestedIn reports whether a descendant of s is being unwound before its turn. The
// caller is on the goroutine that unwinds, the only one to read or write nested.
func (t *teardown) nestedIn(s *Scope) bool {
	for _, n := range t.nested {
		for ; n != nil; n = n.parent {
			if n == s {
				return true
			}
		}
	}
	return false
}
