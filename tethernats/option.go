package tethernats

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/check"
)

// An EmbedOption is an option of [Embed]. Each [ConnOption] is one too.
type EmbedOption interface{ embed(*embedConfig) }

// A ConnOption is an option of [Connect] and [Embed].
type ConnOption interface {
	EmbedOption
	conn(*connConfig)
}

// A SubOption is an option of [Subscribe].
type SubOption interface{ sub(*subConfig) }

// A PubOption is an option of [Publish] and [Send].
type PubOption interface{ pub(*pubConfig) }

// A ConsumeOption is an option of [Consume].
type ConsumeOption interface{ consume(*consumeConfig) }

// A CodecOption is an option of everything that has values. [WithCodec] returns one.
type CodecOption interface {
	ConnOption
	SubOption
	PubOption
	ConsumeOption
	BridgeOption
}

type embedConfig struct {
	connConfig
	server  []func(*server.Options)
	started func(*server.Server) // for tests; may be nil
}

type connConfig struct {
	codec Codec
	nats  []nats.Option
	told  func(error)
	propagation
}

type subConfig struct {
	codec       Codec
	group       string
	msgs, bytes int // that may be pending
}

type pubConfig struct {
	codec   Codec
	stored  bool
	connect []tether.ConnectOption
}

type consumeConfig struct {
	codec       Codec
	concurrency int // 0: one at a time, in order
	ahead       int
	ackWait     time.Duration
	idle        time.Duration // how often the server says that it is there while it has nothing
	maxDeliver  int           // 0: no end
	deadLetters string
	backoff     []time.Duration
	configure   []func(*jetstream.ConsumerConfig)
}

type (
	embedOption   func(*embedConfig)
	connOption    func(*connConfig)
	subOption     func(*subConfig)
	bothOption    func(*subConfig)
	pubOption     func(*pubConfig)
	withOption    []tether.ConnectOption
	consumeOption func(*consumeConfig)
	codecOption   struct{ Codec }
)

func (f embedOption) embed(c *embedConfig)       { f(c) }
func (f connOption) embed(c *embedConfig)        { f(&c.connConfig) }
func (f connOption) conn(c *connConfig)          { f(c) }
func (f subOption) sub(c *subConfig)             { f(c) }
func (f bothOption) sub(c *subConfig)            { f(c) }
func (f bothOption) bridge(c *bridgeConfig)      { f(&c.sub) }
func (f pubOption) pub(c *pubConfig)             { f(c) }
func (o withOption) pub(c *pubConfig)            { c.connect = append(c.connect, o...) }
func (o withOption) bridge(c *bridgeConfig)      { c.connect = append(c.connect, o...) }
func (f consumeOption) consume(c *consumeConfig) { f(c) }
func (o codecOption) embed(c *embedConfig)       { c.codec = o.Codec }
func (o codecOption) conn(c *connConfig)         { c.codec = o.Codec }
func (o codecOption) sub(c *subConfig)           { c.codec = o.Codec }
func (o codecOption) pub(c *pubConfig)           { c.codec = o.Codec }
func (o codecOption) consume(c *consumeConfig)   { c.codec = o.Codec }
func (o codecOption) bridge(c *bridgeConfig)     { c.codec = o.Codec }

// WithCodec sets how values become bytes. Given to [Connect] or [Embed] it holds for all
// that is done with the [Conn], its [Ask] and [Reply] included. A codec given to a single
// call has precedence. The default is [JSON].
func WithCodec(codec Codec) CodecOption {
	if check.Nil(codec) {
		panic("tethernats: WithCodec with nil Codec")
	}
	return codecOption{codec}
}

// Options passes options on to nats.go: addresses, TLS, credentials, tokens, the size of
// the buffer for what is published while there is no connection. They are applied after the
// package's own options, by which a lost connection is tried again for ever, each half
// second.
//
// Handlers of a connection's events that are given this way are called on a queue of the
// Conn. So they may destroy owners.
func Options(opts ...nats.Option) ConnOption {
	if slices.ContainsFunc(opts, func(o nats.Option) bool { return o == nil }) {
		panic("tethernats: Options with nil option")
	}
	return connOption(func(c *connConfig) { c.nats = append(c.nats, opts...) })
}

// OnError arranges for f to get the errors that no call can return: messages that can't be
// decoded, handlers of [Consume] that fail, drops at a slow consumer, values that could not
// be published, and what the server says. Nearly all are of type *[Error]. Without OnError
// they are logged, by package slog.
//
// f is called for one error at a time, on a queue that ends with the Conn. Later errors are
// logged. The queue has room for 1024 errors. Those that come when it is full are counted
// in [Stats].
func OnError(f func(error)) ConnOption {
	if f == nil {
		panic("tethernats: OnError with nil function")
	}
	return connOption(func(c *connConfig) { c.told = f })
}

// Propagate sets how a context's trace gets into the header of a message and out of it, in
// addition to [WithTrace]. It is for libraries that keep the trace in a place of their own.
// [nats.Header] has the methods Get, Set and Values.
func Propagate(inject func(ctx context.Context, h nats.Header), extract func(ctx context.Context, h nats.Header) context.Context) ConnOption {
	if inject == nil || extract == nil {
		panic("tethernats: Propagate with nil function")
	}
	return connOption(func(c *connConfig) { c.propagation = propagation{inject, extract} })
}

