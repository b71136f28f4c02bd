package state_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

// A peekable is what all that is reactive in this package can do.
type peekable[T any] interface {
	state.Readable[T]
	Peek(use *state.Use) T
}

// followed compares four ways to read r, which is first at first and last when change has returned.
func followed[T any](t *testing.T, r peekable[T], first, last T, change func()) {
	t.Helper()
	o := app(t)
	runs := 0
	used := state.NewComputed(o, func(use *state.Use) T { return r.Use(use) })
	peeked := state.NewComputed(o, func(use *state.Use) T { runs++; return r.Peek(use) })
	var bound []T
	state.Bind(o, state.Readable[T](r), func(v T) { bound = append(bound, v) })
	require.Equal(t, []T{first, first, first}, []T{r.Get(), used.Get(), peeked.Get()})
	require.Equal(t, []T{first}, bound)
	change()
	require.Equal(t, []T{last, last, first}, []T{r.Get(), used.Get(), peeked.Get()})
	require.Equal(t, 1, runs)
	require.Equal(t, last, bound[len(bound)-1])
	for i := 1; i < len(bound); i++ {
		require.NotEqual(t, bound[i-1], bound[i], "Bind tells nothing twice")
	}
}

func TestReadable_WhateverItIsItCanBeUsedPeekedAndBound(t *testing.T) {
	o := app(t)
	var ticks tether.Signal[tether.Tick]
	tick := func(d time.Duration) { ticks.Fire(tether.Tick{Delta: d}) }

	v := state.NewValue(o, 1)
	followed(t, v, 1, 2, func() { v.Set(2) })
	double := state.NewComputed(o, func(use *state.Use) int { return 2 * v.Use(use) })
	followed(t, double, 4, 6, func() { v.Set(3) })

	type point struct{ x, y int }
	p := state.NewValue(o, point{1, 2})
	y := state.NewLens(o, p, func(p point) int { return p.y }, func(p point, y int) point { p.y = y; return p })
	followed(t, y, 2, 5, func() { y.Set(5); p.Update(func(p point) point { p.x = 9; return p }) })
	require.Equal(t, point{9, 5}, p.Get())

	tween := state.NewTween(o, &ticks, 0, 8, 2*time.Second, state.Linear)
	followed(t, tween, 0, 8, func() { tick(time.Second); tick(time.Second) })
	spring := state.NewSpring(o, &ticks, 1, state.SpringConfig{Frequency: 1, Damping: 1})
	followed(t, spring, 1, 3, func() {
		spring.SetTarget(3)
		for range 100 {
			tick(time.Second)
		}
	})

	loads := make(chan string)
	res := state.NewResource(o, func(ctx context.Context) (string, error) {
		select {
		case s := <-loads:
			return s, nil
		case <-ctx.Done():
			return "", ctx.Err()
		}
	})
	followed(t, res, state.Loaded[string]{Loading: true}, state.Loaded[string]{Value: "a"}, func() {
		done := make(chan struct{})
		res.Changes().Connect(o, func(state.Change[state.Loaded[string]]) { close(done) })
		loads <- "a"
		<-done
	})
}

// Values are kept in different ways, and compared in different ways, as their type has it.
func TestValue_OfAnyTypeKeepsWhatItIsGiven(t *testing.T) {
	o := app(t)
	keeps(t, o, [2]int16{1, 2}, [2]int16{3, 4}) // small, without pointers
	keeps(t, o, [1]*int{nil}, [1]*int{new(int)})
	keeps(t, o, struct{ a [2]string }{[2]string{"a", "b"}}, struct{ a [2]string }{[2]string{"a", "c"}})
	keeps(t, o, any(1), any("b"))
	keeps(t, o, []int{1}, []int{2}) // not comparable
	keeps(t, o, map[string]int{"a": 1}, nil)
	keeps(t, o, struct{ f []int }{[]int{1}}, struct{ f []int }{nil})
	keeps(t, o, fmt.Errorf("a"), nil)
	keeps(t, o, [0]int{}, [0]int{})
}

func keeps[T any](t *testing.T, o *tether.Owner, a, b T) {
	t.Helper()
	v := state.NewValue(o, a)
	c := state.NewComputed(o, func(use *state.Use) T { return v.Use(use) })
	require.Equal(t, []T{a, a}, []T{v.Get(), c.Get()})
	v.Set(b)
	require.Equal(t, []T{b, b}, []T{v.Get(), c.Get()})
}
