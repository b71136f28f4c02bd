package connlist

import (
	"sync/atomic"
	"unsafe"

	"github.com/seed-ec287111/tether/internal/finally"
	"github.com/seed-ec287111/tether/internal/inflight"
	"github.com/seed-ec287111/tether/internal/scope"
	"github.com/seed-ec287111/tether/internal/yield"
)

// Head returns the first block, nil if there is none.
func (l *List) Head() *Block { return l.head.Load() }

// Fire calls the handlers with v, beginning at b, which Head has just returned. This is all
// of it:
//
//  1. A snapshot: the entries of a block that are published now, and the number of the last
//     connection, for the blocks that follow.
//  2. Before a handler is called, its owner is announced, in a slot of package inflight.
//     Then Fire looks at the entry. Either a teardown of the owner sees the announcement,
//     or the look finds the handler dead. Between two handlers of one owner there is only
//     the look, at a word that is seldom written.
//  3. The announcement of the next owner takes back that of the owner before. If a teardown
//     waits for that owner, the call is counted out there, and the teardown may complete
//     here.
//  4. If a handler panics, the panic goes on when the rest have been called.
//
// Fire itself is the short way through the first block, as long as all is as usual: a slot
// was free, no entry is dead, all need an announcement or none does, and no teardown waits.
// deliver does the rest. The short way breaks off at anything rare. It keeps what it can in
// locals, because the cost of a Fire is the number of its instructions: after each call,
// all that the loop uses is loaded again. For the same reason the first handlers, as far as
// they are of one owner, are called four at a time, by a loop that is written out: that
// loads the place and looks at the owner once for the four.
//
// The names Fire and deliver on a stack say that a handler runs, see package goroutine.
func Fire[T any](l *List, b *Block, v T) {
	var f firing[T] // NOTE: built in place; to copy it would cost as much as all the rest
	f.value, f.list, f.block, f.limit = v, l, b, l.seq.Load()
	entries := b.published()
	if !f.begin(&entries[0]) {
		f.finish()
		return
	}
	defer func() {
		if f.block == nil {
			return // over
		}
		if owner := f.interrupted(); owner != nil {
			f.report(owner, recover())
			return
		}
		f.finish()
	}()
	yield.Point("fire: announced, look")
	id := f.id
	for q := four(entries, id); q != nil; q = four(entries, id) {
		handler := q[0].load()
		if handler == nil {
			break
		}
		f.next++
		yield.Point("fire: call")
		Call(handler, f.value)
		if handler = q[1].load(); handler == nil {
			entries = entries[1:]
			break
		}
		f.next++
		yield.Point("fire: call")
		Call(handler, f.value)
		if handler = q[2].load(); handler == nil {
			entries = entries[2:]
			break
		}
		f.next++
		yield.Point("fire: call")
		Call(handler, f.value)
		if handler = q[3].load(); handler == nil {
			entries = entries[3:]
			break
		}
		f.next++
		yield.Point("fire: call")
		Call(handler, f.value)
		entries = entries[4:]
	}
	for ; len(entries) > 0; entries = entries[1:] {
		e := &entries[0]
		handler := e.load()
		if handler == nil {
			break
		}
		if e.id != id {
			if !f.swap(e) {
				break
			}
			yield.Point("fire: announced, look")
			id = e.id
			if handler = e.load(); handler == nil { // NOTE: the look before it only spares an announcement for the dead
				break
			}
		}
		f.next++
		yield.Point("fire: call")
		Call(handler, f.value)
	}
	if len(entries) > 0 || b.more() {
		f.leaveShortWay(id, entries)
		f.finish()
		return
	}
	yield.Point("fire: retract")
	f.block = nil
	if f.slot != nil && f.slot.Swap(0) {
		b.entries[f.next-1].conn.owner.Leave()
	}
}

// four returns the first four of entries if all of them are of the owner with that id, else
// nil.
func four(entries []Entry, id uint64) *[4]Entry {
	if len(entries) < 4 {
		return nil
	}
	q := (*[4]Entry)(entries)
	if (q[0].id^id)|(q[1].id^id)|(q[2].id^id)|(q[3].id^id) != 0 {
		return nil
	}
	return q
}

// FireUpTo is Fire for the connections whose number is limit at most. It reports whether it has
// called a handler.
func FireUpTo[T any](l *List, v T, limit uint64) (called bool) {
	if b := l.Head(); b != nil {
		var f firing[T]
		f.value, f.list, f.block, f.limit = v, l, b, limit
		f.finish()
		called = f.called
	}
	return called
}

// A firing is a Fire in progress. It lives on the stack, and has all that is needed to go
// on after a handler that panicked.
type firing[T any] struct {
	cursor
	value T
}

// finish calls the handlers that are left, even if some of them panic or call Goexit.
func (f *firing[T]) finish() {
	finally.Each(func() bool {
		f.attempt()
		return f.block != nil
	})
}

// attempt calls handlers up to the end, or up to one that panics. If that one is
// supervised, attempt reports the panic.
func (f *firing[T]) attempt() {
	defer func() {
		if owner := f.supervised(); owner != nil && f.block != nil {
			if p := recover(); p != nil { // nil: Goexit
				owner.Report(p, f.value)
			}
		}
	}()
	f.deliver()
}

// report gives p, which a handler of owner has panicked with, to owner's supervisor, and
// calls the rest. p is nil for a Goexit.
func (f *firing[T]) report(owner *scope.Scope, p any) {
	defer f.finish()
	if p != nil {
		owner.Report(p, f.value)
	}
}

