package state

import (
	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/finally"
)

// A Batch is several Sets that take effect in one moment: what depends on them
// is computed once, and no computing function sees some of them without the
// others. The zero Batch is empty and ready for use, by one goroutine.
type Batch struct{ writes []write }

// Commit does the Sets, as [Value.Set] would, and leaves the batch empty. Values
// that are told twice take the later one.
func (b *Batch) Commit() {
	writes := b.writes
	b.writes = nil
	commit(writes)
}

// A write is a Set without its type. prepare is called without the lock, and may
// call the user's functions; the other two are called with it, if the value is
// still what prepare has seen.
type write interface {
	prepare() (changes bool)
	currentLocked() bool
	applyLocked(todo []settler) []settler
}

// commit applies the writes in one moment. It is optimistic: equality is decided
// without the lock, and again if another Set came between.
//
// NOTE: a Set inside a computing function would overtake that computation again
// and again. While anything is being computed, each Set therefore looks whether
// it is on that stack (some microseconds; nothing if nothing is).
func commit(writes []write) {
	for outside := false; ; {
		changes := false
		for _, w := range writes {
			if w.prepare() {
				changes = true
			}
		}
		books.Lock()
		if running > 0 && !outside {
			books.Unlock()
			if computing() {
				panic("state: Set inside a computing function")
			}
			outside = true
			continue
		}
		current := true
		for _, w := range writes {
			current = current && w.currentLocked()
		}
		if current && changes {
			break
		}
		books.Unlock()
		if current {
			return
		}
	}
	var todo []settler
	for _, w := range writes {
		todo = w.applyLocked(todo)
	}
	books.Unlock()
	if len(todo) > 0 {
		settle(todo)
	}
}

// An outbox has the changes that are still to be delivered, in order. One
// goroutine delivers at a time, and what comes meanwhile is its own to deliver
// too: so handlers see the changes one after the other, and nobody waits.
type outbox[T any] struct {
	signal *tether.Signal[Change[T]] // closes with the owner

	// Guarded by books.
	pending []Change[T]
	busy    bool
}

// addLocked adds a change if anybody is there to get it.
func (o *outbox[T]) addLocked(old, now T) bool {
	if o.signal.Len() == 0 {
		return false
	}
	o.pending = append(o.pending, Change[T]{old, now})
	return true
}

// flush delivers what is pending unless somebody does already.
func (o *outbox[T]) flush() {
	books.Lock()
	if o.busy || len(o.pending) == 0 {
		books.Unlock()
		return
	}
	o.busy = true
	books.Unlock()
	o.deliver()
}

// deliver fires until nothing is pending. A panic or Goexit of a handler goes on
// after the rest.
func (o *outbox[T]) deliver() {
	finally.Each(func() bool {
		books.Lock()
		if len(o.pending) == 0 {
			o.pending, o.busy = nil, false
			books.Unlock()
			return false
		}
		c := o.pending[0]
		o.pending[0] = Change[T]{}
		o.pending = o.pending[1:]
		books.Unlock()
		o.signal.Fire(c)
		return true
	})
}
