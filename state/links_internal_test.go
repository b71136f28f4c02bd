package state

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
)

// A plan says what a function uses, in this order, by index. A negative one stands for
// something else: see the constants.
type plan []int

const (
	another = -1 - iota // use a next thief
	set                 // another goroutine sets what was used last, so that the run is overtaken
	fail                // panic
	ask                 // ask of all values whether the run has used them
)

// A planned is a computed value whose function does what its plan says.
type planned struct {
	*Computed[int]
	t       *testing.T
	values  []*Value[int]
	thieves []*Computed[int] // they use all values too, and so take the stamps; again whenever trigger was set
	trigger *Value[int]
	plan    plan
	begun   int   // runs of the plan
	got     []int // what the last run has read, in order
}

func newPlanned(t *testing.T, o *tether.Owner, values []*Value[int]) *planned {
	p := &planned{t: t, values: values, trigger: NewValue(o, 0)}
	for range 8 {
		p.thieves = append(p.thieves, NewComputed(o, func(use *Use) int {
			for _, v := range values {
				v.Use(use)
			}
			return p.trigger.Use(use)
		}))
	}
	p.Computed = NewComputed(o, p.run)
	return p
}

func (p *planned) run(use *Use) (sum int) {
	p.begun++
	p.got = nil
	last, thief := 0, 0
	used := make(map[int]bool)
	for _, what := range p.plan {
		switch what {
		case ask:
			books.mu.Lock()
			for i, v := range p.values {
				if use.has(&v.source) != used[i] {
					p.t.Errorf("has(%d) = %v, plan %v", i, !used[i], p.plan)
				}
			}
			books.mu.Unlock()
		case another:
			p.thieves[thief].Use(use)
			thief++
		case set:
			if p.begun > 1 {
				break // once is enough
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				p.values[last].Update(func(v int) int { return v + 1 })
			}()
			<-done
		case fail:
			panic("fail")
		default:
			last, used[what] = what, true
			v := p.values[what].Use(use)
			p.got = append(p.got, v)
			sum += v
		}
	}
	return sum
}

// try computes the value by way of the plan, and looks at the links.
func (p *planned) try(next plan) {
	p.plan, p.begun = next, 0
	p.trigger.Update(func(v int) int { return v + 1 })
	books.mu.Lock()
	p.node.color = dirty
	books.mu.Unlock()
	for p.node.color != clean { // the result of a run that was overtaken at its end is given, but not kept
		func() {
			defer func() { _ = recover() }()
			p.Get()
		}()
	}
	var want, deps []int // a thief counts from minus one downwards
	reads, thief := 0, 0
	for _, what := range next {
		if what == fail {
			break
		}
		if what >= 0 {
			require.Equal(p.t, p.values[what].Get(), p.got[reads], "use %d of plan %v", reads, next)
			reads++
		}
		if what == another {
			thief++
			want = append(want, -thief)
		}
		if what >= 0 && !slices.Contains(want, what) {
			want = append(want, what)
		}
	}
	for _, l := range p.node.deps {
		require.True(p.t, l.user == &p.node)
		i := slices.IndexFunc(p.values, func(v *Value[int]) bool { return l.dep == &v.source })
		if i < 0 {
			i -= slices.IndexFunc(p.thieves, func(c *Computed[int]) bool { return l.dep == &c.node.source })
		}
		deps = append(deps, i)
	}
	require.Equal(p.t, want, deps, "plan %v", next)
	for i, v := range p.values {
		links := 0
		for l := v.source.users; l != nil; l = l.next {
			if l.user == &p.node {
				links++
			}
		}
		if slices.Contains(want, i) {
			links--
		}
		require.Zero(p.t, links, "value %d, plan %v", i, next)
	}
	require.Empty(p.t, p.node.use.list)
}

// bury makes users of all values, so that the links of p are no longer among the newest few.
func (p *planned) bury(o *tether.Owner) {
	for range 5 {
		NewComputed(o, func(use *Use) int {
			for _, v := range p.values {
				v.Use(use)
			}
			return 0
		}).Get()
	}
}

// Whatever a function uses, in whatever order and however often, and whatever comes between: its
// dependencies are what it has used in its last run, each once, in the order of first use, and
// each of them knows it as a user once.
func TestLinks_AreWhatTheLastRunHasUsed(t *testing.T) {
	for seed := range uint64(100) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		o := tether.NewOwner("o")
		var values []*Value[int]
		for range 50 {
			values = append(values, NewValue(o, 1))
		}
		p := newPlanned(t, o, values)
		next := plan{}
		for range 60 {
			switch rnd.IntN(4) {
			case 0: // anew
				next = make(plan, rnd.IntN(80))
				for i := range next {
					next[i] = rnd.IntN(len(values))
				}
			case 1: // one more or less somewhere
				if i := rnd.IntN(len(next) + 1); i < len(next) && rnd.IntN(2) == 0 {
					next = append(append(plan{}, next[:i]...), next[i+1:]...)
				} else {
					next = append(append(append(plan{}, next[:i]...), rnd.IntN(len(values))), next[i:]...)
				}
			case 2: // another order of the same
				next = append(plan{}, next...)
				rnd.Shuffle(len(next), func(i, j int) { next[i], next[j] = next[j], next[i] })
			}
			now := next
			for range rnd.IntN(9) {
				i := rnd.IntN(len(now) + 1)
				now = append(append(append(plan{}, now[:i]...), -1-rnd.IntN(4)), now[i:]...)
			}
			if rnd.IntN(4) == 0 {
				p.bury(o)
			}
			p.try(now)
		}
		o.Destroy()
	}
}

