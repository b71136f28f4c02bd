package tethertest_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/history"
	"github.com/seed-ec287111/tether/internal/scope"
	"github.com/seed-ec287111/tether/tethertest"
)

// faulty is a source that panics where it is connected.
type faulty struct{ tether.Source[int] }

func (faulty) Connect(*tether.Owner, func(int), ...tether.ConnectOption) *tether.Connection {
	panic("faulty")
}

// vague is a source that forgets to return its Connection.
type vague struct{ tether.Source[int] }

func (vague) Connect(*tether.Owner, func(int), ...tether.ConnectOption) *tether.Connection {
	return nil
}

func TestMisuse_PanicsBeforeAnythingChanges(t *testing.T) {
	clean(t)
	var nobody *testing.T
	var none *fake
	var noSignal *tether.Signal[int]
	var noRing *history.Ring[int]
	var noBeat *tether.Heartbeat
	var noFaulty *faulty
	var nobodys *tethertest.Recorder[int]
	zero := new(tethertest.Recorder[int])
	s := new(tether.Signal[int])
	f := run("TestMisuses", func(f *fake) {
		for _, test := range []struct {
			says string
			call func()
		}{
			{"tethertest: VerifyNone with nil testing.TB", func() { tethertest.VerifyNone(nil) }},
			{"tethertest: VerifyNone with nil testing.TB", func() { tethertest.VerifyNone(nobody) }},
			{"tethertest: VerifyNone with nil testing.TB", func() { tethertest.VerifyNone(none) }},

			{"tethertest: NewOwner with nil testing.TB", func() { tethertest.NewOwner(nil) }},
			{"tethertest: NewOwner with nil testing.TB", func() { tethertest.NewOwner(nobody) }},
			{"tethertest: NewOwner with nil testing.TB", func() { tethertest.NewOwner(none) }},
			{"tether: NewOwner with nil option", func() { tethertest.NewOwner(f, nil) }},

			{"tethertest: Record with nil testing.TB", func() { tethertest.Record(nil, s) }},
			{"tethertest: Record with nil testing.TB", func() { tethertest.Record(nobody, s) }},
			{"tethertest: Record with nil testing.TB", func() { tethertest.Record(none, s) }},
			{"tethertest: Record with nil Source", func() { tethertest.Record[int](f, nil) }},
			{"tethertest: Record with nil Source", func() { tethertest.Record(f, noSignal) }},
			{"tethertest: Record with nil Source", func() { tethertest.Record(f, noRing) }},
			{"tethertest: Record with nil Source", func() { tethertest.Record(f, noBeat) }},
			{"tethertest: Record with nil Source", func() { tethertest.Record(f, noFaulty) }},

			{"tethertest: Next of a nil or zero Recorder", func() { nobodys.Next() }},
			{"tethertest: Next of a nil or zero Recorder", func() { zero.Next() }},
			{"tethertest: Expect of a nil or zero Recorder", func() { nobodys.Expect() }},
			{"tethertest: Expect of a nil or zero Recorder", func() { zero.Expect(1) }},
			{"tethertest: ExpectNone of a nil or zero Recorder", func() { nobodys.ExpectNone() }},
			{"tethertest: ExpectNone of a nil or zero Recorder", func() { zero.ExpectNone() }},
			{"tethertest: Len of a nil or zero Recorder", func() { nobodys.Len() }},
			{"tethertest: Len of a nil or zero Recorder", func() { zero.Len() }},
		} {
			assert.PanicsWithValue(t, test.says, test.call)
		}
		assert.Empty(t, f.cleanups, "nothing is to be done at the end of the test")
	})
	passed(t, f)
	require.Zero(t, s.Len())
	require.True(t, tethertest.Idle())
	require.False(t, scope.Observed())
}

// What a source panics with can't be known before. The recorder's owner ends with the test.
func TestRecorder_ASourceThatPanicsIsRecordedByNobody(t *testing.T) {
	clean(t)
	passed(t, run("TestRecords", func(f *fake) {
		tethertest.VerifyNone(f)
		assert.PanicsWithValue(t, "faulty", func() { tethertest.Record[int](f, faulty{}) })
		assert.PanicsWithValue(t, "tether: Connect on a nil or zero Heartbeat", func() { tethertest.Record(f, new(tether.Heartbeat)) })
		r := tethertest.Record[int](f, vague{})
		assert.Zero(t, r.Len())
	}))
}
