package tetherotel

import (
	"context"
	"fmt"
	"reflect"
	"runtime/debug"
	"sync"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/seed-ec287111/tether/bus"
)

// TopicKey, TypeKey, PathKey and HandlerKey are the keys of the attributes of a span. If
// OpenTelemetry's conventions have a key for an attribute, it is that.
const (
	TopicKey   = attribute.Key("messaging.destination.name") // none for the topic of a type
	TypeKey    = attribute.Key("tether.bus.type")            // of the value
	PathKey    = attribute.Key("tether.owner.path")          // of the handler's owner
	HandlerKey = attribute.Key("code.function.name")         // with file and line
)

// Trace is an option of [bus.New]. It makes a span of tracer for each call of a handler.
// The parent is the span of the publisher's context. The handler's context has the new
// span.
//
//	b := bus.New(app, "bus", tetherotel.Trace(otel.Tracer("shop")))
//
// The name of the span is "process" and the type of the value, such as "process
// main.Order". A program has only so many types, while there may be any number of topics.
// The topic is an attribute. So are the type, the path of the handler's owner, and the
// handler with file and line. The span of a handler on a queue begins when the handler's
// turn comes. So it may begin after the publisher's span has ended.
//
// If the handler returns an error, the span records it, and its status is Error. The same
// holds for a panic, with its stack, and for [runtime.Goexit]. The panic then goes on.
// Handlers of questions and of [bus.Bus.Dead] have spans too. Handlers of [bus.Bus.Tap]
// have none, as everything would be there twice.
//
// Trace panics if tracer is nil. Cost: that of [bus.Around], and of tracer.Start. A span
// that is not recorded costs nothing more. For one that is recorded, the path and the
// handler's place are looked up, which takes some microseconds.
func Trace(tracer trace.Tracer) bus.Option {
	if isNil(tracer) {
		panic("tetherotel: Trace with nil Tracer")
	}
	t := &tracing{tracer: tracer}
	return bus.Around(t.deliver)
}

type tracing struct {
	tracer trace.Tracer
	names  sync.Map // of reflect.Type to string; as many as the program has types
}

func (t *tracing) deliver(ctx context.Context, d bus.Delivery, next func(context.Context) error) error {
	if _, tap := d.Value.(bus.Delivery); tap {
		return next(ctx)
	}
	ctx, span := t.tracer.Start(ctx, t.name(reflect.TypeOf(d.Value)))
	if !span.IsRecording() {
		defer span.End()
		return next(ctx)
	}
	return record(ctx, span, d, next)
}

// name returns what a span for a value of type of is called.
func (t *tracing) name(of reflect.Type) string {
	if name, ok := t.names.Load(of); ok {
		return name.(string)
	}
	name := "process " + of.String()
	t.names.Store(of, name)
	return name
}

// record calls next, and writes down in span how that went.
func record(ctx context.Context, span trace.Span, d bus.Delivery, next func(context.Context) error) error {
	span.SetAttributes(
		TypeKey.String(reflect.TypeOf(d.Value).String()), PathKey.String(d.Owner()), HandlerKey.String(d.Func()),
	)
	if d.Topic != "" {
		span.SetAttributes(TopicKey.String(d.Topic))
	}
	returned := false
	defer func() {
		if !returned {
			fell(span, recover())
		}
	}()
	err := next(ctx)
	if err != nil {
		span.RecordError(err) // the error's own methods may panic
		span.SetStatus(codes.Error, err.Error())
	}
	returned = true
	span.End()
	return err
}

// fell writes down that a handler has panicked with p, or called Goexit if that is nil, and
// goes on with it. The stack has the frames of the panic still.
func fell(span trace.Span, p any) {
	if p == nil {
		span.SetStatus(codes.Error, "runtime.Goexit")
		span.End()
		return
	}
	text := fmt.Sprint(p)
	span.AddEvent("exception", trace.WithAttributes(
		attribute.String("exception.type", fmt.Sprintf("%T", p)),
		attribute.String("exception.message", text),
		attribute.String("exception.stacktrace", string(debug.Stack())),
	))
	span.SetStatus(codes.Error, "panic: "+text)
	span.End()
	panic(p)
}
