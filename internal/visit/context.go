package visit

import (
	"context"
	"sync"
	"time"

	"github.com/seed-ec287111/tether/internal/finally"
	"github.com/seed-ec287111/tether/internal/scope"
)

// contextFor returns the context for a handler of owner that is called on behalf of a
// caller with the given context. If that has neither an end nor values, it is the owner's
// own context, which is there already. own is what the caller of contextFor must release,
// nil if there is nothing.
func contextFor(caller context.Context, owner *scope.Scope) (ctx context.Context, own *Context) {
	if caller == context.Background() || caller == context.TODO() {
		return owner.Context(), nil
	}
	if c, ok := caller.(*Context); ok && c.owner == owner || owner.Gave(caller) {
		return caller, nil // it is called from another handler of the owner's
	}
	c := &Context{caller: caller, owner: owner}
	if !owner.Attach(&c.node, c, nil) {
		c.cutOff()
	}
	return c, c
}

// contexts has the Contexts that one visit has made, one for each owner, because the
// handlers may come in any order. Most visits meet few owners.
type contexts struct {
	few  [8]*Context // arbitrary
	n    int         // how many there are of these
	many map[*scope.Scope]*Context
}

// context is contextFor, with what was made before.
func (c *contexts) context(caller context.Context, owner *scope.Scope) context.Context {
	for _, x := range c.few[:c.n] {
		if x.owner == owner {
			return x
		}
	}
	if x := c.many[owner]; x != nil {
		return x
	}
	ctx, own := contextFor(caller, owner)
	switch {
	case own == nil:
	case c.n < len(c.few):
		c.few[c.n] = own
		c.n++
	default:
		if c.many == nil {
			c.many = make(map[*scope.Scope]*Context)
		}
		c.many[owner] = own
	}
	return ctx
}

// release ends all of them, though a method of the caller's context panics.
func (c *contexts) release() {
	if c.n == 0 {
		return
	}
	finally.Each(func() bool {
		if c.n > 0 {
			c.n--
			c.few[c.n].release()
			return true
		}
		for owner, x := range c.many {
			delete(c.many, owner)
			x.release()
			return true
		}
		return false
	})
}

// A Context ends with the caller's context, at the cut-off of an owner, and when the call
// that it was made for is over. It has the caller's values.
//
// Most handlers never ask by Done whether it has ended. So the inner context, which does it
// all, is made when it is needed. It is one of package context, derived from the caller's,
// and the cut-off cancels it. Without it a Context costs one allocation, and takes the
// owner's mutex twice. Until it is made, Err asks the caller's context, and the cut-off
// makes the inner one. So the first of the two ends is always seen as the first: if the
// cut-off makes the inner context when the caller's has ended, it has the cause of the
// caller's.
//
// The tempting wrong version asks for both ends when Err or Done is called. If both have
// come by then, it can't know which was the first.
type Context struct {
	caller context.Context
	owner  *scope.Scope
	node   scope.Node // in the owner's list, guarded by the owner's mutex

	mu     sync.Mutex // guards the fields below
	inner  context.Context
	cancel context.CancelCauseFunc // of inner
	over   bool                    // the call is over
}

// Endless returns a context with the values of ctx, which does not end. It leaves out what visits
// have put around ctx. Otherwise a handler on a queue that publishes with the context of its call,
// and so is called again, would add to the context each time.
func Endless(ctx context.Context) context.Context {
	for c, ok := ctx.(*Context); ok; c, ok = ctx.(*Context) {
		ctx = c.caller
	}
	if ctx.Done() == nil {
		return ctx
	}
	return context.WithoutCancel(ctx)
}

// release ends c, because its call is over. c may be nil.
func (c *Context) release() {
	if c == nil {
		return
	}
	c.owner.Detach(&c.node)
	c.mu.Lock()
	c.over = true
	cancel := c.cancel
	c.mu.Unlock()
	if cancel != nil {
		cancel(nil)
	}
}

// Kind makes a Context a member of its owner.
func (c *Context) Kind() scope.Kind { return scope.Internal }

// Cut makes a Context a member of its owner.
func (c *Context) Cut(co *scope.Cutoff) {
	co.Remove(c.owner, &c.node)
	co.After(c.cutOff)
}

func (c *Context) cutOff() {
	_, cancel := c.real()
	cancel(c.owner.Cause())
}

// real returns the inner context, and makes it if need be. No lock is held while methods of
// the caller's context are called, because they may be the user's own.
func (c *Context) real() (context.Context, context.CancelCauseFunc) {
	if inner, cancel, _ := c.made(); inner != nil {
		return inner, cancel
	}
	inner, cancel := context.WithCancelCause(c.caller)
	c.mu.Lock()
	first, over := c.inner, c.over
	if first == nil {
		c.inner, c.cancel = inner, cancel
	}
	c.mu.Unlock()
	if first != nil || over {
		cancel(nil)
	}
	inner, cancel, _ = c.made()
	return inner, cancel
}

// made returns the inner context, nil if it was not made yet.
func (c *Context) made() (inner context.Context, cancel context.CancelCauseFunc, over bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.inner, c.cancel, c.over
}

// Deadline implements [context.Context].
func (c *Context) Deadline() (time.Time, bool) {
	a, ok := c.caller.Deadline()
	b, also := c.owner.Deadline()
	if also && (!ok || b.Before(a)) {
		return b, true
	}
	return a, ok
}

// Done implements [context.Context].
func (c *Context) Done() <-chan struct{} {
	inner, _ := c.real()
	return inner.Done()
}

// Err implements [context.Context].
func (c *Context) Err() error {
	inner, _, over := c.made()
	switch {
	case inner == nil && !over:
		return c.caller.Err()
	case inner == nil:
		inner, _ = c.real()
	}
	return inner.Err()
}

// Value implements [context.Context].
func (c *Context) Value(key any) any {
	if inner, _, _ := c.made(); inner != nil {
		return inner.Value(key)
	}
	return c.caller.Value(key)
}
