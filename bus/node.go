package bus

import (
	"context"
	"errors"
	"reflect"
	"sync/atomic"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/connlist"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/scope"
	"github.com/seed-ec287111/tether/internal/visit"
	"github.com/seed-ec287111/tether/internal/yield"
)

// A node is the state of a topic or pattern: the handlers connected to it. The node of a name
// or pattern exists as long as it has handlers.
//
// A connection counts in users from before it is made until after it has ended. So a call
// that connects finds a node that is not about to leave the books. A node that leaves them
// has no connection, and never gets one.
type node struct {
	list   connlist.List
	values reflect.Type
	gone   atomic.Bool // out of the books, for good; written with the bus's mu held

	users int    // guarded by the bus's mu
	leave func() // takes the node out of the books, with the bus's mu held; nil if it stays
	ended func() // called after the end of each connection; made once
}

// open makes n ready for use. Its list closes with the bus.
func (b *Bus) open(n *node, values reflect.Type) {
	n.values = values
	n.list.NumberBy(&b.numbers)
	n.list.Name(values)
	n.list.Bind(b.scope)
}

// newNode returns a node that leaves the books by leave. mu is held.
func (b *Bus) newNode(values reflect.Type, leave func()) *node {
	n := &node{leave: leave}
	b.open(n, values)
	n.ended = func() {
		yield.Point("bus: ended")
		b.mu.Lock()
		defer b.mu.Unlock()
		if n.users--; n.users == 0 {
			n.gone.Store(true)
			n.leave()
			n.list.Unbind(b.scope)
		}
	}
	return n
}

// A handler is a connected function, as the node's list has it. It gets the context of a call
// or, if it puts the value into a queue, the publisher's own.
type handler[T any] = func(ctx context.Context, m Message[T]) error

// A subscription is a connection that is being made.
type subscription[T any] struct {
	bus   *Bus
	owner *tether.Owner
	scope *scope.Scope // the owner's
	opts  []tether.ConnectOption
	pc    uintptr // of the user's function
	once  bool
}

// connect connects call to n. The caller has counted the connection in n.users.
func (s *subscription[T]) connect(n *node, call handler[T]) *tether.Connection {
	yield.Point("bus: counted")
	call = s.surround(call)
	var c *tether.Connection
	if _, on := queueOf(s.opts); on {
		c = s.enqueue(n, call)
	} else {
		c = new(tether.Connection)
		conn := handle.Conn(c)
		if s.once {
			inner := call
			call = func(ctx context.Context, m Message[T]) error {
				if !conn.Claim() {
					return errLost
				}
				defer conn.Delivered()
				return inner(ctx, m)
			}
		}
		n.list.Connect(conn, s.scope, visit.Word(call), priority(s.opts), false, &connlist.Hooks{PC: s.pc})
	}
	yield.Point("bus: connected")
	if n.leave != nil {
		handle.Conn(c).OnEnd(n.ended)
	}
	return c
}

// surround puts the functions given to Around around call.
func (s *subscription[T]) surround(call handler[T]) handler[T] {
	if len(s.bus.around) == 0 {
		return call
	}
	owner, pc, around := s.scope, s.pc, s.bus.around
	return func(ctx context.Context, m Message[T]) error {
		d := Delivery{Topic: m.Topic, Value: m.Value, owner: owner, pc: pc}
		return surrounded(ctx, around, d, func(ctx context.Context) error { return call(ctx, m) })
	}
}

type surrounder = func(context.Context, Delivery, func(context.Context) error) error

func surrounded(ctx context.Context, around []surrounder, d Delivery, call func(context.Context) error) error {
	if len(around) == 0 {
		return call(ctx)
	}
	var over atomic.Bool // the handler's owner may have ended
	defer over.Store(true)
	return around[0](ctx, d, func(ctx context.Context) error {
		if over.Load() {
			return errOver
		}
		return surrounded(ctx, around[1:], d, call)
	})
}

var errOver = errors.New("bus: next called after its function has returned")

// checkConnect checks the arguments of a call that connects, and returns the owner's scope.
func checkConnect(op string, owner *tether.Owner, noFunction bool, opts []tether.ConnectOption) *scope.Scope {
	s := handle.Scope("bus: "+op, owner)
	if noFunction {
		panic("bus: " + op + " with nil function")
	}
	for _, opt := range opts {
		if opt == nil {
			panic("bus: " + op + " with nil option")
		}
	}
	return s
}

func priority(opts []tether.ConnectOption) (p int) {
	for _, opt := range opts {
		if q, ok := handle.Priority(opt); ok {
			p = q // the last one counts
		}
	}
	return p
}

// queueOf returns a queue's number, if one of opts is On. The goroutine that handles for the
// queue has that number on its stack.
func queueOf(opts []tether.ConnectOption) (number uint64, ok bool) {
	for _, opt := range opts {
		if n, on := handle.Queued(opt); on {
			number, ok = n, true
		}
	}
	return number, ok
}
