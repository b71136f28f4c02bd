package tether

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/seed-ec287111/tether/internal/check"
	"github.com/seed-ec287111/tether/internal/connlist"
	"github.com/seed-ec287111/tether/internal/fifo"
	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/scope"
)

// Wait returns the next value that src fires. It subscribes when it is called, so it gets no
// value that was fired before. If ctx ends first, Wait returns the cause of ctx. If the
// connection ends first, for example because the signal closed, it returns [ErrDestroyed].
func Wait[T any](ctx context.Context, src Source[T]) (T, error) {
	checkWait("Wait", ctx, src)
	values := make(chan T, 1)
	ended := make(chan struct{})
	owner := &Owner{scope: scope.New("wait", scope.Config{})}
	defer owner.Destroy() // nobody takes the errors of what a wrapper may have put there
	c := src.Connect(owner, func(v T) {
		select {
		case values <- v:
		default: // not the next one
		}
	})
	forget := behind("Wait", c).AfterEnd(func() { close(ended) })
	defer forget() // what a wrapper returns may live on
	var v T
	var err error
	select {
	case v = <-values:
		return v, nil
	case <-ctx.Done():
		err = causeOf(ctx)
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

// causeOf is [context.Cause] for a context that is done. One of the user's own may have no error
// all the same, and nil would say that what the caller waited for has come.
func causeOf(ctx context.Context) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return context.Canceled
}

// Values returns an iterator over the values that src fires from the moment the loop starts.
// The loop is the only owner of its subscription: break ends it.
//
// Values that come while the body runs are kept, up to capacity of them. overflow says what
// happens to a value for which there is no room, as with [NewQueue]. With [Block], a Fire from
// the body itself is never held: its value goes over capacity. That means a Fire on the
// goroutine of the iterator, and [iter.Pull] runs an iterator on another goroutine than its
// caller's. If an owned goroutine called a Fire that is held, this Fire lets go of its value
// when the owner of that goroutine is cut off. So the body may destroy that owner.
//
// The loop ends at once when ctx ends. When the connection ends, for example because the
// signal closed, the loop ends after the values kept by then have been consumed. The body is
// not inside a handler: Destroy waits there.
//
// Values that were fired while the loop was subscribed, and that its body does not get, can
// be counted, see [CountDropped].
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
	forget := behind("Values", in.src.Connect(owner, in.push)).AfterEnd(in.close)
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

// CountDropped adds to n the number of values that the loop was given but its body did not
// get. These are values that overflowed, values that a held Fire let go of, and values that
// were kept when the loop ended by break, a panic or the end of its context. A value that
// had not come to the loop when its connection ended was fired too late, and is not counted.
//
// The goroutine that drops a value adds to n, so several loops may share one counter. The
// count is complete when the loop has ended and its source fires no more.
func CountDropped(n *atomic.Uint64) ValuesOption {
	if n == nil {
		panic("tether: CountDropped with nil counter")
	}
	return valuesOption(func(c *valuesConfig) { c.dropped = n })
}

func checkWait[T any](op string, ctx context.Context, src Source[T]) {
	if ctx == nil {
		panic("tether: " + op + " with nil context")
	}
	if check.Nil(src) {
		panic("tether: " + op + " with nil Source")
	}
}

// behind returns what is behind the Connection that a Source has returned.
func behind(op string, c *Connection) *connlist.Conn {
	if c == nil {
		panic("tether: " + op + " on a Source whose Connect returned nil")
	}
	return &c.conn
}

// An inbox is where a Values loop finds its values.
type inbox[T any] struct {
	ctx      context.Context
	src      Source[T]
	yield    func(T) bool
	capacity int
	overflow Overflow
	number   uint64         // on the stack of the loop, under Block
	dropped  *atomic.Uint64 // nil without CountDropped
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

// leave runs at the end of the loop: it lets go of every held Fire, and drops what is left.
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

// next returns the next value, and waits for it. ok is false at the end.
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
