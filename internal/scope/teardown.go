package scope

import (
	"context"
	"slices"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/presence"
	"github.com/seed-ec287111/tether/internal/yield"
)

// A teardown is the end of one subtree on its own account. All its fields are
// guarded by tree.mu.
//
// The invariant: while draining, pending is the sum of busy over the subtree,
// plus one for the hold of the goroutine that cuts off. It is summed up at the
// cut-off, scope by scope under both mutexes; from then on every change of a
// cut scope's busy is made under tree.mu and carried to all teardowns above it.
//
// Whoever brings pending to zero moves the teardown on to unwinding in the same
// critical section, so it happens once. From its beginning to its end a
// teardown counts as one in the busy of the parent; so a teardown above waits
// for it, and at most one teardown of a chain can come due by one decrement.
type teardown struct {
	pending  int
	draining bool
	async    bool          // to be unwound on a goroutine of its own
	waiters  int           // callers of Destroy who wait for token or the end
	token    chan struct{} // nil before the first waiter; who receives unwinds
	parent   bool          // the subtree had children when the unwinding began
	gid      uint64        // the goroutine that runs cleanups; 0: unknown
	blame    error         // what Cancel was given, if that began it
	cutoff   Cutoff        // used once, by who cut off
}

// A Cutoff collects, while locks are held, what to do when they are released.
type Cutoff struct {
	cause      error
	announced  bool // a scope with a presence id was cut
	scopes     int
	busy       int // what runs in the scopes that were cut
	after      []func()
	interrupts []*interrupt
}

// After arranges for f, which must not be user code, to be called by the
// goroutine that cuts off, once no lock is held any more.
func (co *Cutoff) After(f func()) { co.after = append(co.after, f) }

// begin cuts off the subtree of s: when it returns, nothing new starts there.
// tree.mu is held, s has no teardown yet, and nothing above s is unwinding.
func (s *Scope) begin(cause error) *Cutoff {
	s.own = teardown{pending: 1, draining: true}
	s.down = &s.own
	if s.parent != nil {
		s.parent.addLocked(1, 0)
	}
	co := &s.down.cutoff
	co.cause = cause
	co.visit(s)
	s.down.pending += co.busy
	switch {
	case !co.announced:
	case co.scopes == 1: // one scan will do
		if n := presence.Await(s.id.Load()); n > 0 {
			s.addLocked(n, n)
		}
	default:
		var buf [16]uint64
		ids := presence.Present(buf[:0])
		if len(ids) == 0 {
			break
		}
		for _, p := range s.subtree(nil) {
			if id := p.id.Load(); slices.Contains(ids, id) {
				n := presence.Await(id)
				p.addLocked(n, n)
			}
		}
	}
	return co
}

// visit cuts s, unless a teardown further up or down did, and all below it.
// The mutexes of the parents on the way are held, so that the lists stand still.
// A scope is marked after its descendants: who sees the top dead, sees all dead.
func (co *Cutoff) visit(s *Scope) {
	s.mu.Lock() // NOTE: nested in the parent's
	defer s.mu.Unlock()
	co.scopes++
	co.announced = co.announced || s.id.Load() != 0
	fresh := s.Alive()
	if fresh {
		s.cause = co.cause
	}
	if s.cancel != nil { // if not fresh, who cut it may not have got round to it
		cancel, cause := s.cancel, s.cause
		co.After(func() { cancel(cause) })
	}
	if fresh {
		for _, unbind := range s.unbind {
			co.After(func() { unbind() })
		}
		s.unbind = nil
	}
	if fresh || s.counts[Child] > 0 {
		for n := s.last; n != nil; {
			m := n.m
			n = n.prev // Cut may unlink m
			if fresh || m.Kind() == Child {
				m.Cut(co)
			}
		}
	}
	if fresh {
		s.state.Store(cut)
	}
	co.busy += int(s.busy)
}

// Remove is Detach for a member's Cut.
func (co *Cutoff) Remove(s *Scope, n *Node) { s.removeLocked(n) }

// run does what was put off: contexts, then interrupts. A panic or Goexit of an
// interrupt goes on after the rest.
func (co *Cutoff) run() {
	finished := false
	defer func() {
		if !finished {
			co.run()
		}
	}()
	co.runAfter()
	for len(co.interrupts) > 0 {
		i := co.interrupts[0]
		co.interrupts = co.interrupts[1:]
		i.run()
	}
	finished = true
}

func (co *Cutoff) runAfter() {
	for _, f := range co.after {
		f()
	}
	co.after = nil
}

