package tethernats_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/tethernats"
	"github.com/seed-ec287111/tether/tethertest"
)

var errTest = errors.New("out of ham")

func TestConsume_HoldsUpTheOrderForWhatHasFailed(t *testing.T) {
	s := open(t)
	s.stream("ORDERS", "orders", 5)
	const pause = 30 * time.Millisecond
	type try struct {
		id, delivered int
		at            time.Time
	}
	tries := make(chan try, 20)
	require.NoError(t, tethernats.Consume(s.app, s.c, "ORDERS", "stock", func(_ context.Context, m tethernats.Msg[order]) error {
		tries <- try{m.Value.ID, m.Delivered, time.Now()}
		if m.Value.ID == 2 && m.Delivered < 4 {
			return errTest
		}
		return nil
	}, long, tethernats.Backoff(time.Millisecond, pause)))
	var got []try
	for range 8 {
		got = append(got, next(t, tries))
	}
	for i, want := range []try{{1, 1, time.Time{}}, {2, 1, time.Time{}}, {2, 2, time.Time{}}, {2, 3, time.Time{}}, {2, 4, time.Time{}}, {3, 1, time.Time{}}, {4, 1, time.Time{}}, {5, 1, time.Time{}}} {
		assert.Equal(t, want.id, got[i].id, "try %d", i)
		assert.Equal(t, want.delivered, got[i].delivered, "try %d", i)
	}
	for i := 3; i <= 4; i++ {
		assert.GreaterOrEqual(t, got[i].at.Sub(got[i-1].at), pause-time.Millisecond, "the server waits before it delivers again")
	}
	require.NoError(t, s.c.Drain(s.ctx))
	errs := s.errs.all()
	require.Len(t, errs, 3)
	var e *tethernats.Error
	require.ErrorAs(t, errs[0], &e)
	require.ErrorIs(t, e, errTest)
	assert.Equal(t, "Consume", e.Op)
	assert.Equal(t, "orders", e.Subject)
	assert.Contains(t, e.Error(), "out of ham")
	assert.EqualValues(t, 3, s.c.Stats().Failed)
	assert.EqualValues(t, 5, s.c.Stats().Acknowledged)
}

// The order is the durable's, not the process's: two that share it never have two messages at
// one time.
func TestConsume_KeepsTheOrderForAllThatShareADurable(t *testing.T) {
	s := open(t)
	const all = 200
	s.stream("ORDERS", "orders", all)
	var running atomic.Int32
	got := make(chan int, all)
	for range 3 {
		require.NoError(t, tethernats.Consume(s.app, s.c, "ORDERS", "stock", func(_ context.Context, m tethernats.Msg[order]) error {
			assert.EqualValues(t, 1, running.Add(1))
			got <- m.Value.ID
			runtime.Gosched()
			running.Add(-1)
			return nil
		}, long))
	}
	for id := 1; id <= all; id++ {
		require.Equal(t, id, next(t, got))
	}
	s.quiet()
}

func TestConcurrency_HandlesSoManyAtOnce(t *testing.T) {
	s := open(t)
	const n = 4
	s.stream("ORDERS", "orders", 3*n)
	begun, release := make(chan struct{}, 3*n), make(chan struct{})
	var running, most atomic.Int32
	o := s.app.NewChild("consumer")
	require.NoError(t, tethernats.Consume(o, s.c, "ORDERS", "stock", func(context.Context, tethernats.Msg[order]) error {
		most.Store(max(most.Load(), running.Add(1)))
		begun <- struct{}{}
		<-release
		running.Add(-1)
		return nil
	}, long, tethernats.Concurrency(n)))
	for range n {
		next(t, begun)
	}
	assert.EqualValues(t, n, most.Load())
	close(release)
	for range 2 * n {
		next(t, begun)
	}
	require.NoError(t, o.Destroy())
	assert.LessOrEqual(t, most.Load(), int32(n))
	s.quiet()
}

