package connlist

import (
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/seed-ec287111/tether/internal/ordered"
	"github.com/seed-ec287111/tether/internal/scope"
	"github.com/seed-ec287111/tether/internal/yield"
)

// A List is a signal's connections. The zero List is empty and ready for use.
type List struct {
	head atomic.Pointer[Block]
	seq  atomic.Uint64 // number of the last connection

	mu     sync.Mutex          // guards the fields below, and those of blocks and Conns
	last   *Block              // nil if there is none
	tails  ordered.Map[*Block] // the last block of each priority, except the lowest: its last block is last
	count  int                 // of live connections
	closed atomic.Bool         // written with mu held
	values reflect.Type        // what is fired; nil until Name
	spent  map[*Conn]struct{}  // see Conn.Spend; nil when never used
	active *activity           // nil without WhileActive
	node   scope.Node          // in the list of the signal's owner, guarded by the owner's mutex

	numbers *atomic.Uint64 // numbers the connections of all lists that are walked as one; nil: seq does. Set before use
}

// NumberBy makes the list number its connections by a counter that other lists use too, so
// that [WalkAll] can go by all of them in one order. It is called before the list is used.
func (l *List) NumberBy(numbers *atomic.Uint64) { l.numbers = numbers }

// Connect enters c with the given handler word and reports whether c is alive now. It is
// not if the owner is dead or the list has closed. quiet says that the handler is the
// library's own and runs without being announced.
func (l *List) Connect(c *Conn, owner *scope.Scope, word unsafe.Pointer, priority int, quiet bool, hooks *Hooks) bool {
	first, ok := l.join(c, owner, word, priority, quiet, hooks)
	first.begin()
	return ok
}

// ConnectTold is Connect that calls made, if it has connected, before the function of
// WhileActive is called. It is for a caller that must end c even if that function panics.
func (l *List) ConnectTold(c *Conn, owner *scope.Scope, word unsafe.Pointer, priority int, quiet bool, hooks *Hooks, made func()) {
	first, ok := l.join(c, owner, word, priority, quiet, hooks)
	if ok {
		made()
	}
	first.begin()
}

// join connects c, and returns the stretch of activity that begins with that, if one does.
func (l *List) join(c *Conn, owner *scope.Scope, word unsafe.Pointer, priority int, quiet bool, hooks *Hooks) (first *stretch, ok bool) {
	c.owner, c.list, c.hooks = owner, l, hooks
	if !owner.Attach(&c.node, c, func() (ok bool) {
		id := owner.PresenceID()
		if quiet {
			id = 0
		}
		first, ok = l.enter(c, word, priority, id)
		return ok
	}) {
		*c = Conn{}
		return nil, false
	}
	yield.Point("connect: published")
	if scope.Observed() {
		for _, o := range scope.Observers() {
			if o.Connected != nil {
				o.Connected(func(f func()) { c.OnEnd(f) })
			}
		}
	}
	return first, true
}

// enter writes the entry. The owner's mutex is held.
func (l *List) enter(c *Conn, word unsafe.Pointer, priority int, id uint64) (first *stretch, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed.Load() {
		return nil, false
	}
	if l.numbers != nil {
		c.seq = l.numbers.Add(1)
	} else {
		c.seq = l.seq.Load() + 1
	}
	c.state.Store(live)
	l.addLocked(priority, Entry{word, id, c})
	l.count++
	l.seq.Store(c.seq)
	if l.count == 1 && l.active != nil {
		first = l.active.rise()
	}
	return first, true
}

// endLocked ends c and reports whether it was alive.
func (l *List) endLocked(c *Conn) bool {
	if !c.Live() {
		return false
	}
	c.state.Store(dead)
	b := c.block
	atomic.StorePointer(&b.entries[c.index].word, nil)
	if c.hooks != nil {
		c.hooks.word = nil
	}
	b.ended++
	l.count--
	c.block = nil
	return true
}

