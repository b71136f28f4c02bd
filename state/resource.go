package state

import (
	"context"
	"errors"
	"sync"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/check"
	"github.com/seed-ec287111/tether/internal/handle"
)

// Loaded is the value of a [Resource]: the result of its last load, and whether another one
// is on its way.
type Loaded[T any] struct {
	Loading bool  // a load is on its way
	Value   T     // of the last load that succeeded; the zero T before the first
	Err     error // of the last load, if that has failed; nil while the first one is on its way
}

// errGone is the error of a load that ended without a result.
var errGone = errors.New("state: the load has panicked, or ended its goroutine")

// A Resource is a value that a function loads: from a file, a database, another machine. It
// is a [Readable] of the loaded value and the state of the load, see [Loaded]. Its methods
// may be called by multiple goroutines at once.
type Resource[T any] struct {
	state *Value[Loaded[T]]
	owner func() any // a *tether.Owner

	mu   sync.Mutex // guards the fields below; before books
	load func(ctx context.Context) (T, error)
	run  *tether.Owner // of the last load; nil before the first
	runs uint64        // how many loads there were
}

// NewResource returns a resource that belongs to owner, and begins to load. It calls load
// on a goroutine of owner. ctx ends with owner, and when another load begins.
//
// A panic of load is treated as one of any owned goroutine. If there is a panic handler,
// the resource has an error then. [Name] is the only option.
func NewResource[T any](owner *tether.Owner, load func(ctx context.Context) (T, error), opts ...Option) *Resource[T] {
	r := newResource[T]("NewResource", owner, load == nil, opts)
	r.load = load
	r.reload()
	return r
}

// NewResourceOf is [NewResource] for a value that is loaded by a key. It loads with the key
// of now, and again whenever the key changes.
func NewResourceOf[K, T any](owner *tether.Owner, key Readable[K], load func(ctx context.Context, key K) (T, error), opts ...Option) *Resource[T] {
	handle.Scope("state: NewResourceOf", owner)
	if check.Nil(key) {
		panic("state: NewResourceOf with nil Readable")
	}
	r := newResource[T]("NewResourceOf", owner, load == nil, opts)
	Bind(owner, key, func(k K) {
		r.mu.Lock()
		r.load = func(ctx context.Context) (T, error) { return load(ctx, k) }
		r.mu.Unlock()
		r.reload()
	})
	return r
}

func newResource[T any](verb string, owner *tether.Owner, none bool, opts []Option) *Resource[T] {
	handle.Scope("state: "+verb, owner)
	if none {
		panic("state: " + verb + " with nil function")
	}
	if configure(verb, opts).equal != nil {
		panic("state: " + verb + " with Equal")
	}
	opts = append(opts[:len(opts):len(opts)], Equal(func(a, b Loaded[T]) bool { return false }))
	return &Resource[T]{state: NewValue(owner, Loaded[T]{}, opts...), owner: handle.Remember(owner)}
}

// Get returns the value and the state of the load.
func (r *Resource[T]) Get() Loaded[T] { return r.state.Get() }

// Use returns the value and the state of the load to a computing function. See [Value.Use].
func (r *Resource[T]) Use(use *Use) Loaded[T] { return r.state.Use(use) }

// Peek returns the value and the state of the load to a computing function that should not
// depend on it.
func (r *Resource[T]) Peek(use *Use) Loaded[T] { return r.state.Peek(use) }

// Changes returns the source of the changes. There is one when a load begins, and one when
// it ends.
func (r *Resource[T]) Changes() tether.Source[Change[Loaded[T]]] { return r.state.Changes() }

func (r *Resource[T]) origin() *source { return r.state.origin() }

// Reload begins a load. It cancels a load that is still on its way, and the result of that
// is dropped. The value and the error of before stay until the load ends. Reload never
// waits. If the owner is not alive, it does nothing. Inside a computing function Reload panics,
// as [Value.Set] does.
func (r *Resource[T]) Reload() {
	refuse("Reload")
	r.reload()
}

func (r *Resource[T]) reload() {
	r.mu.Lock()
	run := r.owner().(*tether.Owner).NewChild("load")
	if !run.Alive() { // the owner may be: one whose stages have begun takes no children
		r.mu.Unlock()
		return
	}
	before, load := r.run, r.load
	r.runs++
	n := r.runs
	r.run = run
	p := r.put(func(l Loaded[T]) Loaded[T] {
		l.Loading = true
		return l
	})
	r.mu.Unlock()
	if before != nil {
		before.Cancel(nil)
	}
	defer p.settle()
	run.Go(func(ctx context.Context) {
		v, err := *new(T), errGone
		defer func() {
			defer run.Destroy() // it holds nothing else
			r.loaded(n, v, err)
		}()
		v, err = load(ctx)
	})
}

// loaded takes the result of load number n, if no other load has begun since.
func (r *Resource[T]) loaded(n uint64, v T, err error) {
	r.mu.Lock()
	if n != r.runs {
		r.mu.Unlock()
		return
	}
	p := r.put(func(l Loaded[T]) Loaded[T] {
		if err != nil {
			return Loaded[T]{Value: l.Value, Err: err}
		}
		return Loaded[T]{Value: v}
	})
	r.mu.Unlock()
	p.settle()
}

// put sets the state, and returns the pass, which the caller must settle. mu is held, and
// keeps the states in order.
func (r *Resource[T]) put(f func(Loaded[T]) Loaded[T]) *pass {
	x := r.state
	now := pack(x.source.form.shape(), f(x.Get()))
	books.mu.Lock()
	defer books.mu.Unlock()
	p := take()
	if x.owner.Alive() {
		p.apply(&x.source, x.source.load(), now)
	}
	return p
}
