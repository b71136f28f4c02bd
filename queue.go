package tether

import (
	"container/list"
	"sync"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/scope"
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

	node scope.Node // in the owner's list, guarded by the owner's mutex

	// The invariants, with mu free: a value is pending in order, or current, or over. busy
	// says that a goroutine handles values, or is about to. If busy is false and the queue
	// is not Manual, nothing is pending. waiting implies busy and a current value. A dead
	// queue has nothing pending and nothing waiting, unless it is a Finish queue, see
	// linger. held is the number of firers that wait for room.
	mu      sync.Mutex // guards the fields below, and those of queueConns
	room    sync.Cond  // fewer values are pending, or a firer that waits for room may let go
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
	left    bool        // it has left its owner, which has what it had counted
	told    scope.Tally // what the owner has, see lateLocked
	dead    bool
	kept    bool   // counted in the dead owner, see linger
	wake    func() // see Notify; nil without, and once dead
	armed   bool   // the next value queued calls wake
	refused bool   // a handler has called Drain in vain, which the wake before was for

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
// cost nothing more. A Drain in a handler of the queue, for example in a loop that the handler
// runs, does nothing. If values are left then when the outer Drain ends, it calls wake again.
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
