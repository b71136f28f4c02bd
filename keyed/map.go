package keyed

import (
	"iter"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/handle"
)

// A Map has a value for each key, and each value an owner: it lives exactly as long as
// that. It is made by [NewMap]. All methods may be called by multiple goroutines at once.
type Map[K comparable, V any] struct {
	group group[K, V]
	open  func(*tether.Owner, K) V
}

// NewMap returns a Map without entries. It makes a child of owner with the given name and
// options, [Map.Group]. The owners of the keys are children of that one, so they inherit,
// for example, its [tether.WithPanicHandler].
//
// open makes the value of a key, and hands o what shall end with it. It runs once for each
// owner, on the goroutine of the Get, GetOrMake or Replace that needs the value, and with
// no lock held. It counts as a handler of o: Destroy of o waits for it, and a Destroy of
// any owner inside it does not wait. It may use the Map for other keys.
//
// If open panics, the Map destroys o, and then the call panics with the same value. So do
// the calls that have waited for this open. The next call tries again. If o has a panic
// handler, the handler gets the panic, and the calls panic with the *[tether.PanicError].
// Inside a handler the call does not wait for the end of o, only for its cut-off. If open
// calls [runtime.Goexit], the calls that have waited try again.
//
// NewMap panics if owner or open is nil, and for whatever [tether.Owner.NewChild] panics.
func NewMap[K comparable, V any](owner *tether.Owner, name string, open func(o *tether.Owner, key K) V, opts ...tether.OwnerOption) *Map[K, V] {
	handle.Scope("keyed: NewMap", owner)
	if open == nil {
		panic("keyed: NewMap with nil function")
	}
	m := &Map[K, V]{open: open}
	m.group.begin(owner, name, opts)
	m.group.openings = make(map[K]*opening[K, V])
	return m
}

// Group returns the parent of all owners. Its Destroy ends all values and, as a barrier,
// waits for every open that runs.
func (m *Map[K, V]) Group() *tether.Owner {
	m.check("Group")
	return m.group.owner
}

// Get returns the value of key whose owner lives. If there is none, Get makes an owner, a
// child of the group's owner with the name fmt.Sprint(key), and calls open, see [NewMap].
//
// Calls of Get that race return one value: one of them makes it, and the others wait for
// that. They also wait for a Replace. Get does not wait for earlier owners of key that were
// cut off and have not ended. Replace does.
//
// The owner of the value that Get returns was alive at some moment of the call. There are
// two exceptions: the group is not alive, or open has ended its own owner. Then Get returns
// the value that open made, also to the calls that waited, and the Map does not keep it.
//
// Get panics if it would wait for itself: inside the open of key, or inside that of
// another key which the open of key waits for, directly or by way of further ones. The
// message names the keys. It panics if key is not equal to itself, as a NaN, or not
// hashable. Cost: a mutex and a map lookup if there is a value.
func (m *Map[K, V]) Get(key K) V {
	v, _ := m.get("Get", key)
	return v
}

// GetOrMake is Get, and reports whether it was this call that made the value.
func (m *Map[K, V]) GetOrMake(key K) (v V, made bool) { return m.get("GetOrMake", key) }

func (m *Map[K, V]) get(op string, key K) (v V, made bool) {
	m.check(op)
	if _, v, ok := m.group.find(op, key); ok {
		return v, false
	}
	name := name(key)
	for {
		v, c, mine := m.join(op, key, name)
		switch {
		case c == nil:
			return v, false
		case mine:
			goroutine.Spell(c.number, c)
		default:
			c.wait(op)
		}
		if c.result == given {
			return c.value, mine
		}
	}
}

// join returns the value of key, or the opening that makes it, which is the caller's if mine.
func (m *Map[K, V]) join(op string, key K, name string) (v V, c *opening[K, V], mine bool) {
	g := &m.group
	g.mu.Lock()
	defer g.mu.Unlock()
	if e := g.entries[key]; g.seenLocked(e) {
		return e.value, nil, false
	}
	m.checkCircleLocked(op, key, name) // first: if it panics, no entry may be left without an opening
	e := g.getLocked(key, name)
	if c = g.openingLocked(e); c != nil && !e.kinLocked().stillborn {
		if c.awaitsCallerLocked() {
			panic("keyed: " + op + " of " + quoted(name) + " in a goroutine of its earlier owner, for which a Replace waits")
		}
		c.joinLocked()
		return v, c, false
	}
	c = m.newOpeningLocked(key, name)
	c.e = e
	c.startLocked()
	return v, c, true
}

// Replace destroys the owner of key, if there is one, and returns the value of a fresh
// one. Outside handlers it runs open when nothing of the earlier owners of key is left to
// run, and not before. So a session that saves when it ends has saved before the next one
// loads. Other callers that want the value wait for that. Inside a handler Replace does not
// wait: it cuts off the earlier owners and runs open at once.
//
// Each call returns a value of its own. If several race, each has its turn, and the Map keeps
// what the last one returns. If the fresh owner is destroyed before its turn, Replace
// makes another one. Called in a goroutine of an earlier owner, it does not wait for that
// owner.
//
// Replace drops the errors of the old owner's closers. If they matter, call [Map.Destroy]
// first. If a cleanup of the old owner panics, so does Replace, and open does not run. The
// next Get or Replace tries again. Replace panics for whatever Get panics.
func (m *Map[K, V]) Replace(key K) V {
	m.check("Replace")
	m.group.fit("Replace", key)
	name := name(key)
	inside := goroutine.MustNotWait()
	for {
		c, mine := m.claim(key, name, inside)
		switch {
		case mine:
			goroutine.Spell(c.number, c)
			if c.result == given {
				return c.value
			}
		case c != nil:
			c.wait("Replace")
		}
	}
}

// Lookup returns the value of key, and whether there is one whose owner lives. It makes
// none and never waits: a value that is being made is not there. It panics if key is
// not equal to itself or not hashable.
func (m *Map[K, V]) Lookup(key K) (V, bool) {
	m.check("Lookup")
	_, v, ok := m.group.find("Lookup", key)
	return v, ok
}

// Owner returns the live owner of the value of key, and whether there is one, as Lookup
// does.
func (m *Map[K, V]) Owner(key K) (*tether.Owner, bool) {
	m.check("Owner")
	owner, _, ok := m.group.find("Owner", key)
	return owner, ok
}

// Destroy destroys the owner of key, also while its value is being made. Outside handlers
// it waits until this owner, and all earlier ones of key, have ended. It returns the errors
// of their closers, joined.
//
// Inside handlers, cleanups and open, Destroy does not wait, as [tether.Owner.Destroy]
// does not. It then returns [tether.ErrPending] if something of the owners still runs.
func (m *Map[K, V]) Destroy(key K) error {
	m.check("Destroy")
	return m.group.destroy("Destroy", key)
}

// All returns an iterator over the keys and values whose owners live, in no particular
// order. The loop takes a snapshot when it starts, and skips the values whose owners are
// dead at their turn. Its body may call anything. Cost: the snapshot is a copy.
func (m *Map[K, V]) All() iter.Seq2[K, V] {
	m.check("All")
	return func(yield func(K, V) bool) {
		for e := range m.group.all() {
			if !yield(e.key, e.value) {
				return
			}
		}
	}
}

// Len returns the number of values whose owners live. Cost: linear in the number of keys.
func (m *Map[K, V]) Len() int {
	m.check("Len")
	return m.group.size()
}

func (m *Map[K, V]) check(op string) {
	if m == nil || m.group.owner == nil {
		panic("keyed: " + op + " of nil or zero Map")
	}
}
