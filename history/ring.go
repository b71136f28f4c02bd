package history

import (
	"fmt"
	"iter"
	"math"
	"sync"
	"sync/atomic"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/check"
	"github.com/seed-ec287111/tether/internal/finally"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/undo"
)

// A Ring keeps the last values of a source, and is a source of them and of all
// that follow. [Record] makes one; the zero Ring is a dead one, without values.
// All methods may be called by multiple goroutines at once, and from handlers.
type Ring[T any] struct {
	_ noCopy

	// alive is true until the cut-off of the owner. The ring does not refer to the owner,
	// because a lost owner would stay hidden as long as the ring is held. The owner's scope
	// refers to the ring.
	alive atomic.Bool
	n     uint32 // values to keep

	mu sync.Mutex // guards the fields below; a leaf: nothing is called under it

	// The list of values. The cells from oldest to newest are full, and an empty cell comes
	// after them. newest is nil while there is no value. Both are nil once the values are
	// dropped. Subscribers may stand at cells before oldest.
	count          uint32 // of full cells, n at most
	oldest, newest *cell[T]

	book *book[T] // nil before the first subscriber, and for good once closed
}

// A cell holds a value from the moment when next is not nil, and never changes after that. A
// subscriber stands at the cell of its next value, or at the empty cell. So it holds no value
// that it has delivered.
type cell[T any] struct {
	v    T
	next atomic.Pointer[cell[T]]
}

// noCopy makes go vet's copylocks find copies.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// Record returns a ring that keeps the last n values which src delivers from now on. It
// lives until owner is destroyed, and owner holds a connection and a cleanup for it. If src
// is itself a ring, the values that src keeps are the first ones. An n above 2^32-1 counts
// as 2^32-1.
//
// Record panics if owner or src is nil, a typed nil included, and if n < 1. If Connect of src
// panics, so does Record, and nothing of the ring is left.
func Record[T any](owner *tether.Owner, src tether.Source[T], n int) *Ring[T] {
	s := handle.Scope("history: Record", owner)
	switch {
	case check.Nil(src):
		panic("history: Record with nil Source")
	case n < 1:
		panic(fmt.Sprintf("history: Record with n %d", n))
	}
	r := &Ring[T]{n: uint32(min(uint64(n), math.MaxUint32)), oldest: new(cell[T])}
	r.alive.Store(true)
	forget := s.OwnEnding((*ending[T])(r))
	over := false
	defer func() {
		if !over { // Connect of src has panicked
			forget()
		}
	}()
	undo.Connect(owner, src, func(v T) { r.record(v) }) // a method value would not be on the stack, and reports go by it
	over = true
	return r
}

func (r *Ring[T]) check(op string) {
	if r == nil {
		panic("history: " + op + " of nil Ring")
	}
}

// All returns an iterator over the values kept, oldest first: those of the
// moment when the loop starts, whatever is recorded meanwhile. No lock is held
// while its body runs. Cost: nothing is copied.
func (r *Ring[T]) All() iter.Seq[T] {
	r.check("All")
	return func(yield func(T) bool) {
		r.mu.Lock()
		c, end := r.oldest, r.endLocked()
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
	return int(r.count)
}

// record is the handler on the source.
func (r *Ring[T]) record(v T) {
	r.mu.Lock()
	if !r.alive.Load() {
		r.mu.Unlock()
		return
	}
	r.appendLocked(v)
	book := r.book
	pass := book.passLocked()
	r.mu.Unlock()
	if pass.level == nil {
		return
	}
	finally.Each(func() bool {
		if s := pass.next(book, &r.mu); s != nil {
			s.wake()
			return true
		}
		if pass.sparse() {
			r.mu.Lock()
			book.sweepLocked()
			r.mu.Unlock()
		}
		return false
	})
}

// endLocked returns the empty cell, nil once the values are dropped.
func (r *Ring[T]) endLocked() *cell[T] {
	if r.newest == nil {
		return r.oldest
	}
	return r.newest.next.Load()
}

func (r *Ring[T]) appendLocked(v T) {
	r.newest = r.endLocked()
	r.newest.v = v
	r.newest.next.Store(new(cell[T])) // publishes v
	if r.count < r.n {
		r.count++
	} else {
		r.oldest = r.oldest.next.Load()
	}
}

// An ending is a Ring as its owner's teardown sees it.
type ending[T any] Ring[T]

// Cut is called under locks, before any goroutine sees the owner dead. From then on nothing
// is recorded or delivered, and nothing connects.
func (e *ending[T]) Cut() { e.alive.Store(false) }

// Then ends the subscriptions. The goroutine that cuts off calls it, without locks. A
// subscriber that connects at the same time has entered the book before, or sees that it is
// too late, because join does both under mu.
func (e *ending[T]) Then() {
	e.mu.Lock()
	all := e.book
	e.book = nil
	e.mu.Unlock()
	for pass := all.passLocked(); ; {
		s := pass.next(all, &e.mu)
		if s == nil {
			return
		}
		s.conn.Disconnect()
	}
}

// Close drops the values. It is a cleanup.
func (e *ending[T]) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.oldest, e.newest, e.count = nil, nil, 0
	return nil
}
