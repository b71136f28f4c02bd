package state_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

func TestForEach_HasAnOwnerForEachKeyAndComputesOnlyWhatHasChanged(t *testing.T) {
	o := tether.NewOwner("o")
	src := state.NewValue(o, map[string]int{"a": 1, "b": 2})
	factor := state.NewValue(o, 10)
	var log []string
	all := state.ForEach(o, src, func(use *state.Use, item *tether.Owner, key string, v int) string {
		log = append(log, fmt.Sprint(key, v))
		if v == 1 {
			item.Defer(func() { log = append(log, "end "+item.Path()) })
		}
		return fmt.Sprint(v * factor.Use(use))
	})
	sorted := func() []string { s := slices.Sorted(slices.Values(log)); log = nil; return s }
	require.Equal(t, map[string]string{"a": "10", "b": "20"}, all.Get())
	require.Equal(t, []string{"a1", "b2"}, sorted())
	src.Set(map[string]int{"a": 1, "b": 3, "c": 4})
	require.Equal(t, map[string]string{"a": "10", "b": "30", "c": "40"}, all.Get())
	require.Equal(t, []string{"b3", "c4"}, sorted())
	src.Set(map[string]int{"b": 3, "c": 4})
	require.Equal(t, []string{"end o/a"}, sorted(), "at once")
	require.Equal(t, map[string]string{"b": "30", "c": "40"}, all.Get())
	require.Empty(t, log)
	factor.Set(100)
	require.Equal(t, map[string]string{"b": "300", "c": "400"}, all.Get())
	require.Equal(t, []string{"b3", "c4"}, sorted())
	src.Set(map[string]int{"a": 1, "c": 4})
	require.Equal(t, map[string]string{"a": "100", "c": "400"}, all.Get())
	require.Equal(t, []string{"a1"}, sorted())
	require.NoError(t, o.Destroy())
	require.Equal(t, []string{"end o/a"}, sorted())
}

func TestForEachBy_KeepsAnElementThatMoves(t *testing.T) {
	o := app(t)
	type user struct {
		id   int
		name string
	}
	src := state.NewValue(o, []user{{1, "ann"}, {2, "bob"}})
	made := 0
	all := state.ForEachBy(o, src, func(u user) int { return u.id },
		func(use *state.Use, item *tether.Owner, id int, u user) string {
			made++
			return u.name
		})
	got := log(o, all.Changes())
	src.Set([]user{{3, "cleo"}, {2, "bob"}, {1, "ann"}})
	require.Equal(t, []string{"cleo", "bob", "ann"}, all.Get())
	require.Equal(t, 3, made)
	require.Len(t, *got, 1)
	require.Contains(t, fmt.Sprint(panicOf(func() { src.Set([]user{{7, "x"}, {7, "y"}}) })), "ForEachBy with two elements of key 7")
	src.Set([]user{{2, "rob"}})
	require.Equal(t, []string{"rob"}, all.Get())
	require.Equal(t, 4, made)
	require.Equal(t, 2, o.Stats().Owners, "o and one item")
}

// Nothing is found by such a key, so the function was stopped by a nil pointer of its own.
func TestForEach_RefusesAKeyThatIsNotEqualToItself(t *testing.T) {
	o := app(t)
	words := func(*state.Use, *tether.Owner, float64, string) int { return 1 }
	src := state.NewValue(o, map[float64]string{1: "a"})
	all := state.ForEach(o, src, words)
	list := state.NewValue(o, []string{"a"})
	nan := map[string]float64{"?": math.NaN()}
	by := state.ForEachBy(o, list, func(v string) float64 { return nan[v] }, words)
	want := " with a key that is not equal to itself"
	require.Equal(t, "state: ForEach"+want, panicOf(func() { src.Set(map[float64]string{1: "a", math.NaN(): "b"}) }))
	require.Equal(t, "state: ForEachBy"+want, panicOf(func() { list.Set([]string{"a", "?"}) }))
	require.Equal(t, 3, o.Stats().Owners, "o and two items")
	src.Set(map[float64]string{1: "a", 2: "b"})
	list.Set([]string{"b"})
	require.Equal(t, map[float64]int{1: 1, 2: 1}, all.Get())
	require.Equal(t, []int{1}, by.Get())
}

