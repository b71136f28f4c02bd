package scope

import (
	"context"
	"time"

	"github.com/seed-ec287111/tether/internal/yield"
)

// Bind arranges for s to end when ctx ends. If ctx has ended, it ends s at once. It also does
// if a method of ctx panics, because then nobody gets the owner.
//
// NOTE: At that time a staged scope has no children, so it needs no stages.
func (s *Scope) Bind(ctx context.Context) {
	over := false
	defer func() {
		if !over {
			s.cancelWith(ErrDestroyed, nil)
		}
	}()
	s.bind(ctx)
	over = true
}

func (s *Scope) bind(ctx context.Context) {
	if ctx.Err() != nil {
		s.cancelWith(context.Cause(ctx), nil)
		return
	}
	stop := context.AfterFunc(ctx, func() { s.contextEnded(context.Cause(ctx)) })
	unbind := func() { stop() }
	s.mu.Lock()
	if first := s.unbind; first != nil {
		s.unbind = func() {
			defer stop() // also if a method of the first context panics
			first()
		}
	} else {
		s.unbind = unbind
	}
	s.mu.Unlock()
	if !s.Alive() {
		unbind() // the cut-off may have come too early to do it
	}
}

// Context returns the context that is cancelled at the cut-off.
func (s *Scope) Context() context.Context {
	s.mu.Lock()
	ctx := s.ctx
	s.mu.Unlock()
	if ctx != nil {
		return ctx
	}
	inner, cancel := context.WithCancelCause(context.WithoutCancel(s.base))
	ctx = &scopeContext{inner, s.base}
	yield.Point("context: made")
	s.mu.Lock()
	if s.ctx != nil { // another goroutine was faster
		first := s.ctx
		s.mu.Unlock()
		cancel(nil)
		return first
	}
	s.ctx, s.cancel = ctx, cancel
	cause := s.causeLocked()
	s.mu.Unlock()
	if cause != nil {
		cancel(cause)
	}
	return ctx
}

// Gave reports whether ctx is what Context returns.
func (s *Scope) Gave(ctx context.Context) bool {
	if _, ok := ctx.(*scopeContext); !ok {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return ctx == s.ctx
}

// Deadline returns the deadline of the context that s, or its nearest ancestor with one, is
// bound to.
func (s *Scope) Deadline() (time.Time, bool) { return s.base.Deadline() }

// A scopeContext has the values and the deadline of the context that its scope is bound to,
// but it ends with the scope: a goroutine that sees it end finds the scope cut off. If it
// were derived from that context, it would end before the scope, because Bind's function is
// called on a goroutine of its own.
type scopeContext struct {
	context.Context
	base context.Context
}

// Deadline returns the deadline of the context that the scope is bound to.
func (c *scopeContext) Deadline() (time.Time, bool) { return c.base.Deadline() }
