// Package computedget has computing functions that read without depending, and in
// good.go others that do not.
package computedget

import (
	"strings"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

var (
	app    = tether.NewOwner("app")
	price  = state.NewValue(app, 20)
	count  = state.NewValue(app, 1)
	names  = state.NewValue(app, []string{"ann"})
	double = state.NewComputed(app, func(use *state.Use) int { return 2 * price.Use(use) })
)

type cart struct {
	owner *tether.Owner
	price *state.Value[int]
	total *state.Computed[int]
	at    *state.Spring
	along *state.Tween
}

func value() {
	state.NewComputed(app, func(use *state.Use) int {
		return price.Get() // want `Get in a computing function reads, but does not depend.*read with Use\(use\)`
	})
}

func oneOfTwo() {
	state.NewComputed(app, func(use *state.Use) int {
		return price.Use(use) * count.Get() // want `Get in a computing function`
	})
}

func both() {
	state.NewComputed(app, func(use *state.Use) int {
		return price.Get() * // want `Get in a computing function`
			count.Get() // want `Get in a computing function`
	})
}

func computed() {
	state.NewComputed(app, func(use *state.Use) int {
		return double.Get() // want `Get in a computing function`
	})
}

func (c *cart) spring() {
	state.NewComputed(c.owner, func(use *state.Use) float64 {
		return c.at.Get() // want `Get in a computing function`
	})
}

func (c *cart) tween() {
	state.NewComputed(c.owner, func(use *state.Use) float64 {
		return c.along.Get() // want `Get in a computing function`
	})
}

func readable(r state.Readable[int]) {
	state.NewComputed(app, func(use *state.Use) int {
		return r.Get() // want `Get in a computing function`
	})
}

func unnamed() {
	state.NewComputed(app, func(*state.Use) int {
		return price.Get() // want `Get in a computing function.*read with Use$`
	})
}

func blank() {
	state.NewComputed(app, func(_ *state.Use) int {
		return price.Get() // want `Get in a computing function`
	})
}

func inABranch() {
	state.NewComputed(app, func(use *state.Use) int {
		if price.Use(use) > 10 {
			return count.Get() // want `Get in a computing function`
		}
		return 0
	})
}

func inALoop(all []*state.Value[int]) {
	state.NewComputed(app, func(use *state.Use) (sum int) {
		for i := range all {
			sum += all[i].Get() // want `Get in a computing function`
		}
		return sum
	})
}

func inAClosure() {
	state.NewComputed(app, func(use *state.Use) string {
		return strings.Map(func(r rune) rune {
			return r + rune(price.Get()) // want `Get in a computing function`
		}, "abc")
	})
}

func asAnArgument() {
	state.NewComputed(app, func(use *state.Use) string {
		return strings.Join(names.Get(), ", ") // want `Get in a computing function`
	})
}

func (c *cart) method() { c.total = state.NewComputed(c.owner, c.compute) }

func (c *cart) compute(use *state.Use) int {
	return c.price.Get() * 2 // want `Get in a computing function`
}

func variable() {
	f := func(u *state.Use) int {
		return price.Get() // want `read with Use\(u\)`
	}
	state.NewComputed(app, f)
}

func generic[T any](v *state.Value[T]) *state.Computed[T] {
	return state.NewComputed(app, func(use *state.Use) T {
		return v.Get() // want `Get in a computing function`
	})
}

func options() {
	state.NewComputed(app, func(use *state.Use) int {
		return price.Get() // want `Get in a computing function`
	}, state.Name("price"))
}
