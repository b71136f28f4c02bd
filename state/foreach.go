package state

import (
	"fmt"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/check"
	"github.com/seed-ec287111/tether/internal/finally"
	"github.com/seed-ec287111/tether/internal/handle"
)

// ForEach returns a map that has, for each key of src, what f makes of the value there.
// Each key has an owner of its own, item, for what belongs to the key. item is a child of
// owner. It is kept while the key is there, whatever the key's value, and ends when the key
// goes. The errors of what item owns become part of those that Destroy of owner returns, but only
// those of the first few items.
//
// f is a computing function of item. It depends on the value of its key and on what it
// uses. So only what has changed is computed again. Values are compared by ==. If that is
// not defined, each change of src counts as a change of all its values.
//
// The map is watched from the beginning, so items end as soon as their keys go. If f panics
// for any key, that panic is the result of the whole map. The map that Get returns must not
// be changed. Each change makes a new one.
//
// Cost: each change of src is linear in the number of keys. A key costs an owner and two
// computed values.
func ForEach[K comparable, V, W any](owner *tether.Owner, src Readable[map[K]V], f func(use *Use, item *tether.Owner, key K, value V) W, opts ...Option) *Computed[map[K]W] {
	items := newItems("ForEach", owner, src, f)
	all := newComputed(owner, "ForEach", f, func(use *Use) map[K]W {
		values := src.Use(use)
		for key := range values {
			mustEqual("ForEach", key)
		}
		var gone []K
		for key := range items.of {
			if _, ok := values[key]; !ok {
				gone = append(gone, key)
			}
		}
		result := make(map[K]W, len(values))
		items.end(gone, func() {
			for key, v := range values {
				items.set(use, key, v)
			}
			for key := range values {
				result[key] = items.of[key].result.Use(use)
			}
		})
		return result
	}, opts)
	all.Changes().Connect(owner, func(Change[map[K]W]) {})
	return all
}

// ForEachBy is [ForEach] for a slice whose elements have keys. It returns what f makes of
// each element, in the order of src. An element that moves keeps its owner. If two elements
// have the same key, the function panics and names the key.
func ForEachBy[K comparable, V, W any](owner *tether.Owner, src Readable[[]V], key func(V) K, f func(use *Use, item *tether.Owner, key K, value V) W, opts ...Option) *Computed[[]W] {
	if key == nil {
		panic("state: ForEachBy with nil key function")
	}
	items := newItems("ForEachBy", owner, src, f)
	all := newComputed(owner, "ForEachBy", f, func(use *Use) []W {
		values := src.Use(use)
		keys := make([]K, len(values))
		there := make(map[K]bool, len(values))
		for i, v := range values {
			keys[i] = key(v)
			mustEqual("ForEachBy", keys[i])
			if there[keys[i]] {
				panic(fmt.Sprintf("state: ForEachBy with two elements of key %v", keys[i]))
			}
			there[keys[i]] = true
		}
		var gone []K
		for key := range items.of {
			if !there[key] {
				gone = append(gone, key)
			}
		}
		result := make([]W, len(values))
		items.end(gone, func() {
			for i, v := range values {
				items.set(use, keys[i], v)
			}
			for i := range values {
				result[i] = items.of[keys[i]].result.Use(use)
			}
		})
		return result
	}, opts)
	all.Changes().Connect(owner, func(Change[[]W]) {})
	return all
}

// mustEqual panics if key is not equal to itself, as a NaN: nothing would be found by it.
func mustEqual[K comparable](verb string, key K) {
	if other := key; key != other {
		panic("state: " + verb + " with a key that is not equal to itself")
	}
}

// items has what belongs to each key. Only the function of the map uses it, which never runs
// twice at once.
type items[K comparable, V, W any] struct {
	owner func() any // a *tether.Owner
	f     func(use *Use, item *tether.Owner, key K, value V) W
	of    map[K]*item[V, W]
}

// An item is what belongs to a key. The function of the map sets value, and then uses result.
type item[V, W any] struct {
	owner  *tether.Owner
	value  *Value[V]
	result *Computed[W]
}

func newItems[K comparable, V, W any, S any](verb string, owner *tether.Owner, src Readable[S], f func(use *Use, item *tether.Owner, key K, value V) W) *items[K, V, W] {
	handle.Scope("state: "+verb, owner)
	if check.Nil(src) {
		panic("state: " + verb + " with nil Readable")
	}
	if f == nil {
		panic("state: " + verb + " with nil function")
	}
	return &items[K, V, W]{owner: handle.Remember(owner), f: f, of: make(map[K]*item[V, W])}
}

// end ends what belongs to keys that are gone, and then calls rest. A panic of a cleanup goes on
// after that. So it is the result of a run that has used all that it depends on.
func (all *items[K, V, W]) end(gone []K, rest func()) {
	if len(gone) == 0 {
		rest()
		return
	}
	finally.Each(func() bool {
		if len(gone) > 0 {
			it := all.of[gone[0]]
			delete(all.of, gone[0])
			gone = gone[1:]
			_ = it.owner.Destroy() // its errors become part of the owner's
			return true
		}
		if f := rest; f != nil {
			rest = nil
			f()
		}
		return false
	})
}

func (all *items[K, V, W]) set(use *Use, key K, v V) {
	it := all.of[key]
	if it == nil {
		it = &item[V, W]{owner: passing(all.owner(), fmt.Sprint(key))}
		it.value = NewValue(it.owner, v)
		owner, f := it.owner, all.f
		it.result = newComputed(owner, "ForEach", f, func(use *Use) W { return f(use, owner, key, it.value.Use(use)) }, nil)
		all.of[key] = it
		return
	}
	it.value.setFor(use, v)
}

// setFor is Set inside the computing function of use. The function has used nothing in this
// run that depends on x. So setFor does not overtake it. But some links ahead may not be
// ready any more, so the next Use takes the long way.
func (x *Value[T]) setFor(use *Use, v T) {
	now := pack(x.source.form.shape(), v)
	old := x.source.load()
	if x.same(old, now) {
		return
	}
	books.mu.Lock()
	defer books.mu.Unlock()
	p := use.pass
	p.sparing, p.from = use.node, nil
	p.apply(&x.source, old, now)
	p.sparing = nil
	use.slow()
}