// The run ended where the cleanup had panicked, so the map depended on the keys alone from then
// on, and the next change of something else was not told.
func TestForEach_ACleanupThatPanicsDoesNotKeepItFromChanging(t *testing.T) {
	bad := func(item *tether.Owner, key int) {
		item.Defer(func() {
			if key == 2 {
				panic("boom")
			}
		})
	}
	for _, by := range []bool{false, true} {
		o := tether.NewOwner("o")
		src := state.NewValue(o, []int{1, 2, 3})
		factor := state.NewValue(o, 1)
		f := func(use *state.Use, item *tether.Owner, key, _ int) int {
			bad(item, key)
			return key * factor.Use(use)
		}
		var last any
		if by {
			all := state.ForEachBy(o, src, func(v int) int { return v }, f)
			all.Changes().Connect(o, func(c state.Change[[]int]) { last = c.New })
		} else {
			m := state.NewComputed(o, func(use *state.Use) map[int]int {
				m := make(map[int]int)
				for _, v := range src.Use(use) {
					m[v] = v
				}
				return m
			})
			all := state.ForEach(o, m, f)
			all.Changes().Connect(o, func(c state.Change[map[int]int]) { last = c.New })
		}
		require.Equal(t, "boom", panicOf(func() { src.Set([]int{3}) }))
		require.Equal(t, 2, o.Stats().Owners, "o and one item")
		factor.Set(10)
		if by {
			require.Equal(t, []int{30}, last)
		} else {
			require.Equal(t, map[int]int{3: 30}, last)
		}
		require.NoError(t, o.Destroy())
	}
}

func TestForEach_AgreesWithMappingAnew(t *testing.T) {
	for seed := range uint64(200) {
		o := tether.NewOwner("o")
		rng := newRand(seed)
		src := state.NewValue(o, map[int]int{})
		mod := state.NewValue(o, 3)
		alive := map[int]int{}
		all := state.ForEach(o, src, func(use *state.Use, item *tether.Owner, key, v int) int {
			if alive[key]++; alive[key] == 1 {
				item.Defer(func() { delete(alive, key) })
			}
			return v % mod.Use(use)
		})
		model := map[int]int{}
		for range 30 {
			switch rng.IntN(4) {
			case 0:
				mod.Set(1 + rng.IntN(4))
			default:
				model = maps.Clone(model)
				for range rng.IntN(4) {
					if k := rng.IntN(8); rng.IntN(3) == 0 {
						delete(model, k)
					} else {
						model[k] = rng.IntN(5)
					}
				}
				src.Set(model)
			}
			want := map[int]int{}
			for k, v := range model {
				want[k] = v % mod.Get()
			}
			require.Equal(t, want, all.Get())
			require.ElementsMatch(t, slices.Collect(maps.Keys(want)), slices.Collect(maps.Keys(alive)))
		}
		require.NoError(t, o.Destroy())
	}
}

func TestReadOnly_HidesSet(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 1)
	r := state.ReadOnly(x)
	_, ok := r.(interface{ Set(int) })
	require.False(t, ok)
	c := state.NewComputed(o, func(use *state.Use) int { return 2 * r.Use(use) })
	var got []int
	state.Bind(o, r, func(v int) { got = append(got, v) })
	x.Set(5)
	require.Equal(t, []int{1, 5}, got)
	require.Equal(t, []int{5, 10}, []int{r.Get(), c.Get()})
}

