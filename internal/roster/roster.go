// Package roster has the book of connections that a signal keeps, in a shape
// that a firing goroutine can walk without a lock.
//
// # Blocks
//
// The connections stand in blocks, arrays of entries of one priority in the
// order of connection. The blocks form a list, by descending priority and then by
// age. An entry is written before the block's length that covers it is published,
// and after that only its handler word ever changes. The word is the handler, as
// the single pointer that a func value is, or nil while it must not be called.
// Clearing it is at once the dead flag and the release of the closure.
//
// A block that is full of what lives and large gets a successor. Otherwise a full
// one, or one that is dead for more than half, is replaced by a copy
// of what lives. A firer may still walk the old one. Its words would be a second
// place to clear at every disconnect, so they are cleared when the copy is made:
// a firer that finds a nil word in a block that was replaced asks the connection
// itself. The tempting wrong version leaves the old words alone; then a handler
// that was disconnected after the copy is still called by an old Fire.
//
// # Snapshots
//
// Every connection has a sequence number, and the roster publishes the last
// one. A Fire reads it once and stops, in each block, before the first entry
// with a larger one. Whatever version of a block it comes to walk has all live
// entries up to that number: a version is replaced as a whole, and its successor
// holds all that lived at that moment.
package roster

import (
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/seed-ec287111/tether/internal/scope"
	"github.com/seed-ec287111/tether/internal/yield"
)

const (
	// minEntries is the capacity of a new block: small, as most signals have few
	// connections, and enough to make pairs of connect and disconnect cheap.
	minEntries = 4
	// maxEntries bounds what one connect may have to copy, at 24 KiB, which is
	// also what a signal with more connections has to spare at most; arbitrary.
	maxEntries = 1024
)

// An Entry is a connection's place in a block.
type Entry struct {
	word unsafe.Pointer // atomic
	id   uint64         // the owner's presence id; 0: runs no user code
	conn *Conn
}

// A Block has connections of one priority.
type Block struct {
	next     atomic.Pointer[Block]
	n        atomic.Int64 // how many entries are published
	replaced atomic.Bool  // never true before a copy took its place
	priority int
	entries  []Entry

	// Guarded by the roster's mu.
	prev *Block // nil for the first
	dead int
}

// A Roster is the book. The zero Roster is empty and ready for use.
type Roster struct {
	head atomic.Pointer[Block]
	seq  atomic.Uint64 // of the last connection

	mu     sync.Mutex     // guards the fields below, and those of blocks and Conns
	tails  []*Block       // the last block of each priority, by descending priority
	count  int            // of live ones
	closed atomic.Bool    // written with mu held
	values reflect.Type   // what is fired, for reports; nil until Name
	spent  map[*Conn]bool // spent, but not released; nil when never used
	edges  *edges         // nil without WhileActive
	node   scope.Node     // in the signal's owner, guarded by that one's mutex
}

// A Conn is one connection. The zero Conn is dead.
type Conn struct {
	node   scope.Node // in the owner, guarded by that one's mutex
	owner  *scope.Scope
	roster *Roster
	seq    uint64

	// Guarded by roster.mu.
	block *Block
	index int32
	state atomic.Uint32 // written with roster.mu held, or the owner's where owed
	extra *Extra        // nil for most
}

// The states of a Conn.
const (
	dead uint32 = iota
	live
	owed // dead, but its owner and roster keep it until Release, see Spend
)

// Extra is what only some connections have. Its fields are guarded by the
// roster's mu, or set before the connection is made.
type Extra struct {
	Ended func()  // called once, with no lock held, when the connection ends
	PC    uintptr // of the user's handler, where the entry's word is another one

	over  func()         // likewise, but at Spend for one that is spent; see OnEnd
	muted atomic.Int32   // written with the roster's mu held
	word  unsafe.Pointer // the handler while muted
}

// Word returns the single pointer that a func value is.
func Word[T any](f func(T)) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&f)) }

// Call calls the handler whose word is w. It compiles to a plain indirect call.
func Call[T any](w unsafe.Pointer, v T) { (*(*func(T))(unsafe.Pointer(&w)))(v) }

// Connect enters c with the given handler word and reports whether it is alive
// now; it is not where the owner is dead or the roster closed. quiet says that
// the handler is the library's own and runs without presence.
func (r *Roster) Connect(c *Conn, owner *scope.Scope, word unsafe.Pointer, priority int, quiet bool, extra *Extra) bool {
	c.owner, c.roster, c.extra = owner, r, extra
	var first *edge
	if !owner.Attach(&c.node, c, func() (ok bool) {
		id := owner.PresenceID()
		if quiet {
			id = 0
		}
		first, ok = r.enter(c, word, priority, id)
		return ok
	}) {
		*c = Conn{}
		return false
	}
	yield.Point("connect: published")
	if scope.Observed() {
		for _, o := range scope.Observers() {
			if o.Connected != nil {
				o.Connected(c.OnEnd)
			}
		}
	}
	first.begin()
	return true
}

