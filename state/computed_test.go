package state_test

import (
	"errors"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

func TestComputed_NothingIsComputedUntilSomebodyAsks(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 1)
	c, n := counted(o, func(use *state.Use) int { return 10 * x.Use(use) })
	x.Set(2)
	require.Zero(t, *n)
	require.Equal(t, 20, c.Get())
	require.Equal(t, 20, c.Get())
	require.Equal(t, 1, *n)
	x.Set(3)
	x.Set(4)
	require.Equal(t, 1, *n)
	require.Equal(t, 40, c.Get())
	require.Equal(t, 2, *n)
}

func TestComputed_ADiamondNeverShowsAMixture(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 1)
	left := state.NewComputed(o, func(use *state.Use) int { return x.Use(use) + 1 })
	right := state.NewComputed(o, func(use *state.Use) int { return x.Use(use) * 10 })
	both, n := counted(o, func(use *state.Use) int {
		l, r := left.Use(use), right.Use(use)
		require.Equal(t, 10*(l-1), r)
		return l + r
	})
	got := log(o, both.Changes())
	for i := 2; i < 10; i++ {
		x.Set(i)
		require.Equal(t, i, *n)
	}
	require.Len(t, *got, 8)
	require.Equal(t, state.Change[int]{Old: 89, New: 100}, (*got)[7])
}

func TestComputed_EqualityStopsPropagation(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 1)
	odd, nOdd := counted(o, func(use *state.Use) bool { return x.Use(use)%2 == 1 })
	word, nWord := counted(o, func(use *state.Use) string {
		if odd.Use(use) {
			return "odd"
		}
		return "even"
	})
	got := log(o, word.Changes())
	x.Set(3)
	x.Set(5)
	require.Equal(t, 3, *nOdd)
	require.Equal(t, 1, *nWord)
	require.Empty(t, *got)
	x.Set(6)
	require.Equal(t, []state.Change[string]{{Old: "odd", New: "even"}}, *got)
}

func TestComputed_EqualKeepsTheOldValue(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 1)
	c := state.NewComputed(o, func(use *state.Use) []int { return []int{x.Use(use) % 10} },
		state.Equal(func(a, b []int) bool { return a[0] == b[0] }))
	first := &c.Get()[0]
	x.Set(11)
	require.Same(t, first, &c.Get()[0])
}

func TestComputed_ADependencyNotUsedAnyMoreIsDropped(t *testing.T) {
	o := app(t)
	which, a, b := state.NewValue(o, true), state.NewValue(o, 1), state.NewValue(o, 2)
	c, n := counted(o, func(use *state.Use) int {
		if which.Use(use) {
			return a.Use(use)
		}
		return b.Use(use)
	})
	got := log(o, c.Changes())
	b.Set(20)
	require.Equal(t, 1, *n)
	which.Set(false)
	require.Equal(t, 2, *n)
	a.Set(10)
	require.Equal(t, 2, *n)
	b.Set(30)
	require.Equal(t, []state.Change[int]{{Old: 1, New: 20}, {Old: 20, New: 30}}, *got)
}

func TestComputed_ManyDependenciesInChangingOrder(t *testing.T) {
	o := app(t)
	var values []*state.Value[int]
	for range 100 {
		values = append(values, state.NewValue(o, 1))
	}
	from := state.NewValue(o, 0)
	c, n := counted(o, func(use *state.Use) (sum int) {
		for i := range 200 { // each twice
			sum += values[(from.Use(use)+7*i)%len(values)].Use(use)
		}
		return sum
	})
	require.Equal(t, 200, c.Get())
	for i, v := range values {
		from.Set(i)
		v.Set(2)
		require.Equal(t, 202+2*i, c.Get())
		require.Equal(t, i+2, *n)
	}
}

func TestComputed_AUseAfterItsComputationPanics(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 1)
	var kept *state.Use
	c := state.NewComputed(o, func(use *state.Use) int {
		kept = use
		return x.Use(use)
	})
	c.Get()
	require.Equal(t, "state: Use after its computation has returned", panicOf(func() { x.Use(kept) }))
	require.Equal(t, "state: Use after its computation has returned", panicOf(func() { c.Use(kept) }))
	x.Set(2)
	require.Equal(t, "state: Use after its computation has returned", panicOf(func() { x.Use(kept) }))
	require.Equal(t, 2, c.Get())
}

func TestComputed_APanicGoesToTheCallerOfGetAndPoisonsNothing(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 0)
	c, n := counted(o, func(use *state.Use) int { return 100 / x.Use(use) })
	d := state.NewComputed(o, func(use *state.Use) int { return c.Use(use) + 1 })
	for range 3 {
		require.Error(t, panicOf(func() { d.Get() }).(runtime.Error))
	}
	require.Equal(t, 3, *n)
	x.Set(5)
	require.Equal(t, 21, d.Get())
	x.Set(0)
	require.Error(t, panicOf(func() { d.Get() }).(runtime.Error))
	x.Set(5)
	require.Equal(t, 21, d.Get())
}

