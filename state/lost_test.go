package state_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

// A Get in a handler finds a change of a value that its Set has still to compute. Before that, a
// further Set has the value fail. The change is delivered all the same.
func TestSet_AFailureLosesNoChangeThatWasFoundBeforeIt(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 1)
	c := state.NewComputed(o, func(use *state.Use) int {
		if x.Use(use) == 3 {
			panic("three")
		}
		return x.Use(use)
	})
	got := log(o, c.Changes())
	x.Changes().Once(o, func(state.Change[int]) {
		c.Get()
		x.Set(3)
	})
	require.Equal(t, "three", panicOf(func() { x.Set(2) }))
	require.Equal(t, []state.Change[int]{{Old: 1, New: 2}}, *got)
	x.Set(4)
	require.Equal(t, []state.Change[int]{{Old: 1, New: 2}, {Old: 2, New: 4}}, *got)
}

// One walk calls a function of an owner that ends, and then one of another owner. The cleanup
// that panics between the two is not that function's, nor its panic handler's.
func TestSet_APanicOfACleanupBetweenTwoFunctionsIsNotTheNextOnes(t *testing.T) {
	for _, supervised := range []bool{false, true} {
		reports := 0
		var opts []tether.OwnerOption
		if supervised {
			opts = append(opts, tether.WithPanicHandler(func(*tether.PanicError) { reports++ }))
		}
		o, inner, other := app(t), tether.NewOwner("inner"), tether.NewOwner("other", opts...)
		inner.Defer(func() { panic("cleanup") })
		x := state.NewValue(o, 0)
		ends := state.NewComputed(inner, func(use *state.Use) int {
			if x.Use(use) == 1 {
				_ = inner.Destroy()
			}
			return 0
		})
		next := state.NewComputed(other, func(use *state.Use) int { return x.Use(use) })
		sum := state.NewComputed(o, func(use *state.Use) int { return ends.Use(use) + next.Use(use) })
		require.Zero(t, sum.Get())
		x.Set(1)
		require.Equal(t, "cleanup", panicOf(func() { sum.Get() }))
		got := log(other, next.Changes())
		x.Set(2)
		require.Equal(t, []state.Change[int]{{Old: 1, New: 2}}, *got)
		require.Equal(t, 2, sum.Get())
		require.Zero(t, reports)
		x.Set(3) // nothing is being computed any more
		require.Equal(t, 3, sum.Get())
		require.NoError(t, other.Destroy())
	}
}

// A walk that calls a function of an owner that ends, and then one of another owner, was left in
// the middle if a cleanup panics between the two. What is watched, or an effect, that the walk was
// made for got no mark any more, because what it uses was marked already.
func TestSet_APanicOfACleanupBetweenTwoFunctionsKeepsNobodyFromTheChange(t *testing.T) {
	for _, watched := range []bool{false, true} {
		for _, fails := range []bool{false, true} {
			for _, within := range []bool{false, true} {
				o, inner, other := app(t), tether.NewOwner("inner"), tether.NewOwner("other")
				inner.Defer(func() { panic("cleanup") })
				x := state.NewValue(o, 0)
				ends := state.NewComputed(inner, func(use *state.Use) int {
					if x.Use(use) == 1 {
						_ = inner.Destroy()
						if fails {
							panic("fails")
						}
					}
					return 0
				})
				next := state.NewComputed(other, func(use *state.Use) int { return x.Use(use) })
				sum := func(use *state.Use) int {
					a := 0
					if p := panicOf(func() { a = ends.Use(use) }); p != nil && p != "fails" {
						panic(p)
					}
					return a + next.Use(use)
				}
				use := sum
				if within {
					between := state.NewComputed(o, sum)
					use = func(use *state.Use) int { return between.Use(use) }
				}
				var seen []int
				if watched {
					state.NewComputed(o, use).Changes().Connect(o, func(c state.Change[int]) { seen = append(seen, c.New) })
				} else {
					state.NewEffect(o, func(u *state.Use, _ *tether.Owner) { seen = append(seen, use(u)) })
				}
				what := []any{"watched %t, fails %t, in a Use %t", watched, fails, within}
				require.NotNil(t, panicOf(func() { x.Set(1) }), what...)
				require.Equal(t, 1, seen[len(seen)-1], what...)
				x.Set(2)
				require.Equal(t, 2, seen[len(seen)-1], what...)
				require.NoError(t, other.Destroy())
			}
		}
	}
}

// The same for a function that uses another one for the first time, and that one a third.
func TestSet_APanicOfACleanupInAUseOfAUseKeepsNobodyFromTheChange(t *testing.T) {
	for _, watched := range []bool{false, true} {
		o, inner := app(t), tether.NewOwner("inner")
		inner.Defer(func() { panic("cleanup") })
		on := state.NewValue(o, false)
		ends := state.NewComputed(inner, func(use *state.Use) int { _ = inner.Destroy(); return 7 })
		between := state.NewComputed(o, func(use *state.Use) int { return ends.Use(use) })
		use := func(use *state.Use) int {
			if !on.Use(use) {
				return 0
			}
			return between.Use(use)
		}
		var seen []int
		if watched {
			state.NewComputed(o, use).Changes().Connect(o, func(c state.Change[int]) { seen = append(seen, c.New) })
		} else {
			state.NewEffect(o, func(u *state.Use, _ *tether.Owner) { seen = append(seen, use(u)) })
		}
		require.Equal(t, "cleanup", panicOf(func() { on.Set(true) }), watched)
		require.NotEmpty(t, seen, watched)
		require.Equal(t, 7, seen[len(seen)-1], watched)
	}
}

