package pool_test

import (
	"errors"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/pool"
)

var errOuch = errors.New("ouch")

// attempt runs f on a goroutine of its own and says how it went: "fine", "error",
// "panic" or "Goexit".
func attempt(f func() error) (how string) {
	done := make(chan bool)
	go func() {
		defer close(done)
		defer func() {
			if v := recover(); v != nil {
				how = "panic"
			}
		}()
		how = "Goexit" // unless it goes on
		if err := f(); err != nil {
			how = "error"
		} else {
			how = "fine"
		}
	}()
	<-done
	return how
}

// failures are the ways in which a function of the pool's can fail.
var failures = map[string]func() error{
	"panic":  func() error { panic(errOuch) },
	"Goexit": func() error { runtime.Goexit(); return nil },
	"error":  func() error { return errOuch },
}

func TestNew_AFailingOneLosesNoSlotAndHandsItToTheNextInLine(t *testing.T) {
	for name, fail := range failures {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app := tether.NewOwner("app")
				defer app.Destroy()
				enter, n := make(chan bool), 0
				p := pool.New(app, func() (int, error) {
					if n++; n == 1 {
						<-enter
						return 0, fail()
					}
					return n, nil
				}, pool.Limit(1))
				first := make(chan string)
				go func() {
					first <- attempt(func() error { _, err := p.Acquire(t.Context(), app); return err })
				}()
				synctest.Wait()
				require.Equal(t, pool.Stats{Making: 1}, p.Stats())
				var next *pool.Lease[int]
				go func() { next = acquire(t, p, app) }()
				synctest.Wait()
				require.Equal(t, pool.Stats{Making: 1, Waiting: 1}, p.Stats())
				close(enter)
				require.Equal(t, name, <-first)
				synctest.Wait()
				require.Equal(t, 2, next.Value())
				require.Equal(t, pool.Stats{Leased: 1, Made: 1}, p.Stats())
			})
		})
	}
}

func TestReset_AnItemThatCanNotBeResetIsDisposedOfAndItsSlotIsFree(t *testing.T) {
	for _, how := range []string{"panic", "Goexit"} {
		for _, by := range []string{"Release", "Destroy"} {
			t.Run(how+" in "+by, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					f := new(factory)
					app := tether.NewOwner("app")
					defer app.Destroy()
					p := pool.New(app, f.make, pool.Limit(1), pool.Dispose(dispose), pool.Reset(func(th *thing) {
						if th.id == 1 {
							failures[how]()
						}
					}))
					owner := app.NewChild("owner")
					l := acquire(t, p, owner)
					th := l.Value()
					var next *pool.Lease[*thing]
					go func() { next = acquire(t, p, app) }()
					synctest.Wait()
					got := attempt(func() error {
						if by == "Destroy" {
							return owner.Destroy()
						}
						l.Release()
						return nil
					})
					require.Equal(t, how, got)
					synctest.Wait()
					require.Equal(t, 1, th.dispose)
					require.Equal(t, 2, next.Value().id)
					require.Equal(t, pool.Stats{Leased: 1, Made: 2, Disposed: 1}, p.Stats())
					require.False(t, l.Release())
				})
			})
		}
	}
}

func TestDispose_AFailingOneLosesNoSlot(t *testing.T) {
	for _, how := range []string{"panic", "Goexit"} {
		t.Run(how, func(t *testing.T) {
			f := new(factory)
			app := tether.NewOwner("app")
			defer app.Destroy()
			home := app.NewChild("home")
			p := pool.New(home, f.make, pool.Limit(3), pool.Prewarm(3), pool.Dispose(func(th *thing) {
				th.dispose++
				failures[how]()
			}))
			l := acquire(t, p, app)
			require.Equal(t, how, attempt(func() error { l.Discard(); return nil }))
			require.Equal(t, pool.Stats{Idle: 2, Made: 3, Disposed: 1}, p.Stats())
			acquire(t, p, app).Release()

			require.Equal(t, how, attempt(home.Destroy))
			<-home.Ended()
			require.Equal(t, pool.Stats{Made: 3, Disposed: 3}, p.Stats())
			for _, th := range f.things {
				require.Equal(t, 1, th.dispose)
			}
		})
	}
}

func TestPrewarm_APanicDisposesOfWhatIsThereWithTheOwner(t *testing.T) {
	app := tether.NewOwner("app")
	n, disposed := 0, 0
	require.PanicsWithError(t, "ouch", func() {
		pool.New(app, func() (int, error) {
			if n == 2 {
				panic(errOuch)
			}
			n++
			return n, nil
		}, pool.Prewarm(5), pool.Dispose(func(int) { disposed++ }))
	})
	require.NoError(t, app.Destroy())
	require.Equal(t, 2, disposed)
}

func TestReset_APanicInAnUnwindingGoesToThePanicHandler(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	p := pool.New(app, new(factory).make, pool.Reset(func(*thing) { panic(errOuch) }))
	var got error
	owner := app.NewChild("owner", tether.WithPanicHandler(func(p *tether.PanicError) { got = p }))
	acquire(t, p, owner)
	require.NoError(t, owner.Destroy())
	require.ErrorIs(t, got, errOuch)
	require.Equal(t, pool.Stats{Made: 1, Disposed: 1}, p.Stats())
}

func TestPool_ItsFunctionsMayUseIt(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var p *pool.Pool[*int]
	depth := 0
	p = pool.New(app, func() (*int, error) {
		if depth++; depth < 3 {
			l, err := p.Acquire(t.Context(), app)
			if err != nil {
				return nil, err
			}
			defer l.Release()
		}
		p.Stats()
		return new(int), nil
	}, pool.Reset(func(*int) { p.Stats() }), pool.Dispose(func(*int) { p.Stats() }))
	acquire(t, p, app).Release()
	require.Equal(t, pool.Stats{Idle: 3, Made: 3}, p.Stats())
}
