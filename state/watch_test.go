package state_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

// A run that waits for what another goroutine computes, and is overtaken, waits no longer: it
// begins again at once, and may not need that any more.
func TestWait_ARunThatIsOvertakenWaitsNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := app(t)
		x := state.NewValue(o, 1)
		hold := make(chan struct{})
		slow := state.NewComputed(o, func(use *state.Use) int { <-hold; return 5 })
		c, runs := counted(o, func(use *state.Use) int {
			if x.Use(use) == 1 {
				return slow.Use(use)
			}
			return 7
		})
		go slow.Get()
		synctest.Wait()
		got := make(chan int, 1)
		go func() { got <- c.Get() }()
		synctest.Wait()
		x.Set(2)
		synctest.Wait()
		select {
		case v := <-got:
			require.Equal(t, 7, v)
		default:
			t.Error("it still waits")
		}
		require.Equal(t, 2, *runs)
		close(hold)
		synctest.Wait()
		require.Equal(t, 5, slow.Get())
	})
}

// What is set between the first look of a Connect and the connection finds nobody who watches.
// Connect looks again. (Here it is an effect that sets, as the failure that it has used is tried
// again for the first look.)
func TestWatch_IsToldWhatWasSetBeforeItIsConnected(t *testing.T) {
	o := app(t)
	fails := true
	x := state.NewValue(o, 1)
	flaky := state.NewComputed(o, func(use *state.Use) int {
		if fails {
			panic("flaky")
		}
		return 1
	})
	c := state.NewComputed(o, func(use *state.Use) int { return flaky.Use(use) + x.Use(use) })
	state.NewEffect(o, func(use *state.Use, run *tether.Owner) {
		if panicOf(func() { flaky.Use(use) }) == nil {
			x.Set(10)
		}
	})
	require.Equal(t, "flaky", panicOf(func() { c.Get() }))
	fails = false
	var told []state.Change[int]
	c.Changes().Connect(o, func(ch state.Change[int]) { told = append(told, ch) })
	require.Equal(t, []state.Change[int]{{Old: 2, New: 11}}, told)
	x.Set(20)
	require.Equal(t, []state.Change[int]{{Old: 2, New: 11}, {Old: 11, New: 21}}, told)
}
