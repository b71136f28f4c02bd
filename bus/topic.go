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

// A Topic is where values of a type are published and handled. It is a handle: any number
// of them may be made for one topic, and a name has state in the bus only while it has
// handlers. A Topic is a [tether.Source]. All methods may be called by multiple goroutines
// at once, and from handlers. Who publishes often keeps the Topic: it remembers the way to
// its handlers.
type Topic[T any] struct {
	_ [0]*T // no conversion between topics of different types

	bus   *Bus
	name  string // "" for that of a type
	kind  *kind  // nil for Dead and Tap
	apart *node  // of Dead or Tap; else nil

	route atomic.Pointer[route] // the last one found; nil before that
}

// For returns the topic of the type T itself: it has no name and matches no pattern. It
// panics if T is an interface type.
func For[T any](b *Bus) *Topic[T] { return &Topic[T]{bus: b, kind: kindOf[T](b, "For")} }

// Named returns the topic with that name, for values of type T. It panics if T is an
// interface type, and for a name that [CheckName] does not let pass. Cost: an allocation.
func Named[T any](b *Bus, name string) *Topic[T] {
	b.check("Named")
	if err := CheckName(name); err != nil {
		panic(err.Error())
	}
	return &Topic[T]{bus: b, name: name, kind: kindOf[T](b, "Named")}
}

// Name returns the name, "" for the topic of a type.
func (t *Topic[T]) Name() string { return t.name }

// Handle arranges for f to be called with every value published from now on, until owner is
// destroyed or the connection ends otherwise. What f returns is part of what Publish
// returns, wrapped in a *[HandlerError].
//
// ctx ends with that of who publishes, at the cut-off of owner, and at the latest when the
// call is over; it has the values of the publisher's. See package hook, where it is the
// same.
//
// With [tether.On], f is called by the queue. Then ctx has the values of the publisher's,
// but not its end, and what f returns becomes a [Letter] to [Bus.Dead].
//
// Handle panics if the name has handlers of another type. Where the owner is dead or the
// bus closed it returns a dead Connection. Cost: some allocations, and the bus's mutex.
func (t *Topic[T]) Handle(owner *tether.Owner, f func(ctx context.Context, v T) error, opts ...tether.ConnectOption) *tether.Connection {
	t.check("Handle")
	in := checkConnect("Handle", owner, f == nil, opts)
	s := &subscription[T]{bus: t.bus, owner: owner, scope: in, opts: opts, pc: scope.PC(f)}
	return s.connect(t.use("Handle"), func(ctx context.Context, m Message[T]) error { return f(ctx, m.Value) })
}

// Connect is Handle for a handler that neither needs a context nor fails.
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

// use returns the topic's node, for a connection that is counted as a user of it.
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

// Wanted reports whether a value published now would get to somebody: there is a handler,
// of the topic or of a pattern, that is not muted. It is for who would have to go to some
// length to make the value. The handlers of Dead and Tap do not count.
func (t *Topic[T]) Wanted() bool {
	t.check("Wanted")
	return slices.ContainsFunc(t.find().lists, (*connlist.List).Callable)
}

func (t *Topic[T]) check(op string) {
	if t == nil || t.bus == nil {
		panic("bus: " + op + " of a nil or zero Topic")
	}
}

// A route is where the handlers of a topic are. It does not change, and is right as long as
// the patterns of the type are those of patterns, and own is in the books, or if that is nil
// as long as no names were given state after made. Which is asked without a lock.
type route struct {
	own            *node            // nil if the name has none
	lists          []*connlist.List // with connections, or that may get some: own's, and of patterns
	err            error            // not nil if the name has handlers of another type; then there are no lists
	patterns, made uint64
}

// find returns the route of now.
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
