package state_test

import (
	"io"
	"log/slog"
	"runtime"
	"testing"
	"time"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/state"
)

// collected waits until the collector has found that p's object is garbage.
func collected[T any](t *testing.T, what string, p weak.Pointer[T]) {
	t.Helper()
	for range 20 {
		runtime.GC()
		if p.Value() == nil {
			return
		}
	}
	t.Errorf("%s is still reachable", what)
}

func TestLeak_ADeadComputedIsNotKeptByItsDependencies(t *testing.T) {
	living := app(t)
	x := state.NewValue(living, 1)
	o := tether.NewOwner("o")
	c, captured := func() (weak.Pointer[state.Computed[int]], weak.Pointer[[1000]int]) {
		big := new([1000]int)
		c := state.NewComputed(o, func(use *state.Use) int { return big[0] + x.Use(use) })
		state.NewComputed(o, func(use *state.Use) int { return c.Use(use) }).Get()
		return weak.Make(c), weak.Make(big)
	}()
	runtime.GC()
	require.NotNil(t, c.Value())
	o.Destroy()
	collected(t, "what the function has captured", captured)
	collected(t, "the computed value", c)
	runtime.KeepAlive(x)
	runtime.KeepAlive(o)
}

func TestLeak_AHeldComputedLetsGoOfItsFunctionAtTheCutOff(t *testing.T) {
	o := tether.NewOwner("o")
	c, captured := func() (*state.Computed[int], weak.Pointer[[1000]int]) {
		big := new([1000]int)
		return state.NewComputed(o, func(*state.Use) int { return big[0] + 7 }), weak.Make(big)
	}()
	require.Equal(t, 7, c.Get())
	o.Destroy()
	collected(t, "what the function has captured", captured)
	require.Equal(t, 7, c.Get())
}

func TestLeak_ADroppedDependencyAndAnOldValueAreGarbage(t *testing.T) {
	o := app(t)
	living, child := app(t), o.NewChild("child")
	which := state.NewValue(living, true)
	dep, c := func() (weak.Pointer[state.Value[int]], *state.Computed[int]) {
		v := state.NewValue(child, 1)
		hold := &v
		return weak.Make(v), state.NewComputed(living, func(use *state.Use) int {
			if which.Use(use) {
				return (*hold).Use(use)
			}
			*hold = nil
			return 0
		})
	}()
	require.Equal(t, 1, c.Get())
	which.Set(false)
	require.Equal(t, 0, c.Get())
	child.Destroy()
	collected(t, "the value that is not used any more", dep)

	first := new([1000]int)
	old := weak.Make(first)
	x := state.NewValue(living, first)
	x.Changes().Connect(living, func(state.Change[*[1000]int]) {})
	user := state.NewComputed(living, func(use *state.Use) int { return x.Use(use)[0] })
	user.Get()
	x.Set(new([1000]int))
	user.Get()
	first = nil
	_ = first
	collected(t, "the value before", old)
	runtime.KeepAlive(c)
}

func TestLeak_NothingIsLeftInAnOwner(t *testing.T) {
	o := app(t)
	before := o.Stats()
	x := state.NewValue(o, 1)
	var src tether.Signal[tether.Tick]
	for range 100 {
		child := o.NewChild("child")
		c := state.NewComputed(child, func(use *state.Use) int { return x.Use(use) })
		conn := c.Changes().Connect(o, func(state.Change[int]) {})
		s := state.NewSpring(child, &src, 0, state.SpringConfig{Frequency: 1})
		s.SetTarget(1)
		state.NewTween(child, &src, 0, 1, time.Second, state.Linear)
		x.Update(func(v int) int { return v + 1 })
		child.Destroy()
		require.False(t, conn.Connected())
	}
	require.Equal(t, before, o.Stats())
	require.Zero(t, src.Len())
}

// What refers to its owner's handle from inside keeps the collector from finding
// an owner that nobody destroyed.
func TestLeak_ALostOwnerIsFoundDespiteItsValues(t *testing.T) {
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	defer slog.SetDefault(before)
	var src tether.Signal[tether.Tick]
	handle := func() weak.Pointer[tether.Owner] {
		o := tether.NewOwner("lost")
		x := state.NewValue(o, 1)
		c := state.NewComputed(o, func(use *state.Use) int { return x.Use(use) })
		c.Changes().Connect(o, func(state.Change[int]) {})
		state.NewSpring(o, &src, 0, state.SpringConfig{Frequency: 1})
		state.NewTween(o, &src, 0, 1, time.Second, state.Linear)
		return weak.Make(o)
	}()
	collected(t, "the lost owner", handle)
	runtime.KeepAlive(&src)
}

// Each Done of a spring that had set out again left something with the owner.
func TestLeak_ASpringWhoseDoneIsAskedForAgainAndAgainLeavesNothing(t *testing.T) {
	o := app(t)
	var src tether.Signal[tether.Tick]
	s := state.NewSpring(o, &src, 0, state.SpringConfig{Frequency: 1, Damping: 1})
	trips := func(n int) uint64 {
		for i := range n {
			s.SetTarget(float64(1 + i%2))
			done := s.Done()
			src.Fire(tether.Tick{Delta: time.Hour})
			<-done
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	before := trips(100)
	require.Less(t, trips(20_000), before+500_000, "bytes")
	s.SetTarget(5)
	done := s.Done()
	o.Destroy()
	<-done
	<-s.Done()
}
