package state_test

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

func TestMisuse_IsRefusedByNameBeforeAnythingChanges(t *testing.T) {
	o, zero := app(t), new(tether.Owner)
	x, words := state.NewValue(o, 1), state.NewValue(o, map[string]int{})
	var src tether.Signal[tether.Tick]
	load := func(context.Context) (int, error) { return 1, nil }
	item := func(*state.Use, *tether.Owner, string, int) int { return 1 }
	get, set := func(v int) int { return v }, func(v, p int) int { return p }
	same := state.Equal(func(a, b int) bool { return true })
	tween := state.NewTween(o, &src, 0.0, 1, time.Second, state.Linear)
	config := state.SpringConfig{Frequency: 1, Damping: 1}
	before := o.Stats()
	for want, f := range map[string]func(){
		"state: UpdateIn with nil function":      func() { x.UpdateIn(new(state.Batch), nil) },
		"state: Update with nil function":        func() { x.Update(nil) },
		"state: SetIn with nil Batch":            func() { x.SetIn(nil, 1) },
		"state: ForEach with nil Owner":          func() { state.ForEach(zero, words, item) },
		"state: ForEach with nil Readable":       func() { state.ForEach[string, int, int](o, (*state.Value[map[string]int])(nil), item) },
		"state: ForEach with nil function":       func() { state.ForEach[string, int, int](o, words, nil) },
		"state: ReadOnly with nil Readable":      func() { state.ReadOnly[int]((*state.Value[int])(nil)) },
		"state: NewLens with nil Value":          func() { state.NewLens[int, int](o, nil, get, set) },
		"state: NewLens with nil function":       func() { state.NewLens(o, x, get, nil) },
		"state: NewLens with nil Owner":          func() { state.NewLens(zero, x, get, set) },
		"state: NewResource with nil Owner":      func() { state.NewResource(zero, load) },
		"state: NewResource with nil function":   func() { state.NewResource[int](o, nil) },
		"state: NewResourceOf with nil function": func() { state.NewResourceOf[int, int](o, x, nil) },
		"state: NewResourceOf with nil Readable": func() {
			state.NewResourceOf(o, (*state.Value[int])(nil), func(context.Context, int) (int, error) { return 1, nil })
		},
		"state: NewResource with Equal":            func() { state.NewResource(o, load, same) },
		"state: NewSpringTo with nil Owner":        func() { state.NewSpringTo(zero, &src, state.NewValue(o, 1.0), config) },
		"state: Delay of -1ns":                     func() { state.Delay(-1) },
		"state: Equal with nil function":           func() { state.Equal[int](nil) },
		"state: NewValue with nil option":          func() { state.NewValue(o, 1, nil) },
		"state: NewValue with an option of tweens": func() { state.NewValue(o, 1, state.Delay(1)) },
		"state: Retarget with NaN":                 func() { tween.Retarget(math.NaN(), 1) },
		"state: Retarget with duration 0s":         func() { tween.Retarget(1, 0) },
	} {
		require.Equal(t, want, panicOf(f))
	}
	require.Equal(t, "state: NewLens with nil function", panicOf(func() { state.NewLens(o, x, nil, set) }))
	after := o.Stats()
	require.LessOrEqual(t, after.Connections-before.Connections, 1, "but for what it was called with")
	require.Equal(t, before.Owners, after.Owners)
	state.Delay(0)
}

// A function that waits for a value can't use another one: that is another goroutine with the
// same Use, or another function.
func TestUse_IsForOneFunctionAndOneGoroutineAtATime(t *testing.T) {
	const refusal = "state: Use while its function waits for another value: a Use is for one function, and for one goroutine at a time"
	o := app(t)
	x := state.NewValue(o, 1)
	begun, done := make(chan bool), make(chan bool)
	slow := state.NewComputed(o, func(*state.Use) int { close(begun); <-done; return 10 })
	var refused, peeked any
	c := state.NewComputed(o, func(use *state.Use) int {
		got := make(chan int)
		go func() { got <- slow.Use(use) }()
		<-begun
		refused = panicOf(func() { x.Use(use) })
		peeked = panicOf(func() { x.Peek(use) })
		close(done)
		return <-got + x.Use(use)
	})
	require.Equal(t, 11, c.Get())
	require.Equal(t, []any{refusal, refusal}, []any{refused, peeked})

	outer := state.NewComputedIn(o, func(use *state.Use, scope *tether.Owner) int {
		inner := state.NewComputed(scope, func(*state.Use) int { return x.Use(use) }) // use is not inner's
		return inner.Use(use)
	})
	require.Equal(t, refusal, panicOf(func() { outer.Get() }))
}

