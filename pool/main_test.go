package pool_test

import (
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/pool"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var noContext context.Context

// A thing counts what is done with it. No two may use one at once: the race
// detector looks on.
type thing struct {
	id                   int
	used, reset, dispose int
}

// A factory makes things and remembers them all.
type factory struct {
	mu     sync.Mutex
	things []*thing
}

func (f *factory) make() (*thing, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	th := &thing{id: len(f.things) + 1}
	f.things = append(f.things, th)
	return th, nil
}

func reset(th *thing)   { th.reset++ }
func dispose(th *thing) { th.dispose++ }

// things returns a pool of things that belongs to a child of a root, which ends
// with the test.
func things(t *testing.T, opts ...pool.Option) (f *factory, app *tether.Owner, p *pool.Pool[*thing]) {
	f = new(factory)
	app = tether.NewOwner("app")
	t.Cleanup(func() { app.Destroy() })
	opts = append([]pool.Option{pool.Reset(reset), pool.Dispose(dispose)}, opts...)
	return f, app, pool.New(app, f.make, opts...)
}

func acquire[T any](t *testing.T, p *pool.Pool[T], o *tether.Owner) *pool.Lease[T] {
	t.Helper()
	l, err := p.Acquire(context.Background(), o)
	require.NoError(t, err)
	return l
}

// conserved checks what Stats promises.
func conserved[T any](t *testing.T, p *pool.Pool[T], limit int) {
	t.Helper()
	s := p.Stats()
	require.Equal(t, int(s.Made-s.Disposed), s.Idle+s.Leased, "%+v", s)
	if limit > 0 {
		require.LessOrEqual(t, s.Idle+s.Leased+s.Making, limit, "%+v", s)
	}
	if s.Waiting > 0 {
		require.Zero(t, s.Idle, "%+v", s)
		require.Equal(t, limit, s.Leased+s.Making, "%+v", s)
	}
}
