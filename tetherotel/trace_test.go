package tetherotel_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/bus"
	"github.com/seed-ec287111/tether/tetherotel"
)

type order struct{ ID int }

// A traced is a bus whose deliveries are traced.
type traced struct {
	app    *tether.Owner
	bus    *bus.Bus
	spans  *tracetest.SpanRecorder
	tracer trace.Tracer
}

func newTraced(t testing.TB, opts ...sdk.TracerProviderOption) traced {
	spans := tracetest.NewSpanRecorder()
	provider := sdk.NewTracerProvider(append(opts, sdk.WithSpanProcessor(spans))...)
	t.Cleanup(func() { _ = provider.Shutdown(context.Background()) })
	app, tracer := newOwner(t, "app"), provider.Tracer("test")
	return traced{app, bus.New(app, "bus", tetherotel.Trace(tracer)), spans, tracer}
}

// attributes returns those of a span, by key.
func attributes(s sdk.ReadOnlySpan) map[attribute.Key]string {
	got := make(map[attribute.Key]string)
	for _, a := range s.Attributes() {
		got[a.Key] = a.Value.AsString()
	}
	return got
}

func TestTrace_ASpanForEachHandlerIsAChildOfThePublishers(t *testing.T) {
	x := newTraced(t)
	placed := bus.Named[order](x.bus, "orders.7.placed")
	var inside []trace.SpanContext
	handle := func(ctx context.Context, _ order) error {
		inside = append(inside, trace.SpanContextFromContext(ctx))
		return nil
	}
	placed.Handle(x.app.NewChild("stock"), handle)
	bus.Matching[order](x.bus, "orders.*.placed").Handle(x.app, func(ctx context.Context, m bus.Message[order]) error {
		return handle(ctx, m.Value)
	})
	ctx, publisher := x.tracer.Start(t.Context(), "request")
	require.NoError(t, placed.Publish(ctx, order{7}))
	publisher.End()
	ended := x.spans.Ended()
	require.Len(t, ended, 3)
	for i, s := range ended[:2] {
		require.Equal(t, "process tetherotel_test.order", s.Name())
		require.Equal(t, publisher.SpanContext().SpanID(), s.Parent().SpanID())
		require.Equal(t, publisher.SpanContext().TraceID(), s.SpanContext().TraceID())
		require.Equal(t, s.SpanContext(), inside[i], "the handler's context has the span")
		require.Equal(t, codes.Unset, s.Status().Code)
		require.Empty(t, s.Events())
		a := attributes(s)
		require.Equal(t, "orders.7.placed", a[tetherotel.TopicKey])
		require.Equal(t, "tetherotel_test.order", a[tetherotel.TypeKey])
		require.Equal(t, []string{"app/stock", "app"}[i], a[tetherotel.PathKey])
		require.Contains(t, a[tetherotel.HandlerKey], "trace_test.go:")
	}
}

func TestTrace_AHandlerOnAQueueHasThePublishersSpanAsParent(t *testing.T) {
	x := newTraced(t)
	placed := bus.For[order](x.bus)
	q := tether.NewQueue(x.app, 10, tether.Block)
	var ended error
	placed.Handle(x.app, func(ctx context.Context, _ order) error {
		ended = ctx.Err()
		return nil
	}, tether.On(q))
	ctx, cancel := context.WithCancel(t.Context())
	ctx, publisher := x.tracer.Start(ctx, "request")
	require.NoError(t, placed.Publish(ctx, order{1}))
	publisher.End()
	cancel()
	require.NoError(t, q.Flush(t.Context()))
	require.NoError(t, ended, "as the bus has it")
	all := x.spans.Ended()
	require.Len(t, all, 2)
	for _, s := range all {
		if s.Name() != "request" {
			require.Equal(t, publisher.SpanContext().SpanID(), s.Parent().SpanID())
			require.NotContains(t, attributes(s), tetherotel.TopicKey, "that of a type has no name")
		}
	}
}

