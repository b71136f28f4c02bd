package tether

import (
	"unsafe"

	"github.com/seed-ec287111/tether/internal/inflight"
	"github.com/seed-ec287111/tether/internal/scope"
	"github.com/seed-ec287111/tether/internal/yield"
)

// Finish makes a queue that handles what it has accepted, though something ends. That is the
// queue's owner, the connection's owner, the signal, or the connection itself by
// [Connection.Disconnect]. From then on the queue accepts nothing more for the connections
// that end. Values that are pending by then count as running, and are handled in order in the
// drain. So Destroy of the connection's owner waits for them, and so does Destroy of the
// queue's owner. Inside a handler, these return [ErrPending] if something is pending.
//
//   - A value with which a Fire was held or under way at the end is not accepted, but
//     counted in [Queue.Dropped].
//   - In the drain the owners are not alive, and [Owner.Context] has ended. A handler that
//     writes uses [context.WithoutCancel]. What it writes to is given to [Own], which
//     closes it after the drain. What it fires reaches only owners that are alive, and is
//     not counted if there are none. So a queue further down the stream belongs to an older
//     child of a [Staged] owner. Without Staged one cut-off ends both.
//   - Handlers may run after Disconnect has returned, and their closures live until then.
//   - If the connection was muted when it ended, its pending values are dropped, and
//     counted.
//   - If the context of an [Owner.DestroyContext] ends, or the grace of a [Run], the values
//     pending in the subtree are dropped, and counted. A call that runs goes on. The
//     *[PendingError] has it, and one [Running] of Kind "queue" for each owner with pending
//     values.
//
// While all owners are alive, the queue is like any other. What overflows is dropped, whether
// or not its connection has ended. Finish and [Manual] exclude each other: with both,
// NewQueue panics.
func Finish() QueueOption { return queueOptionFunc(func(q *Queue) { q.finish = true }) }

// A linger is what a connection on a Finish queue has accepted. It is a member of the
// connection's owner, beside the connection itself, from before the connection is made
// until that has ended and nothing of it is left.
//
// A value is left while it is pending or current: from the critical section in which push
// lets it in to the one in which settle finds it over. The claim is that from the owner's
// cut-off on, the owner's teardown waits for what is left.
//
//   - Nothing comes in later: the cut-off sets shut, with q.mu held, and push looks at shut
//     in the critical section in which it lets a value in.
//   - In the critical section in which it sets shut, the cut-off finds whether something is
//     left. If so, it counts one thing that runs, and sets kept. It may count, because
//     Scope.mu and tree.mu are held.
//   - settle is called, with no lock held, after each thing by which a value may be over:
//     its call, a drop, an end. The settle that finds nothing left of a connection that is
//     shut takes the count back, or removes the linger from its owner if there is no count.
//     It sets gone with q.mu held. So this is done once, and a cut-off that comes between
//     that and the owner's mutex counts nothing.
//
// It is tempting to leave the count to the announcement of the handler. But then nothing
// counts a value that was taken from the queue and is not announced yet.
//
// For the queue's own owner the same holds with busy in place of what is left: nothing is
// left if the queue is not busy, and a dead queue does not become busy again.
type linger struct {
	node  scope.Node // in the owner's list, guarded by the owner's mutex
	owner *scope.Scope
	conn  *queueConn
	pc    uintptr // of the handler

	// Guarded by the queue's mu.
	kept bool // counted in the owner
	gone bool
}

// lingers makes a linger of c a member of owner, unless owner is dead.
func (c *queueConn) lingers(owner *scope.Scope, pc uintptr) bool {
	c.linger = &linger{owner: owner, conn: c, pc: pc}
	return owner.Attach(&c.linger.node, c.linger, nil)
}

// Kind makes a linger a member.
func (l *linger) Kind() scope.Kind { return scope.Internal }

// Cut shuts the connection, and keeps its owner from unwinding while values of it are left.
func (l *linger) Cut(co *scope.Cutoff) {
	q := l.conn.q
	q.mu.Lock()
	l.conn.box.lastWordsLocked()
	l.conn.shutLocked()
	if l.conn.leftLocked() {
		l.kept = true
		co.Keep(l.owner)
	} else {
		l.gone = true
		co.Remove(l.owner, &l.node)
	}
	q.mu.Unlock()
}

// shutLocked stops taking in values of c. Its pending values linger, unless c is muted.
func (c *queueConn) shutLocked() {
	c.shut = true
	if c.pending > 0 && !c.spent && c.conn.Muted() { // NOTE: conn is not written any more once there are values
		c.dropLocked()
	}
	c.q.room.Broadcast()
}

