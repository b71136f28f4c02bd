package state_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

// loop returns values named as given, each of which uses the next one, and the
// last one the first as long as closed.
func loop(o *tether.Owner, closed *state.Value[bool], names ...string) []*state.Computed[int] {
	cs := make([]*state.Computed[int], len(names))
	for i, name := range names {
		cs[i] = state.NewComputed(o, func(use *state.Use) int {
			if i+1 < len(cs) {
				return cs[i+1].Use(use) + 1
			}
			if closed.Use(use) {
				return cs[0].Use(use) + 1
			}
			return 1
		}, state.Name(name))
	}
	return cs
}

func TestCycle_IsReportedWithItsNames(t *testing.T) {
	o := app(t)
	closed := state.NewValue(o, true)
	cs := loop(o, closed, "a", "b", "c")
	before := state.NewComputed(o, func(use *state.Use) int { return cs[0].Use(use) }, state.Name("before"))

	err := panicOf(func() { cs[0].Get() }).(*state.CycleError)
	require.EqualError(t, err, "state: cycle: a -> b -> c -> a")
	err = panicOf(func() { before.Get() }).(*state.CycleError)
	require.Equal(t, []string{"a", "b", "c", "a"}, err.Names, "before is not part of it")
	err = panicOf(func() { cs[1].Get() }).(*state.CycleError)
	require.Equal(t, []string{"b", "c", "a", "b"}, err.Names)

	closed.Set(false)
	require.Equal(t, 3, before.Get())
	closed.Set(true) // a cycle that was none the last time
	err = panicOf(func() { before.Get() }).(*state.CycleError)
	require.Equal(t, []string{"a", "b", "c", "a"}, err.Names)
	closed.Set(false)
	require.Equal(t, 3, before.Get())
}

func TestCycle_OfAValueThatUsesItself(t *testing.T) {
	o := app(t)
	var c *state.Computed[int]
	c = state.NewComputed(o, func(use *state.Use) int { return c.Use(use) })
	err := panicOf(func() { c.Get() }).(*state.CycleError)
	require.Len(t, err.Names, 2)
	require.Regexp(t, `/cycle_test\.go:\d+$`, err.Names[0], "without a name, the function's place")
}

func TestCycle_AGetThatWouldWaitForItselfPanics(t *testing.T) {
	o := app(t)
	var a *state.Computed[int]
	b := state.NewComputed(o, func(*state.Use) int { return a.Get() }) // not Use
	a = state.NewComputed(o, func(use *state.Use) int { return b.Use(use) }, state.Name("a"))
	require.Equal(t, "state: Get inside a computing function has to wait for a; read with Use there", panicOf(func() { a.Get() }))
}

func TestCycle_AcrossGoroutinesIsNoDeadlock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		var a, b *state.Computed[int]
		let := make(chan struct{})
		a = state.NewComputed(o, func(use *state.Use) int { <-let; return b.Use(use) }, state.Name("a"))
		b = state.NewComputed(o, func(use *state.Use) int { <-let; return a.Use(use) }, state.Name("b"))
		errs := make(chan any, 2)
		for _, c := range []*state.Computed[int]{a, b} {
			go func() { errs <- panicOf(func() { c.Get() }) }()
		}
		synctest.Wait()
		close(let)
		for range 2 {
			require.Contains(t, []string{"state: cycle: a -> b -> a", "state: cycle: b -> a -> b"}, (<-errs).(*state.CycleError).Error())
		}
		require.NoError(t, o.Destroy())
	})
}

func TestComputed_OneGoroutineComputesForAllThatWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		let := make(chan struct{})
		c, n := counted(o, func(*state.Use) int { <-let; return 7 })
		user := state.NewComputed(o, func(use *state.Use) int { return c.Use(use) })
		got := make(chan int, 10)
		for i := range 10 {
			go func() {
				if i%2 == 0 {
					got <- user.Get()
				} else {
					got <- c.Get()
				}
			}()
		}
		synctest.Wait()
		close(let)
		for range 10 {
			require.Equal(t, 7, <-got)
		}
		require.Equal(t, 1, *n)
		require.NoError(t, o.Destroy())
	})
}
