package tethernats

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/nats-io/nats.go"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/scope"
	"github.com/seed-ec287111/tether/internal/visit"
)

// errorHeader has the text of a responder's error, instead of an answer.
const errorHeader = "Tether-Error"

// answering is how many questions one Reply answers at once. Arbitrary.
const answering = 64

// Reply arranges for f to answer the questions that [Ask] asks on subject, in whatever
// process, until owner is destroyed. If several reply on one subject, one of them gets the
// question. f is called for up to 64 questions at once, each on a goroutine of its own, as
// f may have to ask in turn.
//
// ctx has the trace of the caller of Ask. It ends at the cut-off of owner. It does not end
// with the context of Ask. If f returns an error, Ask returns it as a *[RemoteError]. So it
// does with a panic of f, if owner has a panic handler. ErrNobody itself, not wrapped, stays what
// it is: nobody has answered, as where f passes the question on. At the cut-off the questions that
// still wait for their turn get [ErrNobody]. Destroy waits until the others have their
// answers.
func Reply[A, Q any](owner *tether.Owner, c *Conn, subject string, f func(context.Context, Q) (A, error)) error {
	checkCall[SubOption]("Reply", owner, c, nil)
	checkPattern("Reply", subject)
	if f == nil {
		panic("tethernats: Reply with nil function")
	}
	o := owner.NewChild("reply " + subject)
	var asked tether.Signal[*call[Q, A]]
	in := handle.Scope("", o)
	conn := asked.Connect(o, func(q *call[Q, A]) { q.run(in, f) })
	handle.Attribute(conn, scope.PC(f))
	slots := make(chan struct{}, answering)
	nobody := func(m *nats.Msg) {
		_ = c.nc.PublishMsg(&nats.Msg{Subject: m.Reply, Header: nats.Header{"Status": {"503"}}}) // else it waits for its context
	}
	take := func(ctx context.Context, m *nats.Msg) {
		if m.Reply == "" {
			c.report("Reply", m.Subject, errors.New("a message that is no question"), m)
			return
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			nobody(m)
			return
		}
		if !o.Go(func(ctx context.Context) {
			defer func() { <-slots }()
			answer(c, ctx, &asked, m, nobody)
		}) {
			nobody(m)
			<-slots
		}
	}
	all := func() {
		for range answering {
			slots <- struct{}{}
		}
	}
	l := &listener{
		c: c, o: o, op: "Reply", subject: subject, cfg: subConfig{group: "tether"}, received: take, rest: nobody, finished: sync.OnceFunc(all),
	}
	err := l.listen()
	if err != nil {
		o.Destroy()
	}
	return err
}

// errLost is the error of a handler that has returned nothing, as by [runtime.Goexit].
var errLost = errors.New("the handler did not return")

// A call is a value on its way through a handler that answers.
type call[In, Out any] struct {
	ctx   context.Context
	in    In
	begun bool // the handler was called
	out   Out
	err   error // what it returned, or its panic
}

// run calls the handler. It is called by a signal, which has announced that.
func (q *call[In, Out]) run(owner *scope.Scope, f func(context.Context, In) (Out, error)) {
	q.begun, q.err = true, errLost
	q.err = visit.One(q.ctx, owner, func(ctx context.Context) (err error) {
		q.out, err = f(ctx, q.in)
		return err
	}, func() any { return q.in })
}

// answer answers one question.
func answer[A, Q any](c *Conn, ctx context.Context, asked *tether.Signal[*call[Q, A]], m *nats.Msg, nobody func(*nats.Msg)) {
	v, err := decode[Q](c.codec, m)
	if err != nil {
		c.undecodable("Reply", m, err)
		c.respond(m, nil, err)
		return
	}
	q := &call[Q, A]{ctx: c.context(ctx, m.Header), in: v}
	defer func() {
		if !q.begun || q.err == ErrNobody { //nolint:errorlint // wrapped, it says what f has asked in turn
			nobody(m)
			return
		}
		var data []byte
		if q.err == nil {
			data, q.err = c.codec.Encode(q.out)
		}
		c.respond(m, data, q.err)
	}()
	asked.Fire(q)
}

func (c *Conn) respond(m *nats.Msg, data []byte, err error) {
	r := &nats.Msg{Subject: m.Reply, Data: data}
	if err != nil {
		r.Header = nats.Header{errorHeader: {headerText(err)}}
	}
	if err := c.nc.PublishMsg(r); err != nil {
		c.report("Reply", m.Subject, err, m)
		if r.Data != nil { // it may be too large
			r.Data, r.Header = nil, nats.Header{errorHeader: {headerText(err)}}
			_ = c.nc.PublishMsg(r) // who asks waits for its context
		}
	}
}

// Ask sends the question q to a responder on subject, in this process or another, with the
// trace of ctx, and waits for the answer. If there is no responder, it returns [ErrNobody]
// at once. If ctx ends first, it returns the cause. It returns the responder's error as a
// *[RemoteError]. If the responder's process dies or the connection is lost between
// question and answer, Ask does not learn of it: give ctx a deadline.
//
//	price, err := tethernats.Ask[Price](ctx, c, "prices", PriceOf{"ham"})
func Ask[A, Q any](ctx context.Context, c *Conn, subject string, q Q) (a A, err error) {
	c.check("Ask")
	if ctx == nil {
		panic("tethernats: Ask with nil context")
	}
	checkSubject("Ask", subject)
	data, err := c.codec.Encode(q)
	if err != nil {
		return a, fmt.Errorf("tethernats: Ask %q: %w", subject, err)
	}
	m, err := c.nc.RequestMsgWithContext(ctx, &nats.Msg{Subject: subject, Data: data, Header: c.header(ctx, nil)})
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return a, ErrNobody
	case errors.Is(err, nats.ErrConnectionClosed):
		return a, ErrClosed
	case err != nil && ctx.Err() != nil:
		return a, context.Cause(ctx)
	case err != nil:
		return a, fmt.Errorf("tethernats: Ask %q: %w", subject, err)
	}
	if text, failed := m.Header[errorHeader]; failed {
		return a, &RemoteError{Subject: subject, Text: text[0]}
	}
	if a, err = decode[A](c.codec, m); err != nil {
		return a, fmt.Errorf("tethernats: Ask %q: %w", subject, err)
	}
	return a, nil
}
