package tether

import (
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/seed-ec287111/tether/internal/connlist"
	"github.com/seed-ec287111/tether/internal/fifo"
	"github.com/seed-ec287111/tether/internal/scope"
	"github.com/seed-ec287111/tether/internal/yield"
)

// A queueConn is what a queue knows of one connection.
type queueConn struct {
	q    *Queue
	conn *connlist.Conn
	box  box
	once bool // the first value spends the connection
	over bool // its firers are never held by Block, but go over capacity

	linger *linger // nil unless q is a Finish queue

	// Guarded by q.mu.
	pending int        // values in the queue's order
	linked  bool       // conn is connected, or that has failed
	spent   bool       // at most one value is pending or current, which DropOldest passes over
	shut    bool       // nothing more comes in: it is spent, or has ended
	spoken  bool       // its last words are in, and what is under way was among them
	ended   bool       // nothing comes out of it any more
	held    int        // firers that wait for room with a value of it
	lets    uint       // counts how often that has become 0
	let     *sync.Cond // signals that; nil before the first stay
}

// A box keeps the values of a connection, oldest first. The queue's mutex guards it, except
// the value that is being handled: once taken, that belongs to the goroutine that handles
// it.
type box interface {
	take()   // makes the oldest value the current one
	drop()   // drops the oldest value
	clear()  // drops all values, and the handler
	forget() // drops the current value

	lastWordsLocked() // queues what the source has held back, see package handle

	// call calls the handler with the current value, unless it is gone. A panic is
	// reported to the connection's owner if that is supervised.
	call(supervised bool) (called bool)
}

// A mailbox is the typed part of a queueConn.
type mailbox[T any] struct {
	queueConn
	values  fifo.Buffer[T]
	current T
	handler unsafe.Pointer // as in package connlist; atomic, nil once ended

	// Both nil for most, see package handle.
	last func() []T // the last words
	next func() T   // the value of a Fire
}

// enqueue connects handler by way of a queue.
func enqueue[T any](s *Signal[T], c *hookedConnection, owner *Owner, handler func(T), cfg connectConfig, once bool) *Connection {
	s.describe()
	m := newMailbox(c, handler, cfg.queue)
	m.once = once
	m.connect(&s.list, c, owner, connlist.Word(m.push), cfg)
	return &c.Connection
}

func newMailbox[T any](c *hookedConnection, handler func(T), q *Queue) *mailbox[T] {
	m := &mailbox[T]{handler: connlist.Word(handler)}
	m.queueConn = queueConn{q: q, conn: &c.conn, box: m}
	return m
}

// connect enters the connection in its books. word is that of the function that the list's
// user calls, which queues a value.
func (m *mailbox[T]) connect(list *connlist.List, c *hookedConnection, owner *Owner, word unsafe.Pointer, cfg connectConfig) {
	if m.join(owner.scope, c.hooks.PC) {
		defer m.link() // also if WhileActive's function panics: the connection stands
		c.hooks.Ended, c.hooks.Queued = m.end, &m.queueConn
		if cfg.made != nil {
			list.ConnectTold(&c.conn, owner.scope, word, cfg.priority, true, &c.hooks, func() { cfg.made(&c.Connection) })
			return
		}
		list.Connect(&c.conn, owner.scope, word, cfg.priority, true, &c.hooks)
	}
}

// join enters c in its queue's book, unless the queue is dead. On a Finish queue it enters c
// in the owner's book as well, unless the owner is dead.
func (c *queueConn) join(owner *scope.Scope, pc uintptr) bool {
	if c.q.finish && !c.lingers(owner, pc) {
		return false
	}
	defer c.settle(true) // if it did not join
	c.q.mu.Lock()
	defer c.q.mu.Unlock()
	if c.q.dead {
		c.shut = true
		return false
	}
	if c.q.conns == nil {
		c.q.conns = make(map[*queueConn]struct{})
	}
	c.q.conns[c] = struct{}{}
	return true
}

// link hands the connection to the queue, or ends it if the queue has died.
func (c *queueConn) link() {
	q := c.q
	yield.Point("queue: link")
	q.mu.Lock()
	c.linked = true
	if !c.conn.Live() && !c.spent {
		delete(q.conns, c)
		c.shut = true
	}
	dead, spent := q.dead, c.spent
	q.mu.Unlock()
	if dead {
		c.disconnect(spent)
	}
	c.settle(true) // if it failed
}

// disconnect ends the connection of a queue that is dead.
func (c *queueConn) disconnect(spent bool) {
	if !c.conn.Disconnect() && spent {
		c.conn.Release()
	}
}

// end runs when the connection ends. For a spent one, it runs when its owner or signal does.
func (c *queueConn) end() {
	q := c.q
	defer c.settle(true)
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.conns, c)
	if q.finish {
		c.shutLocked()
		return
	}
	c.shut = true
	q.dropped += uint64(q.order.end(c))
	c.box.clear()
	q.releaseFlushesLocked()
	q.room.Broadcast()
}

// LastWords is LastWords of package handle, for this connection.
func (m *mailbox[T]) LastWords(last, next any) {
	m.q.mu.Lock()
	defer m.q.mu.Unlock()
	m.last, m.next = last.(func() []T), next.(func() T)
}

// lastWordsLocked is a part of the cut-off of the connection's owner, or of the queue's.
// The values go over capacity, and are accepted: what is pending at the cut-off is handled.
func (m *mailbox[T]) lastWordsLocked() {
	q := m.q
	if m.last == nil || m.shut || q.dead {
		return
	}
	m.spoken = true
	for _, v := range m.last() {
		m.pushLocked(v)
		if !q.busy {
			q.busy = true
			q.start() // NOTE: takes no lock, because it is a Finish queue
		}
		if m.once {
			return
		}
	}
}

func (m *mailbox[T]) take()   { m.current = m.values.Pop() }
func (m *mailbox[T]) drop()   { m.values.Pop() }
func (m *mailbox[T]) forget() { m.current = *new(T) }

func (m *mailbox[T]) clear() {
	m.values = fifo.Buffer[T]{}
	atomic.StorePointer(&m.handler, nil)
}

func (m *mailbox[T]) call(supervised bool) (called bool) {
	handler := atomic.LoadPointer(&m.handler)
	if handler == nil {
		return false
	}
	v := m.current
	m.current = *new(T)
	if supervised {
		m.callSupervised(handler, v)
		return true
	}
	connlist.Call(handler, v)
	return true
}

// callSupervised calls handler with v, and reports its panic.
func (m *mailbox[T]) callSupervised(handler unsafe.Pointer, v T) {
	defer func() {
		if p := recover(); p != nil {
			m.conn.Owner().Report(p, v)
		}
	}()
	connlist.Call(handler, v)
}