// deliver calls the handlers that are left.
func (f *firing[T]) deliver() {
	for e := f.entry(); e != nil; e = f.entry() {
		if e.load() == nil || !f.announce(e) {
			f.pass(e)
			continue
		}
		yield.Point("fire: announced, look")
		handler := e.load()
		if handler == nil {
			f.pass(e)
			continue
		}
		f.next++
		f.called = true
		yield.Point("fire: call")
		Call(handler, f.value)
	}
	f.retract()
}

// A cursor is a place in a list, and what is announced there.
type cursor struct {
	list  *List
	block *Block // nil when the walk is over
	next  uint   // index of the next entry in block
	limit uint64 // number of the last connection to be called

	// What is announced: nothing if id is 0. Otherwise slot says where, or is nil if the
	// call is counted in the owner instead. conn is a connection of the owner.
	slot *inflight.Slot
	id   uint64
	conn *Conn

	awaited bool // a teardown waits for what was announced before, see swap
	called  bool // deliver has called a handler
}

func (e *Entry) load() unsafe.Pointer { return atomic.LoadPointer(&e.word) }

// more reports whether there may be something after the entries of b.
func (b *Block) more() bool { return b.next.Load() != nil || b.replaced.Load() }

// begin announces the owner of e, the first entry, if e needs that. It reports whether that
// worked at once.
func (c *cursor) begin(e *Entry) bool {
	if e.id == 0 {
		return true
	}
	c.slot, c.conn, c.id = inflight.SlotFor(unsafe.Pointer(c)), e.conn, e.id
	if c.slot.Claim(c.id) {
		return true
	}
	c.slot, c.conn, c.id = nil, nil, 0
	return false
}

// swap announces the owner of e in place of what is announced. It returns false if the
// short way ends there: nothing is announced, e needs no announcement, or a teardown waits
// for the owner before. swap does not note where the walk is: the caller knows that.
func (c *cursor) swap(e *Entry) bool {
	if e.id == 0 || c.slot == nil {
		return false
	}
	c.awaited = c.slot.Swap(e.id)
	return !c.awaited
}

// leaveShortWay notes where the short way has come to: id is announced, and rest is what is
// left of the block's entries. If a teardown waits for the owner before, the owner of
// rest's first entry is announced too. That announcement is taken back, because the
// teardown may complete here, and the next owner must not seem to run meanwhile. If the
// first entry was found dead after it was announced, its announcement stands, and is noted.
func (c *cursor) leaveShortWay(id uint64, rest []Entry) {
	c.noteRunning()
	switch {
	case c.awaited:
		last, slot := c.conn, c.slot
		c.forget()
		if slot.Swap(0) {
			defer rest[0].conn.owner.Leave()
		}
		last.owner.Leave()
	case c.id != id:
		c.conn, c.id = rest[0].conn, id
	}
}

// noteRunning notes that the owner of the last entry before next is announced.
func (c *cursor) noteRunning() {
	if c.next > 0 {
		c.conn = c.block.entries[c.next-1].conn
		c.id = c.block.entries[c.next-1].id
	}
}

// interrupted is for a panic of a handler on the short way. It returns the handler's owner
// if panics in that are supervised, else nil.
func (c *cursor) interrupted() *scope.Scope {
	if c.id != 0 {
		c.noteRunning()
	}
	return c.supervised()
}

// supervised returns the owner that is announced if panics in it are supervised.
func (c *cursor) supervised() *scope.Scope {
	if c.id != 0 && c.conn.owner.Supervised() {
		return c.conn.owner
	}
	return nil
}

// entry returns the next entry of the snapshot, nil at the end.
func (c *cursor) entry() *Entry {
	for c.block != nil {
		b := c.block
		n := uint(b.n.Load())
		if c.next < n && b.entries[c.next].conn.seq <= c.limit {
			return &b.entries[c.next]
		}
		next := b.next.Load()
		switch {
		case !b.replaced.Load(): // NOTE: read after next, which may be the copy of b by now
			c.block, c.next = next, 0
		case c.next < n:
			c.seek(b.entries[c.next].conn.seq)
		default:
			c.seek(b.entries[n-1].conn.seq + 1)
		}
	}
	return nil
}

// pass goes on from e, the next entry, which can't be called: its word is nil, or its owner
// is dead. If its block was replaced, the connection may live on in another block.
func (c *cursor) pass(e *Entry) {
	if c.block.replaced.Load() && e.load() == nil {
		c.seek(e.conn.seq)
	} else {
		c.next++
	}
}

// seek goes to the connection with that number, or to what comes after it, in the list as
// it is now. The block that it leaves was replaced.
func (c *cursor) seek(seq uint64) {
	yield.Point("fire: seek")
	c.list.mu.Lock()
	c.block, c.next = c.list.seekLocked(c.block.priority, seq)
	c.list.mu.Unlock()
}

// announce announces the owner of e, if e needs that, in place of the owner before. It
// returns false if e's owner is dead.
func (c *cursor) announce(e *Entry) bool {
	if c.id == e.id {
		return true
	}
	yield.Point("fire: announce")
	c.retract()
	if e.id == 0 {
		return true
	}
	slot, ok := e.conn.owner.Announce(unsafe.Pointer(c))
	if ok {
		c.slot, c.conn, c.id = slot, e.conn, e.id
	}
	return ok
}

// retract takes back what is announced. A teardown that waits for nothing else completes
// here: cleanups may run, and panic.
func (c *cursor) retract() {
	if c.id == 0 {
		return
	}
	yield.Point("fire: retract")
	owner, slot := c.conn.owner, c.slot
	c.forget()
	owner.Retract(slot)
}

// forget notes that nothing is announced.
func (c *cursor) forget() { c.slot, c.conn, c.id, c.awaited = nil, nil, 0, false }
