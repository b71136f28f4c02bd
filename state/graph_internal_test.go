package state

import (
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
)

func TestGraph_ADependencyIsEnteredOnceHoweverOftenItIsUsed(t *testing.T) {
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

func TestGraph_TheBooksAreEmptyAfterwards(t *testing.T) {
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

// A Use reads without the lock. So whoever can see a new value must find the mark, also where
// marking takes long as many others come first.
func TestGraph_WhoSeesANewValueFindsTheMark(t *testing.T) {
	o := tether.NewOwner("o")
	defer o.Destroy()
	x := NewValue(o, 0)
	var running atomic.Bool
	wait := false
	c := NewComputed(o, func(use *Use) int {
		v := x.Use(use)
		if !wait {
			return v
		}
		running.Store(true)
		for i := 0; x.Get() == v; i++ {
			if i%1000 == 0 {
				runtime.Gosched()
			}
		}
		if !use.overtaken.Load() {
			t.Error("the new value is there, and the mark is not")
		}
		return v
	})
	c.Get() // it is among the first users, and the newest are marked first
	var others []*Computed[int]
	for range 1000 {
		others = append(others, NewComputed(o, func(use *Use) int { return x.Use(use) }))
	}
	for i := range 300 {
		for _, other := range others {
			other.Get() // so that there is something to mark
		}
		wait = false
		c.Get()
		x.Set(10*i + 1)
		for _, other := range others {
			other.Get()
		}
		wait = true
		var g sync.WaitGroup
		g.Go(func() { c.Get() })
		for !running.Load() {
			runtime.Gosched()
		}
		running.Store(false)
		x.Set(10*i + 2)
		g.Wait()
	}
}
