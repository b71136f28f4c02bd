package scenario

import (
	"runtime"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/bench/measure"
	"github.com/seed-ec287111/tether/bench/peers"
	"github.com/seed-ec287111/tether/state"
)

// A builder makes a graph of functions. Both what is measured and what it is compared with
// are built by the same code, so their functions are the same but for how they read.
type builder interface {
	value() func(read) int                              // a value
	computed(deps int, f func(read) int) func(read) int // what f makes, of at most so many others
	watch(of func(read) int)                            // with a handler that adds up the changes
}

// A read is what a function reads others with; nil for the naive one.
type read = *state.Use

// Shapes are the graphs of the table: each is set at its one value, or at its four in one
// batch, and is watched at its end or ends.
var Shapes = []string{chain, fan, "diamond", "broad", "unstable", "grid", "dynamic", "cellx"}

// shape builds a graph and returns its values.
func shape(name string, b builder) (values []func(read) int) {
	one := func() func(read) int {
		v := b.value()
		values = append(values, v)
		return v
	}
	switch name {
	case "diamond": // one, a hundred of it, and their sum
		x := one()
		var middle []func(read) int
		for range 100 {
			middle = append(middle, b.computed(1, func(u read) int { return x(u) + 1 }))
		}
		b.watch(b.computed(100, func(u read) (sum int) {
			for _, m := range middle {
				sum += m(u)
			}
			return sum
		}))
	case "broad": // fifty chains of two, each watched
		x := one()
		for i := range 50 {
			y := b.computed(1, func(u read) int { return x(u) + i })
			b.watch(b.computed(1, func(u read) int { return y(u) + 1 }))
		}
	case "unstable": // what is used changes each time
		x := one()
		double := b.computed(1, func(u read) int { return 2 * x(u) })
		inverse := b.computed(1, func(u read) int { return -x(u) })
		b.watch(b.computed(3, func(u read) (sum int) {
			for range 20 {
				if x(u)%2 == 1 {
					sum += double(u)
				} else {
					sum += inverse(u)
				}
			}
			return sum
		}))
	case "grid", "dynamic": // ten wide, ten deep; in the second, each tenth function changes what it uses
		x := one()
		layer := make([]func(read) int, 10)
		for i := range layer {
			layer[i] = b.computed(1, func(u read) int { return x(u) + i })
		}
		for range 9 {
			before := layer
			layer = make([]func(read) int, 10)
			for i := range layer {
				a, c, d := before[i], before[(i+1)%10], before[(i+2)%10]
				if name == "dynamic" && i == 0 {
					layer[i] = b.computed(3, func(u read) int {
						if v := a(u); v%2 == 1 {
							return v + c(u)
						} else {
							return v - d(u)
						}
					})
					continue
				}
				layer[i] = b.computed(2, func(u read) int { return a(u) + c(u) })
			}
		}
		for _, f := range layer {
			b.watch(f)
		}
	case "cellx": // ten layers of four, which use their neighbours
		layer := []func(read) int{one(), one(), one(), one()}
		for range 10 {
			p := layer
			layer = []func(read) int{
				b.computed(1, func(u read) int { return p[1](u) }),
				b.computed(2, func(u read) int { return p[0](u) - p[2](u) }),
				b.computed(2, func(u read) int { return p[1](u) + p[3](u) }),
				b.computed(1, func(u read) int { return p[2](u) }),
			}
		}
		for _, f := range layer {
			b.watch(f)
		}
	}
	return values
}

// A tetherGraph builds with package state.
type tetherGraph struct {
	owner  *tether.Owner
	values []*state.Value[int]
	last   state.Readable[int] // what was made last
}

func (g *tetherGraph) value() func(read) int {
	v := state.NewValue(g.owner, 0)
	g.values, g.last = append(g.values, v), v
	return v.Use
}

func (g *tetherGraph) computed(_ int, f func(read) int) func(read) int {
	c := state.NewComputed(g.owner, f)
	g.last = c
	return c.Use
}

// watch watches what was made last.
func (g *tetherGraph) watch(func(read) int) { listen(g.owner, g.last) }

func (g *tetherGraph) set(v int) {
	if len(g.values) == 1 {
		g.values[0].Set(v)
		return
	}
	var b state.Batch
	for i, x := range g.values {
		x.SetIn(&b, v+i)
	}
	b.Commit()
}