func TestMaxDeliver_EndsInADeadLetter(t *testing.T) {
	for _, way := range []string{"fails", "panics", "cannot be decoded"} {
		t.Run(way, func(t *testing.T) {
			s := open(t)
			require.NoError(t, s.c.Stream(s.ctx, "ORDERS", "orders"))
			require.NoError(t, s.c.Stream(s.ctx, "DEAD", "dead"))
			var told atomic.Int32
			o := s.app.NewChild("consumer", tether.WithPanicHandler(func(p *tether.PanicError) {
				told.Add(1)
				assert.Equal(t, "no ham", p.Value)
				assert.Contains(t, p.Func, "TestMaxDeliver")
				assert.Equal(t, 7, p.Fired.(tethernats.Msg[order]).Value.ID)
			}))
			calls := make(chan int, 10)
			require.NoError(t, tethernats.Consume(o, s.c, "ORDERS", "stock", func(_ context.Context, m tethernats.Msg[order]) error {
				calls <- m.Value.ID
				switch {
				case m.Value.ID == 8:
					return nil
				case way == "panics":
					panic("no ham")
				}
				return errTest
			}, long, tethernats.MaxDeliver(3, "dead"), tethernats.Backoff(time.Millisecond)))

			var value any = order{ID: 7, Item: "ham"}
			tries := 3
			if way == "cannot be decoded" {
				value, tries = "no order", 0
			}
			require.NoError(t, tethernats.Send(tethernats.WithTrace(s.ctx, nats.Header{"traceparent": {"1"}}), s.c, "orders", value, tethernats.Stored()))
			require.NoError(t, tethernats.Send(s.ctx, s.c, "orders", order{ID: 8}, tethernats.Stored()))
			for range tries {
				assert.Equal(t, 7, next(t, calls))
			}
			assert.Equal(t, 8, next(t, calls), "the order goes on")

			stream, err := s.c.JetStream().Stream(s.ctx, "DEAD")
			require.NoError(t, err)
			raw, err := stream.GetMsg(s.ctx, 1)
			require.NoError(t, err)
			h := raw.Header
			assert.Equal(t, "1", h.Get("traceparent"), "its own headers are kept")
			assert.Equal(t, "orders", h.Get(tethernats.HeaderSubject))
			assert.Equal(t, "ORDERS", h.Get(tethernats.HeaderStream))
			assert.Equal(t, "1", h.Get(tethernats.HeaderSequence))
			assert.Equal(t, "stock", h.Get(tethernats.HeaderDurable))
			assert.Equal(t, fmt.Sprint(max(1, tries)), h.Get(tethernats.HeaderDelivered))
			want := map[string]string{"fails": "out of ham", "panics": "no ham", "cannot be decoded": "not a tethernats_test.order"}[way]
			assert.Contains(t, h.Get(tethernats.HeaderError), want)

			require.NoError(t, o.Destroy())
			_, unacknowledged, floor := s.books("ORDERS", "stock")
			assert.Zero(t, unacknowledged)
			assert.EqualValues(t, 2, floor)
			stats := s.c.Stats()
			assert.EqualValues(t, 1, stats.DeadLettered)
			assert.EqualValues(t, 1, stats.Acknowledged)
			assert.EqualValues(t, max(0, tries-1), stats.Failed)
			assert.Equal(t, way == "panics", told.Load() == 3)
			assert.Len(t, s.errs.all(), max(1, tries))
		})
	}
}

func TestMaxDeliver_WithoutAStreamForTheLettersIsAnError(t *testing.T) {
	s := open(t)
	s.stream("ORDERS", "orders", 0)
	err := tethernats.Consume(s.app, s.c, "ORDERS", "stock", func(context.Context, tethernats.Msg[order]) error { return nil },
		tethernats.MaxDeliver(3, "nowhere"))
	require.ErrorContains(t, err, `dead letters to "nowhere"`)
}

