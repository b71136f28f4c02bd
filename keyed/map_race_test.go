package keyed_test

import (
	"context"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
	"github.com/seed-ec287111/tether/keyed"
)

// A thing is a value that knows when it was known to be dead.
type thing struct {
	owner *tether.Owner
	key   int
	dead  atomic.Int64 // by the clock of the test; 0: not known
}

// Get returns what was not known to be dead when it was called, live owners of a key are
// never two, and each owner is opened once, whoever destroys, cancels and replaces.
func TestMap_UnderConcurrentUse(t *testing.T) {
	testkit.OnProcs(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		const keys = 3
		var clock atomic.Int64
		var opened, cleaned atomic.Int64
		var mu sync.Mutex
		owners := map[*tether.Owner]bool{}
		var m *keyed.Map[int, *thing]
		m = keyed.NewMap(app, "m", func(o *tether.Owner, key int) *thing {
			mu.Lock()
			if owners[o] {
				t.Error("open has run before for this owner")
			}
			owners[o] = true
			mu.Unlock()
			opened.Add(1)
			o.Defer(func() { cleaned.Add(1) })
			runtime.Gosched()
			switch n := rand.IntN(10); {
			case n == 0:
				panic("ouch")
			case n < 4 && key > 0: // downwards: no circle
				m.Get(key - 1)
			}
			return &thing{owner: o, key: key}
		})
		var seen [keys]watcher
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				for range 300 {
					key := rand.IntN(keys)
					func() {
						defer func() {
							if v := recover(); v != nil && v != "ouch" {
								t.Error(v)
							}
						}()
						begin := clock.Add(1)
						var v *thing
						switch rand.IntN(10) {
						case 0:
							v = m.Replace(key)
						case 1:
							m.Destroy(key)
							return
						case 2, 3:
							if v, ok := m.Lookup(key); ok {
								if rand.IntN(2) == 0 {
									v.owner.Cancel(nil)
								} else {
									v.owner.Destroy()
								}
								v.dead.CompareAndSwap(0, clock.Add(1))
							}
							return
						case 4:
							for k, v := range m.All() {
								if k != v.key {
									t.Errorf("All has key %d with a value of %d", k, v.key)
								}
								v.owner.Go(func(context.Context) { runtime.Gosched() })
							}
							return
						default:
							v = m.Get(key)
							if dead := v.dead.Load(); dead != 0 && dead < begin {
								t.Errorf("Get, called at %d, returned a value that was dead at %d", begin, dead)
							}
						}
						if v == nil || v.key != key {
							t.Errorf("%v for key %d", v, key)
							return
						}
						seen[key].see(v.owner)
					}()
				}
			})
		}
		wg.Wait()
		for key := range seen {
			require.False(t, seen[key].two.Load(), "two live owners at once")
			require.NoError(t, m.Destroy(key))
		}
		require.NoError(t, app.Destroy())
		require.Equal(t, opened.Load(), cleaned.Load())
		require.Zero(t, m.Entries())
		require.Zero(t, m.Opening())
		require.Equal(t, tether.Stats{}, app.Stats())
	})
}

// The proof that what Replace opens comes after all that was before, and that Destroy waits
// for open: sessions write one plain variable, and the race detector looks on.
func TestMap_SessionsThatAreReplacedNeverOverlap(t *testing.T) {
	testkit.OnProcs(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		var state, ends int
		var goes atomic.Int64
		m := keyed.NewMap(app, "m", func(o *tether.Owner, _ string) *tether.Owner {
			state++
			o.Defer(func() { ends++ })
			runtime.Gosched()
			state++
			if o.Go(func(ctx context.Context) {
				runtime.Gosched()
				if rand.IntN(4) > 0 {
					<-ctx.Done()
				}
				ends++
			}) {
				goes.Add(1)
			}
			return o
		})
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 200 {
					o := m.Replace("ann")
					switch rand.IntN(4) {
					case 0:
						o.Cancel(nil)
					case 1: // what waits, or is there; it makes none
						m.Lookup("ann")
					case 2:
						m.Destroy("ann")
					}
				}
			})
		}
		wg.Wait()
		require.NoError(t, m.Destroy("ann"))
		require.Equal(t, 2*800, state)
		require.Equal(t, 800+int(goes.Load()), ends)
	})
}

// Opens that need each other in a random order: every Get returns or panics with a circle,
// and nothing hangs.
func TestMap_CirclesNeverHang(t *testing.T) {
	testkit.OnProcs(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		const keys = 6
		for range 100 {
			var m *keyed.Map[int, int]
			m = keyed.NewMap(app, "m", func(_ *tether.Owner, key int) int {
				runtime.Gosched()
				for range rand.IntN(3) {
					m.Get(rand.IntN(keys))
				}
				return key
			})
			var circles atomic.Int64
			var wg sync.WaitGroup
			for i := range 6 {
				wg.Go(func() {
					defer func() {
						if v := recover(); v != nil {
							require.Contains(t, v, "would wait for itself")
							circles.Add(1)
						}
					}()
					m.Get(i)
				})
			}
			wg.Wait()
			require.Zero(t, m.Opening())
			m.Group().Destroy()
		}
	})
}
