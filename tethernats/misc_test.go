package tethernats_test

import (
	"bytes"
	"context"
	"encoding/gob"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/bus"
	"github.com/seed-ec287111/tether/tethernats"
	"github.com/seed-ec287111/tether/tethertest"
)

// gobs is a codec that is not the default.
type gobs struct{}

func (gobs) Encode(v any) ([]byte, error) {
	var b bytes.Buffer
	err := gob.NewEncoder(&b).Encode(v)
	return b.Bytes(), err
}

func (gobs) Decode(data []byte, v any) error { return gob.NewDecoder(bytes.NewReader(data)).Decode(v) }

func TestWithCodec_IsForAllOrForOneCall(t *testing.T) {
	s := open(t, tethernats.WithCodec(gobs{}))
	s.stream("ORDERS", "orders", 1)
	got := make(chan int, 4)
	require.NoError(t, tethernats.Consume(s.app, s.c, "ORDERS", "stock", func(_ context.Context, m tethernats.Msg[order]) error {
		got <- m.Value.ID
		return nil
	}))
	assert.Equal(t, 1, next(t, got))
	require.NoError(t, tethernats.Reply(s.app, s.c, "half", func(_ context.Context, n int) (int, error) { return n / 2, nil }))
	half, err := tethernats.Ask[int](s.ctx, s.c, "half", 10)
	require.NoError(t, err)
	assert.Equal(t, 5, half)

	raw, err := s.c.NATS().SubscribeSync("json")
	require.NoError(t, err)
	src, err := tethernats.Subscribe[order](s.app, s.c, "json", tethernats.WithCodec(tethernats.JSON))
	require.NoError(t, err)
	src.Connect(s.app, func(m tethernats.Msg[order]) { got <- m.Value.ID })
	require.NoError(t, tethernats.Send(s.ctx, s.c, "json", order{ID: 2}, tethernats.WithCodec(tethernats.JSON)))
	assert.Equal(t, 2, next(t, got))
	m, err := raw.NextMsg(hang)
	require.NoError(t, err)
	assert.JSONEq(t, `{"id": 2}`, string(m.Data))
	s.quiet()
}

func TestPropagate_CarriesWhatAnotherLibraryKeepsInTheContext(t *testing.T) {
	type key struct{}
	s := open(t, tethernats.Propagate(
		func(ctx context.Context, h nats.Header) {
			if v, ok := ctx.Value(key{}).(string); ok {
				h.Set("span", v)
			}
		},
		func(ctx context.Context, h nats.Header) context.Context {
			return context.WithValue(ctx, key{}, h.Get("span")+"'")
		}))
	require.NoError(t, tethernats.Reply(s.app, s.c, "span", func(ctx context.Context, hops int) (string, error) {
		if hops > 0 {
			return tethernats.Ask[string](ctx, s.c, "span", hops-1)
		}
		return ctx.Value(key{}).(string), nil
	}))
	span, err := tethernats.Ask[string](context.WithValue(s.ctx, key{}, "a"), s.c, "span", 2)
	require.NoError(t, err)
	assert.Equal(t, "a'''", span)
}

func TestGroup_OneOfThemGetsAMessage(t *testing.T) {
	s := open(t)
	got := make(chan int, 100)
	for range 3 {
		src, err := tethernats.Subscribe[int](s.app, s.c, "numbers", tethernats.Group("workers"))
		require.NoError(t, err)
		src.Connect(s.app, func(m tethernats.Msg[int]) { got <- m.Value })
	}
	seen := map[int]int{}
	for n := range 30 {
		require.NoError(t, tethernats.Send(s.ctx, s.c, "numbers", n))
	}
	for range 30 {
		seen[next(t, got)]++
	}
	require.NoError(t, s.c.Drain(s.ctx))
	assert.Empty(t, got)
	assert.Len(t, seen, 30)
}