func TestLens_IsAPart(t *testing.T) {
	type point struct{ x, y int }
	o := app(t)
	p := state.NewValue(o, point{1, 2})
	x := state.NewLens(o, p, func(p point) int { return p.x }, func(p point, x int) point { p.x = x; return p })
	y := state.NewLens(o, p, func(p point) int { return p.y }, func(p point, y int) point { p.y = y; return p })
	xs, ps := log(o, x.Changes()), log(o, p.Changes())
	y.Set(20)
	x.Set(10)
	require.Equal(t, []state.Change[int]{{Old: 1, New: 10}}, *xs)
	var b state.Batch
	x.SetIn(&b, 11)
	y.SetIn(&b, 21)
	b.Commit()
	require.Equal(t, point{11, 21}, p.Get())
	require.Len(t, *ps, 3)
	require.Equal(t, []int{11, 21}, []int{x.Get(), y.Get()})
}

func TestUpdateIn_GoesByWhatTheBatchHasMade(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 1)
	inc := func(v int) int { return v + 1 }
	var b state.Batch
	x.UpdateIn(&b, inc)
	x.UpdateIn(&b, inc)
	x.Set(10)
	b.Commit()
	require.Equal(t, 12, x.Get())
	x.SetIn(&b, 100)
	x.UpdateIn(&b, inc)
	b.Commit()
	require.Equal(t, 101, x.Get())
	x.UpdateIn(&b, inc)
	x.SetIn(&b, 5)
	b.Commit()
	require.Equal(t, 5, x.Get())

	// Also where something was set between that is not one of the last few.
	var others []*state.Value[int]
	for range 50 {
		others = append(others, state.NewValue(o, 0))
	}
	x.SetIn(&b, 7)
	for i, y := range others {
		y.SetIn(&b, i)
	}
	x.UpdateIn(&b, inc)
	others[3].SetIn(&b, 99)
	b.Commit()
	require.Equal(t, []int{8, 99, 49}, []int{x.Get(), others[3].Get(), others[49].Get()})
}

func TestBind_TellsTheValueNowAndEveryChange(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 1)
	double := state.NewComputed(o, func(use *state.Use) int { return 2 * x.Use(use) })
	var got, doubles []int
	c := state.Bind(o, x, func(v int) {
		got = append(got, v)
		if v == 1 {
			x.Set(2) // told when this has returned
			x.Set(3)
		}
	})
	state.Bind(o, double, func(v int) { doubles = append(doubles, v) })
	x.Set(4)
	require.Equal(t, []int{1, 2, 3, 4}, got)
	require.Equal(t, []int{6, 8}, doubles)
	require.True(t, c.Disconnect())
	x.Set(5)
	require.Len(t, got, 4)
	dead := o.NewChild("dead")
	dead.Destroy()
	require.False(t, state.Bind(dead, x, func(int) { t.Error("called") }).Connected())
}

func TestBind_LosesAndRepeatsNothingUnderSets(t *testing.T) {
	for range 20 * rounds() / 10 {
		o := tether.NewOwner("o")
		x := state.NewValue(o, 0)
		c := state.NewComputed(o, func(use *state.Use) int { return x.Use(use) })
		done := make(chan struct{})
		go func() {
			defer close(done)
			for i := range 20 {
				x.Set(i + 1)
			}
		}()
		var got, computed []int
		state.Bind(o, x, func(v int) { got = append(got, v) })
		state.Bind(o, c, func(v int) { computed = append(computed, v) })
		<-done
		x.Set(100)
		require.NoError(t, o.Destroy()) // a barrier
		for i := range got[:len(got)-1] {
			if i > 0 && got[i] != got[i-1]+1 {
				t.Fatalf("told %v", got)
			}
		}
		require.Equal(t, 100, got[len(got)-1])
		require.True(t, slices.IsSorted(computed) && len(slices.Compact(slices.Clone(computed))) == len(computed), "%v", computed)
		require.Equal(t, 100, computed[len(computed)-1])
	}
}

func TestResource_LoadsAndCancelsTheLoadBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		answers := make(chan int)
		failure := errors.New("failure")
		cancelled := 0
		r := state.NewResource(o, func(ctx context.Context) (int, error) {
			select {
			case v := <-answers:
				if v < 0 {
					return 0, failure
				}
				return v, nil
			case <-ctx.Done():
				cancelled++
				return 0, ctx.Err()
			}
		})
		require.Equal(t, state.Loaded[int]{Loading: true}, r.Get())
		answers <- 1
		synctest.Wait()
		require.Equal(t, state.Loaded[int]{Value: 1}, r.Get())
		r.Reload()
		require.Equal(t, state.Loaded[int]{Value: 1, Loading: true}, r.Get())
		r.Reload()
		synctest.Wait()
		require.Equal(t, 1, cancelled)
		answers <- -1
		synctest.Wait()
		require.Equal(t, state.Loaded[int]{Value: 1, Err: failure}, r.Get())
		r.Reload()
		require.Equal(t, state.Loaded[int]{Value: 1, Err: failure, Loading: true}, r.Get())
		answers <- 2
		synctest.Wait()
		require.Equal(t, state.Loaded[int]{Value: 2}, r.Get())
		require.Equal(t, 1, o.Stats().Owners, "nothing is left of the loads")
		r.Reload()
		require.NoError(t, o.Destroy())
		require.Equal(t, 2, cancelled)
		r.Reload()
		require.Equal(t, 2, r.Get().Value)
	})
}

func TestResource_OfAKeyFollowsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("o", tether.WithPanicHandler(func(*tether.PanicError) {}))
		key := state.NewValue(o, "a")
		r := state.NewResourceOf(o, key, func(ctx context.Context, k string) (string, error) {
			if k == "panic" {
				panic(k)
			}
			return k + k, nil
		})
		synctest.Wait()
		require.Equal(t, "aa", r.Get().Value)
		key.Set("b")
		synctest.Wait()
		require.Equal(t, state.Loaded[string]{Value: "bb"}, r.Get())
		key.Set("panic")
		synctest.Wait()
		require.Error(t, r.Get().Err)
		require.False(t, r.Get().Loading)
		require.NoError(t, o.Destroy())
	})
}

// A change that is still to be delivered is in the first value already.
func TestBind_DoesNotRepeatWhatIsOnItsWay(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 0)
	var got []int
	x.Changes().Once(o, func(c state.Change[int]) {
		x.Set(2) // delivered when this has returned
		state.Bind(o, x, func(v int) { got = append(got, v) })
	})
	x.Changes().Connect(o, func(state.Change[int]) {})
	x.Set(1)
	x.Set(3)
	require.Equal(t, []int{2, 3}, got)
}

// It dropped the result that was on its way, and was loading for ever.
func TestResource_AReloadWhileTheOwnerEndsInStagesIsNone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("o", tether.Staged())
		r := state.NewResource(o, func(context.Context) (int, error) { return 1, nil })
		synctest.Wait()
		o.NewChild("child").Defer(func() { r.Reload() })
		require.NoError(t, o.Destroy())
		require.Equal(t, state.Loaded[int]{Value: 1}, r.Get())
	})
}

// Nobody calls Destroy of what a run has made, so its errors come out with the owner's.
func TestRuns_ErrorsOfWhatTheyMadeAreThoseOfTheOwner(t *testing.T) {
	app := tether.NewOwner("app")
	o := app.NewChild("owner")
	x, words := state.NewValue(o, 1), state.NewValue(o, map[string]int{"a": 1})
	own := func(o *tether.Owner, what string) {
		tether.Own(o, failing(fmt.Sprintf("%s %d", what, x.Get())))
	}
	state.NewEffect(o, func(use *state.Use, run *tether.Owner) { x.Use(use); own(run, "effect") })
	in := state.NewComputedIn(o, func(use *state.Use, scope *tether.Owner) int {
		own(scope, "computed")
		return x.Use(use)
	})
	in.Get()
	state.ForEach(o, words, func(_ *state.Use, item *tether.Owner, key string, _ int) int { own(item, "item "+key); return 0 })
	x.Set(2)
	in.Get()
	words.Set(map[string]int{"b": 1})
	err := app.Destroy()
	for _, want := range []string{"effect 1", "effect 2", "computed 1", "computed 2", "item a 1", "item b 2"} {
		require.ErrorContains(t, err, want)
	}
}

type failing string

func (f failing) Close() error { return errors.New(string(f)) }
