package derive

import (
	"fmt"

	"github.com/seed-ec287111/tether"
)

// Take returns a Source of the first n values of src, and never more. It lets go of src
// before the handler is called with the last of them, and ends after that. Each connection
// counts its own values, also while it is muted. Take panics if n < 1.
func Take[T any](src tether.Source[T], n int) tether.Source[T] {
	mustSource("Take", src)
	if n < 1 {
		panic(fmt.Sprintf("derive: Take with n %d", n))
	}
	return recipe[T](func(l *life, emit func(T), end func()) {
		upstream := l.part()
		left, ended := n, false
		ln := newLine(l, func(v T) {
			if left == 0 {
				return
			}
			if left--; left == 0 {
				upstream.end()
			}
			emit(v)
		}, func() bool { return ended || left == 0 }, end)
		feed(upstream, src, ln.give, func() { ln.change(func() { ended = true }) })
	})
}

// Until returns a Source of the values of src until stop gives a value. Then it lets go of
// both sources and ends. It also ends when src does. If stop ends without a value, that
// changes nothing.
//
// Until connects to stop first. So if both are the same source, the value that stops is not
// delivered. If stop gives a value at once, Until does not connect to src at all.
func Until[T, U any](src tether.Source[T], stop tether.Source[U]) tether.Source[T] {
	mustSource("Until", src)
	mustSource("Until", stop)
	return recipe[T](func(l *life, emit func(T), end func()) {
		upstream := l.part()
		stopped, ended := false, false
		ln := newLine(l, func(e either[T, U]) {
			switch {
			case e.second:
				stopped = true
				upstream.end()
			case !stopped:
				emit(e.a)
			}
		}, func() bool { return ended || stopped }, end)
		feed(upstream, stop, func(U) { ln.give(either[T, U]{second: true}) }, func() {})
		feed(upstream, src, func(v T) { ln.give(either[T, U]{a: v}) }, func() {
			ln.change(func() { ended = true })
		})
	})
}

// either is a value of one of two sources.
type either[A, B any] struct {
	a      A
	b      B
	second bool // the value is b
}
