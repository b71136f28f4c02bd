package weakref_test

import (
	"runtime"
	"testing"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
	"github.com/seed-ec287111/tether/weakref"
)

//go:noinline
func attach(m *weakref.Map[object, *object], key *object) *object {
	v := &object{id: 1}
	m.Set(key, v)
	return v
}

func TestTable_TheOwnersEndClosesIt(t *testing.T) {
	owner := tether.NewOwner("owner")
	m := weakref.NewMap[object, *object](owner)
	c := weakref.NewCache[int, object](owner)
	key, val := new(object), new(object)
	w := weak.Make(attach(m, key))
	c.Set(1, val)
	owner.Defer(func() {
		require.Equal(t, 1, m.Len(), "what was registered later may use it")
		require.Same(t, val, c.Get(1, nil))
	})
	owner.Destroy()
	dead := weakref.NewMap[object, *object](owner)
	for _, m := range []*weakref.Map[object, *object]{m, dead, new(weakref.Map[object, *object])} {
		require.False(t, m.Set(key, nil))
		require.Zero(t, m.Len())
		require.False(t, m.Delete(key))
		_, ok := m.Get(key)
		require.False(t, ok)
		for range m.All() {
			t.Error("not empty")
		}
	}
	for _, c := range []*weakref.Cache[int, object]{c, new(weakref.Cache[int, object])} {
		require.False(t, c.Set(1, val))
		require.Zero(t, c.Len())
		require.False(t, c.Delete(1))
		require.Equal(t, 5, c.Get(1, func() *object { return &object{id: 5} }).id)
		require.Zero(t, c.Len())
	}
	testkit.Collect(t, "a closed map's value", func() bool { return w.Value() == nil })
	runtime.KeepAlive(key)
	runtime.KeepAlive(m)
}
