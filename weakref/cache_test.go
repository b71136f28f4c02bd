package weakref_test

import (
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether/internal/testkit"
	"github.com/seed-ec287111/tether/weakref"
)

func TestCache_HasOneInstanceWhileItIsUsed(t *testing.T) {
	c := weakref.NewCache[string, object](newOwner(t))
	made := 0
	create := func() *object { made++; return &object{id: made} }
	a := c.Get("a", create)
	require.Same(t, a, c.Get("a", create))
	require.Same(t, a, c.Get("a", nil))
	require.Nil(t, c.Get("b", nil))
	require.Nil(t, c.Get("b", func() *object { return nil }))
	for k, v := range c.All() {
		require.Equal(t, "a", k)
		require.Same(t, a, v)
	}
	never(t, "it is gone", func() bool { return c.Len() == 0 })
	require.Equal(t, 1, a.id)
	runtime.KeepAlive(a)
	a = nil
	testkit.Collect(t, "the entry", func() bool { return c.Len() == 0 })
	a = c.Get("a", create)
	require.Equal(t, 2, a.id)
	b := &object{id: 9}
	require.True(t, c.Set("a", b))
	require.Same(t, b, c.Get("a", create))
	require.True(t, c.Delete("a"))
	require.False(t, c.Delete("a"))
	runtime.KeepAlive(a)
	runtime.KeepAlive(b)
}

func TestCache_CreateMayUseItAndPanic(t *testing.T) {
	c := weakref.NewCache[any, object](newOwner(t))
	v := c.Get("outer", func() *object {
		return &object{next: c.Get("inner", func() *object { return new(object) })}
	})
	require.Same(t, v.next, c.Get("inner", nil))
	same := c.Get("self", func() *object {
		return &object{next: c.Get("self", func() *object { return new(object) })}
	})
	require.Same(t, same, c.Get("self", nil))
	require.PanicsWithValue(t, "p", func() { c.Get("p", func() *object { panic("p") }) })
	require.Panics(t, func() { c.Get([]int{}, nil) }, "not comparable")
	require.Panics(t, func() { c.Set([]int{}, v) })
	require.Nil(t, c.Get("p", nil), "nothing is locked")
	runtime.KeepAlive(same)
}

// The old value is garbage, its cleanup pending; the new one is another object
// under the same key, perhaps at the same address.
func TestCache_ALateCleanupDoesNotDeleteANewEntry(t *testing.T) {
	c := weakref.NewCache[int, object](newOwner(t))
	for range 100 {
		c.Get(1, func() *object { return new(object) })
		runtime.GC() // its cleanup may run at any time from now on
		v := &object{id: 7}
		c.Set(1, v)
		runtime.Gosched()
		require.Same(t, v, c.Get(1, nil))
		runtime.GC()
		require.Same(t, v, c.Get(1, nil))
	}
}

func TestCache_ConcurrentGetsAgreeOnOneInstance(t *testing.T) {
	cores(t, func(t *testing.T) {
		for range 50 {
			c := weakref.NewCache[int, object](newOwner(t))
			var got [6]*object
			var wg sync.WaitGroup
			for i := range got {
				wg.Go(func() { got[i] = c.Get(1, func() *object { runtime.Gosched(); return new(object) }) })
			}
			wg.Wait()
			for _, v := range got {
				require.Same(t, got[0], v)
			}
			runtime.KeepAlive(&got)
		}
	})
}
