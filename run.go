package tether

import (
	"context"
	"errors"
	"time"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/scope"
)

// Run makes a root owner that is bound to ctx, calls f with it, and destroys it, also if f
// panics. It is the whole scope of a main, a request or a test:
//
//	err := tether.Run(ctx, "app", func(app *tether.Owner) error { ... })
//
// f runs on the calling goroutine, which counts as an owned one meanwhile. When ctx ends, the
// owner is cut off. It is unwound after f has returned. If ctx ended before the call, f still
// runs, with a dead owner, and its cleanups run after it.
//
// Run returns, joined, the error of f and the errors of closers and of [Owner.GoErr]
// functions. If f returned nil, and [Owner.Cancel] ended the owner with a cause, that is
// joined as well. If f returns the error of GoErr that is the owner's cause, Run returns it
// once. The end of ctx alone is no error. With [WithGrace] the error may be a
// *[PendingError]. Inside a handler, where nothing waits, it may be [ErrPending].
//
// With [WithPanicHandler], a panic of f is given to the panic handler, and Run returns it as
// a *[PanicError].
func Run(ctx context.Context, name string, f func(*Owner) error, opts ...OwnerOption) (err error) {
	if ctx == nil {
		panic("tether: Run with nil context")
	}
	if f == nil {
		panic("tether: Run with nil function")
	}
	c := configure("Run", opts)
	also := c.Context
	c.Context = ctx
	c.Site = caller()
	o := &Owner{scope: scope.New(name, c.Config)}
	o.scope.List(false)
	inside := goroutine.MustNotWait() // asked now, because a panic of f leaves its frames on the stack
	defer func() {
		left := o.destroyWithin(c.grace, inside)
		failure := o.scope.Failure()
		if !o.scope.Over() {
			left = join(left, failure) // else left has it
		}
		switch {
		case err == nil:
			err = join(left, o.scope.Blame())
		case failure != nil && scope.Same(err, failure):
			err = left
		default:
			err = join(err, left)
		}
	}()
	bind := func() {
		o.scope.Bind(ctx)
		if also != nil {
			o.scope.Bind(also)
		}
	}
	o.scope.Host(scope.PC(f), bind, func() {
		if c.panicked != nil {
			defer func() {
				if v := recover(); v != nil {
					p := newPanicError(o.scope, v, nil)
					err = p
					c.panicked(p)
				}
			}()
		}
		err = f(o)
	})
	return err
}

func (o *Owner) destroyWithin(grace *time.Duration, inside bool) error {
	if grace == nil {
		return o.scope.DestroyOutside(inside)
	}
	ctx, cancel := context.WithTimeout(context.Background(), *grace)
	defer cancel()
	ok, err := o.scope.DestroyContextOutside(ctx, inside)
	if ok {
		return err
	}
	return giveUp(ctx, o.scope)
}

// join is errors.Join, but leaves a single error as it is.
func join(errs ...error) error {
	var first error
	n := 0
	for _, err := range errs {
		if err != nil {
			if n++; n == 1 {
				first = err
			}
		}
	}
	if n <= 1 {
		return first
	}
	return errors.Join(errs...)
}
