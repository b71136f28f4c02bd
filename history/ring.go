package history

import (
	"fmt"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/check"
	"github.com/seed-ec287111/tether/internal/finally"
	"github.com/seed-ec287111/tether/internal/handle"
)

// A Ring keeps the last values of a source, and is a source of them and of all
// that follow. [Record] makes one; the zero Ring is a dead one, without values.
// All methods may be called by multiple goroutines at once, and from handlers.
type Ring[T any] struct {
	_ noCopy

	// alive until the cut-off of the owner, which is not referred to: that would
	// hide a lost one for as long as the ring is held. Its scope refers to the ring.
	alive atomic.Bool
	n     int

	mu sync.Mutex // guards the fields below; a leaf: nothing is called under it

	// The list of values. Cells from oldest to newest are full, end is the empty
	// one behind them. All are nil once the values are dropped, newest also while
	// there is none. Subscribers may stand at older cells.
	oldest, newest, end *cell[T]
	count               int // of full cells, n at most

	book book[T] // empty for good once not alive and closed
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
// the first. Owner holds a connection and a cleanup for it. What the ring forgets, as
// newer values come, it does not count: it is what the ring is for.
//
// Record panics where owner or src is nil, a typed nil included, and where n < 1.
func Record[T any](owner *tether.Owner, src tether.Source[T], n int) *Ring[T] {
	s := handle.Scope("history: Record", owner)
	switch {
	case check.Nil(src):
		panic("history: Record with nil Source")
	case n < 1:
		panic(fmt.Sprintf("history: Record with n %d", n))
	}
	r := &Ring[T]{n: n}
	r.oldest = new(cell[T])
	r.end = r.oldest
	r.alive.Store(true)
	undo := s.OwnEnding((*ending[T])(r))
	over := false
	defer func() {
		if !over { // src has panicked
			undo()
		}
	}()
	src.Connect(owner, r.record)
	over = true
	return r
}

func (r *Ring[T]) check(verb string) {
	if r == nil {
		panic("history: " + verb + " of nil Ring")
	}
}

// All returns an iterator over the values kept, oldest first: those of the
// moment when the loop starts, whatever is recorded meanwhile. No lock is held
// while its body runs. Cost: nothing is copied.
func (r *Ring[T]) All() iter.Seq[T] {
	r.check("All")
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
	r.check("Last")
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.newest == nil {
		return v, false
	}
	return r.newest.v, true
}

// Len returns the number of values kept, n at most.
func (r *Ring[T]) Len() int {
	r.check("Len")
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count
}

// record is the handler on the source.
func (r *Ring[T]) record(v T) {
	r.mu.Lock()
	if !r.alive.Load() {
		r.mu.Unlock()
		return
	}
	r.appendLocked(v)
	pass := r.book.passLocked()
	r.mu.Unlock()
	if pass.level == nil {
		return
	}
	finally.Each(func() bool {
		s := pass.next(&r.book, &r.mu)
		if s != nil {
			s.wake()
		}
		return s != nil
	})
	if pass.sparse() {
		r.mu.Lock()
		r.book.sweepLocked()
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

// An ending is a Ring as its owner's teardown sees it.
type ending[T any] Ring[T]

// Cut is called under locks, before anybody sees the owner dead: from then on nothing is
// recorded or delivered, and nobody connects.
func (e *ending[T]) Cut() { e.alive.Store(false) }

// Then, called without locks by the goroutine that cuts off, ends the subscriptions. Who
// connects at the same time has entered the book before, or sees that it is too late, as
// both is done under mu.
func (e *ending[T]) Then() {
	e.mu.Lock()
	all := e.book
	e.book = book[T]{}
	e.mu.Unlock()
	for pass := all.passLocked(); ; { // nobody else has it any more
		s := pass.next(&all, &e.mu)
		if s == nil {
			return
		}
		s.conn.Disconnect()
	}
}

// Close, a cleanup, lets go of the values.
func (e *ending[T]) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.oldest, e.newest, e.end, e.count = nil, nil, nil, 0
	return nil
}
