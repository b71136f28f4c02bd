package state_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

// rounds is how often something is done under stress.
func rounds() int {
	if testing.Short() {
		return 100
	}
	return 400
}

func TestStress_ConcurrentSetsAreToldInOneOrderAndAll(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 0)
	same := state.NewComputed(o, func(use *state.Use) int { return x.Use(use) })
	var mu sync.Mutex // nobody else is at it at once, but the race detector need not know
	last, told, lastSame := 0, 0, 0
	x.Changes().Connect(o, func(c state.Change[int]) {
		if !mu.TryLock() {
			t.Error("two changes are delivered at once")
			return
		}
		defer mu.Unlock()
		if c.Old != last {
			t.Errorf("told %v after %d", c, last)
		}
		last = c.New
		told++
	})
	same.Changes().Connect(o, func(c state.Change[int]) {
		if c.Old != lastSame {
			t.Errorf("the computed value told %v after %d", c, lastSame)
		}
		lastSame = c.New
	})
	var wg sync.WaitGroup
	const setters = 4
	for s := range setters {
		wg.Go(func() {
			for i := range rounds() {
				x.Set(1 + s + setters*i) // all different
			}
		})
	}
	wg.Wait()
	require.Equal(t, setters*rounds(), told)
	require.Equal(t, x.Get(), last)
	require.Equal(t, x.Get(), lastSame)
	require.Equal(t, x.Get(), same.Get())
}

func TestStress_ConcurrentUpdatesLoseNothing(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 0)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range rounds() {
				x.Update(func(v int) int { return v + 1 })
			}
		})
	}
	wg.Wait()
	require.Equal(t, 4*rounds(), x.Get())
}

// Functions see what was true in one moment, though others set meanwhile.
func TestStress_NoComputingFunctionEverSeesAMixture(t *testing.T) {
	o := app(t)
	x, y := state.NewValue(o, 40), state.NewValue(o, 60) // always 100 together
	twice := state.NewComputed(o, func(use *state.Use) int { return 2 * x.Use(use) })
	check := func(what string, got, want int) {
		if got != want {
			t.Errorf("%s is %d, want %d", what, got, want)
		}
	}
	a := state.NewComputed(o, func(use *state.Use) int {
		v := x.Use(use)
		check("twice", twice.Use(use), 2*v)
		check("the sum", v+y.Use(use), 100)
		return v
	})
	b := state.NewComputed(o, func(use *state.Use) int {
		w := y.Use(use)
		check("the sum by a", a.Use(use)+w, 100)
		if w%2 == 0 { // dynamic
			check("twice in b", twice.Use(use), 2*(100-w))
		}
		return 100 - w
	})
	sum := state.NewComputed(o, func(use *state.Use) int {
		s := a.Use(use) + y.Use(use)
		check("the sum of a and y", s, 100)
		check("b", b.Use(use), a.Use(use))
		return s
	})
	var wg sync.WaitGroup
	for s := range 2 {
		wg.Go(func() {
			for i := range rounds() {
				var batch state.Batch
				x.SetIn(&batch, s+i)
				y.SetIn(&batch, 100-s-i)
				batch.Commit()
			}
		})
	}
	for _, c := range []*state.Computed[int]{a, b, sum} {
		wg.Go(func() {
			for range rounds() {
				if got := c.Get(); c == sum && got != 100 {
					t.Errorf("the sum is %d", got)
				}
			}
		})
	}
	wg.Go(func() {
		for range rounds() {
			conn := b.Changes().Connect(o, func(c state.Change[int]) {})
			conn.Disconnect()
		}
	})
	wg.Wait()
	require.Equal(t, x.Get(), a.Get())
	require.Equal(t, x.Get(), b.Get())
	require.Equal(t, 100, sum.Get())
}

// Get is linearizable: nobody goes back, and who has set sees it.
func TestStress_GetNeverGoesBack(t *testing.T) {
	o := app(t)
	x := state.NewValue(o, 0)
	half := state.NewComputed(o, func(use *state.Use) int { return x.Use(use) / 2 })
	top := state.NewComputed(o, func(use *state.Use) int { return 2*half.Use(use) + x.Use(use)%2 }) // x again
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 5 * rounds() {
			x.Set(i)
			if got := top.Get(); got != i {
				t.Errorf("got %d after Set of %d", got, i)
			}
		}
	})
	for range 3 {
		wg.Go(func() {
			last := 0
			for range 5 * rounds() {
				low := x.Get()
				got := top.Get()
				if got < last || got < low {
					t.Errorf("got %d after %d and %d", got, last, low)
				}
				last = got
			}
		})
	}
	wg.Wait()
}

func TestStress_WatchesEndWithTheLastValue(t *testing.T) {
	for range rounds() / 20 {
		o := app(t)
		x, y := state.NewValue(o, 0), state.NewValue(o, 0)
		mid := state.NewComputed(o, func(use *state.Use) int { return x.Use(use) % 7 })
		c := state.NewComputed(o, func(use *state.Use) int { return mid.Use(use)*100 + y.Use(use)%5 })
		var mu sync.Mutex
		last := map[int]int{}
		connect := func(id int) *tether.Connection {
			return c.Changes().Connect(o, func(ch state.Change[int]) {
				mu.Lock()
				defer mu.Unlock()
				last[id] = ch.New
			})
		}
		connect(0)
		var wg sync.WaitGroup
		wg.Go(func() {
			for i := range 50 {
				x.Set(i)
			}
		})
		wg.Go(func() {
			for i := range 50 {
				y.Set(i)
			}
		})
		wg.Go(func() {
			for range 50 {
				c.Get()
				connect(1).Disconnect()
			}
		})
		wg.Wait()
		mu.Lock()
		require.Equal(t, c.Get(), last[0])
		mu.Unlock()
	}
}

func TestStress_OwnersEnd(t *testing.T) {
	living := app(t)
	x := state.NewValue(living, 0)
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 10 * rounds() {
			x.Set(i)
		}
	})
	for range 3 {
		wg.Go(func() {
			for range rounds() {
				o := tether.NewOwner("o")
				dead := false
				c := state.NewComputed(o, func(use *state.Use) int {
					if dead {
						t.Error("computed after Destroy")
					}
					return x.Use(use)
				})
				user := state.NewComputed(living.NewChild("user"), func(use *state.Use) int { return c.Use(use) })
				c.Changes().Connect(o, func(state.Change[int]) {})
				user.Get()
				o.Destroy()
				dead = true
				user.Get()
				c.Get()
			}
		})
	}
	wg.Wait()
}
