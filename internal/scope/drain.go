package scope

// The second phase: what runs in the subtree returns.
//
// What runs in a scope is counted in Scope.busy: calls of handlers, goroutines, timer
// functions, interrupts, runs of queues. While the scope is alive, Scope.mu guards the
// count. Once it is cut off only work that is counted already can add to it, and
// tree.mu guards it, together with the sum that its teardown keeps.

// A teardown is the end of one subtree on its own account. Its scopes are those whose
// down it is: all of the subtree, without those of teardowns further below. Its fields
// are guarded by tree.mu, but for after and interrupts, which belong to the goroutine
// that cuts off.
//
// The invariant: while draining, pending is the sum of busy over the teardown's scopes,
// plus one for each teardown further below whose above it is, plus one for the hold of
// the goroutine that cuts off. So a count changes in one place, however deep the tree
// is, and a teardown waits for those below until they have ended.
type teardown struct {
	top   *Scope
	above *teardown // that has begun and waits for this one; nil if there is none
	stage bool      // the end of top is a part of its parent's, and so are its errors

	pending  int
	draining bool
	async    bool          // begun by Cancel, a context or DestroyContext
	apart    bool          // user code runs on a goroutine of the teardown's own
	waiters  int           // calls of Destroy that wait for token or the end
	token    chan struct{} // nil before the first waiter; the one that receives unwinds
	waits    waits         // owned goroutines that wait for the end of top
	blame    error         // what Cancel was given, if that began it

	after      []func()
	interrupts []*interrupt

	parent bool     // the subtree had children when the unwinding began
	number uint64   // on the stack of the goroutine that unwinds; 0: not, as there are no children
	nested []*Scope // being unwound before their turn, by a cleanup's Destroy
}

// waitForLocked makes t wait for the end of below, and nothing else further up.
func (t *teardown) waitForLocked(below *teardown) {
	below.above = t
	t.pending++
}

// countLocked counts n more things in s, calls of them handlers' calls. tree.mu is held.
func (s *Scope) countLocked(n, calls int) {
	s.mu.Lock()
	s.busy += int32(n)
	s.calls += int32(calls)
	s.mu.Unlock()
}

// A leaver is the one by whom a teardown may have nothing to wait for any more.
type leaver int

const (
	lastOut   leaver = iota // what ran has returned, or the cut-off is over
	destroyer               // a call of Destroy: it would wait, so it may as well unwind
)

// dropLocked counts one thing less that t waits for. It returns the teardown that the
// caller must complete after that with no lock held, or nil.
func (t *teardown) dropLocked(by leaver) (due *teardown) {
	t.pending--
	if t.pending > 0 {
		return nil
	}
	return t.handOffLocked(by)
}

// handOffLocked moves t on to unwinding and decides who does that. There is exactly one
// moment at which pending becomes 0, and in it exactly one of these takes over:
//
//   - the call of Destroy that finds it so, on its own goroutine;
//   - else a call of Destroy that waits, which gets the token;
//   - else, if Cancel, a context or DestroyContext began the teardown, a goroutine of
//     its own, which is started where user code comes up;
//   - else the last one out, on its own goroutine.
func (t *teardown) handOffLocked(by leaver) *teardown {
	t.draining = false
	s := t.top
	s.mu.Lock()
	s.becomeLocked(unwinding)
	t.parent = s.counts[Child] > 0
	s.mu.Unlock()
	switch {
	case by == destroyer:
	case t.waiters > 0:
		t.token <- struct{}{} // never blocks: sent once
		return nil
	case t.async:
		t.apart = true
	}
	return t
}

// release gives up the hold of the goroutine that has cut off.
func (t *teardown) release() {
	t.top.tree.mu.Lock()
	due := t.dropLocked(lastOut)
	t.top.tree.mu.Unlock()
	due.complete()
}
