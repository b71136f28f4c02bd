package pool_test

import (
	"runtime"
	"testing"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
	"github.com/seed-ec287111/tether/pool"
)

func TestLease_ThoseThatComeAndGoLeaveTheHeapFlat(t *testing.T) {
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
	before := testkit.Heap()
	for range 10_000 {
		round()
	}
	grown := testkit.Heap() - before
	require.Less(t, grown, int64(64<<10), "bytes grown")
	require.Equal(t, tether.Stats{Owners: 1, Cleanups: 1}, app.Stats())
}

func TestLease_AnItemIsGarbageWhenItIsDisposedOfWhileItsLeaseIsHeld(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	p := pool.New(app, func() (*[64]byte, error) { return new([64]byte), nil })
	acquire(t, p, app).Release() // it was idle once
	l := acquire(t, p, app)
	w := weak.Make(l.Value())
	l.Discard()
	testkit.Collect(t, "the item", func() bool { return w.Value() == nil })
	runtime.KeepAlive(l)
}

func TestPool_WithLeasesItDoesNotHideALostRoot(t *testing.T) {
	var root weak.Pointer[tether.Owner]
	func() {
		app := tether.NewOwner("forgotten")
		root = weak.Make(app)
		f := new(factory)
		p := pool.New(app.NewChild("home"), f.make, pool.Prewarm(2), pool.Reset(reset), pool.Dispose(dispose))
		acquire(t, p, app)
		acquire(t, p, app.NewChild("owner")).Release()
	}()
	testkit.Collect(t, "the lost root", func() bool { return root.Value() == nil })
}

func TestAcquire_OfAnIdleItemAllocatesLittle(t *testing.T) {
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
