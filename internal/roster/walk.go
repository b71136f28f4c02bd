package roster

import (
	"sync/atomic"
	"unsafe"

	"github.com/seed-ec287111/tether/internal/presence"
	"github.com/seed-ec287111/tether/internal/scope"
)

// A Walk is one Fire's way through the handlers. It lives on the firing
// goroutine's stack, and holds all that is needed to go on after a handler that
// panicked.
type Walk struct {
	block *Block // nil when the walk is over
	next  int    // index of the next entry in block
	limit uint64 // sequence number of the last connection to be called

	ID   uint64         // announced now; 0: nothing
	slot *presence.Slot // nil while ID is 0, or counted in the scope instead
	conn *Conn          // the last one announced
}

// Head returns the first block, nil if there is none.
func (r *Roster) Head() *Block { return r.head.Load() }

// Start begins a walk at b, which Head has just returned.
func (r *Roster) Start(b *Block) Walk { return Walk{block: b, limit: r.seq.Load()} }

// Over reports whether the walk has come to its end.
func (w *Walk) Over() bool { return w.block == nil }

// Entries returns the entries of the current block that are still to come, and
// the index of the first of them.
func (w *Walk) Entries() ([]Entry, int) {
	b := w.block
	n := int(b.n.Load())
	for n > w.next && b.entries[n-1].conn.seq > w.limit {
		n-- // connected after the walk began
	}
	return b.entries[w.next:max(n, w.next)], w.next
}

// Mark notes that the entry before index next is about to be called.
func (w *Walk) Mark(next int) { w.next = next }

// NextBlock goes on to the next block, if there is one.
func (w *Walk) NextBlock() bool {
	b := w.block.next.Load()
	if b == nil {
		return false
	}
	w.block, w.next = b, 0
	return true
}

// Word returns the handler of e now, nil if it must not be called.
func (e *Entry) Word() unsafe.Pointer { return atomic.LoadPointer(&e.word) }

// ID returns what must be announced before the handler is called.
func (e *Entry) ID() uint64 { return e.id }

// Skip reports whether e, whose word was nil, is to be skipped. It is not if
// its block was replaced and it lives on in another one.
func (w *Walk) Skip(e *Entry) bool {
	return !w.block.replaced.Load() || !e.conn.Live()
}

// Moved returns the handler of e, whose word is nil, from the place where the
// connection is now.
func (w *Walk) Moved(e *Entry) unsafe.Pointer {
	if w.Skip(e) {
		return nil
	}
	c := e.conn
	c.roster.mu.Lock()
	defer c.roster.mu.Unlock()
	if !c.Live() {
		return nil
	}
	return atomic.LoadPointer(&c.block.entries[c.index].word)
}

// Announce announces the owner of e, whose index is i, in place of the one
// announced before, and returns e's handler as it is after that: nil if it must
// not be called. If a teardown waited for the one before, it is told first, and
// may complete here.
func (w *Walk) Announce(e *Entry, i int) unsafe.Pointer {
	if w.slot != nil && e.id != 0 {
		last := w.conn
		from := w.ID
		w.conn, w.ID = e.conn, e.id
		if !w.slot.Move(from, e.id) {
			return w.word(e)
		}
		// NOTE: e's owner must not seem to run while last's is unwound.
		slot := w.slot
		w.slot, w.ID, w.conn = nil, 0, nil
		w.next = i
		leave(last.owner, e.conn.owner, slot.Move(e.id, 0))
	} else {
		w.next = i
		w.leave()
	}
	if e.id == 0 {
		return w.word(e)
	}
	var ok bool
	if w.slot, ok = e.conn.owner.Announce(unsafe.Pointer(w)); !ok {
		return nil
	}
	w.conn, w.ID = e.conn, e.id
	return w.word(e)
}

// leave tells a, and b if both, that a call has ended, whatever panics.
func leave(a, b *scope.Scope, both bool) {
	if both {
		defer b.Leave()
	}
	a.Leave()
}

func (w *Walk) word(e *Entry) unsafe.Pointer {
	if h := e.Word(); h != nil {
		return h
	}
	return w.Moved(e)
}

// End ends the walk.
func (w *Walk) End() {
	w.block = nil
	w.leave()
}

// leave takes back what is announced.
func (w *Walk) leave() {
	if w.ID == 0 {
		return
	}
	slot, owner := w.slot, w.conn.owner
	w.slot, w.conn, w.ID = nil, nil, 0
	owner.Retract(slot)
}

// Supervised returns the owner of the handler that runs if panics in it are
// supervised, else nil.
func (w *Walk) Supervised() *scope.Scope {
	if w.conn != nil && w.conn.owner.Supervised() {
		return w.conn.owner
	}
	return nil
}
