package scope

import (
	"unsafe"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/inflight"
	"github.com/seed-ec287111/tether/internal/yield"
)

// A call of a handler is announced in a slot of package inflight. It is counted in its
// scope instead if there is no free slot, and as well if a teardown waits for it.

// PresenceID returns the id under which handlers of s are announced. It is for
// link functions of [Scope.Attach]: a teardown looks for the id only if it was
// asked for before the cut-off.
func (s *Scope) PresenceID() uint64 {
	if id := s.id.Load(); id != 0 {
		return id
	}
	s.id.Store(inflight.NewID()) // not twice: mu is held
	return s.id.Load()
}

// Announce says that a handler of s is about to run on the caller's goroutine,
// on whose stack at points. The caller must look after that whether the handler
// is still alive, see package inflight. If ok, it owes a [Scope.Retract] of slot.
func (s *Scope) Announce(at unsafe.Pointer) (slot *inflight.Slot, ok bool) {
	if slot = inflight.Claim(at, s.id.Load()); slot != nil {
		return slot, true
	}
	return nil, s.Enter()
}

// Retract takes back what Announce has said. Like [Scope.Leave], it completes a
// teardown that has waited for nothing else.
func (s *Scope) Retract(slot *inflight.Slot) {
	if slot == nil || slot.Swap(0) {
		s.Leave()
	}
}

// Enter counts a call of a handler, for which there was no slot, and
// reports whether it may start. The caller owes a [Scope.Leave].
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

// Leave ends a call that Enter or a teardown counted. If it was the last thing
// that a teardown waited for, it completes that teardown: cleanups may run, and
// panic, on the caller.
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

// left ends something that ran in s: a member whose node is n, or calls calls.
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

// Renew has the calls of handlers of s that are announced now counted in s as
// well, as a teardown would: a queue then announces its next call anew, in place
// of letting one announcement stand for a run of calls. Who leaves is told by the
// mark that it was counted. The mutex is held from the marks to the count: nobody
// who was marked can be counted out before it was counted in, and a cut-off comes
// before both or after both. It does nothing where s is dead.
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
