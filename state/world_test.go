package state_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

// A world is a random program with everything in it that can go wrong: functions that panic
// and functions that recover that, handlers and effects that set, owners that end. Beside it
// stands a naive model, which computes everything anew whenever it is asked.
type world struct {
	t     *testing.T
	rng   *rand.Rand
	owner *tether.Owner

	model  []int // of the values; the last ones are echoes
	values []*state.Value[int]
	laws   []law
	parts  []part

	states int // of the world, in this step: how often something was set
}

// A law is what a computed value does with its inputs: those below len(values) are values.
// It fails where the sum is divisible by fails, if that is not 0. Where it recovers, an input
// that has failed counts as -1.
type law struct {
	selector int
	groups   [2][]int
	modulus  int
	fails    int
	recovers bool
}

// A part is a computed value, with what is known about it.
type part struct {
	owner   *tether.Owner
	c       *state.Computed[int]
	runs    atomic.Int32 // in this step
	dead    *result      // what it was when its owner ended
	conn    *tether.Connection
	told    int
	effect  *tether.Owner // of an effect that uses it; nil if there is none
	seen    result        // by that
	effects int           // runs of it in this step
}

// A result is a number or the text of a panic.
type result struct {
	v      int
	failed string
}

func (l law) apply(name int, in func(int) result) (r result) {
	defer func() {
		if p := recover(); p != nil {
			r = result{failed: fmt.Sprint(p)}
		}
	}()
	return result{v: l.run(name, func(j int) int {
		r := in(j)
		if r.failed != "" {
			panic(r.failed)
		}
		return r.v
	})}
}

// run is the law as a program: in panics where the input has failed.
func (l law) run(name int, in func(int) int) int {
	get := func(j int) (v int) {
		if l.recovers {
			defer func() {
				if p := recover(); p != nil {
					if _, ours := p.(string); !ours {
						panic(p)
					}
					v = -1
				}
			}()
		}
		return in(j)
	}
	sum := get(l.selector)
	for _, j := range l.groups[sum&1] {
		sum += get(j)
	}
	if l.fails != 0 && sum%l.fails == 0 {
		panic(fmt.Sprintf("part %d: %d", name, sum))
	}
	return sum % l.modulus
}

func newWorld(t *testing.T, seed uint64) *world {
	w := &world{t: t, rng: newRand(seed), owner: tether.NewOwner("world")}
	for i := range 2 + w.rng.IntN(4) {
		w.model = append(w.model, i)
		w.values = append(w.values, state.NewValue(w.owner, i))
	}
	w.parts = make([]part, 1+w.rng.IntN(12))
	for i := range w.parts {
		inputs := len(w.values) + i
		l := law{selector: w.rng.IntN(inputs), modulus: 2 + w.rng.IntN(10), recovers: w.rng.IntN(3) == 0}
		if w.rng.IntN(3) == 0 {
			l.fails = 2 + w.rng.IntN(3)
		}
		for g := range l.groups {
			for range w.rng.IntN(4) {
				l.groups[g] = append(l.groups[g], w.rng.IntN(inputs))
			}
		}
		w.laws = append(w.laws, l)
		p := &w.parts[i]
		p.owner, p.conn = w.owner.NewChild(fmt.Sprint(i)), new(tether.Connection)
		p.c = state.NewComputed(p.owner, func(use *state.Use) int {
			p.runs.Add(1)
			return l.run(i, func(j int) int {
				if j < len(w.values) {
					return w.values[j].Use(use)
				}
				return w.parts[j-len(w.values)].c.Use(use)
			})
		}, state.Name(fmt.Sprint(i)))
	}
	return w
}

// want is the naive model.
func (w *world) want(j int) result {
	if j < len(w.model) {
		return result{v: w.model[j]}
	}
	j -= len(w.model)
	if dead := w.parts[j].dead; dead != nil {
		return *dead
	}
	return w.laws[j].apply(j, w.want)
}

// of returns what a call makes.
func of(f func() int) (r result) {
	defer func() {
		if p := recover(); p != nil {
			r = result{failed: fmt.Sprint(p)}
		}
	}()
	return result{v: f()}
}

