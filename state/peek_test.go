package state_test

import (
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

func TestPeek_ReadsWithoutDepending(t *testing.T) {
	o := app(t)
	x, y := state.NewValue(o, 1), state.NewValue(o, 10)
	double := state.NewComputed(o, func(use *state.Use) int { return 2 * y.Use(use) })
	c, n := counted(o, func(use *state.Use) int { return x.Use(use) + y.Peek(use) + double.Peek(use) })
	require.Equal(t, 31, c.Get())
	y.Set(20)
	require.Equal(t, 31, c.Get())
	require.Equal(t, 1, *n)
	x.Set(2)
	require.Equal(t, 62, c.Get())
	require.Equal(t, 2, *n)
}

func TestPeek_OfWhatFailsIsThatPanicAndTriedAgainByWhoReads(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 1)
	bad := state.NewComputed(o, func(use *state.Use) int { panic("bad") })
	c := state.NewComputed(o, func(use *state.Use) int { return x.Use(use) + bad.Peek(use) })
	for range 2 {
		require.Equal(t, "bad", panicOf(func() { c.Get() }))
	}
}

func TestPeek_SeesACycle(t *testing.T) {
	o := app(t)
	var a, b *state.Computed[int]
	a = state.NewComputed(o, func(use *state.Use) int { return b.Peek(use) }, state.Name("a"))
	b = state.NewComputed(o, func(use *state.Use) int { return a.Peek(use) }, state.Name("b"))
	err, _ := panicOf(func() { a.Get() }).(*state.CycleError)
	require.NotNil(t, err)
	require.Equal(t, []string{"a", "b", "a"}, err.Names)
}

func TestPeek_WaitsForWhatAnotherGoroutineComputes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := app(t)
		hold := make(chan struct{})
		slow := state.NewComputed(o, func(use *state.Use) int { <-hold; return 5 })
		c := state.NewComputed(o, func(use *state.Use) int { return slow.Peek(use) + 1 })
		go slow.Get()
		synctest.Wait()
		got := make(chan int, 1)
		go func() { got <- c.Get() }()
		synctest.Wait()
		close(hold)
		require.Equal(t, 6, <-got)
	})
}

func TestPeek_ShowsNothingToARunThatIsOvertaken(t *testing.T) {
	o := app(t)
	x, y := state.NewValue(o, 1), state.NewValue(o, 1)
	first := true
	c, n := counted(o, func(use *state.Use) int {
		v := x.Use(use)
		if first {
			first = false
			done := make(chan struct{})
			go func() {
				defer close(done)
				var b state.Batch
				x.SetIn(&b, 2)
				y.SetIn(&b, 2)
				b.Commit()
			}()
			<-done
		}
		require.Equal(t, v, y.Peek(use))
		return v
	})
	require.Equal(t, 2, c.Get())
	require.Equal(t, 2, *n)
}

func TestUse_EndsWithItsFunction(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 1)
	y := state.NewComputed(o, func(use *state.Use) int { return x.Use(use) })
	var kept *state.Use
	c := state.NewComputed(o, func(use *state.Use) int {
		kept = use
		return x.Use(use) + x.Use(use) + y.Use(use)
	})
	for i := 1; i < 4; i++ {
		x.Set(i)
		require.Equal(t, 3*i, c.Get())
		for _, f := range []func(){
			func() { x.Use(kept) }, func() { y.Use(kept) }, func() { x.Peek(kept) }, func() { y.Peek(kept) },
		} {
			require.Equal(t, "state: Use after its computation has returned", panicOf(f))
		}
	}
	for want, f := range map[string]func(){
		"state: Value.Use with nil Use":     func() { x.Use(nil) },
		"state: Computed.Use with nil Use":  func() { y.Use(new(state.Use)) },
		"state: Value.Peek with nil Use":    func() { x.Peek(new(state.Use)) },
		"state: Computed.Peek with nil Use": func() { y.Peek(nil) },
	} {
		require.Equal(t, want, panicOf(f))
	}
}

// In a function the same is used again and again, in any order, among others: it is one
// dependency, and the function sees one value.
func TestUse_OfTheSameAgainShowsTheSame(t *testing.T) {
	o := app(t)
	var values []*state.Value[int]
	for range 40 {
		values = append(values, state.NewValue(o, 1))
	}
	fails := state.NewValue(o, true)
	flaky := state.NewComputed(o, func(use *state.Use) int {
		if fails.Use(use) {
			panic("flaky")
		}
		return 0
	})
	step := state.NewValue(o, 1)
	c, n := counted(o, func(use *state.Use) (sum int) {
		s := step.Use(use)
		for i := range 120 {
			sum += values[i*s%len(values)].Use(use)
			for range 2 {
				if panicOf(func() { sum += flaky.Use(use) }) != nil {
					sum += 1000
				}
			}
		}
		return sum
	})
	require.Equal(t, 120+240_000, c.Get())
	for i, s := range []int{3, 7, 1, 40, 3, 1} {
		step.Set(s)
		want := 0
		for i := range 120 {
			want += values[i*s%len(values)].Get()
		}
		require.Equal(t, want+240_000, c.Get(), "step %d", s)
		runs := *n
		values[(i+1)*s%len(values)].Set(100 + i)
		c.Get()
		require.Equal(t, runs+1, *n)
		if s == 40 { // the first one alone was used
			values[1].Set(200 + i)
			c.Get()
			require.Equal(t, runs+1, *n)
		}
	}
	fails.Set(false)
	require.Less(t, c.Get(), 240_000)
}

