package state_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

// The documentation says what does not allocate.
func TestCost_ARunThatUsesTheSameAllocatesNothing(t *testing.T) {
	o := app(t)
	x, y := state.NewValue(o, 0), state.NewValue(o, 0)
	alone := state.NewValue(o, 0)
	sum := state.NewComputed(o, func(use *state.Use) int { return x.Use(use) + y.Use(use) + x.Use(use) })
	turns := state.NewComputed(o, func(use *state.Use) int {
		if v := x.Use(use); v%2 == 0 {
			return v + y.Use(use) + sum.Use(use)
		} else {
			return v + sum.Use(use) + y.Use(use)
		}
	})
	turns.Changes().Connect(o, func(state.Change[int]) {})
	i := 0
	for name, f := range map[string]func(){
		"a value that nobody uses":  func() { alone.Set(i) },
		"an equal one":              func() { alone.Set(i / 1000) },
		"one that is watched above": func() { x.Set(i) },
		"another order":             func() { y.Set(i) },
	} {
		f()
		require.Zero(t, testing.AllocsPerRun(100, func() { i++; f() }), name)
	}
	require.Zero(t, testing.AllocsPerRun(100, func() { i++; x.Set(i); sum.Get() }))
}

func TestComputed_AnEqualResultIsNoChangeWhateverItsType(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 1)
	one, two := new(int), new(int)
	told := map[string]int{}
	watch(t, o, told, "float", x, func(even bool) float64 {
		if even {
			return 0.5
		}
		return 1.5
	})
	watch(t, o, told, "pointer", x, func(even bool) *int {
		if even {
			return one
		}
		return two
	})
	watch(t, o, told, "string", x, func(even bool) string {
		if even {
			return "even"
		}
		return "odd"
	})
	watch(t, o, told, "bool", x, func(even bool) bool { return even })
	watch(t, o, told, "struct", x, func(even bool) struct{ a, b any } {
		if even {
			return struct{ a, b any }{1, "x"}
		}
		return struct{ a, b any }{2, "x"}
	})
	for _, v := range []int{3, 5, 7} {
		x.Set(v)
	}
	require.Empty(t, told)
	x.Set(8)
	x.Set(10)
	require.Equal(t, map[string]int{"float": 1, "pointer": 1, "string": 1, "bool": 1, "struct": 1}, told)
}

// watch counts the changes of what f makes of x, which must differ.
func watch[T comparable](t *testing.T, o *tether.Owner, told map[string]int, name string, x *state.Value[int], f func(even bool) T) {
	c := state.NewComputed(o, func(use *state.Use) T { return f(x.Use(use)%2 == 0) })
	c.Changes().Connect(o, func(c state.Change[T]) {
		if c.Old == c.New {
			t.Errorf("%s: %v is no change", name, c)
		}
		told[name]++
	})
}

func TestBatch_IsEmptyAfterItsCommit(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 1)
	var b state.Batch
	b.Commit()
	x.SetIn(&b, 2)
	b.Commit()
	x.Set(3)
	b.Commit()
	require.Equal(t, 3, x.Get())
}

// A value that is told again long after, with others between, is one change.
func TestBatch_TellsAValueOnceHoweverFarApartItIsSet(t *testing.T) {
	o := app(t)
	var values []*state.Value[int]
	for range 30 {
		values = append(values, state.NewValue(o, 0))
	}
	got := log(o, values[0].Changes())
	var b state.Batch
	for round := 1; round <= 3; round++ {
		for _, v := range values {
			v.SetIn(&b, round)
		}
	}
	values[0].UpdateIn(&b, func(v int) int { return 10 * v })
	values[1].UpdateIn(&b, func(v int) int { return v + 1 })
	values[1].SetIn(&b, 7)
	b.Commit()
	require.Equal(t, []state.Change[int]{{Old: 0, New: 30}}, *got)
	require.Equal(t, []int{7, 3}, []int{values[1].Get(), values[2].Get()})
}

// A foreign is a Readable of somebody else's, which tells a change inside another.
type foreign struct {
	v       int
	changes tether.Signal[state.Change[int]]
}

func (f *foreign) Get() int                                  { return f.v }
func (f *foreign) Use(*state.Use) int                        { return f.v }
func (f *foreign) Changes() tether.Source[state.Change[int]] { return &f.changes }
func (f *foreign) set(v int) {
	c := state.Change[int]{Old: f.v, New: v}
	f.v = v
	f.changes.Fire(c)
}

func TestBind_CallsOneAfterTheOtherWhateverTheSource(t *testing.T) {
	o := app(t)
	r := &foreign{v: 1}
	inside, seen := false, []int(nil)
	conn := state.Bind(o, r, func(v int) {
		require.False(t, inside)
		inside = true
		defer func() { inside = false }()
		seen = append(seen, v)
		if v%10 == 2 {
			r.set(v + 1)
		}
		if v == 12 {
			panic("twelve")
		}
	})
	require.Equal(t, 1, o.Stats().Connections)
	r.set(2)
	require.Equal(t, []int{1, 2, 3}, seen)
	require.Equal(t, "twelve", panicOf(func() { r.set(12) }))
	require.Equal(t, []int{1, 2, 3, 12, 13}, seen)
	r.set(5)
	require.Equal(t, []int{1, 2, 3, 12, 13, 5}, seen)
	require.True(t, conn.Disconnect())
	r.set(6)
	require.Len(t, seen, 6)
}
