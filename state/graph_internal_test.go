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
	c := NewComputed(o, func(use *Use) (sum int) {
		for i := range 300 {
			sum += values[i*7%100].Use(use)
		}
		return sum
	})
	for i := range 3 {
		c.Get()
		require.Len(t, c.node.deps, 100)
		for _, v := range values {
			require.Nil(t, v.node.users.next)
		}
		values[i].Set(5)
	}
}

func TestTheBooksAreEmptyAfterwards(t *testing.T) {
	require.Zero(t, running)
	o := tether.NewOwner("o")
	living := tether.NewOwner("living")
	defer living.Destroy()
	x := NewValue(living, 1)
	c := NewComputed(o, func(use *Use) int { return x.Use(use) })
	c.Get()
	require.NotNil(t, x.node.users)
	o.Destroy()
	require.Nil(t, x.node.users)
	require.Nil(t, c.node.deps)
}