// A Reload that a function's own Use depends on would overtake that function without end. What
// is made inside may load.
func TestResource_ReloadInsideAComputingFunctionIsRefused(t *testing.T) {
	o := app(t)
	load := func(context.Context) (int, error) { return 7, nil }
	r := state.NewResource(o, load)
	c := state.NewComputed(o, func(use *state.Use) any {
		defer r.Use(use)
		return panicOf(r.Reload)
	})
	require.Equal(t, "state: Reload inside a computing function", c.Get())
	inside := state.NewComputedIn(o, func(_ *state.Use, scope *tether.Owner) *state.Resource[int] {
		return state.NewResource(scope, load)
	})
	inside.Get()
}

// A SetPosition that a function's own Use depends on would overtake it, as a Set would. What is
// made inside may move.
func TestMotion_WhatSetsItInsideAComputingFunctionIsRefused(t *testing.T) {
	o := app(t)
	var src tether.Signal[tether.Tick]
	config := state.SpringConfig{Frequency: 1, Damping: 1}
	s, w := state.NewSpring(o, &src, 0, config), state.NewTween(o, &src, 0, 1, time.Second, state.Linear)
	for verb, do := range map[string]func(){
		"SetTarget":   func() { s.SetTarget(1) },
		"Impulse":     func() { s.Impulse(1) },
		"SetVelocity": func() { s.SetVelocity(1) },
		"SetPosition": func() { s.SetPosition(1) },
		"Retarget":    func() { w.Retarget(5, time.Second) },
	} {
		c := state.NewComputed(o, func(use *state.Use) any {
			defer s.Use(use)
			defer w.Use(use)
			return panicOf(do)
		})
		require.Equal(t, "state: "+verb+" inside a computing function", c.Get())
	}
	require.Equal(t, []float64{0, 0, 0}, []float64{s.Get(), s.Target(), s.Velocity()})
	require.True(t, s.Asleep())
	frames(&src, 1, time.Second)
	require.Equal(t, 1.0, w.Get())

	x := state.NewValue(o, 0.0)
	inside := state.NewComputedIn(o, func(_ *state.Use, scope *tether.Owner) *state.Spring {
		state.NewTween(scope, &src, 0, 1, time.Second, state.Linear)
		return state.NewSpringTo(scope, &src, x, config)
	})
	spring := inside.Get()
	x.Set(1)
	require.Equal(t, 1.0, spring.Target())
	require.Equal(t, 2, src.Len())
}

// What is compared by == is so whatever it is made of, and what holds something that can't be
// compared differs, and is no panic.
func TestEqual_GoesByWhatAValueIsMadeOf(t *testing.T) {
	o := app(t)
	type pair struct{ a, b int32 }
	type holder struct {
		n int
		v any
	}
	one := 1
	count(t, o, 1, pair{1, 2}, pair{1, 2}, pair{2, 2})
	count(t, o, 1, [2]string{"a", "b"}, [2]string{"a", "b"}, [2]string{"a", "c"})
	count(t, o, 1, struct{ p *int }{&one}, struct{ p *int }{&one}, struct{ p *int }{})
	count(t, o, 1, holder{1, 2}, holder{1, 2}, holder{1, "x"})
	count(t, o, 2, holder{1, []int{1}}, holder{1, []int{1}}, holder{1, 2})
	count(t, o, 2, [1]any{[]int{1}}, [1]any{[]int{1}}, [1]any{1})
	count(t, o, 2, struct{ h holder }{holder{1, []int{1}}}, struct{ h holder }{holder{1, []int{1}}}, struct{ h holder }{})
	count(t, o, 2, []int{1}, []int{1}, []int{2})
	count(t, o, 2, math.NaN(), math.NaN(), 1)
	count(t, o, 0, 0, math.Copysign(0, -1), 0)
}

