package peers

import (
	"context"
	"encoding/binary"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"
	events "github.com/docker/go-events"
	"tailscale.com/util/eventbus"
)

// The libraries that call handlers on goroutines of their own, or nearly so.

var tailscale = Peer{
	Name:   "tailscale eventbus",
	Module: "tailscale.com",
	Kind:   Async,
	New:    newTailscale,
	Claims: Claims{
		Runs: "a goroutine a value", Full: "queues without bound",
		Ordered: true, Exact: true, Barrier: true, Typed: true,
		Why:  "passes each value through a goroutine of the bus and one of the client, and starts another for each call",
		Ends: "makes a client with a goroutine; its end copies the list of subscribers and waits for that goroutine and its handler, 25 s at most; the bus keeps ended clients until it is closed itself",
	},
}

type tailscaleBus struct {
	bus *eventbus.Bus
	pub *eventbus.Publisher[int]
}

func newTailscale(int) Bus[int] {
	bus := eventbus.NewWithOptions(eventbus.BusOptions{Logf: func(string, ...any) {}})
	return &tailscaleBus{bus, eventbus.Publish[int](bus.Client("publisher"))}
}

// Connect makes a client for each handler: a client may subscribe to a type once.
func (b *tailscaleBus) Connect(handler func(int)) Sub {
	c := b.bus.Client("subscriber")
	eventbus.SubscribeFunc(c, handler)
	return c
}

func (b *tailscaleBus) Fire(v int)       { b.pub.Publish(v) }
func (b *tailscaleBus) Disconnect(s Sub) { s.(*eventbus.Client).Close() }
func (b *tailscaleBus) Close()           { b.bus.Close() }

var watermillPeer = Peer{
	Name:   "watermill gochannel",
	Module: "github.com/ThreeDotsLabs/watermill",
	Kind:   Async,
	New: func(capacity int) Bus[int] {
		config := gochannel.Config{OutputChannelBuffer: int64(capacity)}
		return &watermillBus{gochannel.NewGoChannel(config, watermill.NopLogger{})}
	},
	Claims: Claims{
		Runs: "a goroutine a subscriber, the user's", Full: "starts goroutines without bound",
		Ordered: false, Exact: true, Barrier: false, Typed: false,
		Why:  "copies a message with an identifier and a payload of bytes, and starts a goroutine for every message and subscriber, which waits for the acknowledgement",
		Ends: "starts two goroutines; its end only cancels a context, and what that sets off goes on in the background",
	},
}

type watermillBus struct{ ps *gochannel.GoChannel }

func (b *watermillBus) Connect(handler func(int)) Sub {
	ctx, cancel := context.WithCancel(context.Background())
	messages, err := b.ps.Subscribe(ctx, topic)
	if err != nil {
		panic(err)
	}
	go func() {
		for m := range messages {
			handler(int(binary.LittleEndian.Uint64(m.Payload)))
			m.Ack()
		}
	}()
	return cancel
}

func (b *watermillBus) Fire(v int) {
	payload := binary.LittleEndian.AppendUint64(nil, uint64(v))
	_ = b.ps.Publish(topic, message.NewMessage(watermill.NewUUID(), payload)) // fails once closed
}

func (b *watermillBus) Disconnect(s Sub) { s.(context.CancelFunc)() }
func (b *watermillBus) Close()           { _ = b.ps.Close() }

var docker = Peer{
	Name:   "docker/go-events",
	Module: "github.com/docker/go-events",
	Kind:   Async,
	New:    func(int) Bus[int] { return &dockerBus{events.NewBroadcaster()} },
	Claims: Claims{
		Runs: "one goroutine for all subscribers", Full: "holds the firer and all other firers",
		Ordered: true, Exact: true, Barrier: true, Typed: false,
		Why:  "hands the value to one goroutine over an unbuffered channel, which calls all sinks in turn, so that a slow one holds up the others; it wakes no goroutine a subscriber",
		Ends: "sends a request to that goroutine and waits for its answer; adding and removing search a slice",
	},
}

type dockerBus struct{ b *events.Broadcaster }

// sink is a handler as a docker/go-events Sink.
type sink struct{ handler func(int) }

func (s *sink) Write(e events.Event) error {
	s.handler(e.(int))
	return nil
}

func (s *sink) Close() error { return nil }

func (b *dockerBus) Connect(handler func(int)) Sub {
	s := &sink{handler}
	if err := b.b.Add(s); err != nil {
		panic(err)
	}
	return s
}

func (b *dockerBus) Fire(v int)       { _ = b.b.Write(v) }
func (b *dockerBus) Disconnect(s Sub) { _ = b.b.Remove(s.(*sink)) }
func (b *dockerBus) Close()           { _ = b.b.Close() }
