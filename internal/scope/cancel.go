package scope

import "github.com/seed-ec287111/tether/internal/yield"

// Cancel cuts s off, and leaves the rest to other goroutines. It neither waits for user
// code nor calls any.
func (s *Scope) Cancel(cause error) { s.cancelWith(cause, cause) }

// Blame returns the error that Cancel was given, if Cancel has cut s off.
func (s *Scope) Blame() error {
	s.tree.mu.Lock()
	defer s.tree.mu.Unlock()
	if s.down == nil || s.down.top != s {
		return nil
	}
	return s.down.blame
}

func (s *Scope) cancelWith(cause, blame error) {
	if t := s.beginAsync(cause, blame); t != nil {
		t.leave()
	}
}

// leave ends a cut-off. It calls no user code on the caller's goroutine.
func (t *teardown) leave() {
	yield.Point("cancel: cut off")
	defer func() { // also if a context's method panics
		if len(t.interrupts) > 0 {
			go t.endCutoff()
			return
		}
		t.endCutoff()
	}()
	t.runAfter()
}

// contextEnded is Cancel on a goroutine that may run user code, that of a context. The context may
// have ended in the cut-off of s, if it is the context of a scope above. A staged scope ends in
// its stages.
func (s *Scope) contextEnded(cause error) {
	if s.staged {
		if st, first := s.beginStages(cause); first {
			st.run()
		}
		return
	}
	if t := s.beginAlive(cause); t != nil {
		defer t.endCutoff()
		t.runAfter()
	}
}

// CancelAlive is Cancel that does nothing if s is dead, and so leaves s to what has cut it off.
func (s *Scope) CancelAlive() {
	if t := s.beginAlive(ErrDestroyed); t != nil {
		t.leave()
	}
}

// beginAlive is beginAsync for a scope that is alive. A scope that a teardown above has cut off
// ends as a part of that, in its turn.
func (s *Scope) beginAlive(cause error) *teardown {
	s.tree.mu.Lock()
	defer s.tree.mu.Unlock()
	if !s.Alive() {
		return nil
	}
	t := s.begin(cause, false)
	if t != nil {
		t.async = true
	}
	return t
}

// beginAsync cuts s off, unless that was done, and arranges for user code of the teardown
// to run on a goroutine of the teardown's own.
func (s *Scope) beginAsync(cause, blame error) *teardown {
	s.tree.mu.Lock()
	defer s.tree.mu.Unlock()
	switch t := s.down; {
	case s.Over() || t != nil && !t.draining:
		return nil
	case t != nil && t.top == s:
		t.async = true
		return nil
	}
	if cause == nil {
		cause = s.stagesCauseLocked()
	}
	t := s.begin(cause, false)
	if t != nil {
		t.async, t.blame = true, blame
	} else if blame != nil {
		s.mu.Lock()
		s.down = &teardown{top: s, blame: blame}
		s.mu.Unlock()
	}
	return t
}

// endCutoff runs the interrupts. It gives up the hold even if one of them panics or calls
// Goexit.
func (t *teardown) endCutoff() {
	defer func() {
		yield.Point("cancel: release the hold")
		t.release()
	}()
	t.runInterrupts()
}
