package peers

import (
	"time"

	"github.com/cskr/pubsub/v2"
	"github.com/dustin/go-broadcast"
	"github.com/ethereum/go-ethereum/event"
	core "github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	mobypubsub "github.com/moby/pubsub"
)

// The libraries that give a subscriber a channel.

var goEthereum = Peer{
	Name:   "go-ethereum FeedOf",
	Module: "github.com/ethereum/go-ethereum",
	Kind:   Async,
	New:    func(capacity int) Bus[int] { return &feedBus{capacity: capacity} },
	Claims: Claims{
		Runs: "a goroutine a subscriber, the user's", Full: "holds the firer and all other firers",
		Ordered: true, Exact: true, Barrier: false, Typed: true, NoClose: true,
		Why:  "tries each channel by reflection, one firer at a time",
		Ends: "appends to an inbox; removal searches slices of channels, and waits for nobody's handler",
	},
}

type feedBus struct {
	capacity int
	feed     event.FeedOf[int]
}

func (b *feedBus) Connect(handler func(int)) Sub {
	ch := make(chan int, b.capacity)
	sub := b.feed.Subscribe(ch)
	go func() {
		for {
			select {
			case v := <-ch:
				handler(v)
			case _, open := <-sub.Err():
				if !open {
					return
				}
			}
		}
	}()
	return sub
}

func (b *feedBus) Fire(v int)       { b.feed.Send(v) }
func (b *feedBus) Disconnect(s Sub) { s.(event.Subscription).Unsubscribe() }
func (b *feedBus) Close()           {} // it has no way

var libp2p = Peer{
	Name:   "libp2p eventbus",
	Module: "github.com/libp2p/go-libp2p",
	Kind:   Async,
	New:    newLibp2p,
	Claims: Claims{
		Runs: "a goroutine a subscriber, the user's", Full: "holds the firer and all other firers, and logs",
		Ordered: true, Exact: true, Barrier: false, Typed: false,
		Why:  "boxes the value and sends it under one mutex per type",
		Ends: "appends under a mutex; removal searches a slice and starts a goroutine to drain the channel",
	},
}

type libp2pBus struct {
	capacity int
	bus      core.Bus
	emitter  core.Emitter
}

func newLibp2p(capacity int) Bus[int] {
	bus := eventbus.NewBus()
	emitter, err := bus.Emitter(new(int))
	if err != nil {
		panic(err)
	}
	return &libp2pBus{capacity, bus, emitter}
}

func (b *libp2pBus) Connect(handler func(int)) Sub {
	sub, err := b.bus.Subscribe(new(int), eventbus.BufSize(b.capacity))
	if err != nil {
		panic(err)
	}
	go func() {
		for v := range sub.Out() {
			handler(v.(int))
		}
	}()
	return sub
}

func (b *libp2pBus) Fire(v int) { _ = b.emitter.Emit(v) }

func (b *libp2pBus) Disconnect(s Sub) { _ = s.(core.Subscription).Close() }
func (b *libp2pBus) Close()           { _ = b.emitter.Close() }

var cskr = Peer{
	Name:   "cskr/pubsub",
	Module: "github.com/cskr/pubsub/v2",
	Kind:   Async,
	New: func(capacity int) Bus[int] {
		return &cskrBus{pubsub.New[string, int](capacity)}
	},
	Claims: Claims{
		Runs: "a goroutine a subscriber, the user's", Full: "holds the firer and all other firers",
		Ordered: true, Exact: true, Barrier: false, Typed: true,
		Why:  "hands every operation to one goroutine over an unbuffered channel; that one walks a map of channels",
		Ends: "hands the request to that goroutine, and does not wait until it has been carried out",
	},
}

type cskrBus struct{ ps *pubsub.PubSub[string, int] }

func (b *cskrBus) Connect(handler func(int)) Sub {
	ch := b.ps.Sub(topic)
	go func() {
		for v := range ch {
			handler(v)
		}
	}()
	return ch
}

func (b *cskrBus) Fire(v int)       { b.ps.Pub(v, topic) }
func (b *cskrBus) Disconnect(s Sub) { b.ps.Unsub(s.(chan int)) }
func (b *cskrBus) Close()           { b.ps.Shutdown() }

var moby = Peer{
	Name:   "moby/pubsub",
	Module: "github.com/moby/pubsub",
	Kind:   Async,
	New: func(capacity int) Bus[int] {
		return &mobyBus{mobypubsub.NewPublisher(time.Minute, capacity)}
	},
	Claims: Claims{
		Runs: "a goroutine a subscriber, the user's", Full: "holds the firer up to a given time, then drops",
		Ordered: true, Exact: true, Barrier: false, Typed: false,
		Why:  "starts a goroutine and a timer for every value and subscriber, and waits for them all",
		Ends: "makes one insertion or deletion in a map and closes the channel, and waits for nobody's handler",
	},
}

type mobyBus struct{ p *mobypubsub.Publisher }

func (b *mobyBus) Connect(handler func(int)) Sub {
	ch := b.p.Subscribe()
	go func() {
		for v := range ch {
			handler(v.(int))
		}
	}()
	return ch
}

func (b *mobyBus) Fire(v int)       { b.p.Publish(v) }
func (b *mobyBus) Disconnect(s Sub) { b.p.Evict(s.(chan any)) }
func (b *mobyBus) Close()           { b.p.Close() }

var dustin = Peer{
	Name:   "dustin/go-broadcast",
	Module: "github.com/dustin/go-broadcast",
	Kind:   Async,
	New: func(capacity int) Bus[int] {
		return &dustinBus{capacity, broadcast.NewBroadcaster(capacity)}
	},
	Claims: Claims{
		Runs: "a goroutine a subscriber, the user's", Full: "holds the firer and all other firers",
		Ordered: true, Exact: true, Barrier: false, Typed: false,
		Why:  "boxes the value and hands it to one goroutine, which walks a map of channels",
		Ends: "hands the request to that goroutine, and does not wait until it has been carried out",
	},
}

type dustinBus struct {
	capacity int
	b        broadcast.Broadcaster
}

func (b *dustinBus) Connect(handler func(int)) Sub {
	ch := make(chan any, b.capacity)
	b.b.Register(ch)
	go func() {
		for v := range ch {
			handler(v.(int))
		}
	}()
	return ch
}

func (b *dustinBus) Fire(v int) { b.b.Submit(v) }

func (b *dustinBus) Disconnect(s Sub) {
	ch := s.(chan any)
	b.b.Unregister(ch)
	close(ch) // nothing is sent on it any more
}

func (b *dustinBus) Close() { _ = b.b.Close() }
