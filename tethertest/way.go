package tethertest

import (
	"slices"
	"strings"
)

// A way is a path, as its last name and the way to there. The texts of all paths of a tree that
// is a hundred thousand levels deep would fill the memory, so only those that are shown are
// made.
type way struct {
	up   *way // nil for a root
	name string
}

// String returns the path.
func (w *way) String() string {
	var names []string
	for ; w != nil; w = w.up {
		names = append(names, w.name)
	}
	slices.Reverse(names)
	return strings.Join(names, "/")
}

// ways has each way once, so that those that are equal are the same.
type ways map[way]*way

// on returns the way from up to name.
func (all ways) on(up *way, name string) *way {
	key := way{up, name}
	w := all[key]
	if w == nil {
		w = &key
		all[key] = w
	}
	return w
}