// removeLocked ends c, and thins its block. If c was the last connection, last is the
// stretch that has ended with it.
func (l *List) removeLocked(c *Conn) (last *stretch, ok bool) {
	b := c.block
	if !l.endLocked(c) {
		return nil, false
	}
	l.thinLocked(b)
	if l.count == 0 && l.active != nil {
		last = l.active.fall()
	}
	return last, true
}

// Name notes what is fired. It is for reports.
func (l *List) Name(values reflect.Type) {
	l.mu.Lock()
	l.values = values
	l.mu.Unlock()
}

// Named reports whether Name was called.
func (l *List) Named() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.values != nil
}

// Len returns the number of live connections.
func (l *List) Len() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count
}

// Seq returns the number of the last connection.
func (l *List) Seq() uint64 { return l.seq.Load() }

// Callable reports whether there is a connection that is neither dead nor muted.
func (l *List) Callable() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for b := l.head.Load(); b != nil; b = b.next.Load() {
		for i := range b.published() {
			if b.entries[i].load() != nil {
				return true
			}
		}
	}
	return false
}

// LiveUpTo reports whether a connection lives whose number is limit at most.
func (l *List) LiveUpTo(limit uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for b := l.head.Load(); b != nil; b = b.next.Load() {
		for i := range b.published() {
			if c := b.entries[i].conn; c.seq > limit {
				break
			} else if c.Live() {
				return true
			}
		}
	}
	return false
}

// DisconnectAll ends all connections.
func (l *List) DisconnectAll() { l.forget(l.endAll(false)) }

// DisconnectStretch ends all connections, if s is the scope of the stretch of activity that goes
// on. Otherwise the connections of that stretch have ended, and there may be others by now.
func (l *List) DisconnectStretch(s *scope.Scope) { l.forget(l.endStretch(s)) }

func (l *List) endAll(closing bool) (conns []*Conn, last *stretch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if closing {
		l.closed.Store(true)
		conns = slices.Collect(maps.Keys(l.spent))
		l.spent = nil
	}
	return l.endAllLocked(conns)
}

func (l *List) endStretch(s *scope.Scope) (conns []*Conn, last *stretch) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.active.cur.in(s) {
		return nil, nil
	}
	return l.endAllLocked(nil)
}

// endAllLocked ends all connections, and appends them to conns.
func (l *List) endAllLocked(conns []*Conn) (_ []*Conn, last *stretch) {
	if l.count == 0 {
		return conns, nil
	}
	conns = slices.Grow(conns, l.count)
	for b := l.head.Load(); b != nil; b = b.next.Load() {
		for i := range b.entries[:b.n.Load()] {
			if c := b.entries[i].conn; l.endLocked(c) {
				conns = append(conns, c)
			}
		}
	}
	l.clearLocked()
	if l.active != nil {
		last = l.active.fall()
	}
	return conns, last
}

// forget clears the owners' books of connections that have ended.
func (l *List) forget(conns []*Conn, last *stretch) {
	defer func() { // also if a method of a context panics in last
		for _, c := range conns {
			yield.Point("close: detach")
			c.owner.Detach(&c.node)
			c.callHooks()
		}
	}()
	last.end()
}

// Bind makes the list close with owner.
func (l *List) Bind(owner *scope.Scope) {
	if !owner.Attach(&l.node, member{l, owner}, nil) {
		l.closed.Store(true)
	}
}

// Unbind undoes Bind, for a list that nobody will use any more. It does nothing once the
// list has closed.
func (l *List) Unbind(owner *scope.Scope) { owner.Detach(&l.node) }

// member makes a List a member of the signal's owner.
type member struct {
	l     *List
	owner *scope.Scope
}

// Kind makes a list a member.
func (m member) Kind() scope.Kind { return scope.Resource }

// Cut closes the list.
func (m member) Cut(co *scope.Cutoff) {
	co.Remove(m.owner, &m.l.node)
	conns, last := m.l.endAll(true)
	if conns != nil {
		co.After(func() { m.l.forget(conns, last) })
	}
}
