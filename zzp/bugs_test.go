package zzreactive

import (
	"math"
	"math/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

// The tests of this file failed when they were written. Where they compare times,
// what is linear takes 10 times as long for ten times as much, what is quadratic
// 100 times, and the bound is 40; or see there.

// A cycle by way of Get: documented to panic, as Get "does not see cycles; where
// it would have to wait, in a cycle for one, it panics". Here it is the Use that
// waits, for its own goroutine, for ever. (preact "should detect deep dependency
// cycles" with peek; #151.) Nothing of it may be destroyed, as that would wait too.
func TestACycleByGetAndUse(t *testing.T) {
	o := tether.NewOwner("o")
	var b, c *state.Computed[int]
	b = state.NewComputed(o, func(u *state.Use) int { return c.Use(u) })
	c = state.NewComputed(o, func(u *state.Use) int { return b.Get() })
	within(t, 5*time.Second, func() {
		if panicOf(func() { c.Get() }) == nil {
			t.Error("no panic")
		}
	})
	require.NoError(t, o.Destroy())
}

// "A function runs again only when ... ; once, however many ways lead there."
// Where a function below has failed and another has recovered that, each of n
// diamonds above doubles the runs: 2^n in one Get.
func TestARecoveredFailureBelowDiamondsIsNotExponential(t *testing.T) {
	o := newApp(t)
	leaf, n := counted(o, func(u *state.Use) int { panic("x") })
	var top state.Readable[int] = comp(o, func(u *state.Use) (v int) {
		defer func() { recover() }()
		return leaf.Use(u)
	})
	for range 12 {
		prev := top
		l := comp(o, func(u *state.Use) int { return prev.Use(u) + 1 })
		r := comp(o, func(u *state.Use) int { return prev.Use(u) + 2 })
		top = comp(o, func(u *state.Use) int { return l.Use(u) + r.Use(u) })
	}
	top.Get()
	require.Less(t, *n, 100, "runs of one function in one Get")
}

// The same with a panic handler, where Use returns the last value.
func TestASupervisedFailureBelowDiamondsIsNotExponential(t *testing.T) {
	reports := 0
	o := tether.NewOwner("o", tether.WithPanicHandler(func(*tether.PanicError) { reports++ }))
	defer o.Destroy()
	a := val(o, 0)
	var top state.Readable[int] = comp(o, func(u *state.Use) int {
		if a.Use(u) == 1 {
			panic("x")
		}
		return 0
	})
	for range 7 {
		prev := top
		l := comp(o, func(u *state.Use) int { return prev.Use(u) + 1 })
		r := comp(o, func(u *state.Use) int { return prev.Use(u) + 2 })
		top = comp(o, func(u *state.Use) int { return l.Use(u) + r.Use(u) })
	}
	top.Get()
	a.Set(1)
	top.Get()
	require.Less(t, reports, 100, "reports of one failure")
}

// What a function reads twice in one run is the same both times.
func TestOneRunReadsOneValue(t *testing.T) {
	o := newApp(t)
	leaf := comp(o, func(u *state.Use) int { panic("x") })
	n := 0
	c := comp(o, func(u *state.Use) (v int) {
		defer func() { recover(); n++; v = n }()
		return leaf.Use(u)
	})
	d := comp(o, func(u *state.Use) bool { return c.Use(u) == c.Use(u) })
	require.True(t, d.Get())
}

// A failure at the end of a chain of n runs the failing function n times and all
// the others n^2/2 times, in one Get.
func TestAFailureAtTheEndOfAChainIsLinear(t *testing.T) {
	o := newApp(t)
	fail := val(o, false)
	leaf, n := counted(o, func(u *state.Use) int {
		if fail.Use(u) {
			panic("x")
		}
		return 0
	})
	between := 0
	var top state.Readable[int] = leaf
	for range 200 {
		prev := top
		top = comp(o, func(u *state.Use) int { between++; return prev.Use(u) })
	}
	top.Get()
	*n, between = 0, 0
	fail.Set(true)
	require.Equal(t, "x", panicOf(func() { top.Get() }))
	require.LessOrEqual(t, *n, 3)
	require.LessOrEqual(t, between, 3*200)
}

// "When all is at rest, the last New is what Get returns." A watched function that
// recovers a failure, with a value for that case, tells nobody about it.
func TestAFallbackIsTold(t *testing.T) {
	o := newApp(t)
	a := val(o, 0)
	b := comp(o, func(u *state.Use) int {
		if a.Use(u) == 1 {
			panic("b")
		}
		return a.Use(u)
	})
	c := comp(o, func(u *state.Use) (v int) {
		defer func() {
			if recover() != nil {
				v = -1
			}
		}()
		return b.Use(u)
	})
	got := record(o, c)
	a.Set(1)
	require.Equal(t, -1, c.Get())
	require.Equal(t, []int{-1}, *got)
	a.Set(2)
	require.Equal(t, []int{-1, 2}, *got)
}

// The first computation of a deep chain is quadratic: each run that ends walks up
// to the run for whose sake it was begun, with the lock of all values held.
func TestADeepChainIsLinear(t *testing.T) {
	o := newApp(t)
	const n = 20_000
	v := val(o, 0)
	top := chain(o, v, n)
	start := time.Now()
	require.Equal(t, n, top.Get())
	first := time.Since(start)
	again := time.Duration(0)
	for i := range 3 {
		v.Set(i + 1)
		start = time.Now()
		require.Equal(t, n+i+1, top.Get())
		again = max(again, time.Since(start))
	}
	require.Less(t, first, 30*again, "the first time took %v, another %v", first, again)
}

// SetIn looks through all that is in the batch.
func TestALargeBatchIsLinear(t *testing.T) {
	o := newApp(t)
	fill := func(n int) time.Duration {
		values := make([]*state.Value[int], n)
		for i := range values {
			values[i] = val(o, 0)
		}
		var b state.Batch
		start := time.Now()
		for i, v := range values {
			v.SetIn(&b, i+1)
		}
		b.Commit()
		return time.Since(start)
	}
	fill(1_000)
	small, large := max(fill(2_000), fill(2_000)), fill(20_000); t.Log(small, large, fill(2000), fill(20000), fill(60000))
	require.Less(t, large, 40*small, "ten times as many took %v instead of %v", large, small)
}

// A function that uses the same values in another order pays for each with a look
// through all, with the lock of all values held.
func TestDependenciesInAnotherOrderAreLinear(t *testing.T) {
	o := newApp(t)
	shuffled := func(n int) time.Duration {
		values := make([]*state.Value[int], n)
		for i := range values {
			values[i] = val(o, 1)
		}
		again := val(o, 0)
		order := rand.New(rand.NewSource(1)).Perm(n)
		c := comp(o, func(u *state.Use) (sum int) {
			sum = again.Use(u)
			for _, i := range order {
				sum += values[i].Use(u)
			}
			return sum
		})
		c.Get()
		order = rand.New(rand.NewSource(2)).Perm(n)
		again.Set(1)
		start := time.Now()
		require.Equal(t, n+1, c.Get())
		return time.Since(start)
	}
	shuffled(2_000)
	small, large := max(shuffled(3_000), shuffled(3_000)), shuffled(30_000); t.Log(small, large, shuffled(3000), shuffled(30000), shuffled(10000), shuffled(100000))
	require.Less(t, large, 40*small, "ten times as many took %v instead of %v", large, small)
}

// "Handlers may do anything, Set included": not where a Get inside a computing
// function is what delivers. The Get gets the panic, and the change is lost.
func TestAHandlerBelowAGetInAComputingFunctionMaySet(t *testing.T) {
	o := newApp(t)
	x, y := val(o, 0), val(o, 0)
	fail := false
	w := comp(o, func(u *state.Use) int {
		v := x.Use(u)
		if fail {
			panic("fail")
		}
		return v
	})
	w.Changes().Connect(o, func(c state.Change[int]) { y.Set(c.New) })
	fail = true
	require.Equal(t, "fail", panicOf(func() { x.Set(1) }))
	fail = false
	d := comp(o, func(u *state.Use) int { return w.Get() })
	require.Nil(t, panicOf(func() { d.Get() }))
	require.Equal(t, []int{1, 1}, []int{d.Get(), y.Get()})
}

// "Inside a computing function Set panics before anything changes": the batch is
// empty afterwards, and likewise when an Equal panics.
func TestAFailedCommitKeepsTheBatch(t *testing.T) {
	o := newApp(t)
	bad := true
	x := val(o, 0, state.Equal(func(a, b int) bool {
		if bad {
			panic("equals")
		}
		return a == b
	}))
	var b state.Batch
	x.SetIn(&b, 1)
	require.Equal(t, "equals", panicOf(b.Commit))
	bad = false
	b.Commit()
	require.Equal(t, 1, x.Get())
}

// Finite inputs that overflow make a spring NaN for ever; Fusion guards against
// that ("springNanMotion") and goes on from the target.
func TestASpringThatOverflowsRecovers(t *testing.T) {
	o := newApp(t)
	var src ticker
	s := spring(o, &src, 0, 1, 1)
	s.SetTarget(math.MaxFloat64)
	src.ticks(3, 16*time.Millisecond)
	s.SetTarget(0)
	src.tick(time.Hour)
	require.Equal(t, 0.0, s.Get())
	require.True(t, s.Asleep())
}

// The same for what the configuration says: accepted, and then wrong.
func TestAStiffSpringIsANumber(t *testing.T) {
	o := newApp(t)
	var src ticker
	for _, c := range [][2]float64{{1e155, 0.5}, {1e200, 1}, {1, 1e200}} {
		var s *state.Spring
		if panicOf(func() { s = spring(o, &src, 0, c[0], c[1]) }) != nil {
			continue // refused: as good
		}
		s.SetTarget(1)
		src.ticks(2, 16*time.Millisecond)
		require.False(t, math.IsNaN(s.Get()), "%v", c)
		if c[1] == 1e200 {
			require.InDelta(t, 0, s.Get(), 1e-9, "overdamped to a standstill")
		}
	}
}
