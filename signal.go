package tether

import (
	"reflect"

	"github.com/seed-ec287111/tether/internal/roster"
	"github.com/seed-ec287111/tether/internal/scope"
	"github.com/seed-ec287111/tether/internal/yield"
)

// A Source is what a subscriber needs of a signal: it hides Fire. It is small so
// that users can wrap it, to filter or convert. What a wrapper returns is the
// Connection whose end ends the subscription.
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

	roster roster.Roster
}

// noCopy makes go vet's copylocks find copies.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// A SignalOption is an option of [NewSignal].
type SignalOption interface{ signal(*signalConfig) }

type signalConfig struct{ active func(*Owner) }

type signalOption func(*signalConfig)

func (f signalOption) signal(c *signalConfig) { f(c) }

// WhileActive has f called when the signal gets its first connection, with an
// owner that lives until the last one ends: a place to start what the handlers
// need, a poller or an upstream subscription, and have it stopped when nobody
// listens any more.
//
// f runs on the connecting goroutine, before its Connect returns and with no
// lock held; inside f, Destroy behaves as in a handler. active is a child of the
// signal's owner and ends as if by [Owner.Cancel]: it is cut off at once, and
// unwound on a goroutine of its own, so that [Connection.Disconnect] stays safe
// under any lock. A new active begins only after the one before was cut off. A
// panic in f goes on to the caller of Connect, unless the signal's owner has a
// panic handler; the connection stands either way.
func WhileActive(f func(active *Owner)) SignalOption {
	if f == nil {
		panic("tether: WhileActive with nil function")
	}
	return signalOption(func(c *signalConfig) { c.active = f })
}

// NewSignal returns a signal that closes with owner: its connections end at the
// cut-off, further ones are born dead, and Fire does nothing. The owner holds
// the signal until then; give signals that come and go an owner that does too.
func NewSignal[T any](owner *Owner, opts ...SignalOption) *Signal[T] {
	o := owner.check("NewSignal")
	var c signalConfig
	for _, opt := range opts {
		if opt == nil {
			panic("tether: NewSignal with nil option")
		}
		opt.signal(&c)
	}
	s := new(Signal[T])
	if c.active != nil {
		s.roster.WhileActive(owner.activity(c.active))
	}
	s.roster.Bind(o)
	return s
}

// Connect has handler called with every value fired from now on, until owner
// is destroyed or the connection ends otherwise. It synchronizes before every
// call made through it.
//
// Where the owner is dead or the signal closed it returns a dead Connection:
// losing that race is legal. Cost: O(1) amortised, one allocation.
func (s *Signal[T]) Connect(owner *Owner, handler func(T), opts ...ConnectOption) *Connection {
	cfg := prepare("Connect", owner, handler == nil, opts)
	if cfg.queue != nil {
		return enqueue(s, wrap(handler), owner, handler, cfg, false)
	}
	c := new(Connection)
	s.connect(c, owner, handler, cfg, nil)
	return c
}

// Once is Connect for a single call: the handler is called exactly once, under
// concurrent and nested Fires too, unless the connection ends before. Inside the
// handler the connection is dead already, and its owner holds nothing of it any
// more. On a queue it is spent when its value is queued, and that value is
// delivered unless its owner, queue or signal ends first.
func (s *Signal[T]) Once(owner *Owner, handler func(T), opts ...ConnectOption) *Connection {
	cfg := prepare("Once", owner, handler == nil, opts)
	c := wrap(handler)
	if cfg.queue != nil {
		return enqueue(s, c, owner, handler, cfg, true)
	}
	s.connect(&c.Connection, owner, func(v T) {
		if c.Disconnect() {
			handler(v)
		}
	}, cfg, &c.extra)
	return &c.Connection
}

// ConnectSelf is Connect for a handler that wants its own Connection, to mute
// or disconnect it.
func (s *Signal[T]) ConnectSelf(owner *Owner, handler func(self *Connection, v T), opts ...ConnectOption) *Connection {
	cfg := prepare("ConnectSelf", owner, handler == nil, opts)
	c := wrap(handler)
	h := func(v T) { handler(&c.Connection, v) }
	if cfg.queue != nil {
		return enqueue(s, c, owner, h, cfg, false)
	}
	s.connect(&c.Connection, owner, h, cfg, &c.extra)
	return &c.Connection
}

// prepare checks the arguments of a connecting call before anything changes.
func prepare(verb string, owner *Owner, noHandler bool, opts []ConnectOption) connectConfig {
	owner.check(verb)
	if noHandler {
		panic("tether: " + verb + " with nil handler")
	}
	if len(opts) == 0 {
		return connectConfig{} // without the allocation that the loop needs
	}
	var cfg connectConfig
	for _, opt := range opts {
		if opt == nil {
			panic("tether: " + verb + " with nil option")
		}
		opt.connect(&cfg)
	}
	return cfg
}