// count counts the changes when a value is set to v, w and w2.
func count[T any](t *testing.T, o *tether.Owner, want int, v, w, w2 T) {
	t.Helper()
	x := state.NewValue(o, v)
	got := 0
	x.Changes().Connect(o, func(state.Change[T]) { got++ })
	x.Set(w)
	x.Set(w2)
	require.Equal(t, want, got, "%T", v)
}

func TestReadOnly_IsBoundAsWhatItStandsFor(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 0)
	var got []int
	x.Changes().Once(o, func(c state.Change[int]) {
		x.Set(2) // delivered when this has returned
		state.Bind(o, state.ReadOnly[int](x), func(v int) { got = append(got, v) })
	})
	x.Changes().Connect(o, func(state.Change[int]) {})
	x.Set(1)
	x.Set(3)
	require.Equal(t, []int{2, 3}, got)

	got = nil
	r := &foreign{v: 1}
	state.Bind(o, state.ReadOnly[int](r), func(v int) { got = append(got, v) })
	r.set(5)
	require.Equal(t, []int{1, 5}, got)
}

// A panic handler that panics leaves the run without a result, and everything as it was.
func TestComputed_APanicHandlerThatPanicsIsThatPanic(t *testing.T) {
	fails := true
	o := tether.NewOwner("o", tether.WithPanicHandler(func(p *tether.PanicError) { panic("handler") }))
	defer o.Destroy()
	x := state.NewValue(o, 1)
	inner := state.NewComputed(o, func(use *state.Use) int {
		if fails {
			panic("inner")
		}
		return x.Use(use)
	})
	other := app(t)
	c := state.NewComputed(other, func(use *state.Use) int { return inner.Use(use) })
	for range 2 {
		require.NotNil(t, panicOf(func() { inner.Get() }))
		require.NotNil(t, panicOf(func() { c.Get() }))
	}
	fails = false
	require.Equal(t, 1, c.Get())
	require.Equal(t, 1, inner.Get())
	x.Set(2) // nothing is being computed any more
	require.Equal(t, 2, c.Get())
}

func TestGet_ACycleByWayOfItInsideAFunctionIsReported(t *testing.T) {
	o := app(t)
	var a, b, c *state.Computed[int]
	a = state.NewComputed(o, func(use *state.Use) int { return b.Get() }, state.Name("a")) // not Use
	b = state.NewComputed(o, func(use *state.Use) int { return c.Use(use) }, state.Name("b"))
	c = state.NewComputed(o, func(use *state.Use) int { return a.Use(use) }, state.Name("c"))
	err, _ := panicOf(func() { a.Get() }).(*state.CycleError)
	require.NotNil(t, err)
	require.Equal(t, []string{"a", "b", "c", "a"}, err.Names)
	state.NewEffect(o, func(use *state.Use, run *tether.Owner) {
		err, _ := panicOf(func() { b.Use(use) }).(*state.CycleError)
		require.NotNil(t, err)
		require.Equal(t, []string{"b", "c", "a", "b"}, err.Names)
	})
}

// With another goroutine in a function, it can't be told whether that is on the way. So it is no
// cycle, and nobody's result.
func TestGet_ACycleByWayOfItIsOnlyAWaitWhileOthersCompute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := app(t)
		hold := make(chan struct{})
		slow := state.NewComputed(o, func(use *state.Use) int { <-hold; return 5 })
		closed := true
		var a, b *state.Computed[int]
		a = state.NewComputed(o, func(use *state.Use) int { return b.Get() }, state.Name("a")) // not Use
		b = state.NewComputed(o, func(use *state.Use) int {
			if closed {
				return a.Use(use)
			}
			return 1
		}, state.Name("b"))
		go slow.Get()
		synctest.Wait()
		require.Equal(t, "state: Get inside a computing function has to wait for a; read with Use there", panicOf(func() { a.Get() }))
		closed = false
		require.Equal(t, 1, a.Get())
		close(hold)
	})
}
