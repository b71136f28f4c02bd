package weakref_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/weakref"
)

func TestMisuse_PanicsBeforeAnythingChanges(t *testing.T) {
	owner := newOwner(t)
	noOwner := new(tether.Owner)
	var s tether.Signal[int]
	var noSignal *tether.Signal[int]
	o, add := new(object), (*object).add
	m, c := weakref.NewMap[int, int](owner), weakref.NewCache[float64, int](owner)
	anys := weakref.NewCache[any, int](owner)
	var noMap *weakref.Map[int, int]
	var noCache *weakref.Cache[float64, int]
	one := new(int)
	create := func() *int { t.Error("create runs"); return one }
	nan := math.NaN()
	before, watched := owner.Stats(), weakref.Watched()
	for _, test := range []struct {
		says string
		call func()
	}{
		{"weakref: NewMap with nil Owner", func() { weakref.NewMap[int, int](nil) }},
		{"weakref: NewMap with nil Owner", func() { weakref.NewMap[int, int](noOwner) }},
		{"weakref: NewCache with nil Owner", func() { weakref.NewCache[int, int](nil) }},
		{"weakref: NewCache with nil Owner", func() { weakref.NewCache[int, int](noOwner) }},

		{"weakref: Set with nil key", func() { m.Set(nil, 1) }},
		{"weakref: Set of nil Map", func() { noMap.Set(one, 1) }},
		{"weakref: Get of nil Map", func() { noMap.Get(one) }},
		{"weakref: Delete of nil Map", func() { noMap.Delete(one) }},
		{"weakref: Len of nil Map", func() { noMap.Len() }},
		{"weakref: All of nil Map", func() { noMap.All() }},

		{"weakref: Set with nil value", func() { c.Set(1, nil) }},
		{"weakref: Set with a key that is not equal to itself", func() { c.Set(nan, one) }},
		{"weakref: Get with a key that is not equal to itself", func() { c.Get(nan, create) }},
		{"weakref: Set of nil Cache", func() { noCache.Set(1, one) }},
		{"weakref: Get of nil Cache", func() { noCache.Get(1, create) }},
		{"weakref: Delete of nil Cache", func() { noCache.Delete(1) }},
		{"weakref: Len of nil Cache", func() { noCache.Len() }},
		{"weakref: All of nil Cache", func() { noCache.All() }},

		{"weakref: Connect with nil Owner", func() { weakref.Connect(nil, &s, o, add) }},
		{"weakref: Connect with nil Owner", func() { weakref.Connect(noOwner, &s, o, add) }},
		{"weakref: Connect with nil Source", func() { weakref.Connect(owner, nil, o, add) }},
		{"weakref: Connect with nil Source", func() { weakref.Connect(owner, noSignal, o, add) }},
		{"weakref: Connect with nil target", func() { weakref.Connect(owner, &s, nil, add) }},
		{"weakref: Connect with nil method", func() { weakref.Connect(owner, &s, o, nil) }},
		{"tether: Connect with nil option", func() { weakref.Connect(owner, &s, o, add, nil) }},
	} {
		require.PanicsWithValue(t, test.says, test.call)
	}
	for _, call := range []func(){
		func() { anys.Set([]int{}, one) },
		func() { anys.Get([]int{}, create) },
		func() { anys.Delete([]int{}) },
	} {
		require.Panics(t, call, "not hashable")
	}
	require.Zero(t, s.Len())
	require.Zero(t, m.Len()+c.Len()+anys.Len())
	require.LessOrEqual(t, weakref.Watched(), watched) // targets of tests before may be collected
	require.Equal(t, before, owner.Stats())
}

func TestTable_TheZeroOnesAreClosedAndNilHasNothingAttached(t *testing.T) {
	var m weakref.Map[int, int]
	var c weakref.Cache[string, int]
	one := new(int)
	require.False(t, m.Set(one, 1))
	_, ok := m.Get(nil)
	require.False(t, ok)
	require.False(t, m.Delete(nil))
	require.False(t, c.Set("one", one))
	require.Nil(t, c.Get("one", nil))
	require.False(t, c.Delete("one"))
	require.Zero(t, m.Len()+c.Len())
}
