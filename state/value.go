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

// A Value is a variable that tells who is interested when it changes. Its zero
// value is not usable; see [NewValue]. All methods may be called by multiple
// goroutines at once.
type Value[T any] struct {
	source  source
	owner   *scope.Scope
	equal   func(a, b T) bool // nil where the source knows
	changes atomic.Pointer[tether.Signal[Change[T]]]
}

// NewValue returns a value that belongs to owner and is v for now.
//
// When the owner is cut off, the value stays what it is: Set does nothing from
// then on, though one that races with the cut-off may still take effect, and the
// connections to Changes end.
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

// Get returns the value. It takes no lock. Inside a computing function it reads
// without depending; that is what [Value.Use] is for.
func (x *Value[T]) Get() T { return valueOf[T](&x.source) }

// Peek is [Value.Get] for computing functions and effects that are not to depend on the
// value.
func (x *Value[T]) Peek(use *Use) T {
	use.check("Value.Peek")
	return unpack[T](x.source.form.shape(), use.peek(&x.source))
}

// Use returns the value to a computing function, which depends on it from then
// on. It panics if the computation has returned. If a Set has overtaken the
// computation, it unwinds it by a panic, and it begins again.
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

// Set makes v the value. If that is equal to what it is, nothing happens.
// Otherwise all that depends on it is marked, and then, with no lock held, computed values
// to whose Changes somebody is connected are computed, and the changes are delivered
// to who is connected, to [Value.Changes] of this one too, and effects run.
//
// When Set returns, its changes have been delivered, unless a goroutine is just
// delivering earlier ones, the caller perhaps, inside a handler: that one then
// goes on to these. A panic of a handler, an effect or a computing function goes on to who
// delivers, when all others have had their turn.
//
// Inside a computing function Set panics before anything changes. Where the
// owner is dead it does nothing. Cost: linear in what depends on x, but for what
// is marked from before and was not read since.
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

// Update makes f of the value the value, as [Value.Set] does, with no other Set
// between: f is called again if there was one, so it should do nothing else.
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

// UpdateIn adds an Update of x by f to the batch: it goes by what the batch has made of x
// before, else by what x is when the batch takes effect. f is called by Commit, and again
// if another Set comes between, so it should do nothing else.
func (x *Value[T]) UpdateIn(b *Batch, f func(T) T) {
	if f == nil {
		panic("state: UpdateIn with nil function")
	}
	a := x.in("UpdateIn", b)
	a.updates = append(a.updates, f)
}

// in returns what the batch has for x.
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

// Changes returns the source of the value's changes, in the order of the Sets:
// each has as Old the New of the one before. It closes with the owner.
func (x *Value[T]) Changes() tether.Source[Change[T]] {
	return changesOf(&x.source, x.owner, &x.changes)
}

// changesOf returns the signal of the changes of s, which is made when it is first asked
// for: most values are not watched.
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
	set      rep         // what it begins with, if it is
	updates  []func(T) T // in this order
	old, now rep
	isSet    bool // else it begins with what x is
	same     bool
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