// enter writes the entry. The owner's mutex is held.
func (r *Roster) enter(c *Conn, word unsafe.Pointer, priority int, id uint64) (first *edge, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed.Load() {
		return nil, false
	}
	b := r.roomLocked(priority)
	c.seq = r.seq.Load() + 1
	c.state.Store(live)
	b.appendLocked(word, id, c)
	r.count++
	r.seq.Store(c.seq)
	if r.count == 1 && r.edges != nil {
		first = r.edges.rise()
	}
	return first, true
}

// roomLocked returns the last block of a priority, with room for one more.
func (r *Roster) roomLocked(priority int) *Block {
	i := 0
	for i < len(r.tails) && r.tails[i].priority > priority {
		i++
	}
	if i == len(r.tails) || r.tails[i].priority < priority {
		b := &Block{priority: priority, entries: make([]Entry, minEntries)}
		var before *Block
		if i > 0 {
			before = r.tails[i-1]
		}
		r.tails = slices.Insert(r.tails, i, b)
		r.linkLocked(before, b, r.afterLocked(before).Load())
		return b
	}
	b := r.tails[i]
	switch n := len(b.entries); {
	case int(b.n.Load()) < n:
		return b
	case n-b.dead > maxEntries*3/4: // a copy would soon be full again
		next := &Block{priority: priority, entries: make([]Entry, maxEntries)}
		r.tails[i] = next
		r.linkLocked(b, next, b.next.Load())
		return next
	}
	return r.replaceLocked(b)
}

// linkLocked links b, which is ready to be walked, between two others: before is
// nil for the first, after for the last.
func (r *Roster) linkLocked(before, b, after *Block) {
	b.prev = before
	b.next.Store(after)
	if after != nil {
		after.prev = b
	}
	r.afterLocked(before).Store(b)
}

// afterLocked returns the place of the block that comes after before.
func (r *Roster) afterLocked(before *Block) *atomic.Pointer[Block] {
	if before == nil {
		return &r.head
	}
	return &before.next
}

func (b *Block) appendLocked(word unsafe.Pointer, id uint64, c *Conn) {
	i := b.n.Load()
	b.entries[i] = Entry{word, id, c}
	c.block, c.index = b, int32(i)
	b.n.Store(i + 1)
}

// replaceLocked puts a copy of what lives in b in its place and returns it. If b
// is the last of its priority the copy has half as much room again.
func (r *Roster) replaceLocked(b *Block) *Block {
	n := int(b.n.Load())
	size := n - b.dead
	tail := slices.Index(r.tails, b)
	if tail >= 0 {
		size = min(size+max(minEntries, size/2), maxEntries)
	}
	nb := &Block{priority: b.priority, entries: make([]Entry, size)}
	b.replaced.Store(true) // before a word of it is cleared
	for i := range b.entries[:n] {
		e := &b.entries[i]
		if e.conn.Live() {
			nb.appendLocked(atomic.LoadPointer(&e.word), e.id, e.conn)
			atomic.StorePointer(&e.word, nil)
		}
	}
	if tail >= 0 {
		r.tails[tail] = nb
	}
	r.linkLocked(b.prev, nb, b.next.Load())
	return nb
}

// unlinkLocked takes b out of the list. A firer in it goes on to what came next.
func (r *Roster) unlinkLocked(b *Block) {
	before, after := b.prev, b.next.Load()
	if after != nil {
		after.prev = before
	}
	r.afterLocked(before).Store(after)
	if i := slices.Index(r.tails, b); i >= 0 {
		if before != nil && before.priority == b.priority {
			r.tails[i] = before
		} else {
			r.tails = slices.Delete(r.tails, i, i+1)
		}
	}
}

// thinLocked replaces b, which has just lost an entry, or takes it out if that
// pays.
func (r *Roster) thinLocked(b *Block) {
	n := int(b.n.Load())
	if b.dead < n {
		if 2*b.dead > n && n > 2*minEntries {
			r.replaceLocked(b)
		}
		return
	}
	// An empty block is kept only where it may soon be of use again: as the only
	// one, or as the successor of one that is full.
	before, after := b.prev, b.next.Load()
	extends := before != nil && before.priority == b.priority
	extended := after != nil && after.priority == b.priority
	switch {
	case n <= 2*minEntries && before == nil && after == nil:
	case n <= 2*minEntries && extends && !extended:
	case extends && !extended:
		r.replaceLocked(b)
	default:
		r.unlinkLocked(b)
		if extended && after.dead == int(after.n.Load()) {
			r.thinLocked(after) // it was kept because of b
		}
	}
}