func TestSubscribe_IsASourceForWaitOnceAndQueues(t *testing.T) {
	s := open(t)
	src, err := tethernats.Subscribe[int](s.app, s.c, "numbers")
	require.NoError(t, err)
	once := make(chan int, 2)
	src.Once(s.app, func(m tethernats.Msg[int]) { once <- m.Value })
	queued := make(chan int, 2)
	src.Connect(s.app, func(m tethernats.Msg[int]) { queued <- m.Value }, tether.On(tether.NewQueue(s.app, 10, tether.Block)))
	waited := make(chan int, 1)
	go func() {
		m, err := tether.Wait(s.ctx, src)
		assert.NoError(t, err)
		waited <- m.Value
	}()
	for src.(*tether.Signal[tethernats.Msg[int]]).Len() < 3 {
		time.Sleep(time.Millisecond)
	}
	require.NoError(t, tethernats.Send(s.ctx, s.c, "numbers", 1))
	require.NoError(t, tethernats.Send(s.ctx, s.c, "numbers", 2))
	assert.Equal(t, 1, next(t, once))
	assert.Equal(t, 1, next(t, queued))
	assert.Equal(t, 2, next(t, queued))
	assert.Equal(t, 1, next(t, waited))
	assert.Empty(t, once)
}

func TestStream_MayBeAskedForAgain(t *testing.T) {
	s := open(t)
	require.NoError(t, s.c.Stream(s.ctx, "ORDERS", "orders.eu"))
	require.NoError(t, s.c.Stream(s.ctx, "ORDERS", "orders.eu"))
	require.NoError(t, s.c.Stream(s.ctx, "ORDERS", "orders.us"))
	stream, err := s.c.JetStream().Stream(s.ctx, "ORDERS")
	require.NoError(t, err)
	assert.Equal(t, []string{"orders.eu", "orders.us"}, stream.CachedInfo().Config.Subjects)
	require.ErrorContains(t, s.c.Stream(s.ctx, "OTHER", "orders.eu"), `stream "OTHER"`)
}

func TestPublish_OnAQueueAndStored(t *testing.T) {
	s := open(t)
	s.stream("ORDERS", "orders", 0)
	var fired tether.Signal[order]
	q := tether.NewQueue(s.app, 100, tether.Block, tether.Finish())
	o := s.app.NewChild("publisher")
	_, err := tethernats.Publish(o, &fired, s.c, "orders", tethernats.Stored(), tethernats.With(tether.On(q)))
	require.NoError(t, err)
	for id := 1; id <= 50; id++ {
		fired.Fire(order{ID: id})
	}
	require.NoError(t, o.Destroy(), "it waits for what the queue has accepted")
	stream, err := s.c.JetStream().Stream(s.ctx, "ORDERS")
	require.NoError(t, err)
	assert.EqualValues(t, 50, stream.CachedInfo().State.Msgs)
	assert.EqualValues(t, 50, s.c.Stats().Published)
	s.quiet()
}

