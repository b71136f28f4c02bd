package state_test

import (
	"testing"

	"github.com/seed-ec287111/tether/state"
)

type pushed struct {
	value   int
	compute func() int
	users   []*pushed
	watch   func(old, new int)
}

func (p *pushed) set(v int) {
	old := p.value
	if v == old {
		return
	}
	p.value = v
	if p.watch != nil {
		p.watch(old, v)
	}
	for _, u := range p.users {
		u.set(u.compute())
	}
}
func (p *pushed) user() *pushed {
	u := &pushed{value: p.value + 1, compute: func() int { return p.value + 1 }}
	p.users = append(p.users, u)
	return u
}

func BenchmarkNaive(b *testing.B) {
	sum := 0
	b.Run("chain/naive", func(b *testing.B) {
		first := new(pushed)
		end := first
		for range 50 {
			end = end.user()
		}
		end.watch = func(old, new int) { sum += new - old }
		i := 0
		for b.Loop() {
			i++
			first.set(i)
		}
	})
	b.Run("chain/state", func(b *testing.B) {
		o := app(b)
		first := state.NewValue(o, 0)
		var last state.Readable[int] = first
		for range 50 {
			r := last
			last = state.NewComputed(o, func(use *state.Use) int { return r.Use(use) + 1 })
		}
		last.Changes().Connect(o, func(c state.Change[int]) { sum += c.New - c.Old })
		i := 0
		b.ReportAllocs()
		for b.Loop() {
			i++
			first.Set(i)
		}
	})
	b.Run("fan/naive", func(b *testing.B) {
		first := new(pushed)
		for range 1000 {
			first.user().watch = func(old, new int) { sum += new - old }
		}
		i := 0
		for b.Loop() {
			i++
			first.set(i)
		}
	})
	b.Run("fan/state", func(b *testing.B) {
		o := app(b)
		first := state.NewValue(o, 0)
		for range 1000 {
			c := state.NewComputed(o, func(use *state.Use) int { return first.Use(use) + 1 })
			c.Changes().Connect(o, func(c state.Change[int]) { sum += c.New - c.Old })
		}
		i := 0
		b.ReportAllocs()
		for b.Loop() {
			i++
			first.Set(i)
		}
	})
}
