package weakref_test

import (
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
	"github.com/seed-ec287111/tether/weakref"
)

func TestStorm_OfCollections(t *testing.T) {
	cores(t, func(t *testing.T) {
		rounds := 400
		if testing.Short() {
			rounds = 50
		}
		owner := tether.NewOwner("owner")
		m := weakref.NewMap[object, *object](owner)
		c := weakref.NewCache[int, object](owner)
		var s tether.Signal[int]
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				var kept [8]*object
				var conns [8]*tether.Connection
				for i := range rounds {
					o := &object{id: g*rounds + i}
					m.Set(o, &object{id: o.id})
					v, ok := m.Get(o)
					if !ok || v.id != o.id {
						t.Errorf("a living key %d has %v", o.id, v)
					}
					key := i % 5
					shared := c.Get(key, func() *object { return &object{id: key} })
					if again := c.Get(key, nil); again != shared {
						t.Errorf("a second instance of %d", key)
					}
					if shared.id != key {
						t.Errorf("key %d has value %d", key, shared.id)
					}
					slot := i % len(kept)
					if old := kept[slot]; old != nil {
						if !conns[slot].Connected() && i%3 != 0 {
							t.Error("a living target was disconnected")
						}
						if w, ok := m.Get(old); !ok || w.id != old.id {
							t.Error("a living key has lost its value")
						}
					}
					kept[slot] = o
					conns[slot] = weakref.Connect(owner, &s, o, (*object).add)
					switch i % 7 {
					case 0:
						s.Fire(1)
					case 1:
						m.Delete(o)
						m.Set(o, &object{id: o.id})
					case 2:
						for k, v := range m.All() {
							if k.id != v.id {
								t.Errorf("key %d has value %d", k.id, v.id)
							}
						}
					case 3:
						for k, v := range c.All() {
							if k != v.id {
								t.Errorf("key %d has value %d", k, v.id)
							}
						}
					}
					runtime.KeepAlive(shared)
				}
			})
		}
		wg.Wait()
		testkit.Collect(t, "all", func() bool { return m.Len() == 0 && c.Len() == 0 && s.Len() == 0 })
		testkit.Collect(t, "the entries", func() bool { return weakref.Watched() == 0 })
		require.NoError(t, owner.Destroy())
	})
}

func TestStorm_TheOwnerIsDestroyedInIt(t *testing.T) {
	cores(t, func(t *testing.T) {
		for range 30 {
			owner := tether.NewOwner("owner")
			m := weakref.NewMap[object, int](owner)
			c := weakref.NewCache[int, object](owner)
			var s tether.Signal[int]
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() {
					for i := range 30 {
						o := new(object)
						m.Set(o, i)
						c.Set(i, o)
						weakref.Connect(owner, &s, o, (*object).add)
					}
				})
			}
			wg.Go(func() { runtime.Gosched(); owner.Destroy() })
			wg.Wait()
			require.Zero(t, m.Len())
			require.Zero(t, c.Len())
			require.Zero(t, s.Len())
		}
		testkit.Collect(t, "the entries", func() bool { return weakref.Watched() == 0 })
	})
}