func TestGet_InsideAComputingFunctionTellsACycleFromAWait(t *testing.T) {
	o := app(t)
	var a, b, c *state.Computed[int]
	a = state.NewComputed(o, func(use *state.Use) int { return b.Use(use) }, state.Name("a"))
	b = state.NewComputed(o, func(use *state.Use) int { return c.Get() }, state.Name("b")) // not Use
	c = state.NewComputed(o, func(use *state.Use) int { return a.Use(use) }, state.Name("c"))
	for range 2 {
		p := panicOf(func() { c.Get() })
		require.NotNil(t, p)
		if err, ok := p.(*state.CycleError); ok {
			require.Equal(t, err.Names[0], err.Names[len(err.Names)-1])
		} else {
			require.Contains(t, p, "has to wait for")
		}
	}
}

func TestGet_InsideAComputingFunctionDoesNotWaitForAnotherGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := app(t)
		hold := make(chan struct{})
		slow := state.NewComputed(o, func(use *state.Use) int { <-hold; return 5 }, state.Name("slow"))
		user := state.NewComputed(o, func(use *state.Use) int { return slow.Use(use) })
		c, n := counted(o, func(use *state.Use) int { return user.Get() })
		go slow.Get()
		synctest.Wait()
		require.Equal(t, "state: Get inside a computing function has to wait for slow; read with Use there",
			panicOf(func() { c.Get() }))
		close(hold)
		synctest.Wait()
		require.Equal(t, 5, c.Get(), "that panic was nobody's result")
		require.Equal(t, 5, user.Get())
		require.Equal(t, 2, *n)
	})
}

func TestComputed_WhatEndsItsGoroutineHasNoResult(t *testing.T) {
	o := app(t)
	exits := true
	x := state.NewValue(o, 1)
	inner := state.NewComputed(o, func(use *state.Use) int {
		if exits {
			runtime.Goexit()
		}
		return x.Use(use)
	})
	c := state.NewComputed(o, func(use *state.Use) int { return inner.Use(use) + 1 })
	for range 2 {
		done := make(chan bool)
		go func() {
			defer close(done)
			c.Get()
			t.Error("Get returns")
		}()
		<-done
	}
	exits = false
	require.Equal(t, 2, c.Get())
	x.Set(2)
	require.Equal(t, 3, c.Get())
}

func TestComputed_OfADeadOwnerIsNeverComputed(t *testing.T) {
	o, user := tether.NewOwner("o"), app(t)
	c, n := counted(o, func(use *state.Use) int { return 1 })
	require.NoError(t, o.Destroy())
	after, m := counted(o, func(use *state.Use) int { return 1 })
	u := state.NewComputed(user, func(use *state.Use) int { return c.Use(use) + after.Use(use) + 7 })
	require.Equal(t, 7, u.Get())
	require.Equal(t, []int{0, 0, 0, 0}, []int{c.Get(), after.Get(), *n, *m})
}

func TestBind_APanicOfFGoesOnAndTheRestIsTold(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 1)
	var seen []int
	bind := func() {
		state.Bind(o, x, func(v int) {
			seen = append(seen, v)
			if v == 1 {
				x.Set(2) // comes after this
				panic("one")
			}
		})
	}
	require.Equal(t, "one", panicOf(bind))
	require.Equal(t, []int{1, 2}, seen)
	x.Set(3)
	require.Equal(t, []int{1, 2, 3}, seen)
}

func TestBind_ConnectsNothingToWhatFailsOrIsNothing(t *testing.T) {
	o := app(t)
	bad := state.NewComputed(o, func(use *state.Use) int { panic("bad") })
	before := o.Stats()
	require.Equal(t, "bad", panicOf(func() { state.Bind(o, bad, func(int) { t.Error("called") }) }))
	require.Equal(t, before, o.Stats())
	x := state.NewValue(o, 1)
	for want, f := range map[string]func(){
		"state: Bind with nil Owner":    func() { state.Bind(nil, x, func(int) {}) },
		"state: Bind with nil Readable": func() { state.Bind[int](o, (*state.Value[int])(nil), func(int) {}) },
		"state: Bind with nil function": func() { state.Bind(o, x, nil) },
	} {
		require.Equal(t, want, panicOf(f))
	}
	require.Equal(t, before, o.Stats())
}
