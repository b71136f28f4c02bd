package state

import (
	"fmt"

	"pgregory.net/rapid"
)

// drawRules draws the rules of a graph with so many values.
func drawRules(t *rapid.T, values int) []rule {
	rules := make([]rule, rapid.IntRange(1, 10).Draw(t, "rules"))
	for i := range rules {
		input := rapid.IntRange(0, values+i-1)
		rules[i] = rule{
			selector: input.Draw(t, fmt.Sprint("selector of ", i)),
			modulus:  rapid.IntRange(2, 12).Draw(t, fmt.Sprint("modulus of ", i)),
			recovers: rapid.IntRange(0, 2).Draw(t, fmt.Sprint("recovers ", i)) == 2,
			again:    rapid.IntRange(0, 2).Draw(t, fmt.Sprint("again ", i)) == 2,
		}
		if rapid.IntRange(0, 2).Draw(t, fmt.Sprint("fails ", i)) == 2 {
			rules[i].fails = rapid.IntRange(2, 4).Draw(t, fmt.Sprint("divisor of ", i))
		}
		for g := range rules[i].groups {
			rules[i].groups[g] = rapid.SliceOfN(input, 0, 3).Draw(t, fmt.Sprintf("group %d of %d", g, i))
		}
	}
	return rules
}

// A set is a Set on its way.
type set struct{ value, to int }

// sets draws some for so many values.
func sets(values, most int) *rapid.Generator[[]set] {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) set {
		return set{rapid.IntRange(0, values-1).Draw(t, "value"), rapid.IntRange(0, 4).Draw(t, "to")}
	}), 0, most)
}
