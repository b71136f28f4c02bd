package state

import (
	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/check"
	"github.com/seed-ec287111/tether/internal/handle"
)

// ReadOnly returns r as a Readable that can be read, watched and used, and nothing else.
// Use it to hand out a [Value] that others should not set. It costs nothing, and its
// methods are those of r.
func ReadOnly[T any](r Readable[T]) Readable[T] {
	if check.Nil(r) {
		panic("state: ReadOnly with nil Readable")
	}
	return readOnly[T]{r}
}

type readOnly[T any] struct{ r Readable[T] }

func (r readOnly[T]) Get() T                            { return r.r.Get() }
func (r readOnly[T]) Use(use *Use) T                    { return r.r.Use(use) }
func (r readOnly[T]) Changes() tether.Source[Change[T]] { return r.r.Changes() }

func (r readOnly[T]) origin() *source {
	if o, ok := r.r.(origin); ok {
		return o.origin()
	}
	return nil
}

// A Lens is a part of a [Value] that can be read and set as if it were a value itself: a
// field of a struct, an element of an array. [NewLens] makes one. All methods may be called
// by multiple goroutines at once.
type Lens[T, P any] struct {
	whole *Value[T]
	part  *Computed[P]
	set   func(T, P) T
}

// NewLens returns the part of whole that get reads. set returns a copy of the whole with
// another part. It must not change its argument, which is a value that others have.
//
// The lens is a computed value of owner. If the part stays equal, nothing happens, whatever
// else of the whole has changed.
func NewLens[T, P any](owner *tether.Owner, whole *Value[T], get func(T) P, set func(T, P) T, opts ...Option) *Lens[T, P] {
	handle.Scope("state: NewLens", owner)
	if whole == nil {
		panic("state: NewLens with nil Value")
	}
	if get == nil || set == nil {
		panic("state: NewLens with nil function")
	}
	part := newComputed(owner, "NewLens", get, func(use *Use) P { return get(whole.Use(use)) }, opts)
	return &Lens[T, P]{whole: whole, part: part, set: set}
}

// Get returns the part.
func (l *Lens[T, P]) Get() P { return l.part.Get() }

// Use returns the part to a computing function. See [Computed.Use].
func (l *Lens[T, P]) Use(use *Use) P { return l.part.Use(use) }

// Peek returns the part to a computing function that should not depend on it.
func (l *Lens[T, P]) Peek(use *Use) P { return l.part.Peek(use) }

// Changes returns the source of the part's changes. See [Computed.Changes].
func (l *Lens[T, P]) Changes() tether.Source[Change[P]] { return l.part.Changes() }

func (l *Lens[T, P]) origin() *source { return l.part.origin() }

// Set makes p the part, as a [Value.Update] of the whole does.
func (l *Lens[T, P]) Set(p P) { l.whole.Update(func(v T) T { return l.set(v, p) }) }

// SetIn adds a Set of the part to the batch. The batch may also set other parts of the same
// whole.
func (l *Lens[T, P]) SetIn(b *Batch, p P) {
	l.whole.UpdateIn(b, func(v T) T { return l.set(v, p) })
}
