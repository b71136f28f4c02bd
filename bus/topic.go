package bus

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/connlist"
	"github.com/seed-ec287111/tether/internal/scope"
	"github.com/seed-ec287111/tether/internal/yield"
)

// A Topic is where values of a type are published and handled. It is a handle: there may be any
// number of Topics for one name, and the name has state in the bus only while it has handlers.
// A Topic is a [tether.Source]. All methods may be called by multiple goroutines at once, and
// from handlers. A publisher that publishes often should keep the Topic, as it remembers the
// way to its handlers.
type Topic[T any] struct {
	_ [0]*T // no conversion between topics of different types

	bus   *Bus
	name  string // "" for that of a type
	kind  *kind  // nil for Dead and Tap
	apart *node  // that of Dead or Tap; else nil

	route atomic.Pointer[route] // the last route found; nil before that
}

// For returns the topic of the type T. It has no name and matches no pattern. It panics if T is
// an interface type.
func For[T any](b *Bus) *Topic[T] { return &Topic[T]{bus: b, kind: kindOf[T](b, "For")} }

// Named returns the topic with that name, for values of type T. It panics if T is an interface
// type, and if [CheckName] finds the name wrong. Cost: an allocation.
func Named[T any](b *Bus, name string) *Topic[T] {
	if err := CheckName(name); err != nil {
		panic(err.Error())
	}
	return &Topic[T]{bus: b, name: name, kind: kindOf[T](b, "Named")}
}

// Name returns the name, "" for the topic of a type.
func (t *Topic[T]) Name() string { return t.name }

// Handle arranges for f to be called with every value that is published from now on, until owner
// is destroyed or the connection ends by itself. Publish returns the error of f, wrapped in a
// *[HandlerError].
//
// ctx ends with the publisher's context, at the cut-off of owner, and at the latest when the
// call is over. It has the values of the publisher's context. See package hook.
//
// With [tether.On] the queue calls f. Then ctx has the values of the publisher's context, but
// not its end, and an error of f becomes a [Letter] to [Bus.Dead]. With [tether.Finish] f is
// called for what is pending at the cut-off of owner. Then ctx has ended already. For what must
// still be written use [context.WithoutCancel].
//
// Handle panics if the name has handlers of another type. If owner is not alive, or the bus is
// closed, it returns a dead Connection. Cost: some allocations, and the bus's mutex.
func (t *Topic[T]) Handle(owner *tether.Owner, f func(ctx context.Context, v T) error, opts ...tether.ConnectOption) *tether.Connection {
	t.check("Handle")
	in := checkConnect("Handle", owner, f == nil, opts)
	s := &subscription[T]{bus: t.bus, owner: owner, scope: in, opts: opts, pc: scope.PC(f)}
	return s.connect(t.use("Handle"), func(ctx context.Context, m Message[T]) error { return f(ctx, m.Value) })
}

// Connect is Handle for a handler that needs no context and never fails.
func (t *Topic[T]) Connect(owner *tether.Owner, handler func(T), opts ...tether.ConnectOption) *tether.Connection {
	return t.plain("Connect", owner, handler, opts, false)
}

// Once is Connect for a single call: see [tether.Signal.Once].
func (t *Topic[T]) Once(owner *tether.Owner, handler func(T), opts ...tether.ConnectOption) *tether.Connection {
	return t.plain("Once", owner, handler, opts, true)
}

func (t *Topic[T]) plain(op string, owner *tether.Owner, handler func(T), opts []tether.ConnectOption, once bool) *tether.Connection {
	t.check(op)
	in := checkConnect(op, owner, handler == nil, opts)
	s := &subscription[T]{bus: t.bus, owner: owner, scope: in, opts: opts, pc: scope.PC(handler), once: once}
	return s.connect(t.use(op), func(_ context.Context, m Message[T]) error { handler(m.Value); return nil })
}

// use returns the topic's node. If the node can leave the books, use counts the caller's
// connection as a user of it.
func (t *Topic[T]) use(op string) *node {
	switch {
	case t.apart != nil:
		return t.apart
	case t.name == "":
		return &t.kind.own
	}
	b := t.bus
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.names.get(t.name)
	if n == nil {
		n = b.newNode(t.kind.values, func() { b.names.delete(t.name) })
		b.names.set(t.name, n)
		b.made.Add(1)
	}
	if n.values != t.kind.values {
		panic(fmt.Sprintf("bus: %s of %v on %q, which has handlers of %v", op, t.kind.values, t.name, n.values))
	}
	n.users++
	return n
}

// Wanted reports whether a handler would get a value that is published now. The handlers of the
// topic and of patterns count, unless they are muted. Those of Dead and Tap do not count. Wanted
// is for a publisher to whom the value is costly to make.
func (t *Topic[T]) Wanted() bool {
	t.check("Wanted")
	return slices.ContainsFunc(t.find().lists, (*connlist.List).Callable)
}

func (t *Topic[T]) check(op string) {
	if t == nil || t.bus == nil {
		panic("bus: " + op + " of a nil or zero Topic")
	}
}

// A route says where the handlers of a topic are. It does not change. It is right as long as
// the number of changes of the type's patterns is patterns, and own is in the books. If own is
// nil, it is right as long as the number of names that have got a node is made. find checks
// all that without a lock.
type route struct {
	own            *node            // nil if the name has none
	lists          []*connlist.List // of own, and of the patterns that match
	err            error            // not nil if the name has handlers of another type; then there are no lists
	patterns, made uint64
}

// find returns a route that is right.
func (t *Topic[T]) find() *route {
	r := t.route.Load()
	switch {
	case r == nil:
	case t.kind == nil || t.name == "":
		return r
	case r.patterns != t.kind.changes.Load():
	case r.own != nil && !r.own.gone.Load(), r.own == nil && r.made == t.bus.made.Load():
		return r
	}
	r = t.look()
	yield.Point("bus: looked")
	t.route.Store(r)
	return r
}

func (t *Topic[T]) look() *route {
	switch {
	case t.apart != nil:
		return &route{lists: []*connlist.List{&t.apart.list}}
	case t.name == "":
		return &route{lists: []*connlist.List{&t.kind.own.list}}
	}
	b := t.bus
	b.mu.RLock()
	defer b.mu.RUnlock()
	r := &route{own: b.names.get(t.name), patterns: t.kind.changes.Load(), made: b.made.Load()}
	if r.own != nil {
		if r.own.values != t.kind.values {
			r.err = fmt.Errorf("bus: Publish of %v to %q, which has handlers of %v", t.kind.values, t.name, r.own.values)
			return r
		}
		r.lists = append(r.lists, &r.own.list)
	}
	t.kind.patterns.match(t.name, func(n *node) { r.lists = append(r.lists, &n.list) })
	return r
}