func TestTrace_NestedDeliveriesNest(t *testing.T) {
	x := newTraced(t)
	orders, numbers := bus.For[order](x.bus), bus.For[int](x.bus)
	orders.Handle(x.app, func(ctx context.Context, o order) error { return numbers.Publish(ctx, o.ID) })
	numbers.Handle(x.app, func(context.Context, int) error { return nil })
	require.NoError(t, orders.Publish(t.Context(), order{1}))
	all := x.spans.Ended()
	require.Len(t, all, 2)
	require.Equal(t, "process int", all[0].Name())
	require.Equal(t, all[1].SpanContext().SpanID(), all[0].Parent().SpanID())
	require.False(t, all[1].Parent().IsValid(), "the first is a root")
}

func TestTrace_AnErrorIsRecorded(t *testing.T) {
	x := newTraced(t)
	placed := bus.For[order](x.bus)
	placed.Handle(x.app, func(context.Context, order) error { return errors.New("no ham") })
	require.ErrorContains(t, placed.Publish(t.Context(), order{1}), "no ham")
	s := x.spans.Ended()[0]
	require.Equal(t, sdk.Status{Code: codes.Error, Description: "no ham"}, s.Status())
	require.Len(t, s.Events(), 1)
	require.Equal(t, "exception", s.Events()[0].Name)
}

func explode() { panic(errors.New("boom")) }

func TestTrace_APanicIsRecordedAndGoesOn(t *testing.T) {
	x := newTraced(t)
	placed := bus.For[order](x.bus)
	var told *tether.PanicError
	supervised := x.app.NewChild("supervised", tether.WithPanicHandler(func(p *tether.PanicError) { told = p }))
	placed.Handle(supervised, func(context.Context, order) error { explode(); return nil })
	err := placed.Publish(t.Context(), order{1})
	require.ErrorAs(t, err, new(*tether.PanicError))
	require.Equal(t, errors.New("boom"), told.Value)
	require.Contains(t, string(told.Stack), "tetherotel_test.explode", "the stack is that of the panic")
	check := func(s sdk.ReadOnlySpan) {
		t.Helper()
		require.Equal(t, sdk.Status{Code: codes.Error, Description: "panic: boom"}, s.Status())
		require.Len(t, s.Events(), 1)
		got := make(map[attribute.Key]string)
		for _, a := range s.Events()[0].Attributes {
			got[a.Key] = a.Value.AsString()
		}
		require.Equal(t, "*errors.errorString", got["exception.type"])
		require.Equal(t, "boom", got["exception.message"])
		require.Contains(t, got["exception.stacktrace"], "tetherotel_test.explode")
	}
	check(x.spans.Ended()[0])
	require.NoError(t, supervised.Destroy())

	placed.Handle(x.app, func(context.Context, order) error { explode(); return nil })
	require.PanicsWithError(t, "boom", func() { _ = placed.Publish(t.Context(), order{1}) })
	check(x.spans.Ended()[1])
}

func TestTrace_GoexitIsRecordedAndGoesOn(t *testing.T) {
	x := newTraced(t)
	placed := bus.For[order](x.bus)
	placed.Handle(x.app, func(context.Context, order) error { runtime.Goexit(); return nil })
	returned := false
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = placed.Publish(t.Context(), order{1})
		returned = true
	})
	wg.Wait()
	require.False(t, returned)
	require.Equal(t, sdk.Status{Code: codes.Error, Description: "runtime.Goexit"}, x.spans.Ended()[0].Status())
}

