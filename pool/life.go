package pool

import (
	"fmt"
	"sync/atomic"
	"weak"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/scope"
)

// A life is what a pool knows of its owner: whether it has been cut off, and why.
//
// It holds the owner's scope weakly. The scope refers to the owner's cleanups, which may
// refer to the owner. So with a strong pointer a lost owner could not be found while the pool
// is held.
type life struct {
	scope weak.Pointer[scope.Scope]
	gone  atomic.Bool           // set before the scope is seen dead
	cause atomic.Pointer[error] // set before ended is closed
	ended chan struct{}         // closed in the cut-off, for calls of Acquire that wait
}

// begin ties l to s.
func (l *life) begin(s *scope.Scope) {
	l.scope = weak.Make(s)
	l.ended = make(chan struct{})
	end := func() { // refers to s; only s holds it
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
// Between the two parts of the cut-off err asks the scope for the cause. The scope is still
// there, because the goroutine that cuts off is about to call its functions.
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
// A handler may wait in Acquire, if the user wants that. But a cleanup that waits holds up
// an unwinding, and the lease that it waits for may be still to be unwound there. Nothing
// would find that circle.
func inCleanup() bool { return goroutine.InsideCleanup() }
