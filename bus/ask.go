package bus

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"sync/atomic"
	"unsafe"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/connlist"
	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/scope"
	"github.com/seed-ec287111/tether/internal/visit"
	"github.com/seed-ec287111/tether/internal/yield"
)

// A responder answers the questions of a type. It is in the bus's book from before its
// connection is made until the connection has ended.
type responder struct {
	list    connlist.List // of one connection
	answers reflect.Type
}

// Reply makes f the responder for questions of type Q, with answers of type A, until owner is
// destroyed or the connection ends by itself. If there is a responder for Q already, Reply
// returns [ErrTaken] and a dead Connection. On a closed bus it returns [ErrClosed]. If owner is
// not alive, it returns a dead Connection and no error. It panics if Q is an interface type, or
// if the questions are answered with another type.
//
// ctx ends with the context of the caller of Ask, at the cut-off of owner, and at the latest
// when the question is answered, as in package hook. That also holds with [tether.On]: then
// the queue calls f, for one question at a time.
func Reply[A, Q any](owner *tether.Owner, b *Bus, f func(ctx context.Context, q Q) (A, error), opts ...tether.ConnectOption) (*tether.Connection, error) {
	b.check("Reply")
	s := checkConnect("Reply", owner, f == nil, opts)
	asked := concrete[Q]("Reply")
	r, err := b.employ(asked, reflect.TypeFor[A]())
	if err != nil {
		return new(tether.Connection), err
	}
	pc := scope.PC(f)
	call := answering(b, s, pc, f)
	var c *tether.Connection
	if number, ok := queueOf(opts); ok {
		c = handle.Enqueue(handle.Queueing{
			List: &r.list, Owner: owner, Options: opts, PC: pc, Tell: true,
			Entry: func(queue func(any) (in, counted bool)) unsafe.Pointer {
				return visit.Word(func(ctx context.Context, q Q) (A, error) {
					return wait(&question[A, Q]{q: q, ctx: ctx, answer: make(chan answer[A], 1)}, queue, number)
				})
			},
			Handle: func(v any) { v.(*question[A, Q]).handle(s, call) },
		}).(*tether.Connection)
	} else {
		c = new(tether.Connection)
		r.list.Connect(handle.Conn(c), s, visit.Word(call), priority(opts), false, &connlist.Hooks{PC: pc})
	}
	yield.Point("bus: employed")
	handle.Conn(c).OnEnd(func() { b.dismiss(asked, r) })
	if b.closed() {
		return c, ErrClosed
	}
	return c, nil
}

// Ask asks the responder that [Reply] has made for questions of type Q, and returns its answer
// or its error. If there is no responder, Ask returns [ErrNobody]. If ctx has ended it returns
// the cause, and on a closed bus [ErrClosed]. It panics if Q is an interface type, or if the
// answers to Q are not of type A. Q follows from the argument, so only A has to be written:
//
//	price, err := bus.Ask[Price](ctx, b, PriceOf{"ham"})
//
// The responder runs on the calling goroutine. A responder connected with [tether.On] runs on
// its queue, and Ask waits for the answer or for the end of ctx. If the queue drops the
// question, for example because the responder ends, Ask returns ErrNobody. A full queue with
// [tether.Block] does not hold a question: the question goes over the queue's capacity, as the
// caller waits anyway. Inside a handler of that queue Ask returns an error at once, as it would
// wait for itself. Handlers on two queues that ask each other both wait. A panic of a responder
// is treated as in [Topic.Publish].
func Ask[A, Q any](ctx context.Context, b *Bus, q Q) (a A, err error) {
	b.check("Ask")
	if ctx == nil {
		panic("bus: Ask with nil context")
	}
	asked, answers := concrete[Q]("Ask"), reflect.TypeFor[A]()
	if b.closed() {
		return a, ErrClosed
	}
	if ctx.Err() != nil {
		return a, context.Cause(ctx)
	}
	b.mu.RLock()
	r := b.responders[asked]
	b.mu.RUnlock()
	if r == nil {
		return a, ErrNobody
	}
	if r.answers != answers {
		panic(fmt.Sprintf("bus: Ask for %v with %v, which is answered with %v", answers, asked, r.answers))
	}
	v := visit.Begin(ctx, r.list.Walk())
	defer v.End()
	if !v.Next() {
		if b.closed() {
			return a, ErrClosed
		}
		return a, ErrNobody
	}
	f := visit.Func[func(context.Context, Q) (A, error)](&v)
	if v.Quiet() {
		return f(ctx, q)
	}
	own := v.Context()
	if p := v.Call(func() { a, err = f(own, q) }, func() any { return q }); p != nil {
		err = p
	}
	return a, err
}

