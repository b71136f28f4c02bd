package tethernats_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/bus"
	"github.com/seed-ec287111/tether/tethernats"
)

// buses makes n buses that are one, in this process: to a Bridge that makes no difference.
func (s *setting) buses(n int, pattern string, opts ...tethernats.BridgeOption) (all []*bus.Bus) {
	s.t.Helper()
	for range n {
		b := bus.New(s.app, "bus")
		require.NoError(s.t, tethernats.Bridge(s.app, b, s.c, pattern, opts...))
		all = append(all, b)
	}
	return all
}

// What a handler publishes in turn, with the context that it was given, is new and goes out,
// also to the topic that it handles: only the value that came is not sent back. On one side the
// handler is called by the bus, on the other by a queue.
func TestBridge_SendsWhatHandlersPublishAndNothingBack(t *testing.T) {
	for _, way := range []string{"called", "queued", "queued, and sent by a queue"} {
		t.Run(way, func(t *testing.T) {
			s := open(t)
			opts := []tethernats.BridgeOption{tethernats.Carry[order]()}
			if strings.Contains(way, "sent by") {
				opts = append(opts, tethernats.With(tether.On(tether.NewQueue(s.app, tether.Unbounded, tether.Block))))
			}
			all := s.buses(3, "count.>", opts...)
			var connect []tether.ConnectOption
			if way != "called" {
				connect = append(connect, tether.On(tether.NewQueue(s.app, tether.Unbounded, tether.Block)))
			}
			const most = 20
			over := make(chan struct{})
			var once sync.Once // the first value may be handled here after the others
			var mu sync.Mutex
			heard := make([]map[int]int, len(all))
			for i, b := range all {
				heard[i] = map[int]int{}
				topic := bus.Named[order](b, "count.up")
				topic.Handle(s.app, func(ctx context.Context, o order) error {
					mu.Lock()
					heard[i][o.ID]++
					done := true
					for _, h := range heard {
						done = done && h[most] > 0
					}
					mu.Unlock()
					if done {
						once.Do(func() { close(over) })
					}
					if o.ID < most && o.ID%len(all) == i { // one of them counts on
						return topic.Publish(ctx, order{ID: o.ID + 1})
					}
					return nil
				}, connect...)
			}
			require.NoError(t, bus.Named[order](all[0], "count.up").Publish(s.ctx, order{ID: 1}))
			next(t, over)
			require.NoError(t, s.c.Drain(s.ctx))
			for i := range all {
				for id := 1; id <= most; id++ {
					assert.Equal(t, 1, heard[i][id], "times that %d has heard %d", i, id)
				}
			}
			s.quiet()
		})
	}
}

type item struct{ Name string }