// A wrapped Connection is one whose signal calls the library's own function, by
// which the user's handler is called.
type wrapped struct {
	Connection
	extra roster.Extra
}

func wrap[F any](handler F) *wrapped {
	c := new(wrapped)
	c.extra.PC = scope.PC(handler)
	return c
}

func (s *Signal[T]) connect(c *Connection, owner *Owner, handler func(T), cfg connectConfig, extra *roster.Extra) {
	s.describe()
	s.roster.Connect(&c.conn, owner.scope, roster.Word(handler), cfg.priority, false, extra)
}

// describe notes the signal's type for reports, if it may not be known yet.
func (s *Signal[T]) describe() {
	if s.roster.Head() == nil {
		s.roster.Name(reflect.TypeFor[T]())
	}
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
// Concurrent calls run concurrently. So ONE HANDLER MAY RUN ON SEVERAL
// GOROUTINES AT ONCE, and A HANDLER THAT BLOCKS STALLS WHO FIRES. A handler for
// which that is wrong belongs on a [Queue].
//
// A panic in a handler goes on to the caller when the remaining handlers have
// run, with its own value and stack; likewise [runtime.Goexit]. If several
// panic, recover sees the last one, and a Goexit after a panic wins. See
// [WithPanicHandler] for another way.
//
// Fire takes no lock that a handler could need and does not allocate. On a
// signal without connections it takes a few nanoseconds.
func (s *Signal[T]) Fire(v T) {
	if b := s.roster.Head(); b != nil {
		s.fire(b, v)
	}
}

// fire is apart from Fire so that a Fire without handlers is inlined.
func (s *Signal[T]) fire(b *roster.Block, v T) {
	w := s.roster.Start(b)
	if e := w.First(); e != nil {
		yield.Point("fire: start")
		w.Begin(e)
		yield.Point("fire: started, look")
	}
	defer s.overtake(&w, v)
	s.deliver(&w, v)
}

// overtake, deferred, goes on after a handler that panicked. The panic is not
// recovered but overtaken: the rest is delivered while it waits, so that it keeps
// its stack. Only a supervised one is recovered.
func (s *Signal[T]) overtake(w *roster.Walk, v T) {
	if w.Over() {
		return
	}
	if owner := w.Resume(); owner != nil {
		if p := recover(); p != nil { // nil: Goexit
			defer s.resume(w, v)
			owner.Report(p)
			return
		}
	}
	s.resume(w, v)
}

// resume delivers v to the handlers that w has still before it.
func (s *Signal[T]) resume(w *roster.Walk, v T) {
	defer s.overtake(w, v)
	s.deliver(w, v)
}

// deliver is the loop that all the rest is there for. Its name on a stack says
// that a handler runs, see internal/goroutine.
//
// Between two handlers of one owner it does no more than look at a word that
// nobody writes. What is announced is kept in locals and written to w only where
// that is read, as the swap that announces the next owner waits for all stores
// before it.
//
// NOTE: the handler word is read again after an announcement; the first look
// only spares the dead ones.
func (s *Signal[T]) deliver(w *roster.Walk, v T) {
	for {
		entries, id := w.Entries()
		yield.Point("fire: entries")
		var last *roster.Entry // announced, but not noted in w
		for i := w.Next; i < uint(len(entries)); i++ {
			e := &entries[i]
			handler := e.Word()
			if handler == nil || e.ID() != id {
				if handler == nil && w.Skip(e) {
					continue
				}
				if handler != nil && w.Switch(e) {
					yield.Point("fire: announced, look")
					last, id = e, e.ID()
					if handler = e.Word(); handler == nil {
						handler = w.Moved(e)
					}
				} else {
					handler = w.Announce(last, e, i)
					last, id = nil, w.ID
				}
				if handler == nil {
					continue
				}
			}
			w.Next = i + 1
			yield.Point("fire: call")
			roster.Call(handler, v)
		}
		if !w.NextBlock() {
			yield.Point("fire: retract")
			if w.End(last) {
				w.Leave()
			}
			return
		}
		w.Note(last)
	}
}

// DisconnectAll ends all connections of now, as [Connection.Disconnect] does.
// It does not wait for handlers that run.
func (s *Signal[T]) DisconnectAll() { s.roster.DisconnectAll() }

// Len returns the number of live connections, muted ones included. A [Wait] or
// a [Values] loop in progress is one.
func (s *Signal[T]) Len() int { return s.roster.Len() }

// activity returns how to make an owner for WhileActive, and how to call f.
// Only a weak reference to o is kept: a signal must not keep its owner from
// being found lost.
func (o *Owner) activity(f func(*Owner)) (open func() *scope.Scope, call func(*scope.Scope)) {
	parent, handle := o.scope, remember(o)
	open = func() *scope.Scope {
		return parent.NewChild("active", scope.Config{})
	}
	call = func(s *scope.Scope) {
		f(&Owner{scope: s, parent: handle.Value()})
	}
	return open, call
}
