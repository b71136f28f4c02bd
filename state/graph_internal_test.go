package state

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
)

func TestADependencyIsEnteredOnceHoweverOftenItIsUsed(t *testing.T) {
	o := tether.NewOwner("o")
	defer o.Destroy()
	var values []*Value[int]
	for range 100 {
		values = append(values, NewValue(o, 1))
	}
	sum := func(use *Use) (sum int) {
		for i := range 300 {
			sum += values[i*7%100].Use(use)
		}
		return sum
	}
	users := 1 + 5 // also where the link is not among the first few users of a value
	var all []*Computed[int]
	for range users {
		all = append(all, NewComputed(o, sum))
	}
	for i := range 4 {
		for _, c := range all {
			require.Equal(t, 300+12*i, c.Get())
			require.Len(t, c.node.deps, 100)
		}
		for _, v := range values {
			n := 0
			for l := v.source.users; l != nil; l = l.next {
				n++
			}
			require.Equal(t, users, n)
		}
		values[i].Set(5)
	}
}

func TestTheBooksAreEmptyAfterwards(t *testing.T) {
	require.Zero(t, books.running)
	o := tether.NewOwner("o")
	living := tether.NewOwner("living")
	defer living.Destroy()
	x := NewValue(living, 1)
	c := NewComputed(o, func(use *Use) int { return x.Use(use) })
	c.Get()
	NewEffect(o, func(use *Use, run *tether.Owner) { x.Use(use); c.Use(use) })
	require.NotNil(t, x.source.users)
	o.Destroy()
	require.Nil(t, x.source.users)
	require.Nil(t, c.node.deps)
	require.Nil(t, c.node.users)
}
