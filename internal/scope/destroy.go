package scope

import (
	"context"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/yield"
)

// Destroy is the barrier: it cuts off, waits until nothing runs in the subtree, and
// unwinds. If that would be to wait for its own caller, it returns ErrPending, and the last
// function to return completes the teardown.
func (s *Scope) Destroy() error { return s.destroy(goroutine.MustNotWait) }

// DestroyOutside is Destroy for a caller that knows whether it is inside a call that may
// not wait. The stack need not show that, because a panic may have left other frames on it.
func (s *Scope) DestroyOutside(inside bool) error {
	return s.destroy(func() bool { return inside })
}

func (s *Scope) destroy(inside func() bool) error {
	if s.staged {
		if st, first := s.beginStages(ErrDestroyed); st != nil {
			st.destroy(first, inside)
			return s.outcome()
		}
	}
	s.destroyNow(ErrDestroyed, false, inside)
	return s.outcome()
}

// destroyNow is destroy in one step, whether s is staged or not. stage is as for begin. It
// does not return the errors of the closers, because to join them costs as much as there
// are.
func (s *Scope) destroyNow(cause error, stage bool, inside func() bool) {
	s.tree.mu.Lock()
	if s.Over() {
		s.tree.mu.Unlock()
		return
	}
	if t := s.down; t != nil && t.top == s {
		s.tree.mu.Unlock()
		t.await(false, inside)
		return
	} else if t != nil && !t.draining {
		number := t.number
		s.tree.mu.Unlock()
		s.destroyBelow(t, number, inside)
		return
	}
	t := s.begin(cause, stage)
	s.tree.mu.Unlock()
	if t == nil {
		return
	}
	yield.Point("destroy: cut off")
	defer t.interruptAndAwait(inside) // also if a context's method panics
	t.runAfter()
}

// outcome is what Destroy returns when it does not wait any more.
func (s *Scope) outcome() error {
	if s.Over() {
		return s.Err()
	}
	return ErrPending
}

// interruptAndAwait runs the interrupts and waits. It is a barrier even if an interrupt
// panics or calls Goexit, which goes on after the wait. During that wait the interrupt is
// still on the stack, so inside is called before.
func (t *teardown) interruptAndAwait(inside func() bool) {
	if len(t.interrupts) == 0 {
		t.await(true, inside)
		return
	}
	known := inside()
	defer t.await(true, func() bool { return known })
	t.runInterrupts()
}

// await waits for the end of t, and unwinds t if that falls to the caller. hold says that
// the caller has cut off. inside reports whether the caller is inside a call that may not
// wait.
func (t *teardown) await(hold bool, inside func() bool) {
	s := t.top
	yield.Point("await")
	s.tree.mu.Lock()
	if hold && t.pending == 1 { // nothing runs: the common case
		due := t.dropLocked(destroyer)
		s.tree.mu.Unlock()
		due.completeBy(inside)
		return
	}
	s.tree.mu.Unlock()

	free, done := t.mayWait(inside)
	defer done()
	yield.Point("await: release the hold")
	s.tree.mu.Lock()
	if hold {
		if due := t.dropLocked(destroyer); due != nil {
			s.tree.mu.Unlock()
			due.completeBy(func() bool { return !free })
			return
		}
	}
	if !free {
		s.tree.mu.Unlock()
		return
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
		t.completeBy(func() bool { return false })
	case <-s.Ended():
		yield.Point("await: woken")
	}
}

// DestroyContext is Destroy with its user code, interrupts and cleanups, on goroutines of
// the teardown's own. The caller waits until ctx ends at the longest. ok is false if it
// gave up.
func (s *Scope) DestroyContext(ctx context.Context) (ok bool, err error) {
	return s.DestroyContextOutside(ctx, goroutine.MustNotWait())
}

// DestroyContextOutside is to DestroyContext what DestroyOutside is to Destroy.
func (s *Scope) DestroyContextOutside(ctx context.Context, inside bool) (ok bool, err error) {
	if inside {
		return true, s.Destroy()
	}
	if s.staged && ctx.Err() == nil {
		if st, first := s.beginStages(ErrDestroyed); st != nil {
			return st.destroyContext(ctx, first)
		}
	}
	if s.cancelWith(nil, nil); s.Over() {
		return true, s.Err()
	}
	if ctx.Err() != nil {
		return false, nil
	}
	s.tree.mu.Lock()
	t := s.down
	s.tree.mu.Unlock()
	free, done := t.mayWait(func() bool { return false }) // asked above
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
