package keyed

import (
	"errors"
	"sync/atomic"
	"weak"

	"github.com/seed-ec287111/tether"
)

// An entry is an owner of a key. Nothing that the owner holds may refer to it,
// as owner keeps the handles of its ancestors alive: see watch.
type entry[K comparable] struct {
	group *Owners[K]
	key   K
	owner *tether.Owner

	state atomic.Uint32 // unknown, then linked or gone

	// Guarded by group.mu.
	older, newer *entry[K] // the chain; nil at its ends and once removed
	wanted       bool      // a Replace ends the owner; implies an heir, or that this is the newest
	heir         *entry[K] // what that Replace returns; made after the owner was cut off
}

// The states of an entry, as its owner's cleanup finds it.
const (
	unknown uint32 = iota // it is being made
	linked                // it is in the chain
	gone                  // its owner had ended before it was
)

// How current came by an entry.
type origin int

const (
	found   origin = iota // it was there, or another Replace has a claim on it
	made                  // it is new, and the caller's
	claimed               // it was there, and the caller is to end it
)

// current returns the entry of key's live owner, and makes it where there is
// none. claim says that the caller wants to replace the one that it finds. older
// are the owners that have to end before the caller may return.
func (o *Owners[K]) current(key K, name string, claim bool) (e *entry[K], older []*tether.Owner, what origin) {
	o.mu.Lock()
	defer o.mu.Unlock()
	e, fresh := o.currentLocked(key, name)
	switch {
	case fresh && (e.older == nil || e.older.heir != e):
		return e, e.older.chainLocked(), made
	case !fresh && claim && !e.wanted:
		e.wanted = true
		return e, e.chainLocked(), claimed
	}
	return e, nil, found
}

// currentLocked is the only place where owners are made. One that it makes is
// the heir of the newest entry before, if a Replace waits for that: so who comes
// while a Replace waits comes after it. In a dead group the owner is dead, and
// may have ended; it then has no place in the chain.
func (o *Owners[K]) currentLocked(key K, name string) (e *entry[K], fresh bool) {
	old := o.entries[key]
	if old != nil && old.owner.Alive() {
		return old, false
	}
	e = &entry[K]{group: o, key: key, owner: o.owner.NewChild(name), older: old}
	if old != nil && old.wanted && old.heir == nil {
		old.heir = e
	}
	if e.watch() {
		if old != nil {
			old.newer = e
		}
		o.entries[key] = e
	}
	return e, true
}

// succeed returns the heir of an entry that the caller has claimed and ended.
// Where there is none yet, e is still the newest, as whatever comes on top of it
// or takes it away leaves an heir.
func (e *entry[K]) succeed(name string) *entry[K] {
	o := e.group
	o.mu.Lock()
	defer o.mu.Unlock()
	if e.heir == nil {
		o.currentLocked(e.key, name)
	}
	return e.heir
}

// watch has e, which nobody else knows yet, removed when its owner has ended, and
// reports whether that is still to come. The cleanup is the first to be
// registered and so the last to run.
//
// What the cleanup refers to, the root's scope refers to, and what lives may
// refer to that; so it must not lead to the root's handle, as e does, and as a
// user's key may. If the user drops the group, e is garbage, and there is nothing
// to remove.
//
// NOTE: group.mu is held, and where the owner has ended Defer calls the function
// at once, which then must not lock it.
func (e *entry[K]) watch() bool {
	w := weak.Make(e)
	e.owner.Defer(func() {
		if e := w.Value(); e != nil && !e.state.CompareAndSwap(unknown, gone) {
			e.remove()
		}
	})
	return e.state.CompareAndSwap(unknown, linked)
}

// remove takes e, whose owner has ended, out of its chain.
func (e *entry[K]) remove() {
	o := e.group
	o.mu.Lock()
	defer o.mu.Unlock()
	if e.wanted && e.heir == nil {
		o.currentLocked(e.key, e.owner.Name())
	}
	if e.older != nil {
		e.older.newer = e.newer
	}
	switch {
	case e.newer != nil:
		e.newer.older = e.older
	case e.older != nil:
		o.entries[e.key] = e.older
	default:
		delete(o.entries, e.key)
	}
	e.older, e.newer = nil, nil
}

// chainLocked returns the owners of e and the entries below, newest first.
func (e *entry[K]) chainLocked() (owners []*tether.Owner) {
	for ; e != nil; e = e.older {
		owners = append(owners, e.owner)
	}
	return owners
}

func destroy(owners []*tether.Owner) error {
	if len(owners) == 1 {
		return owners[0].Destroy()
	}
	var errs []error
	for _, owner := range owners {
		errs = append(errs, owner.Destroy())
	}
	return errors.Join(errs...)
}
