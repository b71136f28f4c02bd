package state_test

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/seed-ec287111/tether/state"
)

func quietest(f func(k int), k int) float64 {
	best := time.Hour
	for range 3000 {
		s := time.Now()
		f(k)
		best = min(best, time.Since(s))
	}
	return float64(best.Nanoseconds()) / float64(k)
}

func TestZZ(t *testing.T) {
	if os.Getenv("ZZ") == "" {
		t.Skip()
	}
	sum, i := 0, 0
	o := app(t)
	first := new(pushed)
	end := first
	for range 50 {
		end = end.user()
	}
	end.watch = func(old, new int) { sum += new - old }
	naive := quietest(func(k int) {
		for range k {
			i++
			first.set(i)
		}
	}, 100)
	x := state.NewValue(o, 0)
	var last state.Readable[int] = x
	for range 50 {
		r := last
		last = state.NewComputed(o, func(use *state.Use) int { return r.Use(use) + 1 })
	}
	last.Changes().Connect(o, func(c state.Change[int]) { sum += c.New - c.Old })
	mine := quietest(func(k int) {
		for range k {
			i++
			x.Set(i)
		}
	}, 20)
	fmt.Printf("chain %.0f %.0f %.1fx\n", naive, mine, mine/naive)
	first = new(pushed)
	for range 1000 {
		first.user().watch = func(old, new int) { sum += new - old }
	}
	naive = quietest(func(k int) {
		for range k {
			i++
			first.set(i)
		}
	}, 5)
	y := state.NewValue(o, 0)
	for range 1000 {
		c := state.NewComputed(o, func(use *state.Use) int { return y.Use(use) + 1 })
		c.Changes().Connect(o, func(c state.Change[int]) { sum += c.New - c.Old })
	}
	mine = quietest(func(k int) {
		for range k {
			i++
			y.Set(i)
		}
	}, 1)
	fmt.Printf("fan %.0f %.0f %.1fx\n", naive, mine, mine/naive)
	c := state.NewComputed(o, func(use *state.Use) int { return x.Use(use) + 1 })
	fmt.Printf("get %.1f\n", quietest(func(k int) {
		for range k {
			c.Get()
		}
	}, 1000))
	z := state.NewValue(o, 0)
	fmt.Printf("set alone %.1f\n", quietest(func(k int) {
		for range k {
			i++
			z.Set(i)
		}
	}, 1000))
}
