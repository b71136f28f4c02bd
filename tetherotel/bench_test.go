package tetherotel_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/bus"
	"github.com/seed-ec287111/tether/tetherotel"
)

// The cost of one collection, by the number of owners. Each has a connection; with queues,
// each has a queue too.
func BenchmarkCollect(b *testing.B) {
	for _, queues := range []bool{false, true} {
		for _, owners := range []int{10, 1000, 100_000} {
			b.Run(fmt.Sprintf("queues=%v/owners=%d", queues, owners), func(b *testing.B) {
				app := newOwner(b, "app")
				var s tether.Signal[int]
				for _, o := range children(app, "device-", owners) {
					if queues {
						s.Connect(o, func(int) {}, tether.On(tether.NewQueue(o, 1, tether.Block)))
					} else {
						s.Connect(o, func(int) {})
					}
				}
				reader := sdk.NewManualReader()
				provider := sdk.NewMeterProvider(sdk.WithReader(reader))
				require.NoError(b, tetherotel.Register(app, provider, app, tetherotel.Stuck(0)))
				var rm metricdata.ResourceMetrics
				b.ReportAllocs()
				for b.Loop() {
					if err := reader.Collect(context.Background(), &rm); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// The cost of a delivery to one handler.
func BenchmarkTrace(b *testing.B) {
	provider := func(s sdktrace.Sampler) *sdktrace.TracerProvider {
		return sdktrace.NewTracerProvider(sdktrace.WithSampler(s))
	}
	pass := func(ctx context.Context, _ bus.Delivery, next func(context.Context) error) error { return next(ctx) }
	for _, c := range []struct {
		name string
		opts []bus.Option
	}{
		{"none", nil},
		{"around", []bus.Option{bus.Around(pass)}},
		{"noop", []bus.Option{tetherotel.Trace(noop.NewTracerProvider().Tracer(""))}},
		{"never", []bus.Option{tetherotel.Trace(provider(sdktrace.NeverSample()).Tracer(""))}},
		{"always", []bus.Option{tetherotel.Trace(provider(sdktrace.AlwaysSample()).Tracer(""))}},
	} {
		b.Run("trace="+c.name, func(b *testing.B) {
			app := newOwner(b, "app")
			placed := bus.For[order](bus.New(app, "bus", c.opts...))
			placed.Handle(app, func(context.Context, order) error { return nil })
			b.ReportAllocs()
			for b.Loop() {
				if err := placed.Publish(context.Background(), order{1}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