// addLocked counts n more things in s, calls of them handlers' calls. tree.mu
// is held.
func (s *Scope) addLocked(n, calls int) {
	s.mu.Lock()
	s.busy += int32(n)
	s.calls += int32(calls)
	s.mu.Unlock()
	for p := s; p != nil; p = p.parent {
		if t := p.down; t != nil && t.draining {
			t.pending += n
		}
	}
}

// dropLocked counts one thing less in s, whose node, if it is a member still, is
// n, and returns the scope that the caller must complete after that, or nil.
// tree.mu is held.
func (s *Scope) dropLocked(n *Node, calls int32) (due *Scope) {
	s.mu.Lock()
	if n != nil {
		s.removeLocked(n)
	}
	s.busy--
	s.calls -= calls
	s.mu.Unlock()
	for p := s; p != nil; p = p.parent {
		if t := p.down; t != nil && t.draining {
			t.pending--
			if t.pending == 0 {
				due = p.drainedLocked()
			}
		}
	}
	return due
}

// drainedLocked moves s on to unwinding and finds who does it: somebody who
// waits, a new goroutine, or else the caller, to whom it returns s.
func (s *Scope) drainedLocked() *Scope {
	t := s.claimLocked()
	switch {
	case t.waiters > 0:
		t.token <- struct{}{} // never blocks: sent once
		return nil
	case t.async:
		go s.complete()
		return nil
	}
	return s
}

// claimLocked moves s on to unwinding. tree.mu is held and nothing is pending.
func (s *Scope) claimLocked() *teardown {
	t := s.down
	t.draining = false
	s.mu.Lock()
	s.state.Store(unwinding)
	t.parent = s.counts[Child] > 0
	s.mu.Unlock()
	return t
}

// releaseLocked gives up the hold of the goroutine that cut off.
func (s *Scope) releaseLocked() (drained bool) {
	s.down.pending--
	return s.down.pending == 0
}

// complete unwinds a claimed scope, then whatever comes due by that. Panics go
// on when all of it is done.
func (s *Scope) complete() {
	if s == nil {
		return
	}
	defer func() { s.finish().complete() }()
	yield.Point("unwind")
	s.unwind()
}

// unwind runs the children and cleanups of s, newest first.
func (s *Scope) unwind() {
	finished := false
	defer func() {
		if !finished { // a cleanup panicked or called Goexit: go on with the next
			s.unwind()
		}
	}()
	defer s.supervise()
	for {
		s.mu.Lock()
		if s.state.Load() < unwinding {
			s.state.Store(unwinding)
		}
		s.doneLocked()
		n := s.last
		if n == nil {
			s.mu.Unlock()
			break
		}
		m := n.m
		if c, ok := m.(*cleanup); ok {
			s.removeLocked(n)
			s.where = c
			s.mu.Unlock()
			s.sign()
			yield.Point("unwind: cleanup")
			c.run()
			continue
		}
		s.mu.Unlock()
		yield.Point("unwind: child")
		m.(*Scope).unwindChild() // nothing else outlives the drain
	}
	finished = true
}

// doneLocked forgets the cleanup that ran last, and what its closure holds.
func (s *Scope) doneLocked() {
	if s.where != nil {
		s.where.f, s.where.closer = nil, nil
		s.where = nil
	}
}

// unwindChild unwinds a scope as a part of its ancestor's unwinding.
func (s *Scope) unwindChild() {
	defer s.finish()
	s.unwind()
}

// sign notes which goroutine runs the cleanups, for [Scope.Destroy] of a
// descendant that is still to come; where there is none it saves the time.
func (s *Scope) sign() {
	top := s.unwinder()
	if top == nil || !top.down.parent {
		return
	}
	s.tree.mu.Lock()
	known := top.down.gid != 0
	s.tree.mu.Unlock()
	if !known {
		gid := goroutine.ID()
		s.tree.mu.Lock()
		top.down.gid = gid
		s.tree.mu.Unlock()
	}
}

// unwinder returns the scope, s or above, whose teardown unwinds s, or nil. It
// may be called with tree.mu held, or by that teardown itself.
func (s *Scope) unwinder() *Scope {
	for p := s; p != nil; p = p.parent {
		if p.down != nil && !p.down.draining {
			return p
		}
	}
	return nil
}

// finish ends an unwound scope and takes it out of its parent's list. It
// returns the scope that the caller must complete because of that, or nil.
func (s *Scope) finish() (due *Scope) {
	yield.Point("finish")
	s.tree.mu.Lock()
	defer s.tree.mu.Unlock()
	return s.finishLocked()
}

