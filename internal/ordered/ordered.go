// Package ordered has a map that is kept in the order of its keys.
package ordered

import "math/rand/v2"

// A Map has values by int keys, in descending order, as priorities need it. The zero Map is
// empty. Every operation takes expected O(log n) steps. The worst case does not depend on
// the order in which keys come. A Map is not safe for concurrent use.
//
// It is a treap (Seidel and Aragon, "Randomized Search Trees", Algorithmica 16, 1996): a
// binary tree, ordered by key from left to right, and by a random weight from the root
// down. The weights give it the shape of a tree filled in random order.
type Map[V any] struct{ root *node[V] }

type node[V any] struct {
	key         int
	weight      uint32 // not above that of the parent
	value       V
	left, right *node[V] // greater keys, lesser keys
}

// Get returns the value under key, the zero V if there is none.
func (m *Map[V]) Get(key int) (v V) {
	for n := m.root; n != nil; n = n.toward(key) {
		if n.key == key {
			return n.value
		}
	}
	return v
}

// Above returns the value under the least key that is greater than key, and the zero V
// if there is none.
func (m *Map[V]) Above(key int) (v V) {
	for n := m.root; n != nil; {
		if n.key > key {
			v, n = n.value, n.right
		} else {
			n = n.left
		}
	}
	return v
}

// Below returns the value under the greatest key that is less than key, and the zero V
// if there is none.
func (m *Map[V]) Below(key int) (v V) {
	for n := m.root; n != nil; {
		if n.key < key {
			v, n = n.value, n.left
		} else {
			n = n.right
		}
	}
	return v
}

// Set puts v under key.
func (m *Map[V]) Set(key int, v V) {
	for n := m.root; n != nil; n = n.toward(key) {
		if n.key == key {
			n.value = v
			return
		}
	}
	fresh := &node[V]{key: key, value: v, weight: rand.Uint32()}
	at := &m.root
	for *at != nil && (*at).weight >= fresh.weight {
		at = (*at).link(key)
	}
	fresh.left, fresh.right = split(*at, key)
	*at = fresh
}

// Delete forgets key, if it is there.
func (m *Map[V]) Delete(key int) {
	at := &m.root
	for *at != nil && (*at).key != key {
		at = (*at).link(key)
	}
	if n := *at; n != nil {
		*at = merge(n.left, n.right)
	}
}

func (n *node[V]) link(key int) **node[V] {
	if key > n.key {
		return &n.left
	}
	return &n.right
}

func (n *node[V]) toward(key int) *node[V] { return *n.link(key) }

// split divides a tree without key into the keys above it and those below.
func split[V any](n *node[V], key int) (above, below *node[V]) {
	a, b := &above, &below
	for n != nil {
		if n.key > key {
			*a, a, n = n, &n.right, n.right
		} else {
			*b, b, n = n, &n.left, n.left
		}
	}
	*a, *b = nil, nil
	return above, below
}

// merge joins two trees of which all keys of the first are above those of the second.
func merge[V any](above, below *node[V]) *node[V] {
	var root *node[V]
	at := &root
	for above != nil && below != nil {
		if above.weight > below.weight {
			*at, at, above = above, &above.right, above.right
		} else {
			*at, at, below = below, &below.left, below.left
		}
	}
	if above == nil {
		above = below
	}
	*at = above
	return root
}