func TestComputed_AWatchedOneThatPanickedIsTriedAgainAtTheNextSet(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 1)
	c := state.NewComputed(o, func(use *state.Use) int { return 100 / x.Use(use) })
	other := state.NewComputed(o, func(use *state.Use) int { return -x.Use(use) })
	got, gotOther := log(o, c.Changes()), log(o, other.Changes())
	require.Error(t, panicOf(func() { x.Set(0) }).(runtime.Error))
	require.Equal(t, []state.Change[int]{{Old: -1, New: 0}}, *gotOther, "the others have their turn")
	x.Set(4)
	require.Equal(t, []state.Change[int]{{Old: 100, New: 25}}, *got)
}

// A failure is a result: who recovered it has one too, until something changes.
func TestComputed_ARecoveredPanicOfADependencyIsAResult(t *testing.T) {
	o := app(t)
	broken := state.NewValue(o, true)
	inner, n := counted(o, func(use *state.Use) int {
		if broken.Use(use) {
			panic("broken")
		}
		return 1
	})
	outer, nOuter := counted(o, func(use *state.Use) (v int) {
		defer func() {
			if recover() != nil {
				v = -1
			}
		}()
		return inner.Use(use)
	})
	top := state.NewComputed(o, func(use *state.Use) int { return 10 * outer.Use(use) })
	for range 3 {
		require.Equal(t, -10, top.Get())
		require.Equal(t, -1, outer.Get())
	}
	require.Equal(t, []int{1, 1}, []int{*n, *nOuter})
	broken.Set(false)
	require.Equal(t, 10, top.Get())
	require.Equal(t, []int{2, 2}, []int{*n, *nOuter})
}

func TestComputed_AWatchedOneRecoversWithItsDependency(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 1)
	inner := state.NewComputed(o, func(use *state.Use) int { return 100 / x.Use(use) })
	outer := state.NewComputed(o, func(use *state.Use) (v int) {
		defer func() {
			if recover() != nil {
				v = -1
			}
		}()
		return inner.Use(use)
	})
	got := log(o, outer.Changes())
	x.Set(0)
	require.Equal(t, -1, outer.Get())
	x.Set(2)
	require.Equal(t, []state.Change[int]{{Old: 100, New: -1}, {Old: -1, New: 50}}, *got)
}

func TestComputed_AGoexitPoisonsNothing(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 0)
	inner := state.NewComputed(o, func(use *state.Use) int {
		if x.Use(use) == 0 {
			runtime.Goexit()
		}
		return x.Use(use)
	})
	c := state.NewComputed(o, func(use *state.Use) int { return inner.Use(use) })
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.Get()
	}()
	<-done
	x.Set(3)
	require.Equal(t, 3, c.Get())
}

func TestComputed_APanicHandlerGetsItsPanic(t *testing.T) {
	var reports []*tether.PanicError
	o := tether.NewOwner("supervised", tether.WithPanicHandler(func(p *tether.PanicError) { reports = append(reports, p) }))
	defer o.Destroy()
	x := state.NewValue(o, 1)
	c := state.NewComputed(o, func(use *state.Use) int { return 100 / x.Use(use) })
	d := state.NewComputed(o, func(use *state.Use) int { return c.Use(use) + 1 })
	require.Equal(t, 101, d.Get())
	x.Set(0)
	require.Equal(t, 101, d.Get(), "computed with the last value")
	require.NotEmpty(t, reports)
	require.Contains(t, reports[0].Error(), "divide by zero")
	x.Set(2)
	require.Equal(t, 51, d.Get())
}

func TestComputed_ADeadOwnersFunctionIsNotCalled(t *testing.T) {
	living := app(t)
	x := state.NewValue(living, 1)
	o := tether.NewOwner("o")
	c, n := counted(o, func(use *state.Use) int { return x.Use(use) })
	never, nNever := counted(o, func(use *state.Use) int { return x.Use(use) })
	user := state.NewComputed(living, func(use *state.Use) int { return 10*c.Use(use) + never.Use(use) })
	require.Equal(t, 1, c.Get())
	x.Set(2)
	o.Destroy()
	require.Equal(t, 1, c.Get(), "the last value")
	require.Equal(t, 0, never.Get(), "never computed")
	require.Equal(t, 10, user.Get())
	x.Set(3)
	require.Equal(t, 10, user.Get())
	require.Equal(t, 1, *n)
	require.Zero(t, *nNever)

	born, nBorn := counted(o, func(use *state.Use) int { return x.Use(use) })
	require.Equal(t, 0, born.Get())
	require.Zero(t, *nBorn)
}

