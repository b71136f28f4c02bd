package tethernats

import (
	"context"
	"fmt"
	"math"
	"reflect"
	"slices"
	"sync/atomic"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nuid"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/bus"
)

// The headers of what a Bridge sends.
const (
	originHeader = "Tether-Origin" // which Bridge it comes from
	typeHeader   = "Tether-Type"   // of the value
)

// A BridgeOption is an option of [Bridge].
type BridgeOption interface{ bridge(*bridgeConfig) }

type bridgeConfig struct {
	codec     Codec
	prefix    string
	sub       subConfig
	connect   []tether.ConnectOption
	carriers  []carrier
	questions []func(*bridge) error
}

type bridgeOption func(*bridgeConfig)

func (f bridgeOption) bridge(c *bridgeConfig) { f(c) }

// A carrier is what a Bridge does with the values of one type.
type carrier struct {
	name    string
	goType  reflect.Type
	connect func(b *bridge, name, pattern string)
	receive func(b *bridge, ctx context.Context, topic string, m *nats.Msg) error
}

// Carry makes a [Bridge] carry values of type T: values published to topics of that type in
// this process, and values that come from others. The type goes by its name in Go, with the
// name of its package: "shop.Order". Each type that is to be carried needs an option of its
// own.
func Carry[T any]() BridgeOption { return CarryAs[T](reflect.TypeFor[T]().String()) }

// CarryAs is [Carry] with a name for the type. The name must be the same in all processes.
func CarryAs[T any](name string) BridgeOption {
	t := reflect.TypeFor[T]()
	if t.Kind() == reflect.Interface {
		panic("tethernats: Carry of the interface type " + t.String() + ": values are told apart by their own types")
	}
	if name == "" {
		panic("tethernats: CarryAs without a name")
	}
	return bridgeOption(func(c *bridgeConfig) {
		c.carriers = append(c.carriers, carrier{name, t, connectOut[T], receiveIn[T]})
	})
}

// Prefix makes a [Bridge] use subjects that begin with prefix and a dot. With the prefix
// "shop" the topic "orders.eu" is the subject "shop.orders.eu". So several buses can use
// one server.
func Prefix(prefix string) BridgeOption {
	checkSubject("Prefix", prefix)
	return bridgeOption(func(c *bridgeConfig) { c.prefix = prefix + "." })
}

// Answers makes a [Bridge] answer questions of type Q that other processes ask on subject.
// The responder on the bus for type Q gives the answer. If there is none, they get
// [ErrNobody].
func Answers[A, Q any](subject string) BridgeOption {
	checkSubject("Answers", subject)
	return bridgeOption(func(c *bridgeConfig) {
		c.questions = append(c.questions, func(b *bridge) error {
			return Reply(b.owner, b.conn, subject, func(ctx context.Context, q Q) (A, error) {
				return bus.Ask[A](ctx, b.bus, q)
			})
		})
	})
}

// Asks makes a [Bridge] the responder of its bus for questions of type Q. The Bridge asks
// them on subject. One process cannot have Asks and another responder for one type: the
// second of the two gets [bus.ErrTaken].
func Asks[A, Q any](subject string) BridgeOption {
	checkSubject("Asks", subject)
	return bridgeOption(func(c *bridgeConfig) {
		c.questions = append(c.questions, func(b *bridge) error {
			_, err := bus.Reply(b.owner, b.bus, func(ctx context.Context, q Q) (A, error) {
				return Ask[A](ctx, b.conn, subject, q)
			})
			return err
		})
	})
}

