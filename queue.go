package tether

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/ring"
	"github.com/seed-ec287111/tether/internal/roster"
	"github.com/seed-ec287111/tether/internal/scope"
	"github.com/seed-ec287111/tether/internal/yield"
)

// Overflow says what happens to a value that finds no room.
type Overflow int

const (
	// Block holds whoever fires until there is room.
	Block Overflow = iota
	// DropOldest drops the value that has waited longest.
	DropOldest
	// DropNewest drops the value that finds no room.
	DropNewest
)

// String returns the constant's name.
func (o Overflow) String() string {
	switch o {
	case Block:
		return "Block"
	case DropOldest:
		return "DropOldest"
	case DropNewest:
		return "DropNewest"
	}
	return fmt.Sprintf("Overflow(%d)", int(o))
}

func checkOverflow(verb string, capacity int, overflow Overflow) {
	if capacity < 1 {
		panicf("%s with capacity %d", verb, capacity)
	}
	if overflow < Block || overflow > DropNewest {
		panicf("%s with unknown Overflow %d", verb, overflow)
	}
}

// A Queue handles values one at a time, in the order in which they were fired,
// on a goroutine of its own. Connections of several signals may share one (see
// [On]): a client's Joined, Said and Left stay in order.
//
// A Queue belongs to an owner and ends with it. Each value belongs to its
// connection: when that ends before the value's turn, by whatever way, the value
// is dropped. A running handler counts as running for the owner of its
// connection and for that of the queue: the Destroy of either waits for it.
//
// No value is handled twice, none out of order, and none is lost uncounted: see
// [Queue.Dropped]. An idle queue has no goroutine; one is started for the first
// value and ends when nothing is pending.
//
// A panic in a handler crashes the program, as nobody fires here, unless it is
// supervised, see [WithPanicHandler]. [runtime.Goexit] ends that call only.
type Queue struct {
	_        noCopy
	scope    *scope.Scope
	capacity int
	overflow Overflow
	manual   bool

	node scope.Node // in the owner, guarded by that one's mutex

	mu      sync.Mutex // guards the fields below, and those of lines
	room    sync.Cond  // pending got less, or somebody who waits for that is over
	turn    sync.Cond  // a Drain has ended
	order   ring.Ring[place]
	values  int            // in all places of order
	stale   int            // of these, values of lines that are over
	held    int            // firers that wait for room
	last    uint64         // number of the last value let in
	hand    place          // the value being handled, line nil if none
	waiting bool           // hand is set, but its handling has not begun
	busy    bool           // a goroutine handles, or is about to start
	gid     uint64         // of that goroutine, where that matters, else 0
	lines   map[*line]bool // the connections, and spent ones whose value is pending
	flushes []flush        // by ascending number
	dropped uint64
	dead    bool
}

// A place is that of a value in the order, or of several of one line that follow
// each other. The values themselves are in the line's box, which knows their type.
type place struct {
	line *line
	n    uint64 // of the first value, which counts those let in
	k    int    // how many values
}

// A line is what a queue knows of one connection.
type line struct {
	q    *Queue
	conn *roster.Conn
	box  box
	once bool // the first value spends the connection

	n      int  // values pending
	linked bool // conn is connected, or that has failed
	spent  bool
	over   bool // nothing comes out of it any more
}

// A box keeps the values of a line, oldest first. The queue's mutex guards it,
// but the value in hand is, once it has been taken, its handling goroutine's.
type box interface {
	take()      // moves the oldest value into the hand
	drop()      // drops the oldest value
	clear()     // drops all values, and the handler
	forget()    // drops the value in hand
	call() bool // calls the handler with the value in hand, unless it is gone
}

// A flush waits until no value numbered n or less is pending or being handled.
type flush struct {
	n    uint64
	done chan struct{}
}

// A QueueOption is an option of [NewQueue].
type QueueOption interface{ queue(*Queue) }

type queueOptionFunc func(*Queue)

func (f queueOptionFunc) queue(q *Queue) { f(q) }

// Manual makes a queue without a goroutine: its values are handled when the user
// calls [Queue.Drain], as from the main loop of a game or a user interface.
func Manual() QueueOption { return queueOptionFunc(func(q *Queue) { q.manual = true }) }

