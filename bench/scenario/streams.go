package scenario

import (
	"github.com/samber/ro"

	"github.com/seed-ec287111/tether/bench/peers"
)

// Streams is who can build some of the shapes of the table from streams of values: the one
// other reactive package of the module proxy that builds. It has no values that remember who
// uses them, so a graph is made of Map and CombineLatestAny. What is combined is told anew for
// each side that changes: a sum of a hundred is computed a hundred times for one Set, and in
// the shapes that are not here twice as often for each layer, so that there is nothing to compare.
const Streams = "samber/ro"

// streamed builds a shape of streams, and returns what sets its value, what adds up the changes
// that are told, and what ends it; nil if it can't be built.
func streamed(name string) (set func(int), told *peers.Counter, end func()) {
	told = new(peers.Counter)
	first := ro.NewBehaviorSubject(0)
	var subs []ro.Subscription
	add := func(from ro.Observable[int], n int) ro.Observable[int] {
		return ro.Map(func(v int) int { return v + n })(from)
	}
	watch := func(o ro.Observable[int]) {
		last := 0
		subs = append(subs, o.Subscribe(ro.OnNext(func(v int) {
			told.Sum += v - last
			last = v
		})))
	}
	switch name {
	case chain:
		var end ro.Observable[int] = first
		for range chainLength {
			end = add(end, 1)
		}
		watch(end)
	case fan:
		for range fanWidth {
			watch(add(first, 1))
		}
	case "broad":
		for i := range 50 {
			watch(add(add(first, i), 1))
		}
	case "diamond":
		var middle []ro.Observable[any]
		for range 100 {
			middle = append(middle, ro.Map(func(v int) any { return v + 1 })(first))
		}
		watch(ro.Map(func(all []any) (sum int) {
			for _, v := range all {
				sum += v.(int)
			}
			return sum
		})(ro.CombineLatestAny(middle...)))
	default:
		return nil, nil, nil
	}
	return first.Next, told, func() {
		for _, s := range subs {
			s.Unsubscribe()
		}
	}
}

// costStreams measures a Set of each shape that streams can build.
func (b *Bench) costStreams() {
	for _, name := range Shapes {
		if set, _, end := streamed(name); set != nil {
			b.alternate(CostState, variant{Streams + name, 1, sets(set)})
			end()
		}
	}
}
