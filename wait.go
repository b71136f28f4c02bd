package tether

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"

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
	forget := c.conn.AfterEnd(func() { close(ended) })
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
//
// Values that were fired while the loop was subscribed and that its body does not get are
// counted if somebody asks, see [CountDropped].
func Values[T any](ctx context.Context, src Source[T], capacity int, overflow Overflow, opts ...ValuesOption) iter.Seq[T] {
	checkWait("Values", ctx, src)
	checkOverflow("Values", capacity, overflow)
	var c valuesConfig
	for _, opt := range opts {
		if opt == nil {
			panic("tether: Values with nil option")
		}
		opt.values(&c)
	}
	return func(yield func(T) bool) {
		in := &inbox[T]{
			ctx: ctx, src: src, yield: yield, capacity: capacity, overflow: overflow,
			dropped: c.dropped, news: make(chan struct{}, 1),
		}
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
	defer in.leave()
	stop := context.AfterFunc(in.ctx, func() {
		in.close()
		owner.Cancel(nil)
	})
	defer stop()
	forget := in.src.Connect(owner, in.push).conn.AfterEnd(in.close)
	defer forget()
	for {
		v, ok := in.next()
		if !ok || !in.yield(v) {
			return
		}
	}
}

// A ValuesOption is an option of [Values].
type ValuesOption interface{ values(*valuesConfig) }

type valuesConfig struct{ dropped *atomic.Uint64 }

type valuesOption func(*valuesConfig)

func (f valuesOption) values(c *valuesConfig) { f(c) }

// CountDropped has n say how many values the loop was given but its body did not get: those
// that overflowed, that a held Fire let go of, and that were kept when the loop ended by
// break, a panic or the end of its context. n is added to, by whoever drops the value, so
// one counter may serve several loops; when the loop is over, and its source fires no more,
// it is complete. A value that had not come to the loop when its connection ended was fired
// too late, and is not counted.
func CountDropped(n *atomic.Uint64) ValuesOption {
	if n == nil {
		panic("tether: CountDropped with nil counter")
	}
	return valuesOption(func(c *valuesConfig) { c.dropped = n })
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
	number   uint64         // on the stack of the loop, under Block
	dropped  *atomic.Uint64 // nil if nobody asks
	news     chan struct{}  // holds a token when there may be something new

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
			if h != nil && h.waited {
				in.lost(1)
			}
			return h, false
		case in.values.Len() < in.capacity:
			return h, true
		case in.overflow == DropNewest:
			in.lost(1)
			return h, false
		case in.overflow == DropOldest:
			in.values.Pop()
			in.lost(1)
		case h == nil:
			h = holdLocked(&in.mu, &in.room, in.number)
		case h.inside:
			return h, true
		case h.letGo:
			in.lost(1)
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

// leave is the end of the loop: it lets go of whoever is held, and drops what is left.
func (in *inbox[T]) leave() {
	in.close()
	in.mu.Lock()
	defer in.mu.Unlock()
	in.lost(in.values.Len())
	in.values = fifo.Buffer[T]{}
}

// lost counts n values that the body does not get.
func (in *inbox[T]) lost(n int) {
	if in.dropped != nil {
		in.dropped.Add(uint64(n))
	}
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
