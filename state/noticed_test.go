package state_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

// A Get that tries again what has failed changes what others have made of the failure.
func TestGet_ThatTriesAgainIsAChangeForAllThatUseTheValue(t *testing.T) {
	o := app(t)
	fail := true
	x := state.NewValue(o, 1)
	c := state.NewComputed(o, func(use *state.Use) int {
		v := x.Use(use)
		if fail {
			panic("fail")
		}
		return v
	})
	between := state.NewComputed(o, func(use *state.Use) int { return c.Use(use) + 1 })
	boundary := state.NewComputed(o, func(use *state.Use) (v int) {
		defer func() {
			if recover() != nil {
				v = -1
			}
		}()
		return between.Use(use)
	})
	require.Equal(t, -1, boundary.Get())
	require.Equal(t, "fail", panicOf(func() { c.Get() }))
	fail = false
	require.Equal(t, 1, c.Get())
	require.Equal(t, 2, boundary.Get())

	var told []state.Change[int]
	c.Changes().Connect(o, func(change state.Change[int]) { told = append(told, change) })
	fail = true
	require.Equal(t, "fail", panicOf(func() { x.Set(2) }))
	require.Empty(t, told)
	fail = false
	require.Equal(t, 3, between.Get())
	require.Equal(t, []state.Change[int]{{Old: 1, New: 2}}, told, "who watches it is told")
	require.Equal(t, 3, boundary.Get())
}

// The handlers that a Set calls before it runs an effect have returned by then.
func TestEffect_MayDestroyTheOwnerOfAHandlerThatWasToldBeforeIt(t *testing.T) {
	o := app(t)
	other := o.NewChild("other")
	v := state.NewValue(o, 0)
	told := 0
	v.Changes().Connect(other, func(state.Change[int]) { told++ })
	var ended []bool
	state.NewEffect(o, func(use *state.Use, _ *tether.Owner) {
		if v.Use(use) == 1 {
			_ = other.Destroy()
			select {
			case <-other.Ended():
				ended = append(ended, true)
			default:
				ended = append(ended, false)
			}
		}
	})
	v.Set(1)
	require.Equal(t, 1, told)
	require.Equal(t, []bool{true}, ended)
}

func TestResource_AReloadIsToldAndDropsWhatTheLoadBeforeStillBrings(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := app(t)
		var loads []chan string
		r := state.NewResource(o, func(context.Context) (string, error) { // it does not look at its context
			result := make(chan string)
			loads = append(loads, result)
			return <-result, nil
		})
		synctest.Wait()
		var told []state.Loaded[string]
		r.Changes().Connect(o, func(c state.Change[state.Loaded[string]]) { told = append(told, c.New) })
		bring := func(load int, v string) {
			loads[load] <- v
			synctest.Wait()
		}
		r.Reload()
		synctest.Wait()
		bring(1, "second")
		bring(0, "first")
		r.Reload()
		synctest.Wait()
		bring(2, "third")
		require.Equal(t, []state.Loaded[string]{
			{Loading: true}, {Value: "second"}, {Loading: true, Value: "second"}, {Value: "third"},
		}, told)
	})
}

func TestConstructors_NameTheCallThatRefuses(t *testing.T) {
	o, zero := app(t), new(tether.Owner)
	var src tether.Signal[tether.Tick]
	v := state.NewValue(o, 1)
	list := state.NewValue(o, []int{1})
	load := func(context.Context) (int, error) { return 1, nil }
	for want, f := range map[string]func(){
		"state: NewResourceOf with nil Owner": func() {
			state.NewResourceOf(zero, v, func(context.Context, int) (int, error) { return 1, nil })
		},
		"state: NewResource with nil Owner": func() { state.NewResource(zero, load) },
		"state: NewSpringTo with nil Readable": func() {
			state.NewSpringTo[float64](o, &src, nil, state.SpringConfig{Frequency: 1, Damping: 1})
		},
		"state: ForEachBy with nil key function": func() {
			state.ForEachBy(o, list, (func(int) int)(nil), func(_ *state.Use, _ *tether.Owner, _, _ int) int { return 1 })
		},
	} {
		require.Equal(t, want, panicOf(f))
	}
}

// Beyond ten thousand functions, one inside the other, the next ones run on another goroutine.
func TestDeep_TheOwnersOfAChainOnTwoGoroutinesAreLeft(t *testing.T) {
	o := app(t)
	deep := o.NewChild("deep")
	v := state.NewValue(o, 0)
	last := state.Readable[int](v)
	for i := range 20_100 {
		owner := deep
		if i >= 10_100 {
			owner = o
		}
		l := last
		last = state.NewComputed(owner, func(use *state.Use) int { return l.Use(use) + 1 })
	}
	require.Equal(t, 20_100, last.Get())
	require.NoError(t, deep.Destroy())
}
