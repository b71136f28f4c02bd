package state

import (
	"reflect"
	"sync/atomic"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/yield"
)

// A Computed is a value that a function computes from others. It is computed
// when somebody asks and something that it used last time has changed; nobody
// asks, nothing is computed. All methods may be called by multiple goroutines at
// once.
type Computed[T any] struct {
	node  node
	equal func(a, b T) bool

	// calls has one handler, the computing function, connected with the owner.
	// So Destroy waits for a computation, its panics are supervised, a dead owner's
	// function is not called, and is garbage, all as with any handler.
	calls tether.Signal[*run]

	box     atomic.Pointer[box[T]] // nil before the first time; written with books held
	changes outbox[T]
}

// Use is what a computing function reads other values with, in order to depend
// on them. It ends with the call that it was given to.
type Use struct{ run *run }

// NewComputed returns a value that f computes, when asked. f reads what it
// depends on by way of use; what it used last time is what it depends on. It
// should do nothing else that counts: it runs as often as needed, on whatever
// goroutine asks, though never twice at once, and with no lock held.
//
// f is a handler of owner's: Destroy waits for it. When the owner is cut off, the
// value stays what it was, the zero T if it was never computed, and f is not
// called any more. f's value is not kept if f panics: the panic goes on to the
// caller of Get or Use, and the next one tries again. Where the owner has a panic
// handler, that one gets it, and Get returns the last value.
func NewComputed[T any](owner *tether.Owner, f func(use *Use) T, opts ...Option) *Computed[T] {
	handle.Scope("state: NewComputed", owner)
	if f == nil {
		panic("state: NewComputed with nil function")
	}
	cfg := configure("NewComputed", opts)
	c := &Computed[T]{equal: equality[T]("NewComputed", cfg)}
	c.node.label, c.node.pc, c.node.cell = cfg.name, reflect.ValueOf(f).Pointer(), c
	c.node.must = true
	c.changes.signal = tether.NewSignal[Change[T]](owner)
	evaluate := func(r *run) { c.evaluate(r, f) }
	c.calls.Connect(owner, func(r *run) { compute(r, evaluate) })
	owner.Defer(func() {
		books.Lock()
		defer books.Unlock()
		c.node.freezeLocked()
	})
	return c
}

// Get returns the value, computed anew if need be. It is the value at a moment
// between Get's call and return, also while others Set. If another goroutine
// computes it, Get waits for that. Cost: no lock where nothing has changed.
//
// A computing function reads with [Computed.Use]. Get does not make it depend,
// and does not see cycles; where it would have to wait, in a cycle for one, it
// panics.
func (c *Computed[T]) Get() T {
	if c.node.fresh.Load() {
		return c.last()
	}
	return c.result(c.node.refresh(nil, false))
}

// Use returns the value to a computing function, which depends on it from then
// on. It panics with a *[CycleError] if the value depends on the one that is
// being computed, and as [Value.Use] does.
func (c *Computed[T]) Use(use *Use) T {
	r := use.check("Computed.Use").refresh(&c.node)
	yield.Point("state: used, read")
	v := c.result(r)
	use.run.verify()
	return v
}

// Changes returns the source of the value's changes. While anybody is connected
// the value is watched: it is computed when a Set may have changed it, on the
// goroutine of that Set, once, when all that depends on that Set is marked.
// A value equal to the last one is no change.
//
// Connect computes it too, so that there is something to change from; if that
// panics, there is no connection. The source closes with the owner.
func (c *Computed[T]) Changes() tether.Source[Change[T]] { return (*watch[T])(c) }

// last returns the value that was kept last.
func (c *Computed[T]) last() (v T) {
	if b := c.box.Load(); b != nil {
		v = b.v
	}
	return v
}

// result returns the value of a run that refresh has returned.
func (c *Computed[T]) result(r *run) T {
	if r != nil && r.out != nil {
		return r.out.(*box[T]).v
	}
	return c.last()
}

func (c *Computed[T]) compute(r *run) { c.calls.Fire(r) }

// evaluate calls the user's function.
func (c *Computed[T]) evaluate(r *run, f func(*Use) T) {
	r.called = true
	defer r.catch()
	v := f(&r.use)
	if b := c.box.Load(); b != nil && c.equal(b.v, v) {
		r.same, r.out = true, b
	} else {
		r.out = &box[T]{v}
	}
	r.ok = true
}

func (c *Computed[T]) install(out any) {
	b := out.(*box[T])
	if old := c.box.Load(); old != nil {
		c.changes.addLocked(old.v, b.v)
	}
	c.box.Store(b)
}

func (c *Computed[T]) watched() bool { return c.changes.signal.Len() > 0 }

func (c *Computed[T]) settle() {
	if !c.node.fresh.Load() {
		c.node.refresh(nil, false)
	}
	c.changes.flush()
}

// A watch is a Computed as the source of its changes.
type watch[T any] Computed[T]

func (w *watch[T]) Connect(owner *tether.Owner, handler func(Change[T]), opts ...tether.ConnectOption) *tether.Connection {
	return w.begin(func() *tether.Connection { return w.changes.signal.Connect(owner, handler, opts...) })
}

func (w *watch[T]) Once(owner *tether.Owner, handler func(Change[T]), opts ...tether.ConnectOption) *tether.Connection {
	return w.begin(func() *tether.Connection { return w.changes.signal.Once(owner, handler, opts...) })
}

// begin connects to a value that is fresh. A Set between the first look and the
// connection does not know that it is watched: that is what the second is for.
func (w *watch[T]) begin(connect func() *tether.Connection) *tether.Connection {
	c := (*Computed[T])(w)
	c.Get()
	conn := connect()
	ok := false
	defer func() {
		if !ok {
			conn.Disconnect()
		}
	}()
	c.settle()
	ok = true
	return conn
}

// check returns the user's side of a Use, or panics if there is none.
func (u *Use) check(verb string) *Use {
	if u == nil || u.run == nil {
		panic("state: " + verb + " with nil Use")
	}
	return u
}

func (u *Use) refresh(n *node) *run { return n.refresh(u.run, true) }
