// Package state has random graphs of package state checked against computing everything anew,
// with functions that panic and that recover that, handlers and effects that set, batches,
// bindings and owners that end: one step after the other, where a failure shrinks to the few
// steps that show it, and on several goroutines at once. See README.md.
package state

import (
	"fmt"
)

// A rule says what a computed value does. It reads the first input, then those of one of two
// groups, by whether that was even, adds them up, and keeps the rest of a division, so that
// results are often equal. Input i is a value, or, from the number of values on, a rule before
// this one.
type rule struct {
	selector int
	groups   [2][]int
	modulus  int
	fails    int  // where the sum is divisible by it, it panics; 0: never
	recovers bool // an input that has failed counts as -1
	again    bool // it reads the first input once more at the end
}

// A result is a number, or the text of a panic.
type result struct {
	v      int
	failed string
}

// A failure is what rules panic with; all else is a fault of the library's, or an overtaken run.
type failure string

// compute does what the rule called i says. in panics where an input has failed.
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

// attempt returns what f comes to.
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

// A model is the naive world: what is asked is computed anew.
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
