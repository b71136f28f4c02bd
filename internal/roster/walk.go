package roster

import (
	"sync/atomic"
	"unsafe"

	"github.com/seed-ec287111/tether/internal/presence"
	"github.com/seed-ec287111/tether/internal/scope"
	"github.com/seed-ec287111/tether/internal/yield"
)

// A Walk is one Fire's way through the handlers. It lives on the firing
// goroutine's stack, and holds all that is needed to go on after a handler that
// panicked.
type Walk struct {
	block *Block // nil when the walk is over
	Next  uint   // index of the next entry in block
	limit uint64 // sequence number of the last connection to be called

	ID   uint64         // announced now; 0: nothing
	slot *presence.Slot // nil while ID is 0, or counted in the scope instead
	conn *Conn          // the last one announced

	awaited bool // a teardown waits for conn's owner, and Switch has seen that
	later   bool // a handler may have run, so that block may have grown since
}

// Head returns the first block, nil if there is none.
func (r *Roster) Head() *Block { return r.head.Load() }

// Start begins a walk at b, which Head has just returned. The caller calls Begin
// with what First returns, if that is not nil. The three are apart so that each
// can be inlined, which is worth two nanoseconds.
func (r *Roster) Start(b *Block) Walk { return Walk{block: b, limit: r.seq.Load()} }

// First returns the first entry, if there is one that is announced.
func (w *Walk) First() *Entry {
	if w.block.n.Load() > 0 && w.block.entries[0].id != 0 {
		return &w.block.entries[0]
	}
	return nil
}

// Begin announces the owner of e, dead or alive, as announcements are made before
// the look at the handler. Where that does not work at once, it is left to
// Announce.
func (w *Walk) Begin(e *Entry) {
	if slot := presence.Place(unsafe.Pointer(w)); slot.Claim(e.id) {
		w.slot, w.conn, w.ID = slot, e.conn, e.id
	}
}

// Over reports whether the walk has come to its end.
func (w *Walk) Over() bool { return w.block == nil }

// Entries returns the entries of the current block that the walk may call, and
// the id that is announced now. Before the first handler that is what there is;
// the sequence numbers, which are three loads away, need no look.
func (w *Walk) Entries() (entries []Entry, id uint64) {
	b := w.block
	n := b.n.Load()
	if w.later {
		for n > 0 && b.entries[n-1].conn.seq > w.limit {
			n-- // connected after the walk began
		}
	}
	return b.entries[:n], w.ID
}

// NextBlock goes on to the next block, if there is one.
func (w *Walk) NextBlock() bool {
	b := w.block.next.Load()
	if b == nil {
		return false
	}
	w.block, w.Next, w.later = b, 0, true
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
	yield.Point("fire: moved")
	c.roster.mu.Lock()
	defer c.roster.mu.Unlock()
	if !c.Live() {
		return nil
	}
	return atomic.LoadPointer(&c.block.entries[c.index].word)
}

// Announce announces the owner of e, whose index is i, in place of last's, or
// where that is nil the one that w knows of, and returns e's handler as it is
// after that: nil if it must not be called. If a teardown waits for the one
// before, it is told first, and may complete here.
func (w *Walk) Announce(last, e *Entry, i uint) unsafe.Pointer {
	yield.Point("fire: announce")
	w.Note(last)
	w.Next = i
	if w.awaited {
		w.relieve(e)
	}
	if w.ID != e.id {
		w.leave()
		if e.id != 0 {
			owner := e.conn.owner
			slot, ok := owner.Announce(unsafe.Pointer(w))
			if !ok {
				return nil
			}
			w.slot, w.conn, w.ID = slot, e.conn, e.id
		}
	}
	yield.Point("fire: announced, look")
	if h := e.Word(); h != nil {
		return h
	}
	return w.Moved(e)
}

// Switch announces e in place of what is announced, and reports whether one
// instruction could do that. If not, because nothing is announced, e needs no
// announcement, or a teardown waits for the one before, Announce must be called.
func (w *Walk) Switch(e *Entry) bool {
	if w.slot == nil || e.id == 0 {
		return false
	}
	w.awaited = w.slot.Move(e.id)
	return !w.awaited
}

// Note notes that last, if not nil, is announced.
func (w *Walk) Note(last *Entry) {
	if last != nil {
		w.ID, w.conn = last.id, last.conn
	}
}

// Resume notes what is announced after a handler has panicked: its own entry, or
// another one of the same owner. It returns that owner if panics in it are
// supervised, else nil.
func (w *Walk) Resume() (supervised *scope.Scope) {
	w.later = true
	if w.slot != nil && w.Next > 0 {
		w.Note(&w.block.entries[w.Next-1])
	}
	if w.conn != nil && w.conn.owner.Supervised() {
		return w.conn.owner
	}
	return nil
}

// relieve tells the teardown that waits for the last one that its call is over.
// NOTE: e was announced by then. It is not any more while the teardown completes
// here, lest e's owner seem to run.
func (w *Walk) relieve(e *Entry) {
	last, slot := w.conn, w.slot
	w.slot, w.ID, w.conn, w.awaited = nil, 0, nil, false
	leave(last.owner, e.conn.owner, slot.Move(0))
}

// leave tells a, and b if both, that a call has ended, whatever panics.
func leave(a, b *scope.Scope, both bool) {
	if both {
		defer b.Leave()
	}
	a.Leave()
}

// End ends the walk, after whose last handler last is announced, or where that
// is nil what w knows of. It reports whether Leave must be called, as a teardown
// waits for the last owner, or the call is counted there.
func (w *Walk) End(last *Entry) bool {
	if last != nil {
		w.conn = last.conn
	}
	w.block = nil
	if w.slot == nil {
		return w.ID != 0
	}
	return w.slot.Move(0)
}

// Leave tells the owner of the last handler that its call is over.
func (w *Walk) Leave() { w.conn.owner.Leave() }

// leave takes back what is announced.
func (w *Walk) leave() {
	if w.ID == 0 {
		return
	}
	slot, conn := w.slot, w.conn
	yield.Point("fire: retract")
	w.slot, w.conn, w.ID = nil, nil, 0
	if slot == nil || slot.Move(0) {
		conn.owner.Leave()
	}
}
