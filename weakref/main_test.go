package weakref_test

import (
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// An object is what is watched: large enough to be tracked alone.
type object struct {
	id   int
	sum  atomic.Int64
	next any
	_    [64]byte
}

func (o *object) add(v int) { o.sum.Add(int64(v)) }

func newOwner(t *testing.T) *tether.Owner {
	o := tether.NewOwner("owner")
	t.Cleanup(func() { o.Destroy() })
	return o
}

// never checks that done stays false over some collections.
func never(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 5 {
		runtime.GC()
		require.False(t, done(), what)
	}
}

// cores runs f on 1, 2 and 8 processors while the collector runs all the time.
func cores(t *testing.T, f func(t *testing.T)) {
	defer debug.SetGCPercent(debug.SetGCPercent(1))
	testkit.OnProcs(t, f)
}
