package tether

import (
	"math"
	"unsafe"

	"github.com/seed-ec287111/tether/internal/finally"
	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/inflight"
	"github.com/seed-ec287111/tether/internal/scope"
	"github.com/seed-ec287111/tether/internal/yield"
)

// start starts the goroutine of a queue that was marked busy.
func (q *Queue) start() {
	if !q.finish && !q.scope.EnterRun() { // the owner is cut off, and die may not have run yet
		q.die()
		return
	}
	q.runner.limit = math.MaxUint64
	go q.run()
}

// run handles what is pending and ends. All the time the goroutine counts as one run in the
// queue's owner, or on a Finish queue as linger says.
func (q *Queue) run() {
	yield.Point("queue: run")
	finished := false
	defer func() {
		if !finished {
			go q.run() // after Goexit; a panic crashes
			return
		}
		yield.Point("queue: idle")
		if q.finish {
			q.leaveRun()
		} else {
			q.scope.LeaveRun()
		}
	}()
	goroutine.Handle(q.number, &q.runner)
	finished = true
}

// A runner handles the values of a queue, on the goroutine for which that is busy. Its
// fields belong to that goroutine.
type runner struct {
	q     *Queue
	limit uint64 // number of the last value to handle
	calls int    // made so far
}

// Run handles all values up to the limit.
func (r *runner) Run() {
	for r.q.next(r.limit, nil) {
		r.handle()
	}
}

// drain is Run for Drain: panics go on to the caller of Drain.
func (r *runner) drain() {
	over := false
	finally.Each(func() bool {
		if !over {
			goroutine.Handle(r.q.number, r)
			over = true
		}
		return false
	})
}

// next makes the next value numbered limit or less the current one, and reports whether
// there is one. If there is none, the queue is idle, unless a Drain has the turn: that
// gives the turn away itself. If owner is not nil, next takes a value only if it belongs to
// owner, and leaves the queue busy otherwise.
func (q *Queue) next(limit uint64, owner *scope.Scope) (more bool) {
	q.mu.Lock()
	first, list := q.order.first()
	switch {
	case q.waiting:
		q.waiting, more = false, true
	case first == nil || first.number > limit || !q.finish && (q.dead || !q.scope.Alive()):
		q.current = place{}
		if owner == nil && !q.manual {
			q.busy = false
		}
		q.releaseFlushesLocked()
	case owner != nil && first.conn.conn.Owner() != owner:
		q.current = place{}
	default:
		more = true
		c, number := q.order.takeFrom(first, list)
		c.box.take()
		q.current = place{c, number, 1}
		if q.held > 0 {
			q.room.Signal()
		}
		if q.flushes.Len() > 0 {
			q.releaseFlushesLocked()
		}
	}
	q.mu.Unlock()
	return more
}

// handle calls the handler for the current value, if it may be called, and for those of the
// same owner that come next, up to the limit. Its name on a stack says that a handler runs,
// see package goroutine.
//
// One announcement serves them all, as in Fire. It is retracted as soon as a teardown waits
// for it.
func (r *runner) handle() {
	q := r.q
	yield.Point("queue: handle")
	c := q.current.conn // ours while busy
	owner := c.conn.Owner()
	var slot *inflight.Slot
	if q.finish {
		defer q.over(c)
		slot = c.announce(unsafe.Pointer(&c))
	} else {
		var ok bool
		if slot, ok = owner.Announce(unsafe.Pointer(&c)); !ok {
			q.skip(c)
			return
		}
	}
	defer owner.Retract(slot)
	yield.Point("queue: announced")
	supervised := owner.Supervised()
	single := slot == nil || supervised || q.finish
	for {
		callable := c.conn.Callable(c.spent) // NOTE: after the announcement
		if q.finish {
			callable = c.spent || !c.conn.Muted()
		}
		if !callable {
			q.skip(c)
			return
		}
		if c.spent {
			q.release(c)
		}
		yield.Point("queue: call")
		r.calls++
		if !c.box.call(supervised) { // it has ended in this moment
			r.calls--
			q.skip(c)
			return
		}
		if single || slot.Awaited() || !q.next(r.limit, owner) {
			return
		}
		c = q.current.conn
	}
}

// skip drops the current value, which is c's.
func (q *Queue) skip(c *queueConn) {
	q.mu.Lock()
	q.dropped++
	c.box.forget()
	late := q.lateLocked()
	q.mu.Unlock()
	q.scope.CountLate(late)
	q.release(c)
}

// release removes c from all books if its one value has left the queue.
func (q *Queue) release(c *queueConn) {
	if c.spent {
		q.mu.Lock()
		delete(q.conns, c)
		q.mu.Unlock()
		c.conn.Release()
	}
}
