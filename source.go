package tether

import "github.com/seed-ec287111/tether/internal/scope"

// NewSource returns a Source of one function, which connects handler, or what it makes of
// handler, to another Source, and returns the Connection whose end ends the subscription:
//
//	even := tether.NewSource(func(owner *tether.Owner, handler func(int), opts ...tether.ConnectOption) *tether.Connection {
//		return numbers.Connect(owner, func(v int) {
//			if v%2 == 0 {
//				handler(v)
//			}
//		}, opts...)
//	})
//
// Connect of the Source checks its arguments and is a call of connect, with the options
// unchanged.
//
// Once is made of connect too. The handler is called exactly once, under concurrent and
// nested Fires, and by a source that fires before connect has returned; inside it the
// Connection that Once returns has ended. So it is the first value that passes the filter
// which spends it. That Connection is one of its own, and the one that connect returns is
// a second one of the same owner; when one of the two ends, the other does. connect gets
// only the [Priority] of the options: with [On], what connect does runs on the goroutine
// that fires, and the one value enters the queue after it.
//
// If connect panics, or returns nil, nothing of Once is left.
func NewSource[T any](connect func(owner *Owner, handler func(T), opts ...ConnectOption) *Connection) Source[T] {
	if connect == nil {
		panic("tether: NewSource with nil function")
	}
	return source[T](connect)
}

type source[T any] func(owner *Owner, handler func(T), opts ...ConnectOption) *Connection

// Connect makes a source a [Source].
func (connect source[T]) Connect(owner *Owner, handler func(T), opts ...ConnectOption) *Connection {
	prepare("Connect", owner, handler == nil, opts)
	c := connect(owner, handler, opts...)
	if c == nil {
		panic("tether: Connect of a Source whose function returned nil")
	}
	c.conn.Attribute(scope.PC(handler))
	return c
}

// Once makes a source a [Source]. What connect connects fires a signal of its own, whose
// Once is right, and exists before connect is called.
func (connect source[T]) Once(owner *Owner, handler func(T), opts ...ConnectOption) *Connection {
	cfg := prepare("Once", owner, handler == nil, opts)
	var only Signal[T]
	c := only.Once(owner, handler, opts...)
	connected := false
	defer func() {
		if !connected {
			c.Disconnect()
		}
	}()
	from := connect(owner, only.Fire, Priority(cfg.priority))
	if from == nil {
		panic("tether: Once of a Source whose function returned nil")
	}
	connected = true
	from.conn.Attribute(scope.PC(handler))
	from.conn.AfterEnd(func() { c.Disconnect() }) // it may be a Once too
	c.conn.OnEnd(func() { from.Disconnect() })    // now, if it is spent
	return c
}
