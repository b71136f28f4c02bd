package bus

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/hook"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/scope"
)

// ErrNobody is the error of a [Letter] with a value that no handler got. Ask returns it if
// there is no responder. It is [hook.ErrNobody].
var ErrNobody = hook.ErrNobody

// ErrTaken says that there is a responder for questions of that type already.
var ErrTaken = errors.New("bus: there is a responder already")

// ErrClosed says that the owner of the bus is not alive.
var ErrClosed = errors.New("bus: closed")

// A Bus has topics. [New] makes one. All methods may be called by multiple goroutines at
// once, and from handlers.
type Bus struct {
	scope  *scope.Scope // a child of the owner's; all lists close with it
	around []func(context.Context, Delivery, func(context.Context) error) error

	numbers atomic.Uint64 // numbers the connections, of all topics and patterns
	made    atomic.Uint64 // counts the names that have got a node; written with mu held

	dead, tap node

	// Lock order: mu before the locks of scopes and lists. No user code runs under it.
	mu         sync.RWMutex // guards the fields below, and what they refer to
	names      table[*node] // of the names that have handlers, or are about to have some
	kinds      map[reflect.Type]*kind
	responders map[reflect.Type]*responder // by the type of the question
}

// A kind is what a bus has for a type of values. It is never removed, because the types of a
// program are limited in number.
type kind struct {
	values   reflect.Type
	own      node // of the topic that For returns
	patterns trie
	changes  atomic.Uint64 // counts the changes of patterns; written with the bus's mu held
}

// An Option is an option of [New].
type Option interface{ bus(*Bus) }

type option func(*Bus)

func (f option) bus(b *Bus) { f(b) }

// Around arranges for f to be called in place of each handler, for traces, metrics or timeouts.
// That includes handlers on queues, handlers of Dead and Tap, and responders. f calls next,
// which calls the handler. A call of next must begin and return before f returns. After that,
// next calls nothing and returns an error that says so. What f returns counts as what the handler
// has returned. d says what is handled, and by which handler. With several Arounds the first one
// given is the outermost. A panic in f counts as one of the handler.
//
// Cost: some allocations for each call of a handler.
func Around(f func(ctx context.Context, d Delivery, next func(context.Context) error) error) Option {
	if f == nil {
		panic("bus: Around with nil function")
	}
	return option(func(b *Bus) { b.around = append(b.around, f) })
}

// New returns a bus that closes with owner. From the cut-off on its connections have ended,
// Handle returns a dead connection, and Publish, Ask and Reply return [ErrClosed]. If owner is
// [tether.Staged], make the bus in an older child than all that publish at their end.
//
// The bus has an owner of its own, a child of owner with the given name. Package inspect shows
// the topics there, as signals.
func New(owner *tether.Owner, name string, opts ...Option) *Bus {
	s := handle.Scope("bus: New", owner)
	b := &Bus{kinds: make(map[reflect.Type]*kind), responders: make(map[reflect.Type]*responder)}
	for _, opt := range opts {
		if opt == nil {
			panic("bus: New with nil option")
		}
		opt.bus(b)
	}
	b.scope = s.NewChild(name, scope.Placed())
	b.open(&b.dead, reflect.TypeFor[Letter]())
	b.open(&b.tap, reflect.TypeFor[Delivery]())
	return b
}

func (b *Bus) check(op string) {
	if b == nil || b.scope == nil {
		panic("bus: " + op + " of a nil or zero Bus")
	}
}

func (b *Bus) closed() bool { return !b.scope.Alive() }

// kindOf returns the kind of T. It panics if T is an interface type, because a value that is
// published as an interface would reach only the handlers of the interface.
func kindOf[T any](b *Bus, op string) *kind {
	b.check(op)
	t := concrete[T](op)
	b.mu.RLock()
	k := b.kinds[t]
	b.mu.RUnlock()
	if k != nil {
		return k
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if k = b.kinds[t]; k == nil {
		k = &kind{values: t}
		b.open(&k.own, t)
		b.kinds[t] = k
	}
	return k
}

// concrete returns the type T. It panics if that is an interface type.
func concrete[T any](op string) reflect.Type {
	t := reflect.TypeFor[T]()
	if t.Kind() == reflect.Interface {
		panic("bus: " + op + " with the interface type " + t.String() + ": values are told apart by their own types")
	}
	return t
}

// A TopicInfo says what a topic has.
type TopicInfo struct {
	Name     string // "" for that of a Go type
	Type     string // of its values
	Handlers int    // of its own, those of patterns not included
}

// Topics returns an iterator over the topics that have handlers of their own, by name and then
// by type. The loop takes a snapshot when it starts. Its body may call anything. Cost: the
// snapshot is copied and sorted.
func (b *Bus) Topics() iter.Seq[TopicInfo] {
	b.check("Topics")
	return func(yield func(TopicInfo) bool) {
		for _, t := range b.topics() {
			if !yield(t) {
				return
			}
		}
	}
}

func (b *Bus) topics() (all []TopicInfo) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	add := func(name string, n *node) {
		if handlers := n.list.Len(); handlers > 0 {
			all = append(all, TopicInfo{name, n.values.String(), handlers})
		}
	}
	for _, k := range b.kinds {
		add("", &k.own)
	}
	for name, n := range b.names.m {
		add(name, n)
	}
	slices.SortFunc(all, func(x, y TopicInfo) int {
		return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.Type, y.Type))
	})
	return all
}

// Dead returns the topic of the letters: values that no handler got, and values that a handler
// on a queue has failed to handle. Its handlers may be on queues. The others run on the
// goroutine that makes the letter. Their errors are dropped. So is a letter if Dead has no
// handlers.
func (b *Bus) Dead() *Topic[Letter] {
	b.check("Dead")
	return &Topic[Letter]{bus: b, apart: &b.dead}
}

// Tap returns the topic of everything that is published. Its handlers are called before those
// of the value, also if there are none. Their errors are dropped.
func (b *Bus) Tap() *Topic[Delivery] {
	b.check("Tap")
	return &Topic[Delivery]{bus: b, apart: &b.tap}
}
