package tethernats

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/scope"
)

// Consume arranges for f to handle the messages of a stream, at least once each, until
// owner is destroyed. durable is the name under which the server remembers what has been
// handled. The next Consume with that name, in whatever process, goes on there. All that
// have the name at one time share the messages. Consume makes the durable if it is not
// there. Otherwise it gives it the options of this call.
//
//   - If f returns nil, the message is acknowledged.
//   - If f returns an error, [OnError] gets it, and the message is given back. It is
//     delivered again after a time that grows, see [Backoff] and [MaxDeliver]. The same
//     holds if f panics and owner has a panic handler.
//   - Messages are handled one at a time, in the order of the stream, by one of all the
//     processes. A message that fails holds up those behind it. [Concurrency] gives up the
//     order, and is faster.
//   - A message that can't be decoded is reported, and is not delivered again.
//
// Destroy of owner is a barrier. Nothing more is fetched. Destroy waits until f has
// returned, and until the server has accepted what f has said. What was fetched and not
// begun is given back at once. So is a message for which f has returned an error after the
// cut-off. If the server can't be reached, Destroy waits for it for some seconds, and
// reports [ErrUnconfirmed].
//
// ctx has the trace of the message, and ends at the cut-off of owner. If f has writes of
// its own that must be finished then, give them [context.WithoutCancel] of ctx.
//
// If the connection is lost, Consume goes on when it is back. If the connection is closed,
// or the durable or the stream is deleted, Consume ends and reports that.
func Consume[T any](owner *tether.Owner, c *Conn, stream, durable string, f func(ctx context.Context, m Msg[T]) error, opts ...ConsumeOption) error {
	checkCall("Consume", owner, c, opts)
	checkName("Consume", "stream", stream)
	checkName("Consume", "durable", durable)
	if f == nil {
		panic("tethernats: Consume with nil function")
	}
	cfg := consumeConfig{
		codec: c.codec, ackWait: 10 * time.Second, idle: 5 * time.Second,
		backoff: []time.Duration{100 * time.Millisecond, 500 * time.Millisecond, 2 * time.Second, 10 * time.Second, time.Minute},
	}
	for _, opt := range opts {
		opt.consume(&cfg)
	}
	o := owner.NewChild("consume " + durable)
	var handled tether.Signal[*call[Msg[T], struct{}]]
	in := handle.Scope("", o)
	g := func(ctx context.Context, m Msg[T]) (none struct{}, err error) { return none, f(ctx, m) }
	handle.Attribute(handled.Connect(o, func(d *call[Msg[T], struct{}]) { d.run(in, g) }), scope.PC(f))
	k := &consumer{c: c, o: o, cfg: cfg, stream: stream, durable: durable}
	k.handle = func(ctx context.Context, m *nats.Msg, meta *nats.MsgMetadata) (outcome, error) {
		v, err := decode[T](cfg.codec, m)
		if err != nil {
			return undecodable, err
		}
		d := &call[Msg[T], struct{}]{ctx: c.context(ctx, m.Header), in: Msg[T]{
			Subject: m.Subject, Value: v, Header: m.Header,
			Sequence: meta.Sequence.Stream, Delivered: int(meta.NumDelivered), Stored: meta.Timestamp,
		}}
		handled.Fire(d)
		switch {
		case !d.begun:
			return untouched, nil
		case d.err != nil:
			return failed, d.err
		}
		return done, nil
	}
	if err := k.start(); err != nil {
		o.Destroy()
		return fmt.Errorf("tethernats: Consume %q of %q: %w", durable, stream, err)
	}
	return nil
}

// checkName panics if s is not the name of a stream or durable.
func checkName(op, what, s string) {
	if s == "" || strings.ContainsAny(s, " \t\r\n\f\v\x00.*>/\\") {
		panic(fmt.Sprintf("tethernats: %s with %s %q, which is no name", op, what, s))
	}
}

// start makes the durable, and begins.
func (k *consumer) start() error {
	o := k.o
	ctx, cancel := context.WithTimeout(o.Context(), patience)
	defer cancel()
	cfg := jetstream.ConsumerConfig{}
	for _, f := range k.cfg.configure {
		f(&cfg)
	}
	cfg.Name, cfg.Durable = "", k.durable
	cfg.AckPolicy = jetstream.AckExplicitPolicy
	cfg.AckWait = k.cfg.ackWait
	cfg.MaxDeliver = -1 // it is counted here, as the server drops what comes to the end
	cfg.BackOff = nil
	cfg.MaxAckPending = 1 // by which the server keeps the order, whoever asks
	workers := max(1, k.cfg.concurrency)
	k.limit = workers + 256
	if k.cfg.concurrency > 0 {
		cfg.MaxAckPending = -1
		if k.cfg.ahead > 0 {
			k.limit = k.cfg.ahead
		}
	}
	if k.cfg.maxDeliver > 0 {
		if _, err := k.c.js.StreamNameBySubject(ctx, k.cfg.deadLetters); err != nil {
			return fmt.Errorf("dead letters to %q: %w", k.cfg.deadLetters, err)
		}
	}
	if _, err := k.c.js.CreateOrUpdateConsumer(ctx, k.stream, cfg); err != nil {
		if !o.Alive() {
			return ErrClosed
		}
		return err
	}
	return k.run(workers)
}

// backoff returns the time after which a message that was delivered n times is to come again.
func (c *consumeConfig) delay(n uint64) time.Duration {
	i := min(n, uint64(len(c.backoff))) // the server counts from 1
	return c.backoff[max(i, 1)-1]
}

// own returns the headers of a message without those that say something to a stream.
func own(h nats.Header) nats.Header {
	kept := make(nats.Header, len(h)+8)
	for key, values := range h {
		if !strings.HasPrefix(key, "Nats-") {
			kept[key] = slices.Clone(values)
		}
	}
	return kept
}
