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

// New returns a group without entries, in a child of owner's that is called name
// and made with opts: [tether.WithPanicHandler] for one, which the owners of the
// keys inherit. It is destroyed with owner, or as the parent of any of its owners.
//
// New panics where owner is nil, and as [tether.Owner.NewChild] does.
func New[K comparable](owner *tether.Owner, name string, opts ...tether.OwnerOption) *Owners[K] {
	handle.Scope("keyed: New", owner)
	o := new(Owners[K])
	o.group.begin(owner, name, opts)
	return o
}

// Group returns the parent of all owners. Its Destroy ends the group.
func (o *Owners[K]) Group() *tether.Owner { return o.check("Group").owner }

// Get returns the live owner of key. Where there is none it makes one, a child
// of the group's owner with the name fmt.Sprint(key). It never waits.
//
// The owner may be cut off at any time after, by others; it is dead from the
// start only where the group is. To have one of one's own, use [Owners.Replace].
//
// Get panics where key is not equal to itself, as a NaN, or not hashable.
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
// The fresh one takes the place of the old one when that is cut off: from then
// on Get returns it, to others too. Then Replace waits: outside handlers,
// nothing of the earlier owners of key is left to run when it returns. Inside a handler
// they are cut off, and those in which something runs end later.
//
// No two calls return the same owner. If several race, the last one wins: the
// others return owners that are dead already, or about to be.
//
// What the closers of the old one returned is dropped; call [Owners.Destroy]
// first where that matters. If a cleanup panics, so does Replace; the fresh owner
// is there for Get. Replace panics for the same keys as Get.
func (o *Owners[K]) Replace(key K) *tether.Owner {
	g := o.check("Replace")
	g.fit("Replace", key)
	name := name(key)
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
		// It is another Replace's. Each turn of the loop is one that another call has
		// won.
		e.owner.Destroy()
	}
}

// Lookup returns the live owner of key, and whether there is one. It makes none. It
// panics for the same keys as Get.
func (o *Owners[K]) Lookup(key K) (*tether.Owner, bool) {
	owner, _, ok := o.check("Lookup").find("Lookup", key)
	return owner, ok
}

// Destroy destroys the owner of key. Outside handlers it waits until that, and
// all earlier owners of key that were cut off before, have ended. It returns what
// their closers returned, joined, and nil where there are none.
//
// Where [tether.Owner.Destroy] would not wait, inside handlers and cleanups,
// Destroy does not either: it returns [tether.ErrPending] if something of the
// owners still runs.
func (o *Owners[K]) Destroy(key K) error { return o.check("Destroy").destroy("Destroy", key) }

// Len returns the number of live owners. Cost: linear in the number of keys.
func (o *Owners[K]) Len() int { return o.check("Len").size() }

// All returns an iterator over the live owners, in no particular order. The loop
// is over those that there are when it starts, without the ones that are dead at
// their turn. Its body may call anything. Cost: it copies them first.
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