// Server arranges for f to change the options of the embedded server before it starts:
// accounts, TLS, limits. f is called once.
func Server(f func(*server.Options)) EmbedOption {
	if f == nil {
		panic("tethernats: Server with nil function")
	}
	return embedOption(func(c *embedConfig) { c.server = append(c.server, f) })
}

// Listen makes the embedded server listen for other processes. The port 0 stands for any
// free port: see [Conn.URL].
func Listen(host string, port int) EmbedOption {
	if port < 0 || port > 65535 {
		panic(fmt.Sprintf("tethernats: Listen with port %d", port))
	}
	return Server(func(o *server.Options) {
		o.DontListen, o.Host, o.Port = false, host, port
		if port == 0 {
			o.Port = server.RANDOM_PORT
		}
	})
}

// Group makes the subscription a member of a group. Of all subscriptions with the same
// subject and group, in all processes, one gets the message.
func Group(name string) SubOption { return subOption(func(c *subConfig) { c.group = name }) }

// Pending sets how many messages, and how many bytes of them, may wait for the handlers. 0
// leaves a number as it is. A message that comes when there is no room is dropped, counted
// in [Stats], and reported. The default is that of nats.go, 512 Ki and 64 MiB.
func Pending(msgs, bytes int) interface {
	SubOption
	BridgeOption
} {
	if msgs < 0 || bytes < 0 {
		panic(fmt.Sprintf("tethernats: Pending with %d and %d", msgs, bytes))
	}
	return bothOption(func(c *subConfig) { c.msgs, c.bytes = msgs, bytes })
}

// Stored arranges for a value to be published to a stream. The call that publishes it waits
// until a stream has stored it, or until it is known that no stream does. While the
// connection is lost, it is tried again for ten seconds, with an id by which the stream
// knows the value.
func Stored() PubOption { return pubOption(func(c *pubConfig) { c.stored = true }) }

// With passes options on, such as [tether.On]. For [Publish] they go to the Connect of the
// source that is published. For a [Bridge] they go to the Connect of the topics that it
// sends. With has no effect on [Send].
func With(opts ...tether.ConnectOption) interface {
	PubOption
	BridgeOption
} {
	return withOption(opts)
}

// Concurrency gives up the order. Up to n messages are handled at once, and messages are
// fetched ahead of that. With n = 1 messages are handled one at a time, and in order as
// long as no handler fails. A message that failed comes again after those behind it.
func Concurrency(n int) ConsumeOption {
	if n < 1 {
		panic(fmt.Sprintf("tethernats: Concurrency of %d", n))
	}
	return consumeOption(func(c *consumeConfig) { c.concurrency = n })
}

// Ahead sets how many messages a [Consume] with [Concurrency] holds at most: those that are
// handled and those that wait for it. The default is 256 more than are handled at once.
func Ahead(n int) ConsumeOption {
	if n < 1 {
		panic(fmt.Sprintf("tethernats: Ahead of %d", n))
	}
	return consumeOption(func(c *consumeConfig) { c.ahead = n })
}

// AckWait sets the time after which a message is delivered to another process if the
// process that had it is gone. As long as that process lives and is connected, it tells the
// server that the message is in work. So a handler may take as long as it needs. AckWait is
// also how long a message stays away that was on its way when the connection was lost. The
// default is 10 s.
func AckWait(d time.Duration) ConsumeOption {
	if d < 10*time.Millisecond {
		panic(fmt.Sprintf("tethernats: AckWait of %v", d))
	}
	return consumeOption(func(c *consumeConfig) { c.ackWait = d })
}

// MaxDeliver limits the tries. If a message was delivered n times or more and its handling
// fails, it is published to the subject deadLetters, with headers that say why, see
// [HeaderError]. A stream must store that subject. A message that can't be decoded is
// published there at once. Without MaxDeliver a message is tried for ever.
//
// The server counts deliveries, whatever becomes of them. So a message that was given back,
// or whose process was killed, has fewer tries left. A message that was delivered more than
// 10 n times becomes a dead letter without being handled, as it may be what kills the
// processes.
func MaxDeliver(n int, deadLetters string) ConsumeOption {
	if n < 1 {
		panic(fmt.Sprintf("tethernats: MaxDeliver of %d", n))
	}
	checkSubject("MaxDeliver", deadLetters)
	return consumeOption(func(c *consumeConfig) { c.maxDeliver, c.deadLetters = n, deadLetters })
}

// Backoff sets the times after which a message that failed is delivered again: ds[0] after
// the first delivery, ds[1] after the second, and the last one from then on. The default is
// 100 ms, 500 ms, 2 s, 10 s and one minute.
func Backoff(ds ...time.Duration) ConsumeOption {
	if len(ds) == 0 || slices.Min(ds) < 0 {
		panic(fmt.Sprintf("tethernats: Backoff of %v", ds))
	}
	return consumeOption(func(c *consumeConfig) { c.backoff = slices.Clone(ds) })
}

// Configure arranges for f to change the configuration of the durable consumer: where it
// begins, which subjects it gets. The fields that [Consume] itself relies on are set after
// that.
func Configure(f func(*jetstream.ConsumerConfig)) ConsumeOption {
	if f == nil {
		panic("tethernats: Configure with nil function")
	}
	return consumeOption(func(c *consumeConfig) { c.configure = append(c.configure, f) })
}
