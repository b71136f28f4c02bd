package hook

import (
	"context"
	"errors"
	"reflect"
	"sync/atomic"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/connlist"
	"github.com/seed-ec287111/tether/internal/visit"
)

// A Chain is wrapped around an action. Each of its links may do something before and after the
// action, change what goes in and what comes out, try again, or not go on.
//
// The zero Chain is ready for use and never closes. [NewChain] makes one that closes with its
// owner. A Chain must not be copied after its first use. All methods may be called by
// multiple goroutines at once, and from links.
type Chain[In, Out any] struct {
	_ [0]func(In) Out // no conversion between chains of different types

	handlers
}

// NewChain returns a chain that closes with owner. From the cut-off on its links have ended,
// Use returns a dead connection, and Run returns [ErrClosed].
func NewChain[In, Out any](owner *tether.Owner) *Chain[In, Out] {
	c := new(Chain[In, Out])
	c.bind("hook: NewChain", owner)
	return c
}

// An action is a function that a chain is wrapped around.
type action[In, Out any] = func(context.Context, In) (Out, error)

// Use makes f a link, until owner is destroyed or the connection ends by itself. f is called
// with a function next, which runs the rest of the chain and the action. The link before it
// gets what f returns from its own next.
//
// f may call next any number of times, for a retry, or not at all: then what f returns is the
// result. A call of next must begin and return before f returns. After that, next runs
// nothing and returns an error that says so.
//
// f usually gives next the context that it got, or one derived from it. Then the cut-off of
// owner also stops what is still to be run, and Destroy comes to its end. A link that others
// shall outlive gives next a context without that end, as by [context.WithoutCancel].
//
// For everything else see [Hook.Handle].
func (c *Chain[In, Out]) Use(owner *tether.Owner, f func(ctx context.Context, in In, next func(context.Context, In) (Out, error)) (Out, error), opts ...tether.ConnectOption) *tether.Connection {
	return c.self().handle("hook: Use", owner, visit.Word(f), opts, reflect.TypeFor[In]())
}

// self returns the handlers of c, nil if c is nil.
func (c *Chain[In, Out]) self() *handlers {
	if c == nil {
		return nil
	}
	return &c.handlers
}

// Run runs last with the chain around it, and returns what the outermost link returns. The
// outermost link is the one with the highest priority, and among equals the first one
// connected. Without links Run calls last alone.
//
// While a link runs, with all that its next does, Destroy of its owner waits. A link that is
// dead or muted when its turn comes is skipped. A link that was connected after Run began
// does not take part, also if a link tries again.
//
// If a context has ended before the turn of a link or of last, that one is not called, and
// next or Run returns the cause. On a closed chain it returns [ErrClosed].
//
// A panic in a link goes on at once, through the links around it, to the caller. If the owner
// of the link has a panic handler, that one gets the panic, and the link's error is the
// *[tether.PanicError]. A panic in last counts as one of the innermost link.
//
// Cost: two allocations for each link.
func (c *Chain[In, Out]) Run(ctx context.Context, in In, last func(context.Context, In) (Out, error)) (Out, error) {
	c.self().check("hook: Run", ctx)
	if last == nil {
		panic("hook: Run with nil function")
	}
	return c.run(ctx, in, c.list.Walk(), last)
}

// Len returns the number of links, muted ones included.
func (c *Chain[In, Out]) Len() int { return c.self().len() }

// run runs the rest of the links, which w walks, around last.
func (c *Chain[In, Out]) run(ctx context.Context, in In, w connlist.Walk, last action[In, Out]) (out Out, err error) {
	if err := c.stopped(ctx); err != nil {
		return out, err
	}
	v := visit.Begin(ctx, w)
	defer v.End()
	if !v.Next() {
		if err := c.over(); err != nil {
			return out, err
		}
		return last(ctx, in)
	}
	f := visit.Func[func(context.Context, In, action[In, Out]) (Out, error)](&v)
	l := &link[In, Out]{chain: c, rest: v.Fork(), last: last}
	defer l.over.Store(true)
	inner := v.Context()
	if p := v.Call(func() { out, err = f(inner, in, l.next) }, func() any { return in }); p != nil {
		err = p
	}
	return out, err
}

// A link is a call of a link.
type link[In, Out any] struct {
	chain *Chain[In, Out]
	rest  connlist.Walk // begins after the link; each next walks a copy
	last  action[In, Out]
	over  atomic.Bool // the call has returned
}

var errOver = errors.New("hook: next called after its link has returned")

func (l *link[In, Out]) next(ctx context.Context, in In) (out Out, err error) {
	if ctx == nil {
		panic("hook: next with nil context")
	}
	if l.over.Load() {
		return out, errOver
	}
	return l.chain.run(ctx, in, l.rest, l.last)
}
