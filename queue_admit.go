package tether

import (
	"sync"

	"github.com/seed-ec287111/tether/internal/yield"
)

// push is the handler that the signal calls: it queues v. It is the short way, of a value that
// comes behind others, and for which there is room. enter is for all others.
func (m *mailbox[T]) push(v T) {
	q := m.q
	yield.Point("queue: push")
	q.mu.Lock()
	if !q.busy && !q.manual || q.armed || q.dead || m.shut || m.once || m.next != nil || q.order.len() >= q.capacity {
		m.enter(v)
		return
	}
	q.last++ // pushLocked, in line
	m.values.Push(v)
	q.order.push(&m.queueConn, q.last)
	q.mu.Unlock()
	yield.Point("queue: pushed")
}

// offer queues v and reports whether it was let in, or if not, whether it was counted as
// dropped: else its connection had ended, and it was fired too late.
func (m *mailbox[T]) offer(v T) (in, counted bool) {
	yield.Point("queue: push")
	m.q.mu.Lock()
	return m.enter(v)
}

// enter is offer with q.mu held on entry. It is free on return.
func (m *mailbox[T]) enter(v T) (in, counted bool) {
	q := m.q
	h, victims, in, counted := q.admitLocked(&m.queueConn)
	if !in {
		if m.next != nil && !m.spoken {
			m.next()
		}
		late := q.lateLocked()
		q.mu.Unlock()
		h.end()
		q.scope.CountLate(late)
		settle(victims)
		return false, counted
	}
	var rest func()
	if m.once {
		if rest, m.spent = m.conn.Spend(); !m.spent {
			counted = q.lostLocked(h, true)
			late := q.lateLocked()
			q.mu.Unlock() // the end of the connection is on the way, and will wake the others
			h.end()
			q.scope.CountLate(late)
			settle(victims)
			return false, counted
		}
		m.shut = true
		q.room.Broadcast() // other firers may be held with a value of the same connection
	}
	if m.next != nil {
		v = m.next()
	}
	var wake func()
	start := !q.busy && !q.manual
	if start {
		q.last++
		q.busy, q.waiting, q.current, m.current = true, true, place{&m.queueConn, q.last, 1}, v
		q.room.Signal() // held or not, this firer has taken no room
	} else {
		m.pushLocked(v)
		if q.armed {
			q.armed, wake = false, q.wake
		}
	}
	q.mu.Unlock()
	yield.Point("queue: pushed")
	h.end()
	if start {
		q.start()
	}
	if rest != nil {
		rest()
	}
	settle(victims)
	q.call(wake)
	return true, false
}

// call calls wake, if it is not nil and the queue's owner is alive.
func (q *Queue) call(wake func()) {
	if wake != nil && q.scope.Enter() {
		q.scope.Call(wake)
	}
}

// pushLocked makes v the last value that is pending.
func (m *mailbox[T]) pushLocked(v T) {
	q := m.q
	q.last++
	m.values.Push(v)
	q.order.push(&m.queueConn, q.last)
}

// admitLocked makes room for a value of c. ok says whether it may be queued, and counted, if not,
// whether it is counted: as dropped, or as one of the last words. The caller must end h, which may
// be nil, with no lock held. The caller must settle victims, the ended connections whose values
// were dropped for this. There may be several, because last words go over capacity.
func (q *Queue) admitLocked(c *queueConn) (h *hold, victims []*queueConn, ok, counted bool) {
	for {
		switch {
		case c.spoken:
			return h, victims, false, true
		case q.dead || c.shut:
			return h, victims, false, q.lostLocked(h, !c.spent)
		case q.order.len() < q.capacity, !q.busy && !q.manual:
			return h, victims, true, false
		case q.overflow == DropNewest:
			q.dropped++
			return h, victims, false, true
		case q.overflow == DropOldest:
			victim := q.dropOldestLocked()
			if victim == nil {
				q.dropped++
				return h, victims, false, true
			}
			if victim.linger != nil && victim.shut {
				victims = append(victims, victim)
			}
		case c.over:
			return h, victims, true, false
		case h == nil:
			h = holdLocked(&q.mu, &q.room, q.number)
		case h.inside:
			return h, victims, true, false
		case h.letGo:
			q.dropped++
			return h, victims, false, true
		default:
			q.held++
			c.held++
			h.waitLocked()
			q.held--
			c.letLocked()
		}
	}
}

// settle settles all victims. They may belong to other owners than who fires.
func settle(victims []*queueConn) {
	for _, c := range victims {
		c.settle(true)
	}
}

// lostLocked counts the value of a Fire that was held and now must not be queued. On a Finish
// queue it also counts a value that was under way when its connection ended.
func (q *Queue) lostLocked(h *hold, ended bool) (counted bool) {
	counted = h != nil && h.waited || q.finish && ended
	if counted {
		q.dropped++
	}
	return counted
}

// dropOldestLocked drops the oldest value that may be dropped, and returns its connection, nil
// if there was no such value.
func (q *Queue) dropOldestLocked() *queueConn {
	c := q.order.oldest()
	if c != nil {
		c.box.drop()
		q.dropped++
		q.releaseFlushesLocked()
	}
	return c
}

// letLocked counts out a firer that was held with a value of c.
func (c *queueConn) letLocked() {
	if c.held--; c.held == 0 {
		c.lets++
		if c.let != nil {
			c.let.Broadcast()
		}
	}
}

// stay holds the caller, which has left a value to a firer of c, while that firer is held.
// It ends when the firers held with values of c have been let go of, or when the caller, as
// a held firer, must not wait any more.
func (c *queueConn) stay() {
	q := c.q
	q.mu.Lock()
	var h *hold
	for lets := c.lets; c.held > 0 && c.lets == lets && (h == nil || !h.inside && !h.letGo); {
		if h != nil {
			h.waitLocked()
			continue
		}
		if c.let == nil {
			c.let = sync.NewCond(&q.mu)
		}
		h = holdLocked(&q.mu, c.let, q.number)
	}
	q.mu.Unlock()
	h.end()
}
