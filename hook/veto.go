package hook

import (
	"context"
	"fmt"
	"reflect"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/connlist"
	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/visit"
)

// A Veto asks its handlers for objections, so that they may forbid what is about to be done.
//
// The zero Veto is ready for use and never closes. [NewVeto] makes one that closes with its
// owner. A Veto must not be copied after its first use. All methods may be called by multiple
// goroutines at once, and from handlers.
type Veto[T any] struct {
	_ [0]func(T) // no conversion between vetoes of different types

	handlers
}

// NewVeto returns a veto that closes with owner. From the cut-off on its connections have
// ended, Handle returns a dead connection, and Ask returns [ErrClosed].
func NewVeto[T any](owner *tether.Owner) *Veto[T] {
	v := new(Veto[T])
	v.bind("hook: NewVeto", owner)
	return v
}

// Handle arranges for f to be asked, until owner is destroyed or the connection ends by
// itself. f objects by an error, and consents by nil. For everything else see [Hook.Handle].
func (v *Veto[T]) Handle(owner *tether.Owner, f func(ctx context.Context, x T) error, opts ...tether.ConnectOption) *tether.Connection {
	return v.self().handle("hook: Handle", owner, visit.Word(f), opts, reflect.TypeFor[T]())
}

// self returns the handlers of v, nil if v is nil.
func (v *Veto[T]) self() *handlers {
	if v == nil {
		return nil
	}
	return &v.handlers
}

// Ask asks the handlers one after the other, in the order of [Hook.First], and returns the
// first objection, an *[Objection]. After that it asks no further handler. It returns nil if
// no handler objects.
//
// If ctx has ended before a handler's turn, Ask returns the cause. On a closed veto it returns
// [ErrClosed]. A handler that could not be asked has not consented. So do what was asked about
// if and only if Ask returns nil.
//
// A panic in a handler goes on to the caller at once. If the handler's owner has a panic
// handler, that one gets the panic, and the objection is the *[tether.PanicError]. Cost: as
// First.
func (v *Veto[T]) Ask(ctx context.Context, x T) error {
	v.self().check("hook: Ask", ctx)
	if err := v.stopped(ctx); err != nil {
		return err
	}
	i := v.visit(ctx)
	defer i.End()
	for i.Next() {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := object(&i, x); err != nil {
			return &Objection{
				Owner: i.Owner().String(), Func: goroutine.FuncAt(connlist.PC(i.Handler())), Err: err,
			}
		}
	}
	return v.over()
}

// Len returns the number of handlers that are connected, muted ones included.
func (v *Veto[T]) Len() int { return v.self().len() }

// object calls the handler that v is at.
func object[T any](v *visit.Visit, x T) (err error) {
	f := visit.Func[func(context.Context, T) error](v)
	ctx := v.Context()
	if p := v.Call(func() { err = f(ctx, x) }, func() any { return x }); p != nil {
		err = p
	}
	return err
}

// An Objection is the error of a handler of a [Veto], and says which handler it was.
type Objection struct {
	Owner string // path of the handler's owner, as [tether.Owner.String] has it
	Func  string // the handler, with file and line
	Err   error  // what it returned
}

// Error returns the handler, the path of its owner, and the text of what it returned.
func (o *Objection) Error() string {
	return fmt.Sprintf("hook: %s of %s objects: %v", o.Func, o.Owner, o.Err)
}

// Unwrap returns what the handler returned.
func (o *Objection) Unwrap() error { return o.Err }
