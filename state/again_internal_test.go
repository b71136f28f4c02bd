package state

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
)

// A function that is called by way of a Use, and uses the same, takes away the stamps by which
// its user knows what it has used.
func TestUse_WhatOthersUseInBetweenIsEnteredOnceAllTheSame(t *testing.T) {
	o := tether.NewOwner("o")
	defer o.Destroy()
	var values []*Value[int]
	for range 40 {
		values = append(values, NewValue(o, 1))
	}
	step := NewValue(o, 1)
	all := func(use *Use) (sum int) {
		for i := range values {
			sum += values[i*step.Peek(use)%len(values)].Use(use)
		}
		return sum
	}
	for range 6 { // so that no link is among the first few of a value
		NewComputed(o, all).Get()
	}
	inner := NewComputed(o, func(use *Use) int { return step.Use(use) + all(use) })
	outer := NewComputed(o, func(use *Use) int { return step.Use(use) + all(use) + inner.Use(use) + all(use) + all(use) })
	for _, s := range []int{3, 7, 1, 1, 9} {
		step.Set(s)
		require.Equal(t, s+40+s+40+80, outer.Get())
		require.Len(t, outer.node.deps, 42)
		require.Len(t, inner.node.deps, 41)
	}
}
