// Package libp2p is the API of the event bus of github.com/libp2p/go-libp2p, the interfaces
// of its package core/event, on signals, package derive and package history.
package libp2p

import (
	"errors"
	"fmt"
	"reflect"
	"sync"
	"sync/atomic"

	"github.com/libp2p/go-libp2p/core/event"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/derive"
	"github.com/seed-ec287111/tether/history"
)

// NewBus returns a bus whose subscriptions live in owner: at its end their channels are
// closed, and nobody sends.
func NewBus(owner *tether.Owner) event.Bus {
	return &eventBus{owner: owner, nodes: make(map[reflect.Type]*node)}
}

// An eventBus has a signal for each type. Types are known at run time only, so the values
// are of type any, and topics of package bus, which are of Go types, are of no use.
type eventBus struct {
	owner    *tether.Owner
	wildcard tether.Signal[any]

	mu    sync.Mutex // guards the fields below; held by nobody who sends
	nodes map[reflect.Type]*node
}

// A node is a type with emitters or subscriptions.
type node struct {
	values  reflect.Type
	owner   *tether.Owner
	emitted tether.Signal[any]
	turn    chan struct{} // holds a token while somebody emits: all see one order

	last  *history.Ring[any] // guarded by the bus's mu; nil without a stateful emitter
	users int                // guarded by the bus's mu
}

// use returns the node of the type that v points to, which has a user more, and remembers
// its last value from now on, if it is to.
func (b *eventBus) use(op string, v any, stateful bool) (*node, error) {
	t := reflect.TypeOf(v)
	if t == nil || t.Kind() != reflect.Pointer {
		return nil, fmt.Errorf("libp2p: %s with %T, not a pointer", op, v)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.nodes[t.Elem()]
	if n == nil {
		n = &node{values: t.Elem(), owner: b.owner.NewChild(t.Elem().String()), turn: make(chan struct{}, 1)}
		b.nodes[n.values] = n
	}
	if stateful && n.last == nil {
		n.last = history.Record(n.owner, &n.emitted, 1)
	}
	n.users++
	return n, nil
}

// source returns what a new subscription gets: the last value too, if that is remembered.
func (b *eventBus) source(n *node) (src tether.Source[any], remembered bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n.last != nil {
		return n.last, true
	}
	return &n.emitted, false
}

func (b *eventBus) release(n *node) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if n.users--; n.users == 0 {
		delete(b.nodes, n.values)
		n.owner.Cancel(nil)
	}
}

// A setting is what an option sets.
type setting struct {
	room     int
	name     string
	stateful bool
}

// BufSize is the option for the room in a subscription's channel.
func BufSize(n int) event.SubscriptionOpt {
	return func(s any) error { s.(*setting).room = n; return nil }
}

// Name is the option for the name of a subscription.
func Name(name string) event.SubscriptionOpt {
	return func(s any) error { s.(*setting).name = name; return nil }
}

// Stateful is the option for an emitter whose last value later subscriptions get at once.
func Stateful(s any) error { s.(*setting).stateful = true; return nil }

func settings(opts []func(any) error) (*setting, error) {
	s := &setting{room: 16, name: "subscription"}
	for _, opt := range opts {
		if err := opt(s); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Subscribe returns a subscription to one type, a slice of types, or all.
func (b *eventBus) Subscribe(types any, opts ...event.SubscriptionOpt) (event.Subscription, error) {
	set, err := settings(opts)
	if err != nil {
		return nil, err
	}
	if types == event.WildcardSubscription {
		return b.subscribe(set, nil), nil
	}
	list, ok := types.([]any)
	if !ok {
		list = []any{types}
	}
	nodes := make([]*node, 0, len(list))
	for _, v := range list {
		n, err := b.use("Subscribe", v, false)
		if v == event.WildcardSubscription && err == nil {
			b.release(n)
			err = errors.New("libp2p: Subscribe to all together with a type")
		}
		if err != nil {
			for _, n := range nodes {
				b.release(n)
			}
			return nil, err
		}
		nodes = append(nodes, n)
	}
	return b.subscribe(set, nodes), nil
}

// subscribe subscribes to nodes, or to all if that is nil. What is remembered is sent before
// anybody can receive, so it needs room.
func (b *eventBus) subscribe(set *setting, nodes []*node) *subscription {
	s := &subscription{name: set.name, owner: b.owner.NewChild(set.name)}
	var srcs []tether.Source[any]
	remembered := 0
	for _, n := range nodes {
		src, sticky := b.source(n)
		srcs = append(srcs, src)
		if sticky {
			remembered++
		}
	}
	if nodes == nil {
		srcs = append(srcs, &b.wildcard)
	}
	ch := make(chan any, max(set.room, remembered))
	s.out = ch
	s.owner.Defer(func() {
		close(ch)
		for _, n := range nodes {
			b.release(n)
		}
	})
	derive.Send(s.owner, derive.Merge(srcs...), ch)
	return s
}

// A subscription is an owner, of handlers that send to its channel.
type subscription struct {
	name  string
	owner *tether.Owner
	out   <-chan any
}

func (s *subscription) Out() <-chan any { return s.out }
func (s *subscription) Name() string    { return s.name }
func (s *subscription) Close() error    { return s.owner.Destroy() }

// Emitter returns an emitter of the type that v points to.
func (b *eventBus) Emitter(v any, opts ...event.EmitterOpt) (event.Emitter, error) {
	if v == event.WildcardSubscription {
		return nil, errors.New("libp2p: Emitter of all types")
	}
	set, err := settings(opts)
	if err != nil {
		return nil, err
	}
	n, err := b.use("Emitter", v, set.stateful)
	if err != nil {
		return nil, err
	}
	return &emitter{bus: b, node: n}, nil
}

type emitter struct {
	bus    *eventBus
	node   *node
	closed atomic.Bool
}

func (e *emitter) Emit(v any) error {
	if e.closed.Load() {
		return errors.New("libp2p: Emit of a closed emitter")
	}
	n := e.node
	if reflect.TypeOf(v) != n.values {
		panic(fmt.Sprintf("libp2p: Emit of %T by an emitter of %v", v, n.values))
	}
	n.emit(v)
	e.bus.wildcard.Fire(v)
	return nil
}

func (n *node) emit(v any) {
	n.turn <- struct{}{}
	defer func() { <-n.turn }()
	n.emitted.Fire(v)
}

func (e *emitter) Close() error {
	if !e.closed.CompareAndSwap(false, true) {
		return errors.New("libp2p: Close of a closed emitter")
	}
	e.bus.release(e.node)
	return nil
}

// GetAllEventTypes returns the types that have emitters or subscriptions.
func (b *eventBus) GetAllEventTypes() (types []reflect.Type) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for t := range b.nodes {
		types = append(types, t)
	}
	return types
}
