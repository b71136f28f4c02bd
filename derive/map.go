package derive

import "github.com/seed-ec287111/tether"

// Map returns a Source of f's results for the values of src.
//
// f runs on the goroutine that called Fire. If several goroutines fire, f runs several
// times at once. The same holds for the functions of [Filter] and [FilterMap].
func Map[T, U any](src tether.Source[T], f func(T) U) tether.Source[U] {
	mustSource("Map", src)
	mustFunc("Map", f == nil)
	return recipe[U](func(l *life, emit func(U), end func()) {
		feed(l, src, func(v T) { emit(f(v)) }, end)
	})
}

// Filter returns a Source of the values of src for which keep returns true.
func Filter[T any](src tether.Source[T], keep func(T) bool) tether.Source[T] {
	mustSource("Filter", src)
	mustFunc("Filter", keep == nil)
	return recipe[T](func(l *life, emit func(T), end func()) {
		feed(l, src, func(v T) {
			if keep(v) {
				emit(v)
			}
		}, end)
	})
}

// FilterMap returns a Source of f's results for the values of src for which f also returns
// true. Use it for a type assertion, a parser or a look-up.
func FilterMap[T, U any](src tether.Source[T], f func(T) (U, bool)) tether.Source[U] {
	mustSource("FilterMap", src)
	mustFunc("FilterMap", f == nil)
	return recipe[U](func(l *life, emit func(U), end func()) {
		feed(l, src, func(v T) {
			if u, ok := f(v); ok {
				emit(u)
			}
		}, end)
	})
}
