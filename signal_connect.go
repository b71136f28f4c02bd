package tether

import (
	"reflect"

	"github.com/seed-ec287111/tether/internal/connlist"
	"github.com/seed-ec287111/tether/internal/scope"
)

// Connect arranges for handler to be called with every value fired from now on, until owner
// is destroyed or the connection ends in another way. It synchronizes before every call made
// through the connection.
//
// If owner is dead or the signal has closed, Connect returns a dead Connection: it is legal
// to lose that race. Cost: O(1) amortised, one allocation.
func (s *Signal[T]) Connect(owner *Owner, handler func(T), opts ...ConnectOption) *Connection {
	s.check("Connect")
	cfg := prepare("Connect", owner, handler == nil, opts)
	if cfg.queue != nil {
		return enqueue(s, wrap(handler), owner, handler, cfg, false)
	}
	c := new(Connection)
	s.connect(c, owner, handler, cfg, nil)
	return c
}

// Once is Connect for a single call: the handler is called exactly once, under concurrent and
// nested Fires too, unless the connection ends before. That call spends the connection:
// inside the handler it is dead already, and its owner holds nothing of it any more.
//
// On a queue, the connection is spent when its value is queued. The value is delivered unless
// its owner, queue or signal ends first.
func (s *Signal[T]) Once(owner *Owner, handler func(T), opts ...ConnectOption) *Connection {
	s.check("Once")
	cfg := prepare("Once", owner, handler == nil, opts)
	c := wrap(handler)
	if cfg.queue != nil {
		return enqueue(s, c, owner, handler, cfg, true)
	}
	s.connect(&c.Connection, owner, func(v T) {
		if c.conn.Claim() {
			defer c.conn.Delivered()
			handler(v)
		}
	}, cfg, &c.hooks)
	return &c.Connection
}

// ConnectSelf is Connect for a handler that needs its own Connection, to mute or disconnect
// it.
func (s *Signal[T]) ConnectSelf(owner *Owner, handler func(self *Connection, v T), opts ...ConnectOption) *Connection {
	s.check("ConnectSelf")
	cfg := prepare("ConnectSelf", owner, handler == nil, opts)
	c := wrap(handler)
	h := func(v T) { handler(&c.Connection, v) }
	if cfg.queue != nil {
		return enqueue(s, c, owner, h, cfg, false)
	}
	s.connect(&c.Connection, owner, h, cfg, &c.hooks)
	return &c.Connection
}

func (s *Signal[T]) check(op string) {
	if s == nil {
		panic("tether: " + op + " on nil Signal")
	}
}

// prepare checks the arguments of a connecting call before anything changes.
func prepare(op string, owner *Owner, noHandler bool, opts []ConnectOption) connectConfig {
	owner.check(op)
	if noHandler {
		panic("tether: " + op + " with nil handler")
	}
	if len(opts) == 0 {
		return connectConfig{} // without the allocation that the loop needs
	}
	var cfg connectConfig
	for _, opt := range opts {
		if opt == nil {
			panic("tether: " + op + " with nil option")
		}
		opt.connect(&cfg)
	}
	return cfg
}

// A hookedConnection is one whose signal calls a function of the library's own, which calls
// the user's handler.
type hookedConnection struct {
	Connection
	hooks connlist.Hooks
}

func wrap[F any](handler F) *hookedConnection {
	c := new(hookedConnection)
	c.hooks.PC = scope.PC(handler)
	return c
}

func (s *Signal[T]) connect(c *Connection, owner *Owner, handler func(T), cfg connectConfig, hooks *connlist.Hooks) {
	s.describe()
	if cfg.made != nil {
		s.list.ConnectTold(&c.conn, owner.scope, connlist.Word(handler), cfg.priority, false, hooks, func() { cfg.made(c) })
		return
	}
	s.list.Connect(&c.conn, owner.scope, connlist.Word(handler), cfg.priority, false, hooks)
}

// describe notes the type of the signal's values, before the first connection.
func (s *Signal[T]) describe() {
	if s.list.Head() == nil && !s.list.Named() {
		values := reflect.TypeFor[T]()
		connlist.Mark[T](values)
		s.list.Name(values)
	}
}