func TestBridge_CarriesTheTypesThatItIsTold(t *testing.T) {
	s := open(t)
	here := s.buses(1, "shop.>", tethernats.Carry[order](), tethernats.CarryAs[item]("thing"), tethernats.Prefix("x"))[0]
	there := s.buses(1, "shop.>", tethernats.Carry[order](), tethernats.CarryAs[string]("thing"), tethernats.Prefix("x"))[0]
	apart := s.buses(1, "shop.>", tethernats.Carry[order]())[0] // without the prefix
	names := make(chan string, 100)
	raw, err := s.c.NATS().Subscribe(">", func(m *nats.Msg) {
		if !strings.HasPrefix(m.Subject, "_INBOX") {
			names <- m.Subject + " " + m.Header.Get("Tether-Type")
		}
	})
	require.NoError(t, err)
	got := make(chan order, 1)
	bus.Named[order](there, "shop.order").Connect(s.app, func(o order) { got <- o })
	bus.Named[order](apart, "shop.order").Connect(s.app, func(order) { assert.Fail(t, "it has no prefix") })
	bus.Named[bool](there, "shop.taken").Connect(s.app, func(bool) {})

	require.NoError(t, bus.Named[order](here, "shop.order").Publish(s.ctx, order{ID: 1}))
	assert.Equal(t, order{ID: 1}, next(t, got))
	require.NoError(t, bus.Named[int](here, "shop.number").Publish(s.ctx, 1), "a type that is not carried")
	require.NoError(t, bus.Named[order](here, "other.order").Publish(s.ctx, order{ID: 2}), "a topic that does not match")
	require.NoError(t, bus.For[order](here).Publish(s.ctx, order{ID: 3}), "a topic without a name")
	require.NoError(t, bus.Named[item](here, "shop.thing").Publish(s.ctx, item{"ham"}))
	var wrong *tethernats.DecodeError
	require.ErrorAs(t, s.errs.wait(t, func(error) bool { return true }), &wrong, "a thing is something else there")

	require.NoError(t, bus.Named[order](here, "shop.taken").Publish(s.ctx, order{ID: 4}))
	s.errs.wait(t, func(err error) bool { return strings.Contains(err.Error(), "which has handlers of bool") })
	require.NoError(t, s.c.NATS().Publish("x.shop.order", []byte(`{"id": 5}`)), "it is no Bridge's")
	for _, want := range []string{"x.shop.order tethernats_test.order", "x.shop.thing thing", "x.shop.taken tethernats_test.order", "x.shop.order "} {
		assert.Equal(t, want, next(t, names))
	}
	require.NoError(t, s.c.Drain(s.ctx))
	require.NoError(t, raw.Unsubscribe())
	assert.Empty(t, got)
}

func TestBridge_ReportsWhatHandlersReturnAndCarriesTheTrace(t *testing.T) {
	s := open(t)
	all := s.buses(2, ">", tethernats.Carry[order]())
	bus.Named[order](all[1], "orders").Handle(s.app, func(ctx context.Context, _ order) error {
		return errors.New("trace " + tethernats.Trace(ctx).Get("traceparent"))
	})
	ctx := tethernats.WithTrace(s.ctx, nats.Header{"traceparent": {"7"}, "else": {"8"}})
	require.NoError(t, bus.Named[order](all[0], "orders").Publish(ctx, order{ID: 1}))
	err := s.errs.wait(t, func(error) bool { return true })
	require.ErrorContains(t, err, "trace 7")
	var failed *bus.HandlerError
	require.ErrorAs(t, err, &failed)
	assert.Equal(t, "orders", failed.Topic)
}

func TestBridge_PublishReturnsThatItCouldNotBeSent(t *testing.T) {
	s := open(t)
	b := s.buses(1, ">", tethernats.Carry[order]())[0]
	handled := 0
	topic := bus.Named[order](b, "orders")
	topic.Connect(s.app, func(order) { handled++ })
	err := topic.Publish(s.ctx, order{Item: strings.Repeat("x", 2<<20)})
	require.ErrorIs(t, err, nats.ErrMaxPayload)
	assert.Equal(t, 1, handled, "here it was handled all the same")
}

func TestBridge_CarriesQuestions(t *testing.T) {
	s := open(t)
	shop := s.buses(1, ">", tethernats.Answers[price, priceOf]("prices"))[0]
	customer := s.buses(1, ">", tethernats.Asks[price, priceOf]("prices"))[0]
	_, err := bus.Ask[price](s.ctx, customer, priceOf{"ham"})
	require.ErrorIs(t, err, bus.ErrNobody, "the shop has no responder yet")
	_, err = bus.Reply(s.app, shop, func(_ context.Context, q priceOf) (price, error) {
		if q.Item == "" {
			return price{}, errTest
		}
		return price{len(q.Item)}, nil
	})
	require.NoError(t, err)
	p, err := bus.Ask[price](s.ctx, customer, priceOf{"ham"})
	require.NoError(t, err)
	assert.Equal(t, price{3}, p)
	_, err = bus.Ask[price](s.ctx, customer, priceOf{})
	require.ErrorContains(t, err, "out of ham")
	require.ErrorIs(t, tethernats.Bridge(s.app, shop, s.c, ">", tethernats.Asks[price, priceOf]("prices")), bus.ErrTaken)
	s.quiet()
}

