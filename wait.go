package tether

import (
	"context"
	"iter"
	"sync"

	"github.com/seed-ec287111/tether/internal/check"
	"github.com/seed-ec287111/tether/internal/fifo"
	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/scope"
)

// Wait returns the next value that src fires. It subscribes when it is called:
// what was fired before is gone. If ctx ends first, it returns the context's
// cause, and if the connection ends, with its signal for one, [ErrDestroyed].
func Wait[T any](ctx context.Context, src Source[T]) (T, error) {
	checkWait("Wait", ctx, src)
	values := make(chan T, 1)
	ended := make(chan struct{})
	owner := &Owner{scope: scope.New("wait", scope.Config{})}
	defer owner.Destroy() // the errors of what a wrapper may have put there have no taker
	c := src.Connect(owner, func(v T) {
		select {
		case values <- v:
		default: // not the next one
		}
	})
	forget := c.conn.OnEnd(func() { close(ended) })
	defer forget() // what a wrapper returns may live on
	var v T
	var err error
	select {
	case v = <-values:
		return v, nil
	case <-ctx.Done():
		err = context.Cause(ctx)
	case <-ended:
		err = ErrDestroyed
	}
	select {
	case v = <-values: // it came before the end
		return v, nil
	default:
		return v, err
	}
}

// Values returns an iterator over the values that src fires from the moment the
// loop starts, whose loop is their only owner: break ends the subscription.
//
// Values that come while the body runs are kept, up to capacity of them; what
// happens to one too many is overflow, as with [NewQueue]. With [Block], a Fire
// from the body itself is never held but goes over capacity (in the goroutine of
// the iterator, that is: [iter.Pull] runs it in another one than its caller); and a held
// Fire of an owned goroutine lets go of its value when that one's owner is cut off, so
// that the body may destroy it.
//
// The loop ends when ctx ends, at once; or when the connection does, for example
// because the signal closed, after what was kept by then has been consumed. The
// body is not inside a handler: Destroy waits there.
func Values[T any](ctx context.Context, src Source[T], capacity int, overflow Overflow) iter.Seq[T] {
	checkWait("Values", ctx, src)
	checkOverflow("Values", capacity, overflow)
	return func(yield func(T) bool) {
		in := &inbox[T]{ctx: ctx, src: src, yield: yield, capacity: capacity, overflow: overflow, news: make(chan struct{}, 1)}
		in.room.L = &in.mu
		if overflow == Block {
			in.number = goroutine.NewNumber()
		}
		goroutine.Spell(in.number, in)
	}
}

// Run is the loop.
func (in *inbox[T]) Run() {
	owner := &Owner{scope: scope.New("values", scope.Config{})}
	defer owner.Destroy() // as in Wait
	defer in.close()      // lets go of whoever is held
	stop := context.AfterFunc(in.ctx, func() {
		in.close()
		owner.Cancel(nil)
	})
	defer stop()
	forget := in.src.Connect(owner, in.push).conn.OnEnd(in.close)
	defer forget()
	for {
		v, ok := in.next()
		if !ok || !in.yield(v) {
			return
		}
	}
}

func checkWait[T any](verb string, ctx context.Context, src Source[T]) {
	if ctx == nil {
		panic("tether: " + verb + " with nil context")
	}
	if check.Nil(src) {
		panic("tether: " + verb + " with nil Source")
	}
}

// An inbox is where a Values loop finds its values.
type inbox[T any] struct {
	ctx      context.Context
	src      Source[T]
	yield    func(T) bool
	capacity int
	overflow Overflow
	number   uint64        // on the stack of the loop, under Block
	news     chan struct{} // holds a token when there may be something new

	mu     sync.Mutex // guards the fields below
	room   sync.Cond
	values fifo.Buffer[T]
	closed bool // nothing more comes in
}

func (in *inbox[T]) push(v T) {
	in.mu.Lock()
	h, ok := in.admitLocked()
	if ok {
		in.values.Push(v)
		in.notify()
	}
	in.mu.Unlock()
	h.end()
}

// admitLocked makes room for a value and reports whether it may be kept. The caller ends
// h with no lock held.
func (in *inbox[T]) admitLocked() (h *hold, ok bool) {
	for {
		switch {
		case in.closed:
			return h, false
		case in.values.Len() < in.capacity:
			return h, true
		case in.overflow == DropNewest:
			return h, false
		case in.overflow == DropOldest:
			in.values.Pop()
		case h == nil:
			h = holdLocked(&in.mu, &in.room, in.number)
		case h.inside:
			return h, true
		case h.letGo:
			return h, false
		default:
			h.waitLocked()
		}
	}
}

func (in *inbox[T]) close() {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.closed = true
	in.room.Broadcast()
	in.notify()
}

func (in *inbox[T]) notify() {
	select {
	case in.news <- struct{}{}:
	default:
	}
}

// next returns the next value, waiting for it; false at the end.
func (in *inbox[T]) next() (v T, ok bool) {
	for in.ctx.Err() == nil {
		in.mu.Lock()
		if in.values.Len() > 0 {
			v = in.values.Pop()
			in.room.Signal()
			in.mu.Unlock()
			return v, true
		}
		closed := in.closed
		in.mu.Unlock()
		if closed {
			break
		}
		select {
		case <-in.news:
		case <-in.ctx.Done():
		}
	}
	return v, false
}
