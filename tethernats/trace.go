package tethernats

import (
	"context"

	"github.com/nats-io/nats.go"
)

// traceKeys are the headers of a trace, as the W3C has them: what comes with a message goes
// on with whatever is sent on its behalf. NATS compares the names of headers as they are.
var traceKeys = [...]string{"traceparent", "tracestate", "baggage"}

type traceKey struct{}

// WithTrace returns a context with which [Send], [Ask] and a [Bridge] send those of the
// headers "traceparent", "tracestate" and "baggage" that h has. It is for code that begins
// a trace. A handler's context has the headers of its message already.
func WithTrace(ctx context.Context, h nats.Header) context.Context {
	var trace nats.Header
	for _, key := range traceKeys {
		if values := h[key]; len(values) > 0 {
			if trace == nil {
				trace = make(nats.Header, len(traceKeys))
			}
			trace[key] = values
		}
	}
	if trace == nil {
		return ctx
	}
	return context.WithValue(ctx, traceKey{}, trace)
}

// Trace returns the headers of the trace that ctx belongs to, or nil if it has none. They
// must not be changed.
func Trace(ctx context.Context) nats.Header {
	trace, _ := ctx.Value(traceKey{}).(nats.Header)
	return trace
}

// A propagation says how the trace of a context gets into a message and out again.
type propagation struct {
	inject  func(ctx context.Context, h nats.Header)
	extract func(ctx context.Context, h nats.Header) context.Context
}

// header returns h with what ctx adds to it. h may be nil, and the result is where nothing is
// added.
func (p *propagation) header(ctx context.Context, h nats.Header) nats.Header {
	trace := Trace(ctx)
	if h == nil && (len(trace) > 0 || p.inject != nil) {
		h = make(nats.Header)
	}
	for key, values := range trace {
		h[key] = values
	}
	if p.inject != nil {
		p.inject(ctx, h)
	}
	return h
}

// context returns ctx with what h says.
func (p *propagation) context(ctx context.Context, h nats.Header) context.Context {
	if len(h) == 0 {
		return ctx
	}
	ctx = WithTrace(ctx, h)
	if p.extract != nil {
		ctx = p.extract(ctx, h)
	}
	return ctx
}
