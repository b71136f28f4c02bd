package state

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

// Passes are kept to be used again, but not many, none that has grown large, and nothing of what
// they were for.
func TestKept_PassesAreFewAndSmallAndEmpty(t *testing.T) {
	o := tether.NewOwner("o")
	defer o.Destroy()
	for _, watched := range []int{1, 30, 9000} {
		v := NewValue(o, 0)
		for range watched {
			NewComputed(o, func(use *Use) int { return v.Use(use) }).Changes().Connect(o, func(Change[int]) {})
		}
		v.Set(1)
		last := Readable[int](v)
		for range watched {
			l := last
			last = NewComputed(o, func(use *Use) int { return l.Use(use) })
			last.Get()
		}
		v.Set(2)
		require.Equal(t, 2, last.Get())
		checkSpares(t)
	}
	in := make([]*Computed[int], 20) // as many passes at a time
	for i := range in {
		in[i] = NewComputed(o, func(*Use) int {
			if i+1 == len(in) {
				return 1
			}
			return in[i+1].Get()
		})
	}
	require.Equal(t, 1, in[0].Get())
	checkSpares(t)
	require.Positive(t, books.spares)
}

func checkSpares(t *testing.T) {
	books.mu.Lock()
	defer books.mu.Unlock()
	n := 0
	for p := books.spare; p != nil; p = p.next {
		n++
		require.LessOrEqual(t, cap(p.frames), 1<<12)
		require.LessOrEqual(t, cap(p.todo), 1<<12)
		require.LessOrEqual(t, cap(p.deliver), 1<<12)
		for _, f := range p.frames[:cap(p.frames)] {
			require.Nil(t, f.node)
		}
		for _, todo := range p.todo[:cap(p.todo)] {
			require.Nil(t, todo)
		}
		for _, d := range p.deliver[:cap(p.deliver)] {
			require.Nil(t, d.of)
		}
	}
	require.Equal(t, books.spares, n)
	require.LessOrEqual(t, n, spares)
}

// A source is known as long as something moves with it.
func TestKept_NothingIsKeptOfASourceThatMovesNothingAnyMore(t *testing.T) {
	known := func() int {
		groups.mu.Lock()
		defer groups.mu.Unlock()
		return len(groups.of)
	}
	o := tether.NewOwner("o")
	defer o.Destroy()
	before := known()
	func() {
		app := o.NewChild("app")
		for range 10 {
			NewTween(app, new(tether.Signal[tether.Tick]), 0, 1, time.Second, Linear)
		}
		require.Equal(t, before+10, known())
		require.NoError(t, app.Destroy())
	}()
	testkit.Collect(t, "the groups of the sources", func() bool { return known() <= before })
}

// A mover whose owner is cut off while it is awake is forgotten by the others with the next tick.
func TestKept_NoMoverStaysAwakeWhoseOwnerIsDead(t *testing.T) {
	o := tether.NewOwner("o")
	defer o.Destroy()
	var ticks tether.Signal[tether.Tick]
	one, other := o.NewChild("one"), o.NewChild("other")
	a := NewTween(one, &ticks, 0, 9, 9*time.Second, Linear)
	NewTween(other, &ticks, 0, 9, 9*time.Second, Linear)
	NewTween(other, &ticks, 0, 9, 9*time.Second, Linear)
	a.Changes().Connect(one, func(Change[float64]) { other.Cancel(nil) }) // they have moved, and are ahead
	for i := range 3 {
		ticks.Fire(tether.Tick{Delta: time.Second})
		require.Equal(t, float64(i+1), a.Get())
	}
	require.Len(t, a.mover.group.awake, 1)
	for _, m := range a.mover.group.awake[:3] {
		require.True(t, m == nil || m == &a.mover, "it is garbage")
	}
}

// What a computed value costs, besides what its owner has of it.
func TestKept_AComputedValueOfOneOtherHasRoomForThat(t *testing.T) {
	o := tether.NewOwner("o")
	defer o.Destroy()
	v := NewValue(o, 1)
	f := func(use *Use) int { return v.Use(use) }
	var c *Computed[int]
	v.source.first.user = &node{} // so that each link to v is an object: its room is taken
	made := testing.AllocsPerRun(100, func() {
		c = NewComputed(o, f)
		c.Get()
	})
	v.source.first.user = nil
	require.Equal(t, 1, c.Get())
	require.LessOrEqual(t, made, 3.0, "the value, what its owner has of it, and the link")
}
