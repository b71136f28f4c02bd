// Package visit calls handlers that answer, those of packages hook and bus, one after the
// other. Each call belongs to the handler's owner, as the calls of a signal do, and gets a
// context that ends with the owner.
package visit

import (
	"context"
	"unsafe"

	"github.com/seed-ec287111/tether/internal/connlist"
	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/scope"
)

// A Visit goes from handler to handler. It lives on the stack of one goroutine. Between
// Next and the next Next or End, its user calls the handler, by Call.
type Visit struct {
	connlist.Walk
	caller context.Context

	of   *scope.Scope    // whose context ctx is; nil before the first
	ctx  context.Context // for the handler that v is at, and those of the same owner that follow
	made contexts
}

// Begin begins a visit of the handlers that w comes by, on behalf of the caller whose
// context is given. Its user calls End in any case.
func Begin(caller context.Context, w connlist.Walk) Visit { return Visit{Walk: w, caller: caller} }

// Func returns the handler that v is at, which must have been connected as an F.
func Func[F any](v *Visit) F {
	w := v.Handler()
	return *(*F)(unsafe.Pointer(&w))
}

// Word returns the single pointer that a func value is.
func Word[F any](f F) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&f)) }

// Context returns the context for the handler that v is at.
func (v *Visit) Context() context.Context {
	if owner := v.Owner(); v.of != owner {
		v.of, v.ctx = owner, v.made.context(v.caller, owner)
	}
	return v.ctx
}

// Call calls f, which calls the handler that v is at. If the handler's owner is supervised,
// a panic is reported, and returned as a *tether.PanicError. fired returns what the handler
// was called with, and is called for that report alone.
func (v *Visit) Call(f func(), fired func() any) error {
	if owner := v.Owner(); owner.Supervised() {
		return supervised(owner, f, fired)
	}
	goroutine.Handler(f)
	return nil
}

func supervised(owner *scope.Scope, f func(), fired func() any) (err error) {
	defer func() {
		if p := recover(); p != nil { // nil: none, or Goexit
			err = handle.Report(owner, p, fired())
		}
	}()
	goroutine.Handler(f)
	return nil
}

// End ends the visit, and the contexts that it has made. A teardown that has waited for
// nothing else completes here: cleanups may run, and panic.
func (v *Visit) End() {
	defer v.Walk.End() // also if a method of the caller's context panics
	v.made.release()
}

// One calls a handler of owner on behalf of the caller whose context is given. It is for a
// queue, which has announced the call and is seen on the stack. See [Visit.Call].
func One(caller context.Context, owner *scope.Scope, f func(context.Context) error, fired func() any) (err error) {
	ctx, own := contextFor(caller, owner)
	defer own.release()
	if owner.Supervised() {
		defer func() {
			if p := recover(); p != nil {
				err = handle.Report(owner, p, fired())
			}
		}()
	}
	return f(ctx)
}