// endLocked ends c and reports whether it was alive.
func (r *Roster) endLocked(c *Conn) bool {
	if !c.Live() {
		return false
	}
	c.state.Store(dead)
	b := c.block
	atomic.StorePointer(&b.entries[c.index].word, nil)
	if c.extra != nil {
		c.extra.word = nil
	}
	b.dead++
	r.count--
	return true
}

// end ends c in the roster's book. The caller clears the owner's, then calls
// done with no lock held.
func (c *Conn) end() (done func(), ok bool) {
	r := c.roster
	r.mu.Lock()
	defer r.mu.Unlock()
	last, ok := r.removeLocked(c)
	if !ok {
		return nil, false
	}
	if last == nil && (c.extra == nil || c.extra.Ended == nil && c.extra.over == nil) {
		return nil, true
	}
	return func() {
		last.end()
		c.hook()
	}, true
}

// removeLocked ends c, and thins its block. If c was the last one, last is the
// edge that has ended with it.
func (r *Roster) removeLocked(c *Conn) (last *edge, ok bool) {
	if !r.endLocked(c) {
		return nil, false
	}
	r.thinLocked(c.block)
	c.block = nil
	if r.count == 0 && r.edges != nil {
		last = r.edges.fall()
	}
	return last, true
}

func (c *Conn) hook() {
	if c.extra == nil {
		return
	}
	c.roster.mu.Lock()
	ended, over := c.extra.Ended, c.extra.over
	c.extra.Ended, c.extra.over = nil, nil
	delete(c.roster.spent, c) // if it was spent, and its owner has ended
	c.roster.mu.Unlock()
	call(ended)
	call(over)
}

// call calls f, if that is not nil.
func call(f func()) {
	if f != nil {
		f()
	}
}

// Disconnect ends c and reports whether this call did it. When it returns, no
// Fire that begins later calls the handler, and both books have forgotten c.
func (c *Conn) Disconnect() bool {
	if c.roster == nil {
		return false
	}
	done, ok := c.end()
	if !ok {
		return false
	}
	yield.Point("disconnect: ended")
	c.owner.Detach(&c.node)
	if done != nil {
		done()
	}
	return true
}

// Spend ends c, for a value that is still to be delivered: until Release, the
// end of c's owner and the closing of the roster still call Extra.Ended. The
// caller may hold a lock that comes after the owner's; rest is to be called
// without it.
func (c *Conn) Spend() (rest func(), ok bool) {
	r := c.roster
	r.mu.Lock()
	defer r.mu.Unlock()
	last, ok := r.removeLocked(c)
	if !ok {
		return nil, false
	}
	if r.spent == nil {
		r.spent = make(map[*Conn]bool)
	}
	r.spent[c] = true
	over := c.extra.over
	c.extra.over = nil
	return func() {
		yield.Point("spend: rest")
		c.owner.Change(&c.node, func() { c.state.Store(owed) })
		last.end()
		call(over)
	}, true
}

// Release makes both books forget a spent c. Its Extra.Ended will not be called.
func (c *Conn) Release() {
	yield.Point("spend: release")
	c.owner.Detach(&c.node)
	c.roster.mu.Lock()
	delete(c.roster.spent, c)
	c.extra.Ended = nil
	c.roster.mu.Unlock()
}

// OnEnd has f called when c ends, spent or otherwise, or now if that has happened.
// f must not be user code, and must not wait.
func (c *Conn) OnEnd(f func()) {
	if c.roster != nil {
		c.roster.mu.Lock()
		if c.Live() {
			if c.extra == nil {
				c.extra = new(Extra)
			}
			if first := c.extra.over; first != nil {
				second := f
				f = func() { first(); second() }
			}
			c.extra.over = f
			c.roster.mu.Unlock()
			return
		}
		c.roster.mu.Unlock()
	}
	f()
}

// Live reports whether c has not ended.
func (c *Conn) Live() bool { return c.state.Load() == live }

// Owner returns the scope that c belongs to.
func (c *Conn) Owner() *scope.Scope { return c.owner }

// Callable reports whether a value that was fired when c was alive may still be
// handled: c is neither muted nor over, or if spent, its owner and signal live.
// It is for connections that were made with an Extra.
func (c *Conn) Callable(spent bool) bool {
	if spent {
		return c.owner.Alive() && !c.roster.closed.Load()
	}
	return c.owner.Alive() && c.Live() && c.extra.muted.Load() == 0
}

