package pool

import (
	"container/list"
	"context"
	"errors"
	"sync"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/check"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/scope"
)

// ErrClosed says that the pool's owner is not alive. The error that Acquire returns
// matches it, and the cause of the owner's end too.
var ErrClosed = errors.New("pool: closed")

// A Pool lends out items of type T. It is made by [New], and ends with its owner.
// All methods may be called by multiple goroutines at once.
type Pool[T any] struct {
	newT    func() (T, error)
	reset   func(T) // or nil
	dispose func(T) // or nil
	limit   int     // 0: none

	// Nothing here refers to the pool's owner, because a lost owner could not be found while
	// the pool is held. The owner's scope refers to the pool.
	life life

	// Every item is idle or leased. It counts as leased while it is reset or disposed of.
	// Every slot of the limit is free, has an item, or has one in the making. So
	//
	//	made - disposed == idle + leased
	//	idle + leased + making <= limit
	//
	// While a call waits, no item is idle and no slot is free: what comes back goes to the
	// first in line in the same critical section. A call that gives up leaves the line under
	// mu too. So it has been served by then, and passes on what it got, or it never is.
	//
	// No user code runs under mu, and no other lock is taken.
	mu       sync.Mutex // guards the fields below
	idle     []*item[T] // the newest last
	leased   int
	making   int
	made     uint64
	disposed uint64
	waiting  list.List // of chan *item[T], with room for one
	closed   bool      // nothing goes to idle any more
}

// An item is a box, so that a lease can be emptied with one atomic operation.
type item[T any] struct{ value T }

// Stats says what a pool has. Made-Disposed is always Idle+Leased, and
// Idle+Leased+Making is never above the limit.
type Stats struct {
	Idle     int    // ready to be lent out
	Leased   int    // on loan, or on the way back, being reset or disposed of
	Making   int    // calls of the function given to New that run, or are about to
	Waiting  int    // calls of Acquire
	Made     uint64 // so far
	Disposed uint64 // so far
}

// New returns a pool that belongs to owner, of items that newT makes. The Acquire that
// needs a new item calls newT, on its own goroutine, and returns its error. So newT may run
// on several goroutines at once.
//
// New panics if owner, newT or an option is nil, if an option is for another type of item,
// and if [Prewarm] is above [Limit].
func New[T any](owner *tether.Owner, newT func() (T, error), opts ...Option) *Pool[T] {
	s := handle.Scope("pool: New", owner)
	if newT == nil {
		panic("pool: New with nil function")
	}
	p := &Pool[T]{newT: newT}
	prewarm := p.configure(opts)
	p.life.begin(s)
	owner.Defer(p.close)
	for range prewarm {
		if !p.prewarm() {
			break
		}
	}
	return p
}

// prewarm adds an idle item and reports whether it did.
func (p *Pool[T]) prewarm() bool {
	if p.life.over() {
		return false
	}
	p.mu.Lock()
	p.making++ // within the limit, because no other goroutine has the pool yet
	p.mu.Unlock()
	it, err := p.make()
	if err != nil {
		return false
	}
	p.put(it)
	return true
}

// Acquire lends an item to owner: an idle one, or else a new one. If the limit is reached,
// Acquire waits for the next item that comes back. The wait ends when ctx ends, or when
// owner or the pool is cut off. Then Acquire returns an error: the context's cause, the
// cause of owner's end, or [ErrClosed]. If one of them has ended before, it returns that
// error at once. An error of the function given to [New] is returned as it is. That
// function does not get ctx.
//
// Inside a cleanup, closer or interrupt, Acquire never waits, as the item may be on loan
// to the very owner that is being unwound. If it would have to wait, it returns
// [tether.ErrPending].
//
// The lease belongs to owner. Until the lease ends, owner holds a cleanup for it, which
// [tether.Owner.Stats] counts. Acquire panics if ctx or owner is nil.
func (p *Pool[T]) Acquire(ctx context.Context, owner *tether.Owner) (*Lease[T], error) {
	p.check("Acquire")
	if check.Nil(ctx) {
		panic("pool: Acquire with nil context")
	}
	s := handle.Scope("pool: Acquire", owner)
	if err := p.refusal(ctx, s); err != nil {
		return nil, err
	}
	it, err := p.take(ctx, s)
	if it == nil && err == nil {
		it, err = p.make()
	}
	if err != nil {
		return nil, err
	}
	return p.lend(it, s)
}

// Stats returns what the pool has at this moment.
func (p *Pool[T]) Stats() Stats {
	p.check("Stats")
	p.mu.Lock()
	defer p.mu.Unlock()
	return Stats{
		Idle: len(p.idle), Leased: p.leased, Making: p.making, Waiting: p.waiting.Len(),
		Made: p.made, Disposed: p.disposed,
	}
}

func (p *Pool[T]) check(op string) {
	if p == nil || p.newT == nil {
		panic("pool: " + op + " of nil or zero Pool")
	}
}

// refusal returns the error of an Acquire if the pool or owner is dead or ctx has ended, else
// nil.
func (p *Pool[T]) refusal(ctx context.Context, owner *scope.Scope) error {
	if err := p.dead(owner); err != nil {
		return err
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// dead returns the error of an Acquire if the pool or owner is dead, else nil.
func (p *Pool[T]) dead(owner *scope.Scope) error {
	switch {
	case p.life.over():
		return p.life.err()
	case !owner.Alive():
		return owner.Cause()
	}
	return nil
}
