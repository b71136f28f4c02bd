package state_test

import (
	"math"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

func TestValue_ASetTellsOldAndNew(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 1)
	got := log(o, x.Changes())
	x.Set(2)
	x.Set(3)
	x.Update(func(v int) int { return v * 10 })
	require.Equal(t, 30, x.Get())
	require.Equal(t, []state.Change[int]{{Old: 1, New: 2}, {Old: 2, New: 3}, {Old: 3, New: 30}}, *got)
}

func TestValue_AnEqualOneIsNoChange(t *testing.T) {
	o := app(t)
	type pair struct {
		a int
		b any
	}
	for name, tell := range map[string]func() int{
		"int": func() int {
			x := state.NewValue(o, 1)
			got := log(o, x.Changes())
			x.Set(1)
			return len(*got)
		},
		"in an interface": func() int {
			x := state.NewValue(o, pair{1, "one"})
			got := log(o, x.Changes())
			x.Set(pair{1, "one"})
			return len(*got)
		},
		"slice, with Equal": func() int {
			x := state.NewValue(o, []int{1}, state.Equal(func(a, b []int) bool { return len(a) == len(b) }))
			got := log(o, x.Changes())
			x.Set([]int{2})
			return len(*got)
		},
	} {
		require.Zero(t, tell(), name)
	}
}

func TestValue_WhatCannotBeComparedIsAlwaysDifferent(t *testing.T) {
	o := app(t)
	slice := state.NewValue(o, []int{1})
	got := log(o, slice.Changes())
	slice.Set(slice.Get())
	require.Len(t, *got, 1)

	var holds any = []int{1}
	boxed := state.NewValue(o, holds)
	gotBoxed := log(o, boxed.Changes())
	boxed.Set(holds)
	boxed.Set(nil)
	boxed.Set(nil)
	require.Len(t, *gotBoxed, 2)

	array := state.NewValue(o, [1]any{func() {}})
	gotArray := log(o, array.Changes())
	array.Set(array.Get())
	require.Len(t, *gotArray, 1)

	nan := state.NewValue(o, math.NaN())
	gotNaN := log(o, nan.Changes())
	nan.Set(math.NaN())
	require.Len(t, *gotNaN, 1)
}

func TestValue_ASetInsideAHandlerIsDeliveredAfterIt(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 0)
	var order []string
	x.Changes().Connect(o, func(c state.Change[int]) {
		order = append(order, "first in")
		if c.New < 2 {
			x.Set(c.New + 1)
		}
		order = append(order, "first out")
	})
	got := log(o, x.Changes())
	x.Set(1)
	require.Equal(t, []string{"first in", "first out", "first in", "first out"}, order)
	require.Equal(t, []state.Change[int]{{Old: 0, New: 1}, {Old: 1, New: 2}}, *got)
}

func TestValue_APanicOfAHandlerLosesNoChange(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 0)
	double := state.NewComputed(o, func(use *state.Use) int { return 2 * x.Use(use) })
	x.Changes().Connect(o, func(c state.Change[int]) {
		if c.New == 1 {
			x.Set(2)
			panic("first")
		}
	})
	got, doubled := log(o, x.Changes()), log(o, double.Changes())
	require.Equal(t, "first", panicOf(func() { x.Set(1) }))
	require.Equal(t, []state.Change[int]{{Old: 0, New: 1}, {Old: 1, New: 2}}, *got)
	require.Equal(t, []state.Change[int]{{Old: 0, New: 4}}, *doubled)
	x.Set(3)
	require.Len(t, *got, 3)
}

func TestValue_AGoexitOfAHandlerLosesNoChange(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 0)
	x.Changes().Connect(o, func(c state.Change[int]) {
		if c.New == 1 {
			x.Set(2)
			runtime.Goexit()
		}
	})
	got := log(o, x.Changes())
	done := make(chan struct{})
	go func() {
		defer close(done)
		x.Set(1)
	}()
	<-done
	x.Set(3)
	require.Equal(t, []state.Change[int]{{Old: 0, New: 1}, {Old: 1, New: 2}, {Old: 2, New: 3}}, *got)
}

