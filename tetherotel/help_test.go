package tetherotel_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.uber.org/goleak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/tetherotel"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newOwner(t testing.TB, name string) *tether.Owner {
	o := tether.NewOwner(name)
	t.Cleanup(func() { _ = o.Destroy() })
	return o
}

// newProvider returns a provider and a reader of it.
func newProvider() (*metric.MeterProvider, *metric.ManualReader) {
	r := metric.NewManualReader()
	return metric.NewMeterProvider(metric.WithReader(r)), r
}

// A reading is what a collection gave: by instrument, and by the name of the group. What
// has no group is under "".
type reading map[string]map[string]int64

func read(t testing.TB, r metric.Reader) reading {
	t.Helper()
	got := make(reading)
	for name, points := range points(t, r) {
		got[name] = make(map[string]int64)
		for _, p := range points {
			group, _ := p.Attributes.Value(tetherotel.NameKey)
			got[name][group.AsString()] = p.Value
		}
	}
	return got
}

// points returns what a collection gave, as it is.
func points(t testing.TB, r metric.Reader) map[string][]metricdata.DataPoint[int64] {
	t.Helper()
	var rm metricdata.ResourceMetrics
	require.NoError(t, r.Collect(context.Background(), &rm))
	got := make(map[string][]metricdata.DataPoint[int64])
	for _, s := range rm.ScopeMetrics {
		require.Equal(t, tetherotel.Scope, s.Scope.Name)
		for _, m := range s.Metrics {
			got[m.Name] = m.Data.(metricdata.Sum[int64]).DataPoints
		}
	}
	return got
}

func (r reading) sum(name string) (n int64) {
	for _, v := range r[name] {
		n += v
	}
	return n
}

// fill has a queue of o take in five values, and drop three of them.
func fill(o *tether.Owner) {
	var s tether.Signal[int]
	q := tether.NewQueue(o, 2, tether.DropOldest, tether.Manual())
	s.Connect(o, func(int) {}, tether.On(q))
	for i := range 5 {
		s.Fire(i)
	}
}

// children makes n owners below o that differ in their number.
func children(o *tether.Owner, name string, n int) (all []*tether.Owner) {
	for i := range n {
		all = append(all, o.NewChild(fmt.Sprint(name, i)))
	}
	return all
}

// collect runs the collector until done reports true, which it must.
func collect(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 200 {
		runtime.GC()
		if done() {
			return
		}
		runtime.Gosched()
	}
	t.Fatalf("%s: not after 200 collections", what)
}
