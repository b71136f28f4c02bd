package state_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

func TestEffect_RunsAtOnceAndOnceForEachChange(t *testing.T) {
	o := app(t)
	x, y := state.NewValue(o, 1), state.NewValue(o, 1)
	sum := state.NewComputed(o, func(use *state.Use) int { return x.Use(use) + y.Use(use) })
	var seen []int
	var owners []*tether.Owner
	state.NewEffect(o, func(use *state.Use, run *tether.Owner) {
		for _, before := range owners {
			require.False(t, before.Alive(), "what the run before has made ends before")
		}
		owners = append(owners, run)
		seen = append(seen, sum.Use(use)+10*x.Use(use))
	}, state.Name("shown"))
	x.Set(2)
	x.Set(2)
	var b state.Batch
	x.SetIn(&b, 3)
	y.SetIn(&b, 4)
	b.Commit()
	x.SetIn(&b, 4)
	y.SetIn(&b, 3)
	b.Commit() // the sum is the same, x is not
	require.Equal(t, []int{12, 23, 37, 47}, seen)
	require.Equal(t, "shown", owners[3].Name())
	require.True(t, owners[3].Alive())
	state.NewEffect(o, func(use *state.Use, run *tether.Owner) { require.Equal(t, "effect", run.Name()) })
}

func TestEffect_RunsAgainForWhatItHasSetItselfAsLongAsThatEnds(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 0)
	runs := 0
	state.NewEffect(o, func(use *state.Use, run *tether.Owner) {
		runs++
		if v := x.Use(use); v%90 != 0 {
			x.Set(v + 1)
		}
	})
	for i := 1; i < 5; i++ { // 90 rounds each, which do not add up
		require.Nil(t, panicOf(func() { x.Set(90*(i-1) + 1) }))
		require.Equal(t, 90*i, x.Get())
		require.Equal(t, 1+90*i, runs)
	}
}

func TestEffect_OneThatFeedsItselfIsReportedAndGoesOnAfterThat(t *testing.T) {
	o := app(t)
	on := state.NewValue(o, false, state.Name("on"))
	x := state.NewValue(o, 0, state.Name("x"))
	runs := 0
	state.NewEffect(o, func(use *state.Use, run *tether.Owner) {
		runs++
		if v := x.Use(use); on.Use(use) {
			x.Set(v + 1)
		}
	}, state.Name("e"))
	for range 2 {
		runs = 0
		err, _ := panicOf(func() { on.Set(true) }).(*state.FeedbackError)
		require.NotNil(t, err)
		require.Equal(t, []string{"e", "x", "e"}, err.Names)
		require.Equal(t, "state: effects feed each other without end: e -> x -> e", err.Error())
		require.Equal(t, 100, runs)
		on.Set(false)
		require.Equal(t, 101, runs)
	}
	x.Set(-1)
	require.Equal(t, 102, runs)
}

func TestEffect_ThoseThatFeedEachOtherAreReportedWithWhatIsBetween(t *testing.T) {
	o := app(t)
	x, y := state.NewValue(o, 0, state.Name("x")), state.NewValue(o, 0, state.Name("y"))
	other := state.NewValue(o, 0, state.Name("other"))
	state.NewEffect(o, func(use *state.Use, run *tether.Owner) {
		if v := x.Use(use); v > 0 {
			y.Set(v)
		}
	}, state.Name("a"))
	state.NewEffect(o, func(use *state.Use, run *tether.Owner) {
		if v := y.Use(use); v > 0 {
			x.Set(v + 1)
		}
	}, state.Name("b"))
	err, _ := panicOf(func() { x.Set(1) }).(*state.FeedbackError)
	require.NotNil(t, err)
	require.Equal(t, []string{"a", "y", "b", "x", "a"}, err.Names)
	other.Set(1) // whose name is in no later trace
	y.Set(0)
	x.Set(0)
	err, _ = panicOf(func() { y.Set(1) }).(*state.FeedbackError)
	require.NotNil(t, err)
	require.NotContains(t, err.Names, "other")
}

