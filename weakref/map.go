package weakref

import (
	"iter"
	"runtime"
	"weak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/handle"
)

// A Map attaches values to objects without keeping the objects alive: weak keys. When an
// object is collected, its entry is gone, and the value with it. [NewMap] makes one. The
// zero Map is closed. All methods may be called by multiple goroutines.
//
// A value that refers to its own key keeps it for ever, see the package documentation.
type Map[K, V any] struct {
	_     noCopy
	table table[weak.Pointer[K], V]
}

// noCopy makes go vet's copylocks find copies.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// NewMap returns a map that is emptied and closed when owner is destroyed, in turn with the
// owner's cleanups. The owner does not hold the map: a map that is not in use any more is
// garbage, with all its entries. NewMap panics if owner is nil.
func NewMap[K, V any](owner *tether.Owner) *Map[K, V] {
	s := handle.Scope("weakref: NewMap", owner)
	m := new(Map[K, V])
	m.table.own(s)
	return m
}

// Set attaches value to key in place of what was attached before. It returns false, and
// attaches nothing, if the map is closed. Cost: about a microsecond for a new key. Set
// panics if key is nil.
func (m *Map[K, V]) Set(key *K, value V) bool {
	m.check("Set")
	if key == nil {
		panic("weakref: Set with nil key")
	}
	k := weak.Make(key)
	t := &m.table
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.entries == nil {
		return false
	}
	if e := t.entries[k]; e != nil {
		e.value = value // equal weak pointers stand for one object
	} else {
		watch(t, k, value, key)
	}
	runtime.KeepAlive(key)
	return true
}

// Get returns what is attached to key, and false if nothing is. Nothing is ever attached to
// nil.
func (m *Map[K, V]) Get(key *K) (value V, ok bool) {
	m.check("Get")
	k := weak.Make(key)
	t := &m.table
	t.mu.Lock()
	defer t.mu.Unlock()
	if e := t.entries[k]; e != nil {
		return e.value, true
	}
	return value, false
}

// Delete detaches what is attached to key and reports whether something was.
func (m *Map[K, V]) Delete(key *K) bool {
	m.check("Delete")
	ok := m.table.delete(weak.Make(key))
	runtime.KeepAlive(key) // otherwise Stop might come too late
	return ok
}

// Len returns the number of entries. Those whose key was collected count until
// that is noticed.
func (m *Map[K, V]) Len() int {
	m.check("Len")
	return m.table.len()
}

// All returns an iterator over the entries that there are when the loop starts, in no
// particular order. It skips an entry whose key does not live when its turn comes. No lock
// is held while the body runs. Cost: it copies the entries, and keeps their values, but not
// their keys, until the loop ends.
func (m *Map[K, V]) All() iter.Seq2[*K, V] {
	m.check("All")
	return func(yield func(*K, V) bool) {
		for k, v := range m.table.pairs() {
			if key := k.Value(); key != nil && !yield(key, v) {
				return
			}
		}
	}
}

func (m *Map[K, V]) check(op string) {
	if m == nil {
		panic("weakref: " + op + " of nil Map")
	}
}