func TestValue_OfADeadOwnerStaysWhatItIs(t *testing.T) {
	o := tether.NewOwner("app")
	x := state.NewValue(o, 1)
	living := app(t)
	c, n := counted(living, func(use *state.Use) int { return x.Use(use) })
	require.Equal(t, 1, c.Get())
	o.Destroy()
	x.Set(2)
	require.Equal(t, 1, x.Get())
	require.Equal(t, 1, c.Get())
	require.Equal(t, 1, *n)
	require.False(t, x.Changes().Connect(living, func(state.Change[int]) {}).Connected())
}

func TestBatch_IsOneChange(t *testing.T) {
	o := app(t)
	x, y := state.NewValue(o, 1), state.NewValue(o, 2)
	sum, n := counted(o, func(use *state.Use) int { return x.Use(use) + y.Use(use) })
	gotX, got := log(o, x.Changes()), log(o, sum.Changes())
	var b state.Batch
	x.SetIn(&b, 7)
	y.SetIn(&b, 20)
	x.SetIn(&b, 10)
	require.Equal(t, 1, x.Get(), "not before Commit")
	b.Commit()
	b.Commit() // empty
	require.Equal(t, []state.Change[int]{{Old: 1, New: 10}}, *gotX)
	require.Equal(t, []state.Change[int]{{Old: 3, New: 30}}, *got)
	require.Equal(t, 2, *n)

	x.SetIn(&b, 20) // the sum stays equal
	y.SetIn(&b, 10)
	b.Commit()
	require.Len(t, *got, 1)
}

func TestMisuse_PanicsAtTheCall(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 1)
	var src tether.Signal[tether.Tick]
	config := state.SpringConfig{Frequency: 1, Damping: 1}
	for want, f := range map[string]func(){
		"state: NewValue with nil Owner":       func() { state.NewValue(nil, 1) },
		"state: NewValue with nil option":      func() { state.NewValue(o, 1, nil) },
		"state: NewComputed with nil Owner":    func() { state.NewComputed(nil, func(*state.Use) int { return 1 }) },
		"state: NewComputed with nil function": func() { state.NewComputed[int](o, nil) },
		"state: Equal with nil function":       func() { state.Equal[int](nil) },
		"state: Update with nil function":      func() { x.Update(nil) },
		"state: SetIn with nil Batch":          func() { x.SetIn(nil, 1) },
		"state: Value.Use with nil Use":        func() { x.Use(nil) },
		"state: NewSpring with nil Owner":      func() { state.NewSpring(nil, &src, 0, config) },
		"state: NewSpring with nil Source":     func() { state.NewSpring(o, nil, 0, config) },
		"state: NewSpring with Frequency 0":    func() { state.NewSpring(o, &src, 0, state.SpringConfig{}) },
		"state: NewSpring with Damping NaN":    func() { state.NewSpring(o, &src, 0, state.SpringConfig{Frequency: 1, Damping: math.NaN()}) },
		"state: NewSpring with Rest -1":        func() { state.NewSpring(o, &src, 0, state.SpringConfig{Frequency: 1, Rest: -1}) },
		"state: NewSpring with +Inf":           func() { state.NewSpring(o, &src, math.Inf(1), config) },
		"state: SetTarget with NaN":            func() { state.NewSpring(o, &src, 0, config).SetTarget(math.NaN()) },
		"state: Impulse with NaN":              func() { state.NewSpring(o, &src, 0, config).Impulse(math.NaN()) },
		"state: NewTween with nil Owner":       func() { state.NewTween(nil, &src, 0, 1, 1, state.Linear) },
		"state: NewTween with nil Source":      func() { state.NewTween(o, nil, 0, 1, 1, state.Linear) },
		"state: NewTween with duration 0s":     func() { state.NewTween(o, &src, 0, 1, 0, state.Linear) },
		"state: NewTween with nil Easing":      func() { state.NewTween(o, &src, 0, 1, 1, nil) },
		"state: NewTween with NaN":             func() { state.NewTween(o, &src, math.NaN(), 1, 1, state.Linear) },
		"state: NewValue of int with Equal for another type, func(string, string) bool": func() {
			state.NewValue(o, 1, state.Equal(func(a, b string) bool { return a == b }))
		},
	} {
		require.Equal(t, want, panicOf(f))
	}
	require.Zero(t, src.Len())
}
