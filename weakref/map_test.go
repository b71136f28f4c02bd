package weakref_test

import (
	"testing"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether/internal/testkit"
	"github.com/seed-ec287111/tether/weakref"
)

func TestMap_AnEntryIsGoneWithItsKey(t *testing.T) {
	m := weakref.NewMap[object, *object](newOwner(t))
	kept := new(object)
	value := weak.Make(attach(m, new(object)))
	require.True(t, m.Set(kept, &object{id: 2}))
	require.Equal(t, 2, m.Len())
	testkit.Collect(t, "the entry", func() bool { return m.Len() == 1 })
	testkit.Collect(t, "its value", func() bool { return value.Value() == nil })
	v, ok := m.Get(kept)
	require.True(t, ok)
	require.Equal(t, 2, v.id)
	require.True(t, m.Set(kept, &object{id: 3}))
	for k, v := range m.All() {
		require.Same(t, kept, k)
		require.Equal(t, 3, v.id)
		require.True(t, m.Set(k, &object{id: 4}), "no lock is held")
	}
	require.True(t, m.Delete(kept))
	require.False(t, m.Delete(kept))
	_, ok = m.Get(kept)
	require.False(t, ok)
	_, ok = m.Get(nil)
	require.False(t, ok)
	require.Zero(t, m.Len())
}

func TestMap_AValueThatRefersToItsKeyKeepsIt(t *testing.T) {
	m := weakref.NewMap[object, *object](newOwner(t))
	func() {
		key := new(object)
		m.Set(key, &object{next: key})
	}()
	never(t, "the entry is gone", func() bool { return m.Len() == 0 })
}
