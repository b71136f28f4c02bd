package weakref

import (
	"runtime"
	"sync"
	"weak"

	"github.com/seed-ec287111/tether/internal/scope"
)

// A table is what maps, caches and connections have in common: entries, each
// until an object is collected. The zero table is closed.
//
// The object's cleanup refers to its entry weakly, and the entry to the object
// not at all. So a living object does not keep the table, or what its values
// refer to, from being collected; nor the other way round.
type table[K comparable, V any] struct {
	mu      sync.Mutex         // guards the fields below; a leaf but for the runtime's
	entries map[K]*entry[K, V] // nil once closed
	gone    func(*entry[K, V]) // if not nil, told with no lock held; no user code
}

type entry[K comparable, V any] struct {
	table   *table[K, V]
	key     K
	value   V // guarded by the table's mu
	cleanup runtime.Cleanup
}

// open makes t ready for use.
func (t *table[K, V]) open() { t.entries = make(map[K]*entry[K, V]) }

// A tie is what the owner of a table holds: how to close the table while it is in use, and
// what to take back when it is not.
//
// Neither side holds the other. The owner must not hold the table, as a value there may
// refer to the owner, which would then never be found lost. The table must not hold the
// tie, which leads to the owner's other cleanups, as these may refer to the owner too.
type tie[K comparable, V any] struct {
	table weak.Pointer[table[K, V]]
	stop  func() bool
}

// own arranges for t to be closed with owner, and for what owner holds for that to be
// taken back when t is garbage. t must not move.
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

// untie is called on the runtime's goroutine when a table was collected: it only
// takes back what the owner holds, if that has not ended.
func untie[K comparable, V any](w weak.Pointer[tie[K, V]]) {
	if k := w.Value(); k != nil {
		k.stop()
	}
}

// watch enters a value under key until object is collected, in place of what is
// there. The caller has mu, and object after the call.
func watch[K comparable, V, O any](t *table[K, V], key K, value V, object *O) *entry[K, V] {
	e := &entry[K, V]{table: t, key: key, value: value}
	e.cleanup = runtime.AddCleanup(object, collected[K, V], weak.Make(e))
	t.deleteLocked(key)
	t.entries[key] = e
	return e
}

// collected is what the runtime calls when the object of an entry was collected,
// on a goroutine of its own and outside of any test's bubble: it only looks and
// deletes.
//
// NOTE: the entry is compared, not its key. Under that there may be another one
// by now, for another object, which lives.
func collected[K comparable, V any](w weak.Pointer[entry[K, V]]) {
	e := w.Value()
	if e == nil {
		return // deleted, or the table is garbage too
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

// deleteLocked deletes the entry under key and reports whether there was one.
// If its object is garbage, so is the cleanup, or it finds no entry.
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
