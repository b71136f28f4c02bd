// Package outline decides how to write many things down in few lines: which of them are
// alike, which are shown one by one, and which are only counted. Dumps of package inspect
// and messages of package tethertest use it, so that they read alike.
package outline

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/seed-ec287111/tether/internal/fold"
	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/scope"
)

const (
	// Alike is how many things of one kind are shown one by one; arbitrary.
	Alike = 3
	// Kinds is how many kinds are shown in one place, as many as fit a terminal with
	// what is around them.
	Kinds = 20
)

// Of arranges all by their keys. Each of lines is for one line: a single thing, or more
// than [Alike] things that have one key. Keys are in the order of their first things,
// things of one key in their own order. rest has the things of all further keys than
// [Kinds], if that is more than one key.
func Of[T any, K comparable](all []T, key func(T) K) (lines [][]T, rest []T) {
	index := make(map[K]int)
	var groups [][]T
	for _, t := range all {
		k := key(t)
		i, ok := index[k]
		if !ok {
			i = len(groups)
			index[k] = i
			groups = append(groups, nil)
		}
		groups[i] = append(groups[i], t)
	}
	for i, g := range groups {
		switch {
		case i >= Kinds && len(groups) > Kinds+1:
			rest = append(rest, g...)
		case len(g) > Alike:
			lines = append(lines, g)
		default:
			lines = slices.AppendSeq(lines, slices.Chunk(g, 1))
		}
	}
	return lines, rest
}

// A Key tells owners below one owner apart if a reader can tell them apart. Owners are
// alike if one call has made them and their names differ only in digits.
type Key struct {
	Site uintptr // see [Site]
	Name string  // see [Fold]
}

// KeyOf returns the key of s.
func KeyOf(s *scope.Scope) Key { return MakeKey(s.Site(), s.Name()) }

// MakeKey returns the key of what was made at pc with a name.
func MakeKey(pc uintptr, name string) Key { return Key{Site(pc), Fold(name)} }

// Site returns pc, or another that stands for the same line of the same function. A call in
// a function that was inlined has as many return addresses as that function has callers.
// Cost: some microseconds the first time, because names are read.
func Site(pc uintptr) uintptr {
	if pc == 0 {
		return 0
	}
	if same, ok := sites.Load(pc); ok {
		return same.(uintptr)
	}
	same, _ := lines.LoadOrStore(goroutine.Site(pc), pc)
	sites.Store(pc, same)
	return same.(uintptr)
}

// What is known of the calls that make owners. There are at most as many as the program has.
var (
	sites sync.Map // of uintptr to uintptr
	lines sync.Map // of string to uintptr
)

// Fold replaces every run of digits by "#".
func Fold(name string) string { return fold.Name(name) }

// Sum says what some owners hold together, after a colon; "" if that is nothing.
func Sum(all []*scope.Scope) string {
	var t scope.Count
	dead := 0
	for _, s := range all {
		c := s.Count()
		if !s.Over() {
			c.Owners--
		}
		t.Owners += c.Owners
		t.Connections += c.Connections
		t.Goroutines += c.Goroutines
		t.Timers += c.Timers
		t.Cleanups += c.Cleanups
		if !s.Alive() {
			dead++
		}
	}
	var parts []string
	add := func(n int, what string) {
		if n > 0 {
			parts = append(parts, Count(n, what))
		}
	}
	add(t.Owners, "owner")
	add(t.Connections, "connection")
	add(t.Goroutines, "goroutine")
	add(t.Timers, "timer")
	add(t.Cleanups, "cleanup")
	if dead > 0 {
		parts = append(parts, fmt.Sprint(dead, " dead"))
	}
	if parts == nil {
		return ""
	}
	return ": " + strings.Join(parts, ", ")
}

// Count returns n and the name of a kind of things, which may be several words.
func Count(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}
