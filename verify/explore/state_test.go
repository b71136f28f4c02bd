//go:build tether_explore

package explore

import (
	"context"
	"errors"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

// reactive is about package state. Its one lock is free whenever a function of the user runs
// and whenever an owner is left, and each time the rest of the program may come between.
var reactive = []scenario{
	{"state: set set get destroy", 1, 1, func(r *Run) {
		// What a function sees is of one moment, nobody goes back, and the last that is told
		// is what there is.
		app, p := root(r, "app"), root(r, "p")
		x := state.NewValue(app.owner, 0)
		half := state.NewComputed(app.owner, func(use *state.Use) int { return x.Use(use) / 2 })
		c := state.NewComputed(p.owner, func(use *state.Use) int {
			p.enter()
			defer p.leave()
			v := x.Use(use)
			r.Point("in function")
			if h := half.Use(use); h != v/2 {
				r.Failf("saw %d and its half %d", v, h)
			}
			return v
		})
		d := state.NewComputed(app.owner, func(use *state.Use) int { return x.Use(use) + half.Use(use) })
		var told int
		d.Changes().Connect(app.owner, func(ch state.Change[int]) { told = ch.New })
		r.Go("set 1", func() { x.Set(2) })
		r.Go("set 2", func() { x.Set(4) })
		r.Go("get", func() {
			if v := d.Get(); v != 0 && v != 3 && v != 6 {
				r.Failf("got %d", v)
			}
			c.Get()
		})
		r.Go("destroy", p.destroy)
		r.Check(func() {
			p.ended()
			if v := x.Get(); told != v+v/2 || d.Get() != told {
				r.Failf("the value is %d, told was %d, got %d", v, told, d.Get())
			}
			c.Get() // what it was
			app.destroy()
			app.ended()
		})
	}},
	{"state: set get get", 2, 1, func(r *Run) {
		// Nobody watches: a Get finds what was set before it, whatever other Gets do.
		app := root(r, "app")
		x := state.NewValue(app.owner, 0)
		half := state.NewComputed(app.owner, func(use *state.Use) int { return x.Use(use) / 2 })
		d := state.NewComputed(app.owner, func(use *state.Use) int { return 2*half.Use(use) + x.Use(use)%2 })
		r.Go("set", func() {
			for i := 1; i <= 2; i++ {
				x.Set(i)
				if v := d.Get(); v != i {
					r.Failf("got %d after Set of %d", v, i)
				}
			}
		})
		for i := range 2 {
			r.Go([]string{"get 1", "get 2"}[i], func() {
				last := 0
				for range 2 {
					low := x.Get()
					v := d.Get()
					if v < low || v < last {
						r.Failf("got %d after %d and %d", v, last, low)
					}
					last = v
				}
			})
		}
		r.Check(func() {
			if v := d.Get(); v != 2 {
				r.Failf("got %d in the end", v)
			}
			app.destroy()
			app.ended()
		})
	}},
	{"state: connect set set", 2, 1, func(r *Run) {
		// The last that a handler is told is what there is. If it is told nothing, nothing has
		// changed since it was connected.
		app := root(r, "app")
		x := state.NewValue(app.owner, 0)
		half := state.NewComputed(app.owner, func(use *state.Use) int { return x.Use(use) / 2 })
		c := state.NewComputed(app.owner, func(use *state.Use) int { return 10*x.Use(use) + half.Use(use) })
		told := -1
		r.Go("connect", func() {
			c.Changes().Connect(app.owner, func(ch state.Change[int]) {
				if told >= 0 && ch.Old != told {
					r.Failf("a change from %d after one to %d", ch.Old, told)
				}
				told = ch.New
			})
		})
		r.Go("set 1", func() { x.Set(2) })
		r.Go("set 2", func() { x.Set(4) })
		r.Check(func() {
			v := 10*x.Get() + x.Get()/2
			if told >= 0 && told != v {
				r.Failf("the value is %d, told was %d", v, told)
			}
			told = v
			if x.Set(6); told != 63 {
				r.Failf("after Set of 6 told was %d", told)
			}
			app.destroy()
			app.ended()
		})
	}},
	{"state: batch batch get get", 2, 1, func(r *Run) {
		// What two Sets of a batch set is one world, for a function and for who asks.
		app := root(r, "app")
		x, y := state.NewValue(app.owner, 0), state.NewValue(app.owner, 0)
		w := state.NewComputed(app.owner, func(use *state.Use) int { return y.Use(use) })
		sum := state.NewComputed(app.owner, func(use *state.Use) int {
			a := x.Use(use)
			b := y.Use(use)
			if a != -b {
				r.Failf("saw %d and %d", a, b)
			}
			if c := w.Use(use); c != b {
				r.Failf("saw %d and what is made of it, %d", b, c)
			}
			return a + b
		})
		sum.Get() // so that the next run goes along the links of this one
		for i := 1; i <= 2; i++ {
			r.Go([]string{"", "batch 1", "batch 2"}[i], func() {
				var b state.Batch
				x.SetIn(&b, i)
				y.SetIn(&b, -i)
				b.Commit()
			})
			r.Go([]string{"", "get 1", "get 2"}[i], func() {
				if v := sum.Get(); v != 0 {
					r.Failf("the sum is %d", v)
				}
			})
		}
		r.Check(func() {
			app.destroy()
			app.ended()
		})
	}},
	{"state: effect set set get", 2, 1, func(r *Run) {
		// The last run of an effect has seen the last value, and what a run has made has ended
		// before the next begins.
		app, p := root(r, "app"), root(r, "p")
		x := state.NewValue(app.owner, 0)
		half := state.NewComputed(app.owner, func(use *state.Use) int { return x.Use(use) / 2 })
		saw, live, over := -1, 0, false
		state.NewEffect(p.owner, func(use *state.Use, run *tether.Owner) {
			if over {
				r.Failf("it runs after Destroy has returned")
			}
			if live++; live > 1 {
				r.Failf("two runs at a time")
			}
			run.Defer(func() { live-- })
			saw = x.Use(use) + half.Use(use)
		})
		r.Go("set 1", func() { x.Set(2) })
		r.Go("set 2", func() { x.Set(4) })
		r.Go("get", func() { half.Get() })
		r.Check(func() {
			if v := x.Get(); saw != v+v/2 {
				r.Failf("the value is %d, it saw %d", v, saw)
			}
			p.destroy()
			p.ended()
			over = true
			if live != 0 {
				r.Failf("what the last run has made has not ended")
			}
			x.Set(8)
			app.destroy()
			app.ended()
		})
	}},
	{"state: effect set destroy", 2, 1, func(r *Run) {
		app, p := root(r, "app"), root(r, "p")
		x := state.NewValue(app.owner, 0)
		live, over := 0, false
		state.NewEffect(p.owner, func(use *state.Use, run *tether.Owner) {
			if over {
				r.Failf("it runs after Destroy has returned")
			}
			live++
			run.Defer(func() { live-- })
			x.Use(use)
			r.Point("in effect")
		})
		r.Go("set", func() { x.Set(2); x.Set(3) })
		r.Go("destroy", func() {
			p.destroy()
			over = true
			if live != 0 {
				r.Failf("what a run has made outlives Destroy")
			}
		})
		r.Check(func() {
			p.ended()
			app.destroy()
			app.ended()
		})
	}},
	{"state: failing get get set", 2, 1, func(r *Run) {
		// A failure is a result: who sets the cause aside gets a value, and nobody who asks
		// after that gets the failure.
		app := root(r, "app")
		broken := errors.New("broken")
		x := state.NewValue(app.owner, 0)
		half := state.NewComputed(app.owner, func(use *state.Use) int {
			if x.Use(use) == 0 {
				panic(broken)
			}
			return x.Use(use) / 2
		})
		top := state.NewComputed(app.owner, func(use *state.Use) int { return half.Use(use) + x.Use(use) })
		ask := func(low int) {
			defer func() {
				switch v := recover(); {
				case v == nil:
				case v != any(broken):
					r.Failf("it panics with %v", v)
				case low > 0:
					r.Failf("it fails after Set of %d", low)
				}
			}()
			if v := top.Get(); v != 3 {
				r.Failf("got %d", v)
			}
		}
		r.Go("get 1", func() { ask(x.Get()); ask(x.Get()) })
		r.Go("get 2", func() { ask(x.Get()) })
		r.Go("set", func() { x.Set(2); ask(2) })
		r.Check(func() {
			ask(2)
			app.destroy()
			app.ended()
		})
	}},
	{"state: needs that turn round, get get set", 2, 1, func(r *Run) {
		// While x is 0, a needs m, and m needs other. Afterwards other needs a. At no moment is
		// there a cycle, so nobody may wait for ever, or be told of one.
		app := root(r, "app")
		x, y := state.NewValue(app.owner, 0), state.NewValue(app.owner, 0)
		var a, m *state.Computed[int]
		a = state.NewComputed(app.owner, func(use *state.Use) int {
			if x.Use(use) == 0 {
				return m.Use(use)
			}
			return 10
		})
		slow := state.NewComputed(app.owner, func(use *state.Use) int { y.Use(use); r.Point("in slow"); return 1 })
		other := state.NewComputed(app.owner, func(use *state.Use) int {
			y.Use(use)
			r.Point("in other")
			if x.Use(use) == 0 {
				return 5
			}
			return a.Use(use)
		})
		m = state.NewComputed(app.owner, func(use *state.Use) int { return slow.Use(use) + other.Use(use) })
		m.Get()
		y.Set(1)
		r.Go("get other", func() {
			if v := other.Get(); v != 5 && v != 10 {
				r.Failf("other is %d", v)
			}
		})
		r.Go("get a", func() {
			if v := a.Get(); v != 6 && v != 10 {
				r.Failf("a is %d", v)
			}
		})
		r.Go("set", func() { x.Set(1) })
		r.Check(func() {
			if v := m.Get(); v != 11 {
				r.Failf("m is %d", v)
			}
			app.destroy()
			app.ended()
		})
	}},
	{"state: bind set set destroy", 2, 1, func(r *Run) {
		// A binding begins with the value and is told each later one, with neither a gap nor a
		// repetition, one after the other, and nothing after Destroy.
		app, p := root(r, "app"), root(r, "p")
		x := state.NewValue(app.owner, 0)
		var told []int
		over, in := false, false
		r.Go("bind", func() {
			state.Bind(p.owner, x, func(v int) {
				if over || in {
					r.Failf("called after Destroy: %v, twice at once: %v", over, in)
				}
				in = true
				r.Point("in function")
				told = append(told, v)
				in = false
			})
		})
		r.Go("set", func() { x.Set(1); x.Set(2); x.Set(3) })
		r.Go("destroy", func() { p.destroy(); over = true })
		r.Check(func() {
			for i, v := range told {
				if v != told[0]+i {
					r.Failf("told %v", told)
				}
			}
			p.ended()
			app.destroy()
			app.ended()
		})
	}},
	{"state: bind to a computed, set set", 2, 1, func(r *Run) {
		app := root(r, "app")
		x := state.NewValue(app.owner, 0)
		half := state.NewComputed(app.owner, func(use *state.Use) int { return x.Use(use) / 2 })
		var told []int
		r.Go("bind", func() { state.Bind(app.owner, half, func(v int) { told = append(told, v) }) })
		r.Go("set 1", func() { x.Set(2) })
		r.Go("set 2", func() { x.Set(4) })
		r.Check(func() {
			for i, v := range told {
				if i > 0 && v == told[i-1] {
					r.Failf("told %v: a repetition", told)
				}
			}
			if len(told) == 0 || told[len(told)-1] != x.Get()/2 {
				r.Failf("told %v, the value is %d", told, x.Get()/2)
			}
			app.destroy()
			app.ended()
		})
	}},
	{"state: scope of a computed, set get destroy", 2, 1, func(r *Run) {
		// What a call has made ends before the next, and before Destroy returns.
		app, p := root(r, "app"), root(r, "p")
		x := state.NewValue(app.owner, 0)
		live, over := 0, false
		c := state.NewComputedIn(p.owner, func(use *state.Use, scope *tether.Owner) int {
			if live++; live > 1 || over {
				r.Failf("%d live, after Destroy: %v", live, over)
			}
			scope.Defer(func() { live-- })
			return x.Use(use)
		})
		c.Get()
		r.Go("set", func() { x.Set(1); c.Get(); x.Set(2) })
		r.Go("get", func() { c.Get() })
		r.Go("destroy", func() {
			p.destroy()
			if over = true; live != 0 {
				r.Failf("%d live after Destroy", live)
			}
		})
		r.Check(func() {
			p.ended()
			app.destroy()
			app.ended()
		})
	}},
	{"state: items set set destroy", 1, 1, func(r *Run) {
		// An item lives as long as its key is there, and no two are of one key.
		app, p := root(r, "app"), root(r, "p")
		src := state.NewValue(app.owner, map[int]int{1: 1})
		live, over := make(map[int]int), false
		all := state.ForEach(p.owner, src, func(_ *state.Use, item *tether.Owner, key, v int) int {
			if over {
				r.Failf("called after Destroy")
			}
			if live[key] == 0 {
				item.Defer(func() { live[key] = 0 })
			}
			live[key] = v
			return v
		})
		r.Go("set 1", func() { src.Set(map[int]int{1: 2, 2: 2}) })
		r.Go("set 2", func() { src.Set(map[int]int{2: 3}) })
		r.Go("destroy", func() {
			p.destroy()
			over = true
			for key, v := range live {
				if v != 0 {
					r.Failf("the item of %d outlives Destroy", key)
				}
			}
		})
		r.Check(func() {
			p.ended()
			all.Get() // what it was
			app.destroy()
			app.ended()
		})
	}},
	{"state: resource reload reload destroy", 1, 0, func(r *Run) {
		// The last load counts, and no load goes on after Destroy.
		app, p := root(r, "app"), root(r, "p")
		loads, loading, over := 0, 0, false
		var res *state.Resource[int]
		res = state.NewResource(p.owner, func(context.Context) (int, error) {
			loads++
			n := loads
			loading++
			r.Point("in load")
			if loading--; over {
				r.Failf("a load after Destroy")
			}
			return n, nil
		})
		last := 0
		res.Changes().Connect(app.owner, func(c state.Change[state.Loaded[int]]) {
			if c.New.Value < last {
				r.Failf("load %d after load %d", c.New.Value, last)
			}
			last = c.New.Value
		})
		r.Go("reload", func() { res.Reload(); res.Reload() })
		r.Go("destroy", func() {
			p.destroy()
			if over = true; loading > 0 {
				r.Failf("%d loads go on", loading)
			}
		})
		r.Check(func() {
			p.ended()
			res.Reload()
			app.destroy()
			app.ended()
		})
	}},
	{"state: springs tick get destroy", 2, 1, func(r *Run) {
		// A tick moves the springs of one source in one moment. One that has ended stays.
		var ticks tether.Signal[tether.Tick]
		app, p := root(r, "app"), root(r, "p")
		cfg := state.SpringConfig{Frequency: 1, Damping: 1}
		a := state.NewSpring(app.owner, &ticks, 0, cfg)
		b := state.NewSpring(p.owner, &ticks, 0, cfg)
		moved := 0
		ended := -1.0
		both := state.NewComputed(app.owner, func(use *state.Use) [2]float64 { return [2]float64{a.Use(use), b.Use(use)} })
		both.Changes().Connect(app.owner, func(c state.Change[[2]float64]) {
			moved++
			if c.New[0] != c.New[1] && c.New[1] != c.Old[1] {
				r.Failf("moved to %v", c.New)
			}
		})
		a.SetTarget(1)
		b.SetTarget(1)
		r.Go("tick", func() {
			ticks.Fire(tether.Tick{Delta: 100 * time.Millisecond})
			ticks.Fire(tether.Tick{Delta: 100 * time.Millisecond})
		})
		destroying := false
		r.Go("get", func() {
			if v := both.Get(); !destroying && v[0] != v[1] {
				r.Failf("got %v", v)
			}
		})
		r.Go("destroy", func() {
			destroying = true
			p.destroy()
			ended = b.Get()
		})
		r.Check(func() {
			p.ended()
			if v := b.Get(); v != ended {
				r.Failf("at %g after Destroy, then at %g", ended, v)
			}
			if moved == 0 || a.Get() <= 0 {
				r.Failf("nothing has moved")
			}
			app.destroy()
			app.ended()
		})
	}},
}
