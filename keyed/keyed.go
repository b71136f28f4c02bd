package keyed

import (
	"iter"
	"sync"
	"weak"

	"github.com/seed-ec287111/tether"
)

// Owners is a group of owners, one for each key. It is made by [New]. All methods
// may be called by multiple goroutines at once.
type Owners[K comparable] struct {
	owner *tether.Owner           // the parent of all
	self  weak.Pointer[Owners[K]] // for what the owners hold

	// Lock order: mu before the owners' own locks. Neither user code nor a
	// Destroy runs under mu.
	mu sync.Mutex // guards the fields below and those of entries

	// The newest of each key. A key's entries form a chain, and none but the newest
	// has a live owner: one is made only by currentLocked, under mu, when the newest
	// is dead; dead is final; and an entry that is not the newest was not so when the
	// one above it was made. Calls that race for one key thus agree on one live
	// owner, and who finds it dead makes the next.
	//
	// An entry stays until its owner's last cleanup, so that Replace and Destroy can
	// wait for what was cut off before. Entries with dead owners are not seen
	// otherwise, but in a dead group.
	entries map[K]*entry[K]

	slots []*entry[K] // all entries, by number
	free  []int32     // numbers of slots that are nil
}

// New returns a group without entries, in a child of owner's that is called name
// and made with opts: [tether.WithPanicHandler] for one, which the owners of the
// keys inherit. It is destroyed with owner, or as the parent of any of its owners.
//
// New panics where owner is nil, and as [tether.Owner.NewChild] does.
func New[K comparable](owner *tether.Owner, name string, opts ...tether.OwnerOption) *Owners[K] {
	if owner == nil {
		panic("keyed: New with nil Owner")
	}
	o := &Owners[K]{owner: owner.NewChild(name, opts...), entries: make(map[K]*entry[K])}
	o.self = weak.Make(o)
	return o
}

// Get returns the live owner of key. Where there is none it makes one, a child
// of the group's owner with the name fmt.Sprint(key). It never waits.
//
// The owner may be cut off at any time after, by others; it is dead from the
// start only where the group is. To have one of one's own, use [Owners.Replace].
//
// Get panics where key is not equal to itself, as a NaN, or not hashable.
func (o *Owners[K]) Get(key K) *tether.Owner {
	if owner, ok := o.find("Get", key); ok {
		return owner
	}
	name := name(key)
	o.mu.Lock()
	defer o.mu.Unlock()
	if e := o.entries[key]; e != nil && e.stillborn && !o.owner.Alive() {
		return e.owner // as good as another dead one, of which there would be no end
	}
	e, _ := o.currentLocked(key, name)
	return e.owner
}

// Replace destroys the owner of key, if there is one, and returns a fresh one.
//
// The fresh one takes the place of the old one when that is cut off: from then
// on Get returns it, to others too. Then Replace waits: outside handlers, all
// earlier owners of key have ended when it returns. Inside a handler they are cut
// off, and those in which something runs end later.
//
// No two calls return the same owner. If several race, the last one wins: the
// others return owners that are dead already, or about to be.
//
// What the closers of the old one returned is dropped; call [Owners.Destroy]
// first where that matters. If a cleanup panics, so does Replace; the fresh owner
// is there for Get. Replace panics for the same keys as Get.
func (o *Owners[K]) Replace(key K) *tether.Owner {
	o.find("Replace", key) // checks key
	name := name(key)
	for {
		o.mu.Lock()
		e, fresh, mine := o.claimLocked(key, name)
		older := e.older
		o.mu.Unlock()
		switch {
		case mine && fresh:
			o.await(older)
			return e.owner
		case mine:
			e.owner.Destroy()
			heir := o.succeed(e, name)
			o.await(older)
			return heir.owner
		}
		// It is another Replace's. Each turn of the loop is one that another call has
		// won.
		e.owner.Destroy()
	}
}

// Lookup returns the live owner of key, and whether there is one.
func (o *Owners[K]) Lookup(key K) (*tether.Owner, bool) { return o.find("Lookup", key) }

// Destroy destroys the owner of key. Outside handlers it waits until that, and
// all earlier owners of key that were cut off before, have ended. It returns what
// their closers returned, joined, and nil where there are none.
//
// Where [tether.Owner.Destroy] would not wait, inside handlers and cleanups,
// Destroy does not either: it returns [tether.ErrPending] if something of the
// owners still runs.
func (o *Owners[K]) Destroy(key K) error {
	o.find("Destroy", key) // checks key
	o.mu.Lock()
	owners := o.entries[key].chainLocked()
	o.mu.Unlock()
	return destroy(owners)
}

// Len returns the number of live owners. Cost: linear in that.
func (o *Owners[K]) Len() int {
	o.check("Len")
	o.mu.Lock()
	defer o.mu.Unlock()
	n := 0
	for _, e := range o.entries {
		if e.owner.Alive() {
			n++
		}
	}
	return n
}

// All returns an iterator over the live owners, in no particular order. The loop
// is over those that there are when it starts, without the ones that are dead at
// their turn. Its body may call anything. Cost: it copies them first.
func (o *Owners[K]) All() iter.Seq2[K, *tether.Owner] {
	o.check("All")
	return func(yield func(K, *tether.Owner) bool) {
		o.mu.Lock()
		all := make([]*entry[K], 0, len(o.entries))
		for _, e := range o.entries {
			all = append(all, e)
		}
		o.mu.Unlock()
		for _, e := range all {
			if e.owner.Alive() && !yield(e.key, e.owner) {
				return
			}
		}
	}
}

func (o *Owners[K]) check(verb string) {
	if o == nil || o.owner == nil {
		panic("keyed: " + verb + " of nil or zero Owners")
	}
}

// find returns the live owner of key. It panics where key can't be one, so that
// the map operations which follow do not.
func (o *Owners[K]) find(verb string, key K) (*tether.Owner, bool) {
	o.check(verb)
	if !equal(key, key) {
		panic("keyed: " + verb + " with a key that is not equal to itself")
	}
	o.mu.Lock()
	defer o.mu.Unlock() // the lookup panics where key is not hashable
	if e := o.entries[key]; e != nil && e.owner.Alive() {
		return e.owner, true
	}
	return nil, false
}

func equal[K comparable](a, b K) bool { return a == b }