func TestMisuse_PanicsAtTheCall(t *testing.T) {
	s := open(t)
	var fired tether.Signal[order]
	consume := func(context.Context, tethernats.Msg[order]) error { return nil }
	reply := func(context.Context, int) (int, error) { return 0, nil }
	var noCodec *gobs
	var none context.Context
	for message, f := range map[string]func(){
		"tethernats: Embed with nil Owner":     func() { _, _ = tethernats.Embed(nil, "") },
		"tethernats: Embed with nil option":    func() { _, _ = tethernats.Embed(s.app, "", nil) },
		"tethernats: Connect with nil Owner":   func() { _, _ = tethernats.Connect(nil, "") },
		"tethernats: Connect with nil option":  func() { _, _ = tethernats.Connect(s.app, "", nil) },
		"tethernats: Subscribe with nil Owner": func() { _, _ = tethernats.Subscribe[int](nil, s.c, "x") },
		"tethernats: Subscribe with nil Conn":  func() { _, _ = tethernats.Subscribe[int](s.app, nil, "x") },
		"tethernats: Subscribe with nil option": func() {
			_, _ = tethernats.Subscribe[int](s.app, s.c, "x", nil)
		},
		`tethernats: Subscribe with subject "a..b", which has an empty token`: func() {
			_, _ = tethernats.Subscribe[int](s.app, s.c, "a..b")
		},
		`tethernats: Subscribe with subject "a b", which has white space`: func() {
			_, _ = tethernats.Subscribe[int](s.app, s.c, "a b")
		},
		`tethernats: Subscribe with subject ">.a", which has a > that is not last`: func() {
			_, _ = tethernats.Subscribe[int](s.app, s.c, ">.a")
		},
		"tethernats: Publish with nil Source": func() { _, _ = tethernats.Publish[order](s.app, nil, s.c, "x") },
		`tethernats: Publish with subject "a.*", which has a wildcard`: func() {
			_, _ = tethernats.Publish(s.app, &fired, s.c, "a.*")
		},
		"tethernats: Send with nil context":  func() { _ = tethernats.Send(none, s.c, "x", 1) },
		"tethernats: Send with nil Conn":     func() { _ = tethernats.Send(s.ctx, nil, "x", 1) },
		"tethernats: Send with nil option":   func() { _ = tethernats.Send(s.ctx, s.c, "x", 1, nil) },
		"tethernats: Consume with nil Owner": func() { _ = tethernats.Consume(nil, s.c, "S", "d", consume) },
		"tethernats: Consume with nil function": func() {
			_ = tethernats.Consume[order](s.app, s.c, "S", "d", nil)
		},
		`tethernats: Consume with stream "a.b", which is no name`: func() { _ = tethernats.Consume(s.app, s.c, "a.b", "d", consume) },
		`tethernats: Consume with durable "", which is no name`:   func() { _ = tethernats.Consume(s.app, s.c, "S", "", consume) },
		"tethernats: Reply with nil Owner":                        func() { _ = tethernats.Reply(nil, s.c, "x", reply) },
		"tethernats: Reply with nil function":                     func() { _ = tethernats.Reply[int, int](s.app, s.c, "x", nil) },
		"tethernats: Ask with nil context":                        func() { _, _ = tethernats.Ask[int](none, s.c, "x", 1) },
		"tethernats: Ask with nil Conn":                           func() { _, _ = tethernats.Ask[int](s.ctx, nil, "x", 1) },
		"tethernats: Bridge with nil Bus":                         func() { _ = tethernats.Bridge(s.app, nil, s.c, ">") },
		"tethernats: Bridge that carries nothing: it needs Carry, Answers or Asks": func() {
			_ = tethernats.Bridge(s.app, bus.New(s.app, "bus"), s.c, ">")
		},
		`tethernats: Bridge: bus: pattern "a..b" has an empty token`: func() {
			_ = tethernats.Bridge(s.app, bus.New(s.app, "bus"), s.c, "a..b")
		},
		"tethernats: Carry of the interface type error: values are told apart by their own types": func() { tethernats.Carry[error]() },
		"tethernats: CarryAs without a name":                                                      func() { tethernats.CarryAs[int]("") },
		"tethernats: WithCodec with nil Codec":                                                    func() { tethernats.WithCodec(noCodec) },
		"tethernats: OnError with nil function":                                                   func() { tethernats.OnError(nil) },
		"tethernats: Options with nil option":                                                     func() { tethernats.Options(nil) },
		"tethernats: Propagate with nil function":                                                 func() { tethernats.Propagate(nil, nil) },
		"tethernats: Server with nil function":                                                    func() { tethernats.Server(nil) },
		"tethernats: Configure with nil function":                                                 func() { tethernats.Configure(nil) },
		"tethernats: Listen with port 70000":                                                      func() { tethernats.Listen("", 70000) },
		"tethernats: Pending with -1 and 0":                                                       func() { tethernats.Pending(-1, 0) },
		"tethernats: Concurrency of 0":                                                            func() { tethernats.Concurrency(0) },
		"tethernats: Ahead of 0":                                                                  func() { tethernats.Ahead(0) },
		"tethernats: AckWait of 1ms":                                                              func() { tethernats.AckWait(time.Millisecond) },
		"tethernats: MaxDeliver of 0":                                                             func() { tethernats.MaxDeliver(0, "dead") },
		"tethernats: Backoff of []":                                                               func() { tethernats.Backoff() },
		"tethernats: Drain with nil Conn":                                                         func() { _ = new(tethernats.Conn).Drain(s.ctx) },
		"tethernats: Drain with nil context":                                                      func() { _ = s.c.Drain(none) },
		"tethernats: Stream with nil context":                                                     func() { _ = s.c.Stream(none, "S") },
		"tethernats: Stats with nil Conn":                                                         func() { (*tethernats.Conn)(nil).Stats() },
		`tethernats: Stream with subject "", which has an empty token`:                            func() { _ = s.c.Stream(s.ctx, "S", "") },
	} {
		assert.PanicsWithValue(t, message, f)
	}
	assert.Zero(t, s.c.Stats())
	s.quiet()
}

