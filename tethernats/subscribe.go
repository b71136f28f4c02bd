package tethernats

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/nats-io/nats.go"

	"github.com/seed-ec287111/tether"
)

// Subscribe returns a source of what is published to subject, which may have wildcards, by
// whomever: at most once. It fires on a goroutine of its own, one message at a time, in the
// order of each publisher. The server knows of the subscription when Subscribe returns; what
// comes before somebody connects to the source is fired too, to nobody.
//
// At the cut-off of owner the source closes, nothing more is handled, and what waits is
// dropped; Destroy waits for the handler that runs. [Conn.Drain] has all of it handled first.
// If the connection is lost, the subscription comes back with it; what is published meanwhile
// is lost. If it is closed, the source closes.
func Subscribe[T any](owner *tether.Owner, c *Conn, subject string, opts ...SubOption) (tether.Source[Msg[T]], error) {
	checkCall("Subscribe", owner, c, opts)
	checkPattern("Subscribe", subject)
	cfg := subConfig{codec: c.codec}
	for _, opt := range opts {
		opt.sub(&cfg)
	}
	o := owner.NewChild("subscribe " + subject)
	signal := tether.NewSignal[Msg[T]](o)
	err := c.listen(o, "Subscribe", subject, cfg, func(_ context.Context, m *nats.Msg) {
		v, err := decode[T](cfg.codec, m)
		if err != nil {
			c.undecodable("Subscribe", m, err)
			return
		}
		signal.Fire(Msg[T]{Subject: m.Subject, Value: v, Header: m.Header})
	}, nil)
	if err != nil {
		o.Destroy()
		return nil, err
	}
	return signal, nil
}

func (c *Conn) undecodable(op string, m *nats.Msg, err error) {
	c.counts.undecodable.Add(1)
	c.report(op, m.Subject, err, m)
}

// listen subscribes, and has a goroutine of o's call received with each message, until o is cut
// off, the Conn drained, or the connection closed. rest is called with those that come to
// nobody as o has been cut off; it may be nil. If listen returns an error, nothing is left but
// o.
func (c *Conn) listen(o *tether.Owner, op, subject string, cfg subConfig, received func(context.Context, *nats.Msg), rest func(*nats.Msg)) error {
	return c.listenTo(&listener{c: c, o: o, op: op, received: received, rest: rest}, subject, cfg)
}

// listenTo is listen with a listener that has fields of its own.
func (c *Conn) listenTo(l *listener, subject string, cfg subConfig) error {
	o, op := l.o, l.op
	fail := func(err error) error { return fmt.Errorf("tethernats: %s %q: %w", op, subject, err) }
	sub, err := c.nc.QueueSubscribeSync(subject, cfg.group)
	if err != nil {
		return fail(err)
	}
	l.sub = sub
	if cfg.msgs > 0 || cfg.bytes > 0 {
		msgs, bytes, err := sub.PendingLimits()
		if cfg.msgs > 0 {
			msgs = cfg.msgs
		}
		if cfg.bytes > 0 {
			bytes = cfg.bytes
		}
		if err = errors.Join(err, sub.SetPendingLimits(msgs, bytes)); err != nil {
			return fail(errors.Join(err, sub.Unsubscribe()))
		}
	}
	if err = c.settled(o); err == nil {
		l.inlet, err = c.enter(o, l.dropped)
	}
	if err == nil && !o.Go(l.run) {
		c.leave(l.inlet)
		err = ErrClosed
	}
	if err != nil {
		_ = sub.Unsubscribe() // err is why
		if !o.Alive() {
			err = ErrClosed
		}
		return fail(err)
	}
	return nil
}

// A listener is a subscription and its loop.
type listener struct {
	c        *Conn
	o        *tether.Owner
	op       string
	sub      *nats.Subscription
	inlet    *inlet
	received func(context.Context, *nats.Msg)
	rest     func(*nats.Msg) // may be nil
	finished func()          // returns when what received has begun is done; may be nil
	lost     atomic.Uint64   // see dropped
}

// dropped returns how many messages nats.go has dropped. A subscription that is closed does not
// say that any more.
func (l *listener) dropped() uint64 {
	if n, err := l.sub.Dropped(); err == nil && n > 0 {
		l.lost.Store(uint64(n))
	}
	return l.lost.Load()
}

// run is the loop. Destroy waits for it. It goes on after a handler's Goexit, which would end
// its goroutine, on another one.
func (l *listener) run(ctx context.Context) {
	over := false
	defer func() {
		if over || !l.o.Go(l.run) {
			l.end()
		}
	}()
	l.loop(ctx)
	over = true
}

func (l *listener) loop(ctx context.Context) {
	for {
		m, err := l.sub.NextMsgWithContext(l.inlet.taking)
		switch {
		case !l.o.Alive(): // its context may not have ended yet
			if err == nil {
				l.drop(m)
			}
			return
		case err == nil:
			l.c.counts.received.Add(1)
			l.received(ctx, m)
		case l.inlet.taking.Err() != nil:
			l.finish(ctx)
			return
		case errors.Is(err, nats.ErrSlowConsumer): // reported by the connection
		default:
			l.c.report(l.op, l.sub.Subject, err, nil)
			return
		}
	}
}

// finish handles what has arrived, as the Conn is drained.
func (l *listener) finish(ctx context.Context) {
	l.close(ctx)
	for {
		if n, _, err := l.sub.Pending(); err != nil || n == 0 || ctx.Err() != nil {
			return
		}
		m, err := l.sub.NextMsgWithContext(ctx)
		switch {
		case err == nil:
			l.c.counts.received.Add(1)
			l.received(ctx, m)
		case !errors.Is(err, nats.ErrSlowConsumer):
			return
		}
	}
}

// close has the server send nothing more. What it had sent before it knew has arrived when its
// answer has.
func (l *listener) close(ctx context.Context) {
	l.dropped()
	if err := l.sub.Drain(); err == nil && l.c.nc.IsConnected() {
		_ = l.c.flush(ctx, lastPatience) // without an answer, what is here is all there is
	}
}

func (l *listener) drop(m *nats.Msg) {
	l.c.counts.dropped.Add(1)
	if l.rest != nil {
		l.rest(m)
	}
}

// end unsubscribes, counts what is left, and ends o, which has nothing to do any more.
func (l *listener) end() {
	if l.rest != nil {
		l.close(context.Background())
	}
	for {
		m, err := l.sub.NextMsg(0)
		if err == nil {
			l.drop(m)
		} else if !errors.Is(err, nats.ErrSlowConsumer) {
			break
		}
	}
	if l.finished != nil {
		l.finished()
	}
	l.c.leave(l.inlet)
	_ = l.sub.Unsubscribe() // it may be closed
	l.o.Cancel(ErrClosed)
}
