package state

import (
	"reflect"
	"sync/atomic"
	"unsafe"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/connlist"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/scope"
	"github.com/seed-ec287111/tether/internal/yield"
)

// A Value is a variable that reports its changes. [NewValue] makes one. The zero Value is
// not usable. All methods may be called by multiple goroutines at once.
type Value[T any] struct {
	source  source
	owner   *scope.Scope
	equal   func(a, b T) bool // nil if source.alike compares
	changes atomic.Pointer[tether.Signal[Change[T]]]
}

// NewValue returns a value that belongs to owner and is v for now.
//
// When owner is cut off, the value stays what it is, and the connections to Changes end.
// From then on Set does nothing. A Set that races with the cut-off may still take effect.
func NewValue[T any](owner *tether.Owner, v T, opts ...Option) *Value[T] {
	x := new(Value[T])
	x.owner = handle.Scope("state: NewValue", owner)
	x.equal = begin[T](&x.source, x, "NewValue", opts)
	x.source.has = true
	x.source.store(pack(x.source.form.shape(), v))
	return x
}

// begin makes s the source of a cell with values of type T.
func begin[T any](s *source, c cell, verb string, opts []Option) (equal func(a, b T) bool) {
	cfg := configure(verb, opts)
	t := reflect.TypeFor[T]()
	like := likenessOf(t)
	if cfg.equal != nil {
		like = byFunc
	}
	s.cell, s.name_, s.form = c, cfg.name, formOf(shapeOf(t), like)
	if like == byFunc {
		equal = equality[T](verb, cfg)
	}
	return equal
}

// Get returns the value. It takes no lock. Inside a computing function Get makes no
// dependency. Use [Value.Use] there.
func (x *Value[T]) Get() T { return valueOf[T](&x.source) }

// Peek is [Value.Get] for computing functions and effects that should not depend on the
// value.
func (x *Value[T]) Peek(use *Use) T {
	use.check("Value.Peek")
	return unpack[T](x.source.form.shape(), use.peek(&x.source))
}

// Use returns the value to a computing function, which depends on it from then on. It
// panics if the computation has returned. If a Set has overtaken the computation, Use
// unwinds it by a panic, and the computation begins again.
func (x *Value[T]) Use(use *Use) T {
	use.check("Value.Use")
	if use.advance(&x.source) || use.again(&x.source) {
		yield.Point("state: used, read")
		v := valueOf[T](&x.source)
		if !use.overtaken.Load() {
			return v
		}
	}
	return unpack[T](x.source.form.shape(), use.read(&x.source))
}

// Set makes v the value. If v is equal to the current value, nothing happens. Otherwise Set
// marks all that depends on the value. Then, with no lock held, it delivers the change to
// the handlers connected to [Value.Changes], computes the computed values that have
// handlers connected to their Changes, delivers those changes, and runs effects.
//
// When Set returns, its changes have been delivered, with one exception: if a goroutine is
// delivering earlier changes, that goroutine delivers these too. It may be the caller,
// inside a handler. A panic of a handler, an effect or a computing function goes on to the
// goroutine that delivers, when all others have had their turn.
//
// Inside a computing function Set panics before anything changes. If the owner is not
// alive, Set does nothing. Cost: linear in what depends on x, except what was marked before
// and was not read since.
func (x *Value[T]) Set(v T) {
	now := pack(x.source.form.shape(), v)
	for outside := false; ; {
		old := x.source.load()
		same := x.same(old, now)
		if !lockToSet(&outside) {
			continue
		}
		if x.source.load() != old {
			books.mu.Unlock()
			continue
		}
		if same || !x.owner.Alive() {
			books.mu.Unlock()
			return
		}
		p := take()
		p.apply(&x.source, old, now)
		p.finish()
		return
	}
}

func (x *Value[T]) same(old, now rep) bool {
	if x.source.form.likeness() == byFunc {
		return x.equal(unpack[T](x.source.form.shape(), old), unpack[T](x.source.form.shape(), now))
	}
	return x.source.alike(old, now)
}

