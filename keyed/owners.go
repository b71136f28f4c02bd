package keyed

import (
	"iter"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/handle"
)

// Owners is a group of owners, one for each key. It is made by [New]. All methods
// may be called by multiple goroutines at once.
type Owners[K comparable] struct {
	group group[K, struct{}]
}

// New returns a group without entries. It makes a child of owner with the given name and
// options, [Owners.Group]. The owners of the keys are children of that one, so they inherit,
// for example, its [tether.WithPanicHandler].
//
// New panics if owner is nil, and for whatever [tether.Owner.NewChild] panics.
func New[K comparable](owner *tether.Owner, name string, opts ...tether.OwnerOption) *Owners[K] {
	handle.Scope("keyed: New", owner)
	o := new(Owners[K])
	o.group.begin(owner, name, opts)
	return o
}

// Group returns the parent of all owners. Its Destroy ends the group.
func (o *Owners[K]) Group() *tether.Owner { return o.check("Group").owner }

// Get returns the live owner of key. If there is none, Get makes one, a child of the
// group's owner with the name fmt.Sprint(key). It never waits.
//
// Another goroutine may cut off the owner at any time after. Get returns a dead owner only
// if the group is not alive. An owner that no other call returns comes from [Owners.Replace].
//
// Get panics if key is not equal to itself, as a NaN, or not hashable.
func (o *Owners[K]) Get(key K) *tether.Owner {
	g := o.check("Get")
	if owner, _, ok := g.find("Get", key); ok {
		return owner
	}
	name := name(key)
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.getLocked(key, name).owner
}

// Replace destroys the owner of key, if there is one, and returns a fresh one.
//
// The fresh owner takes the place of the old one when the old one is cut off: from then on
// every Get returns it. Then Replace waits. Outside handlers, nothing of the earlier owners
// of key is left to run when it returns. Inside a handler Replace does not wait, and those
// owners in which something runs end later.
//
// No two calls return the same owner. If several race, the last one wins: the others
// return owners that are dead already, or about to be.
//
// Replace drops the errors of the old owner's closers. If they matter, call
// [Owners.Destroy] first. If a cleanup panics, so does Replace, and Get returns the fresh
// owner. Replace panics for the same keys as Get.
func (o *Owners[K]) Replace(key K) *tether.Owner {
	g := o.check("Replace")
	g.fit("Replace", key)
	name := name(key)
	defer g.settle()
	for {
		g.mu.Lock()
		e, fresh, mine := g.claimLocked(key, name)
		older := e.kinLocked().older
		g.mu.Unlock()
		switch {
		case mine && fresh:
			g.await(older)
			return e.owner
		case mine:
			e.owner.Destroy()
			heir := g.succeed(e, name)
			g.await(older)
			return heir.owner
		}
		// Another Replace has e. So in each turn of the loop another call has won.
		e.owner.Destroy()
	}
}

// Lookup returns the live owner of key, and whether there is one. It makes none. It
// panics for the same keys as Get.
func (o *Owners[K]) Lookup(key K) (*tether.Owner, bool) {
	owner, _, ok := o.check("Lookup").find("Lookup", key)
	return owner, ok
}

// Destroy destroys the owner of key. Outside handlers it waits until this owner, and all
// earlier ones of key, have ended. It returns the errors of their closers, joined.
//
// Inside handlers and cleanups, Destroy does not wait, as [tether.Owner.Destroy] does not.
// It then returns [tether.ErrPending] if something of the owners still runs.
func (o *Owners[K]) Destroy(key K) error { return o.check("Destroy").destroy("Destroy", key) }

// Len returns the number of live owners. Cost: linear in the number of keys.
func (o *Owners[K]) Len() int { return o.check("Len").size() }

// All returns an iterator over the keys and their live owners, in no particular order. The
// loop takes a snapshot when it starts, and skips the owners that are dead at their turn.
// Its body may call anything. Cost: the snapshot is a copy.
func (o *Owners[K]) All() iter.Seq2[K, *tether.Owner] {
	g := o.check("All")
	return func(yield func(K, *tether.Owner) bool) {
		for e := range g.all() {
			if !yield(e.key, e.owner) {
				return
			}
		}
	}
}

func (o *Owners[K]) check(op string) *group[K, struct{}] {
	if o == nil || o.group.owner == nil {
		panic("keyed: " + op + " of nil or zero Owners")
	}
	return &o.group
}
