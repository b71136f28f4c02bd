package model

import (
	"context"

	"github.com/seed-ec287111/tether"
)

// library is the world that is put to the test.
type library struct {
	owners  []*tether.Owner
	signals []*tether.Signal[int]
	conns   []*tether.Connection
	queues  []*tether.Queue
}

func (l *library) newOwner(parent int, super func(any), staged bool) {
	var opts []tether.OwnerOption
	if staged {
		opts = append(opts, tether.Staged())
	}
	if super != nil {
		opts = append(opts, tether.WithPanicHandler(func(e *tether.PanicError) { super(e.Value) }))
	}
	if parent < 0 {
		l.owners = append(l.owners, tether.NewOwner("r", opts...))
	} else {
		l.owners = append(l.owners, l.owners[parent].NewChild("c", opts...))
	}
}

func (l *library) destroy(o int) error { return l.owners[o].Destroy() }
func (l *library) destroyContext(o int) error {
	return l.owners[o].DestroyContext(context.Background())
}

func (l *library) cancel(o int, cause error) { l.owners[o].Cancel(cause) }

func (l *library) waiter(owners []int) (wait func()) {
	var due []*tether.Owner
	for _, o := range owners {
		due = append(due, l.owners[o])
	}
	return func() {
		for _, o := range due {
			<-o.Ended()
		}
	}
}

func (l *library) deferred(o int, f func()) (stop func() bool) { return l.owners[o].Defer(f) }

type closer func() error

func (c closer) Close() error { return c() }

func (l *library) own(o int, f func() error) { tether.Own(l.owners[o], closer(f)) }

func (l *library) ownBlocking(o int, f func() error) { tether.OwnBlocking(l.owners[o], closer(f)) }

func (l *library) interrupt(o int, f func()) (stop func() bool) {
	return l.owners[o].Interrupt(f)
}

func (l *library) alive(o int) bool         { return l.owners[o].Alive() }
func (l *library) cause(o int) error        { return context.Cause(l.owners[o].Context()) }
func (l *library) stats(o int) tether.Stats { return l.owners[o].Stats() }

func (l *library) ended(o int) bool {
	select {
	case <-l.owners[o].Ended():
		return true
	default:
		return false
	}
}

func (l *library) newSignal(o int, activate func(o int)) {
	if o < 0 {
		l.signals = append(l.signals, new(tether.Signal[int]))
		return
	}
	var opts []tether.SignalOption
	if activate != nil {
		opts = append(opts, tether.WhileActive(func(active *tether.Owner) {
			l.owners = append(l.owners, active)
			activate(len(l.owners) - 1)
		}))
	}
	l.signals = append(l.signals, tether.NewSignal[int](l.owners[o], opts...))
}

func (l *library) connect(k kind, s, o, q, priority int, handler func(v int)) {
	opts := []tether.ConnectOption{tether.Priority(priority)}
	if q >= 0 {
		opts = append(opts, tether.On(l.queues[q]))
	}
	var c *tether.Connection
	switch k {
	case connect:
		c = l.signals[s].Connect(l.owners[o], handler, opts...)
	case once:
		c = l.signals[s].Once(l.owners[o], handler, opts...)
	case connectSelf:
		c = l.signals[s].ConnectSelf(l.owners[o], func(self *tether.Connection, v int) {
			if self != c {
				panic("a handler was given another connection than its own")
			}
			handler(v)
		}, opts...)
	}
	l.conns = append(l.conns, c)
}

func (l *library) disconnect(c int) bool      { return l.conns[c].Disconnect() }
func (l *library) disconnectAll(s int)        { l.signals[s].DisconnectAll() }
func (l *library) connected(c int) bool       { return l.conns[c].Connected() }
func (l *library) mute(c int) (unmute func()) { return l.conns[c].Mute() }
func (l *library) fire(s, v int)              { l.signals[s].Fire(v) }
func (l *library) signalLen(s int) int        { return l.signals[s].Len() }

func (l *library) newQueue(o, capacity int, overflow tether.Overflow) {
	l.queues = append(l.queues, tether.NewQueue(l.owners[o], capacity, overflow, tether.Manual()))
}

func (l *library) drain(q int) int    { return l.queues[q].Drain() }
func (l *library) queueLen(q int) int { return l.queues[q].Len() }
func (l *library) dropped(q int) int  { return int(l.queues[q].Dropped()) }
