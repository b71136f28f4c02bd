package scenario

import (
	"sync"
	"sync/atomic"

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

// A guarded value is a pushed one with what no value can be without that many goroutines
// may set and read, and whose functions run with no lock held: it takes a lock and frees it
// for each function, stores what comes of it atomically, calls it from a frame that a Set
// can find on the stack, and goes through what depends on it twice, to mark it before
// anything is stored. It has no owner, no failures and no dependencies that change.
type guarded struct {
	mu      *sync.Mutex // of the graph
	value   atomic.Int64
	dirty   bool
	compute func() int
	users   []*guarded
	watch   func(old, new int)
}

func (g *guarded) set(v int) {
	g.mu.Lock()
	if int(g.value.Load()) != v {
		g.mark()
		g.put(v)
	}
	g.mu.Unlock()
}

func (g *guarded) mark() {
	for _, u := range g.users {
		if !u.dirty {
			u.dirty = true
			u.mark()
		}
	}
}

func (g *guarded) put(v int) {
	old := int(g.value.Load())
	if v == old {
		return
	}
	g.value.Store(int64(v))
	if g.watch != nil {
		g.mu.Unlock()
		g.watch(old, v)
		g.mu.Lock()
	}
	for _, u := range g.users {
		if u.dirty {
			g.mu.Unlock()
			v := u.call()
			g.mu.Lock()
			u.dirty = false
			u.put(v)
		}
	}
}

//go:noinline
func (g *guarded) call() int { return g.compute() }

// user returns a user of g, one more than g.
func (g *guarded) user() *guarded {
	u := &guarded{mu: g.mu, compute: func() int { return int(g.value.Load()) + 1 }}
	u.value.Store(g.value.Load() + 1)
	g.users = append(g.users, u)
	return u
}

func (g *guarded) watched() {
	c := new(peers.Counter)
	g.watch = func(old, new int) { c.Sum += new - old }
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
	first, plain, safe := state.NewValue(app, 0), new(pushed), &guarded{mu: new(sync.Mutex)}
	var last state.Readable[int] = first
	end, safeEnd := plain, safe
	for range chainLength {
		last, end, safeEnd = user(app, last), end.user(), safeEnd.user()
	}
	listen(app, last)
	end.watched()
	safeEnd.watched()
	b.alternate(CostState,
		variant{chain, chainLength, sets(first.Set)},
		variant{naive + chain, chainLength, sets(plain.set)},
		variant{safely, chainLength, sets(safe.set)})
}

// costFan measures a Set of a value that many others are computed from, each of
// which is watched.
func (b *Bench) costFan() {
	app := tether.NewOwner("app")
	defer app.Destroy()
	first, plain, safe := state.NewValue(app, 0), new(pushed), &guarded{mu: new(sync.Mutex)}
	for range fanWidth {
		listen(app, user(app, first))
		plain.user().watched()
		safe.user().watched()
	}
	b.alternate(CostState,
		variant{fan, fanWidth, sets(first.Set)},
		variant{naive + fan, fanWidth, sets(plain.set)},
		variant{safely, fanWidth, sets(safe.set)})
}