func TestSubscribe_GoesOnAfterGoexitAndASupervisedPanic(t *testing.T) {
	s := open(t)
	told := make(chan *tether.PanicError, 1)
	o := s.app.NewChild("subscriber", tether.WithPanicHandler(func(p *tether.PanicError) { told <- p }))
	src, err := tethernats.Subscribe[int](o, s.c, "numbers")
	require.NoError(t, err)
	got := make(chan int, 100)
	src.Connect(o, func(m tethernats.Msg[int]) {
		switch got <- m.Value; m.Value {
		case 1:
			runtime.Goexit()
		case 2:
			panic("no ham")
		}
	})
	for n := 1; n <= 3; n++ {
		require.NoError(t, tethernats.Send(s.ctx, s.c, "numbers", n))
		v := next(t, got)
		for v == 0 {
			v = next(t, got)
		}
		assert.Equal(t, n, v)
		for n == 1 && len(got) == 0 { // what is published before the subscription is renewed is lost
			require.NoError(t, tethernats.Send(s.ctx, s.c, "numbers", 0))
			time.Sleep(time.Millisecond)
		}
	}
	assert.Equal(t, "no ham", next(t, told).Value)
	require.NoError(t, o.Destroy())
	s.quiet()
}

// Destroy of all at once has told what went wrong until the very end, though OnError is slow.
func TestOnError_IsToldBeforeDestroyReturns(t *testing.T) {
	tethertest.VerifyNone(t)
	app := tether.NewOwner("app")
	told := 0
	c, err := tethernats.Embed(app, "", tethernats.OnError(func(error) {
		if told++; told == 1 {
			<-app.Context().Done()
			time.Sleep(50 * time.Millisecond) // the second waits in the queue
		}
	}))
	require.NoError(t, err)
	require.NoError(t, c.Stream(t.Context(), "ORDERS", "orders"))
	for id := range 2 {
		require.NoError(t, tethernats.Send(t.Context(), c, "orders", order{ID: id}, tethernats.Stored()))
	}
	begun := make(chan struct{}, 2)
	require.NoError(t, tethernats.Consume(app, c, "ORDERS", "stock", func(ctx context.Context, _ tethernats.Msg[order]) error {
		begun <- struct{}{}
		<-ctx.Done()
		return errTest // it is not that the context has ended
	}, tethernats.Concurrency(2)))
	next(t, begun)
	next(t, begun)
	require.NoError(t, app.Destroy())
	assert.Equal(t, 2, told)
}

// A Subscribe that must subscribe anew after Drain has begun still comes to its end.
func TestDrain_EndsThoughAHandlerEndsItsGoroutine(t *testing.T) {
	s := open(t)
	src, err := tethernats.Subscribe[order](s.app, s.c, "orders")
	require.NoError(t, err)
	begun, goOn := make(chan bool), make(chan bool)
	src.Connect(s.app, func(tethernats.Msg[order]) {
		close(begun)
		<-goOn
		runtime.Goexit()
	})
	require.NoError(t, tethernats.Send(s.ctx, s.c, "orders", order{ID: 1}))
	next(t, begun)
	drained := make(chan error, 1)
	ctx, cancel := context.WithTimeout(s.ctx, 10*time.Second)
	defer cancel()
	go func() { drained <- s.c.Drain(ctx) }()
	require.Eventually(t, func() bool {
		_, err := tethernats.Subscribe[order](s.app, s.c, "others")
		return errors.Is(err, tethernats.ErrDraining)
	}, hang, time.Millisecond)
	time.Sleep(50 * time.Millisecond) // Drain has told the subscription
	close(goOn)
	require.NoError(t, next(t, drained))
}

func TestPublish_OfASourceThatPanicsWhenItBecomesActiveLeavesNothing(t *testing.T) {
	s := open(t)
	src := tether.NewSignal[order](s.app, tether.WhileActive(func(*tether.Owner) { panic("inactive") }))
	require.PanicsWithValue(t, "inactive", func() { _, _ = tethernats.Publish(s.app, src, s.c, "orders") })
	require.Zero(t, src.Len())
}
