package history_test

import (
	"math"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/history"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/testkit"
)

// whileCut cancels root, and calls f between the moment from which on root and its
// children are seen dead and what the cut-off does in the children after that.
func whileCut(t *testing.T, root *tether.Owner, f func()) {
	t.Helper()
	called := false
	require.True(t, handle.Scope("test", root).OnCut(func() {}, func() {
		called = true
		f()
	}))
	root.Cancel(nil)
	require.True(t, called)
}

// A ring looked at the error of its owner's context, which is set some time after
// the owner is seen dead: until then it took connections, and delivered.
func TestRing_IsDeadWhenItsOwnerIsSeenDead(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	root := app.NewChild("root")
	owner := root.NewChild("owner")
	var s tether.Signal[int]
	r := history.Record(owner, &s, 2)
	s.Fire(1)
	s.Fire(2)
	ctx := owner.Context()
	var before, during list
	r.Connect(app, before.add)
	whileCut(t, root, func() {
		require.False(t, owner.Alive())
		require.NoError(t, ctx.Err(), "too late to tell")
		require.False(t, r.Connect(app, during.add).Connected())
		require.False(t, r.Once(app, during.add).Connected())
		s.Fire(3)
		require.Equal(t, []int{1, 2}, slices.Collect(r.All()), "a cleanup may still save them")
	})
	require.Equal(t, list{1, 2}, before)
	require.Empty(t, during)
	<-owner.Ended()
	require.Zero(t, r.Len())
}

// The connections were ended by an interrupt, which after a Cancel runs on another
// goroutine, behind the user's own.
func TestRing_HasEndedItsConnectionsWhenCancelReturns(t *testing.T) {
	owner, s, r := newRing(t, 3, 3)
	other := tether.NewOwner("other")
	defer other.Destroy()
	leave := make(chan bool)
	owner.Interrupt(func() { <-leave })
	conns := []*tether.Connection{
		r.Connect(other, func(int) {}),
		r.Connect(other, func(int) {}, tether.Priority(1)),
		r.Connect(other, func(int) {}, tether.On(tether.NewQueue(other, 3, tether.Block))),
	}
	owner.Cancel(nil)
	for _, c := range conns {
		require.False(t, c.Connected())
	}
	require.Zero(t, other.Stats().Connections)
	require.Zero(t, s.Len())
	require.Equal(t, 3, r.Len())
	close(leave)
	<-owner.Ended()
	require.Zero(t, r.Len())
}

func TestRing_IsCutOffInEveryStageOfItsOwner(t *testing.T) {
	var s tether.Signal[int]
	record := func(o *tether.Owner) *history.Ring[int] {
		r := history.Record(o, &s, 1)
		s.Fire(1)
		require.Zero(t, r.Len())
		require.False(t, r.Connect(o, func(int) {}).Connected())
		return r
	}
	o := tether.NewOwner("o")
	o.Defer(func() { record(o) })     // unwinding
	o.Interrupt(func() { record(o) }) // cut
	o.Destroy()
	record(o) // ended
	require.Equal(t, tether.Stats{}, o.Stats())
	require.Zero(t, s.Len())
}

