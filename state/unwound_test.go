package state_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether/state"
)

// a is overtaken while m, which it needs, waits for what another goroutine computes. That needs
// a, in the world as it is now. So m must not wait, nor begin to, or both goroutines hang.
func TestWait_WhatIsComputedForAnOvertakenRunWaitsNoLonger(t *testing.T) {
	for _, before := range []bool{false, true} { // m begins to wait before a is overtaken, or after it
		synctest.Test(t, func(t *testing.T) {
			o := app(t)
			in, hold := newGate(), newGate()
			x, y := state.NewValue(o, 0), state.NewValue(o, 0)
			var a, m *state.Computed[int]
			a = state.NewComputed(o, func(use *state.Use) int {
				if x.Use(use) == 0 {
					return m.Use(use)
				}
				return 10
			})
			slow := state.NewComputed(o, func(use *state.Use) int {
				if y.Use(use) == 1 {
					in.pass()
				}
				return 1
			})
			other := state.NewComputed(o, func(use *state.Use) int {
				if y.Use(use) == 1 {
					hold.pass()
				}
				if x.Use(use) == 0 {
					return 5
				}
				return a.Use(use)
			})
			m = state.NewComputed(o, func(use *state.Use) int { return slow.Use(use) + other.Use(use) })
			require.Equal(t, 6, m.Get())
			y.Set(1)
			first, second := make(chan int, 1), make(chan int, 1)
			go func() { first <- other.Get() }()
			go func() { second <- a.Get() }()
			synctest.Wait()
			if before {
				close(in.open)
				synctest.Wait()
			}
			x.Set(1)
			if !before {
				close(hold.open)
				synctest.Wait()
				close(in.open)
			} else {
				close(hold.open)
			}
			synctest.Wait()
			require.Len(t, first, 1, "it hangs")
			require.Len(t, second, 1, "it hangs")
			require.Equal(t, 10, <-first)
			require.Equal(t, 10, <-second)
			require.Equal(t, 11, m.Get())
		})
	}
}

// The run of m is computed for that of a, which is overtaken, and comes to a again. To begin m
// anew would come to the same, without end. a has to begin anew.
func TestUse_ThatComesBackToAnOvertakenRunUnwindsAllOnTheWay(t *testing.T) {
	for _, recovers := range []bool{false, true} {
		o := app(t)
		x := state.NewValue(o, 0)
		var a, m *state.Computed[int]
		a = state.NewComputed(o, func(use *state.Use) int {
			if x.Use(use) == 0 {
				return m.Use(use)
			}
			return 10
		})
		m, runs := counted(o, func(use *state.Use) int {
			if x.Peek(use) == 0 {
				done := make(chan bool)
				go func() {
					x.Set(1)
					close(done)
				}()
				<-done
			}
			if recovers {
				defer func() { _ = recover() }()
			}
			return a.Use(use) + 1
		})
		require.Equal(t, 10, a.Get())
		require.Equal(t, 1, *runs)
		require.Equal(t, 11, m.Get())
	}
}