// What was used is kept in a map from some moment on. What is used as last time after that is in it
// too.
func TestLinks_WhatIsUsedAsLastTimeIsKnownTooOnceThereIsAMap(t *testing.T) {
	o := tether.NewOwner("o")
	defer o.Destroy()
	var values []*Value[int]
	for range 40 {
		values = append(values, NewValue(o, 1))
	}
	p := newPlanned(t, o, values)
	var all plan
	for i := range values {
		all = append(all, i)
	}
	p.try(all)
	p.bury(o)
	p.try(slices.Concat(all[:20], plan{ask}, all[20:], plan{another, 25, another, 5, ask}))
}

// A function that uses what it has used last time takes no lock for it, from where it is back in
// that order, and none for what it used just before.
func TestLinks_WhatWasUsedLastTimeIsReadWithoutTheLock(t *testing.T) {
	o := tether.NewOwner("o")
	defer o.Destroy()
	var values []*Value[int]
	for range 8 {
		values = append(values, NewValue(o, 1))
	}
	again := NewValue(o, 0)
	tries := map[string]struct{ before, free plan }{
		"the same":                  {nil, plan{0, 1, 2, 3, 4, 5}},
		"some of them twice":        {nil, plan{0, 0, 1, 2, 1, 2, 3, 3, 0, 4, 5, 3, 2}},
		"one more, then the same":   {plan{6}, plan{0, 1, 2, 3, 4, 5}},
		"one early, then the same":  {plan{3}, plan{0, 1, 2, 0, 1}},
		"one less, then the same":   {plan{0, 2}, plan{2, 0}},
		"another, and some twice":   {plan{7, 6}, plan{6, 7, 0, 7, 6, 0, 1, 0}},
		"back behind a known order": {plan{1, 0, 2}, plan{3, 4, 5}},
	}
	for name, try := range tries {
		t.Run(name, func(t *testing.T) {
			first := true
			c := NewComputed(o, func(use *Use) (sum int) {
				again.Use(use)
				if first {
					for _, v := range values[:6] {
						sum += v.Use(use)
					}
					return sum
				}
				for _, i := range try.before {
					sum += values[i].Use(use)
				}
				books.mu.Lock() // a Use that takes it hangs
				for _, i := range try.free {
					sum += values[i].Use(use)
				}
				books.mu.Unlock()
				return sum
			})
			require.Equal(t, 6, c.Get())
			first = false
			again.Update(func(v int) int { return v + 1 })
			require.Equal(t, len(try.before)+len(try.free), c.Get())
		})
	}
}

// A result that can't be kept is given to the function that asks, and computed again for the next.
func TestLinks_WhatCannotBeKeptIsGivenAllTheSame(t *testing.T) {
	o := tether.NewOwner("o")
	defer o.Destroy()
	started, release := make(chan struct{}), make(chan struct{})
	slow := NewComputed(o, func(*Use) int {
		close(started)
		<-release
		return 1
	})
	child := NewComputed(o, func(use *Use) (v int) {
		defer func() {
			if recover() != nil { // below a Get of a function nothing waits
				v = 7
			}
		}()
		return slow.Use(use)
	})
	user := NewComputed(o, func(use *Use) int { return child.Use(use) + 10 })
	peeker := NewComputed(o, func(use *Use) int { return child.Peek(use) + 20 })
	done := make(chan struct{})
	go func() {
		defer close(done)
		slow.Get()
	}()
	<-started
	for range 2 {
		require.Equal(t, 17+27, NewComputed(o, func(*Use) int { return user.Get() + peeker.Get() }).Get())
	}
	close(release)
	<-done
	require.Equal(t, 11, user.Get())
	require.Equal(t, 21, peeker.Get())
}

// Runs that began earlier, on other goroutines, use the same value after this one did.
func TestLinks_OlderRunsDoNotHideWhatANewerOneHasUsed(t *testing.T) {
	o := tether.NewOwner("o")
	defer o.Destroy()
	shared := NewValue(o, 1)
	var values []*Value[int]
	for range 6 {
		values = append(values, NewValue(o, 1))
	}
	var begun, used, over sync.WaitGroup
	goOn := make(chan struct{})
	for range 6 {
		c := NewComputed(o, func(use *Use) int {
			begun.Done()
			<-goOn
			defer used.Done()
			return shared.Use(use)
		})
		begun.Add(1)
		used.Add(1)
		over.Go(func() { c.Get() })
	}
	begun.Wait()
	newest := NewComputed(o, func(use *Use) (sum int) {
		sum = shared.Use(use)
		close(goOn)
		used.Wait()
		for _, v := range values {
			sum += v.Use(use)
		}
		return sum + shared.Use(use)
	})
	require.Equal(t, 8, newest.Get())
	require.Len(t, newest.node.deps, 7)
	over.Wait()
}
