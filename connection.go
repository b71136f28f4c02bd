package tether

import (
	"sync"

	"github.com/seed-ec287111/tether/internal/connlist"
)

// A Connection is one subscription: a handler that is connected to a signal and held by an
// owner.
//
// It ends when it is disconnected, when it is spent (see [Signal.Once]), or when its owner,
// its queue or its signal ends, whichever comes first. A connection that has ended is called
// dead, and never comes back. The zero Connection is a dead one. All methods may be called by
// multiple goroutines at once.
type Connection struct {
	_    noCopy
	conn connlist.Conn
}

// Disconnect ends the connection and reports whether this call did it.
//
// It never waits, so it may be called under any lock and from any handler. When it has
// returned, no Fire that begins later calls the handler. A Fire that runs on the calling
// goroutine skips the handler from then on. A Fire on another goroutine that has already
// committed to the call may still enter the handler. If that must not happen, give the
// connection an owner of its own: [Owner.Destroy] is a barrier.
//
// The handler's closure is garbage from then on, even while the Connection is held. On a
// [Finish] queue that is so when the values it has accepted are handled. Cost: O(1) amortised.
func (c *Connection) Disconnect() bool { return c.conn.Disconnect() }

// Connected reports whether the connection is live. The answer may be out of date when
// Connected returns.
func (c *Connection) Connected() bool { return c.conn.Live() }

// Ended returns a channel that is closed when the connection has ended, in whatever way.
// [Connection.Connected] is false by then, and no Fire that begins later calls the handler. A
// call that began earlier may still be running: to wait for it, use an owner, and
// [Owner.Ended].
//
// On a queue, the channel is closed when the queue accepts nothing more from this connection.
// For a [Signal.Once] on a queue, that is when its value has been queued.
//
// The channel is made on first use, and later calls return the same one. If the connection
// ended before the first call, each call returns a channel that is closed.
func (c *Connection) Ended() <-chan struct{} { return c.conn.Gone() }

// Mute makes Fire skip the handler until unmute is called.
//
// Mutes are counted: a connection that was muted twice needs both unmute functions. Further
// calls of the same unmute do nothing. Neither function revives a dead connection. On a
// queue, a value whose turn comes while its connection is muted is dropped.
func (c *Connection) Mute() (unmute func()) {
	c.conn.Mute()
	return sync.OnceFunc(c.conn.Unmute)
}

// A ConnectOption is an option of the methods that connect a handler, such as
// [Signal.Connect].
type ConnectOption interface{ connect(*connectConfig) }

type connectConfig struct {
	priority int
	queue    *Queue
	made     func(*Connection) // see madeOption
}

type (
	priorityOption int
	queueOption    struct{ q *Queue }

	// madeOption is for the library where it connects to a source and must end the connection
	// even if Connect panics, because the function of WhileActive does. It is called before
	// that function.
	madeOption func(*Connection)
)

func (p priorityOption) connect(c *connectConfig) { c.priority = int(p) }
func (o queueOption) connect(c *connectConfig)    { c.queue = o.q }
func (o madeOption) connect(c *connectConfig)     { c.made = o }

// Priority makes Fire call the handler before those with a lower priority. The default is 0.
// Within one priority, the first connected is the first called.
//
// Cost: to connect takes one step for each different higher priority in use. Fire sorts
// nothing.
func Priority(p int) ConnectOption { return priorityOption(p) }

// On arranges for q to call the handler, one value at a time, in place of the goroutine that
// calls Fire. See [Queue].
func On(q *Queue) ConnectOption {
	if q == nil || q.scope == nil {
		panic("tether: On with nil Queue")
	}
	return queueOption{q}
}
