package tether

import (
	"container/list"
	"context"
	"sync"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/scope"
	"github.com/seed-ec287111/tether/internal/yield"
)

// A Queue handles values one at a time, in the order in which they were fired, on a goroutine
// of its own. Connections of several signals may share one queue (see [On]): so a client's
// Joined, Said and Left stay in order.
//
// A queue belongs to an owner and ends with it. Each value belongs to its connection: if that
// ends before the value's turn, in whatever way, the value is dropped. A running handler
// counts as running both for the owner of its connection and for the owner of the queue:
// Destroy of either waits for it.
//
// No value is handled twice, none out of order, and none is lost uncounted: see
// [Queue.Dropped]. An idle queue has no goroutine. The first value starts one, which ends
// when nothing is pending.
//
// A panic in a handler crashes the program, as there is no caller of Fire that could get it,
// unless a panic handler gets it, see [WithPanicHandler]. [runtime.Goexit] ends that one call
// only.
type Queue struct {
	_        noCopy
	scope    *scope.Scope
	capacity int
	overflow Overflow
	manual   bool
	finish   bool
	number   uint64  // on the stack of a goroutine that handles
	site     uintptr // where it was made, if that is recorded

	node scope.Node // in the owner, guarded by that one's mutex

	// The invariants, with mu free: a value is pending in order, or current, or over.
	// busy says that a goroutine handles values, or is about to; if it is not, and the
	// queue not Manual, then nothing is pending. waiting implies busy and a current
	// value. A dead queue has nothing pending and nothing waiting, unless it is a
	// Finish queue, see linger. held is the number of firers that wait for room.
	mu      sync.Mutex // guards the fields below, and those of queueConns
	room    sync.Cond  // pending got less, or a firer that waits for that may let go
	turn    sync.Cond  // a Drain has ended
	order   order
	held    int
	last    uint64                  // number of the last value let in
	current place                   // the value being handled, conn nil if there is none
	waiting bool                    // the handling of current has not begun
	busy    bool                    // a goroutine handles, or is about to
	conns   map[*queueConn]struct{} // that are connected, or spent with their value pending
	flushes list.List               // of flush, by ascending number
	dropped uint64
	dead    bool
	kept    bool   // counted in the dead owner, see linger
	wake    func() // see Notify; nil without, and once dead
	armed   bool   // the next value queued calls wake

	runner runner // of the goroutine for which the queue is busy
}

// A QueueOption is an option of [NewQueue].
type QueueOption interface{ queue(*Queue) }

type queueOptionFunc func(*Queue)

func (f queueOptionFunc) queue(q *Queue) { f(q) }

// Manual makes a queue without a goroutine. Its values are handled when the program calls
// [Queue.Drain], for example in the main loop of a game or a user interface. A loop that
// sleeps can be woken by [Notify].
func Manual() QueueOption { return queueOptionFunc(func(q *Queue) { q.manual = true }) }

// Notify arranges for wake to be called when a [Manual] queue needs a [Queue.Drain]. A new
// queue is armed. The first value that is queued while the queue is armed calls wake, once,
// and disarms the queue. Each Drain arms it again, before looking for values. So no value
// waits without a call of wake since the last Drain, and while a Drain is due, further values
// cost nothing more.
//
// wake runs on the goroutine that calls Fire, after the value was queued, with no lock of the
// library held. It must not wait. It posts to the loop of a user interface, say, or sends to
// a channel that has room for one value, and does nothing if that is full. wake counts as a
// handler of the queue's owner: Destroy waits for it, and it is not called after the cut-off.
// A panic in wake goes on to the caller of Fire, or to the owner's panic handler.
//
// Notify is for Manual queues: without Manual, NewQueue panics.
func Notify(wake func()) QueueOption {
	if wake == nil {
		panic("tether: Notify with nil function")
	}
	return queueOptionFunc(func(q *Queue) { q.wake, q.armed = wake, true })
}

