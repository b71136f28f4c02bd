package derive

import "github.com/seed-ec287111/tether"

// Scan returns a Source of the results of f. f gets the result before, which is seed at
// first, and a value of src. Use it for a sum, a counter, or a state that events change.
// Each connection begins with seed. If f panics, the result before stays.
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

// Distinct returns a Source of the values of src that are not equal to the one before. The
// first value always comes. The comparison panics if == does, for interfaces that hold what
// can't be compared. Then Distinct skips the value.
func Distinct[T comparable](src tether.Source[T]) tether.Source[T] {
	mustSource("Distinct", src)
	return distinct(src, func(a, b T) bool { return a == b })
}

// DistinctFunc is [Distinct] with the comparison equal. Use it for values that can't be
// compared by ==, or if some changes are too small to matter. a is the last value that came
// through, and b is the new one.
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

// inLine arranges for step to be called with the values of src one after the other.
func inLine[T any](l *life, src tether.Source[T], step func(T), end func()) {
	ended := false
	ln := newLine(l, step, func() bool { return ended }, end)
	feed(l, src, ln.give, func() { ln.change(func() { ended = true }) })
}