// A dead letter that can't be stored is not lost: its message stays.
func TestMaxDeliver_KeepsWhatCannotBecomeALetter(t *testing.T) {
	s := open(t)
	s.stream("ORDERS", "orders", 1)
	require.NoError(t, s.c.Stream(s.ctx, "DEAD", "dead"))
	tries := make(chan int, 10)
	require.NoError(t, tethernats.Consume(s.app, s.c, "ORDERS", "stock", func(_ context.Context, m tethernats.Msg[order]) error {
		if m.Delivered == 2 {
			assert.NoError(t, s.c.JetStream().DeleteStream(s.ctx, "DEAD"))
		}
		tries <- m.Delivered
		if m.Delivered < 4 {
			return errTest
		}
		return nil
	}, long, tethernats.MaxDeliver(2, "dead"), tethernats.Backoff(time.Millisecond)))
	for n := 1; n <= 4; n++ {
		assert.Equal(t, n, next(t, tries))
	}
	s.errs.wait(t, func(err error) bool { return errors.Is(err, jetstream.ErrNoStreamResponse) })
}

// What kills its process never fails, as nobody is left to say so.
func TestMaxDeliver_BuriesWhatWasDeliveredFarTooOften(t *testing.T) {
	s := open(t)
	s.stream("ORDERS", "orders", 1)
	require.NoError(t, s.c.Stream(s.ctx, "DEAD", "dead"))
	cons, err := s.c.JetStream().CreateConsumer(s.ctx, "ORDERS", jetstream.ConsumerConfig{Durable: "stock", AckPolicy: jetstream.AckExplicitPolicy})
	require.NoError(t, err)
	for range 10 { // nobody settles it, as if killed
		m, err := cons.Next()
		require.NoError(t, err)
		require.NoError(t, m.Nak())
	}
	o := s.app.NewChild("consumer")
	require.NoError(t, tethernats.Consume(o, s.c, "ORDERS", "stock", func(context.Context, tethernats.Msg[order]) error {
		assert.Fail(t, "it was handled")
		return nil
	}, long, tethernats.MaxDeliver(1, "dead")))
	s.errs.wait(t, func(err error) bool { return err != nil })
	require.NoError(t, o.Destroy())
	assert.EqualValues(t, 1, s.c.Stats().DeadLettered)
}

func TestConsume_WithoutMaxDeliverReportsWhatCannotBeDecoded(t *testing.T) {
	s := open(t)
	s.stream("ORDERS", "orders", 0)
	require.NoError(t, tethernats.Send(s.ctx, s.c, "orders", "no order", tethernats.Stored()))
	require.NoError(t, tethernats.Send(s.ctx, s.c, "orders", order{ID: 2}, tethernats.Stored()))
	got := make(chan int, 2)
	require.NoError(t, tethernats.Consume(s.app, s.c, "ORDERS", "stock", func(_ context.Context, m tethernats.Msg[order]) error {
		got <- m.Value.ID
		return nil
	}, long))
	assert.Equal(t, 2, next(t, got))
	err := s.errs.wait(t, func(err error) bool { return true })
	var wrong *tethernats.DecodeError
	require.ErrorAs(t, err, &wrong)
	assert.Equal(t, "tethernats_test.order", wrong.Type)
	var e *tethernats.Error
	require.ErrorAs(t, err, &e)
	assert.Equal(t, `"no order"`, string(e.Msg.Data), "the message is there to be looked at")
	assert.EqualValues(t, 1, s.c.Stats().Undecodable)
}

func TestConsume_GoesOnAfterGoexit(t *testing.T) {
	for name, opts := range ways {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			s.stream("ORDERS", "orders", 6)
			got := make(chan int, 20)
			o := s.app.NewChild("consumer")
			require.NoError(t, tethernats.Consume(o, s.c, "ORDERS", "stock", func(_ context.Context, m tethernats.Msg[order]) error {
				if m.Delivered == 1 {
					runtime.Goexit() // as t.FailNow does
				}
				got <- m.Value.ID
				return nil
			}, append([]tethernats.ConsumeOption{tethernats.Backoff(time.Millisecond)}, opts...)...))
			for range 6 {
				next(t, got)
			}
			require.NoError(t, o.Destroy())
			assert.EqualValues(t, 6, s.c.Stats().Failed)
		})
	}
}

