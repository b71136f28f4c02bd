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

// A Veto is asked for objections: it is how others may forbid what is about to be done.
//
// The zero Veto is ready for use and never closes; [NewVeto] makes one that closes with its
// owner. A Veto must not be copied after its first use. All methods may be called by
// multiple goroutines at once, and from handlers.
type Veto[T any] struct {
	_ [0]func(T) // no conversion between vetoes of different types

	handlers
}

// NewVeto returns a veto that closes with owner: its connections end at the cut-off,
// further ones are born dead, and who asks gets [ErrClosed].
func NewVeto[T any](owner *tether.Owner) *Veto[T] {
	v := new(Veto[T])
	v.bind("hook: NewVeto", owner)
	return v
}

// Handle arranges for f to be asked, from now on, until owner is destroyed or the
// connection ends otherwise. To object it returns an error, any error; nil is consent. The
// rest is as in [Hook.Handle].
func (v *Veto[T]) Handle(owner *tether.Owner, f func(ctx context.Context, x T) error, opts ...tether.ConnectOption) *tether.Connection {
	return v.self().handle("hook: Handle", owner, visit.Word(f), opts, reflect.TypeFor[T]())
}

// self is nil if v is.
func (v *Veto[T]) self() *handlers {
	if v == nil {
		return nil
	}
	return &v.handlers
}

// Ask asks the handlers one after the other, in the order of [Hook.First], and returns the
// first objection, an *[Objection]; nobody is asked after that. It returns nil if nobody
// objects.
//
// If ctx has ended before a handler's turn, Ask returns its cause, and on a closed veto
// [ErrClosed]: who could not be asked has not consented. So what was asked about is to be
// done if and only if Ask returns nil.
//
// A panic in a handler goes on to the caller at once. Where the handler's owner has a panic
// handler, that is told, and the *[tether.PanicError] is the objection. Cost: as First.
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

// An Objection is the error of a handler of a [Veto], and whose it is.
type Objection struct {
	Owner string // path of the handler's owner, as [tether.Owner.String] has it
	Func  string // the handler, with file and line
	Err   error  // what it returned
}

// Error says which handler objects, whose it is, and why.
func (o *Objection) Error() string {
	return fmt.Sprintf("hook: %s of %s objects: %v", o.Func, o.Owner, o.Err)
}

// Unwrap returns what the handler returned.
func (o *Objection) Unwrap() error { return o.Err }
