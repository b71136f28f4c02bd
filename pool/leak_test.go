package pool_test

import (
	"runtime"
	"testing"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/pool"
)

// collect runs the collector until done reports true, which it must.
func collect(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 100 {
		runtime.GC()
		if done() {
			return
		}
	}
	t.Fatalf("%s was not collected after 100 collections", what)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestLeasesThatComeAndGoLeaveTheHeapFlat(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	p := pool.New(app, func() (*[64]byte, error) { return new([64]byte), nil }, pool.Limit(4))
	round := func() {
		a, b := acquire(t, p, app), acquire(t, p, app)
		a.Release()
		b.Discard()
		o := app.NewChild("owner")
		acquire(t, p, o)
		o.Destroy()
	}
	for range 1000 {
		round()
	}
	before := heap()
	for range 10_000 {
		round()
	}
	grown := heap() - before
	require.Less(t, grown, int64(64<<10), "bytes grown")
	require.Equal(t, tether.Stats{Owners: 1, Cleanups: 1}, app.Stats())
}

func TestAnItemIsGarbageWhenItIsDisposedOfWhileItsLeaseIsHeld(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	p := pool.New(app, func() (*[64]byte, error) { return new([64]byte), nil })
	acquire(t, p, app).Release() // it was idle once
	l := acquire(t, p, app)
	w := weak.Make(l.Value())
	l.Discard()
	collect(t, "the item", func() bool { return w.Value() == nil })
	runtime.KeepAlive(l)
}

func TestAPoolWithLeasesDoesNotHideALostRoot(t *testing.T) {
	var root weak.Pointer[tether.Owner]
	func() {
		app := tether.NewOwner("forgotten")
		root = weak.Make(app)
		f := new(factory)
		p := pool.New(app.NewChild("home"), f.make, pool.Prewarm(2), pool.Reset(reset), pool.Dispose(dispose))
		acquire(t, p, app)
		acquire(t, p, app.NewChild("owner")).Release()
	}()
	collect(t, "the lost root", func() bool { return root.Value() == nil })
}

func TestAnAcquireOfAnIdleItemAllocatesLittle(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	p := pool.New(app, func() (int, error) { return 0, nil })
	ctx := t.Context()
	n := testing.AllocsPerRun(100, func() {
		l, _ := p.Acquire(ctx, app)
		l.Release()
	})
	require.LessOrEqual(t, n, 4.0, "allocations")
}
