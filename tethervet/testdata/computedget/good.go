package computedget

import (
	"sync/atomic"

	"github.com/seed-ec287111/tether/state"
)

func uses() {
	state.NewComputed(app, func(use *state.Use) int { return price.Use(use) * count.Use(use) })
}

func outside() int { return price.Get() + double.Get() }

func inAHandler() {
	price.Changes().Connect(app, func(c state.Change[int]) { count.Set(count.Get() + c.New) })
}

func before() {
	start := price.Get()
	state.NewComputed(app, func(use *state.Use) int { return price.Use(use) - start })
}

// sampled computes when count changes, and says so.
func sampled() {
	state.NewComputed(app, func(use *state.Use) int {
		count.Use(use)
		return price.Get()
	})
}

func usedToo() {
	state.NewComputed(app, func(use *state.Use) int {
		if price.Use(use) > 10 {
			return price.Get()
		}
		return 0
	})
}

func itsOwn() {
	state.NewComputed(app, func(use *state.Use) int {
		v := state.NewValue(app.NewChild("once"), price.Use(use))
		return v.Get()
	})
}

type box struct{ n int }

func (b box) Get() int { return b.n }

func anotherGet(b box) {
	state.NewComputed(app, func(use *state.Use) int { return price.Use(use) + b.Get() })
}

func anAtomic(n *atomic.Int64) {
	state.NewComputed(app, func(use *state.Use) int64 { return int64(price.Use(use)) + n.Load() })
}

func (c *cart) methodThatUses() { c.total = state.NewComputed(c.owner, c.sum) }

func (c *cart) sum(use *state.Use) int { return c.price.Use(use) }

func (c *cart) look() int { return c.price.Get() }

func inABatch(b *state.Batch) { count.SetIn(b, price.Get()) }

func inAnUpdate() { count.Update(func(n int) int { return n + price.Get() }) }

func helper(use *state.Use) int { return price.Use(use) }

func byAHelper() { state.NewComputed(app, func(use *state.Use) int { return helper(use) }) }

func notAComputed(f func(func(*state.Use) int)) {
	f(func(*state.Use) int { return price.Get() })
}

func ignored() {
	state.NewComputed(app, func(use *state.Use) int {
		return price.Use(use) + count.Get() //tethervet:ignore computedget the count of now is wanted
	})
}
