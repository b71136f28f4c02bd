package weakref

import (
	"iter"
	"runtime"
	"weak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/handle"
)

// A Cache has one instance of each value while the value is in use, and does not keep the
// value alive itself: weak values. When a value is collected, its entry is gone. [NewCache]
// makes one. The zero Cache is closed. All methods may be called by multiple goroutines.
//
// A key that refers to its own value keeps it for ever, see the package documentation. Get
// and Set panic if a key is not hashable. They also panic if a key is not equal to itself,
// as a NaN, which would never be found again.
type Cache[K comparable, V any] struct {
	_     noCopy
	table table[K, weak.Pointer[V]]
}

// NewCache returns a cache that is emptied and closed when owner is destroyed, in turn with
// the owner's cleanups. The owner does not hold the cache: a cache that is not in use any
// more is garbage, with all its entries. NewCache panics if owner is nil.
func NewCache[K comparable, V any](owner *tether.Owner) *Cache[K, V] {
	s := handle.Scope("weakref: NewCache", owner)
	c := new(Cache[K, V])
	c.table.own(s)
	return c
}

// Get returns the value under key. If there is none, or it was collected, Get calls create
// and returns the result. It keeps the result weakly, unless it is nil. With a nil create
// Get only looks, and returns nil if there is no value.
//
// create runs with no lock held and may do anything. Callers that ask for one key at the
// same time may all run it. The first to return wins, and all of them get its value. So
// there is a single instance while it is in use. If the cache is closed, Get returns what
// create returns and keeps nothing.
func (c *Cache[K, V]) Get(key K, create func() *V) *V {
	c.fit("Get", key)
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
		return v // another call was faster
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

// Set puts value under key in place of what is there. It returns false, and puts nothing, if
// the cache is closed. Set panics if value is nil.
func (c *Cache[K, V]) Set(key K, value *V) bool {
	c.fit("Set", key)
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

// Delete forgets the value under key. It reports whether there was one that lives.
func (c *Cache[K, V]) Delete(key K) bool {
	c.check("Delete")
	t := &c.table
	t.mu.Lock()
	defer t.mu.Unlock()
	v := c.lookLocked(key)
	t.deleteLocked(key)
	runtime.KeepAlive(v) // otherwise Stop might come too late
	return v != nil
}

// Len returns the number of entries. Those whose value was collected count until
// that is noticed.
func (c *Cache[K, V]) Len() int {
	c.check("Len")
	return c.table.len()
}

// All returns an iterator over the entries that there are when the loop starts, in no
// particular order. It skips an entry whose value does not live when its turn comes. No
// lock is held while the body runs. Cost: it copies the entries.
func (c *Cache[K, V]) All() iter.Seq2[K, *V] {
	c.check("All")
	return func(yield func(K, *V) bool) {
		for k, w := range c.table.pairs() {
			if v := w.Value(); v != nil && !yield(k, v) {
				return
			}
		}
	}
}

func (c *Cache[K, V]) check(op string) {
	if c == nil {
		panic("weakref: " + op + " of nil Cache")
	}
}

// fit panics if key can't be entered.
func (c *Cache[K, V]) fit(op string, key K) {
	c.check(op)
	if !equal(key, key) {
		panic("weakref: " + op + " with a key that is not equal to itself")
	}
	c.look(key) // panics if key is not hashable
}

func equal[K comparable](a, b K) bool { return a == b }
