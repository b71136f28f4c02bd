package hook

import (
	"context"
	"errors"
	"reflect"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/finally"
	"github.com/seed-ec287111/tether/internal/visit"
)

// A Hook asks its handlers for answers.
//
// The zero Hook is ready for use and never closes. [New] makes one that closes with its owner.
// A Hook must not be copied after its first use. All methods may be called by multiple
// goroutines at once, and from handlers.
type Hook[In, Out any] struct {
	_ [0]func(In) Out // no conversion between hooks of different types

	handlers
}

// New returns a hook that closes with owner. From the cut-off on its connections have ended,
// Handle returns a dead connection, and First and All return [ErrClosed].
func New[In, Out any](owner *tether.Owner) *Hook[In, Out] {
	h := new(Hook[In, Out])
	h.bind("hook: New", owner)
	return h
}

// Handle arranges for f to be called for each question, until owner is destroyed or the
// connection ends by itself. f returns an answer, or [ErrPass] to leave the answer to others.
// Any other error is an answer too.
//
// ctx ends with the context of the caller, at the cut-off of owner, and at the latest when the
// question is answered. Work that goes on after that must not use it. See the package
// documentation.
//
// If owner is not alive, or the hook is closed, Handle returns a dead Connection.
// [tether.Priority] means what it means on a signal. [tether.On] panics. Cost: O(1) amortised,
// one allocation.
func (h *Hook[In, Out]) Handle(owner *tether.Owner, f func(ctx context.Context, in In) (Out, error), opts ...tether.ConnectOption) *tether.Connection {
	return h.self().handle("hook: Handle", owner, visit.Word(f), opts, reflect.TypeFor[In]())
}

// self returns the handlers of h, nil if h is nil.
func (h *Hook[In, Out]) self() *handlers {
	if h == nil {
		return nil
	}
	return &h.handlers
}

// First asks the handlers one after the other, by descending priority and among equals in the
// order of connection. It returns the first answer. If all handlers pass, or there is none, it
// returns [ErrNobody].
//
// First skips a handler that is dead or muted when its turn comes. It does not ask a handler
// that was connected after it began. If ctx has ended before a handler's turn, First returns
// the cause. On a closed hook it returns [ErrClosed].
//
// A panic in a handler goes on to the caller at once. If the handler's owner has a panic
// handler, that one gets the panic, and the answer is the *[tether.PanicError]. Cost: no lock
// and no allocation if ctx is [context.Background] or [context.TODO].
func (h *Hook[In, Out]) First(ctx context.Context, in In) (Out, error) {
	h.self().check("hook: First", ctx)
	var none Out
	if err := h.stopped(ctx); err != nil {
		return none, err
	}
	v := h.visit(ctx)
	defer v.End()
	for v.Next() {
		if ctx.Err() != nil {
			return none, context.Cause(ctx)
		}
		if out, pass, err := ask[In, Out](&v, in); !pass {
			return out, err
		}
	}
	if err := h.over(); err != nil {
		return none, err
	}
	return none, ErrNobody
}

// All asks all handlers, in the order of [Hook.First], and returns their answers in that order.
// Handlers that passed or returned an error have no answer. Their errors are joined, as by
// [errors.Join]; a single one is returned as it is. If nobody answers, that is no error.
//
// If ctx ends before a handler's turn, or the hook closes, All asks no further handler, and the
// cause or [ErrClosed] is among the errors. A panic in a handler goes on to the caller when the
// others have been asked, as in a Fire. Then there are no answers. If the handler's owner has
// a panic handler, the *[tether.PanicError] is the handler's error.
func (h *Hook[In, Out]) All(ctx context.Context, in In) ([]Out, error) {
	h.self().check("hook: All", ctx)
	if err := h.stopped(ctx); err != nil {
		return nil, err
	}
	var outs []Out
	var errs []error
	v := h.visit(ctx)
	defer v.End()
	finally.Each(func() bool {
		if !v.Next() {
			if err := h.over(); err != nil {
				errs = append(errs, err)
			}
			return false
		}
		if ctx.Err() != nil {
			errs = append(errs, context.Cause(ctx))
			return false
		}
		switch out, pass, err := ask[In, Out](&v, in); {
		case err == nil:
			outs = append(outs, out)
		case !pass:
			errs = append(errs, err)
		}
		return true
	})
	if len(errs) == 1 {
		return outs, errs[0]
	}
	return outs, errors.Join(errs...)
}

// Len returns the number of handlers that are connected, muted ones included.
func (h *Hook[In, Out]) Len() int { return h.self().len() }

// ask calls the handler that v is at. A panic is not a pass, whatever its value is. The methods
// of the handler's error are called in the call of the handler, because they may panic too.
func ask[In, Out any](v *visit.Visit, in In) (out Out, pass bool, err error) {
	f := visit.Func[func(context.Context, In) (Out, error)](v)
	ctx := v.Context()
	if p := v.Call(func() {
		out, err = f(ctx, in)
		pass = errors.Is(err, ErrPass)
	}, func() any { return in }); p != nil {
		err = p
	}
	return out, pass, err
}
