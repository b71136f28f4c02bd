package connlist

import (
	"sort"
	"sync/atomic"
	"unsafe"

	"github.com/seed-ec287111/tether/internal/ordered"
)

const (
	// minEntries is the capacity of a new block: small, because most signals have few
	// connections, and enough to make pairs of connect and disconnect cheap.
	minEntries = 4
	// nextEntries is the capacity of a block that comes after a full one.
	nextEntries = 128
	// maxEntries bounds what one connect may have to copy, at 24 KiB. That is also the most
	// that a signal with more connections has to spare. Arbitrary.
	maxEntries = 1024
)

// An Entry is a connection's place in a block.
type Entry struct {
	word unsafe.Pointer // the handler; atomic
	id   uint64         // the owner's presence id; 0: the handler runs without being announced
	conn *Conn
}

// A Block has connections of one priority, at least one, in ascending order of their
// numbers.
type Block struct {
	next     atomic.Pointer[Block] // nil for the last one, and for one that was replaced
	n        atomic.Int32          // how many entries are published
	replaced atomic.Bool           // it is out of the list; set before any word, or next, is cleared for that reason
	priority int
	entries  []Entry

	// Guarded by the list's mu.
	prev  *Block // nil for the first
	ended int32  // how many of the connections have ended
}

func (b *Block) append(e Entry) {
	i := b.n.Load()
	b.entries[i] = e
	e.conn.block, e.conn.index = b, i
	b.n.Store(i + 1)
}

// addLocked enters e as the last one of its priority.
func (l *List) addLocked(priority int, e Entry) {
	b := l.tailLocked(priority)
	if b == nil {
		nb := &Block{priority: priority, entries: make([]Entry, minEntries)}
		nb.append(e)
		l.linkLocked(l.aboveLocked(priority), nb)
		return
	}
	full := len(b.entries)
	switch live := full - int(b.ended); {
	case int(b.n.Load()) < full:
		b.append(e)
	case live > maxEntries*3/4: // a copy would soon be full again
		nb := &Block{priority: priority, entries: make([]Entry, nextEntries)}
		nb.append(e)
		l.linkLocked(b, nb)
	default:
		nb := b.copyLocked(withRoom(live))
		nb.append(e)
		l.replaceLocked(b, nb)
	}
}

// tailLocked returns the last block of a priority, nil if there is none.
func (l *List) tailLocked(priority int) *Block {
	if l.last != nil && l.last.priority == priority {
		return l.last
	}
	return l.tails.Get(priority)
}

// aboveLocked returns the last block with a higher priority, nil if there is none.
func (l *List) aboveLocked(priority int) *Block {
	if l.last != nil && l.last.priority > priority {
		return l.last
	}
	return l.tails.Above(priority)
}

// afterLocked returns the pointer to the block that comes after b, or to the first block if
// b is nil.
func (l *List) afterLocked(b *Block) *atomic.Pointer[Block] {
	if b == nil {
		return &l.head
	}
	return &b.next
}

// linkLocked links b, which is ready to be walked, after before.
func (l *List) linkLocked(before, b *Block) {
	after := l.afterLocked(before).Load()
	b.prev = before
	b.next.Store(after)
	if after != nil {
		after.prev = b
	}
	l.afterLocked(before).Store(b)
	switch {
	case after == nil: // b is the last one now
		if before != nil && before.priority != b.priority {
			l.tails.Set(before.priority, before)
		}
		l.last = b
	case after.priority != b.priority: // the last one of a priority that is not the lowest
		l.tails.Set(b.priority, b)
	}
}

// unlinkLocked takes b out of the list. A walk that is in b finds its own way back.
func (l *List) unlinkLocked(b *Block) {
	before, after := b.prev, b.next.Load()
	l.afterLocked(before).Store(after)
	b.replaced.Store(true)
	b.next.Store(nil)
	b.prev = nil
	switch {
	case after != nil:
		after.prev = before
		if after.priority == b.priority {
			return
		}
		if before != nil && before.priority == b.priority {
			l.tails.Set(b.priority, before)
		} else {
			l.tails.Delete(b.priority)
		}
	case before != nil && before.priority != b.priority:
		l.tails.Delete(before.priority) // it is the lowest one now
		fallthrough
	default:
		l.last = before
	}
}

// copyLocked returns a copy of what lives in b, with room for size entries. From then on no
// handler is called by way of b.
func (b *Block) copyLocked(size int) *Block {
	nb := &Block{priority: b.priority, entries: make([]Entry, size)}
	b.replaced.Store(true) // before a word of it is cleared
	for i := range b.entries[:b.n.Load()] {
		if e := &b.entries[i]; e.conn.Live() {
			nb.append(Entry{atomic.LoadPointer(&e.word), e.id, e.conn})
			atomic.StorePointer(&e.word, nil)
		}
	}
	return nb
}

// replaceLocked puts nb, a copy of b, in its place.
func (l *List) replaceLocked(b, nb *Block) {
	l.linkLocked(b, nb)
	l.unlinkLocked(b)
}

// thinLocked replaces b, which has just lost an entry, or takes it out, if that pays.
func (l *List) thinLocked(b *Block) {
	n := int(b.n.Load())
	switch {
	case int(b.ended) == n:
		if n > 2*minEntries || b.prev != nil || b.next.Load() != nil {
			l.unlinkLocked(b)
		} // else it is the only one, and may soon be of use again
	case 2*int(b.ended) > n && n > 2*minEntries:
		size := n - int(b.ended)
		if l.tailLocked(b.priority) == b {
			size = withRoom(size)
		}
		l.replaceLocked(b, b.copyLocked(size))
	}
}

// withRoom returns the capacity of a block for live connections and those that will follow.
func withRoom(live int) int { return min(live+max(minEntries, live/2), maxEntries) }

// clearLocked takes all blocks out. All their connections have ended.
func (l *List) clearLocked() {
	b := l.head.Load()
	l.head.Store(nil)
	l.last, l.tails = nil, ordered.Map[*Block]{}
	for b != nil {
		next := b.next.Load()
		b.replaced.Store(true)
		b.next.Store(nil)
		b.prev = nil
		b = next
	}
}

// seekLocked returns the place of the first connection, in the order of a Fire, that has
// the given priority and a number of at least seq, or a lower priority. b is nil if there
// is none. Cost: O(log n) in the number of priorities, and linear in the number of blocks
// of this priority.
func (l *List) seekLocked(priority int, seq uint64) (b *Block, i uint) {
	b = l.afterLocked(l.aboveLocked(priority)).Load()
	for ; b != nil && b.priority == priority; b = b.next.Load() {
		entries := b.published()
		if entries[len(entries)-1].conn.seq >= seq {
			return b, uint(sort.Search(len(entries), func(i int) bool { return entries[i].conn.seq >= seq }))
		}
	}
	return b, 0
}

// published returns the entries of b. Those that come later are not among them.
func (b *Block) published() []Entry {
	n := b.n.Load()
	return b.entries[:n:n] // one register for both, if length and capacity are the same
}
