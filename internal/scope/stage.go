package scope

import (
	"context"

	"github.com/seed-ec287111/tether/internal/finally"
	"github.com/seed-ec287111/tether/internal/yield"
)

// A staged scope ends in stages. Its children end one after the other, newest first, each
// completely before the next is cut off. Then the scope itself is cut off. This is a layer
// above the teardown, which knows nothing of it: a stage is the Destroy of one scope, with
// the cause of the whole.
//
// The stages begin once, under tree.mu and Scope.mu. From then on the scope is sealed: it
// takes no more parts as children, so those of that moment are all there will be. One
// goroutine at a time goes through the stages: that of the first Destroy, or one of the
// stages' own, which takes over if the first may not wait. All other callers wait for the
// end of the scope.
//
// If Cancel or an ancestor cuts the scope off meanwhile, that cuts off all that is left.
// The goroutine that runs the stages finds the scope dead, and waits for its end.

// stages is the end of one staged scope, from its beginning on.
type stages struct {
	s     *Scope
	cause error
	end   teardown // never begins; it has the edges of the goroutines that wait for s, see wait.go
}

// beginStages seals s. It returns nil if s is dead. first says that the caller must run the
// stages.
func (s *Scope) beginStages(cause error) (st *stages, first bool) {
	s.tree.mu.Lock()
	defer s.tree.mu.Unlock()
	if !s.Alive() {
		return nil, false
	}
	if st = s.tree.stages[s]; st != nil {
		return st, false
	}
	st = &stages{s: s, cause: cause, end: teardown{top: s}}
	if s.tree.stages == nil {
		s.tree.stages = make(map[*Scope]*stages)
	}
	s.tree.stages[s] = st
	s.mu.Lock()
	s.sealed, s.cause = true, cause
	s.mu.Unlock()
	return st, true
}

// stagesCauseLocked returns the cause with which the stages of s have begun, ErrDestroyed if they
// have not. tree.mu is held.
func (s *Scope) stagesCauseLocked() error {
	if st := s.tree.stages[s]; st != nil {
		return st.cause
	}
	return ErrDestroyed
}

// ending reports whether the stages of s have begun, or it is dead.
func (s *Scope) ending() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sealed || !s.Alive()
}

// destroy is Destroy of a scope whose stages have begun.
func (st *stages) destroy(first bool, inside func() bool) {
	free, done := st.end.mayWait(inside)
	defer done()
	yield.Point("stages: begun")
	if first {
		st.runBy(func() bool { return !free })
	} else if free {
		<-st.s.Ended()
		yield.Point("stages: woken")
	}
}

// destroyContext is DestroyContext of a scope whose stages have begun, for a caller that is
// not inside a handler or cleanup.
func (st *stages) destroyContext(ctx context.Context, first bool) (ok bool, err error) {
	s := st.s
	free, done := st.end.mayWait(func() bool { return false })
	defer done()
	if first {
		go st.run()
	}
	if !free {
		return true, s.outcome()
	}
	select {
	case <-s.Ended():
	case <-ctx.Done():
		s.cancelWith(nil, nil) // all that is left at once
	}
	yield.Point("stages: woken")
	if s.Over() {
		return true, s.Err()
	}
	return false, nil
}

// run runs the stages on a goroutine that may wait for anything.
func (st *stages) run() { st.runBy(func() bool { return false }) }

func (st *stages) runBy(inside func() bool) {
	r := stageRunner{stages: st, inside: inside}
	r.enter(st.s)
	finally.Each(r.step) // a panic goes on when all has ended
}

// A stageRunner goes through the stages of a scope, and of the staged scopes below it,
// without recursion.
type stageRunner struct {
	*stages
	inside func() bool
	path   []*level // from the scope down to the one whose children end now
}

// A level is a staged scope, and those of its children that are still to end.
type level struct {
	s    *Scope
	rest []*Scope // oldest first
}

func (r *stageRunner) enter(s *Scope) {
	l := &level{s: s}
	for _, c := range s.Children() {
		if c.bond == part {
			l.rest = append(l.rest, c)
		}
	}
	r.path = append(r.path, l)
}

// step runs one stage. It returns false at the end, and also if a scope runs on and the
// caller may not wait for that. In the second case the stages go on elsewhere.
func (r *stageRunner) step() bool {
	l := r.path[len(r.path)-1]
	yield.Point("stages: next")
	if n := len(l.rest); n > 0 && l.s.Alive() {
		child := l.rest[n-1]
		if child.staged {
			if st, first := child.beginStages(r.cause); first {
				l.rest = l.rest[:n-1]
				r.enter(child)
				return true
			} else if st != nil { // another goroutine runs them
				st.destroy(false, r.inside)
				return r.over(child)
			}
		}
		child.destroyNow(r.cause, true, r.inside) // its errors are passed on at its end
		if child.Over() {
			l.rest = l.rest[:n-1]
		}
		return r.over(child)
	}
	top := len(r.path) == 1
	l.s.destroyNow(r.cause, !top, r.inside)
	if top {
		return false // over, or pending as any owner may be
	}
	if l.s.Over() {
		r.path = r.path[:len(r.path)-1]
	}
	return r.over(l.s)
}

// over reports whether s has ended. If not, it leaves the rest to another goroutine.
func (r *stageRunner) over(s *Scope) bool {
	if s.Over() {
		return true
	}
	rest := stageRunner{stages: r.stages, inside: func() bool { return false }, path: r.path}
	go func() { finally.Each(rest.step) }()
	return false
}
