package tether

import (
	"sync"

	"github.com/seed-ec287111/tether/internal/connlist"
)

// A Connection is one subscription: a handler, connected to a signal, held by
// an owner. It ends when it is disconnected, spent (see [Signal.Once]), or when
// its owner, its queue or its signal ends, and never comes back. The zero
// Connection is a dead one. All methods may be called by multiple goroutines.
type Connection struct {
	_    noCopy
	conn connlist.Conn
}

// Disconnect ends the connection and reports whether this call did it.
//
// It never waits, so it may be called under any lock and from any handler. When
// it has returned, no Fire that begins later calls the handler; on a goroutine
// that is firing the effect is immediate. A concurrent Fire that has already
// committed to the call may still enter the handler. Where nothing may run any
// more, use an owner of its own: [Owner.Destroy] is a barrier.
//
// The handler's closure is garbage from then on, even while the Connection is
// held. Cost: O(1) amortised.
func (c *Connection) Disconnect() bool { return c.conn.Disconnect() }

// Connected reports whether the connection has not ended. It may have by the
// time Connected returns.
func (c *Connection) Connected() bool { return c.conn.Live() }

// Ended returns a channel that is closed when the connection has ended, by whatever way;
// [Connection.Connected] is false by then. It says that no Fire which begins later calls
// the handler. It does not say that none of its calls runs still: for that use an owner,
// and [Owner.Ended]. On a queue it is closed when the queue takes nothing more in from
// this connection, and for a [Signal.Once] there when its value has been queued.
//
// The channel is made on first use, and is the same for later calls; a connection that had
// ended by then gives one that is closed.
func (c *Connection) Ended() <-chan struct{} { return c.conn.Gone() }

// Mute has the handler skipped until unmute is called. It counts: a connection
// that was muted twice needs both functions. Further calls of one unmute do
// nothing, and neither function revives a dead connection. A connection on a
// queue skips, and drops, the values whose turn comes while it is muted.
func (c *Connection) Mute() (unmute func()) {
	c.conn.Mute()
	return sync.OnceFunc(c.conn.Unmute)
}

// A ConnectOption is an option of [Signal.Connect] and its like.
type ConnectOption interface{ connect(*connectConfig) }

type connectConfig struct {
	priority int
	queue    *Queue
}

type (
	priorityOption int
	queueOption    struct{ q *Queue }
)

func (p priorityOption) connect(c *connectConfig) { c.priority = int(p) }
func (o queueOption) connect(c *connectConfig)    { c.queue = o.q }

// Priority puts a handler before those with a lower priority. The default is 0;
// within one priority, first connected is first called. Cost: a connect passes
// the number of different higher priorities in use; Fire sorts nothing.
func Priority(p int) ConnectOption { return priorityOption(p) }

// On has the handler called by q, one value at a time, instead of by the firing
// goroutine. See [Queue].
func On(q *Queue) ConnectOption {
	if q == nil || q.scope == nil {
		panic("tether: On with nil Queue")
	}
	return queueOption{q}
}
