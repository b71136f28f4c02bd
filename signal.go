package tether

import (
	"github.com/seed-ec287111/tether/internal/connlist"
	"github.com/seed-ec287111/tether/internal/scope"
)

// A Source is what a subscriber needs of a signal: it hides Fire. It is small so that users
// can wrap it, to filter or convert. The Connection that a wrapper returns is the one whose
// end ends the subscription. [NewSource] makes a Source from a single function, with a Once
// that is right.
type Source[T any] interface {
	Connect(owner *Owner, handler func(T), opts ...ConnectOption) *Connection
	Once(owner *Owner, handler func(T), opts ...ConnectOption) *Connection
}

// A Signal calls the handlers connected to it with each value fired.
//
// The zero Signal is ready for use and never closes. [NewSignal] makes one that closes with
// its owner. A Signal must not be copied after its first use. All methods may be called by
// multiple goroutines at once, and from handlers.
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

// WhileActive arranges for f to be called when the signal gets its first connection, with an
// owner that lives until the last connection ends. It is the place to start what the handlers
// need, a poller or an upstream subscription, so that it stops when nobody listens any more.
//
// f runs on the goroutine that connects, before its Connect returns, with no lock held.
// Inside f, Destroy behaves as in a handler. A panic in f goes on to the caller of Connect,
// unless the signal's owner has a panic handler. The connection stands in both cases.
//
// active is a child of the signal's owner, named "active". It ends as if by [Owner.Cancel]: it
// is cut off at once, and unwound on a goroutine of its own. So [Connection.Disconnect] may
// still be called under any lock. A new active begins only after the one before was cut off.
// The errors of what active owns become part of those that Destroy of the signal's owner
// returns. An owner that lives on keeps the first few of them.
//
// f never runs twice at once, and its calls come in the order of the owners. If f still runs
// for an earlier owner when the signal gets a first connection again, that Connect returns at
// once, and the goroutine that is in f calls it again when f has returned. An owner that has
// ended before its call is passed over.
func WhileActive(f func(active *Owner)) SignalOption {
	if f == nil {
		panic("tether: WhileActive with nil function")
	}
	return signalOption(func(c *signalConfig) { c.active = f })
}

// CloseInTurn makes a signal that closes in the unwinding of its owner, at its turn among the
// cleanups, and not at the cut-off. It is for a last word. Goroutines of the owner that drain
// may still fire the signal, and so may cleanups registered after it. Subscribers of other
// owners get these values. Connections of the signal's own owner ended at the cut-off.
//
// The signal is held by a child of the owner, named "signal", which is alive until that turn.
// With [WhileActive], active is a child of this child, and so is cut off at the same turn.
//
// A [Wait] on such a signal in a goroutine of the same owner must be given the owner's
// context, because the owner waits for the goroutine before it closes the signal.
func CloseInTurn() SignalOption {
	return signalOption(func(c *signalConfig) { c.inTurn = true })
}

// activeName sets the name of the owners that the function of WhileActive is called with.
func activeName(name string) SignalOption {
	return signalOption(func(c *signalConfig) { c.name = name })
}

// NewSignal returns a signal that closes with owner. At the cut-off its connections end. From
// then on new connections are dead, and Fire does nothing. The owner holds the signal until
// then, so if signals come and go, give each an owner that does too.
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
		holder = holder.NewTurn("signal", scope.Placed())
	}
	s := new(Signal[T])
	if c.active != nil {
		s.list.WhileActive(owner.activity(holder, c))
	}
	s.list.Bind(holder)
	return s
}

// Fire calls the handlers with v, by descending priority, and within one priority in the
// order of connection. It returns when all of them have returned. Handlers connected with
// [On] are left to their queue.
//
// Fire takes a snapshot: a connection made while it runs is not part of it. A handler whose
// connection is dead or muted when its turn comes is skipped. A handler may do anything:
// connect and disconnect, itself included, fire this signal, destroy its own owner or the
// signal's.
//
// Concurrent calls run concurrently. So one handler may run on several goroutines at once,
// and a handler that blocks also blocks the goroutine that called Fire. A handler for which
// that is wrong belongs on a [Queue].
//
// A panic in a handler goes on to the caller of Fire, with its own value and stack, when the
// remaining handlers have run. So does [runtime.Goexit]. If several handlers panic, recover
// sees the last value. A Goexit after a panic wins. [WithPanicHandler] gives panics to a
// function instead.
//
// Fire takes no lock that a handler could need, and it does not allocate. On a signal without
// connections it takes a few nanoseconds.
func (s *Signal[T]) Fire(v T) {
	if b := s.list.Head(); b != nil {
		connlist.Fire(&s.list, b, v)
	}
}

// DisconnectAll ends all connections that exist when it is called, as [Connection.Disconnect]
// does. It does not wait for handlers that run.
func (s *Signal[T]) DisconnectAll() { s.list.DisconnectAll() }

// Len returns the number of live connections, muted ones included. A [Wait] or a [Values]
// loop in progress is one of them.
func (s *Signal[T]) Len() int { return s.list.Len() }

// activity returns two functions for WhileActive. open makes an owner, a child of holder,
// which is o or a child of o. call calls the user's function with it. They keep only a weak
// reference to o, because a signal must not keep its owner from being found lost.
func (o *Owner) activity(holder *scope.Scope, c signalConfig) (open func() *scope.Scope, call func(*scope.Scope)) {
	handle := remember(o)
	open = func() *scope.Scope {
		config := scope.Placed()
		config.Inner = true // it lives as long as the signal, whatever stages the owner has
		s := holder.NewChild(c.name, config)
		s.TellParent() // nobody calls Destroy of it
		return s
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
