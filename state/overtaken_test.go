package state_test

import (
	"runtime"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

// A gate holds whoever passes it first.
type gate struct {
	once sync.Once
	open chan struct{}
}

func newGate() *gate { return &gate{open: make(chan struct{})} }

func (g *gate) pass() { g.once.Do(func() { <-g.open }) }

func TestOvertaken_ARunIsUnwoundAtItsNextUse(t *testing.T) {
	for _, recovers := range []bool{false, true} {
		for _, computed := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				o := tether.NewOwner("o")
				g := newGate()
				x, y := state.NewValue(o, 1), state.NewValue(o, 1) // always equal
				var z state.Readable[int] = y
				if computed {
					z = state.NewComputed(o, func(use *state.Use) int { return y.Use(use) })
				}
				unwound := 0
				c, n := counted(o, func(use *state.Use) (v int) {
					defer func() {
						if !recovers {
							return
						}
						if recover() != nil {
							v = -1
						}
					}()
					v = x.Use(use)
					unwound++
					g.pass()
					if w := z.Use(use); w != v {
						t.Errorf("saw %d and %d", v, w)
					}
					unwound--
					return v
				})
				got := make(chan int)
				go func() { got <- c.Get() }()
				synctest.Wait()
				var b state.Batch
				x.SetIn(&b, 2)
				y.SetIn(&b, 2)
				b.Commit()
				close(g.open)
				require.Equal(t, 2, <-got)
				require.Equal(t, 2, c.Get())
				require.Equal(t, 2, *n)
				require.Equal(t, 1, unwound)
				require.NoError(t, o.Destroy())
			})
		}
	}
}

func TestOvertaken_AtTheEndItIsGivenButNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		g := newGate()
		x := state.NewValue(o, 1)
		c, n := counted(o, func(use *state.Use) int {
			v := x.Use(use)
			g.pass()
			return v
		})
		got := make(chan int)
		go func() { got <- c.Get() }()
		synctest.Wait()
		x.Set(2)
		user := make(chan int)
		go func() { // it began after the Set
			user <- state.NewComputed(o, func(use *state.Use) int { return c.Use(use) }).Get()
		}()
		synctest.Wait()
		close(g.open)
		require.Equal(t, 1, <-got, "true when Get was called")
		require.Equal(t, 2, <-user)
		require.Equal(t, 2, c.Get())
		require.Equal(t, 2, *n)
		require.NoError(t, o.Destroy())
	})
}

func TestOvertaken_AWatchedRunIsSettledByWhoOvertook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		var g *gate
		x := state.NewValue(o, 1)
		c := state.NewComputed(o, func(use *state.Use) int {
			v := x.Use(use)
			if g != nil {
				g.pass()
			}
			return v
		})
		got := log(o, c.Changes())
		g = newGate()
		go x.Set(2)
		synctest.Wait()
		go x.Set(3)
		synctest.Wait()
		close(g.open)
		synctest.Wait()
		require.Equal(t, []state.Change[int]{{Old: 1, New: 3}}, *got)
		require.NoError(t, o.Destroy())
	})
}

func TestOvertaken_ARunThatFailsAnywayTaintsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reports := 0
		o := tether.NewOwner("o", tether.WithPanicHandler(func(*tether.PanicError) { reports++ }))
		g := newGate()
		x := state.NewValue(o, 0)
		c := state.NewComputed(o, func(use *state.Use) int {
			v := x.Use(use)
			g.pass()
			return 100 / v
		})
		user, n := counted(o, func(use *state.Use) int { return c.Use(use) })
		got := make(chan int)
		go func() { got <- user.Get() }()
		synctest.Wait()
		x.Set(4)
		close(g.open)
		require.Equal(t, 25, <-got)
		require.Equal(t, 25, user.Get())
		require.Equal(t, 1, *n, "kept")
		require.Equal(t, 1, reports)
		require.NoError(t, o.Destroy())
	})
}