// NewQueue returns a queue that belongs to owner. capacity bounds how many
// values may be pending, the one being handled not included, so that an idle
// queue takes its first value at once; what happens to one too many is overflow.
// A queue of a dead owner is dead, and connections on it are too.
//
// With [Block], a firer that finds no room is held until there is some, or lets
// go of the value when the connection or the queue ends. A Fire from a handler
// of the same queue is never held: it goes over capacity. Two full Block queues
// whose handlers fire at each other hold each other for ever; so does a Manual
// one that is filled by the goroutine that is to drain it.
func NewQueue(owner *Owner, capacity int, overflow Overflow, opts ...QueueOption) *Queue {
	s := owner.check("NewQueue")
	checkOverflow("NewQueue", capacity, overflow)
	q := &Queue{scope: s, capacity: capacity, overflow: overflow}
	q.room.L, q.turn.L = &q.mu, &q.mu
	for _, opt := range opts {
		if opt == nil {
			panic("tether: NewQueue with nil option")
		}
		opt.queue(q)
	}
	if !s.Attach(&q.node, queueMember{q}, nil) {
		q.dead = true
	}
	return q
}

// queueMember makes a Queue a member of its owner.
type queueMember struct{ q *Queue }

func (m queueMember) Kind() scope.Kind { return scope.Resource }

// Describe makes a queueMember a [scope.Describer].
func (m queueMember) Describe() scope.Detail {
	q := m.q
	q.mu.Lock()
	defer q.mu.Unlock()
	return scope.Detail{
		Len: q.pendingLocked(), Capacity: q.capacity, Overflow: q.overflow.String(),
		Taken: q.last, Dropped: q.dropped,
	}
}

func (m queueMember) Cut(co *scope.Cutoff) {
	co.Remove(m.q.scope, &m.q.node)
	co.After(m.q.die)
}

// A mailbox is the typed part of a line.
type mailbox[T any] struct {
	line
	values  ring.Ring[T]
	hand    T
	handler unsafe.Pointer // as in package roster; atomic, nil once over
}

// enqueue connects handler by way of a queue.
func enqueue[T any](s *Signal[T], c *wrapped, owner *Owner, handler func(T), cfg connectConfig, once bool) *Connection {
	m := &mailbox[T]{handler: roster.Word(handler)}
	m.line = line{q: cfg.queue, conn: &c.conn, box: m, once: once}
	if m.join() {
		defer m.link() // also if WhileActive's function panics: the connection stands
		s.describe()
		c.extra.Ended = m.end
		s.roster.Connect(&c.conn, owner.scope, roster.Word(m.push), cfg.priority, true, &c.extra)
	}
	return &c.Connection
}

// join enters l in its queue's book, unless the queue is dead.
func (l *line) join() bool {
	l.q.mu.Lock()
	defer l.q.mu.Unlock()
	if l.q.dead {
		return false
	}
	if l.q.lines == nil {
		l.q.lines = make(map[*line]bool)
	}
	l.q.lines[l] = true
	return true
}

// link hands the connection to the queue, or ends it if the queue has died.
func (l *line) link() {
	q := l.q
	yield.Point("queue: link")
	q.mu.Lock()
	l.linked = true
	if !l.conn.Live() && !l.spent {
		delete(q.lines, l)
	}
	dead, spent := q.dead, l.spent
	q.mu.Unlock()
	if dead {
		l.disconnect(spent)
	}
}

// disconnect ends the connection of a queue that is dead.
func (l *line) disconnect(spent bool) {
	if !l.conn.Disconnect() && spent {
		l.conn.Release()
	}
}

