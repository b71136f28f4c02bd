package derive_test

import (
	"fmt"
	"testing"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/derive"
)

// mapped returns a chain of n Maps over src.
func mapped(src tether.Source[int], n int) tether.Source[int] {
	for range n {
		src = derive.Map(src, addOne)
	}
	return src
}

// nested returns h inside n closures that do what Map does.
func nested(h func(int), n int) func(int) {
	for range n {
		next, f := h, addOne
		h = func(v int) { next(f(v)) }
	}
	return h
}

func addOne(v int) int { return v + 1 }

// BenchmarkFire is what a value costs: through a chain of stateless operators, and a handler
// that is as many nested closures.
func BenchmarkFire(b *testing.B) {
	for _, kind := range []string{"closures", "derive"} {
		for n := range 6 {
			b.Run(fmt.Sprintf("kind=%s/stages=%d", kind, n), func(b *testing.B) {
				app := tether.NewOwner("app")
				defer app.Destroy()
				var s tether.Signal[int]
				sum := 0
				h := func(v int) { sum += v }
				if kind == "derive" {
					mapped(&s, n).Connect(app, h)
				} else {
					s.Connect(app, nested(h, n))
				}
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					s.Fire(i)
				}
			})
		}
	}
}

// BenchmarkStateful is what a value costs in an operator that handles one at a time.
func BenchmarkStateful(b *testing.B) {
	for name, op := range map[string]func(tether.Source[int]) tether.Source[int]{
		"Scan":     func(s tether.Source[int]) tether.Source[int] { return derive.Scan(s, 0, sum) },
		"Distinct": derive.Distinct[int],
	} {
		b.Run("op="+name, func(b *testing.B) {
			app := tether.NewOwner("app")
			defer app.Destroy()
			var s tether.Signal[int]
			total := 0
			op(&s).Connect(app, func(v int) { total += v })
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				s.Fire(i)
			}
		})
	}
}

// BenchmarkConnectDisconnect is what a chain costs that comes and goes.
func BenchmarkConnectDisconnect(b *testing.B) {
	for _, n := range []int{0, 1, 3} {
		b.Run(fmt.Sprintf("stages=%d", n), func(b *testing.B) {
			app := tether.NewOwner("app")
			defer app.Destroy()
			var s tether.Signal[int]
			src := mapped(&s, n)
			sum := 0
			h := func(v int) { sum += v }
			b.ReportAllocs()
			for b.Loop() {
				src.Connect(app, h).Disconnect()
			}
		})
	}
}
