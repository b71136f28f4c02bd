package bus

import (
	"context"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/scope"
)

// A Pattern stands for all topics of a type, those of now and later ones, whose names match
// it. It is a handle, as a [Topic] is, and a [tether.Source]. All methods may be called by
// multiple goroutines at once, and from handlers.
type Pattern[T any] struct {
	_ [0]*T // no conversion between patterns of different types

	bus     *Bus
	pattern string
	kind    *kind
}

// Matching returns the pattern, for topics with values of type T. It panics if T is an interface
// type, and if [CheckPattern] finds the pattern wrong.
func Matching[T any](b *Bus, pattern string) *Pattern[T] {
	if err := CheckPattern(pattern); err != nil {
		panic(err.Error())
	}
	return &Pattern[T]{bus: b, pattern: pattern, kind: kindOf[T](b, "Matching")}
}

// Handle is [Topic.Handle] for all topics that match. The handlers of a topic, and those of all
// patterns that match it, are called in one order.
func (p *Pattern[T]) Handle(owner *tether.Owner, f func(ctx context.Context, m Message[T]) error, opts ...tether.ConnectOption) *tether.Connection {
	p.check("Handle")
	in := checkConnect("Handle", owner, f == nil, opts)
	s := &subscription[T]{bus: p.bus, owner: owner, scope: in, opts: opts, pc: scope.PC(f)}
	return s.connect(p.use(), f)
}

// Connect is Handle for a handler that needs no context and never fails.
func (p *Pattern[T]) Connect(owner *tether.Owner, handler func(Message[T]), opts ...tether.ConnectOption) *tether.Connection {
	return p.plain("Connect", owner, handler, opts, false)
}

// Once is Connect for a single call, whichever topic it is of: see [tether.Signal.Once].
func (p *Pattern[T]) Once(owner *tether.Owner, handler func(Message[T]), opts ...tether.ConnectOption) *tether.Connection {
	return p.plain("Once", owner, handler, opts, true)
}

func (p *Pattern[T]) plain(op string, owner *tether.Owner, handler func(Message[T]), opts []tether.ConnectOption, once bool) *tether.Connection {
	p.check(op)
	in := checkConnect(op, owner, handler == nil, opts)
	s := &subscription[T]{bus: p.bus, owner: owner, scope: in, opts: opts, pc: scope.PC(handler), once: once}
	return s.connect(p.use(), func(_ context.Context, m Message[T]) error { handler(m); return nil })
}

// use returns the pattern's node, and counts the caller's connection as a user of it.
func (p *Pattern[T]) use() *node {
	b, k := p.bus, p.kind
	b.mu.Lock()
	defer b.mu.Unlock()
	at := k.patterns.at(p.pattern)
	if *at == nil {
		*at = b.newNode(k.values, func() {
			k.patterns.remove(p.pattern)
			k.changes.Add(1)
		})
		k.changes.Add(1)
	}
	(*at).users++
	return *at
}

func (p *Pattern[T]) check(op string) {
	if p == nil || p.bus == nil {
		panic("bus: " + op + " of a nil or zero Pattern")
	}
}