// NewQueue returns a queue that belongs to owner. capacity is the number of values that may
// be pending. The value being handled does not count, so an idle queue takes its first value
// at once. overflow says what happens to a value for which there is no room. A queue of a
// dead owner is dead, and so are connections on it.
//
// With [Block], a Fire that finds no room is held until there is some. It lets go of the
// value when the connection or the queue ends. If an owned goroutine called Fire, it also
// lets go when the owner of that goroutine is cut off. A Fire from a handler of the same
// queue is never held: its value goes over capacity.
//
// Two full Block queues whose handlers fire at each other hold each other for ever. So does a
// Manual one that is filled by the goroutine that is to drain it.
func NewQueue(owner *Owner, capacity int, overflow Overflow, opts ...QueueOption) *Queue {
	s := owner.check("NewQueue")
	checkOverflow("NewQueue", capacity, overflow)
	q := &Queue{scope: s, capacity: capacity, overflow: overflow, number: goroutine.NewNumber()}
	q.room.L, q.turn.L = &q.mu, &q.mu
	q.runner.q = q
	if scope.Observed() {
		q.site = caller()
	}
	for _, opt := range opts {
		if opt == nil {
			panic("tether: NewQueue with nil option")
		}
		opt.queue(q)
	}
	if q.wake != nil && !q.manual {
		panic("tether: NewQueue with Notify, but not Manual")
	}
	if q.finish && q.manual {
		panic("tether: NewQueue with Finish and Manual")
	}
	if !s.Attach(&q.node, queueMember{q}, nil) {
		q.dead = true
	}
	return q
}

// die runs when the owner is cut off.
func (q *Queue) die() {
	q.mu.Lock()
	if q.dead {
		q.mu.Unlock()
		return
	}
	q.dead = true
	q.wake, q.armed = nil, false
	conns := q.takeConnsLocked()
	q.dropAllLocked()
	q.room.Broadcast()
	q.mu.Unlock()
	disconnect(conns)
}

// A linkedConn is a connection of a queue that dies.
type linkedConn struct {
	*queueConn
	spent bool
}

// takeConnsLocked returns the connections that are to be disconnected.
func (q *Queue) takeConnsLocked() (conns []linkedConn) {
	for c := range q.conns {
		if c.linked { // else link will disconnect it
			conns = append(conns, linkedConn{c, c.spent})
		}
	}
	q.conns = nil
	return conns
}

// dropAllLocked drops what is pending, and returns the connections that it belonged to, each
// once or more often.
func (q *Queue) dropAllLocked() (conns []*queueConn) {
	for q.order.len() > 0 {
		c, _ := q.order.take()
		c.box.drop()
		q.dropped++
		if c.pending == 0 && c.linger != nil {
			conns = append(conns, c)
		}
	}
	if q.waiting {
		if c := q.current.conn; c.linger != nil {
			conns = append(conns, c)
		}
		q.dropWaitingLocked()
	}
	q.releaseFlushesLocked()
	return conns
}

// dropWaitingLocked drops the current value, whose handling has not begun. The goroutine that
// was to handle it will find nothing.
func (q *Queue) dropWaitingLocked() {
	q.current.conn.box.forget()
	q.current, q.waiting = place{}, false
	q.dropped++
}

func disconnect(conns []linkedConn) {
	yield.Point("queue: dead")
	for _, c := range conns {
		c.disconnect(c.spent)
	}
}

// A flush waits until no value numbered n or less is pending or being handled.
type flush struct {
	n    uint64
	done chan struct{}
}

