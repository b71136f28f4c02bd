//go:build tether_explore

package state_test

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/yield"
	"github.com/seed-ec287111/tether/state"
)

// at calls f on another goroutine, and waits for it, when the n-th step called name
// is come to during do.
func at(t *testing.T, name string, n int64, f, do func()) {
	t.Helper()
	var seen atomic.Int64
	yield.Hook(func(step string) {
		if step == name && seen.Add(1) == n {
			done := make(chan bool)
			go func() { defer close(done); f() }()
			<-done
		}
	})
	defer yield.Hook(nil)
	do()
	require.GreaterOrEqual(t, seen.Load(), n, "the step did not come")
}

// A Set that comes after Use has entered the dependency, and before it reads the
// value, shows it the new one beside what it has read before. So Use looks again.
func TestUse_ShowsNoMixtureToARunThatIsOvertakenInsideUse(t *testing.T) {
	for _, computed := range []bool{false, true} {
		t.Run(fmt.Sprintf("computed=%v", computed), func(t *testing.T) {
			o := app(t)
			x, y := state.NewValue(o, 1), state.NewValue(o, 1) // always equal
			var z state.Readable[int] = y
			if computed {
				z = state.NewComputed(o, func(use *state.Use) int { return y.Use(use) })
				z.Get()
			}
			c, n := counted(o, func(use *state.Use) int {
				v := x.Use(use)
				if w := z.Use(use); w != v {
					t.Errorf("saw %d and %d", v, w)
				}
				return v
			})
			set := func() {
				var b state.Batch
				x.SetIn(&b, 2)
				y.SetIn(&b, 2)
				b.Commit()
				if computed {
					z.Get() // its new value is there to be read
				}
			}
			at(t, "state: used, read", 2, set, func() { require.Equal(t, 2, c.Get()) })
			require.Equal(t, 2, *n)
			require.Equal(t, 2, c.Get())

			// And by the short way, along the links of the run before.
			both := func(v int) {
				var b state.Batch
				x.SetIn(&b, v)
				y.SetIn(&b, v)
				b.Commit()
				if computed {
					z.Get()
				}
			}
			both(3)
			at(t, "state: used, read", 2, func() { both(4) }, func() { require.Equal(t, 4, c.Get()) })
			require.Equal(t, 4, *n)
		})
	}
}

// A run that has found everything as it was, and is marked before it ends, is not
// fresh: nobody would compute it again.
func TestGet_ComputesAgainWhatIsMarkedWhenItsRunEnds(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 1)
	half, _ := counted(o, func(use *state.Use) int { return x.Use(use) / 2 })
	c, n := counted(o, func(use *state.Use) int { return half.Use(use) })
	require.Equal(t, 0, c.Get())
	x.Set(0) // half is marked, and stays what it is
	// half's run ends, and would let c be.
	at(t, "state: worked, end", 1, func() { x.Set(4) }, func() { require.Equal(t, 2, c.Get()) })
	require.Equal(t, 2, c.Get())
	require.Equal(t, 2, *n)
}

// The same for a run whose function was called.
func TestGet_ComputesAgainWhatIsMarkedAfterItsFunction(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 1)
	c, n := counted(o, func(use *state.Use) int { return x.Use(use) })
	at(t, "state: worked, end", 1, func() { x.Set(2) }, func() {
		require.Contains(t, []int{1, 2}, c.Get()) // both were true during the call
	})
	require.Equal(t, 2, c.Get())
	require.Equal(t, 2, *n)
	var got []state.Change[int]
	c.Changes().Connect(o, func(ch state.Change[int]) { got = append(got, ch) })
	x.Set(3)
	require.Equal(t, []state.Change[int]{{Old: 2, New: 3}}, got)
}

// A handler's last word: what a watched value is told is what Get returns at rest,
// also if the run that tells it is overtaken at its end.
func TestSet_SettlesAWatchedValueThatIsMarkedWhenItsRunEnds(t *testing.T) {
	o := tether.NewOwner("o")
	defer o.Destroy()
	x := state.NewValue(o, 0)
	c := state.NewComputed(o, func(use *state.Use) int { return x.Use(use) })
	var last atomic.Int64
	c.Changes().Connect(o, func(ch state.Change[int]) { last.Store(int64(ch.New)) })
	var second sync.WaitGroup
	at(t, "state: worked, end", 1, func() {
		second.Go(func() { x.Set(2) }) // it then waits for the run
		for x.Get() != 2 {
			runtime.Gosched()
		}
	}, func() { x.Set(1) })
	second.Wait()
	require.Equal(t, 2, c.Get())
	require.EqualValues(t, 2, last.Load())
}
