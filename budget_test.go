package tether_test

import (
	"context"
	"runtime"
	"testing"

	"github.com/seed-ec287111/tether"
	"github.com/stretchr/testify/require"
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

func TestAFireOfAnyTypeAllocatesNothing(t *testing.T) {
	require.Zero(t, fireAllocs(t, [256]byte{1}), "a 256-byte array")
	require.Zero(t, fireAllocs(t, new(int)), "a pointer")
	require.Zero(t, fireAllocs[error](t, tether.ErrPending), "an interface")
	require.Zero(t, fireAllocs(t, struct{}{}), "nothing")
}

// An owner is a handle and a state, a connection one object; the end of both is
// free.
func TestAnOwnerThatComesAndGoesAllocatesThreeTimes(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var s tether.Signal[int]
	h := func(int) {}
	require.LessOrEqual(t, testing.AllocsPerRun(1000, func() {
		o := app.NewChild("child")
		s.Connect(o, h)
		o.Destroy()
	}), 3.0)
}

func TestAQueueAllocatesNothingForItsValues(t *testing.T) {
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
}

func TestAHundredThousandIdleQueuesHaveNoGoroutine(t *testing.T) {
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