// dropLocked drops what is pending of c, which is shut.
func (c *queueConn) dropLocked() {
	q := c.q
	q.dropped += uint64(q.order.end(c))
	if q.waiting && q.current.conn == c {
		q.dropWaitingLocked()
	}
	c.box.clear() // and if the current value is not with the handler yet, it is skipped
	q.releaseFlushesLocked()
	q.room.Broadcast()
}

// leftLocked reports whether something is left of what was accepted from c.
func (c *queueConn) leftLocked() bool { return c.pending > 0 || c.q.current.conn == c }

// settle lets go of c's owner if c has ended and nothing of it is left. It does nothing for a
// connection on another queue, and for nil.
//
// apart is as in [scope.Scope.Settled]. It is false for the queue's own goroutine alone. All
// other callers may hold locks of the user's: Disconnect, Cancel and Connect may be called
// under any, and a Fire has nothing to do with the owner whose value it drops.
func (c *queueConn) settle(apart bool) {
	if c == nil || c.linger == nil {
		return
	}
	yield.Point("finish: settle")
	l, q := c.linger, c.q
	q.mu.Lock()
	if l.gone || !c.shut || c.leftLocked() {
		q.mu.Unlock()
		return
	}
	l.gone = true
	kept := l.kept
	q.mu.Unlock()
	yield.Point("finish: gone")
	if kept {
		l.owner.Settled(&l.node, apart)
	} else {
		l.owner.Detach(&l.node)
	}
}

// Left makes a linger a [scope.Lingerer].
func (l *linger) Left() (values int, pc uintptr, handles bool) {
	q := l.conn.q
	q.mu.Lock()
	defer q.mu.Unlock()
	values = l.conn.pending
	if q.waiting && q.current.conn == l.conn {
		values++
	}
	return values, l.pc, false // the call is counted
}

// GiveUp makes a linger a [scope.Lingerer].
func (l *linger) GiveUp() {
	q := l.conn.q
	q.mu.Lock()
	if l.kept {
		l.conn.dropLocked()
	}
	q.mu.Unlock()
	l.conn.settle(true)
}

// close is the Cut of a Finish queue.
func (q *Queue) close(co *scope.Cutoff) {
	q.mu.Lock()
	for c := range q.conns {
		c.box.lastWordsLocked()
	}
	q.dead, q.kept = true, q.busy
	kept := q.kept
	if kept {
		co.Keep(q.scope)
	}
	q.room.Broadcast()
	conns := q.takeConnsLocked()
	q.mu.Unlock()
	if !kept {
		co.Remove(q.scope, &q.node)
	}
	co.After(func() { disconnect(conns) })
}

// over notes that the current value, which is c's, has been handled or dropped.
func (q *Queue) over(c *queueConn) {
	q.mu.Lock()
	q.current = place{}
	q.mu.Unlock()
	c.settle(false)
}

// leaveRun is what the goroutine of a Finish queue calls at its end in place of LeaveRun.
// If the queue's owner waits for the queue, and no goroutine handles values, it lets go of
// the owner.
func (q *Queue) leaveRun() {
	q.mu.Lock()
	due := q.kept && !q.busy
	if due {
		q.kept = false
	}
	q.mu.Unlock()
	if due {
		q.scope.Settled(&q.node, false)
	}
}

// Left makes a queueMember a [scope.Lingerer].
func (m queueMember) Left() (values int, pc uintptr, handles bool) {
	q := m.q
	q.mu.Lock()
	defer q.mu.Unlock()
	values = q.order.len()
	if p, _ := q.order.first(); p != nil && p.conn.linger != nil {
		pc = p.conn.linger.pc
	}
	if q.waiting {
		values, pc = values+1, q.current.conn.linger.pc
	}
	return values, pc, q.current.conn != nil && !q.waiting
}

// GiveUp makes a queueMember a [scope.Lingerer].
func (m queueMember) GiveUp() {
	q := m.q
	var conns []*queueConn
	q.mu.Lock()
	if q.kept {
		conns = q.dropAllLocked()
	}
	q.mu.Unlock()
	for _, c := range conns {
		c.settle(true)
	}
}

// announce announces a call of c's handler, as Scope.Announce does, even if the owner is
// dead: c lingers in the owner, so that still drains.
func (c *queueConn) announce(at unsafe.Pointer) *inflight.Slot {
	owner := c.conn.Owner()
	slot, ok := owner.Announce(at)
	if ok && owner.Alive() {
		return slot // the cut-off will find it
	}
	yield.Point("finish: late")
	owner.EnterLate()
	if ok {
		owner.Retract(slot) // it may have come too late to be counted
	}
	return nil
}