func (s *Scope) finishLocked() (due *Scope) {
	s.mu.Lock()
	s.doneLocked()
	s.state.Store(ended)
	if s.ended != nil {
		close(s.ended)
	}
	s.mu.Unlock()
	if Observed() {
		tell(s, finished)
	}
	switch {
	case s.parent == nil:
		s.tree.unlist()
	case s.down != nil: // it was counted in the parent
		return s.parent.dropLocked(&s.node, 0)
	default:
		s.parent.Detach(&s.node)
	}
	return nil
}

// Destroy is the barrier: it cuts off, waits until nothing runs in the subtree,
// and unwinds. Where waiting would be waiting for the caller itself, it returns
// ErrPending, and whoever leaves last completes the teardown.
func (s *Scope) Destroy() error {
	s.tree.mu.Lock()
	switch {
	case s.Over():
		s.tree.mu.Unlock()
		return s.Err()
	case s.down != nil:
		s.tree.mu.Unlock()
		return s.await(false)
	}
	if top := s.unwinder(); top != nil {
		mine := top.down.gid
		s.tree.mu.Unlock()
		return s.destroyUnder(mine)
	}
	co := s.begin(ErrDestroyed)
	if s.idleLocked(co) {
		due := s.finishLocked()
		s.tree.mu.Unlock()
		due.complete()
		return nil
	}
	s.tree.mu.Unlock()
	yield.Point("destroy: cut off")
	s.runHeld(co)
	return s.await(true)
}

// idleLocked moves s on to unwinding if the cut-off has left nothing to do, wait
// for or unwind: the common case of owners that come and go. tree.mu is held.
func (s *Scope) idleLocked(co *Cutoff) bool {
	if s.down.pending > 1 || len(co.after) > 0 || len(co.interrupts) > 0 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last != nil {
		return false
	}
	s.state.Store(unwinding) // a Defer that comes now runs at once
	s.down.draining = false
	return true
}

// destroyUnder is Destroy below a scope that is unwinding, on goroutine gid.
func (s *Scope) destroyUnder(gid uint64) error {
	yield.Point("destroy: under another")
	if gid != 0 && gid == goroutine.ID() {
		if !s.unwindsBelow() { // its turn would have come later
			s.unwindChild()
			return s.Err()
		}
		return ErrPending // this is a cleanup of s itself, or of a descendant
	}
	if inCall, _ := goroutine.Where(); inCall {
		return ErrPending
	}
	<-s.Ended()
	yield.Point("destroy: woken")
	return s.Err()
}

// unwindsBelow reports whether the unwinding of s or of a descendant has begun.
func (s *Scope) unwindsBelow() bool {
	return slices.ContainsFunc(s.subtree(nil), func(p *Scope) bool { return p.state.Load() >= unwinding })
}

// runHeld runs what the cut-off put off. If an interrupt panics, the hold that
// await would have released is released here.
func (s *Scope) runHeld(co *Cutoff) {
	finished := false
	defer func() {
		if finished {
			return
		}
		var due *Scope
		s.tree.mu.Lock()
		if s.releaseLocked() {
			due = s.drainedLocked()
		}
		s.tree.mu.Unlock()
		due.complete()
	}()
	co.run()
	finished = true
}

// await waits for the end of a teardown that has begun, and unwinds if the
// others leave that to the caller. hold says that the caller has cut off.
func (s *Scope) await(hold bool) error {
	t := s.down // never changes again
	yield.Point("await")
	s.tree.mu.Lock()
	if hold && t.pending == 1 { // nothing runs: the common case
		s.releaseLocked()
		s.claimLocked()
		s.tree.mu.Unlock()
		s.complete()
		return s.Err()
	}
	s.tree.mu.Unlock()

	free, done := s.mayWait()
	defer done()
	yield.Point("await: release the hold")
	s.tree.mu.Lock()
	if hold && s.releaseLocked() {
		s.claimLocked()
		s.tree.mu.Unlock()
		s.complete()
		return s.Err()
	}
	if !free {
		s.tree.mu.Unlock()
		if s.Over() {
			return s.Err()
		}
		return ErrPending
	}
	if t.draining {
		t.waiters++
		if t.token == nil {
			t.token = make(chan struct{}, 1)
		}
	}
	token := t.token
	s.tree.mu.Unlock()
	yield.Point("await: registered")
	select {
	case <-token:
		yield.Point("await: token")
		s.complete()
	case <-s.Ended():
		yield.Point("await: woken")
	}
	return s.Err()
}