// A sheet is the naive graph: a list of all functions, in the order in which they were made,
// so that none comes before what it uses. A set marks all that may use what was set, for
// all time, and then goes along the list once. It guarantees what such an order does, on one
// goroutine, and never ends.
type sheet struct {
	values []*place
	all    []*place
	used   []*place // by the function that is called for the first time
}

type place struct {
	value int
	f     func(read) int
	users []*place
	dirty bool
	watch func(old, new int)
}

func (s *sheet) read(q *place, first *bool) func(read) int {
	return func(read) int {
		if *first {
			s.used = append(s.used, q)
		}
		return q.value
	}
}

// building is true while the sheet learns what uses what.
var building bool

func (s *sheet) value() func(read) int {
	q := new(place)
	s.values = append(s.values, q)
	return s.read(q, &building)
}

func (s *sheet) computed(_ int, f func(read) int) func(read) int {
	q := &place{f: f}
	s.all = append(s.all, q)
	for _, v := range []int{1, 2} { // odd and even: all that it may use
		for _, x := range s.values {
			x.value = v
		}
		building, s.used = true, nil
		for _, other := range s.all[:len(s.all)-1] {
			building = false
			other.value = other.f(nil)
			building = true
		}
		q.value = f(nil)
		building = false
		for _, dep := range s.used {
			if n := len(dep.users); n == 0 || dep.users[n-1] != q {
				dep.users = append(dep.users, q)
			}
		}
	}
	return s.read(q, &building)
}

func (s *sheet) watch(func(read) int) {
	c := new(peers.Counter)
	s.all[len(s.all)-1].watch = func(old, new int) { c.Sum += new - old }
}

func (s *sheet) mark(users []*place) {
	for _, u := range users {
		if !u.dirty {
			u.dirty = true
			s.mark(u.users)
		}
	}
}

func (s *sheet) set(v int) {
	for i, x := range s.values {
		x.value = v + i
		s.mark(x.users)
	}
	for _, q := range s.all {
		if !q.dirty {
			continue
		}
		q.dirty = false
		old := q.value
		if q.value = q.f(nil); q.value != old && q.watch != nil {
			q.watch(old, q.value)
		}
	}
}

// costGraphs measures a Set of each shape, beside the naive one.
func (b *Bench) costGraphs() {
	for _, name := range Shapes[2:] {
		app := tether.NewOwner("app")
		ours, plain := &tetherGraph{owner: app}, new(sheet)
		shape(name, ours)
		shape(name, plain)
		b.alternate(CostState, variant{name, 1, sets(ours.set)}, variant{naive + name, 1, sets(plain.set)})
		app.Destroy()
	}
}

// costValues measures what a value holds, a computed value, which uses one, and that it is watched.
func (b *Bench) costValues() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	values := make([]*state.Value[int], Lives)
	before := measure.Heap()
	for i := range values {
		values[i] = state.NewValue(app, i)
	}
	b.Book.Add(AliveBytes, Value, Lives, grown(before, Lives))
	computed := make([]*state.Computed[int], Lives)
	before = measure.Heap()
	for i := range computed {
		v := values[i]
		computed[i] = state.NewComputed(app, func(use *state.Use) int { return v.Use(use) })
		computed[i].Get()
	}
	b.Book.Add(AliveBytes, Computed, Lives, grown(before, Lives))
	ignore := func(state.Change[int]) {}
	before = measure.Heap()
	for _, c := range computed {
		c.Changes().Connect(app, ignore)
	}
	b.Book.Add(AliveBytes, Watched, Lives, grown(before, Lives))
	runtime.KeepAlive(values)
	runtime.KeepAlive(computed)
}

// StateCost returns what a Set of a shape costs, of the naive one, and, for a chain and a fan, of
// that with what no graph for many goroutines can be without.
func StateCost(b *measure.Book, name string) (ours, plain, safe measure.Sample) {
	n := 1
	switch name {
	case chain:
		n = chainLength
	case fan:
		n = fanWidth
	default:
		return b.Get(CostState, name, n), b.Get(CostState, naive+name, n), measure.Sample{}
	}
	return b.Get(CostState, name, n), b.Get(CostState, naive+name, n), b.Get(CostState, safely, n)
}
