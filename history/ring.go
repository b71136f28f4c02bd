package history

import (
	"context"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/check"
)

// A Ring keeps the last values of a source, and is a source of them and of all
// that follow. [Record] makes one; the zero Ring is a dead one, without values.
// All methods may be called by multiple goroutines at once, and from handlers.
type Ring[T any] struct {
	_ noCopy

	n int
	// ctx ends at the owner's cut-off, before the interrupt has run even. It
	// stands for the owner, whose handle must not be kept: that would hide a
	// lost owner as long as the source lives.
	ctx context.Context

	mu sync.Mutex // guards the fields below; a leaf: nothing is called under it

	alive bool // until the cut-off

	// The list of values. Cells from oldest to newest are full, end is the empty
	// one behind them. All are nil once the values are dropped, newest also while
	// there is none. Subscribers may stand at older cells.
	oldest, newest, end *cell[T]
	count               int // of full cells, n at most

	audience audience[T] // empty once not alive
}

// A cell holds a value from the moment when next is not nil, and never changes
// after that. A subscriber stands at the cell that it is to be given next, or
// the empty one at the end; so it holds no value that it was given.
type cell[T any] struct {
	v    T
	next atomic.Pointer[cell[T]]
}

// noCopy makes go vet's copylocks find copies.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// Record returns a ring that keeps the last n values which src delivers from now
// on. It lives until owner is destroyed. If src is a ring, that one's values are
// the first.
func Record[T any](owner *tether.Owner, src tether.Source[T], n int) *Ring[T] {
	switch {
	case owner == nil:
		panic("history: Record with nil Owner")
	case check.Nil(src):
		panic("history: Record with nil Source")
	case n < 1:
		panic(fmt.Sprintf("history: Record with n %d", n))
	}
	r := &Ring[T]{n: n, ctx: owner.Context(), alive: true}
	r.oldest = new(cell[T])
	r.end = r.oldest
	owner.Defer(r.drop)
	owner.Interrupt(r.close)
	src.Connect(owner, r.record)
	return r
}

// All returns an iterator over the values kept, oldest first: those of the
// moment when the loop starts, whatever is recorded meanwhile. No lock is held
// while its body runs. Cost: nothing is copied.
func (r *Ring[T]) All() iter.Seq[T] {
	return func(yield func(T) bool) {
		r.mu.Lock()
		c, end := r.oldest, r.end
		r.mu.Unlock()
		for ; c != end; c = c.next.Load() {
			if !yield(c.v) {
				return
			}
		}
	}
}

// Last returns the latest value, and false if there is none.
func (r *Ring[T]) Last() (v T, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.newest == nil {
		return v, false
	}
	return r.newest.v, true
}

// Len returns the number of values kept, n at most.
func (r *Ring[T]) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count
}

// record is the handler on the source.
func (r *Ring[T]) record(v T) {
	r.mu.Lock()
	if !r.alive {
		r.mu.Unlock()
		return
	}
	r.appendLocked(v)
	round := r.audience.round()
	r.mu.Unlock()
	overtake(func() bool {
		s := round.next(&r.mu)
		if s != nil {
			s.wake()
		}
		return s != nil
	})
	if round.thin() {
		r.mu.Lock()
		r.audience.sweepLocked()
		r.mu.Unlock()
	}
}

func (r *Ring[T]) appendLocked(v T) {
	end := new(cell[T])
	r.newest, r.end = r.end, end
	r.newest.v = v
	r.newest.next.Store(end) // publishes v
	if r.count++; r.count > r.n {
		r.oldest = r.oldest.next.Load()
		r.count--
	}
}

// dead reports whether the owner has been cut off.
func (r *Ring[T]) dead() bool { return r.ctx.Err() != nil }

// close is the interrupt: the subscriptions end.
func (r *Ring[T]) close() {
	r.mu.Lock()
	r.alive = false
	round := r.audience.round()
	r.audience = audience[T]{}
	r.mu.Unlock()
	for s := round.next(&r.mu); s != nil; s = round.next(&r.mu) {
		s.conn.Disconnect()
	}
}

// drop is the cleanup: the values go.
func (r *Ring[T]) drop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.oldest, r.newest, r.end, r.count = nil, nil, nil, 0
}

// overtake calls step until it returns false. A panic or Goexit of a step is not
// recovered but overtaken: the further steps are made while it waits, so that it
// goes on with its own value and stack.
func overtake(step func() bool) {
	over := false
	defer func() {
		if !over {
			overtake(step)
		}
	}()
	for step() {
	}
	over = true
}