// DestroyContext is Destroy, unwound on a goroutine of its own, whose caller
// waits until ctx ends at the longest. ok is false if it gave up.
func (s *Scope) DestroyContext(ctx context.Context) (ok bool, err error) {
	if inCall, _ := goroutine.Where(); inCall {
		return true, s.Destroy()
	}
	s.tree.mu.Lock()
	if s.down == nil && s.unwinder() == nil && !s.Over() {
		co := s.begin(ErrDestroyed)
		s.tree.mu.Unlock()
		s.runHeld(co)
		yield.Point("destroy: release the hold")
		s.tree.mu.Lock()
		s.releaseAsyncLocked() // unlocks
	} else {
		if s.down != nil {
			s.down.async = true
		}
		s.tree.mu.Unlock()
	}
	if s.Over() {
		return true, s.Err()
	}
	if ctx.Err() != nil {
		return false, nil
	}
	free, done := s.mayWait()
	defer done()
	if !free {
		return true, ErrPending
	}
	select {
	case <-s.Ended():
	case <-ctx.Done():
	}
	yield.Point("destroy: woken")
	if s.Over() {
		return true, s.Err()
	}
	return false, nil
}

// releaseAsyncLocked gives up the hold and leaves the unwinding to others: a
// goroutine of its own, or nobody where there is nothing to unwind. It unlocks
// tree.mu.
func (s *Scope) releaseAsyncLocked() {
	t := s.down
	t.async = true
	if !s.releaseLocked() {
		s.tree.mu.Unlock()
		return
	}
	if t.waiters > 0 {
		s.drainedLocked()
		s.tree.mu.Unlock()
		return
	}
	s.claimLocked()
	s.tree.mu.Unlock()
	yield.Point("cancel: claimed")
	if !s.sweep() {
		go s.complete()
	} else if due := s.finish(); due != nil {
		go due.complete()
	}
}

// sweep unwinds s as far as that calls no user code, and reports whether that
// was all of it.
func (s *Scope) sweep() bool {
	for {
		s.mu.Lock()
		s.state.Store(unwinding)
		n := s.last
		if n == nil {
			s.mu.Unlock()
			return true
		}
		child, ok := n.m.(*Scope)
		s.mu.Unlock()
		if !ok || !child.sweep() {
			return false
		}
		child.finish()
	}
}

// Cancel cuts off and leaves the rest to others. It never waits for user code
// and calls none.
func (s *Scope) Cancel(cause error) {
	s.cancelWith(cause, cause)
}

// Blame returns the error that Cancel was given, if Cancel cut off.
func (s *Scope) Blame() error {
	s.tree.mu.Lock()
	defer s.tree.mu.Unlock()
	if s.down == nil {
		return nil
	}
	return s.down.blame
}

func (s *Scope) cancelWith(cause, blame error) {
	co := s.beginAsync(cause, blame)
	if co == nil {
		return
	}
	yield.Point("cancel: cut off")
	co.runAfter()
	if len(co.interrupts) > 0 {
		go s.endAsync(co)
		return
	}
	s.endAsync(co)
}

// end is Cancel for a goroutine that may run user code, that of a context.
func (s *Scope) end(cause error) {
	if co := s.beginAsync(cause, nil); co != nil {
		s.endAsync(co)
	}
}

// beginAsync cuts off, unless that was done, and has the scope unwound on a
// goroutine of its own.
func (s *Scope) beginAsync(cause, blame error) *Cutoff {
	s.tree.mu.Lock()
	defer s.tree.mu.Unlock()
	if s.Over() || s.down == nil && s.unwinder() != nil {
		return nil
	}
	if s.down != nil {
		s.down.async = true
		return nil
	}
	if cause == nil {
		cause = ErrDestroyed
	}
	co := s.begin(cause)
	s.down.blame = blame
	return co
}

func (s *Scope) endAsync(co *Cutoff) {
	s.runHeld(co)
	yield.Point("cancel: release the hold")
	s.tree.mu.Lock()
	s.releaseAsyncLocked() // unlocks
}

// supervise, deferred, gives a panic to the supervisor, if there is one.
func (s *Scope) supervise() {
	if s.super != nil {
		if v := recover(); v != nil {
			s.super(s, v)
		}
	}
}

// Supervised reports whether panics in s are given to a supervisor.
func (s *Scope) Supervised() bool { return s.super != nil }

// Report gives a panic's value, recovered by the caller, to the supervisor.
func (s *Scope) Report(value any) { s.super(s, value) }