// Bridge joins b with the buses of other processes. A value published to a topic of b goes
// to all other processes that have a Bridge with its type, if the topic matches pattern and
// [Carry] names the type. It is published there if the topic matches their pattern. A value
// that came over a Bridge is never sent back, nor on.
//
//   - The order of each publisher is kept. Publish returns when the local handlers have
//     returned and the value is in the buffer of the connection. If the value could not be
//     sent, that is one of the errors that Publish returns.
//   - Values that come are published on a goroutine of the connection, one after the other,
//     with the trace of the publisher. Errors that the handlers here return are reported. A
//     handler may publish in turn, and that is sent.
//   - Between processes a value is delivered at most once, as with [Subscribe]. The cut-off
//     of owner is as there too. A value that must not be lost goes by [Send] with [Stored],
//     and [Consume].
//   - The Bridge handles all that it carries. So a topic that it carries is Wanted, and no
//     letter says that no handler got a value. Topics of a type, see [bus.For], have no
//     name and are not carried.
//
// [Answers] and [Asks] carry questions. Two Bridges of one bus must not overlap.
func Bridge(owner *tether.Owner, b *bus.Bus, c *Conn, pattern string, opts ...BridgeOption) error {
	checkCall("Bridge", owner, c, opts)
	if b == nil {
		panic("tethernats: Bridge with nil Bus")
	}
	if err := bus.CheckPattern(pattern); err != nil {
		panic("tethernats: Bridge: " + err.Error())
	}
	cfg := bridgeConfig{codec: c.codec}
	for _, opt := range opts {
		opt.bridge(&cfg)
	}
	if len(cfg.carriers) == 0 && len(cfg.questions) == 0 {
		panic("tethernats: Bridge that carries nothing: it needs Carry, Answers or Asks")
	}
	br := &bridge{
		owner: owner.NewChild("bridge " + pattern), bus: b, conn: c, cfg: cfg, origin: nuid.Next(),
		carriers: make(map[string]carrier),
	}
	if err := br.start(pattern); err != nil {
		br.owner.Destroy()
		return err
	}
	return nil
}

type bridge struct {
	owner    *tether.Owner
	bus      *bus.Bus
	conn     *Conn
	cfg      bridgeConfig
	origin   string
	carriers map[string]carrier // by name
}

func (b *bridge) start(pattern string) error {
	for _, c := range b.cfg.carriers {
		if other, taken := b.carriers[c.name]; taken {
			return fmt.Errorf("tethernats: Bridge: both %v and %v go by the name %q", other.goType, c.goType, c.name)
		}
		b.carriers[c.name] = c
	}
	if len(b.carriers) > 0 {
		for name, c := range b.carriers { // before anything comes, see arrival
			c.connect(b, name, pattern)
		}
		l := &listener{
			c: b.conn, o: b.owner, op: "Bridge", subject: b.cfg.prefix + pattern, cfg: b.cfg.sub, received: b.receive,
		}
		if err := l.listen(); err != nil {
			return err
		}
	}
	for _, q := range b.cfg.questions {
		if err := q(b); err != nil {
			return fmt.Errorf("tethernats: Bridge: %w", err)
		}
	}
	return nil
}

// An arrival is the key of a value that the context has with which the Bridge publishes what
// has come: an *atomic.Bool, which is set when the handler of the Bridge itself has let that
// pass.
//
// The handler has the highest priority there is. So the first call of it with that context, for
// that topic and type, is for the value that has come, and what later calls have was published
// by handlers that the context was given to: that is new and goes out. Handlers of Tap come
// before, and their values are told apart by the topic: one that publishes to the very topic of
// what has come is not.
type arrival struct {
	at          *bridge
	topic, name string
}

// connectOut connects to what is published here.
func connectOut[T any](b *bridge, name, pattern string) {
	send := pubConfig{codec: b.cfg.codec}
	bus.Matching[T](b.bus, pattern).Handle(b.owner, func(ctx context.Context, m bus.Message[T]) error {
		if passed, ok := ctx.Value(arrival{b, m.Topic, name}).(*atomic.Bool); ok && passed.CompareAndSwap(false, true) {
			return nil
		}
		h := nats.Header{originHeader: {b.origin}, typeHeader: {name}}
		return b.conn.send(ctx, b.cfg.prefix+m.Topic, m.Value, send, h)
	}, append(slices.Clone(b.cfg.connect), tether.Priority(math.MaxInt))...)
}

// receive publishes here what has come.
func (b *bridge) receive(ctx context.Context, m *nats.Msg) {
	switch origin := m.Header.Get(originHeader); origin {
	case b.origin, "": // its own, or no Bridge's
		return
	}
	c, known := b.carriers[m.Header.Get(typeHeader)]
	if !known {
		return // it is for others
	}
	topic := m.Subject[len(b.cfg.prefix):]
	ctx = context.WithValue(b.conn.context(ctx, m.Header), arrival{b, topic, c.name}, new(atomic.Bool))
	err := bus.CheckName(topic)
	if err == nil {
		err = c.receive(b, ctx, topic, m)
	}
	if err != nil && err != bus.ErrClosed { //nolint:errorlint // that of Publish, not of a handler
		b.conn.report("Bridge", m.Subject, err, m)
	}
}

func receiveIn[T any](b *bridge, ctx context.Context, topic string, m *nats.Msg) error {
	v, err := decode[T](b.cfg.codec, m)
	if err != nil {
		b.conn.undecodable("Bridge", m, err)
		return nil
	}
	return bus.Named[T](b.bus, topic).Publish(ctx, v)
}
