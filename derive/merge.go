package derive

import (
	"slices"
	"sync/atomic"

	"github.com/seed-ec287111/tether"
)

// Merge returns a Source of the values of all srcs. It adds no order to theirs: if two of
// them fire at the same time, the handler runs twice at the same time. It ends when all of
// them have ended. Merge panics if there is no source.
func Merge[T any](srcs ...tether.Source[T]) tether.Source[T] {
	if len(srcs) == 0 {
		panic("derive: Merge of nothing")
	}
	for _, src := range srcs {
		mustSource("Merge", src)
	}
	srcs = slices.Clone(srcs)
	return recipe[T](func(l *life, emit func(T), end func()) {
		var ended atomic.Int64
		for _, src := range srcs {
			var once atomic.Bool
			feed(l, src, emit, func() {
				if once.CompareAndSwap(false, true) && ended.Add(1) == int64(len(srcs)) {
					end()
				}
			})
		}
	})
}