// A lost owner's cleanup may refer to the owner. Whoever holds the ring must not
// hold the cleanup.
func TestRing_HidesNoLostRootWhoseCleanupRefersToIt(t *testing.T) {
	defer tether.OnLost(func(tether.Lost) {})()
	var r *history.Ring[int]
	lost := make(chan bool)
	func() {
		app := tether.NewOwner("forgotten")
		app.Defer(func() { app.Name() })
		s := tether.NewSignal[int](app)
		r = history.Record(app, s, 1)
		s.Fire(1)
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
	require.Equal(t, 1, r.Len())
}

// depth returns how many calls deep the stack of the caller is, up to 4096.
func depth() int { return runtime.Callers(0, make([]uintptr, 4096)) }

// Each panic stood on the stack of the one before.
func TestRing_DeliversToAllHoweverManyPanic(t *testing.T) {
	const n = 5000
	owner, s, r := newRing(t, 1, 0)
	k, deepest := 0, 0
	for range n {
		r.Connect(owner, func(int) { k++; deepest = max(deepest, depth()); panic(k) })
	}
	require.PanicsWithValue(t, n, func() { s.Fire(1) })
	require.Equal(t, n, k)
	require.Less(t, deepest, 1000)
}

func TestRing_ReplaysAllHoweverManyPanic(t *testing.T) {
	const n = 5000
	owner, _, r := newRing(t, n, n)
	k, deepest := 0, 0
	require.PanicsWithValue(t, n, func() {
		r.Connect(owner, func(v int) { k++; deepest = max(deepest, depth()); panic(v) })
	})
	require.Equal(t, n, k)
	require.Less(t, deepest, 1000)
}

func TestRing_TakesTheExtremePriorities(t *testing.T) {
	owner, s, r := newRing(t, 1, 0)
	var got list
	for i, p := range []int{0, math.MinInt, math.MaxInt, math.MaxInt - 1, math.MinInt, math.MaxInt} {
		r.Connect(owner, func(int) { got.add(i) }, tether.Priority(p))
	}
	s.Fire(1)
	require.Equal(t, list{2, 5, 3, 0, 1, 4}, got)
}

// priorities returns how long it takes to connect n subscribers of as many
// priorities, deliver a value to all, and end them.
func priorities(t *testing.T, n int, order func(i int) int) time.Duration {
	owner := tether.NewOwner("owner")
	var s tether.Signal[int]
	r := history.Record(owner, &s, 1)
	calls, last := 0, n
	d := testkit.CPU(func() {
		for i := range n {
			p := order(i)
			r.Connect(owner, func(int) {
				calls++
				if p >= last {
					t.Errorf("%d after %d", p, last)
				}
				last = p
			}, tether.Priority(p))
		}
		s.Fire(1)
		owner.Destroy()
	})
	require.Equal(t, n, calls)
	return d
}

// A new priority cost a copy of the list of all.
func TestRing_TakesManyPrioritiesInLinearTime(t *testing.T) {
	const small, factor = 500, 64
	for name, order := range map[string]func(n int) func(i int) int{
		"rising":  func(int) func(int) int { return func(i int) int { return i } },
		"falling": func(n int) func(int) int { return func(i int) int { return n - 1 - i } },
		"mixed":   func(n int) func(int) int { return func(i int) int { return i * 7919 % n } },
	} {
		t.Run(name, func(t *testing.T) {
			// The same number of priorities in as long a time, so that a busy machine
			// slows both down alike: in many rings, and in one. Quadratic is 64 times; caches
			// that are too small for the one are up to 10.
			least := func(n, times int) (d time.Duration) {
				for range 3 {
					var sum time.Duration
					for range times {
						sum += priorities(t, n, order(n))
					}
					if d == 0 || sum < d {
						d = sum
					}
				}
				return d
			}
			a, b := least(small, factor), least(factor*small, 1)
			require.Less(t, b, 32*a, "%d times %d priorities: %v, %d: %v", factor, small, a, factor*small, b)
		})
	}
}

// The connection stood, and recorded into a ring that nobody had, for as long as owner lived.
func TestRecord_OfASourceThatPanicsWhenItBecomesActiveLeavesNothing(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	q := tether.NewQueue(app, 1, tether.Block)
	s := tether.NewSignal[int](app, tether.WhileActive(func(*tether.Owner) { panic("inactive") }))
	queued := tether.NewSource(func(o *tether.Owner, handler func(int), opts ...tether.ConnectOption) *tether.Connection {
		return s.Connect(o, handler, append(opts, tether.On(q))...)
	})
	for _, src := range []tether.Source[int]{s, queued} {
		o := app.NewChild("o")
		require.PanicsWithValue(t, "inactive", func() { history.Record(o, src, 1) })
		require.Equal(t, tether.Stats{Owners: 1}, o.Stats())
		require.Zero(t, s.Len())
	}
}
