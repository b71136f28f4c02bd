package bus

import (
	"context"
	"errors"

	"github.com/seed-ec287111/tether/internal/connlist"
	"github.com/seed-ec287111/tether/internal/finally"
	"github.com/seed-ec287111/tether/internal/visit"
)

// Publish calls the handlers of t, and those of all patterns that match its name, with v. They
// are called in one order: by descending priority and then in the order of connection. Publish
// leaves those on queues to their queue. It returns when all the others have returned.
//
// Publish takes a snapshot, and skips a handler that is dead or muted when its turn comes, as a
// Fire does. A handler that fails does not keep others from being called. Publish returns the
// errors of all, each a *[HandlerError], joined as by [errors.Join]. A single one is returned
// as it is.
//
// A value that no handler got becomes a [Letter] to [Bus.Dead], and Publish returns nil. If
// ctx has ended, Publish calls no handler and returns the cause. Once begun it calls all of
// them. It returns an error if the name has handlers of another type, and [ErrClosed] if the
// bus is closed.
//
// A panic in a handler goes on to the caller when the others have been called. If the handler's
// owner has a panic handler, that one gets the panic, and the *[tether.PanicError] is the
// handler's error. Cost: no lock and no allocation if ctx is [context.Background] or
// [context.TODO], no handler fails, and nothing has changed since the last Publish of t.
func (t *Topic[T]) Publish(ctx context.Context, v T) error {
	t.check("Publish")
	if ctx == nil {
		panic("bus: Publish with nil context")
	}
	b := t.bus
	if b.closed() {
		return ErrClosed
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	r := t.find()
	if r.err != nil {
		return r.err
	}
	limit := b.numbers.Load() // before the handlers of Tap, which may connect others
	observed := !marked(ctx)
	if t.apart != nil && observed {
		ctx, observed = context.WithValue(ctx, mark{}, true), false
	}
	if observed && b.tap.list.Head() != nil {
		return t.tapped(ctx, v, r.lists, limit)
	}
	return t.deliver(ctx, v, r.lists, limit, observed)
}

// tapped calls the handlers of Tap, and then those of v, though one of the former panics.
func (t *Topic[T]) tapped(ctx context.Context, v T, lists []*connlist.List, limit uint64) (err error) {
	step := 0
	finally.Each(func() bool {
		switch step++; step {
		case 1:
			t.bus.inform(ctx, Delivery{Topic: t.name, Value: v})
			return true
		case 2:
			err = t.deliver(ctx, v, lists, limit, true)
		}
		return false
	})
	return err
}

// deliver calls the handlers of v, and makes a letter if there are none.
func (t *Topic[T]) deliver(ctx context.Context, v T, lists []*connlist.List, limit uint64, observed bool) error {
	called, err := deliver(ctx, Message[T]{t.name, v}, lists, limit)
	if !called && observed {
		t.bus.letter(ctx, t.name, v, ErrNobody)
	}
	return err
}

// deliver calls the handlers in lists whose number is limit or less. called says whether one of
// them got the value.
func deliver[T any](ctx context.Context, m Message[T], lists []*connlist.List, limit uint64) (called bool, err error) {
	if len(lists) == 0 || len(lists) == 1 && lists[0].Head() == nil {
		return false, nil
	}
	v := visit.Begin(ctx, connlist.WalkAll(lists, limit))
	defer v.End()
	var errs []error
	finally.Each(func() bool {
		if !v.Next() {
			return false
		}
		err := call(&v, ctx, m)
		switch err {
		case nil:
			called = true
		case errLost: //nolint:errorlint // errors.Is would call methods of the user's errors
		default:
			called = true
			errs = append(errs, newHandlerError(v.Owner(), v.PC(), m.Topic, err))
		}
		return true
	})
	if len(errs) == 1 {
		return called, errs[0]
	}
	return called, errors.Join(errs...)
}

// call calls the handler that v is at.
func call[T any](v *visit.Visit, ctx context.Context, m Message[T]) (err error) {
	f := visit.Func[handler[T]](v)
	if v.Quiet() { // f puts m into a queue, which calls the user's handler
		return f(ctx, m)
	}
	own := v.Context()
	if p := v.Call(func() { err = f(own, m) }, func() any { return m.Value }); p != nil {
		err = p
	}
	return err
}

// A mark is the key of a value in the contexts of the handlers of Dead and Tap. What they
// publish with such a context is neither tapped nor made a letter. Otherwise there would be
// no end of it.
type mark struct{}

func marked(ctx context.Context) bool { return ctx.Value(mark{}) != nil }

// inform calls the handlers of Tap with d.
func (b *Bus) inform(ctx context.Context, d Delivery) {
	_, _ = deliver(context.WithValue(ctx, mark{}, true), Message[Delivery]{Value: d}, []*connlist.List{&b.tap.list}, b.numbers.Load())
}

// letter calls the handlers of Dead with a letter, even if ctx has ended.
func (b *Bus) letter(ctx context.Context, topic string, v any, err error) {
	if b.dead.list.Head() == nil {
		return
	}
	ctx = context.WithValue(context.WithoutCancel(ctx), mark{}, true)
	_, _ = deliver(ctx, Message[Letter]{Value: Letter{topic, v, err}}, []*connlist.List{&b.dead.list}, b.numbers.Load())
}
