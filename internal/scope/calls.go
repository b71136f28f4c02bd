package scope

import (
	"unsafe"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/inflight"
	"github.com/seed-ec287111/tether/internal/yield"
)

// A call of a handler is announced in a slot of package inflight. If there is no free slot,
// it is counted in its scope instead. If a teardown waits for it, it is counted there as
// well.

// PresenceID returns the id under which handlers of s are announced, and makes it on first
// use. The caller holds mu: it is a link function of [Scope.Attach], for example. A
// teardown looks for the id only if it was made before the cut-off.
func (s *Scope) PresenceID() uint64 {
	if id := s.id.Load(); id != 0 {
		return id
	}
	s.id.Store(inflight.NewID()) // only once, because mu is held
	return s.id.Load()
}

// Announce announces that a handler of s is about to run on the caller's goroutine. at
// points into the stack of that goroutine. The caller must look after Announce whether the
// handler is still alive, see package inflight. If ok, it owes a [Scope.Retract] of slot.
func (s *Scope) Announce(at unsafe.Pointer) (slot *inflight.Slot, ok bool) {
	if slot = inflight.Claim(at, s.id.Load()); slot != nil {
		return slot, true
	}
	return nil, s.Enter()
}

// Retract takes back what Announce has announced. Like [Scope.Leave], it completes a
// teardown that waits for nothing else.
func (s *Scope) Retract(slot *inflight.Slot) {
	if slot == nil || slot.Swap(0) {
		s.Leave()
	}
}

// Enter counts a call that is not announced, and reports whether it may start. If so, the
// caller owes a [Scope.Leave].
func (s *Scope) Enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.Alive() {
		return false
	}
	s.calls++
	s.busy++
	return true
}

// Leave ends a call that is counted: by Enter, by Renew or by a teardown. If that call was
// the last thing that a teardown waited for, Leave completes the teardown: cleanups may
// run, and panic, on the caller's goroutine.
func (s *Scope) Leave() { s.left(nil, 1) }

// EnterRun is Enter for a queue that is going to handle values.
func (s *Scope) EnterRun() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.Alive() {
		return false
	}
	s.runs++
	s.busy++
	return true
}

// LeaveRun is Leave after EnterRun.
func (s *Scope) LeaveRun() {
	s.mu.Lock()
	s.runs--
	s.mu.Unlock()
	s.left(nil, 0)
}

// Call runs f as a call that was counted by Enter.
func (s *Scope) Call(f func()) {
	defer s.Leave()
	defer s.supervise()
	goroutine.Callback(f)
}

// left ends one thing that ran in s. If that is a member, n is its node, else nil. calls is
// 1 for a call of a handler, else 0.
func (s *Scope) left(n *Node, calls int32) {
	s.mu.Lock()
	if n != nil {
		s.removeLocked(n)
	}
	if s.Alive() {
		s.calls -= calls
		s.busy--
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	yield.Point("left: of a dead scope")
	s.tree.mu.Lock()
	s.countLocked(-1, -int(calls))
	due := s.down.dropLocked(lastOut)
	s.tree.mu.Unlock()
	yield.Point("left: counted")
	due.complete()
}

// Renew marks the calls of handlers of s that are announced now, and counts them in s as
// well, as a teardown would. So a queue announces its next call anew: without that, one
// announcement may stand for a run of calls. The mark tells a call that ends that it was
// counted.
//
// mu is held from the marks to the count. So no call that was marked is counted out before
// it was counted in, and a cut-off comes before both or after both. Renew does nothing if s
// is dead.
func (s *Scope) Renew() {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.id.Load()
	if id == 0 || !s.Alive() {
		return
	}
	n := int32(inflight.Await(id))
	s.calls += n
	s.busy += n
}
