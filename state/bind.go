package state

import (
	"sync"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/check"
	"github.com/seed-ec287111/tether/internal/finally"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/undo"
)

// Bind calls f with the value that r has now, and then with every further one. f is called
// as a handler connected to r.Changes with owner is. No value is left out between the two,
// none comes twice, and f never runs twice at once. The Connection ends it.
//
// If r is not of this package, Bind reads it after it has connected. So it may call f twice
// with a value that is set just then. If owner is not alive, Bind does not call f. If the owner
// of r is not alive, Bind calls f once, and returns a dead Connection.
//
// A panic of f goes on to the caller of Bind, or to the goroutine that has made the change. If
// reading r panics, or the Connect of its changes, Bind panics with that, and nothing is
// connected.
func Bind[T any](owner *tether.Owner, r Readable[T], f func(T)) *tether.Connection {
	handle.Scope("state: Bind", owner)
	if check.Nil(r) {
		panic("state: Bind with nil Readable")
	}
	if f == nil {
		panic("state: Bind with nil function")
	}
	b := &binding[T]{f: f, busy: true}
	if o, ok := r.(origin); ok {
		b.source = o.origin()
	}
	conn := undo.Connect(owner, r.Changes(), b.change)
	ok := false
	defer func() {
		if !ok {
			conn.Disconnect()
		}
	}()
	v := b.now(r)
	ok = true
	var first tether.Signal[T] // makes the first call of f that of a handler
	c := first.Connect(owner, b.begin)
	defer c.Disconnect()
	first.Fire(v)
	return conn
}

// An origin is a Readable of this package.
type origin interface{ origin() *source }

func (x *Value[T]) origin() *source    { return &x.source }
func (c *Computed[T]) origin() *source { return &c.node.source }

// A binding brings the first value and the changes into one order.
type binding[T any] struct {
	f      func(T)
	source *source // nil for a foreign Readable
	from   uint64  // number of the last change that is in the first value; set before begin

	mu      sync.Mutex // guards the fields below
	busy    bool       // a goroutine calls f, or will begin to
	pending []arrival[T]
}

type arrival[T any] struct {
	n uint64 // number of the change
	v T
}

// now returns the value of r, and sets from.
func (b *binding[T]) now(r Readable[T]) T {
	s := b.source
	for s != nil {
		epoch := books.epoch.Load()
		v := r.Get() // computes the value, or panics
		books.mu.Lock()
		kept := s.color == clean && s.failure == nil
		if kept {
			v = unpack[T](s.form.shape(), s.load())
		}
		if kept || books.epoch.Load() == epoch { // else a Set came between; if none did, v can't be kept
			b.from = s.out.added
			books.mu.Unlock()
			return v
		}
		books.mu.Unlock()
	}
	return r.Get()
}

// change is the handler.
func (b *binding[T]) change(c Change[T]) {
	a := arrival[T]{v: c.New}
	if b.source != nil {
		a.n = b.source.out.fired // this goroutine delivers the change
	}
	b.mu.Lock()
	b.pending = append(b.pending, a)
	if b.busy {
		b.mu.Unlock()
		return
	}
	b.busy = true
	b.mu.Unlock()
	b.deliver()
}

func (b *binding[T]) begin(v T) {
	defer b.deliver()
	b.f(v)
}

// deliver calls f with what is pending, until nothing is. A panic goes on after the rest.
func (b *binding[T]) deliver() {
	over := false
	defer func() {
		if !over {
			finally.Each(b.next)
		}
	}()
	for b.next() {
	}
	over = true
}

// next calls f with the next of what is pending, and returns false if nothing is.
func (b *binding[T]) next() bool {
	b.mu.Lock()
	if len(b.pending) == 0 {
		b.pending, b.busy = nil, false
		b.mu.Unlock()
		return false
	}
	a := b.pending[0]
	b.pending = b.pending[1:]
	b.mu.Unlock()
	if b.source == nil || a.n > b.from {
		b.f(a.v)
	}
	return true
}
