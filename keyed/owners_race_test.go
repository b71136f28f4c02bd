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

// watcher looks for two live owners of one key among those that it is shown.
// Dead is final: so if a is alive, then b, then a again, both were at once.
type watcher struct {
	mu    sync.Mutex
	alive []*tether.Owner
	two   atomic.Bool
}

func (w *watcher) see(o *tether.Owner) {
	w.mu.Lock()
	defer w.mu.Unlock()
	kept := w.alive[:0]
	known := false
	for _, a := range w.alive {
		known = known || a == o
		if a != o && a.Alive() && o.Alive() && a.Alive() {
			w.two.Store(true)
		}
		if a.Alive() {
			kept = append(kept, a)
		}
	}
	if !known {
		kept = append(kept, o)
	}
	w.alive = kept
}

func TestOwners_AKeyNeverHasTwoThatLive(t *testing.T) {
	testkit.OnProcs(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		players := keyed.New[int](app, "players")
		var seen [2]watcher
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() {
				for range 300 {
					key := rand.IntN(len(seen))
					var o *tether.Owner
					switch rand.IntN(10) {
					case 0:
						o = players.Replace(key)
					case 1:
						players.Destroy(key)
						continue
					case 2:
						if o, ok := players.Lookup(key); ok {
							o.Cancel(nil)
						}
						continue
					case 3:
						if o, ok := players.Lookup(key); ok {
							o.Destroy()
						}
						continue
					case 4:
						o = players.Get(key)
						o.Go(func(context.Context) { runtime.Gosched() })
					case 5:
						for _, o := range players.All() {
							o.Go(func(context.Context) { players.Replace(key) })
						}
						continue
					default:
						o = players.Get(key)
					}
					seen[key].see(o)
				}
			})
		}
		wg.Wait()
		for key := range seen {
			require.False(t, seen[key].two.Load(), "two live owners at once")
			require.NoError(t, players.Destroy(key))
		}
		for players.Len() > 0 { // replaced by a goroutine that was late
			for key := range players.All() {
				players.Destroy(key)
			}
		}
		require.NoError(t, app.Destroy())
		require.Zero(t, players.Entries())
		require.Equal(t, tether.Stats{}, app.Stats())
	})
}

// The proof that sessions of one key, each with an owner from Replace, never
// overlap: they write one plain variable, and the race detector looks on. In
// between others cut owners off without waiting.
func TestOwners_SessionsOfAKeyNeverOverlap(t *testing.T) {
	testkit.OnProcs(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		players := keyed.New[string](app, "players")
		var state, sessions int
		var started atomic.Int64
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 200 {
					o := players.Replace("ann")
					if o.Go(func(ctx context.Context) {
						state++
						runtime.Gosched()
						if rand.IntN(4) > 0 {
							<-ctx.Done()
						}
						sessions++
					}) {
						started.Add(1)
					}
					switch rand.IntN(4) {
					case 0:
						o.Cancel(nil)
					case 1:
						players.Get("ann").Cancel(nil)
					}
				}
			})
		}
		wg.Wait()
		require.NoError(t, players.Destroy("ann"))
		require.Equal(t, int(started.Load()), state)
		require.Equal(t, state, sessions)
	})
}

func TestOwners_ReplacesThatRaceReturnDifferentOnesAndLeaveOne(t *testing.T) {
	testkit.OnProcs(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		players := keyed.New[string](app, "players")
		var mu sync.Mutex
		got := make(map[*tether.Owner]bool)
		var wg sync.WaitGroup
		const each = 50
		for range 8 {
			wg.Go(func() {
				for range each {
					o := players.Replace("ann")
					mu.Lock()
					got[o] = true
					mu.Unlock()
				}
			})
		}
		wg.Wait()
		require.Len(t, got, 8*each)
		alive := 0
		for o := range got {
			if o.Alive() {
				alive++
				require.Same(t, o, players.Get("ann"))
			}
		}
		require.Equal(t, 1, alive)
		require.Equal(t, 1, players.Entries())
		require.Equal(t, tether.Stats{Owners: 3, Cleanups: 1}, app.Stats())
	})
}

func TestOwners_AGroupThatIsDestroyedUnderwayLosesNothing(t *testing.T) {
	testkit.OnProcs(t, func(t *testing.T) {
		for range 50 {
			app := tether.NewOwner("app")
			players := keyed.New[int](app, "players")
			var made, cleaned atomic.Int64
			var wg sync.WaitGroup
			for i := range 4 {
				wg.Go(func() {
					for j := range 20 {
						o := players.Get(j % 3)
						if i == 0 {
							o = players.Replace(j % 3)
						}
						made.Add(1)
						o.Defer(func() { cleaned.Add(1) })
					}
				})
			}
			wg.Go(func() { app.Destroy() })
			wg.Wait()
			require.NoError(t, app.Destroy())
			require.Equal(t, made.Load(), cleaned.Load())
			require.Zero(t, players.Entries())
		}
	})
}
