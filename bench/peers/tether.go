package peers

import "github.com/seed-ec287111/tether"

const tetherModule = "github.com/seed-ec287111/tether"

var tetherOne = Peer{
	Name:   Ours,
	Module: tetherModule,
	Kind:   Sync,
	New:    func(int) Bus[int] { return NewTether[int]() },
	Claims: Claims{
		Runs: "the firing goroutine", Full: "holds the firer",
		Ordered: true, Exact: true, Barrier: false, Reenter: true, Typed: true, Group: true,
		Why:  "walks a contiguous array without a lock, and announces whose handler runs once for all handlers of one owner",
		Ends: "keeps a book in the signal and one in the owner, so that either can end a subscription; Destroy walks its list once",
	},
}

var tetherEach = Peer{
	Name:   "tether (owner each)",
	Module: tetherModule,
	Kind:   Sync,
	New:    func(int) Bus[int] { return NewTetherEach[int]() },
	Claims: Claims{
		Runs: "the firing goroutine", Full: "holds the firer",
		Ordered: true, Exact: true, Barrier: true, Reenter: true, Typed: true, Group: true,
		Why:  "pays one atomic swap a handler to announce the next owner, which is what makes every Disconnect a barrier",
		Ends: "makes and destroys an owner for each subscriber",
	},
}

var tetherQueue = Peer{
	Name:   "tether (queue each)",
	Module: tetherModule,
	Kind:   Async,
	New:    func(capacity int) Bus[int] { return NewTetherQueue[int](capacity) },
	Claims: Claims{
		Runs: "a goroutine a subscriber, while it has values", Full: "holds the firer, or drops oldest or newest",
		Ordered: true, Exact: true, Barrier: true, Reenter: true, Typed: true, Group: true,
		Why:  "keeps values in a ring under a mutex, and starts a goroutine for the first value after an idle time",
		Ends: "makes and destroys an owner and a queue for each subscriber, and waits for its handler",
	},
}

// tetherBus is a Signal whose subscriptions one owner holds.
type tetherBus[T any] struct {
	app, group *tether.Owner
	signal     tether.Signal[T]
}

// NewTether returns a signal with one owner for all that is connected.
func NewTether[T any]() Bus[T] {
	app := tether.NewOwner("app")
	return &tetherBus[T]{app: app, group: app.NewChild("group")}
}

func (b *tetherBus[T]) Connect(handler func(T)) Sub { return b.signal.Connect(b.group, handler) }
func (b *tetherBus[T]) Fire(v T)                    { b.signal.Fire(v) }
func (b *tetherBus[T]) Disconnect(s Sub)            { s.(*tether.Connection).Disconnect() }
func (b *tetherBus[T]) Close()                      { b.app.Destroy() }

func (b *tetherBus[T]) DisconnectAll() {
	b.group.Destroy()
	b.group = b.app.NewChild("group")
}

// tetherEachBus is a Signal with an owner for each subscription.
type tetherEachBus[T any] struct{ tetherBus[T] }

// NewTetherEach returns a signal with an owner for each handler: ending one is a
// barrier.
func NewTetherEach[T any]() Bus[T] {
	app := tether.NewOwner("app")
	return &tetherEachBus[T]{tetherBus[T]{app: app, group: app.NewChild("group")}}
}

func (b *tetherEachBus[T]) Connect(handler func(T)) Sub {
	owner := b.group.NewChild("subscriber")
	b.signal.Connect(owner, handler)
	return owner
}

func (b *tetherEachBus[T]) Disconnect(s Sub) { s.(*tether.Owner).Destroy() }

// tetherQueueBus is a Signal with an owner and a queue for each subscription.
type tetherQueueBus[T any] struct {
	tetherEachBus[T]
	capacity int
}

// NewTetherQueue returns a signal with an owner and a queue for each handler.
func NewTetherQueue[T any](capacity int) Bus[T] {
	app := tether.NewOwner("app")
	b := &tetherQueueBus[T]{capacity: capacity}
	b.app, b.group = app, app.NewChild("group")
	return b
}

func (b *tetherQueueBus[T]) Connect(handler func(T)) Sub {
	owner := b.group.NewChild("subscriber")
	b.signal.Connect(owner, handler, tether.On(tether.NewQueue(owner, b.capacity, tether.Block)))
	return owner
}
