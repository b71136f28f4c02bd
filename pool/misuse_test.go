package pool_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/pool"
)

// A frame is a context of somebody's own.
type frame struct{ context.Context }

func TestMisuse_PanicsBeforeAnythingChanges(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	ctx := t.Context()
	f := new(factory)
	p := pool.New(app, f.make)
	var noPool *pool.Pool[int]
	var zeroPool pool.Pool[int]
	var noLease *pool.Lease[int]
	var zeroLease pool.Lease[int]
	var none func(*thing)
	noOwner := new(tether.Owner)
	before := app.Stats()
	for _, test := range []struct {
		says string
		call func()
	}{
		{"pool: New with nil Owner", func() { pool.New(nil, f.make) }},
		{"pool: New with nil Owner", func() { pool.New(noOwner, f.make) }},
		{"pool: New with nil function", func() { pool.New[int](app, nil) }},
		{"pool: New with nil option", func() { pool.New(app, f.make, nil) }},
		{"pool: Limit of 0", func() { pool.New(app, f.make, pool.Limit(0)) }},
		{"pool: Prewarm of -1", func() { pool.New(app, f.make, pool.Prewarm(-1)) }},
		{"pool: Prewarm of 3 above Limit of 2", func() { pool.New(app, f.make, pool.Prewarm(3), pool.Limit(2)) }},
		{"pool: Reset with nil function", func() { pool.New(app, f.make, pool.Reset(none)) }},
		{"pool: Dispose with nil function", func() { pool.New(app, f.make, pool.Dispose(none)) }},
		{"pool: Reset with a func(int) for items of type *pool_test.thing", func() {
			pool.New(app, f.make, pool.Reset(func(int) {}))
		}},
		{"pool: Dispose with a func(interface {}) for items of type *pool_test.thing", func() {
			pool.New(app, f.make, pool.Dispose(func(any) {}))
		}},

		{"pool: Acquire of nil or zero Pool", func() { noPool.Acquire(ctx, app) }},
		{"pool: Acquire of nil or zero Pool", func() { zeroPool.Acquire(ctx, app) }},
		{"pool: Acquire with nil context", func() { p.Acquire(noContext, app) }},
		{"pool: Acquire with nil context", func() { p.Acquire((*frame)(nil), app) }},
		{"pool: Acquire with nil Owner", func() { p.Acquire(ctx, nil) }},
		{"pool: Acquire with nil Owner", func() { p.Acquire(ctx, noOwner) }},
		{"pool: Stats of nil or zero Pool", func() { noPool.Stats() }},
		{"pool: Stats of nil or zero Pool", func() { zeroPool.Stats() }},

		{"pool: Value of nil or zero Lease", func() { noLease.Value() }},
		{"pool: Value of nil or zero Lease", func() { zeroLease.Value() }},
		{"pool: Release of nil or zero Lease", func() { noLease.Release() }},
		{"pool: Release of nil or zero Lease", func() { zeroLease.Release() }},
		{"pool: Discard of nil or zero Lease", func() { noLease.Discard() }},
		{"pool: Discard of nil or zero Lease", func() { zeroLease.Discard() }},
	} {
		require.PanicsWithValue(t, test.says, test.call)
	}
	require.Empty(t, f.things)
	require.Equal(t, before, app.Stats())
	require.Equal(t, pool.Stats{}, p.Stats())
}
