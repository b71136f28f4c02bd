package pool

import (
	"fmt"
	"sync/atomic"
	"weak"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/scope"
)

// A life is what a pool knows of its owner: whether that has been cut off, and why.
//
// It holds the owner's scope weakly. That refers to the owner's cleanups, which may
// refer to the owner; so whoever held the pool would keep a lost owner from being
// found.
type life struct {
	scope weak.Pointer[scope.Scope]
	gone  atomic.Bool           // set before the scope is seen dead
	cause atomic.Pointer[error] // set before ended is closed
	ended chan struct{}         // closed in the cut-off, for those who wait
}

// begin ties l to s.
func (l *life) begin(s *scope.Scope) {
	l.scope = weak.Make(s)
	l.ended = make(chan struct{})
	end := func() { // refers to s, and s to it
		cause := s.Cause()
		l.cause.Store(&cause)
		close(l.ended)
	}
	if !s.OnCut(func() { l.gone.Store(true) }, end) {
		l.gone.Store(true)
		end()
	}
}

// over reports whether the owner has been cut off.
func (l *life) over() bool { return l.gone.Load() }

// err is the error of an Acquire that finds the pool dead.
//
// Between the two parts of the cut-off the cause is the scope's to tell. That is
// there: somebody is about to call what belongs to it.
func (l *life) err() error {
	cause := l.cause.Load()
	if cause == nil {
		if s := l.scope.Value(); s != nil {
			why := s.Cause()
			cause = &why
		} else {
			cause = l.cause.Load() // the cut-off has ended since
		}
	}
	return fmt.Errorf("%w: %w", ErrClosed, *cause)
}

// inCleanup reports whether the caller is inside a cleanup, closer or interrupt, by
// a look at the stack.
//
// A handler may wait in Acquire, if its user wants that. But what waits in a cleanup
// waits in the middle of an unwinding, and what has yet to be unwound may be the
// very lease that it waits for; nobody would see that circle.
func inCleanup() bool { return goroutine.InsideCleanup() }
