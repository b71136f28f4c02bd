package weakref_test

import (
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
	"github.com/seed-ec287111/tether/weakref"
)

// Tables that nobody used any more stayed as cleanups on their owner.
func TestTable_LeavesNothingOnItsOwnerWhenItIsDropped(t *testing.T) {
	o := newOwner(t)
	kept := weakref.NewMap[object, int](o)
	o.Defer(func() {})
	want := o.Stats()
	for range 5000 {
		weakref.NewMap[object, int](o).Set(new(object), 1)
		weakref.NewCache[int, object](o).Set(1, new(object))
	}
	testkit.Collect(t, "the tables", func() bool { return o.Stats() == want })
	key := new(object)
	require.True(t, kept.Set(key, 1), "in use")
	o.Destroy()
	require.False(t, kept.Set(key, 1), "closed")
	runtime.KeepAlive(kept)
}

// The owner's end and the table's come together: whichever is first, the other has
// nothing to do.
func TestTable_MayBeDroppedWhileItsOwnerEnds(t *testing.T) {
	for range 50 {
		o := tether.NewOwner("o")
		for range 50 {
			weakref.NewMap[object, int](o)
		}
		go runtime.GC()
		o.Destroy()
		require.Equal(t, tether.Stats{}, o.Stats())
	}
	dead := tether.NewOwner("dead")
	dead.Destroy()
	for range 50 {
		require.False(t, weakref.NewMap[object, int](dead).Set(new(object), 1))
	}
	runtime.GC()
}

// The runtime takes a dropped table off its owner from outside of the bubble.
func TestTable_MayBeDroppedInABubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		for range 100 {
			weakref.NewMap[object, int](o)
		}
		for o.Stats().Cleanups > 0 {
			runtime.GC()
			runtime.Gosched()
		}
		require.NoError(t, o.Destroy())
	})
}

// A table in use must not keep its owner's other cleanups, one of which may refer
// to the owner.
func TestTable_HidesNoLostRootWhoseCleanupRefersToIt(t *testing.T) {
	defer tether.OnLost(func(tether.Lost) {})()
	var m *weakref.Map[object, int]
	lost := make(chan bool)
	func() {
		app := tether.NewOwner("forgotten")
		m = weakref.NewMap[object, int](app)
		app.Defer(func() { app.Name() })
		runtime.AddCleanup(app, func(c chan bool) { close(c) }, lost)
	}()
	testkit.Collect(t, "the lost root", func() bool {
		select {
		case <-lost:
			return true
		case <-time.After(time.Millisecond):
			return false
		}
	})
	require.True(t, m.Set(new(object), 1), "nobody has closed it")
}

// drop returns how long it takes to make n tables of one owner, and have the
// runtime take them back.
func drop(t *testing.T, n int) time.Duration {
	o := tether.NewOwner("o")
	defer o.Destroy()
	return testkit.CPU(func() {
		for range n {
			weakref.NewMap[object, int](o)
		}
		testkit.Collect(t, "the tables", func() bool { return o.Stats().Cleanups == 0 })
	})
}

func TestTable_IsDroppedInConstantTime(t *testing.T) {
	const small, factor = 4000, 16
	least := func(n int) time.Duration { return min(drop(t, n), drop(t, n), drop(t, n)) }
	a, b := least(small), least(factor*small)
	require.Less(t, b, 4*factor*a, "%d tables: %v, %d: %v", small, a, factor*small, b)
}
