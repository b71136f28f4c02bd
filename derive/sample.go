package derive

import "github.com/seed-ec287111/tether"

// Sample returns a Source that gives, with each beat, the last value that src has given
// since the beat before. If there is none, it gives nothing. With a [tether.Heartbeat] for
// beats it goes by the clock. Any other source will do as well. The value comes on the
// goroutine that fires beats.
//
// It ends when beats has ended. It also ends when src has ended and its last value was
// given.
func Sample[T, U any](src tether.Source[T], beats tether.Source[U]) tether.Source[T] {
	mustSource("Sample", src)
	mustSource("Sample", beats)
	return recipe[T](func(l *life, emit func(T), end func()) {
		upstream := l.part()
		var last T
		held, still, dry := false, false, false // still: no beat can come; dry: no value
		ln := newLine(l, func(e either[T, U]) {
			if !e.second {
				last, held = e.a, true
				return
			}
			if held {
				v := last
				last, held = *new(T), false
				emit(v)
			}
		}, func() bool { return still || dry && !held }, func() {
			upstream.end()
			end()
		})
		feed(upstream, src, func(v T) { ln.give(either[T, U]{a: v}) }, func() {
			ln.change(func() { dry = true })
		})
		feed(upstream, beats, func(U) { ln.give(either[T, U]{second: true}) }, func() {
			ln.change(func() { still = true })
		})
	})
}
