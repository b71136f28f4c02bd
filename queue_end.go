package tether

import "github.com/seed-ec287111/tether/internal/yield"

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
