// Package chains measures what a value costs that goes through a chain of operators: those
// of derive, those of samber/ro, and functions that are nested by hand. Run it with
//
//	go test -bench . -count 6 ./chains
//
// All are ended by one call; the nested functions are the floor.
package chains

import (
	"fmt"
	"testing"

	"github.com/samber/ro"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/derive"
)

func addOne(v int) int { return v + 1 }

// A kind is one way to build a chain of n Maps to a handler. fire fires a value into it.
type kind struct {
	name  string
	build func(n int, h func(int)) (fire func(int), end func())
}

var kinds = []kind{
	{"closures", func(n int, h func(int)) (func(int), func()) {
		for range n {
			next, f := h, addOne
			h = func(v int) { next(f(v)) }
		}
		return onSignal(func(s tether.Source[int]) tether.Source[int] { return s }, h)
	}},
	{"derive", func(n int, h func(int)) (func(int), func()) {
		return onSignal(func(src tether.Source[int]) tether.Source[int] {
			for range n {
				src = derive.Map(src, addOne)
			}
			return src
		}, h)
	}},
	{"ro", func(n int, h func(int)) (func(int), func()) {
		return onSubject(ro.NewPublishSubject[int](), n, h)
	}},
}

func onSignal(chain func(tether.Source[int]) tether.Source[int], h func(int)) (func(int), func()) {
	app := tether.NewOwner("app")
	s := new(tether.Signal[int])
	chain(s).Connect(app, h)
	return s.Fire, func() { app.Destroy() }
}

func onSubject(s ro.Subject[int], n int, h func(int)) (func(int), func()) {
	src := s.AsObservable()
	for range n {
		src = ro.Map(addOne)(src)
	}
	sub := src.Subscribe(ro.OnNext(h))
	return s.Next, sub.Unsubscribe
}

// All do the same.
func TestKinds(t *testing.T) {
	for _, k := range kinds {
		for n := range 6 {
			var got []int
			fire, end := k.build(n, func(v int) { got = append(got, v) })
			fire(1)
			fire(2)
			end()
			fire(3)
			require.Equal(t, []int{1 + n, 2 + n}, got, "%s, %d", k.name, n)
		}
	}
}

func BenchmarkChain(b *testing.B) {
	for n := 1; n <= 5; n++ {
		for _, k := range kinds {
			b.Run(fmt.Sprintf("stages=%d/kind=%s", n, k.name), func(b *testing.B) {
				sum := 0
				fire, end := k.build(n, func(v int) { sum += v })
				defer end()
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					fire(i)
				}
			})
		}
	}
}