// A handler may take longer than AckWait: the server is told that the message is in work, and
// so it is told of those that wait behind it.
func TestConsume_TellsTheServerWhatIsInWork(t *testing.T) {
	s := open(t)
	s.stream("ORDERS", "orders", 3)
	release := make(chan struct{})
	inWork := make(chan string, 100)
	sub, err := s.c.NATS().Subscribe("$JS.ACK.ORDERS.stock.>", func(m *nats.Msg) {
		if string(m.Data) == "+WPI" {
			select {
			case inWork <- m.Subject:
			default:
			}
		}
	})
	require.NoError(t, err)
	o := s.app.NewChild("consumer")
	require.NoError(t, tethernats.Consume(o, s.c, "ORDERS", "stock", func(context.Context, tethernats.Msg[order]) error {
		<-release
		return nil
	}, tethernats.AckWait(300*time.Millisecond), tethernats.Concurrency(1)))
	said := map[string]int{}
	for len(said) < 3 || min3(said) < 3 {
		said[next(t, inWork)]++
	}
	close(release)
	require.NoError(t, o.Destroy())
	require.NoError(t, sub.Unsubscribe())
}

func min3(m map[string]int) int {
	least := 1 << 30
	for _, n := range m {
		least = min(least, n)
	}
	return least
}

func TestConsume_EndsWhenItsDurableIsDeleted(t *testing.T) {
	s := open(t)
	s.stream("ORDERS", "orders", 1)
	handled := make(chan int, 1)
	require.NoError(t, tethernats.Consume(s.app, s.c, "ORDERS", "stock", func(_ context.Context, m tethernats.Msg[order]) error {
		handled <- m.Value.ID
		return nil
	}))
	next(t, handled)
	require.NoError(t, s.c.JetStream().DeleteConsumer(s.ctx, "ORDERS", "stock"))
	err := s.errs.wait(t, func(error) bool { return true })
	require.ErrorContains(t, err, "Consumer Deleted")
}

func TestConsume_EndsWhenTheConnectionIsClosed(t *testing.T) {
	s := open(t)
	s.stream("ORDERS", "orders", 0)
	other := s.app.NewChild("other")
	c, err := tethernats.Connect(other, "", tethernats.Options(nats.InProcessServer(s.srv)), tethernats.OnError(s.errs.add))
	require.NoError(t, err)
	o := s.app.NewChild("consumer")
	require.NoError(t, tethernats.Consume(o, c, "ORDERS", "stock", func(context.Context, tethernats.Msg[order]) error { return nil }))
	src, err := tethernats.Subscribe[order](o, c, "news")
	require.NoError(t, err)
	conn := src.Connect(o, func(tethernats.Msg[order]) {})
	c.NATS().Close() // as nats.go does it itself where it is told to give up
	next(t, conn.Ended())
	for _, op := range []string{"Consume", "Subscribe"} {
		s.errs.wait(t, func(err error) bool {
			var e *tethernats.Error
			return errors.As(err, &e) && e.Op == op && errors.Is(e, nats.ErrConnectionClosed)
		})
	}
	err = tethernats.Consume(o, c, "ORDERS", "stock", func(context.Context, tethernats.Msg[order]) error { return nil })
	require.Error(t, err)
	_, err = tethernats.Subscribe[order](o, c, "news")
	require.Error(t, err)
	_, err = tethernats.Publish(o, src, c, "news")
	require.ErrorIs(t, err, tethernats.ErrClosed)
	_, err = tethernats.Ask[price](s.ctx, c, "prices", priceOf{})
	require.ErrorIs(t, err, tethernats.ErrClosed)
	require.Error(t, tethernats.Send(s.ctx, c, "orders", order{}))
	require.Error(t, tethernats.Send(s.ctx, c, "orders", order{}, tethernats.Stored()))
}

