package tether_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

// fireAllocs returns what a Fire of v to three owners allocates.
func fireAllocs[T any](t *testing.T, v T) float64 {
	t.Helper()
	app := tether.NewOwner("app")
	defer app.Destroy()
	var s tether.Signal[T]
	n := 0
	for range 3 {
		s.Connect(app.NewChild("child"), func(T) { n++ })
	}
	return testing.AllocsPerRun(100, func() { s.Fire(v) })
}

func TestBudget_FireDoesNotAllocate(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		defer o.Destroy()
		for name, fire := range map[string]func() func(){
			"no handlers": func() func() { var s tether.Signal[int]; return func() { s.Fire(1) } },
			"int": func() func() {
				var s tether.Signal[int]
				sum := 0
				for i := range 10 {
					s.Connect(o.NewChild("c"), func(v int) { sum += v }, tether.Priority(i%3))
				}
				return func() { s.Fire(1) }
			},
			"256 bytes": func() func() {
				var s tether.Signal[[256]byte]
				sum := 0
				s.Connect(o, func(v [256]byte) { sum += int(v[3]) })
				s.ConnectSelf(o, func(_ *tether.Connection, v [256]byte) { sum += int(v[3]) })
				return func() { s.Fire([256]byte{}) }
			},
			"interface": func() func() {
				var s tether.Signal[error]
				n := 0
				s.Connect(o, func(err error) { n++ })
				return func() { s.Fire(tether.ErrPending) }
			},
			"queue": func() func() {
				var s tether.Signal[int]
				sum := 0
				q := tether.NewQueue(o, 8, tether.DropOldest, tether.Manual())
				s.Connect(o, func(v int) { sum += v }, tether.On(q))
				return func() { s.Fire(1) }
			},
			"nested": func() func() {
				var s tether.Signal[int]
				s.Connect(o, func(v int) {
					if v > 0 {
						s.Fire(v - 1)
					}
				})
				return func() { s.Fire(3) }
			},
		} {
			f := fire()
			for range 100 {
				f()
			}
			require.Zero(t, testing.AllocsPerRun(100, f), name)
		}
	})
}

func TestBudget_AFireOfAnyTypeAllocatesNothing(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		require.Zero(t, fireAllocs(t, [256]byte{1}), "a 256-byte array")
		require.Zero(t, fireAllocs(t, new(int)), "a pointer")
		require.Zero(t, fireAllocs[error](t, tether.ErrPending), "an interface")
		require.Zero(t, fireAllocs(t, struct{}{}), "nothing")
	})
}

func TestBudget_ConnectAndDisconnectAllocateTwiceAtMost(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		defer o.Destroy()
		var s tether.Signal[int]
		h := func(int) {}
		for _, others := range []int{0, 1000} {
			for s.Len() < others {
				s.Connect(o, h)
			}
			require.LessOrEqual(t, testing.AllocsPerRun(10_000, func() { s.Connect(o, h).Disconnect() }), 2.0, "others=%d", others)
		}
	})
}

// An owner is a handle and a state, a connection one object; the end of both is
// free.
func TestBudget_AnOwnerThatComesAndGoesAllocatesThreeTimes(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		var s tether.Signal[int]
		h := func(int) {}
		require.LessOrEqual(t, testing.AllocsPerRun(1000, func() {
			o := app.NewChild("child")
			s.Connect(o, h)
			o.Destroy()
		}), 3.0)
	})
}

func TestBudget_AQueueAllocatesNothingForItsValues(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		var s tether.Signal[int]
		q := tether.NewQueue(app, 100, tether.Block, tether.Manual())
		n := 0
		s.Connect(app, func(int) { n++ }, tether.On(q))
		require.LessOrEqual(t, testing.AllocsPerRun(100, func() {
			for i := range 50 {
				s.Fire(i)
			}
			q.Drain() // the goroutine's id is read into a buffer
		}), 1.0)
	})
}

func TestBudget_AHundredThousandIdleQueuesHaveNoGoroutine(t *testing.T) {
	base := alone(t)
	app := tether.NewOwner("app")
	var s tether.Signal[int]
	for range 100_000 {
		s.Connect(app, func(int) {}, tether.On(tether.NewQueue(app, 1, tether.Block)))
	}
	requireGoroutines(t, base, "idle")
	require.NoError(t, app.DestroyContext(context.Background()))
	requireGoroutines(t, base, "destroyed")
	runtime.KeepAlive(&s)
}