// Mute takes the handler out of its entry, until as many calls of Unmute.
func (c *Conn) Mute() {
	if c.roster == nil {
		return
	}
	c.roster.mu.Lock()
	defer c.roster.mu.Unlock()
	if !c.Live() {
		return
	}
	if c.extra == nil {
		c.extra = new(Extra)
	}
	if c.extra.muted.Add(1) == 1 {
		c.extra.word = atomic.SwapPointer(&c.block.entries[c.index].word, nil)
	}
}

// Unmute undoes one Mute. It does nothing for a connection that is over.
func (c *Conn) Unmute() {
	if c.roster == nil {
		return
	}
	c.roster.mu.Lock()
	defer c.roster.mu.Unlock()
	if !c.Live() {
		return
	}
	if c.extra.muted.Add(-1) == 0 {
		atomic.StorePointer(&c.block.entries[c.index].word, c.extra.word)
		c.extra.word = nil
	}
}

// Kind makes a Conn a member of its owner.
func (c *Conn) Kind() scope.Kind {
	if c.state.Load() == owed {
		return scope.Resource
	}
	return scope.Connection
}

// Cut makes a Conn a member of its owner.
func (c *Conn) Cut(co *scope.Cutoff) {
	co.Remove(c.owner, &c.node)
	done, ok := c.end()
	if !ok && c.extra != nil {
		done = c.hook // spent, or about to be told
	}
	if done != nil {
		co.After(done)
	}
}

// Name notes what is fired. It is for reports.
func (r *Roster) Name(values reflect.Type) {
	r.mu.Lock()
	r.values = values
	r.mu.Unlock()
}

// Describe makes a Conn a [scope.Describer].
func (c *Conn) Describe() scope.Detail {
	r := c.roster
	r.mu.Lock()
	defer r.mu.Unlock()
	d := scope.Detail{Signal: r.values}
	var word unsafe.Pointer
	if b := c.block; b != nil {
		d.Priority = b.priority
		word = atomic.LoadPointer(&b.entries[c.index].word)
		d.Queued = b.entries[c.index].id == 0
	}
	if c.extra != nil {
		d.Muted = c.extra.muted.Load() > 0
		if word == nil {
			word = c.extra.word
		}
		d.PC = c.extra.PC
	}
	if d.PC == 0 && word != nil {
		d.PC = *(*uintptr)(word) // a func value points to where its code's address is
	}
	return d
}

// Len returns the number of live connections.
func (r *Roster) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.count
}

// DisconnectAll ends all connections.
func (r *Roster) DisconnectAll() { r.detach(r.endAll(false)) }

// Close makes the roster dead for good.
func (r *Roster) Close() { r.detach(r.endAll(true)) }

func (r *Roster) endAll(closing bool) (conns []*Conn, last *edge) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if closing {
		r.closed.Store(true)
		conns = slices.Collect(maps.Keys(r.spent))
		r.spent = nil
	}
	if r.count == 0 {
		return conns, nil
	}
	conns = slices.Grow(conns, r.count)
	for b := r.head.Load(); b != nil; b = b.next.Load() {
		for i := range b.entries[:b.n.Load()] {
			if c := b.entries[i].conn; r.endLocked(c) {
				conns = append(conns, c)
				c.block = nil
			}
		}
	}
	r.head.Store(nil)
	r.tails = nil
	if r.edges != nil {
		last = r.edges.fall()
	}
	return conns, last
}

// detach clears the owners' books of connections that have ended.
func (r *Roster) detach(conns []*Conn, last *edge) {
	last.end()
	for _, c := range conns {
		yield.Point("close: detach")
		c.owner.Detach(&c.node)
		c.hook()
	}
}

// Bind makes the roster close with owner.
func (r *Roster) Bind(owner *scope.Scope) {
	if !owner.Attach(&r.node, member{r, owner}, nil) {
		r.closed.Store(true)
	}
}

// member makes a Roster a member of the signal's owner.
type member struct {
	r     *Roster
	owner *scope.Scope
}

func (m member) Kind() scope.Kind { return scope.Resource }

// Describe makes a member a [scope.Describer].
func (m member) Describe() scope.Detail {
	m.r.mu.Lock()
	defer m.r.mu.Unlock()
	return scope.Detail{Signal: m.r.values, Len: m.r.count}
}

func (m member) Cut(co *scope.Cutoff) {
	co.Remove(m.owner, &m.r.node)
	conns, last := m.r.endAll(true)
	if conns != nil {
		co.After(func() { m.r.detach(conns, last) })
	}
}
