package weakref

import (
	"runtime"
	"sync"
	"weak"

	"github.com/seed-ec287111/tether/internal/scope"
)

// A table is what maps, caches and connections have in common: entries, each of which stays
// until an object is collected. The zero table is closed.
//
// The object's cleanup refers to its entry weakly. The entry does not refer to the object. So
// a living object does not keep the table alive, nor what the table's values refer to, and
// the table does not keep the object alive.
type table[K comparable, V any] struct {
	mu      sync.Mutex         // guards the fields below; a leaf except for the runtime's locks
	entries map[K]*entry[K, V] // nil once closed
	gone    func(*entry[K, V]) // called with a collected object's entry, no lock held; or nil; no user code
}

type entry[K comparable, V any] struct {
	table   *table[K, V]
	key     K
	value   V // guarded by the table's mu
	cleanup runtime.Cleanup
}

// open makes t ready for use.
func (t *table[K, V]) open() { t.entries = make(map[K]*entry[K, V]) }

// A tie is what the owner of a table holds. It has the table, which the owner closes, and
// stop, which takes back the owner's cleanup when the table is garbage.
//
// Neither side holds the other. The owner must not hold the table, because a value there may
// refer to the owner, which would then never be found lost. The table must not hold the tie,
// because the tie leads to the owner's other cleanups, and these may refer to the owner too.
type tie[K comparable, V any] struct {
	table weak.Pointer[table[K, V]]
	stop  func() bool
}

// own arranges for t to be closed with owner, and for the owner's cleanup to be taken back
// when t is garbage. t must not move.
func (t *table[K, V]) own(owner *scope.Scope) {
	t.open()
	k := &tie[K, V]{table: weak.Make(t)}
	k.stop = owner.Defer(func() {
		if t := k.table.Value(); t != nil {
			t.close()
		}
	})
	runtime.AddCleanup(t, untie[K, V], weak.Make(k))
	runtime.KeepAlive(k)
}

// untie takes back the owner's cleanup when a table was collected, if the owner has not ended.
// It is called on the runtime's goroutine, and does nothing else.
func untie[K comparable, V any](w weak.Pointer[tie[K, V]]) {
	if k := w.Value(); k != nil {
		k.stop()
	}
}

// watch enters a value under key until object is collected, in place of what is there. The
// caller holds mu, and keeps object alive until watch has returned.
func watch[K comparable, V, O any](t *table[K, V], key K, value V, object *O) *entry[K, V] {
	e := &entry[K, V]{table: t, key: key, value: value}
	e.cleanup = runtime.AddCleanup(object, collected[K, V], weak.Make(e))
	t.deleteLocked(key)
	t.entries[key] = e
	return e
}

// collected deletes an entry whose object was collected, and calls gone. The runtime calls
// it on its own goroutine, outside of any test's bubble.
//
// NOTE: the entry is compared, and not its key. Under that key there may be another entry by
// now, for an object that lives.
func collected[K comparable, V any](w weak.Pointer[entry[K, V]]) {
	e := w.Value()
	if e == nil {
		return // the entry was deleted, or the table is garbage too
	}
	t := e.table
	t.mu.Lock()
	ours := t.entries[e.key] == e
	if ours {
		delete(t.entries, e.key)
	}
	t.mu.Unlock()
	if ours && t.gone != nil {
		t.gone(e)
	}
}

// deleteLocked deletes the entry under key and reports whether there was one. If its object is
// garbage already, the cleanup finds no entry.
func (t *table[K, V]) deleteLocked(key K) bool {
	e := t.entries[key]
	if e == nil {
		return false
	}
	e.cleanup.Stop()
	delete(t.entries, key)
	return true
}

func (t *table[K, V]) delete(key K) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.deleteLocked(key)
}

// close empties t for good.
func (t *table[K, V]) close() {
	t.mu.Lock()
	entries := t.entries
	t.entries = nil
	t.mu.Unlock()
	for _, e := range entries {
		e.cleanup.Stop()
	}
}

func (t *table[K, V]) len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.entries)
}

// pairs returns a copy of what t has.
func (t *table[K, V]) pairs() map[K]V {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make(map[K]V, len(t.entries))
	for k, e := range t.entries {
		all[k] = e.value
	}
	return all
}