func TestUpdate_IsDoneAgainIfASetCameBetween(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 1)
	n := 0
	x.Update(func(v int) int {
		if n++; n == 1 {
			x.Set(10)
		}
		return v + 1
	})
	require.Equal(t, 11, x.Get())
	require.Equal(t, 2, n)
}

func TestComputed_AWatchedOneThatAGetFindsWellAgainIsTold(t *testing.T) {
	o := app(t)
	x, broken := state.NewValue(o, 1), false
	c := state.NewComputed(o, func(use *state.Use) int {
		if x.Use(use); broken {
			panic("broken")
		}
		return x.Use(use)
	})
	got := log(o, c.Changes())
	broken = true
	require.Equal(t, "broken", panicOf(func() { x.Set(2) }))
	broken = false
	require.Equal(t, 2, c.Get())
	require.Equal(t, []state.Change[int]{{Old: 1, New: 2}}, *got)
}

func TestCycle_ARecoveredOneIsNotKept(t *testing.T) {
	o := app(t)
	var a *state.Computed[int]
	b, n := counted(o, func(use *state.Use) (v int) {
		defer func() {
			if recover() != nil {
				v = -1
			}
		}()
		return a.Use(use)
	})
	a = state.NewComputed(o, func(use *state.Use) int { return b.Use(use) + 1 })
	require.Equal(t, 0, a.Get())
	require.Equal(t, 1, *n)
	require.Equal(t, 0, a.Get())
	require.Equal(t, 2, *n)
}

func TestChanges_AConnectionMadeDuringSetsIsToldAllLaterOnes(t *testing.T) {
	for range 20 * rounds() {
		o := tether.NewOwner("o")
		x := state.NewValue(o, 0)
		c := state.NewComputed(o, func(use *state.Use) int { return x.Use(use) })
		start := make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			<-start
			for i := range 10 {
				x.Set(i)
			}
		})
		last := -1
		close(start)
		runtime.Gosched()
		c.Changes().Connect(o, func(ch state.Change[int]) { last = ch.New })
		wg.Wait()
		x.Set(100)
		require.Equal(t, 100, last)
		o.Destroy()
	}
}

// The steps of a Use between which another goroutine's Set may fall are few and
// short, so this one goes through many.
func TestUse_NoneMixesItsMomentWithALaterOne(t *testing.T) {
	o := app(t)
	x, y := state.NewValue(o, 0), state.NewValue(o, 0) // equal
	c := state.NewComputed(o, func(use *state.Use) int {
		a := x.Use(use)
		b := y.Use(use)
		if a != b {
			t.Errorf("saw %d and %d", a, b)
		}
		return a
	})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for range 200 * rounds() {
				c.Get()
			}
		})
	}
	wg.Go(func() {
		for i := range 100 * rounds() {
			var b state.Batch
			x.SetIn(&b, i)
			y.SetIn(&b, i)
			b.Commit()
		}
	})
	wg.Wait()
}

// A Set that comes while a look at what was used is half way marks what was looked at already.
func TestOvertaken_ALookThatASetInterruptsBeginsAgain(t *testing.T) {
	o := app(t)
	x, y := state.NewValue(o, 1), state.NewValue(o, 1)
	first := state.NewComputed(o, func(use *state.Use) int { return x.Use(use) })
	var meanwhile func()
	second := state.NewComputed(o, func(use *state.Use) int {
		v := y.Use(use) % 10
		if meanwhile != nil {
			done := make(chan bool)
			go func() {
				defer close(done)
				meanwhile()
			}()
			<-done
		}
		return v
	})
	sum := state.NewComputed(o, func(use *state.Use) int { return first.Use(use) + 100*second.Use(use) })
	require.Equal(t, 101, sum.Get())
	meanwhile = func() { x.Set(2) }
	y.Set(11) // second stays what it is
	require.Equal(t, 102, sum.Get())
}
