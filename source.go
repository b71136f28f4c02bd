package tether

import "github.com/seed-ec287111/tether/internal/scope"

// NewSource makes a Source from one function. connect connects handler, or a function that
// calls handler, to another Source. It returns the Connection whose end ends the
// subscription:
//
//	even := tether.NewSource(func(owner *tether.Owner, handler func(int), opts ...tether.ConnectOption) *tether.Connection {
//		return numbers.Connect(owner, func(v int) {
//			if v%2 == 0 {
//				handler(v)
//			}
//		}, opts...)
//	})
//
// Connect of the Source checks its arguments and calls connect, with the options unchanged.
//
// Once of the Source calls connect too. The handler is called exactly once, under concurrent
// and nested Fires, and also if the source fires before connect has returned. Inside the
// handler, the Connection that Once returns has ended. So the first value that passes the
// filter spends it.
//
// The Connection that Once returns is not the one that connect returns. Both have the same
// owner, and when one of the two ends, the other does. Of the options, connect gets only the
// [Priority]: with [On], what connect does runs on the goroutine that calls Fire, and the one
// value enters the queue after that.
//
// If connect panics or returns nil, nothing of Once is left.
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

// Once makes a source a [Source]. What connect connects fires a signal of its own. The Once
// of that signal is right, and exists before connect is called.
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
	made := madeOption(func(from *Connection) { // also if the function of WhileActive panics then
		c.conn.OnEnd(func() { from.Disconnect() })
	})
	from := connect(owner, only.Fire, Priority(cfg.priority), made)
	if from == nil {
		panic("tether: Once of a Source whose function returned nil")
	}
	connected = true
	from.conn.Attribute(scope.PC(handler))
	from.conn.AfterEnd(func() { c.Disconnect() }) // it may be a Once too
	c.conn.OnEnd(func() { from.Disconnect() })    // now, if it is spent
	return c
}