func TestEffect_WaitsForWhatTheRunBeforeHasMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := app(t)
		x := state.NewValue(o, 1)
		hold := make(chan struct{})
		var seen []int
		state.NewEffect(o, func(use *state.Use, run *tether.Owner) {
			if seen = append(seen, x.Use(use)); len(seen) == 1 {
				run.GoErr(func(context.Context) error { <-hold; return nil })
			}
		})
		var s tether.Signal[int]
		s.Connect(o, func(v int) { x.Set(v) }) // in a handler, nothing may wait
		s.Fire(2)
		s.Fire(3)
		synctest.Wait()
		require.Equal(t, []int{1}, seen)
		close(hold)
		synctest.Wait()
		require.Equal(t, []int{1, 3}, seen)
		x.Set(4)
		require.Equal(t, []int{1, 3, 4}, seen)
	})
}

func TestEffect_OneWhoseOwnerEndsWhileItWaitsDoesNotRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := app(t)
		mine := o.NewChild("mine")
		x := state.NewValue(o, 1)
		hold := make(chan struct{})
		runs := 0
		state.NewEffect(mine, func(use *state.Use, run *tether.Owner) {
			runs++
			x.Use(use)
			run.GoErr(func(context.Context) error { <-hold; return nil })
		})
		var s tether.Signal[int]
		s.Connect(o, func(v int) { x.Set(v) })
		s.Fire(2)
		go mine.Destroy()
		synctest.Wait()
		close(hold)
		<-mine.Ended()
		x.Set(3)
		require.Equal(t, 1, runs)
	})
}

func TestEffect_OneThatPanicsRunsAgainAfterTheNextChange(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 1)
	runs, others := 0, 0
	effect := func() {
		state.NewEffect(o, func(use *state.Use, run *tether.Owner) {
			runs++
			if v := x.Use(use); v < 3 {
				panic(v)
			}
		})
	}
	require.Equal(t, 1, panicOf(effect))
	state.NewEffect(o, func(use *state.Use, run *tether.Owner) { others += x.Use(use) })
	require.Equal(t, 2, panicOf(func() { x.Set(2) }))
	require.Nil(t, panicOf(func() { x.Set(3) }))
	require.Equal(t, []int{3, 6}, []int{runs, others})

	var reports []any
	quiet := tether.NewOwner("quiet", tether.WithPanicHandler(func(p *tether.PanicError) { reports = append(reports, p.Value) }))
	defer quiet.Destroy()
	state.NewEffect(quiet, func(use *state.Use, run *tether.Owner) { panic(x.Use(use)) })
	x.Set(4)
	require.Equal(t, []any{3, 4}, reports)
}

func TestEffect_ASetFromAnotherGoroutineWhileItRunsHasItRunAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := app(t)
		x := state.NewValue(o, 1)
		hold, seen := make(chan struct{}, 1), []int(nil)
		hold <- struct{}{}
		state.NewEffect(o, func(use *state.Use, run *tether.Owner) {
			v := x.Use(use)
			<-hold
			require.Equal(t, x.Get(), x.Use(use), "an effect is not unwound, and may see two moments")
			seen = append(seen, v)
		})
		go x.Set(2)
		synctest.Wait()
		x.Set(3) // leaves it to that goroutine
		require.Equal(t, []int{1}, seen)
		hold <- struct{}{}
		synctest.Wait()
		require.Equal(t, []int{1, 2}, seen)
		hold <- struct{}{}
		synctest.Wait()
		require.Equal(t, []int{1, 2, 3}, seen)
	})
}

func TestEffect_ASetInsideAComputingFunctionBelowItPanics(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 1)
	c := state.NewComputed(o, func(use *state.Use) int { x.Set(2); return 0 })
	require.Equal(t, "state: Set inside a computing function", panicOf(func() {
		state.NewEffect(o, func(use *state.Use, run *tether.Owner) { c.Use(use) })
	}))
	require.Equal(t, 1, x.Get())
}

