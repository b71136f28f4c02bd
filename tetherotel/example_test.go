package tetherotel_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/bus"
	"github.com/seed-ec287111/tether/tetherotel"
)

func ExampleRegister() {
	reader := sdk.NewManualReader() // in a program one that exports, such as that of Prometheus
	provider := sdk.NewMeterProvider(sdk.WithReader(reader))

	app := tether.NewOwner("app")
	defer app.Destroy()
	if err := tetherotel.Register(app, provider, app); err != nil {
		panic(err)
	}

	var said tether.Signal[string]
	for i := range 3 {
		player := app.NewChild(fmt.Sprint("player-", i))
		q := tether.NewQueue(player, 1, tether.DropOldest, tether.Manual())
		said.Connect(player, func(string) {}, tether.On(q))
	}
	said.Fire("hello")
	said.Fire("anybody here?")

	show(reader, "tether.owner.count", "tether.queue.depth", "tether.queue.taken", "tether.queue.dropped")
	// Output:
	// tether.owner.count app 1
	// tether.owner.count player-# 3
	// tether.queue.depth app 0
	// tether.queue.depth player-# 3
	// tether.queue.dropped app 0
	// tether.queue.dropped player-# 3
	// tether.queue.taken app 0
	// tether.queue.taken player-# 6
}

// show prints some metrics by the names of owners.
func show(reader sdk.Reader, names ...string) {
	var rm metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &rm); err != nil {
		panic(err)
	}
	metrics := rm.ScopeMetrics[0].Metrics
	slices.SortFunc(metrics, func(a, b metricdata.Metrics) int { return cmp.Compare(a.Name, b.Name) })
	for _, m := range metrics {
		if !slices.Contains(names, m.Name) {
			continue
		}
		var lines []string
		for _, p := range m.Data.(metricdata.Sum[int64]).DataPoints {
			name, _ := p.Attributes.Value(tetherotel.NameKey)
			lines = append(lines, fmt.Sprintln(m.Name, name.AsString(), p.Value))
		}
		slices.Sort(lines)
		for _, l := range lines {
			fmt.Print(l)
		}
	}
}

type Order struct{ Thing string }

func ExampleTrace() {
	spans := tracetest.NewSpanRecorder() // in a program an exporter
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	tracer := provider.Tracer("shop")

	app := tether.NewOwner("app")
	defer app.Destroy()
	b := bus.New(app, "bus", tetherotel.Trace(tracer))
	placed := bus.Named[Order](b, "orders.eu.placed")
	placed.Handle(app.NewChild("stock"), func(context.Context, Order) error {
		return fmt.Errorf("no spam left")
	})

	ctx, request := tracer.Start(context.Background(), "POST /orders")
	_ = placed.Publish(ctx, Order{"spam"})
	request.End()

	for _, s := range spans.Ended() {
		fmt.Println(s.Name(), "below a span:", s.Parent().IsValid(), s.Status().Code, s.Status().Description)
	}
	// Output:
	// process tetherotel_test.Order below a span: true Error no spam left
	// POST /orders below a span: false Unset
}
