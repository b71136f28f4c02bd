package history_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/history"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newRing returns a ring of n values of a signal, with 1 to fired recorded.
func newRing(t *testing.T, n, fired int) (*tether.Owner, *tether.Signal[int], *history.Ring[int]) {
	t.Helper()
	owner := tether.NewOwner("owner")
	t.Cleanup(func() { owner.Destroy() })
	s := new(tether.Signal[int])
	r := history.Record(owner, s, n)
	for i := range fired {
		s.Fire(i + 1)
	}
	return owner, s, r
}

// list is a handler that notes what it was called with.
type list []int

func (l *list) add(v int) { *l = append(*l, v) }