// A Get tries a watched value again that has failed. Its own result can't be kept, and when it
// leaves the owner of its function, a cleanup panics. The watched value is told all the same.
func TestGet_ACleanupThatPanicsAtItsEndLosesNoChange(t *testing.T) {
	o, inner := app(t), tether.NewOwner("inner")
	inner.Defer(func() { panic("cleanup") })
	x, y := state.NewValue(o, 0), state.NewValue(o, 0)
	fails := false
	watched := state.NewComputed(o, func(use *state.Use) int {
		if x.Use(use); fails {
			panic("fails")
		}
		return x.Use(use)
	})
	got := log(o, watched.Changes())
	fails = true
	require.Equal(t, "fails", panicOf(func() { x.Set(1) }))
	fails = false
	var ends, back *state.Computed[int]
	back = state.NewComputed(o, func(use *state.Use) int { return ends.Get() })
	ends = state.NewComputed(inner, func(use *state.Use) int {
		y.Use(use)
		_ = panicOf(func() { back.Use(use) }) // it would wait: the result is only its caller's
		watched.Use(use)
		_ = inner.Destroy()
		return 0
	})
	require.Equal(t, "cleanup", panicOf(func() { ends.Get() }))
	require.Equal(t, []state.Change[int]{{Old: 0, New: 1}}, *got)
	x.Set(2)
	require.Equal(t, []state.Change[int]{{Old: 0, New: 1}, {Old: 1, New: 2}}, *got)
}

// A function at the depth from which others run on another goroutine recovers what comes from
// there, here a cycle. What it uses after that may still wait for what another goroutine
// computes.
func TestDeep_AFailureOnTheNextGoroutineLeavesTheDepthAsItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const depth = 10_000 // as in hop
		o := app(t)
		hold := newGate()
		slow := state.NewComputed(o, func(use *state.Use) int { hold.pass(); return 5 })
		var top *state.Computed[int]
		c := state.NewComputed(o, func(use *state.Use) int {
			if _, ok := panicOf(func() { top.Use(use) }).(*state.CycleError); !ok {
				t.Error("no cycle")
			}
			return slow.Use(use)
		})
		for range depth - 1 {
			below := c
			c = state.NewComputed(o, func(use *state.Use) int { return below.Use(use) })
		}
		top = c
		go slow.Get()
		synctest.Wait()
		got := make(chan bool, 1)
		go func() {
			got <- panicOf(func() { require.Equal(t, 5, top.Get()) }) == nil
		}()
		synctest.Wait()
		close(hold.open)
		require.True(t, <-got)
	})
}

// A Get makes no dependency, so what recovers its panic does not wait for anything. A Use would.
func TestGet_APanicThatItsOwnFunctionRecoversIsAResultLikeAnyOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := app(t)
		hold := newGate()
		x := state.NewValue(o, 0)
		slow := state.NewComputed(o, func(use *state.Use) int { hold.pass(); return 1 })
		c := state.NewComputed(o, func(use *state.Use) (v int) {
			x.Use(use)
			defer func() {
				if recover() != nil {
					v = -1
				}
			}()
			return slow.Get()
		})
		go slow.Get()
		synctest.Wait()
		require.Equal(t, -1, c.Get())
		close(hold.open)
		synctest.Wait()
		require.Equal(t, -1, c.Get())
		x.Set(1)
		require.Equal(t, 1, c.Get())
	})
}

// A function uses a value, and on the way to that a cleanup panics. That is not the function's
// result: it would not be told when the value changes.
func TestUse_APanicOfACleanupOnItsWayIsNobodysResult(t *testing.T) {
	for _, last := range []bool{false, true} { // the cleanup runs at the end of the way, or before that
		o, inner := app(t), tether.NewOwner("inner")
		inner.Defer(func() { panic("cleanup") })
		x, y := state.NewValue(o, 0), state.NewValue(o, 0)
		ends := state.NewComputed(inner, func(use *state.Use) int {
			if y.Use(use) == 1 {
				_ = inner.Destroy()
			}
			return 0
		})
		next := state.NewComputed(o, func(use *state.Use) int {
			if last {
				return 0
			}
			return y.Use(use)
		})
		mid := state.NewComputed(o, func(use *state.Use) int { return ends.Use(use) + next.Use(use) + x.Use(use) })
		outer := state.NewComputed(o, func(use *state.Use) int { return 10*y.Use(use) + mid.Use(use) })
		got := log(o, outer.Changes())
		require.Equal(t, "cleanup", panicOf(func() { y.Set(1) }))
		x.Set(5)
		require.Equal(t, 2, len(*got), "%v", *got)
		require.Equal(t, outer.Get(), (*got)[1].New)
		require.Equal(t, map[bool]int{false: 16, true: 15}[last], outer.Get())
	}
}
