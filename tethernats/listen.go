package tethernats

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/seed-ec287111/tether"
)

// A listener is a subscription of o's, whose messages are handled one at a time, on the
// goroutine that nats.go has for it.
//
// Why it is a barrier. What handles is connected to o, by a signal that is fired with each
// message. So at the cut-off nothing more begins, and Destroy waits for what runs, as for any
// handler of o. What nats.go delivers after that finds nobody and is dropped, and counted. No
// goroutine of o's is needed, and no second buffer: what waits is in that of nats.go, whose
// limits count it.
type listener struct {
	c        *Conn
	o        *tether.Owner
	op       string
	subject  string
	cfg      subConfig
	received func(context.Context, *nats.Msg)
	rest     func(*nats.Msg) // is given what is dropped at the end; may be nil
	finished func()          // returns when what received has begun is done; may be nil

	inlet    *inlet
	arrivals tether.Signal[*nats.Msg]
	sub      atomic.Pointer[nats.Subscription]
	draining atomic.Bool   // set before drain looks for sub
	calling  atomic.Bool   // the goroutine of nats.go is in arrive
	took     bool          // the message was handled; that goroutine's alone
	earlier  atomic.Uint64 // dropped by nats.go, by subscriptions before this one
	lost     atomic.Uint64 // by this one, as far as is known
}

// listen begins. If it returns an error, nothing is left but o.
func (l *listener) listen() (err error) {
	defer func() {
		if err != nil {
			if !l.o.Alive() {
				err = ErrClosed
			}
			err = fmt.Errorf("tethernats: %s %q: %w", l.op, l.subject, err)
		}
	}()
	ctx := l.o.Context()
	l.arrivals.Connect(l.o, func(m *nats.Msg) {
		l.took = true
		l.c.counts.received.Add(1)
		l.received(ctx, m)
	})
	if l.inlet, err = l.c.enter(l.drain, l.dropped); err != nil {
		return err
	}
	l.o.Defer(l.end)
	if err = l.subscribe(); err != nil {
		l.over()
		return err
	}
	return l.c.settled(l.o)
}

// subscribe has nats.go call arrive, and over at the end.
func (l *listener) subscribe() error {
	sub, err := l.c.nc.QueueSubscribe(l.subject, l.cfg.group, l.arrive)
	if err != nil {
		return err
	}
	sub.SetClosedHandler(func(string) { l.over() })
	l.sub.Store(sub)
	if l.draining.Load() { // drain has found no subscription, or the one before
		_ = sub.Drain() // as there
	}
	if !l.o.Alive() { // end may have come before
		_ = sub.Unsubscribe() // an error says that it is over already
		return ErrClosed
	}
	if l.cfg.msgs == 0 && l.cfg.bytes == 0 {
		return nil
	}
	msgs, bytes, err := sub.PendingLimits()
	if l.cfg.msgs > 0 {
		msgs = l.cfg.msgs + 1 // nats.go counts the one that is handled too
	}
	if l.cfg.bytes > 0 {
		bytes = l.cfg.bytes
	}
	return errors.Join(err, sub.SetPendingLimits(msgs, bytes))
}

// arrive is called by nats.go with each message.
func (l *listener) arrive(m *nats.Msg) {
	l.calling.Store(true)
	l.took = false
	returned := false
	defer func() {
		l.calling.Store(false)
		if !returned { // a handler has ended the goroutine, by Goexit
			l.renew()
		}
	}()
	l.arrivals.Fire(m)
	returned = true
	if l.took {
		return
	}
	l.c.counts.dropped.Add(1)
	if l.rest != nil {
		l.rest(m)
	}
}

// renew subscribes anew, as nats.go has lost its goroutine, and what waited for that.
func (l *listener) renew() {
	sub := l.sub.Load()
	if waiting, _, err := sub.Pending(); err == nil && waiting > 1 { // the one that was handled included
		l.c.counts.dropped.Add(uint64(waiting - 1))
	}
	l.earlier.Store(l.dropped())
	l.lost.Store(0)
	err := sub.Unsubscribe()
	if err == nil && l.o.Alive() {
		err = l.subscribe()
	}
	if err != nil || !l.o.Alive() {
		l.over()
	}
}

// over is called when nothing more comes: nats.go has handled all of it, or was closed.
func (l *listener) over() {
	if l.finished != nil {
		l.finished()
	}
	if l.o.Alive() && l.c.nc.IsClosed() {
		l.c.report(l.op, l.subject, nats.ErrConnectionClosed, nil)
	}
	l.c.leave(l.inlet)
	l.o.Cancel(ErrClosed)
}

// drain has what has arrived handled. Then nats.go says that it is over.
func (l *listener) drain() {
	l.draining.Store(true)
	if sub := l.sub.Load(); sub != nil { // else subscribe does it
		_ = sub.Drain() // an error says that it is over already
	}
}

// end runs when o unwinds. What has come to nobody is dropped: those who are to be told learn
// it before end returns, unless the handler's own goroutine is the one that unwinds.
func (l *listener) end() {
	sub := l.sub.Load()
	if sub == nil {
		return
	}
	if l.rest != nil && l.c.nc.IsConnected() && sub.Drain() == nil {
		if l.calling.Load() {
			return
		}
		select {
		case <-l.inlet.ended:
			return
		case <-time.After(lastPatience):
		}
	}
	if waiting, _, err := sub.Pending(); err == nil {
		l.c.counts.dropped.Add(uint64(waiting))
	}
	l.dropped()
	_ = sub.Unsubscribe() // it may be closed
}

// dropped returns how many messages nats.go has dropped, as too many waited. A subscription that
// is closed does not say that any more, so it is asked before.
func (l *listener) dropped() uint64 {
	if sub := l.sub.Load(); sub != nil {
		if n, err := sub.Dropped(); err == nil && n > 0 {
			l.lost.Store(uint64(n))
		}
	}
	return l.earlier.Load() + l.lost.Load()
}