// Flush waits until all values queued before have been handled or dropped. It covers every
// Fire that returned before Flush was called. If ctx ends first, Flush returns its cause.
// Inside a handler, of this queue or another, Flush never waits, and returns [ErrPending] if
// it would have to.
func (q *Queue) Flush(ctx context.Context) error {
	q.check("Flush")
	if ctx == nil {
		panic("tether: Flush with nil context")
	}
	q.mu.Lock()
	flushed := q.flushedLocked(q.last)
	q.mu.Unlock()
	if flushed {
		return nil
	}
	if goroutine.MustNotWait() {
		return ErrPending
	}
	yield.Point("flush: register")
	q.mu.Lock()
	f := flush{q.last, make(chan struct{})}
	e := q.flushes.PushBack(f) // q.last never gets less
	q.releaseFlushesLocked()
	q.mu.Unlock()
	select {
	case <-f.done:
		yield.Point("flush: woken")
		return nil
	case <-ctx.Done():
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.flushes.Remove(e)
	return context.Cause(ctx)
}

// releaseFlushesLocked releases the flushes that have nothing to wait for any more.
func (q *Queue) releaseFlushesLocked() {
	for e := q.flushes.Front(); e != nil && q.flushedLocked(e.Value.(flush).n); e = q.flushes.Front() {
		close(e.Value.(flush).done)
		q.flushes.Remove(e)
	}
}

// flushedLocked reports whether nothing numbered n or less is left.
func (q *Queue) flushedLocked(n uint64) bool {
	if q.current.conn != nil {
		return q.current.number > n
	}
	p := q.order.first()
	return p == nil || p.number > n
}

// Drain handles, on the calling goroutine, the values that are pending when it is called, and
// returns how many calls that made. It is for [Manual] queues, and panics on others.
//
// Concurrent calls take turns. Inside a handler of the same queue, Drain returns 0. A panic
// or Goexit of a handler goes on to the caller of Drain when the other values have been
// handled. If a handler of one queue drains a second queue, and a handler of the second
// drains the first on another goroutine, both wait for ever.
func (q *Queue) Drain() (calls int) {
	q.check("Drain")
	if !q.manual {
		panic("tether: Drain of a Queue that is not Manual")
	}
	if !q.takeTurn() {
		return 0
	}
	yield.Point("drain")
	if !q.scope.EnterRun() {
		q.giveTurn()
		return 0
	}
	defer q.scope.LeaveRun()
	defer func() {
		calls = q.runner.calls
		q.giveTurn()
	}()
	q.runner.drain()
	return
}

// takeTurn makes the queue busy for the caller, and reports whether there is anything for
// it to do.
func (q *Queue) takeTurn() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for asked := false; q.busy; {
		if !asked { // without the lock, as that takes a microsecond
			asked = true
			q.mu.Unlock()
			inside := goroutine.Spelled(q.number)
			q.mu.Lock()
			if inside {
				return false
			}
			continue
		}
		q.turn.Wait()
	}
	q.armed = q.wake != nil // before it is looked at what is there
	if q.dead || q.order.len() == 0 {
		q.turn.Signal() // the next in turn, if any
		return false
	}
	q.busy = true
	q.runner.limit, q.runner.calls = q.last, 0
	return true
}

// giveTurn makes the queue idle and wakes the next caller of Drain.
func (q *Queue) giveTurn() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.busy = false
	q.turn.Signal()
}

// Len returns how many values are pending. The one being handled does not count.
func (q *Queue) Len() int {
	q.check("Len")
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.order.len()
}

// Dropped returns how many values the queue has not handled and will not handle:
//
//   - values that overflowed;
//   - values that were pending when their connection, its owner or the queue ended;
//   - values whose turn came while their connection was muted;
//   - values that a held Fire let go of.
//
// On a [Finish] queue, values that are pending at such an end are handled instead. A value
// that a Fire had under way at the end is counted. On other queues such a value was fired too
// late, and is not counted. Nor is the value of a Fire that finds the connection muted or
// dead before it comes to the queue.
func (q *Queue) Dropped() uint64 {
	q.check("Dropped")
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.dropped
}

func (q *Queue) check(op string) {
	if q == nil || q.scope == nil {
		panic("tether: " + op + " on a nil or zero Queue")
	}
}
