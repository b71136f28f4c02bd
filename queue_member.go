package tether

import (
	"slices"

	"github.com/seed-ec287111/tether/internal/scope"
)

// queueMember makes a Queue a member of its owner.
type queueMember struct{ q *Queue }

// Kind makes a queue a member.
func (m queueMember) Kind() scope.Kind { return scope.Resource }

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

// lateLocked returns what the queue has counted since its owner was last told, for
// [scope.Scope.CountLate]: nothing while the queue is a member. A function that counts when
// the queue may have left calls lateLocked before it releases mu.
func (q *Queue) lateLocked() scope.Tally {
	if !q.left {
		return scope.Tally{}
	}
	before := q.told
	q.told = scope.Tally{Taken: q.last, Dropped: q.dropped}
	return q.told.Minus(before)
}

// Describe makes a queueMember a [scope.Describer].
func (m queueMember) Describe() scope.Detail {
	q := m.q
	q.mu.Lock()
	defer q.mu.Unlock()
	return scope.Detail{
		Len: q.order.len(), Capacity: q.capacity, Overflow: q.overflow.String(),
		Taken: q.last, Dropped: q.dropped,
		Number: q.number, Site: q.site, Held: q.held, Manual: q.manual, Finish: q.finish,
	}
}

// mostConns is how many connections of a queue are looked at for their handlers, so that
// its mutex is not held for long; arbitrary.
const mostConns = 64

// DescribeQueue makes a queueMember a [scope.QueueDescriber].
func (m queueMember) DescribeQueue() *scope.QueueDetail {
	q := m.q
	q.mu.Lock()
	defer q.mu.Unlock()
	d := &scope.QueueDetail{Conns: len(q.conns)}
	if c := q.current.conn; c != nil && !q.waiting && c.linked { // else its list is not known yet
		d.Running = c.conn.Describe().PC
	}
	n := 0
	for c := range q.conns {
		if n++; n > mostConns {
			break
		}
		if !c.linked {
			continue
		}
		if pc := c.conn.Describe().PC; pc != 0 && !slices.Contains(d.Handlers, pc) {
			d.Handlers = append(d.Handlers, pc)
		}
	}
	slices.Sort(d.Handlers)
	d.Handlers = d.Handlers[:min(len(d.Handlers), scope.MostHandlers)]
	return d
}