func TestEffect_OfADeadOwnerNeverRuns(t *testing.T) {
	o := tether.NewOwner("o")
	require.NoError(t, o.Destroy())
	state.NewEffect(o, func(use *state.Use, run *tether.Owner) { t.Error("it runs") })
}

func TestEffect_RefusesWhatItHasNoUseFor(t *testing.T) {
	o := app(t)
	require.Equal(t, "state: NewEffect with nil function", panicOf(func() { state.NewEffect(o, nil) }))
	require.Equal(t, "state: NewEffect with Equal", panicOf(func() {
		state.NewEffect(o, func(*state.Use, *tether.Owner) {}, state.Equal(func(a, b int) bool { return true }))
	}))
	require.Equal(t, tether.Stats{Owners: 1}, o.Stats())
}

func TestComputedIn_WhatAFunctionMakesEndsBeforeTheNextCall(t *testing.T) {
	o := tether.NewOwner("o")
	x := state.NewValue(o, 1)
	var scopes []*tether.Owner
	c := state.NewComputedIn(o, func(use *state.Use, scope *tether.Owner) *state.Value[int] {
		for _, before := range scopes {
			require.False(t, before.Alive())
		}
		scopes = append(scopes, scope)
		tether.Own(scope, closing{})
		return state.NewValue(scope, x.Use(use))
	})
	first := c.Get()
	first.Set(10)
	require.Equal(t, 10, first.Get())
	x.Set(2)
	require.True(t, scopes[0].Alive(), "nobody has asked yet")
	second := c.Get()
	require.Equal(t, 2, second.Get())
	require.Len(t, scopes, 2)
	require.Equal(t, "computed", scopes[1].Name())
	first.Set(11)
	require.Equal(t, 10, first.Get())
	require.Error(t, o.Destroy())
	require.False(t, scopes[1].Alive())
	require.Equal(t, "state: NewComputedIn with nil function", panicOf(func() { state.NewComputedIn[int](app(t), nil) }))
	require.Equal(t, "state: NewComputedIn with nil Owner", panicOf(func() {
		state.NewComputedIn(nil, func(*state.Use, *tether.Owner) int { return 1 })
	}))
}

// A closing is a closer that fails.
type closing struct{}

func (closing) Close() error { return errors.New("closing") }

// The function was not called for that change, and as its run had used nothing, for none after
// it either.
func TestEffect_ACleanupThatPanicsDoesNotEndIt(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 0)
	var got []int
	state.NewEffect(o, func(use *state.Use, run *tether.Owner) {
		v := x.Use(use)
		got = append(got, v)
		run.Defer(func() {
			if v == 1 {
				panic("boom")
			}
		})
	})
	x.Set(1)
	require.Equal(t, "boom", panicOf(func() { x.Set(2) }))
	x.Set(3)
	require.Equal(t, []int{0, 1, 2, 3}, got)
}

// Here the function has to wait besides, as what it has made has not ended.
func TestEffect_AnInterruptThatPanicsDoesNotEndIt(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 0)
	got := make(chan int, 10)
	gate := make(chan bool)
	state.NewEffect(o, func(use *state.Use, run *tether.Owner) {
		v := x.Use(use)
		got <- v
		if v == 1 {
			run.Go(func(context.Context) { <-gate })
			run.Interrupt(func() { panic("boom") })
		}
	})
	x.Set(1)
	require.Equal(t, "boom", panicOf(func() { x.Set(2) }))
	close(gate)
	for v := range 3 {
		require.Equal(t, v, <-got)
	}
	x.Set(3)
	require.Equal(t, 3, <-got)
}

// A computed value as the effect above.
func TestComputedIn_ACleanupThatPanicsDoesNotKeepItFromChanging(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 1)
	c := state.NewComputedIn(o, func(use *state.Use, scope *tether.Owner) int {
		v := x.Use(use)
		scope.Defer(func() {
			if v == 1 {
				panic("boom")
			}
		})
		return v
	})
	got := log(o, c.Changes())
	require.Equal(t, "boom", panicOf(func() { x.Set(2) }))
	x.Set(3)
	require.Equal(t, []state.Change[int]{{Old: 1, New: 3}}, *got)
}