// push is the handler that the signal calls: it queues v.
func (m *mailbox[T]) push(v T) {
	q := m.q
	yield.Point("queue: push")
	q.mu.Lock()
	held := false
	if q.dead || m.over || m.spent || q.pendingLocked() >= q.capacity {
		var ok bool
		if ok, held = q.admitLocked(&m.line); !ok {
			q.mu.Unlock()
			return
		}
	}
	var rest func()
	if m.once {
		if rest, m.spent = m.conn.Spend(); !m.spent {
			if held {
				q.dropped++
			}
			q.mu.Unlock() // its hook is on the way, and will wake the others
			return
		}
		q.room.Broadcast() // others may be held by the same connection
	}
	q.last++
	start := !q.busy && !q.manual
	if start {
		q.busy, q.waiting, q.hand, m.hand = true, true, place{&m.line, q.last, 1}, v
		q.room.Signal() // held or not, this firer has taken no room
	} else {
		m.values.Push(v)
		m.n++
		q.placeLocked(&m.line)
	}
	q.mu.Unlock()
	yield.Point("queue: pushed")
	if start {
		q.start()
	}
	if rest != nil {
		rest()
	}
}

func (m *mailbox[T]) take()   { m.hand = m.values.Pop() }
func (m *mailbox[T]) drop()   { m.values.Pop() }
func (m *mailbox[T]) forget() { m.hand = *new(T) }

func (m *mailbox[T]) clear() {
	m.values = ring.Ring[T]{}
	atomic.StorePointer(&m.handler, nil)
}

func (m *mailbox[T]) call() bool {
	handler := atomic.LoadPointer(&m.handler)
	if handler == nil {
		return false
	}
	v := m.hand
	m.forget()
	roster.Call(handler, v)
	return true
}

// admitLocked makes room for a value of l and reports whether it may be queued,
// and whether the caller was held for that.
func (q *Queue) admitLocked(l *line) (ok, held bool) {
	for {
		switch {
		case q.dead || l.over || l.spent:
			if held {
				q.dropped++
			}
			return false, held
		case q.pendingLocked() < q.capacity, !q.busy && !q.manual:
			return true, held
		case q.overflow == DropNewest:
			q.dropped++
			return false, held
		case q.overflow == DropOldest:
			if !q.dropOldestLocked() {
				return true, held
			}
		case !held && q.gid != 0 && q.gid == goroutine.ID():
			return true, held // by a handler of this queue: it would wait for itself
		default:
			held = true
			q.held++
			q.room.Wait()
			q.held--
		}
	}
}

func (q *Queue) pendingLocked() int { return q.values - q.stale }

// placeLocked gives the value numbered last, which is l's, its place.
func (q *Queue) placeLocked(l *line) {
	q.values++
	if n := q.order.Len(); n > 0 {
		if p := q.order.At(n - 1); p.line == l && p.n+uint64(p.k) == q.last {
			p.k++
			return
		}
	}
	q.order.Push(place{l, q.last, 1})
}

// takeLocked takes the first value out of the i-th place.
func (q *Queue) takeLocked(i int) {
	p := q.order.At(i)
	q.values--
	p.line.n--
	p.n++
	if p.k--; p.k == 0 {
		q.order.Remove(i)
	}
}

// forgetLocked takes the first place, that of a line that is over, out.
func (q *Queue) forgetLocked() {
	k := q.order.Pop().k
	q.values -= k
	q.stale -= k
}

// dropOldestLocked drops the oldest value, but not one that has spent its
// connection, which is owed one call. It returns false if there is no other.
func (q *Queue) dropOldestLocked() bool {
	q.trimLocked()
	for i := 0; i < q.order.Len(); i++ {
		if l := q.order.At(i).line; !l.over && !l.spent {
			q.takeLocked(i)
			l.box.drop()
			q.dropped++
			q.settleLocked()
			return true
		}
	}
	return false
}

// end is told when l's connection has ended, or if it is spent, when its owner
// or its signal has.
func (l *line) end() {
	q := l.q
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.lines, l)
	l.over = true
	q.stale += l.n
	q.dropped += uint64(l.n)
	l.n = 0
	l.box.clear()
	if q.stale > 16 && q.stale > q.values/2 { // amortised O(1)
		q.order.Filter(func(p place) bool { return !p.line.over })
		q.values -= q.stale
		q.stale = 0
	}
	q.settleLocked()
	q.room.Broadcast()
}

