package scope

import (
	"slices"

	"github.com/seed-ec287111/tether/internal/yield"
)

// A Lingerer is a member that may outlive the cut-off, because it has accepted work that is
// still to be done. Its Cut decides: it calls [Cutoff.Keep], which counts the member as
// something that runs, or [Cutoff.Remove]. A member that was kept calls [Scope.Settled]
// when no work is left.
//
// So only the cut-off raises the count, with tree.mu and the scope's mutex held, as for
// timers and interrupts. While a scope is alive, its lingerers cost nothing.
type Lingerer interface {
	Member
	// Left returns how many values are pending, and the function that gets the first one.
	// handles says that a value is being handled that its owner may not know of. Left is
	// called with the scope's mutex held.
	Left() (values int, pc uintptr, handles bool)
	// GiveUp drops what is pending. It is called with no lock held.
	GiveUp()
}

// Lingering describes what is left in the members of s that are not resources: for each,
// the number of values pending, as Len, and the function that gets them. There is nothing
// while s is alive.
func (s *Scope) Lingering() (all []Detail) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Alive() {
		return nil
	}
	for n := s.last; n != nil; n = n.prev {
		if l, ok := n.m.(Lingerer); ok && l.Kind() == Internal {
			if values, pc, _ := l.Left(); values > 0 {
				all = append(all, Detail{Kind: Internal, PC: pc, Len: values})
			}
		}
	}
	slices.Reverse(all)
	return all
}

// Keep is for the Cut of a member that stays. It counts the member as running.
func (co *Cutoff) Keep(s *Scope) { s.busy++ }

// Settled removes a member that was kept. Like [Scope.Leave], it completes a teardown that
// waits for nothing else. apart says that it may not run user code for that on the caller's
// goroutine.
func (s *Scope) Settled(n *Node, apart bool) {
	s.Detach(n)
	yield.Point("settled: detached")
	s.tree.mu.Lock()
	s.countLocked(-1, 0)
	due := s.down.dropLocked(lastOut)
	if due != nil && apart {
		due.apart = true
	}
	s.tree.mu.Unlock()
	due.complete()
}

// EnterLate is Enter for a call by a member that was kept, when s is cut off. s still
// drains, because it waits for that member.
func (s *Scope) EnterLate() {
	s.tree.mu.Lock()
	s.down.pending++
	s.countLocked(1, 1)
	s.tree.mu.Unlock()
}

// GiveUp drops what lingers in the subtree of s, which is cut off.
func (s *Scope) GiveUp() {
	var all []Lingerer
	for _, p := range s.subtree(nil) {
		p.mu.Lock()
		for n := p.last; n != nil; n = n.prev {
			if l, ok := n.m.(Lingerer); ok {
				all = append(all, l)
			}
		}
		p.mu.Unlock()
	}
	for _, l := range slices.Backward(all) {
		l.GiveUp()
	}
}
