package scope

// The second phase, draining: what runs in the subtree returns.
//
// Scope.busy counts what runs in a scope: calls of handlers, goroutines, timer functions,
// interrupts, runs of queues. While the scope is alive, Scope.mu guards the count. After
// the cut-off tree.mu guards it too, together with the sum that the teardown keeps. Then it
// can grow only while the teardown drains.

// A teardown ends one subtree. Its scopes are those whose down it is: all of the subtree,
// except those of teardowns further below. tree.mu guards its fields, except after and
// interrupts, which belong to the goroutine that cuts off, and nested, which belongs to the
// goroutine that unwinds.
//
// The invariant: while t drains, t.pending is the sum of busy over t's scopes, plus one for
// each teardown whose above is t, plus one for the hold of the goroutine that cuts off. So
// a change of a count touches one number, however deep the tree is, and a teardown waits
// for those below until they have ended.
type teardown struct {
	top   *Scope
	above *teardown // the one that has begun and waits for this one; nil if there is none
	stage bool      // the end of top is a part of its parent's, and so are its errors

	pending  int
	draining bool
	async    bool          // begun by Cancel, a context or DestroyContext
	apart    bool          // user code runs on a goroutine of the teardown's own
	waiters  int           // calls of Destroy that wait for token or the end
	token    chan struct{} // nil before the first waiter; the waiter that receives it unwinds
	waits    waits         // owned goroutines that wait for the end of top
	blame    error         // what Cancel was given, if that began it

	after      []func()
	interrupts []*interrupt

	parent bool     // the subtree had children when the unwinding began
	number uint64   // on the stack of the goroutine that unwinds; 0: none, because there are no children
	nested []*Scope // scopes that a cleanup's Destroy unwinds before their turn
}

// waitForLocked makes t, and no teardown further up, wait for the end of below.
func (t *teardown) waitForLocked(below *teardown) {
	below.above = t
	t.pending++
}

// countLocked counts n more things in s. calls of them are calls of handlers. tree.mu is
// held.
func (s *Scope) countLocked(n, calls int) {
	s.mu.Lock()
	s.busy += int32(n)
	s.calls += int32(calls)
	s.mu.Unlock()
}

// A leaver says what lowers the count of a teardown.
type leaver int

const (
	lastOut   leaver = iota // what ran has returned, or the cut-off is over
	destroyer               // a call of Destroy: it would wait, so it may as well unwind
)

// dropLocked counts one thing less that t waits for. If it returns a teardown, the caller
// must complete that, with no lock held.
func (t *teardown) dropLocked(by leaver) (due *teardown) {
	t.pending--
	if t.pending > 0 {
		return nil
	}
	return t.handOffLocked(by)
}

// handOffLocked moves t on to unwinding and decides which goroutine unwinds. There is
// exactly one moment at which pending becomes 0, and in it exactly one of these takes over:
//
//   - a call of Destroy that finds nothing running, on its own goroutine
//   - else a call of Destroy that waits, which gets the token
//   - else, if Cancel, a context or DestroyContext began the teardown, a goroutine of the
//     teardown's own, which starts when there is user code to run
//   - else the last function to return, on its own goroutine.
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