// die is told when the owner is cut off.
func (q *Queue) die() {
	q.mu.Lock()
	if q.dead {
		q.mu.Unlock()
		return
	}
	q.dead = true
	type linked struct {
		*line
		spent bool
	}
	var lines []linked
	for l := range q.lines {
		if l.linked { // else link will disconnect it
			lines = append(lines, linked{l, l.spent})
		}
	}
	q.lines = nil
	for q.order.Len() > 0 {
		if l := q.order.At(0).line; l.over {
			q.forgetLocked()
		} else {
			q.takeLocked(0)
			l.box.drop()
			q.dropped++
		}
	}
	if q.waiting { // its goroutine will find the hand empty
		q.hand.line.box.forget()
		q.hand, q.waiting = place{}, false
		q.dropped++
	}
	q.settleLocked()
	q.room.Broadcast()
	q.mu.Unlock()
	yield.Point("queue: dead")
	for _, l := range lines {
		l.disconnect(l.spent)
	}
}

// start starts the goroutine of a queue that was marked busy.
func (q *Queue) start() {
	if !q.scope.EnterRun() { // cut off, and die on its way
		q.die()
		return
	}
	go q.run()
}

// run handles what is pending and ends. The goroutine counts as one call in the
// queue's owner all the time.
func (q *Queue) run() {
	yield.Point("queue: run")
	finished := false
	defer func() {
		if !finished {
			go q.run() // after Goexit; a panic crashes
			return
		}
		yield.Point("queue: idle")
		q.scope.LeaveRun()
	}()
	if q.overflow == Block {
		gid := goroutine.ID()
		q.mu.Lock()
		q.gid = gid
		q.mu.Unlock()
	}
	for q.next(math.MaxUint64, nil) {
		q.handle(math.MaxUint64, new(int))
	}
	finished = true
}

// next takes the next value numbered limit or less in hand. Where there is none
// the queue is idle. If owner is not nil, next only takes a value of its, and
// leaves the queue busy where there is none.
func (q *Queue) next(limit uint64, owner *scope.Scope) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting {
		q.waiting = false
		return true
	}
	q.hand = place{}
	for q.order.Len() > 0 && q.order.At(0).n <= limit && !q.dead && q.scope.Alive() {
		l, n := q.order.At(0).line, q.order.At(0).n
		if l.over {
			q.forgetLocked()
			continue
		}
		if owner != nil && l.conn.Owner() != owner {
			return false
		}
		q.takeLocked(0)
		l.box.take()
		q.hand = place{l, n, 1}
		if q.held > 0 {
			q.room.Signal()
		}
		if len(q.flushes) > 0 {
			q.settleLocked()
		}
		return true
	}
	if owner == nil {
		q.busy, q.gid = false, 0
		q.turn.Signal()
	}
	q.settleLocked()
	return false
}

// handle calls the handler for the value in hand, if that may be, and for those
// of the same owner that come next, up to number limit, and counts the calls. Its
// name on a stack says that a handler runs, see internal/goroutine.
//
// One announcement serves them all, as in Fire. It is taken back as soon as a
// teardown waits for it.
func (q *Queue) handle(limit uint64, calls *int) {
	yield.Point("queue: handle")
	l := q.hand.line // ours while busy
	owner := l.conn.Owner()
	slot, ok := owner.Announce(unsafe.Pointer(&l))
	if !ok {
		q.skip(l)
		return
	}
	defer owner.Retract(slot)
	yield.Point("queue: announced")
	if owner.Supervised() {
		defer func() {
			if p := recover(); p != nil {
				owner.Report(p)
			}
		}()
	}
	for {
		if !l.conn.Callable(l.spent) { // NOTE: asked after the announcement
			q.skip(l)
			return
		}
		q.release(l)
		yield.Point("queue: call")
		*calls++
		if !l.box.call() { // it has ended in this moment
			*calls--
			q.skip(l)
			return
		}
		if slot == nil || slot.Awaited() || owner.Supervised() || !q.next(limit, owner) {
			return
		}
		l = q.hand.line
	}
}

func (q *Queue) skip(l *line) {
	q.mu.Lock()
	q.dropped++
	l.box.forget()
	q.mu.Unlock()
	q.release(l)
}

// release makes all books forget l if its one value is out of the queue.
func (q *Queue) release(l *line) {
	if l.spent {
		q.mu.Lock()
		delete(q.lines, l)
		q.mu.Unlock()
		l.conn.Release()
	}
}