// Update sets the value to the result of f for the current value, as [Value.Set] does, with
// no other Set between. If another Set comes between, Update calls f again. So f should do
// nothing else.
func (x *Value[T]) Update(f func(T) T) {
	if f == nil {
		panic("state: Update with nil function")
	}
	commit([]write{&assignment[T]{x: x, updates: []func(T) T{f}}}).finish()
}

// SetIn adds a Set of x to v to the batch.
func (x *Value[T]) SetIn(b *Batch, v T) {
	a := x.in("SetIn", b)
	a.set, a.isSet, a.updates = pack(x.source.form.shape(), v), true, nil
}

// UpdateIn adds an Update of x by f to the batch. The argument of f is what the batch has
// made of x before, or else what x is when the batch takes effect. Commit calls f, and
// calls it again if another Set comes between. So f should do nothing else.
func (x *Value[T]) UpdateIn(b *Batch, f func(T) T) {
	if f == nil {
		panic("state: UpdateIn with nil function")
	}
	a := x.in("UpdateIn", b)
	a.updates = append(a.updates, f)
}

// in returns the assignment to x that the batch has, or adds one.
func (x *Value[T]) in(verb string, b *Batch) *assignment[T] {
	if b == nil {
		panic("state: " + verb + " with nil Batch")
	}
	if w := b.find(&x.source); w != nil {
		return w.(*assignment[T])
	}
	a := &assignment[T]{x: x}
	b.writes = append(b.writes, a)
	return a
}

// Changes returns the source of the value's changes, in the order of the Sets. The Old of
// each change is the New of the one before. The source closes with the owner.
func (x *Value[T]) Changes() tether.Source[Change[T]] {
	return changesOf(&x.source, x.owner, &x.changes)
}

// changesOf returns the signal of the changes of s. It makes it at the first call, because
// most values are not watched.
func changesOf[T any](s *source, owner *scope.Scope, at *atomic.Pointer[tether.Signal[Change[T]]]) *tether.Signal[Change[T]] {
	if signal := at.Load(); signal != nil {
		return signal
	}
	books.mu.Lock()
	defer books.mu.Unlock()
	if at.Load() == nil {
		signal := new(tether.Signal[Change[T]])
		list := handle.List(unsafe.Pointer(signal))
		list.Bind(owner)
		s.out = &outbox{list: list}
		at.Store(signal)
	}
	return at.Load()
}

func (x *Value[T]) fire(h *connlist.Held, c transition) {
	s := x.source.form.shape()
	connlist.FireHeld(h, x.source.out.list, Change[T]{unpack[T](s, c.old), unpack[T](s, c.now)})
}

// An assignment is a Set on its way.
type assignment[T any] struct {
	x        *Value[T]
	set      rep         // what the updates begin with, if isSet; else with the value of x
	updates  []func(T) T // in this order
	old, now rep         // of the last prepare
	isSet    bool
	same     bool // old and now are equal
}

func (a *assignment[T]) to() *source { return &a.x.source }

func (a *assignment[T]) then(later write) {
	l := later.(*assignment[T])
	if l.isSet {
		a.set, a.isSet, a.updates = l.set, true, nil
	}
	a.updates = append(a.updates, l.updates...)
}

func (a *assignment[T]) prepare() {
	s := a.x.source.form.shape()
	a.old = a.x.source.load()
	a.now = a.old
	if a.isSet {
		a.now = a.set
	}
	if len(a.updates) > 0 {
		v := unpack[T](s, a.now)
		for _, f := range a.updates {
			v = f(v)
		}
		a.now = pack(s, v)
	}
	a.same = a.x.same(a.old, a.now)
}

func (a *assignment[T]) current() bool { return a.x.source.load() == a.old }

func (a *assignment[T]) apply(p *pass) {
	if !a.same && a.x.owner.Alive() {
		p.apply(&a.x.source, a.old, a.now)
	}
}
