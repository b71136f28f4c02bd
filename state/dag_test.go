package state_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

// A dag is a random program over values and computed values, together with a
// naive model that computes everything anew whenever it is asked.
type dag struct {
	t      *testing.T
	rng    *rand.Rand
	model  []int // of the values
	values []*state.Value[int]
	rules  []rule
	comps  []*state.Computed[int]
	runs   []int // since the last step
}

// A rule is what a computed value does: it takes one of two groups of inputs, by
// the parity of the first, and adds it up modulo something small, so that the
// result is often equal. Input i is a value, or from len(values) on a rule.
type rule struct {
	selector int
	groups   [2][]int
	modulus  int
}

func newDag(t *testing.T, o *tether.Owner, seed uint64) *dag {
	d := &dag{t: t, rng: rand.New(rand.NewPCG(seed, 1))}
	for i := range 1 + d.rng.IntN(5) {
		d.model = append(d.model, i)
		d.values = append(d.values, state.NewValue(o, i))
	}
	for i := range 1 + d.rng.IntN(15) {
		inputs := len(d.values) + i
		r := rule{selector: d.rng.IntN(inputs), modulus: 2 + d.rng.IntN(10)}
		for g := range r.groups {
			for range d.rng.IntN(4) {
				r.groups[g] = append(r.groups[g], d.rng.IntN(inputs))
			}
		}
		d.rules = append(d.rules, r)
		d.runs = append(d.runs, 0)
		d.comps = append(d.comps, state.NewComputed(o, func(use *state.Use) int {
			d.runs[i]++
			return r.apply(func(j int) int {
				if j < len(d.values) {
					return d.values[j].Use(use)
				}
				v := d.comps[j-len(d.values)].Use(use)
				if want := d.want(j); v != want { // glitch-free: also on the way
					t.Errorf("rule %d saw input %d as %d, want %d", i, j, v, want)
				}
				return v
			})
		}, state.Name(fmt.Sprint("rule ", i))))
	}
	return d
}

func (r rule) apply(in func(int) int) int {
	s := in(r.selector)
	for _, j := range r.groups[s&1] {
		s += in(j)
	}
	return s % r.modulus
}

// want is the naive model.
func (d *dag) want(j int) int {
	if j < len(d.model) {
		return d.model[j]
	}
	return d.rules[j-len(d.model)].apply(d.want)
}

// inputs says what rule i uses now.
func (d *dag) inputs(i int) []int {
	var js []int
	d.rules[i].apply(func(j int) int { js = append(js, j); return d.want(j) })
	return js
}

// snapshot is the model's value of everything.
func (d *dag) snapshot() []int {
	all := make([]int, len(d.model)+len(d.rules))
	for j := range all {
		all[j] = d.want(j)
	}
	return all
}

func TestGraph_ARandomOneAgreesWithComputingEverythingAnew(t *testing.T) {
	rounds := 3000
	if testing.Short() {
		rounds = 300
	}
	total := 0
	for seed := range uint64(rounds) {
		o := tether.NewOwner("dag")
		runDag(t, o, seed, &total)
		require.NoError(t, o.Destroy())
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	t.Logf("%d runs of computing functions", total)
}

func runDag(t *testing.T, o *tether.Owner, seed uint64, total *int) {
	d := newDag(t, o, seed)
	n := len(d.model)
	watched := make([]*tether.Connection, len(d.rules))
	told := make([]int, len(d.rules))
	changedAt := make([]int, n+len(d.rules))
	ranAt := make([]int, len(d.rules))
	saw := make([][]int, len(d.rules)) // inputs of the last run, nil before
	for i := range watched {
		watched[i] = new(tether.Connection)
	}
	for step := 1; step <= 40; step++ {
		before := d.snapshot()
		clear(d.runs)
		asked := -1
		switch d.rng.IntN(8) {
		case 0: // watch or stop watching
			i := d.rng.IntN(len(d.rules))
			if watched[i].Disconnect() {
				break
			}
			asked = i
			told[i] = d.want(n + i)
			watched[i] = d.comps[i].Changes().Connect(o, func(c state.Change[int]) {
				if c.Old != told[i] || c.New == c.Old || c.New != d.comps[i].Get() {
					t.Errorf("rule %d told %v after %d, is %d", i, c, told[i], d.comps[i].Get())
				}
				told[i] = c.New
			})
		case 1, 2: // read
			asked = d.rng.IntN(len(d.rules))
			if got, want := d.comps[asked].Get(), d.want(n+asked); got != want {
				t.Errorf("rule %d is %d, want %d", asked, got, want)
			}
		case 3: // several at once
			var b state.Batch
			for range d.rng.IntN(4) {
				j, v := d.rng.IntN(n), d.rng.IntN(5)
				d.model[j] = v
				d.values[j].SetIn(&b, v)
			}
			b.Commit()
		default:
			j, v := d.rng.IntN(n), d.rng.IntN(5)
			d.model[j] = v
			d.values[j].Set(v)
		}
		after := d.snapshot()
		for j := range after {
			if after[j] != before[j] {
				changedAt[j] = step
			}
		}
		// Only what somebody needs is computed, once, and only if it saw something
		// that has changed since.
		needed := map[int]bool{}
		var need func(i int)
		need = func(i int) {
			needed[i] = true
			for _, j := range d.inputs(i) {
				if j >= n && !needed[j-n] {
					need(j - n)
				}
			}
		}
		for i := range d.rules {
			if watched[i].Connected() {
				if told[i] != after[n+i] {
					t.Errorf("rule %d is %d, but told was %d", i, after[n+i], told[i])
				}
				need(i)
			} else if i == asked {
				need(i)
			}
		}
		for i, runs := range d.runs {
			*total += runs
			if runs == 0 {
				continue
			}
			if runs > 1 {
				t.Errorf("rule %d ran %d times in a step", i, runs)
			}
			if !needed[i] {
				t.Errorf("rule %d ran, but nobody needs it", i)
			}
			changed := saw[i] == nil
			for _, j := range saw[i] {
				changed = changed || changedAt[j] > ranAt[i]
			}
			if !changed {
				t.Errorf("rule %d ran, but nothing that it saw has changed", i)
			}
			saw[i], ranAt[i] = d.inputs(i), step
		}
	}
}
