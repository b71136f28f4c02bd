package pool

import (
	"sync/atomic"

	"github.com/seed-ec287111/tether/internal/scope"
)

// A Lease is the loan of an item to an owner. It ends once, by Release, Discard
// or the owner's unwinding. Its methods may be called by multiple goroutines at
// once. The item itself may be used only until the lease ends.
type Lease[T any] struct {
	pool *Pool[T]

	// item is nil from the end on. The goroutine that swaps it out gives it back. A Lease is
	// made for one loan and never used again. So nil is all the generation that it needs.
	item atomic.Pointer[item[T]]
	stop func() bool // takes back the owner's cleanup; for Release and Discard alone
}

// Value returns the item. It panics if the lease has ended, as the item may be on loan to
// somebody else.
func (l *Lease[T]) Value() T {
	l.check("Value")
	it := l.item.Load()
	if it == nil {
		panic("pool: Value of a Lease that has ended")
	}
	return it.value
}

// Release ends the lease. The item is reset and goes to the Acquire that has waited
// longest, or else becomes idle. Release reports whether it ended the lease. False means
// that the lease had ended, or that another call was just ending it.
//
// If the function given to [Reset] panics, the item is disposed of, and the panic
// goes on.
func (l *Lease[T]) Release() bool {
	l.check("Release")
	it := l.end()
	if it != nil {
		l.pool.giveBack(it)
	}
	return it != nil
}

// Discard ends the lease and disposes of the item, which makes room for a new one. It is for
// an item that is broken. It reports whether it ended the lease, as Release does.
func (l *Lease[T]) Discard() bool {
	l.check("Discard")
	it := l.end()
	if it != nil {
		l.pool.drop(it)
	}
	return it != nil
}

func (l *Lease[T]) check(op string) {
	if l == nil || l.pool == nil {
		panic("pool: " + op + " of nil or zero Lease")
	}
}

// end returns the item, nil if the lease has ended, and takes back the owner's cleanup.
func (l *Lease[T]) end() *item[T] {
	it := l.item.Swap(nil)
	if it != nil {
		l.stop()
		l.stop = nil // only one call gets here; the user may keep the lease
	}
	return it
}

// tie makes the end of l a cleanup of owner.
func (l *Lease[T]) tie(owner *scope.Scope) { l.stop = owner.Defer(l.unwind) }

// unwind is the owner's cleanup. It may run before stop is set.
func (l *Lease[T]) unwind() {
	if it := l.item.Swap(nil); it != nil {
		l.pool.giveBack(it)
	}
}
