package tether

import (
	"github.com/seed-ec287111/tether/internal/scope"
	"github.com/seed-ec287111/tether/internal/yield"
)

// Cut ends the queue, at once or, if it is a Finish queue, when it has handled what is there.
func (m queueMember) Cut(co *scope.Cutoff) {
	if m.q.finish {
		m.q.close(co)
		return
	}
	co.Remove(m.q.scope, &m.q.node)
	co.After(m.q.die)
}

// Final makes a queueMember a [scope.Counter].
func (m queueMember) Final() scope.Tally {
	q := m.q
	q.mu.Lock()
	defer q.mu.Unlock()
	q.left, q.told = true, scope.Tally{Taken: q.last, Dropped: q.dropped}
	return q.told
}

// lateLocked returns what the queue has counted since it told its owner, for
// [scope.Scope.CountLate]: nothing while it is a member. Whoever counts when it may have left
// calls it before letting go of mu.
func (q *Queue) lateLocked() scope.Tally {
	if !q.left {
		return scope.Tally{}
	}
	before := q.told
	q.told = scope.Tally{Taken: q.last, Dropped: q.dropped}
	return q.told.Minus(before)
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
	late := q.lateLocked()
	q.mu.Unlock()
	q.scope.CountLate(late)
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
