package keyed

import (
	"iter"
	"slices"
	"sync"
	"weak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/scope"
)

// A group is what Owners and Map have in common: an owner for each key, with a value. For
// Owners the value is empty.
type group[K comparable, V any] struct {
	owner *tether.Owner             // the parent of all
	self  weak.Pointer[group[K, V]] // for the tags, which the owners hold

	// Lock order: mu before the owners' own locks. Neither user code nor a
	// Destroy runs under mu.
	mu sync.Mutex // guards the fields below and those of entries

	// The newest entry of each key. A key's entries form a chain, and only the newest can
	// have a live owner: an entry is put on top of another only if that one's owner is dead,
	// and dead is final. Only currentLocked makes owners. So calls that race for one key
	// agree on one live owner, and a call that finds it dead makes the next.
	//
	// An entry stays until its owner's last cleanup, so that Replace and Destroy can wait for
	// owners that were cut off before. Nothing else sees an entry with a dead owner, except
	// in a dead group.
	entries map[K]*entry[K, V]

	// Those whose last cleanup has run and that have not ended yet, and perhaps some that have.
	leaving []*scope.Scope

	openings map[K]*opening[K, V] // of a Map: those under way, the newest of each key first

	slots []*entry[K, V] // all entries, by number
	free  []int32        // numbers of slots that are nil
}

// begin makes the zero group ready for use. g must not move after that.
func (g *group[K, V]) begin(owner *tether.Owner, name string, opts []tether.OwnerOption) {
	g.owner = owner.NewChild(name, opts...)
	handle.Scope("keyed: New", g.owner).NamedByKeys()
	g.entries = make(map[K]*entry[K, V])
	g.self = weak.Make(g)
}

// fit panics if key can't be a key, so that the map operations after it do not.
func (g *group[K, V]) fit(what string, key K) {
	if !equal(key, key) {
		panic("keyed: " + what + " with a key that is not equal to itself")
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	_ = g.entries[key] // panics if key is not hashable
}

func equal[K comparable](a, b K) bool { return a == b }

// find returns the entry of key if its owner lives and, in a Map, its value is there.
// It panics as fit does.
func (g *group[K, V]) find(what string, key K) (owner *tether.Owner, v V, ok bool) {
	if !equal(key, key) {
		panic("keyed: " + what + " with a key that is not equal to itself")
	}
	g.mu.Lock()
	defer g.mu.Unlock() // the lookup panics if key is not hashable
	if e := g.entries[key]; g.seenLocked(e) {
		return e.owner, e.value, true
	}
	return nil, v, false
}

// seenLocked reports whether calls see e, which may be nil: its owner lives and, in a Map, its
// value is there.
func (g *group[K, V]) seenLocked(e *entry[K, V]) bool {
	return e != nil && e.owner.Alive() && (len(g.openings) == 0 || g.openingLocked(e) == nil)
}

// openingLocked returns the opening of e, nil if there is none.
func (g *group[K, V]) openingLocked(e *entry[K, V]) *opening[K, V] {
	for c := g.openings[e.key]; c != nil; c = c.next {
		if c.opensLocked(e) {
			return c
		}
	}
	return nil
}

// destroy destroys the owner of key and all earlier ones.
func (g *group[K, V]) destroy(what string, key K) error {
	g.fit(what, key)
	g.mu.Lock()
	owners := g.entries[key].chainLocked()
	g.mu.Unlock()
	defer g.settle()
	return destroy(owners)
}

// settle waits for the ends of those that are leaving. It may wait in handlers too: between the
// last cleanup of an owner and its end no code of the user's runs.
func (g *group[K, V]) settle() {
	g.mu.Lock()
	g.leaving = slices.DeleteFunc(g.leaving, (*scope.Scope).Over)
	all := slices.Clone(g.leaving)
	g.mu.Unlock()
	for _, s := range all {
		<-s.Ended()
	}
}

// size returns the number of entries that can be seen.
func (g *group[K, V]) size() (n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, e := range g.entries {
		if g.seenLocked(e) {
			n++
		}
	}
	return n
}

// all returns an iterator over the entries that can be seen when the loop starts. It skips
// those whose owner is dead at their turn.
func (g *group[K, V]) all() iter.Seq[*entry[K, V]] {
	return func(yield func(*entry[K, V]) bool) {
		g.mu.Lock()
		all := make([]*entry[K, V], 0, len(g.entries))
		for _, e := range g.entries {
			if g.seenLocked(e) {
				all = append(all, e)
			}
		}
		g.mu.Unlock()
		for _, e := range all {
			if e.owner.Alive() && !yield(e) {
				return
			}
		}
	}
}
