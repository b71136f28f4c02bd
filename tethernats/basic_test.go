package tethernats_test

import (
	"context"
	"errors"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/bus"
	"github.com/seed-ec287111/tether/tethernats"
)

func TestSubscribe_FiresWhatIsPublishedFromASource(t *testing.T) {
	s := open(t)
	placed, err := tethernats.Subscribe[order](s.app, s.c, "orders.>")
	require.NoError(t, err)
	got := make(chan tethernats.Msg[order], 3)
	placed.Connect(s.app, func(m tethernats.Msg[order]) { got <- m })

	var fired tether.Signal[order]
	conn, err := tethernats.Publish(s.app, &fired, s.c, "orders.eu")
	require.NoError(t, err)
	for id := 1; id <= 3; id++ {
		fired.Fire(order{ID: id, Item: "ham"})
	}
	for id := 1; id <= 3; id++ {
		m := next(t, got)
		assert.Equal(t, "orders.eu", m.Subject)
		assert.Equal(t, order{ID: id, Item: "ham"}, m.Value)
	}
	conn.Disconnect()
	fired.Fire(order{ID: 4})
	require.NoError(t, s.c.Drain(s.ctx))
	assert.Empty(t, got)
	stats := s.c.Stats()
	assert.EqualValues(t, 3, stats.Published)
	assert.EqualValues(t, 3, stats.Received)
	s.quiet()
}

func TestConsume_HandlesAndAcknowledgesInOrder(t *testing.T) {
	s := open(t)
	s.stream("ORDERS", "orders", 10)
	got := make(chan tethernats.Msg[order], 10)
	o := s.app.NewChild("consumer")
	require.NoError(t, tethernats.Consume(o, s.c, "ORDERS", "stock", func(_ context.Context, m tethernats.Msg[order]) error {
		got <- m
		return nil
	}))
	for id := 1; id <= 10; id++ {
		m := next(t, got)
		assert.Equal(t, order{ID: id}, m.Value)
		assert.EqualValues(t, id, m.Sequence)
		assert.Equal(t, 1, m.Delivered)
		assert.False(t, m.Stored.IsZero())
	}
	require.NoError(t, o.Destroy())
	pending, unacknowledged, floor := s.books("ORDERS", "stock")
	assert.Zero(t, pending)
	assert.Zero(t, unacknowledged, "Destroy returned before the acknowledgements were accepted")
	assert.EqualValues(t, 10, floor)
	s.quiet()
}

type priceOf struct{ Item string }
type price struct{ Cents int }

func TestAsk_IsAnsweredByReply(t *testing.T) {
	s := open(t)
	_, err := tethernats.Ask[price](s.ctx, s.c, "prices", priceOf{"ham"})
	require.ErrorIs(t, err, tethernats.ErrNobody)

	o := s.app.NewChild("responder")
	require.NoError(t, tethernats.Reply(o, s.c, "prices", func(_ context.Context, q priceOf) (price, error) {
		if q.Item == "" {
			return price{}, errors.New("no\nitem")
		}
		return price{len(q.Item)}, nil
	}))
	got, err := tethernats.Ask[price](s.ctx, s.c, "prices", priceOf{"ham"})
	require.NoError(t, err)
	assert.Equal(t, price{3}, got)

	_, err = tethernats.Ask[price](s.ctx, s.c, "prices", priceOf{})
	var remote *tethernats.RemoteError
	require.ErrorAs(t, err, &remote)
	assert.Equal(t, "no item", remote.Text)

	o.Destroy()
	_, err = tethernats.Ask[price](s.ctx, s.c, "prices", priceOf{"ham"})
	require.ErrorIs(t, err, bus.ErrNobody)
	s.quiet()
}

func TestBridge_MakesOneBusOfTwo(t *testing.T) {
	s := open(t)
	here, there := bus.New(s.app, "here"), bus.New(s.app, "there")
	for _, b := range []*bus.Bus{here, there} {
		require.NoError(t, tethernats.Bridge(s.app, b, s.c, "orders.>", tethernats.Carry[order]()))
	}
	heard := make(chan bus.Message[order], 10)
	for _, b := range []*bus.Bus{here, there} {
		bus.Matching[order](b, "orders.*").Connect(s.app, func(m bus.Message[order]) { heard <- m })
	}
	require.NoError(t, bus.Named[order](here, "orders.eu").Publish(s.ctx, order{ID: 1}))
	for range 2 {
		assert.Equal(t, bus.Message[order]{Topic: "orders.eu", Value: order{ID: 1}}, next(t, heard))
	}
	require.NoError(t, bus.Named[order](there, "orders.us").Publish(s.ctx, order{ID: 2}))
	for range 2 {
		assert.Equal(t, bus.Message[order]{Topic: "orders.us", Value: order{ID: 2}}, next(t, heard))
	}
	require.NoError(t, s.c.Drain(s.ctx))
	assert.Empty(t, heard, "an echo")
	s.quiet()
}

func TestTrace_GoesOnFromMessageToMessage(t *testing.T) {
	s := open(t)
	s.stream("ORDERS", "orders", 0)
	require.NoError(t, tethernats.Reply(s.app, s.c, "trace", func(ctx context.Context, _ order) (string, error) {
		return tethernats.Trace(ctx).Get("traceparent"), nil
	}))
	traces := make(chan string, 1)
	require.NoError(t, tethernats.Consume(s.app, s.c, "ORDERS", "trace", func(ctx context.Context, m tethernats.Msg[order]) error {
		trace, err := tethernats.Ask[string](ctx, s.c, "trace", m.Value)
		traces <- trace
		return err
	}))
	ctx := tethernats.WithTrace(s.ctx, nats.Header{"traceparent": {"00-abc-def-01"}})
	require.NoError(t, tethernats.Send(ctx, s.c, "orders", order{ID: 1}, tethernats.Stored()))
	assert.Equal(t, "00-abc-def-01", next(t, traces))
	s.quiet()
}
