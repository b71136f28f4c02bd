package weakref

import (
	"iter"
	"runtime"
	"weak"

	"github.com/seed-ec287111/tether"
)

// A Cache has one instance of each value for as long as somebody uses it, and
// does not keep it alive itself: weak values. When a value is collected, its
// entry is gone. [NewCache] makes one; the zero Cache is closed. All methods may
// be called by multiple goroutines.
//
// A key that refers to its own value keeps it for ever, see the package
// documentation. One that is not equal to itself, NaN, is never found again.
type Cache[K comparable, V any] struct {
	_     noCopy
	table table[K, weak.Pointer[V]]
}

// NewCache returns a cache that is emptied and closed when owner is destroyed,
// in turn with the owner's cleanups. The owner does not
// hold the cache: one that nobody uses any more is garbage, with all entries.
func NewCache[K comparable, V any](owner *tether.Owner) *Cache[K, V] {
	if owner == nil {
		panic("weakref: NewCache with nil Owner")
	}
	c := new(Cache[K, V])
	c.table.own(owner)
	return c
}

// Get returns the value under key. If there is none, or it was collected, Get
// calls create and keeps, weakly, what that returns, unless it is nil. A nil
// create means only to look, and Get then returns nil if there is none.
//
// create runs with no lock held and may do anything. Callers who ask for one key
// at once may all run it; the first to return wins, and all get that one's value,
// so that there is a single instance while it is in use. Where the cache is
// closed, Get returns what create does and keeps nothing.
func (c *Cache[K, V]) Get(key K, create func() *V) *V {
	if v := c.look(key); v != nil || create == nil {
		return v
	}
	made := create()
	if made == nil {
		return nil
	}
	w := weak.Make(made)
	t := &c.table
	t.mu.Lock()
	defer t.mu.Unlock()
	if v := c.lookLocked(key); v != nil {
		return v // somebody else was faster
	}
	if t.entries != nil {
		watch(t, key, w, made)
	}
	return made
}

func (c *Cache[K, V]) look(key K) *V {
	c.table.mu.Lock()
	defer c.table.mu.Unlock() // deferred: a key of interface type may panic
	return c.lookLocked(key)
}

func (c *Cache[K, V]) lookLocked(key K) *V {
	if e := c.table.entries[key]; e != nil {
		return e.value.Value()
	}
	return nil
}

// Set puts value under key in place of what is there, and reports whether it
// did: not where the cache is closed.
func (c *Cache[K, V]) Set(key K, value *V) bool {
	if value == nil {
		panic("weakref: Set with nil value")
	}
	w := weak.Make(value)
	t := &c.table
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.entries == nil {
		return false
	}
	watch(t, key, w, value)
	runtime.KeepAlive(value)
	return true
}

// Delete forgets the value under key and reports whether there was one that
// lives.
func (c *Cache[K, V]) Delete(key K) bool {
	t := &c.table
	t.mu.Lock()
	defer t.mu.Unlock()
	v := c.lookLocked(key)
	t.deleteLocked(key)
	runtime.KeepAlive(v) // else Stop might come too late
	return v != nil
}

// Len returns the number of entries. Those whose value was collected count until
// that is noticed.
func (c *Cache[K, V]) Len() int { return c.table.len() }

// All returns an iterator over the entries of the moment when the loop starts
// whose value lives when its turn comes, in no particular order. No lock is held
// while the body runs. Cost: it copies the entries.
func (c *Cache[K, V]) All() iter.Seq2[K, *V] {
	return func(yield func(K, *V) bool) {
		for k, w := range c.table.pairs() {
			if v := w.Value(); v != nil && !yield(k, v) {
				return
			}
		}
	}
}