func TestConsume_OfADeadOwnerStartsNothing(t *testing.T) {
	s := open(t)
	s.stream("ORDERS", "orders", 1)
	o := s.app.NewChild("dead")
	o.Destroy()
	require.ErrorIs(t, tethernats.Consume(o, s.c, "ORDERS", "stock", func(context.Context, tethernats.Msg[order]) error { return nil }), tethernats.ErrClosed)
	_, err := tethernats.Subscribe[order](o, s.c, "orders")
	require.ErrorIs(t, err, tethernats.ErrClosed)
	require.ErrorIs(t, tethernats.Reply(o, s.c, "prices", func(context.Context, priceOf) (price, error) { return price{}, nil }), tethernats.ErrClosed)
	_, err = tethernats.Connect(o, "nats://127.0.0.1:1")
	require.ErrorIs(t, err, tethernats.ErrClosed)
	_, err = tethernats.Embed(o, "")
	require.ErrorIs(t, err, tethernats.ErrClosed)
	err = tethernats.Consume(s.app, s.c, "NONE", "stock", func(context.Context, tethernats.Msg[order]) error { return nil })
	require.ErrorIs(t, err, jetstream.ErrStreamNotFound)
}

// Handlers of a connection's events, and OnError, may destroy what they like.
func TestOnError_MayDestroyTheOwnerOfTheConnection(t *testing.T) {
	tethertest.VerifyNone(t)
	app := tether.NewOwner("app")
	var once sync.Once
	c, err := tethernats.Embed(app, "", tethernats.OnError(func(error) {
		once.Do(func() { app.Destroy() })
	}))
	require.NoError(t, err)
	src, err := tethernats.Subscribe[order](app, c, "orders")
	require.NoError(t, err)
	src.Connect(app, func(tethernats.Msg[order]) {})
	require.NoError(t, tethernats.Send(context.Background(), c, "orders", "no order"))
	next(t, app.Ended())
}

func TestOptions_HandlersOfEventsAreCalledAndMayDestroy(t *testing.T) {
	s := open(t)
	o := s.app.NewChild("client")
	connected := make(chan struct{})
	_, err := tethernats.Connect(o, "", tethernats.Options(
		nats.InProcessServer(s.srv),
		nats.ConnectHandler(func(*nats.Conn) { close(connected) }),
		nats.DisconnectErrHandler(func(*nats.Conn, error) { o.Destroy() }),
		nats.ClosedHandler(func(*nats.Conn) { o.Destroy() }),
	))
	require.NoError(t, err)
	next(t, connected)
	s.srv.Shutdown()
	next(t, o.Ended())
}

// A request for messages ends after a time, or is lost. Another one follows, and not many.
func TestConsume_AsksAgainWhenARequestHasEnded(t *testing.T) {
	for name, opts := range ways {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			s.stream("ORDERS", "orders", 0)
			asked := make(chan struct{}, 10_000)
			sub, err := s.c.NATS().Subscribe("$JS.API.CONSUMER.MSG.NEXT.ORDERS.stock", func(*nats.Msg) { asked <- struct{}{} })
			require.NoError(t, err)
			handled := make(chan int, 1)
			require.NoError(t, tethernats.Consume(s.app, s.c, "ORDERS", "stock", func(_ context.Context, m tethernats.Msg[order]) error {
				handled <- m.Value.ID
				return nil
			}, append([]tethernats.ConsumeOption{tethernats.Idle(20 * time.Millisecond)}, opts...)...))
			begun := time.Now()
			for n := range 5 {
				next(t, asked)
				require.NoError(t, tethernats.Send(s.ctx, s.c, "orders", order{ID: n}, tethernats.Stored()))
				assert.Equal(t, n, next(t, handled))
			}
			assert.Greater(t, time.Since(begun), 100*time.Millisecond, "each request has its time")
			require.NoError(t, sub.Unsubscribe())
			s.quiet()
		})
	}
}
