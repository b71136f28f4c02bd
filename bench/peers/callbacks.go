package peers

import (
	"github.com/asaskevich/EventBus"
	"github.com/samber/ro"
)

// The libraries that call handlers on the firing goroutine.

var eventBus = Peer{
	Name:   "asaskevich/EventBus",
	Module: "github.com/asaskevich/EventBus",
	Kind:   Sync,
	New:    func(int) Bus[int] { return &eventBusBus[int]{EventBus.New()} },
	Claims: Claims{
		Runs: "the firing goroutine", Full: "holds the firer",
		Ordered: true, Exact: false, Barrier: true, NoClose: true, Reenter: false, Typed: false,
		Why:  "copies the slice of handlers and calls each by reflection, with a mutex held all the time",
		Ends: "appends to a slice; removal takes the first closure with the same code, which is not the one that was meant, but is found at once",
	},
}

const topic = "topic"

type eventBusBus[T any] struct{ bus EventBus.Bus }

func (b *eventBusBus[T]) Connect(handler func(T)) Sub {
	if err := b.bus.Subscribe(topic, handler); err != nil {
		panic(err)
	}
	return handler
}

func (b *eventBusBus[T]) Fire(v T) { b.bus.Publish(topic, v) }

func (b *eventBusBus[T]) Disconnect(s Sub) {
	if err := b.bus.Unsubscribe(topic, s); err != nil {
		panic(err)
	}
}

func (b *eventBusBus[T]) Close() {} // it has no way

var samberRo = Peer{
	Name:   "samber/ro",
	Module: "github.com/samber/ro",
	Kind:   Sync,
	New:    func(int) Bus[int] { return &roBus[int]{ro.NewPublishSubject[int]()} },
	Claims: Claims{
		Runs: "the firing goroutine", Full: "holds the firer",
		Ordered: true, Exact: true, Barrier: false, Reenter: false, Typed: true,
		Why:  "holds the subject's mutex across the handlers, walks a sync.Map, and takes a mutex for each observer",
		Ends: "stores in a sync.Map and deletes from it, and waits for nobody",
	},
}

type roBus[T any] struct{ subject ro.Subject[T] }

func (b *roBus[T]) Connect(handler func(T)) Sub { return b.subject.Subscribe(ro.OnNext(handler)) }
func (b *roBus[T]) Fire(v T)                    { b.subject.Next(v) }
func (b *roBus[T]) Disconnect(s Sub)            { s.(ro.Subscription).Unsubscribe() }
func (b *roBus[T]) Close()                      { b.subject.Complete() }