func (w *world) step() {
	n := len(w.values)
	i := w.rng.IntN(len(w.parts))
	p := &w.parts[i]
	w.states = 1
	for j := range w.parts {
		w.parts[j].runs.Store(0)
		w.parts[j].effects = 0
	}
	switch w.rng.IntN(12) {
	case 0, 1: // read
		before := w.want(n + i)
		if got := of(p.c.Get); got != before && got != w.want(n+i) { // a handler may have set
			w.t.Errorf("part %d is %v, want %v", i, got, before)
		}
	case 2: // watch, or stop watching
		if p.conn.Disconnect() || w.want(n+i).failed != "" || p.dead != nil {
			break
		}
		p.told = w.want(n + i).v
		p.conn = p.c.Changes().Connect(w.owner, func(c state.Change[int]) {
			if c.Old != p.told || c.Old == c.New {
				w.t.Errorf("part %d told %v after %d", i, c, p.told)
			}
			p.told = c.New
			if w.states < 6 && w.rng.IntN(4) == 0 { // a handler may set
				w.set(w.rng.IntN(n), w.rng.IntN(4))
			}
		})
	case 3: // an effect, or the end of it
		if p.effect != nil {
			p.effect.Destroy()
			p.effect = nil
			break
		}
		p.effect = w.owner.NewChild("effect")
		over := false
		state.NewEffect(p.effect, func(use *state.Use, run *tether.Owner) {
			if over {
				w.t.Errorf("the effect of part %d runs after its end, or what it made", i)
			}
			p.effects++
			p.seen = of(func() int { return p.c.Use(use) })
			if w.states < 6 && w.rng.IntN(6) == 0 {
				w.set(w.rng.IntN(n), w.rng.IntN(4))
			}
		})
		p.effect.Defer(func() { over = true })
	case 4: // the end of an owner
		if w.rng.IntN(3) > 0 || p.dead != nil {
			break
		}
		of(p.c.Get)
		before := w.want(n + i)
		p.owner.Destroy()
		after := of(p.c.Get)
		if after != before && w.states == 1 {
			w.t.Errorf("part %d is %v after its end, want %v", i, after, before)
		}
		p.dead = &after
	case 5: // several at once
		var b state.Batch
		for range w.rng.IntN(4) {
			j, v := w.rng.IntN(n), w.rng.IntN(5)
			w.model[j] = v
			w.values[j].SetIn(&b, v)
		}
		of(func() int { b.Commit(); return 0 })
	default:
		w.set(w.rng.IntN(n), w.rng.IntN(5))
	}
	for i := range w.parts {
		p, want := &w.parts[i], w.want(n+i)
		if runs := int(p.runs.Load()); runs > w.states {
			w.t.Errorf("part %d ran %d times in %d states of the world", i, runs, w.states)
		}
		if p.effect != nil && p.seen != want {
			w.t.Errorf("the effect of part %d has seen %v, want %v", i, p.seen, want)
		}
		if p.effects > w.states {
			w.t.Errorf("the effect of part %d ran %d times in %d states of the world", i, p.effects, w.states)
		}
		if p.conn.Connected() && want.failed == "" && p.told != want.v {
			w.t.Errorf("part %d is %v, but told was %d", i, want, p.told)
		}
	}
}

func (w *world) set(j, v int) {
	if w.model[j] != v {
		w.states++
	}
	w.model[j] = v
	of(func() int { w.values[j].Set(v); return 0 }) // a watched part may fail
}

func TestWorld_ARandomOneAgreesWithComputingEverythingAnew(t *testing.T) {
	n := uint64(3000)
	if testing.Short() {
		n = 300
	}
	for seed := range n {
		w := newWorld(t, seed)
		for range 60 {
			w.step()
		}
		require.NoError(t, w.owner.Destroy())
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// The same under concurrent Sets, Gets and Destroys: when all is at rest, everything is what the
// model says, and everybody was told.
func TestWorld_ARandomOneComesToRestAsTheModelSays(t *testing.T) {
	for seed := range uint64(rounds() / 4) {
		w := newWorld(t, seed)
		n := len(w.values)
		var mu sync.Mutex
		seen := make([]result, len(w.parts))
		told := make([]*int, len(w.parts))
		for i := range w.parts {
			p := &w.parts[i]
			if i%3 == 0 && w.want(n+i).failed == "" {
				v := w.want(n + i).v
				told[i] = &v
				p.c.Changes().Connect(w.owner, func(c state.Change[int]) {
					mu.Lock()
					defer mu.Unlock()
					if c.Old != *told[i] {
						t.Errorf("seed %d: part %d told %v after %d", seed, i, c, *told[i])
					}
					*told[i] = c.New
				})
			}
			if i%3 == 1 {
				state.NewEffect(w.owner, func(use *state.Use, run *tether.Owner) {
					r := of(func() int { return p.c.Use(use) })
					mu.Lock()
					defer mu.Unlock()
					seen[i] = r
				})
			}
		}
		var wg sync.WaitGroup
		for g := range 2 {
			rng := newRand(seed*10 + uint64(g))
			wg.Go(func() {
				for range 60 {
					switch rng.IntN(4) {
					case 0:
						var b state.Batch
						for range 3 {
							w.values[rng.IntN(n)].SetIn(&b, rng.IntN(5))
						}
						of(func() int { b.Commit(); return 0 })
					default:
						of(func() int { w.values[rng.IntN(n)].Set(rng.IntN(5)); return 0 })
					}
				}
			})
			others := newRand(seed*10 + uint64(g) + 5)
			wg.Go(func() {
				for range 60 {
					of(w.parts[others.IntN(len(w.parts))].c.Get)
				}
			})
		}
		wg.Go(func() { // others come and go
			for range 20 {
				o := tether.NewOwner("o")
				c := state.NewComputed(o, func(use *state.Use) int { return w.parts[0].c.Use(use) + 1 })
				of(func() int { c.Changes().Connect(o, func(state.Change[int]) {}); return 0 })
				of(func() int {
					state.NewEffect(o, func(use *state.Use, run *tether.Owner) { c.Use(use) })
					return 0
				})
				o.Destroy()
			}
		})
		wg.Wait()
		for j := range w.values {
			w.model[j] = w.values[j].Get()
		}
		mu.Lock()
		for i := range w.parts {
			want := w.want(n + i)
			if told[i] != nil && want.failed == "" && *told[i] != want.v {
				t.Errorf("seed %d: part %d is %v, but told was %d", seed, i, want, *told[i])
			}
			if i%3 == 1 && seen[i] != want {
				t.Errorf("seed %d: the effect of part %d has seen %v, want %v\n%s", seed, i, seen[i], want, w.parts[i].c.Dump())
			}
		}
		mu.Unlock()
		for i := range w.parts {
			if got, want := of(w.parts[i].c.Get), w.want(n+i); got != want {
				t.Errorf("seed %d: part %d is %v, want %v\n%s\n%v %v", seed, i, got, want, w.parts[i].c.Dump(), w.laws, w.model)
			}
		}
		require.NoError(t, w.owner.Destroy())
		if t.Failed() {
			t.FailNow()
		}
	}
}
