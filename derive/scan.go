package derive

import "github.com/seed-ec287111/tether"

// Scan returns a Source of what f makes of the value before, beginning with seed, and each
// value of src: a sum, a counter, a state that events change. Each connection begins
// with seed. If f panics, the value before stays.
func Scan[T, A any](src tether.Source[T], seed A, f func(A, T) A) tether.Source[A] {
	mustSource("Scan", src)
	mustFunc("Scan", f == nil)
	return recipe[A](func(l *life, emit func(A), end func()) {
		acc := seed
		inLine(l, src, func(v T) {
			acc = f(acc, v)
			emit(acc)
		}, end)
	})
}

// Distinct returns a Source of those values of src that are not equal to the one before.
// The first one always comes. The comparison panics where == does, for interfaces that hold
// what can't be compared; then the value is passed over.
func Distinct[T comparable](src tether.Source[T]) tether.Source[T] {
	mustSource("Distinct", src)
	return distinct(src, func(a, b T) bool { return a == b })
}

// DistinctFunc is [Distinct] with a comparison of one's own, for what can't be compared by
// ==, or for changes that are too small to matter: a is the value that came last.
func DistinctFunc[T any](src tether.Source[T], equal func(a, b T) bool) tether.Source[T] {
	mustSource("DistinctFunc", src)
	mustFunc("DistinctFunc", equal == nil)
	return distinct(src, equal)
}

func distinct[T any](src tether.Source[T], equal func(a, b T) bool) tether.Source[T] {
	return recipe[T](func(l *life, emit func(T), end func()) {
		var last T
		first := true
		inLine(l, src, func(v T) {
			if !first && equal(last, v) {
				return
			}
			first, last = false, v
			emit(v)
		}, end)
	})
}

// inLine has step called with the values of src one after the other.
func inLine[T any](l *life, src tether.Source[T], step func(T), end func()) {
	ended := false
	ln := newLine(l, step, func() bool { return ended }, end)
	feed(l, src, ln.give, func() { ln.change(func() { ended = true }) })
}
