package derive

import "github.com/seed-ec287111/tether"

// Latest returns a Source of f's results for the latest values of a and b. It calls f
// whenever one of them gives a value, once both have given one. It ends when both sources
// have ended, or when one has ended without a value.
//
// If a and b come from one source, a single Fire of that source changes one after the
// other. f is called in between, with values that do not belong together. This is in the
// nature of signals. If it matters, use a Computed of package state, which is called once,
// when all has changed.
func Latest[A, B, R any](a tether.Source[A], b tether.Source[B], f func(A, B) R) tether.Source[R] {
	mustSource("Latest", a)
	mustSource("Latest", b)
	mustFunc("Latest", f == nil)
	return recipe[R](func(l *life, emit func(R), end func()) {
		upstream := l.part()
		var last struct {
			a          A
			b          B
			hasA, hasB bool
		}
		endedA, endedB := false, false
		ln := newLine(l, func(e either[A, B]) {
			if e.second {
				last.b, last.hasB = e.b, true
			} else {
				last.a, last.hasA = e.a, true
			}
			if last.hasA && last.hasB {
				emit(f(last.a, last.b))
			}
		}, func() bool {
			return endedA && endedB || endedA && !last.hasA || endedB && !last.hasB
		}, func() {
			upstream.end()
			end()
		})
		feed(upstream, a, func(v A) { ln.give(either[A, B]{a: v}) }, func() {
			ln.change(func() { endedA = true })
		})
		feed(upstream, b, func(v B) { ln.give(either[A, B]{b: v, second: true}) }, func() {
			ln.change(func() { endedB = true })
		})
	})
}
