package tethernats

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/check"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/scope"
	"github.com/seed-ec287111/tether/internal/undo"
)

// Publish publishes what src fires to subject, until owner is destroyed or the connection
// ends in another way. It encodes the value and puts it into the buffer of the connection.
// That happens on the goroutine that fires, or on that of a queue, see [With]. With
// [Stored] it waits there until a stream has the value. A value that could not be published
// is counted in [Stats] and reported.
//
// While there is no connection, values wait in a buffer, and are sent when the connection
// is back. The buffer has 8 MiB unless [Options] say otherwise. A value that comes when it
// is full is refused. If src panics when it is connected to, nothing of Publish is left.
// With [Stored], Destroy of owner waits for a value that is on its way, ten seconds at
// most.
func Publish[T any](owner *tether.Owner, src tether.Source[T], c *Conn, subject string, opts ...PubOption) (*tether.Connection, error) {
	checkCall("Publish", owner, c, opts)
	if check.Nil(src) {
		panic("tethernats: Publish with nil Source")
	}
	checkSubject("Publish", subject)
	cfg := pubConfig{codec: c.codec}
	for _, opt := range opts {
		opt.pub(&cfg)
	}
	if !c.owner.Alive() || c.nc.IsClosed() {
		return new(tether.Connection), ErrClosed
	}
	handler := func(v T) {
		if err := c.sendOf(owner, subject, v, cfg); err != nil {
			c.report("Publish", subject, err, nil)
		}
	}
	conn := undo.Connect(owner, src, handler, cfg.connect...)
	handle.Attribute(conn, scope.PC(Publish[T]))
	return conn, nil
}

// sendOf sends what was fired to a handler of owner. After the cut-off, when a queue hands out
// what it has accepted, there is less time for each: the end must not take for ever.
func (c *Conn) sendOf(owner *tether.Owner, subject string, v any, cfg pubConfig) error {
	ctx := context.WithoutCancel(owner.Context())
	if owner.Alive() {
		return c.send(ctx, subject, v, cfg, nil)
	}
	if cfg.stored && !c.nc.IsConnected() {
		c.counts.refused.Add(1)
		return nats.ErrDisconnected
	}
	ctx, cancel := context.WithTimeout(ctx, lastPatience)
	defer cancel()
	return c.send(ctx, subject, v, cfg, nil)
}

// Send publishes v to subject, with the trace of ctx. With [Stored] it waits until a stream
// has v, or until ctx ends. If ctx has ended already, Send sends nothing. For a value that
// is not stored the end of ctx has no other meaning.
func Send[T any](ctx context.Context, c *Conn, subject string, v T, opts ...PubOption) error {
	c.check("Send")
	if ctx == nil {
		panic("tethernats: Send with nil context")
	}
	checkSubject("Send", subject)
	cfg := pubConfig{codec: c.codec}
	for _, opt := range opts {
		if check.Nil(opt) {
			panic("tethernats: Send with nil option")
		}
		opt.pub(&cfg)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := c.send(ctx, subject, v, cfg, nil); err != nil {
		return fmt.Errorf("tethernats: Send to %q: %w", subject, err)
	}
	return nil
}

// send publishes v, with h in the header.
func (c *Conn) send(ctx context.Context, subject string, v any, cfg pubConfig, h nats.Header) error {
	data, err := cfg.codec.Encode(v)
	if err == nil {
		switch h = c.header(ctx, h); {
		case cfg.stored:
			err = c.store(ctx, &nats.Msg{Subject: subject, Data: data, Header: h}, nuid.Next())
		case h != nil:
			err = c.nc.PublishMsg(&nats.Msg{Subject: subject, Data: data, Header: h})
		default:
			err = c.nc.Publish(subject, data)
		}
	}
	if err != nil {
		c.counts.refused.Add(1)
		return err
	}
	c.counts.published.Add(1)
	return nil
}

// store publishes m until a stream has it. With the id the stream knows what it has already.
func (c *Conn) store(ctx context.Context, m *nats.Msg, id string) error {
	for until := time.Now().Add(patience); ; {
		err := c.try(ctx, until, m, id)
		if err == nil || !c.passing(err) || time.Now().After(until) {
			return err
		}
		select {
		case <-time.After(50 * time.Millisecond): // arbitrary
		case <-ctx.Done():
			return errors.Join(err, context.Cause(ctx))
		}
	}
}

// try is one try of store. If the connection is lost meanwhile, the answer may be too, so it is
// not waited for.
func (c *Conn) try(ctx context.Context, until time.Time, m *nats.Msg, id string) error {
	ctx, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	line := c.line.Load()
	defer context.AfterFunc(line.up, cancel)()
	_, err := c.js.PublishMsg(ctx, m, jetstream.WithMsgID(id))
	if err != nil && line.up.Err() != nil {
		return nats.ErrDisconnected
	}
	return err
}

// passing reports whether err says that the server could not be asked: then nobody knows
// whether it has the message, and it makes sense to ask again.
func (c *Conn) passing(err error) bool {
	switch {
	case c.nc.IsClosed():
		return false
	case errors.Is(err, nats.ErrDisconnected), errors.Is(err, nats.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return true
	}
	return !c.nc.IsConnected() && !errors.Is(err, nats.ErrReconnectBufExceeded)
}
