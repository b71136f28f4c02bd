package tethernats

import (
	"context"

	"github.com/nats-io/nats.go"

	"github.com/seed-ec287111/tether"
)

// Subscribe returns a source of what is published to subject, which may have wildcards, by
// whomever: at most once. It fires one message at a time, in the order of each publisher. The server knows of the subscription when Subscribe returns; what
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
