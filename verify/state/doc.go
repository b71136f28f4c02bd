// Package state checks random graphs of package state against a model that computes everything
// anew. The graphs have functions that panic, functions that recover that, handlers and effects
// that set, batches, bindings, and owners that end. One test goes step by step, and shrinks a
// failure to the few steps that show it. Another runs several goroutines at once. See README.md.
package state

import (
	"fmt"
)

// A rule says what a computed value does. It reads the first input, the selector. If that is
// even, it reads the inputs of the first group, and otherwise those of the second. It adds up
// all of them, and keeps the rest of a division, so that results are often equal. Input i is a
// value, or, from the number of values on, a rule before this one.
type rule struct {
	selector int
	groups   [2][]int
	modulus  int
	fails    int  // the rule panics if the sum is divisible by it; 0: never
	recovers bool // an input that has failed counts as -1
	again    bool // it reads the first input once more at the end
}

// A result is a number, or the text of a panic.
type result struct {
	v      int
	failed string
}

// A failure is the value with which rules panic. Any other panic is a fault of the library, or
// an overtaken run.
type failure string

// compute does what rule i says. in panics if an input has failed.
func (r rule) compute(i int, in func(int) int) int {
	read := func(j int) (v int) {
		if r.recovers {
			defer func() {
				switch p := recover().(type) {
				case nil:
				case failure:
					v = -1
				default:
					panic(p)
				}
			}()
		}
		return in(j)
	}
	sum := read(r.selector)
	for _, j := range r.groups[sum&1] {
		sum += read(j)
	}
	if r.again {
		sum += read(r.selector)
	}
	if r.fails > 0 && sum%r.fails == 0 {
		panic(failure(fmt.Sprintf("rule %d: %d", i, sum)))
	}
	return sum % r.modulus
}

// attempt returns the result of f.
func attempt(f func() int) (r result) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case failure:
			r = result{failed: string(p)}
		default:
			panic(p)
		}
	}()
	return result{v: f()}
}

// A model is the naive world. It computes anew all that it is asked for.
type model struct {
	values []int
	rules  []rule
	last   map[int]result // of the rules whose owner has ended
}

func (m *model) want(j int) result {
	if j < len(m.values) {
		return result{v: m.values[j]}
	}
	i := j - len(m.values)
	if r, ok := m.last[i]; ok {
		return r
	}
	return attempt(func() int {
		return m.rules[i].compute(i, func(j int) int {
			r := m.want(j)
			if r.failed != "" {
				panic(failure(r.failed))
			}
			return r.v
		})
	})
}