func TestBridge_DestroyIsABarrier(t *testing.T) {
	s := open(t)
	here := s.buses(1, ">", tethernats.Carry[order]())[0]
	there := bus.New(s.app, "there")
	o := s.app.NewChild("bridge")
	require.NoError(t, tethernats.Bridge(o, there, s.c, ">", tethernats.Carry[order]()))
	calls, some := 0, make(chan struct{}, 1)
	bus.Named[order](there, "orders").Connect(s.app, func(order) {
		calls++ // the race detector looks at it: the goroutine that called is the bridge's
		select {
		case some <- struct{}{}:
		default:
		}
	})
	topic := bus.Named[order](here, "orders")
	require.NoError(t, topic.Publish(s.ctx, order{}))
	next(t, some)
	stop := make(chan struct{})
	var publisher sync.WaitGroup
	publisher.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				assert.NoError(t, topic.Publish(s.ctx, order{}))
			}
		}
	})
	next(t, some)
	require.NoError(t, o.Destroy())
	calls = 0
	close(stop)
	publisher.Wait()
	assert.Zero(t, calls)
	assert.False(t, bus.Named[order](there, "orders.new").Wanted(), "nothing of the bridge is left")
	s.quiet()
}

func TestBridge_OneNameIsForOneType(t *testing.T) {
	s := open(t)
	err := tethernats.Bridge(s.app, bus.New(s.app, "bus"), s.c, ">", tethernats.CarryAs[order]("thing"), tethernats.CarryAs[item]("thing"))
	require.ErrorContains(t, err, `go by the name "thing"`)
}

// A handler of Tap is called before that of the Bridge. What it publishes with the context that
// it was given goes out, and the value that came is not sent back for that.
func TestBridge_SendsWhatAHandlerOfTapPublishesAndNothingBack(t *testing.T) {
	s := open(t)
	all := s.buses(2, ">", tethernats.Carry[order]())
	all[1].Tap().Handle(s.app, func(ctx context.Context, d bus.Delivery) error {
		return bus.Named[order](all[1], "seen."+d.Topic).Publish(ctx, order{ID: 7})
	})
	var mu sync.Mutex
	heard := map[string]int{}
	seen := make(chan bool, 10)
	bus.Matching[order](all[0], ">").Connect(s.app, func(m bus.Message[order]) {
		mu.Lock()
		defer mu.Unlock()
		heard[m.Topic]++
		if m.Topic == "seen.orders" {
			seen <- true
		}
	})
	require.NoError(t, bus.Named[order](all[0], "orders").Publish(s.ctx, order{ID: 1}))
	next(t, seen)
	require.NoError(t, s.c.Drain(s.ctx))
	require.Equal(t, map[string]int{"orders": 1, "seen.orders": 1}, heard)
	s.quiet()
}

// Such an error may come of another message, that of an answer for example, or of another bus.
func TestBridge_ReportsAHandlersErrorWhateverItIs(t *testing.T) {
	for _, fails := range []error{&tethernats.DecodeError{Type: "price", Err: errTest}, bus.ErrClosed} {
		s := open(t)
		all := s.buses(2, ">", tethernats.Carry[order]())
		bus.Named[order](all[1], "orders").Handle(s.app, func(context.Context, order) error { return fails })
		require.NoError(t, bus.Named[order](all[0], "orders").Publish(s.ctx, order{ID: 1}))
		require.NoError(t, s.c.Drain(s.ctx))
		require.NoError(t, s.app.Destroy()) // all is told
		require.Len(t, s.errs.all(), 1)
		var failed *bus.HandlerError
		require.ErrorAs(t, s.errs.all()[0], &failed)
		require.ErrorIs(t, failed, fails)
		require.Zero(t, s.c.Stats().Undecodable)
	}
}