// employ makes a responder and enters it in the book, unless there is one.
func (b *Bus) employ(asked, answers reflect.Type) (*responder, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r := b.responders[asked]; r != nil {
		if r.answers != answers {
			panic(fmt.Sprintf("bus: Reply with %v to %v, which is answered with %v", answers, asked, r.answers))
		}
		return nil, ErrTaken
	}
	r := &responder{answers: answers}
	r.list.Name(asked)
	r.list.Bind(b.scope)
	b.responders[asked] = r
	return r, nil
}

// dismiss takes r out of the book. It is called when r's connection has ended.
func (b *Bus) dismiss(asked reflect.Type, r *responder) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.responders, asked)
	r.list.Unbind(b.scope)
}

// answering puts the functions given to Around around f.
func answering[A, Q any](b *Bus, owner *scope.Scope, pc uintptr, f func(context.Context, Q) (A, error)) func(context.Context, Q) (A, error) {
	if len(b.around) == 0 {
		return f
	}
	return func(ctx context.Context, q Q) (a A, err error) {
		err = surrounded(ctx, b.around, Delivery{Value: q, owner: owner, pc: pc}, func(ctx context.Context) (err error) {
			a, err = f(ctx, q)
			return err
		})
		return a, err
	}
}

// A question is a question in a queue. It is answered once, so the channel always has room. It
// is taken by the queue, which answers it, or by an Ask that gives up. Whoever takes it has q and
// ctx from then on.
type question[A, Q any] struct {
	q      Q
	ctx    context.Context // of the caller of Ask
	taken  atomic.Bool
	answer chan answer[A]
}

type answer[A any] struct {
	a   A
	err error
}

var errInside = errors.New("bus: Ask inside a handler of the responder's queue, which would wait for itself")

// wait queues a question and waits for the answer.
func wait[A, Q any](e *question[A, Q], queue func(any) (in, counted bool), number uint64) (none A, err error) {
	if goroutine.Spelled(number) {
		return none, errInside
	}
	if in, _ := queue(e); !in {
		return none, ErrNobody
	}
	yield.Point("bus: asked")
	select {
	case r := <-e.answer:
		return r.a, r.err
	case <-e.ctx.Done():
	}
	select {
	case r := <-e.answer: // an answer that is there counts
		return r.a, r.err
	default:
	}
	if err = context.Cause(e.ctx); err == nil { // ctx is done, and has no error
		err = context.Canceled
	}
	if !e.taken.Swap(true) { // it stays in the queue until its turn, but keeps nothing
		e.q, e.ctx = *new(Q), nil
	}
	return none, err
}

// handle answers e, unless Ask does not wait any more.
func (e *question[A, Q]) handle(owner *scope.Scope, f func(context.Context, Q) (A, error)) {
	if e.taken.Swap(true) {
		return
	}
	r := answer[A]{err: ErrNobody} // stays if f calls Goexit
	defer func() { e.answer <- r }()
	if e.ctx.Err() != nil {
		r.err = context.Cause(e.ctx)
		return
	}
	var a A
	err := visit.One(e.ctx, owner, func(ctx context.Context) (err error) {
		a, err = f(ctx, e.q)
		return err
	}, func() any { return e.q })
	r = answer[A]{a, err}
}

// Dropped answers a question that will not be handled. The queue calls it, with its lock held.
func (e *question[A, Q]) Dropped() { e.answer <- answer[A]{err: ErrNobody} }
