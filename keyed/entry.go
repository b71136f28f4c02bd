package keyed

import (
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"weak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/finally"
	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/handle"
)

// An entry is an owner of a key. Nothing that the owner holds may refer to it,
// as owner keeps the handles of its ancestors alive: see tag.
type entry[K comparable] struct {
	key   K
	owner *tether.Owner

	// The chain, guarded by the group's mu. Once removed, an entry is in nobody's
	// way any more, but keeps older for those who walk down by it: all that is
	// below it was below it then.
	older, newer *entry[K]

	heir      *entry[K] // what a Replace that ends owner returns; made after the owner was cut off
	wanted    bool      // there is such a Replace; implies an heir, or that this is the newest
	stillborn bool      // owner was dead when it was made
}

// currentLocked returns the entry of key's live owner, and makes it where there is
// none. It is the only place where owners are made. One that it makes is the heir of
// the newest entry before, if a Replace waits for that: so who comes while a Replace
// waits comes after it. In a dead group the owner is dead, and may have ended; it
// then has no place in the chain, but older says what was there.
func (o *Owners[K]) currentLocked(key K, name string) (e *entry[K], fresh bool) {
	old := o.entries[key]
	if old != nil && old.owner.Alive() {
		return old, false
	}
	e = &entry[K]{key: key, owner: o.owner.NewChild(name), older: old}
	e.stillborn = !e.owner.Alive()
	if old != nil && old.wanted && old.heir == nil {
		old.heir = e
	}
	if o.watchLocked(e) {
		if old != nil {
			old.newer = e
		}
		o.entries[key] = e
	}
	return e, true
}

// claimLocked returns the owner that a Replace of key has for itself: fresh, then e
// is its result, or not, then that is e's heir. ok is false where e is another
// Replace's, to end or to return.
func (o *Owners[K]) claimLocked(key K, name string) (e *entry[K], fresh, ok bool) {
	e, fresh = o.currentLocked(key, name)
	switch {
	case fresh:
		return e, true, e.older == nil || e.older.heir != e
	case e.wanted:
		return e, false, false
	}
	e.wanted = true
	return e, false, true
}

// succeed returns the heir of an entry that the caller has claimed and ended.
// Where there is none yet, e is still the newest, as whatever comes on top of it
// or takes it away leaves an heir.
func (o *Owners[K]) succeed(e *entry[K], name string) *entry[K] {
	o.mu.Lock()
	defer o.mu.Unlock()
	if e.heir == nil {
		o.currentLocked(e.key, name)
	}
	return e.heir
}

// A tag is what an owner holds in place of its entry. What an owner holds, the
// root's scope refers to, and what lives may refer to that; so it must not lead to
// the root's handle, as an entry does, and as a user's key may. If the user drops the
// group, the entries are garbage, and there is nothing to remove.
type tag[K comparable] struct {
	group weak.Pointer[Owners[K]]
	slot  int32         // the entry's, if that is linked
	state atomic.Uint32 // unknown, then linked or gone
}

// The states of an entry, as its owner's cleanup finds it.
const (
	unknown uint32 = iota // it is being made
	linked                // it is in the chain
	gone                  // its owner had ended before it was
)

// Close is the owner's cleanup: a closer, as that is one allocation less.
func (t *tag[K]) Close() error {
	if t.state.CompareAndSwap(unknown, gone) {
		return nil
	}
	if o := t.group.Value(); o != nil {
		o.remove(t.slot)
	}
	return nil
}

// watchLocked has e, which nobody else knows yet, removed when its owner has ended,
// and reports whether that is still to come. The cleanup is the first to be
// registered and so the last to run.
//
// NOTE: where the owner has ended, Own closes the tag at once, which then must not
// lock mu.
func (o *Owners[K]) watchLocked(e *entry[K]) bool {
	t := &tag[K]{group: o.self, slot: int32(len(o.slots))}
	if n := len(o.free); n > 0 {
		t.slot = o.free[n-1]
	}
	handle.Scope("keyed: Get", e.owner).Own(t)
	if !t.state.CompareAndSwap(unknown, linked) {
		return false
	}
	if n := len(o.free); n > 0 {
		o.free = o.free[:n-1]
		o.slots[t.slot] = e
	} else {
		o.slots = append(o.slots, e)
	}
	return true
}

// remove takes the entry in a slot, whose owner has ended, out of its chain.
func (o *Owners[K]) remove(slot int32) {
	o.mu.Lock()
	defer o.mu.Unlock()
	e := o.slots[slot]
	if e.wanted && e.heir == nil {
		o.currentLocked(e.key, e.owner.Name())
	}
	o.slots[slot] = nil
	o.free = append(o.free, slot)
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
		if len(o.entries) == 0 {
			o.slots, o.free = nil, nil
		}
	}
	e.newer = nil
}

// await waits for the ends of the owners of e, which may be nil, and of the entries
// below, or destroys them where nobody did. All have their turn; a panic goes on
// after that. Where it may not wait, it does not, and looks no further, as whatever
// is left ends without it.
//
// It walks down while others remove entries: each is looked at once, and where many
// wait, each is waited for by those above it only, not by all.
func (o *Owners[K]) await(e *entry[K]) {
	finally.Each(func() bool {
		if e == nil {
			return false
		}
		at := e
		defer func() { // also if a cleanup panics
			o.mu.Lock()
			defer o.mu.Unlock()
			if e != nil {
				e = at.older
			}
		}()
		if err := at.owner.Destroy(); errors.Is(err, tether.ErrPending) && goroutine.MustNotWait() {
			e = nil
		}
		return true
	})
}

// chainLocked returns the owners of e and the entries below, newest first.
func (e *entry[K]) chainLocked() (owners []*tether.Owner) {
	for ; e != nil; e = e.older {
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
