package keyed

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/finally"
	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/scope"
)

// An entry is an owner of a key. Nothing that the owner holds may refer to the entry, because
// the entry's owner keeps the handles of its ancestors alive, see tag.
//
// There may be millions of entries, and nearly all are the only one of their key. So what an
// entry knows of others is apart, in kin.
type entry[K comparable, V any] struct {
	key   K
	value V // in a Map; written before any opening of the entry is over
	owner *tether.Owner
	kin   *kin[K, V] // nil if it would be zero; guarded by the group's mu
}

// A kin is an entry's place among those of its key.
type kin[K comparable, V any] struct {
	// The chain. An entry that was removed from it keeps older, for walks that have come to
	// the entry: what is below it was below it when it was removed.
	older, newer *entry[K, V]

	heir      *entry[K, V] // what a Replace that ends owner returns; made after the cut-off
	wanted    bool         // there is such a Replace; then there is an heir, or this is the newest
	stillborn bool         // owner was dead when it was made
}

// kinLocked returns the kin of e, which may be nil, to read.
func (e *entry[K, V]) kinLocked() kin[K, V] {
	if e == nil || e.kin == nil {
		return kin[K, V]{}
	}
	return *e.kin
}

// setKinLocked calls change with the kin of e, and keeps the result.
func (e *entry[K, V]) setKinLocked(change func(*kin[K, V])) {
	k := e.kinLocked()
	change(&k)
	switch {
	case k == kin[K, V]{}:
		e.kin = nil
	case e.kin == nil:
		e.kin = &k
	default:
		*e.kin = k
	}
}

// orphanedLocked reports whether there is a Replace that still waits for an heir of e,
// which may be nil.
func (e *entry[K, V]) orphanedLocked() bool {
	k := e.kinLocked()
	return k.wanted && k.heir == nil
}

// getLocked is currentLocked for a Get. In a dead group, Get makes no further dead owner if
// there is one: one is as good as another.
func (g *group[K, V]) getLocked(key K, name string) *entry[K, V] {
	if e := g.entries[key]; e.kinLocked().stillborn && !g.owner.Alive() {
		return e
	}
	e, _ := g.currentLocked(key, name)
	return e
}

// currentLocked returns the entry of key's live owner. If there is none, it makes one. It is
// the only place where owners are made. If a Replace waits for an heir of the newest entry
// before, the new entry is the heir. So calls that arrive while a Replace waits get the
// replacement. In a dead group the new owner is dead, and may have ended. If it has, the entry
// has no place in the chain, but older says what was there.
func (g *group[K, V]) currentLocked(key K, name string) (e *entry[K, V], fresh bool) {
	old := g.entries[key]
	if old != nil && old.owner.Alive() {
		return old, false
	}
	e = &entry[K, V]{key: key, owner: g.owner.NewChild(name)}
	if dead := !e.owner.Alive(); dead || old != nil {
		e.kin = &kin[K, V]{older: old, stillborn: dead}
	}
	if old.orphanedLocked() {
		old.kin.heir = e
	}
	if g.watchLocked(e) {
		if old != nil {
			old.setKinLocked(func(k *kin[K, V]) { k.newer = e })
		}
		g.entries[key] = e
	}
	return e, true
}

// claimLocked returns the entry that a Replace of key has for itself. If e is fresh, it is the
// result of the Replace. Otherwise the Replace has to end e, and its result is e's heir. ok is
// false if another Replace has e, to end or to return.
func (g *group[K, V]) claimLocked(key K, name string) (e *entry[K, V], fresh, ok bool) {
	e, fresh = g.currentLocked(key, name)
	switch {
	case fresh:
		return e, true, e.kinLocked().older.kinLocked().heir != e
	case e.kinLocked().wanted:
		return e, false, false
	}
	e.wantLocked()
	return e, false, true
}

// wantLocked notes that a Replace is about to end the owner of e.
func (e *entry[K, V]) wantLocked() { e.setKinLocked(func(k *kin[K, V]) { k.wanted = true }) }

// succeed returns the heir of an entry that the caller has claimed and ended. If e has no heir
// yet, e is still the newest of its key, because every change of that leaves an heir.
func (g *group[K, V]) succeed(e *entry[K, V], name string) *entry[K, V] {
	g.mu.Lock()
	defer g.mu.Unlock()
	if e.kin.heir == nil {
		g.currentLocked(e.key, name)
	}
	return e.kin.heir
}

func (e *entry[K, V]) scope() *scope.Scope { return handle.Scope("keyed", e.owner) }

// await waits for the ends of the owners of e, which may be nil, and of the entries below it.
// It destroys those that nobody has destroyed. A panic goes on when all have had their turn.
// If await may not wait, it looks no further, because what is left ends without it.
//
// It walks down while others remove entries. It looks at each entry once. If many calls wait,
// an owner is waited for only by those that began above it.
func (g *group[K, V]) await(e *entry[K, V]) {
	finally.Each(func() bool {
		if e == nil {
			return false
		}
		at := e
		defer func() { // also if a cleanup panics
			g.mu.Lock()
			defer g.mu.Unlock()
			if e != nil {
				e = at.kinLocked().older
			}
		}()
		if err := at.owner.Destroy(); errors.Is(err, tether.ErrPending) && goroutine.MustNotWait() {
			e = nil
		}
		return true
	})
}

// chainLocked returns the owners of e and the entries below, newest first.
func (e *entry[K, V]) chainLocked() (owners []*tether.Owner) {
	for ; e != nil; e = e.kinLocked().older {
		owners = append(owners, e.owner)
	}
	return owners
}

// destroy destroys all owners, whatever the others do. A panic goes on after that.
func destroy(owners []*tether.Owner) error {
	if len(owners) == 1 {
		return owners[0].Destroy()
	}
	var errs []error
	finally.Each(func() bool {
		if len(owners) == 0 {
			return false
		}
		owner := owners[0]
		owners = owners[1:]
		errs = append(errs, owner.Destroy())
		return true
	})
	return errors.Join(errs...)
}

// name returns fmt.Sprint(key), for common keys without its allocations.
func name[K comparable](key K) string {
	switch k := any(key).(type) {
	case string:
		return k
	case int:
		return strconv.Itoa(k)
	}
	return fmt.Sprint(key)
}
