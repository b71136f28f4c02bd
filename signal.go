package tether

import (
	"github.com/seed-ec287111/tether/internal/connlist"
	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/scope"
)

// A Source is what a subscriber needs of a signal: it hides Fire. It is small so
// that users can wrap it, to filter or convert; [NewSource] makes one of a single
// function, with a Once that is right. What a wrapper returns is the Connection whose
// end ends the subscription.
type Source[T any] interface {
	Connect(owner *Owner, handler func(T), opts ...ConnectOption) *Connection
	Once(owner *Owner, handler func(T), opts ...ConnectOption) *Connection
}

// A Signal calls the handlers connected to it with each value fired.
//
// The zero Signal is ready for use and never closes; [NewSignal] makes one that
// closes with its owner. A Signal must not be copied after its first use. All
// methods may be called by multiple goroutines at once, and from handlers.
type Signal[T any] struct {
	_ noCopy
	_ [0]*T // no conversion between signals of different types

	list connlist.List
}

// noCopy makes go vet's copylocks find copies.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// A SignalOption is an option of [NewSignal].
type SignalOption interface{ signal(*signalConfig) }

type signalConfig struct {
	active func(*Owner)
	name   string // of the owners that active is called with
	inTurn bool
}

type signalOption func(*signalConfig)

func (f signalOption) signal(c *signalConfig) { f(c) }

// WhileActive arranges for f to be called when the signal gets its first connection,
// with an owner that lives until the last one ends: a place to start what the
// handlers need, a poller or an upstream subscription, and have it stopped when nobody
// listens any more.
//
// f runs on the connecting goroutine, before its Connect returns and with no
// lock held; inside f, Destroy behaves as in a handler. active is a child of the
// signal's owner, named "active", and ends as if by [Owner.Cancel]: it is cut off at once, and
// unwound on a goroutine of its own, so that [Connection.Disconnect] stays safe
// under any lock. A new active begins only after the one before was cut off. A
// panic in f goes on to the caller of Connect, unless the signal's owner has a
// panic handler; the connection stands either way.
//
// active is named after the type of the values, as in "active signal of string".
//
// f never runs twice at once, and its calls come in the order of the owners. If f
// still runs for an owner of before when the next first connection is made, then that
// Connect returns at once, and the goroutine which is in f calls it again after that. An
// owner that has ended before its call is passed over.
func WhileActive(f func(active *Owner)) SignalOption {
	if f == nil {
		panic("tether: WhileActive with nil function")
	}
	return signalOption(func(c *signalConfig) { c.active = f })
}

// CloseInTurn makes a signal that closes at its turn in the unwinding of its owner, among
// the cleanups, and not at the cut-off. So goroutines of the owner that drain, and cleanups
// registered after the signal, may still fire it, to subscribers of other owners: for a
// last word. Those of the owner itself ended at the cut-off.
//
// The signal is held by a child named "signal", which is alive until that turn. With
// [WhileActive], active is a child of that one, and so is cut off at the same turn.
//
// A [Wait] on such a signal in a goroutine of the same owner must be given the owner's
// context, as the owner waits for the goroutine before it closes the signal.
func CloseInTurn() SignalOption {
	return signalOption(func(c *signalConfig) { c.inTurn = true })
}

// activeName sets the name of the owners that the function of WhileActive is called with.
func activeName(name string) SignalOption {
	return signalOption(func(c *signalConfig) { c.name = name })
}

// NewSignal returns a signal that closes with owner: its connections end at the
// cut-off, further ones are born dead, and Fire does nothing. The owner holds
// the signal until then; give signals that come and go an owner that does too.
func NewSignal[T any](owner *Owner, opts ...SignalOption) *Signal[T] {
	holder := owner.check("NewSignal")
	c := signalConfig{name: "active"}
	for _, opt := range opts {
		if opt == nil {
			panic("tether: NewSignal with nil option")
		}
		opt.signal(&c)
	}
	if c.inTurn {
		holder = holder.NewTurn("signal", placed())
	}
	s := new(Signal[T])
	if c.active != nil {
		s.list.WhileActive(owner.activity(holder, c))
	}
	s.list.Bind(holder)
	return s
}

// Fire calls the handlers with v, by descending priority and in the order of
// connection within one, and returns when all of them have returned; but
// handlers connected with [On] are left to their queue.
//
// It takes a snapshot: a connection made while it runs is not called by it. A
// handler that is dead or muted when its turn comes is skipped. A handler may do
// anything: connect and disconnect, itself included, fire this signal, destroy
// its own owner or the signal's.
//
// Concurrent calls run concurrently. So one handler may run on several goroutines at
// once, and a handler that blocks also blocks the goroutine that called Fire. A handler
// for which that is wrong belongs on a [Queue].
//
// A panic in a handler goes on to the caller when the remaining handlers have
// run, with its own value and stack; likewise [runtime.Goexit]. If several
// panic, recover sees the last one, and a Goexit after a panic wins. See
// [WithPanicHandler] for another way.
//
// Fire takes no lock that a handler could need and does not allocate. On a
// signal without connections it takes a few nanoseconds.
func (s *Signal[T]) Fire(v T) {
	if b := s.list.Head(); b != nil {
		connlist.Fire(&s.list, b, v)
	}
}

// DisconnectAll ends all connections of now, as [Connection.Disconnect] does.
// It does not wait for handlers that run.
func (s *Signal[T]) DisconnectAll() { s.list.DisconnectAll() }

// Len returns the number of live connections, muted ones included. A [Wait] or
// a [Values] loop in progress is one.
func (s *Signal[T]) Len() int { return s.list.Len() }

// placed returns what a child of the library's own is made with: if anybody wants to know,
// the place where the user's code has called the library.
func placed() (c scope.Config) {
	if scope.Observed() {
		c.Site = goroutine.UserCall()
	}
	return c
}

// activity returns how to make an owner for WhileActive, a child of holder, which is o or
// a child of it, and how to call the user's function. Only a weak reference to o is kept:
// a signal must not keep its owner from being found lost.
func (o *Owner) activity(holder *scope.Scope, c signalConfig) (open func() *scope.Scope, call func(*scope.Scope)) {
	handle := remember(o)
	open = func() *scope.Scope {
		config := placed()
		config.Inner = true // it lives as long as the signal, whatever stages the owner has
		return holder.NewChild(c.name, config)
	}
	call = func(s *scope.Scope) {
		parent := handle.Value()
		if holder != parent.scope {
			parent = &Owner{scope: holder, parent: parent}
		}
		c.active(&Owner{scope: s, parent: parent})
	}
	return open, call
}
