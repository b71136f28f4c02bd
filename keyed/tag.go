package keyed

import (
	"slices"
	"sync/atomic"
	"weak"

	"github.com/seed-ec287111/tether/internal/scope"
)

// A tag is what an owner holds in place of its entry. The root's scope refers to what owners
// hold, and the program may refer to that scope. So what an owner holds must not lead to the
// root's handle. An entry does, and a user's key or value may. If the user drops the group,
// the entries are garbage, and there is nothing to remove.
type tag[K comparable, V any] struct {
	group weak.Pointer[group[K, V]]
	slot  int32         // of the entry, if linked
	state atomic.Uint32 // unknown, then linked or gone
}

// The states of a tag. They say of its entry:
const (
	unknown uint32 = iota // it is being made
	linked                // it is in the chain
	gone                  // its owner had ended before it was linked
)

// Close is the owner's cleanup. It is a closer, because that saves an allocation.
func (t *tag[K, V]) Close() error {
	if t.state.CompareAndSwap(unknown, gone) {
		return nil
	}
	if g := t.group.Value(); g != nil {
		g.remove(t.slot)
	}
	return nil
}

// watchLocked arranges for e, which no other goroutine knows yet, to be removed when its owner
// has ended. It returns false if the owner has ended already. The cleanup is the first to be
// registered, and so the last to run.
//
// NOTE: if the owner has ended, Own closes the tag at once. Close must not lock mu then.
func (g *group[K, V]) watchLocked(e *entry[K, V]) bool {
	t := &tag[K, V]{group: g.self, slot: int32(len(g.slots))}
	if n := len(g.free); n > 0 {
		t.slot = g.free[n-1]
	}
	e.scope().Own(t)
	if !t.state.CompareAndSwap(unknown, linked) {
		return false
	}
	if n := len(g.free); n > 0 {
		g.free = g.free[:n-1]
		g.slots[t.slot] = e
	} else {
		g.slots = append(g.slots, e)
	}
	return true
}

// roomy is how many entries there must have been for the map, which keeps the room for them, to be
// made anew when it is empty; arbitrary.
const roomy = 64

// remove takes the entry in slot, whose owner has ended, out of its chain.
func (g *group[K, V]) remove(slot int32) {
	g.mu.Lock()
	defer g.mu.Unlock()
	e := g.slots[slot]
	g.leaving = append(slices.DeleteFunc(g.leaving, (*scope.Scope).Over), e.scope())
	if e.orphanedLocked() {
		g.currentLocked(e.key, e.owner.Name())
	}
	g.slots[slot] = nil
	g.free = append(g.free, slot)
	k := e.kinLocked()
	if k.older != nil {
		k.older.setKinLocked(func(o *kin[K, V]) { o.newer = k.newer })
	}
	switch {
	case k.newer != nil:
		k.newer.setKinLocked(func(n *kin[K, V]) { n.older = k.older })
	case k.older != nil:
		g.entries[e.key] = k.older
	default:
		delete(g.entries, e.key)
		if len(g.entries) == 0 {
			if len(g.slots) > roomy {
				g.entries = make(map[K]*entry[K, V])
			}
			g.slots, g.free = nil, nil
		}
	}
	if e.kin != nil {
		e.kin.newer = nil
	}
}