// settleLocked releases the flushes that have nothing to wait for any more.
func (q *Queue) settleLocked() {
	for len(q.flushes) > 0 && q.flushedLocked(q.flushes[0].n) {
		close(q.flushes[0].done)
		q.flushes = q.flushes[1:]
	}
	if len(q.flushes) == 0 {
		q.flushes = nil
	}
}

// trimLocked drops the places of lines that are over from the front.
func (q *Queue) trimLocked() {
	for q.order.Len() > 0 && q.order.At(0).line.over {
		q.forgetLocked()
	}
}

// flushedLocked reports whether nothing numbered n or less is left.
func (q *Queue) flushedLocked(n uint64) bool {
	if q.hand.line != nil {
		return q.hand.n > n
	}
	q.trimLocked()
	return q.order.Len() == 0 || q.order.At(0).n > n
}

// Flush waits until all that was queued before has been handled or dropped. It
// covers every Fire that had returned before. If ctx ends first, Flush returns
// its cause. Inside a handler, of this queue or another, it never waits, and
// returns [ErrPending] where it would have to.
func (q *Queue) Flush(ctx context.Context) error {
	q.check("Flush")
	if ctx == nil {
		panic("tether: Flush with nil context")
	}
	q.mu.Lock()
	n := q.last
	flushed := q.flushedLocked(n)
	q.mu.Unlock()
	if flushed {
		return nil
	}
	if inCall, _ := goroutine.Where(); inCall {
		return ErrPending
	}
	f := flush{n, make(chan struct{})}
	yield.Point("flush: register")
	q.mu.Lock()
	q.flushes = append(q.flushes, f)
	slices.SortStableFunc(q.flushes, func(a, b flush) int { return int(int64(a.n) - int64(b.n)) })
	q.settleLocked()
	q.mu.Unlock()
	select {
	case <-f.done:
		yield.Point("flush: woken")
		return nil
	case <-ctx.Done():
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.flushes = slices.DeleteFunc(q.flushes, func(g flush) bool { return g.done == f.done })
	return context.Cause(ctx)
}

// Drain handles, on the caller, all that is pending when it is called, and
// returns how many calls that made. It is for [Manual] queues and panics on
// others. Concurrent calls take turns; inside a handler of the same queue Drain
// returns 0. A panic or Goexit of a handler goes on to the caller of Drain when
// the rest has been handled. Handlers of two queues that Drain each other's on
// two goroutines wait for each other.
func (q *Queue) Drain() (calls int) {
	q.check("Drain")
	if !q.manual {
		panic("tether: Drain of a Queue that is not Manual")
	}
	q.mu.Lock()
	gid := uint64(0)
	for q.busy {
		if gid == 0 {
			gid = goroutine.ID()
		}
		if q.gid == gid {
			q.mu.Unlock()
			return 0
		}
		q.turn.Wait()
	}
	if q.dead || q.pendingLocked() == 0 {
		q.turn.Signal() // the next in turn, if any
		q.mu.Unlock()
		return 0
	}
	if gid == 0 {
		gid = goroutine.ID()
	}
	q.busy, q.gid = true, gid
	limit := q.last
	q.mu.Unlock()
	yield.Point("drain")
	if !q.scope.EnterRun() {
		q.next(0, nil) // finds nothing, and gives the turn away
		return 0
	}
	defer q.scope.LeaveRun()
	q.drain(limit, &calls)
	return calls
}

func (q *Queue) drain(limit uint64, calls *int) {
	finished := false
	defer func() {
		if !finished {
			q.drain(limit, calls)
		}
	}()
	for q.next(limit, nil) {
		q.handle(limit, calls)
	}
	finished = true
}

// Len returns how many values are pending, the one being handled not included.
func (q *Queue) Len() int {
	q.check("Len")
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.pendingLocked()
}

// Dropped returns how many values were not handled: those that overflowed, that
// were pending when their connection, its owner or the queue ended, whose turn
// came while their connection was muted, and that a held firer let go of.
func (q *Queue) Dropped() uint64 {
	q.check("Dropped")
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}

func (q *Queue) check(verb string) {
	if q == nil || q.scope == nil {
		panic("tether: " + verb + " on a nil or zero Queue")
	}
}