func TestTrace_QuestionsAndLettersHaveSpansAndTheTapHasNone(t *testing.T) {
	x := newTraced(t)
	tapped := 0
	x.bus.Tap().Connect(x.app, func(bus.Delivery) { tapped++ })
	x.bus.Dead().Connect(x.app, func(bus.Letter) {})
	_, err := bus.Reply(x.app, x.bus, func(_ context.Context, o order) (string, error) { return "yes", nil })
	require.NoError(t, err)
	ctx, publisher := x.tracer.Start(t.Context(), "request")
	answer, err := bus.Ask[string](ctx, x.bus, order{1})
	require.NoError(t, err)
	require.Equal(t, "yes", answer)
	require.NoError(t, bus.For[int](x.bus).Publish(ctx, 5))
	var names []string
	for _, s := range x.spans.Ended() {
		require.Equal(t, publisher.SpanContext().SpanID(), s.Parent().SpanID())
		names = append(names, s.Name())
	}
	require.Equal(t, []string{"process tetherotel_test.order", "process bus.Letter"}, names)
	require.Positive(t, tapped)
}

// However many topics there are, the names of spans are as many as types.
func TestTrace_NamesOfSpansAreFew(t *testing.T) {
	x := newTraced(t)
	bus.Matching[order](x.bus, ">").Connect(x.app, func(bus.Message[order]) {})
	for _, o := range children(x.app, "topic", 100) {
		require.NoError(t, bus.Named[order](x.bus, o.Name()).Publish(t.Context(), order{1}))
	}
	topics := make(map[string]bool)
	for _, s := range x.spans.Ended() {
		require.Equal(t, "process tetherotel_test.order", s.Name())
		topics[attributes(s)[tetherotel.TopicKey]] = true
	}
	require.Len(t, topics, 100)
}

func TestTrace_WhatIsNotSampledIsHandledAllTheSame(t *testing.T) {
	x := newTraced(t, sdk.WithSampler(sdk.NeverSample()))
	placed := bus.For[order](x.bus)
	calls := 0
	c := placed.Handle(x.app, func(ctx context.Context, _ order) error {
		require.False(t, trace.SpanFromContext(ctx).IsRecording())
		require.True(t, trace.SpanContextFromContext(ctx).IsValid(), "what is called from here is not sampled either")
		calls++
		return nil
	})
	require.NoError(t, placed.Publish(t.Context(), order{1}))
	require.Equal(t, 1, calls)
	c.Disconnect()
	placed.Handle(x.app, func(context.Context, order) error { panic("boom") })
	require.PanicsWithValue(t, "boom", func() { _ = placed.Publish(t.Context(), order{1}) })
	require.Empty(t, x.spans.Ended())
}

// A crashing is an error whose text can't be had from a nil pointer.
type crashing struct{ text string }

func (c *crashing) Error() string { return c.text }

// The span of a handler that returned such an error never ended.
func TestTrace_AnErrorThatPanicsEndsTheSpan(t *testing.T) {
	x := newTraced(t)
	placed := bus.For[order](x.bus)
	placed.Handle(x.app, func(context.Context, order) error { return (*crashing)(nil) })
	require.Panics(t, func() { _ = placed.Publish(t.Context(), order{1}) })
	ended := x.spans.Ended()
	require.Len(t, ended, 1)
	require.Equal(t, codes.Error, ended[0].Status().Code)
	require.Contains(t, ended[0].Status().Description, "panic: ")
}

func TestTrace_ConcurrentPublishersEachHaveTheirSpans(t *testing.T) {
	x := newTraced(t)
	placed := bus.For[order](x.bus)
	placed.Handle(x.app, func(context.Context, order) error { return nil })
	const publishers, values = 4, 50
	var wg sync.WaitGroup
	for i := range publishers {
		wg.Go(func() {
			ctx, span := x.tracer.Start(t.Context(), "request")
			defer span.End()
			for range values {
				if err := placed.Publish(ctx, order{i}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	parents := make(map[trace.SpanID]int)
	for _, s := range x.spans.Ended() {
		if s.Parent().IsValid() {
			parents[s.Parent().SpanID()]++
		}
	}
	require.Len(t, parents, publishers)
	for _, n := range parents {
		require.Equal(t, values, n)
	}
}
