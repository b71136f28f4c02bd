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
	stage stage // of its end; the owner's teardown alone moves it on
	n     int

	mu sync.Mutex // guards the fields below; a leaf: nothing is called under it

	// The list of values. Cells from oldest to newest are full, end is the empty
	// one behind them. All are nil once the values are dropped, newest also while
	// there is none. Subscribers may stand at older cells.
	oldest, newest, end *cell[T]
	count               int // of full cells, n at most

	audience audience[T] // empty for good once not alive and closed
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
	r := &Ring[T]{n: n}
	r.oldest = new(cell[T])
	r.end = r.oldest
	r.alive.Store(true)
	s, end := handle.Scope("history: Record", owner), r.next
	if !s.OnCut(end, end) {
		end()
		end()
	}
	s.Defer(end)
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
	if !r.alive.Load() {
		r.mu.Unlock()
		return
	}
	r.appendLocked(v)
	round := r.audience.roundLocked()
	r.mu.Unlock()
	if round.level == nil {
		return
	}
	finally.Each(func() bool {
		s := round.next(&r.audience, &r.mu)
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

// A stage is how far a ring has ended.
type stage uint8

const (
	living stage = iota
	cut
	closed
)

// next is what the owner's teardown calls, three times: twice in the cut-off, and
// as a cleanup. That is one function as each func value of a ring's own would be
// one more allocation.
func (r *Ring[T]) next() {
	switch r.stage {
	case living: // under locks, before anybody sees the owner dead
		r.stage = cut
		r.alive.Store(false) // nothing is recorded or delivered, and nobody connects
	case cut: // without them, by the goroutine that cuts off
		r.stage = closed
		r.close()
	default:
		r.drop()
	}
}

// close ends the subscriptions. Who connects at the same time has entered the book
// before, or sees that it is too late, as both is done under mu.
func (r *Ring[T]) close() {
	r.mu.Lock()
	all := r.audience
	r.audience = audience[T]{}
	r.mu.Unlock()
	for round := all.roundLocked(); ; { // nobody else has it any more
		s := round.next(&all, &r.mu)
		if s == nil {
			return
		}
		s.conn.Disconnect()
	}
}

// drop lets go of the values.
func (r *Ring[T]) drop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.oldest, r.newest, r.end, r.count = nil, nil, nil, 0
}
