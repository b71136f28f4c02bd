package state_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

func BenchmarkSet(b *testing.B) {
	for _, n := range []int{0, 1, 10, 1000} {
		for _, kind := range []string{"read", "watched", "stale"} {
			if n == 0 && kind != "read" {
				continue
			}
			b.Run(fmt.Sprintf("dependents=%d/kind=%s", n, kind), func(b *testing.B) {
				o := app(b)
				x := state.NewValue(o, 0)
				var cs []*state.Computed[int]
				for range n {
					c := state.NewComputed(o, func(use *state.Use) int { return x.Use(use) + 1 })
					c.Get()
					if kind == "watched" {
						c.Changes().Connect(o, func(state.Change[int]) {})
					}
					cs = append(cs, c)
				}
				b.ReportAllocs()
				for i := 1; b.Loop(); i++ {
					x.Set(i)
					if kind == "read" {
						for _, c := range cs {
							c.Get()
						}
					}
				}
			})
		}
	}
}

func BenchmarkSetEqual(b *testing.B) {
	x := state.NewValue(app(b), 1)
	b.ReportAllocs()
	for b.Loop() {
		x.Set(1)
	}
}

func BenchmarkGet(b *testing.B) {
	o := app(b)
	x := state.NewValue(o, 1)
	c := state.NewComputed(o, func(use *state.Use) int { return x.Use(use) + 1 })
	for name, r := range map[string]state.Readable[int]{"value": x, "computed": c} {
		b.Run("kind="+name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				r.Get()
			}
		})
	}
}

func BenchmarkChain(b *testing.B) {
	for _, n := range []int{10, 1000} {
		b.Run(fmt.Sprintf("length=%d", n), func(b *testing.B) {
			o := app(b)
			x := state.NewValue(o, 0)
			var last state.Readable[int] = x
			for range n {
				before := last
				last = state.NewComputed(o, func(use *state.Use) int { return before.Use(use) + 1 })
			}
			b.ReportAllocs()
			for i := 1; b.Loop(); i++ {
				x.Set(i)
				last.Get()
			}
		})
	}
}

func BenchmarkNewComputed(b *testing.B) {
	o := app(b)
	x := state.NewValue(o, 0)
	b.ReportAllocs()
	for b.Loop() {
		child := o.NewChild("child")
		state.NewComputed(child, func(use *state.Use) int { return x.Use(use) }).Get()
		child.Destroy()
	}
}

func BenchmarkSpring(b *testing.B) {
	for _, damping := range []float64{0, 1, 2} { // 0 never sleeps; the others are kept awake
		b.Run(fmt.Sprintf("damping=%v", damping), func(b *testing.B) {
			o := app(b)
			var src tether.Signal[tether.Tick]
			s := state.NewSpring(o, &src, 0, state.SpringConfig{Frequency: 1, Damping: damping, Rest: 1e-300})
			s.SetTarget(1)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if i%64 == 0 {
					s.Impulse(1)
				}
				src.Fire(tether.Tick{Delta: time.Millisecond})
			}
		})
	}
}

func BenchmarkEffect(b *testing.B) {
	o := app(b)
	x := state.NewValue(o, 0)
	state.NewEffect(o, func(use *state.Use, run *tether.Owner) { x.Use(use) })
	b.ReportAllocs()
	for i := 1; b.Loop(); i++ {
		x.Set(i)
	}
}
