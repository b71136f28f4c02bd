package keyed_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/keyed"
)

func TestMisuse_PanicsBeforeAnythingChanges(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	none := new(tether.Owner)
	open := func(*tether.Owner, float64) int { t.Error("open runs"); return 0 }
	var noOwners *keyed.Owners[float64]
	var zeroOwners keyed.Owners[float64]
	var noMap *keyed.Map[float64, int]
	var zeroMap keyed.Map[float64, int]
	owners := keyed.New[float64](app, "owners")
	m := keyed.NewMap(app, "map", open)
	before := app.Stats()
	nan := math.NaN()
	for _, test := range []struct {
		says string
		call func()
	}{
		{"keyed: New with nil Owner", func() { keyed.New[int](nil, "g") }},
		{"keyed: New with nil Owner", func() { keyed.New[int](none, "g") }},
		{"tether: NewChild with nil option", func() { keyed.New[int](app, "g", nil) }},
		{"keyed: NewMap with nil Owner", func() { keyed.NewMap(nil, "g", open) }},
		{"keyed: NewMap with nil Owner", func() { keyed.NewMap(none, "g", open) }},
		{"keyed: NewMap with nil function", func() { keyed.NewMap[int, int](app, "g", nil) }},
		{"tether: NewChild with nil option", func() { keyed.NewMap(app, "g", open, nil) }},

		{"keyed: Group of nil or zero Owners", func() { noOwners.Group() }},
		{"keyed: Get of nil or zero Owners", func() { noOwners.Get(1) }},
		{"keyed: Get of nil or zero Owners", func() { zeroOwners.Get(1) }},
		{"keyed: Replace of nil or zero Owners", func() { zeroOwners.Replace(1) }},
		{"keyed: Lookup of nil or zero Owners", func() { zeroOwners.Lookup(1) }},
		{"keyed: Destroy of nil or zero Owners", func() { zeroOwners.Destroy(1) }},
		{"keyed: Len of nil or zero Owners", func() { noOwners.Len() }},
		{"keyed: All of nil or zero Owners", func() { zeroOwners.All() }},

		{"keyed: Group of nil or zero Map", func() { noMap.Group() }},
		{"keyed: Get of nil or zero Map", func() { noMap.Get(1) }},
		{"keyed: Get of nil or zero Map", func() { zeroMap.Get(1) }},
		{"keyed: GetOrMake of nil or zero Map", func() { zeroMap.GetOrMake(1) }},
		{"keyed: Replace of nil or zero Map", func() { zeroMap.Replace(1) }},
		{"keyed: Lookup of nil or zero Map", func() { zeroMap.Lookup(1) }},
		{"keyed: Owner of nil or zero Map", func() { zeroMap.Owner(1) }},
		{"keyed: Destroy of nil or zero Map", func() { zeroMap.Destroy(1) }},
		{"keyed: Len of nil or zero Map", func() { noMap.Len() }},
		{"keyed: All of nil or zero Map", func() { zeroMap.All() }},

		{"keyed: Get with a key that is not equal to itself", func() { owners.Get(nan) }},
		{"keyed: Replace with a key that is not equal to itself", func() { owners.Replace(nan) }},
		{"keyed: Lookup with a key that is not equal to itself", func() { owners.Lookup(nan) }},
		{"keyed: Destroy with a key that is not equal to itself", func() { owners.Destroy(nan) }},
		{"keyed: Get with a key that is not equal to itself", func() { m.Get(nan) }},
		{"keyed: GetOrMake with a key that is not equal to itself", func() { m.GetOrMake(nan) }},
		{"keyed: Replace with a key that is not equal to itself", func() { m.Replace(nan) }},
		{"keyed: Lookup with a key that is not equal to itself", func() { m.Lookup(nan) }},
		{"keyed: Owner with a key that is not equal to itself", func() { m.Owner(nan) }},
		{"keyed: Destroy with a key that is not equal to itself", func() { m.Destroy(nan) }},
	} {
		require.PanicsWithValue(t, test.says, test.call)
	}
	require.Equal(t, before, app.Stats())
}

func TestMisuse_AKeyThatIsNotHashablePanicsAndLeavesTheGroupUsable(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	owners := keyed.New[any](app, "owners")
	m := keyed.NewMap(app, "map", func(*tether.Owner, any) int { return 1 })
	for range 2 {
		for _, call := range []func(key any){
			func(key any) { owners.Get(key) },
			func(key any) { owners.Replace(key) },
			func(key any) { owners.Lookup(key) },
			func(key any) { owners.Destroy(key) },
			func(key any) { m.Get(key) },
			func(key any) { m.Replace(key) },
			func(key any) { m.Lookup(key) },
			func(key any) { m.Owner(key) },
			func(key any) { m.Destroy(key) },
		} {
			require.Panics(t, func() { call([]int{}) })
			require.Panics(t, func() { call(func() {}) })
		}
	}
	require.Zero(t, owners.Entries()+m.Entries()+m.Opening())
	require.True(t, owners.Get(1).Alive())
	require.Equal(t, 1, m.Get(nil))
	require.Equal(t, 5, app.Stats().Owners)
}
