package state

import (
	"sync/atomic"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/yield"
)

// A Value is a variable that tells who is interested when it changes. Its zero
// value is not usable; see [NewValue]. All methods may be called by multiple
// goroutines at once.
type Value[T any] struct {
	node  node
	dead  *atomic.Bool // the owner is; on its own, as neither of the two must refer to the other
	equal func(a, b T) bool

	box     atomic.Pointer[box[T]] // written with books held
	changes outbox[T]
}

// A box has one value, and is that value's identity: a new Set makes a new one.
type box[T any] struct{ v T }

// NewValue returns a value that belongs to owner and is v for now.
//
// When the owner is cut off, the value stays what it is: Set does nothing from
// then on, though one that races with the cut-off may still take effect, and the
// connections to Changes end.
func NewValue[T any](owner *tether.Owner, v T, opts ...Option) *Value[T] {
	handle.Scope("state: NewValue", owner)
	c := configure("NewValue", opts)
	x := &Value[T]{node: node{label: c.name}, equal: equality[T]("NewValue", c)}
	x.node.fresh.Store(true)
	x.dead = cutFlag(owner)
	x.box.Store(&box[T]{v})
	x.changes.signal = tether.NewSignal[Change[T]](owner)
	return x
}

// cutFlag returns what is true from before the moment at which anybody sees owner
// dead.
func cutFlag(owner *tether.Owner) *atomic.Bool {
	dead := new(atomic.Bool)
	if !handle.Scope("state: NewValue", owner).OnCut(func() { dead.Store(true) }, func() {}) {
		dead.Store(true)
	}
	return dead
}

// Get returns the value. It takes no lock. Inside a computing function it reads
// without depending; that is what [Value.Use] is for.
func (x *Value[T]) Get() T { return x.box.Load().v }

// Use returns the value to a computing function, which depends on it from then
// on. It panics if the computation has returned. If a Set has overtaken the
// computation, it unwinds it by a panic, and it begins again.
func (x *Value[T]) Use(use *Use) T {
	use.check("Value.Use").refresh(&x.node)
	yield.Point("state: used, read")
	v := x.box.Load().v
	use.run.verify()
	return v
}

// Set makes v the value. If that is equal to what it is, nothing happens.
// Otherwise all that depends on it is marked, and then, with no lock held, the
// change is delivered to who is connected to [Value.Changes], and computed values
// to whose Changes somebody is connected are computed, and theirs are delivered.
//
// When Set returns, its changes have been delivered, unless a goroutine is just
// delivering earlier ones, the caller perhaps, inside a handler: that one then
// goes on to these. A panic of a handler or computing function goes on to who
// delivers, when all others have had their turn.
//
// Inside a computing function Set panics before anything changes. Where the
// owner is dead it does nothing. Cost: linear in what depends on x, but for what
// is marked from before and was not read since.
func (x *Value[T]) Set(v T) { commit([]write{&assignment[T]{x: x, next: &box[T]{v}}}) }

// Update makes f of the value the value, as [Value.Set] does, with no other Set
// between: f is called again if there was one, so it should do nothing else.
func (x *Value[T]) Update(f func(T) T) {
	if f == nil {
		panic("state: Update with nil function")
	}
	commit([]write{&assignment[T]{x: x, update: f}})
}

// SetIn adds a Set of x to v to the batch.
func (x *Value[T]) SetIn(b *Batch, v T) {
	if b == nil {
		panic("state: SetIn with nil Batch")
	}
	for _, w := range b.writes {
		if a, ok := w.(*assignment[T]); ok && a.x == x {
			a.next = &box[T]{v}
			return
		}
	}
	b.writes = append(b.writes, &assignment[T]{x: x, next: &box[T]{v}})
}

// Changes returns the source of the value's changes, in the order of the Sets:
// each has as Old the New of the one before. It closes with the owner.
func (x *Value[T]) Changes() tether.Source[Change[T]] { return x.changes.signal }

// newNumber returns the position of a spring or tween. As those call put with locks
// held, there must be no Equal of the user's.
func newNumber(verb string, owner *tether.Owner, v float64, opts []Option) *Value[float64] {
	if configure(verb, opts).equal != nil {
		panic("state: " + verb + " with Equal")
	}
	return NewValue(owner, v, opts...)
}

// put is Set for the package's own values, whose lock gives the order: the caller
// holds it, and settles what is returned without it.
func (x *Value[T]) put(v T) (todo []settler) {
	books.Lock()
	defer books.Unlock()
	a := assignment[T]{x: x, next: &box[T]{v}}
	a.prepare()
	return a.applyLocked(nil)
}

func (x *Value[T]) settle() { x.changes.flush() }

// An assignment is a Set on its way.
type assignment[T any] struct {
	x         *Value[T]
	update    func(T) T
	old, next *box[T]
	same      bool
}

func (a *assignment[T]) prepare() (changes bool) {
	a.old = a.x.box.Load()
	if a.update != nil {
		a.next = &box[T]{a.update(a.old.v)}
	}
	a.same = a.x.dead.Load() || a.x.equal(a.old.v, a.next.v)
	return !a.same
}

func (a *assignment[T]) currentLocked() bool { return a.x.box.Load() == a.old }

func (a *assignment[T]) applyLocked(todo []settler) []settler {
	if a.same {
		return todo
	}
	if a.x.changes.addLocked(a.old.v, a.next.v) {
		todo = append(todo, a.x)
	}
	a.x.node.version++
	todo = a.x.node.markLocked(todo)
	a.x.box.Store(a.next)
	return todo
}
