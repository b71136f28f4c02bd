package state_test

import (
	"flag"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

var deep = flag.Int("deep", 60_000, "length of the chain of the deep tests")

// A chain that was never computed is as many calls one inside the other; after that nothing
// recurses, whatever fails and whatever is recovered.
func TestDeep_AChain(t *testing.T) {
	o := tether.NewOwner("o")
	n := *deep
	x := state.NewValue(o, 0)
	fails := state.NewValue(o, false)
	leaf := state.NewComputed(o, func(use *state.Use) int {
		if fails.Use(use) {
			panic("leaf")
		}
		return x.Use(use)
	})
	last := leaf
	runs := 0
	for range n {
		before := last
		last = state.NewComputed(o, func(use *state.Use) int {
			runs++
			return before.Use(use) + 1
		})
	}
	goroutines := runtime.NumGoroutine()
	require.Equal(t, n, last.Get())
	require.LessOrEqual(t, runtime.NumGoroutine(), goroutines+1)
	x.Set(1)
	require.Equal(t, n+1, last.Get())
	require.Equal(t, 2*n, runs)

	got := 0
	last.Changes().Connect(o, func(c state.Change[int]) { got = c.New })
	x.Set(2)
	require.Equal(t, n+2, got)
	require.Equal(t, "leaf", panicOf(func() { fails.Set(true) }))
	require.Equal(t, 4*n, runs)
	require.Equal(t, "leaf", panicOf(func() { last.Get() }))
	require.Equal(t, 5*n, runs, "it was asked anew")
	fails.Set(false)
	x.Set(3)
	require.Equal(t, n+3, got)
	require.NoError(t, o.Destroy())
}

// A failure that goes through as many functions, which have not been computed before.
func TestDeep_AFailureBelowAChain(t *testing.T) {
	o := tether.NewOwner("o")
	last := state.NewComputed(o, func(use *state.Use) int { panic("leaf") })
	for range *deep {
		before := last
		last = state.NewComputed(o, func(use *state.Use) int { return before.Use(use) + 1 })
	}
	require.Equal(t, "leaf", panicOf(func() { last.Get() }))
	last = state.NewComputed(o, func(use *state.Use) int { runtime.Goexit(); return 0 })
	for range *deep / 4 {
		before := last
		last = state.NewComputed(o, func(use *state.Use) int { return before.Use(use) + 1 })
	}
	done := make(chan bool)
	go func() {
		defer close(done)
		last.Get()
	}()
	<-done
	require.NoError(t, o.Destroy())
}

// What ends at the very place where another goroutine goes on ends there as it would elsewhere.
func TestADeepChainThatEndsWhereAnotherGoroutineBegins(t *testing.T) {
	const hop = 10_000
	for n := hop - 1; n <= hop+2; n++ {
		o := tether.NewOwner("o")
		cs := make([]*state.Computed[int], n)
		for i := range cs {
			cs[i] = state.NewComputed(o, func(use *state.Use) int { return cs[(i+1)%n].Use(use) + 1 })
		}
		err, ok := panicOf(func() { cs[0].Get() }).(*state.CycleError)
		require.True(t, ok)
		require.Len(t, err.Names, n+1)

		open := false
		x := state.NewValue(o, 1)
		last := state.NewComputed(o, func(use *state.Use) int {
			if !open {
				runtime.Goexit()
			}
			return x.Use(use)
		})
		for range n {
			before := last
			last = state.NewComputed(o, func(use *state.Use) int { return before.Use(use) + 1 })
		}
		over := make(chan bool)
		go func() {
			defer close(over)
			last.Get()
			t.Error("Get returns")
		}()
		<-over
		open = true
		require.Equal(t, n+1, last.Get())
		x.Set(2)
		require.Equal(t, n+2, last.Get())
		require.NoError(t, o.Destroy())
	}
}

// A cycle as long as that.
func TestDeep_ALongCycle(t *testing.T) {
	o := tether.NewOwner("o")
	n := *deep / 4
	cs := make([]*state.Computed[int], n)
	for i := range cs {
		cs[i] = state.NewComputed(o, func(use *state.Use) int { return cs[(i+1)%n].Use(use) })
	}
	err, ok := panicOf(func() { cs[0].Get() }).(*state.CycleError)
	require.True(t, ok)
	require.Len(t, err.Names, n+1)
	require.NoError(t, o.Destroy())
}
