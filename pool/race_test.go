package pool_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
	"github.com/seed-ec287111/tether/pool"
)

// Everything at once: short waits, owners that end at any moment, items that are
// discarded, functions that fail, readers of Stats. Every item has one user at a
// time, which the race detector sees by its plain field, and is disposed of once.
func TestPool_NothingIsLostOrSharedInAStorm(t *testing.T) {
	testkit.OnProcs(t, func(t *testing.T) {
		const limit = 3
		app := tether.NewOwner("app")
		home := app.NewChild("home")
		f := new(factory)
		p := pool.New(home, func() (*thing, error) {
			switch rand.IntN(20) {
			case 0:
				return nil, errOuch
			case 1:
				panic(errOuch)
			}
			return f.make()
		}, pool.Limit(limit), pool.Reset(func(th *thing) {
			th.reset++
			if rand.IntN(50) == 0 {
				panic(errOuch)
			}
		}), pool.Dispose(func(th *thing) {
			th.dispose++
			if rand.IntN(20) == 0 {
				panic(errOuch)
			}
		}))
		ouch := func() {
			if v := recover(); v != nil && v != any(errOuch) {
				panic(v)
			}
		}
		var acquired, bad atomic.Int64
		var wg sync.WaitGroup
		work := func() {
			defer ouch()
			owner := app.NewChild("owner", tether.WithPanicHandler(func(*tether.PanicError) {}))
			defer owner.Destroy()
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			switch rand.IntN(4) {
			case 0:
				wg.Go(func() { runtime.Gosched(); cancel() })
			case 1:
				wg.Go(func() { runtime.Gosched(); owner.Destroy() })
			case 2:
				wg.Go(func() { owner.Cancel(nil) })
			}
			l, err := p.Acquire(ctx, owner)
			if err != nil {
				return
			}
			acquired.Add(1)
			owner.Go(func(context.Context) {
				defer ouch()
				th := l.Value() // owner has not unwound, and nobody else releases yet
				th.used++
				runtime.Gosched()
				th.used++
				switch rand.IntN(4) {
				case 0:
					l.Discard()
				case 1:
					l.Release()
				}
			})
		}
		for range 8 {
			wg.Go(func() {
				for range 100 {
					work()
					if s := p.Stats(); int(s.Made-s.Disposed) != s.Idle+s.Leased || s.Idle+s.Leased+s.Making > limit ||
						s.Waiting > 0 && s.Leased+s.Making < limit {
						bad.Add(1)
					}
				}
			})
		}
		wg.Wait()
		require.Zero(t, bad.Load(), "Stats that are not conserved")
		require.NotZero(t, acquired.Load())
		requireIdle(t, p)
		attempt(home.Destroy) // which may panic
		<-home.Ended()
		require.NoError(t, app.Destroy())
		s := p.Stats()
		require.Equal(t, pool.Stats{Made: s.Made, Disposed: s.Made}, s)
		require.Len(t, f.things, int(s.Made))
		for _, th := range f.things {
			require.Equal(t, 1, th.dispose)
		}
	})
}

// requireIdle waits until nobody uses the pool.
func requireIdle[T any](t *testing.T, p *pool.Pool[T]) {
	t.Helper()
	for range 100_000 {
		if s := p.Stats(); s.Leased+s.Making+s.Waiting == 0 {
			return
		}
		runtime.Gosched()
	}
	t.Fatalf("in use for ever: %+v", p.Stats())
}

func TestLease_EndsOnceHoweverManyEndIt(t *testing.T) {
	testkit.OnProcs(t, func(t *testing.T) {
		_, app, p := things(t, pool.Limit(2))
		for range 200 {
			owner := app.NewChild("owner")
			l := acquire(t, p, owner)
			var ends atomic.Int64
			var wg sync.WaitGroup
			for i := range 4 {
				wg.Go(func() {
					if i%2 == 0 && l.Release() || i%2 == 1 && l.Discard() {
						ends.Add(1)
					}
				})
			}
			wg.Go(func() { owner.Destroy() })
			wg.Wait()
			require.NoError(t, owner.Destroy())
			require.LessOrEqual(t, ends.Load(), int64(1))
			s := p.Stats()
			require.Zero(t, s.Leased)
			require.LessOrEqual(t, s.Idle, 1)
			conserved(t, p, 2)
		}
	})
}

// A waiter's context ends while the item comes back: whoever wins, the next
// waiter is served.
func TestAcquire_NoWakeUpIsLostToAContextThatEnds(t *testing.T) {
	testkit.OnProcs(t, func(t *testing.T) {
		_, app, p := things(t, pool.Limit(1))
		for i := range 300 {
			held := acquire(t, p, app)
			ctx, cancel := context.WithCancel(context.Background())
			var wg sync.WaitGroup
			wg.Go(func() {
				if l, err := p.Acquire(ctx, app); err == nil {
					l.Release()
				}
			})
			wg.Go(func() {
				l, err := p.Acquire(context.Background(), app)
				if err == nil {
					l.Release()
				}
			})
			for p.Stats().Waiting < 2 {
				runtime.Gosched()
			}
			wg.Go(cancel)
			if i%2 == 0 {
				held.Release()
			} else {
				held.Discard()
			}
			wg.Wait() // hangs where a wake-up was lost
			conserved(t, p, 1)
		}
	})
}

func TestPool_DestroyedUnderwayItHoldsNobody(t *testing.T) {
	testkit.OnProcs(t, func(t *testing.T) {
		for range 50 {
			app := tether.NewOwner("app")
			home := app.NewChild("home")
			f := new(factory)
			p := pool.New(home, f.make, pool.Limit(2), pool.Reset(reset), pool.Dispose(dispose))
			var wg sync.WaitGroup
			for range 5 {
				wg.Go(func() {
					for range 10 {
						l, err := p.Acquire(context.Background(), app)
						if err != nil {
							if !errors.Is(err, pool.ErrClosed) {
								t.Error(err)
							}
							return
						}
						l.Value().used++
						l.Release()
					}
				})
			}
			wg.Go(func() { home.Destroy() })
			wg.Wait()
			require.NoError(t, app.Destroy())
			s := p.Stats()
			require.Equal(t, pool.Stats{Made: s.Made, Disposed: s.Made}, s)
			for _, th := range f.things {
				require.Equal(t, 1, th.dispose)
			}
		}
	})
}
