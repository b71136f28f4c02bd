package scenario

import (
	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/bench/measure"
	"github.com/seed-ec287111/tether/bench/peers"
	"github.com/seed-ec287111/tether/state"
)

const (
	chainLength = 50
	fanWidth    = 1000
)

// A pushed value is what state is compared with: a value that computes its users
// at once when it changes, and tells who watches it. It guarantees nothing: not on
// diamonds, not with goroutines, and it never ends.
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

// user returns a user of p, one more than p.
func (p *pushed) user() *pushed {
	u := &pushed{value: p.value + 1, compute: func() int { return p.value + 1 }}
	p.users = append(p.users, u)
	return u
}

// user returns a computed value, one more than r.
func user(o *tether.Owner, r state.Readable[int]) *state.Computed[int] {
	return state.NewComputed(o, func(use *state.Use) int { return r.Use(use) + 1 })
}

// listen watches r, and watched p, with a handler that adds up what changed.
func listen(o *tether.Owner, r state.Readable[int]) {
	c := new(peers.Counter)
	r.Changes().Connect(o, func(v state.Change[int]) { c.Sum += v.New - v.Old })
}

func (p *pushed) watched() {
	c := new(peers.Counter)
	p.watch = func(old, new int) { c.Sum += new - old }
}

// sets returns a trial of Sets that all change the value.
func sets(set func(int)) measure.Trial {
	last := 0
	return measure.Timed(func(k int) {
		for range k {
			last++
			set(last)
		}
	})
}

// costChain measures a Set at the beginning of a chain whose end is watched.
func (b *Bench) costChain() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	first, plain := state.NewValue(app, 0), new(pushed)
	var last state.Readable[int] = first
	end := plain
	for range chainLength {
		last, end = user(app, last), end.user()
	}
	listen(app, last)
	end.watched()
	b.alternate(CostState, variant{chain, chainLength, sets(first.Set)}, variant{naive + chain, chainLength, sets(plain.set)})
}

// costFan measures a Set of a value that many others are computed from, each of
// which is watched.
func (b *Bench) costFan() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	first, plain := state.NewValue(app, 0), new(pushed)
	for range fanWidth {
		listen(app, user(app, first))
		plain.user().watched()
	}
	b.alternate(CostState, variant{fan, fanWidth, sets(first.Set)}, variant{naive + fan, fanWidth, sets(plain.set)})
}