func TestComputed_ACutOffOwnersFunctionIsNotCalledEvenBeforeItUnwinds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		living := tether.NewOwner("living")
		x := state.NewValue(living, 1)
		o := tether.NewOwner("o")
		c, n := counted(o, func(use *state.Use) int { return x.Use(use) })
		require.Equal(t, 1, c.Get())
		let := make(chan struct{})
		var sig tether.Signal[int]
		sig.Connect(o, func(int) { <-let })
		go sig.Fire(1)
		synctest.Wait()
		o.Cancel(nil)
		x.Set(2)
		require.Equal(t, 1, c.Get())
		require.Equal(t, 1, *n)
		close(let)
		<-o.Ended()
		require.NoError(t, living.Destroy())
	})
}

func TestComputed_DestroyWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		let := make(chan struct{})
		running := false
		c := state.NewComputed(o, func(*state.Use) int {
			running = true
			<-let
			running = false
			return 1
		})
		go c.Get()
		synctest.Wait()
		ended := false
		go func() {
			o.Destroy()
			ended = true
			if running {
				t.Error("Destroy has returned, the function has not")
			}
		}()
		synctest.Wait()
		require.False(t, ended)
		close(let)
		synctest.Wait()
		require.True(t, ended)
	})
}

func TestComputed_ItMayDestroyItsOwner(t *testing.T) {
	living := app(t)
	x, y := state.NewValue(living, 1), state.NewValue(living, 1)
	o := tether.NewOwner("o")
	c, n := counted(o, func(use *state.Use) int {
		v := x.Use(use)
		require.ErrorIs(t, o.Destroy(), tether.ErrPending)
		return v + y.Use(use)
	})
	require.Equal(t, 2, c.Get())
	x.Set(2)
	require.Equal(t, 2, c.Get())
	require.Equal(t, 1, *n)
	<-o.Ended()
}

func TestChanges_AWatchThatPanicsAtOnceIsNotConnected(t *testing.T) {
	o := app(t)
	failure := errors.New("failure")
	c := state.NewComputed(o, func(*state.Use) int { panic(failure) })
	before := o.Stats()
	require.Equal(t, failure, panicOf(func() { c.Changes().Connect(o, func(state.Change[int]) {}) }))
	require.Equal(t, before, o.Stats())
}

func TestChanges_OnceOfAComputed(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 1)
	c, n := counted(o, func(use *state.Use) int { return -x.Use(use) })
	var got []state.Change[int]
	c.Changes().Once(o, func(ch state.Change[int]) { got = append(got, ch) })
	x.Set(2)
	x.Set(3)
	require.Equal(t, []state.Change[int]{{Old: -1, New: -2}}, got)
	require.Equal(t, 2, *n, "unwatched since, so not computed")
}

func TestChanges_AHandlerSeesEverythingUpToDate(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 1)
	c := state.NewComputed(o, func(use *state.Use) int { return 10 * x.Use(use) })
	d := state.NewComputed(o, func(use *state.Use) int { return c.Use(use) + x.Use(use) })
	var seen []int
	look := func() { seen = append(seen, x.Get(), c.Get(), d.Get()) }
	x.Changes().Connect(o, func(state.Change[int]) { look() })
	c.Changes().Connect(o, func(state.Change[int]) { look() })
	d.Changes().Connect(o, func(state.Change[int]) { look() })
	x.Set(2)
	require.Equal(t, []int{2, 20, 22, 2, 20, 22, 2, 20, 22}, seen)
}

func TestComputed_ASetInsideTheFunctionPanics(t *testing.T) {
	o := app(t)
	x, y := state.NewValue(o, 1), state.NewValue(o, 1)
	c := state.NewComputed(o, func(use *state.Use) int {
		y.Set(2)
		return x.Use(use)
	})
	require.Equal(t, "state: Set inside a computing function", panicOf(func() { c.Get() }))
	require.Equal(t, 1, y.Get())
}

// A watched value that failed while a Set settled it was told to nobody when a
// computing function, and not Get, brought it back: its change waited for the
// next Set.
func TestComputed_AWatchedOneThatAComputingFunctionBringsBackIsTold(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var fail atomic.Bool
	v := state.NewValue(app, 0)
	w := state.NewComputed(app, func(use *state.Use) int {
		x := v.Use(use)
		if fail.Load() {
			panic("boom")
		}
		return x
	})
	y := state.NewComputed(app, func(use *state.Use) int { return w.Use(use) })
	told := 0
	w.Changes().Connect(app, func(c state.Change[int]) { told = c.New })
	fail.Store(true)
	require.PanicsWithValue(t, "boom", func() { v.Set(1) })
	fail.Store(false)
	require.Equal(t, 1, y.Get())
	require.Equal(t, 1, told)
	require.Equal(t, 1, w.Get())
}
