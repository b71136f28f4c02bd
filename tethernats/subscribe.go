package tethernats

import (
	"context"

	"github.com/nats-io/nats.go"

	"github.com/seed-ec287111/tether"
)

// Subscribe returns a source of what is published to subject, in whatever process. subject
// may have wildcards. A message is delivered at most once. The source fires one message at
// a time, in the order of each publisher. The server knows of the subscription when
// Subscribe returns. A message that comes before a handler is connected to the source is
// fired too, and no handler gets it.
//
// At the cut-off of owner the source closes, nothing more is handled, and messages that
// wait are dropped. Destroy waits for the handler that runs. To have all of them handled
// first, call [Conn.Drain]. If the connection is lost, the subscription comes back with it,
// and what is published meanwhile is lost. If the connection is closed, the source closes.
//
// A handler that ends its goroutine by [runtime.Goexit] ends that of the subscription. Then
// Subscribe's source subscribes anew. The messages that wait are dropped and counted, and what
// is published until the server knows of the new subscription is lost.
func Subscribe[T any](owner *tether.Owner, c *Conn, subject string, opts ...SubOption) (tether.Source[Msg[T]], error) {
	checkCall("Subscribe", owner, c, opts)
	checkPattern("Subscribe", subject)
	cfg := subConfig{codec: c.codec}
	for _, opt := range opts {
		opt.sub(&cfg)
	}
	o := owner.NewChild("subscribe " + subject)
	signal := tether.NewSignal[Msg[T]](o)
	l := &listener{c: c, o: o, op: "Subscribe", subject: subject, cfg: cfg}
	l.received = func(_ context.Context, m *nats.Msg) {
		v, err := decode[T](cfg.codec, m)
		if err != nil {
			c.undecodable("Subscribe", m, err)
			return
		}
		signal.Fire(Msg[T]{Subject: m.Subject, Value: v, Header: m.Header})
	}
	if err := l.listen(); err != nil {
		o.Destroy()
		return nil, err
	}
	return signal, nil
}

func (c *Conn) undecodable(op string, m *nats.Msg, err error) {
	c.counts.undecodable.Add(1)
	c.report(op, m.Subject, err, m)
}
