package bus_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/bus"
	"github.com/seed-ec287111/tether/hook"
)

type order struct{ id int }

func TestPublish_ReachesTheTopicOfItsTypeOrNameAlone(t *testing.T) {
	app, b := newBus(t)
	var got []string
	say := func(who string) func(int) { return func(v int) { got = append(got, fmt.Sprint(who, v)) } }
	bus.For[int](b).Connect(app, say("type"))
	bus.Named[int](b, "a").Connect(app, say("a"))
	bus.Named[int](b, "a.b").Connect(app, say("a.b"))
	bus.For[order](b).Connect(app, func(order) { got = append(got, "order") })
	bus.Matching[int](b, ">").Connect(app, func(m bus.Message[int]) { got = append(got, fmt.Sprint(m.Topic, " > ", m.Value)) })
	bus.Matching[order](b, ">").Connect(app, func(bus.Message[order]) { got = append(got, "order >") })

	require.NoError(t, bus.For[int](b).Publish(bg, 1))
	require.Equal(t, []string{"type1"}, got, "no pattern matches the topic of a type")
	got = nil
	require.NoError(t, bus.Named[int](b, "a").Publish(bg, 2))
	require.Equal(t, []string{"a2", "a > 2"}, got)
	got = nil
	require.NoError(t, bus.Named[order](b, "c").Publish(bg, order{}))
	require.Equal(t, []string{"order >"}, got, "patterns match topics of their own type")

	other := bus.New(app, "other")
	got = nil
	require.NoError(t, bus.Named[int](other, "a").Publish(bg, 2))
	require.Empty(t, got, "another bus")
	require.Equal(t, "a", bus.Named[int](b, "a").Name())
	require.Equal(t, "", bus.For[int](b).Name())
}

// EventEmitter2 calls wildcard listeners before or after the others, and sabre-io breaks
// their priorities: users expect one order.
func TestPublish_CallsHandlersOfTopicsAndPatternsInOneOrder(t *testing.T) {
	app, b := newBus(t)
	var got []string
	exact := func(id string, p int) {
		bus.Named[int](b, "a.b").Connect(app, func(int) { got = append(got, id) }, tether.Priority(p))
	}
	wild := func(pattern, id string, p int) {
		bus.Matching[int](b, pattern).Connect(app, func(bus.Message[int]) { got = append(got, id) }, tether.Priority(p))
	}
	wild("a.*", "1", 0)
	exact("2", 0)
	wild(">", "3", 0)
	wild("a.*", "4", 1)
	exact("5", 1)
	wild("a.>", "6", -1)
	exact("7", -1)
	wild(">", "8", 1)
	exact("9", 0)
	wild("*.b", "10", 0)
	wild("a.*", "11", 0)
	require.NoError(t, bus.Named[int](b, "a.b").Publish(bg, 1))
	require.Equal(t, []string{"4", "5", "8", "1", "2", "3", "9", "10", "11", "6", "7"}, got)
}

func TestPublish_PatternsGetTopicsOfNowAndLater(t *testing.T) {
	app, b := newBus(t)
	var got []string
	early := bus.Named[int](b, "a.early")
	require.NoError(t, early.Publish(bg, 1))
	c := bus.Matching[int](b, "a.*").Connect(app, func(m bus.Message[int]) { got = append(got, m.Topic) })
	require.NoError(t, early.Publish(bg, 1))
	require.NoError(t, bus.Named[int](b, "a.late").Publish(bg, 1))
	bus.Named[int](b, "a.early").Connect(app, func(int) {})
	require.NoError(t, early.Publish(bg, 1))
	require.Equal(t, []string{"a.early", "a.late", "a.early"}, got)
	c.Disconnect()
	require.NoError(t, early.Publish(bg, 1))
	require.Len(t, got, 3)
}

func TestPublish_ReturnsTheErrorsOfAllHandlersWithWhoseTheyAre(t *testing.T) {
	app, b := newBus(t)
	topic := bus.Named[int](b, "a")
	require.NoError(t, topic.Publish(bg, 1))
	calls := 0
	topic.Handle(app, func(context.Context, int) error { calls++; return nil })
	topic.Handle(app.NewChild("x\ny"), failing)
	err := topic.Publish(bg, 1)
	var h *bus.HandlerError
	require.ErrorAs(t, err, &h)
	require.Same(t, err, h, "a single one as it is")
	require.Equal(t, `app/"x\ny"`, h.Owner)
	require.Contains(t, h.Func, "bus_test.failing (")
	require.Equal(t, "a", h.Topic)
	require.Equal(t, errBoom, h.Err)
	require.Equal(t, fmt.Sprintf(`bus: %s of app/"x\ny" on "a": boom`, h.Func), err.Error())

	bus.Matching[int](b, "*").Handle(app, func(_ context.Context, m bus.Message[int]) error { calls++; return hook.ErrPass })
	topic.Handle(app, func(context.Context, int) error { calls++; return nil })
	calls = 0
	err = topic.Publish(bg, 1)
	require.Equal(t, 3, calls, "a handler that fails keeps nobody from being called")
	require.ErrorIs(t, err, errBoom)
	require.ErrorIs(t, err, hook.ErrPass)
	require.Len(t, err.(interface{ Unwrap() []error }).Unwrap(), 2)

	bus.For[int](b).Handle(app, failing)
	err = bus.For[int](b).Publish(bg, 1)
	require.ErrorAs(t, err, &h)
	require.Equal(t, fmt.Sprintf("bus: %s of app: boom", h.Func), err.Error())
}

func failing(context.Context, int) error { return errBoom }

func TestPublish_PanicsGoOnWhenTheOthersHaveBeenCalledAndSupervisedOnesAreErrors(t *testing.T) {
	app, b := newBus(t)
	topic := bus.For[int](b)
	var told []*tether.PanicError
	o := app.NewChild("o", tether.WithPanicHandler(func(p *tether.PanicError) { told = append(told, p) }))
	calls := 0
	topic.Connect(o, func(int) { panic(errBoom) })
	topic.Connect(app, func(int) { calls++ })
	err := topic.Publish(bg, 7)
	require.ErrorIs(t, err, errBoom)
	var p *tether.PanicError
	require.ErrorAs(t, err, &p)
	require.Equal(t, []*tether.PanicError{p}, told)
	require.Equal(t, "app/o", p.Owner)
	require.Equal(t, 7, p.Fired)
	require.Contains(t, p.Func, "bus_test.TestPublish_PanicsGoOn")
	require.Equal(t, 1, calls)

	topic.Connect(app, func(int) { panic("loud") }, tether.Priority(1))
	require.PanicsWithValue(t, "loud", func() { _ = topic.Publish(bg, 1) })
	require.Equal(t, 2, calls)
	require.Len(t, told, 2)

	exited := bus.Named[int](b, "exit")
	exited.Connect(app, func(int) { runtime.Goexit() })
	exited.Connect(app, func(int) { calls++ })
	var wg sync.WaitGroup
	wg.Go(func() { _ = exited.Publish(bg, 1); t.Error("returned after Goexit") })
	wg.Wait()
	require.Equal(t, 3, calls)
}

func TestPublish_AContextThatHasEndedCallsNobodyAndOnceBegunItCallsEveryone(t *testing.T) {
	app, b := newBus(t)
	topic := bus.For[int](b)
	calls, tapped := 0, 0
	got := letters(app, b)
	b.Tap().Connect(app, func(bus.Delivery) { tapped++ })
	ctx, end := context.WithCancelCause(bg)
	topic.Connect(app, func(int) { calls++; end(errBoom) })
	topic.Handle(app, func(ctx context.Context, _ int) error {
		calls++
		require.Equal(t, errBoom, context.Cause(ctx))
		return nil
	})
	require.NoError(t, topic.Publish(ctx, 1))
	require.Equal(t, 2, calls)
	require.Equal(t, errBoom, topic.Publish(ctx, 1))
	require.Equal(t, errBoom, bus.Named[int](b, "nobody").Publish(ctx, 1))
	require.Equal(t, 2, calls)
	require.Equal(t, 1, tapped)
	require.Empty(t, *got)
}

func TestPublish_ADirectHandlersContextIsAsInHook(t *testing.T) {
	app, b := newBus(t)
	o := app.NewChild("o")
	ctx, cancel := context.WithCancel(context.WithValue(bg, key{}, 7))
	defer cancel()
	var kept context.Context
	bus.For[int](b).Handle(o, func(ctx context.Context, _ int) error {
		require.Equal(t, 7, ctx.Value(key{}))
		require.NoError(t, ctx.Err())
		o.Cancel(errBoom)
		<-ctx.Done()
		require.Equal(t, errBoom, context.Cause(ctx))
		kept = ctx
		return nil
	})
	require.NoError(t, bus.For[int](b).Publish(ctx, 1))
	require.Error(t, kept.Err())

	var got context.Context
	bus.Named[int](b, "a").Handle(app, func(ctx context.Context, _ int) error { got = ctx; return nil })
	require.NoError(t, bus.Named[int](b, "a").Publish(bg, 1))
	require.Same(t, app.Context(), got)
}

// asaskevich/EventBus holds its lock while handlers run, so that a Publish in a handler
// hangs; and it edits the list that a Publish walks.
func TestPublish_AHandlerMayPublishConnectAndDisconnect(t *testing.T) {
	app, b := newBus(t)
	topic := bus.Named[int](b, "a.b")
	var got []int
	var first *tether.Connection
	first = topic.Connect(app, func(v int) {
		got = append(got, v)
		if v < 3 {
			require.NoError(t, topic.Publish(bg, v+1))
		}
		if v == 2 {
			first.Disconnect()
			bus.Matching[int](b, "a.>").Connect(app, func(m bus.Message[int]) { got = append(got, 100+m.Value) })
			for range 100 {
				topic.Connect(app, func(v int) { got = append(got, 200+v) })
			}
		}
	})
	topic.Connect(app, func(v int) { got = append(got, 10+v) })
	require.NoError(t, topic.Publish(bg, 1))
	require.Equal(t, []int{1, 2, 3, 13, 12, 11}, got, "what connects in a Publish is not called by it")
	got = nil
	require.NoError(t, topic.Publish(bg, 5))
	require.Len(t, got, 102)
	require.Equal(t, []int{15, 105, 205}, got[:3])
}

// EventBus knows a subscription by its function's address, which two closures share.
func TestPublish_TwoConnectionsOfOneFunctionAreTwo(t *testing.T) {
	app, b := newBus(t)
	topic := bus.For[int](b)
	var got []int
	handler := func(i int) func(int) { return func(int) { got = append(got, i) } }
	var conns []*tether.Connection
	for i := range 3 {
		conns = append(conns, topic.Connect(app, handler(i)))
	}
	conns[1].Disconnect()
	require.NoError(t, topic.Publish(bg, 1))
	require.Equal(t, []int{0, 2}, got)
}

func TestOnce_IsCalledOnce(t *testing.T) {
	for _, pattern := range []bool{false, true} {
		app, b := newBus(t)
		topic := bus.Named[int](b, "a")
		once := func(f func(int)) *tether.Connection {
			if pattern {
				return bus.Matching[int](b, "*").Once(app, func(m bus.Message[int]) { f(m.Value) })
			}
			return topic.Once(app, f)
		}
		var got []int
		var c *tether.Connection
		c = once(func(v int) {
			got = append(got, v)
			require.False(t, c.Connected(), "inside it the connection is dead")
			require.Zero(t, app.Stats().Connections)
			require.NoError(t, topic.Publish(bg, 2))
		})
		require.NoError(t, topic.Publish(bg, 1))
		require.NoError(t, topic.Publish(bg, 3))
		require.Equal(t, []int{1}, got)
		require.Zero(t, b.Entries())

		// By many at once, who all come to it in the same moment: who comes too late sees to
		// it that the value is not lost.
		const publishers = 4
		var arrived, leave sync.WaitGroup
		topic.Connect(app, func(int) { arrived.Done(); leave.Wait() }, tether.Priority(1))
		for range 300 {
			handled, dead, other := atomic.Int64{}, atomic.Int64{}, app.NewChild("other")
			arrived.Add(publishers)
			leave.Add(1)
			once(func(int) { handled.Add(1) })
			b.Dead().Connect(other, func(bus.Letter) { dead.Add(1) })
			var wg sync.WaitGroup
			for range publishers {
				wg.Go(func() { _ = topic.Publish(bg, 1) })
			}
			arrived.Wait()
			leave.Done()
			wg.Wait()
			_ = other.Destroy()
			require.Equal(t, int64(1), handled.Load())
			require.Zero(t, dead.Load(), "the first handler got them all")
		}
	}
}

// A Publish whose only handler is a Once that another one has called meanwhile has reached
// nobody.
func TestOnce_WhatComesTooLateIsALetter(t *testing.T) {
	rounds := 3000
	if testing.Short() {
		rounds = 500
	}
	for _, pattern := range []bool{false, true} {
		app, b := newBus(t)
		topic := bus.Named[int](b, "a")
		var handled, dead atomic.Int64
		b.Dead().Connect(app, func(bus.Letter) { dead.Add(1) })
		for range rounds {
			handled.Store(0)
			dead.Store(0)
			if pattern {
				bus.Matching[int](b, "*").Once(app, func(bus.Message[int]) { handled.Add(1) })
			} else {
				topic.Once(app, func(int) { handled.Add(1) })
			}
			var wg sync.WaitGroup
			ready := make(chan struct{})
			for range 2 {
				wg.Go(func() { <-ready; _ = topic.Publish(bg, 1) })
			}
			close(ready)
			wg.Wait()
			require.Equal(t, int64(1), handled.Load())
			require.Equal(t, int64(1), dead.Load())
		}
	}
}

func TestPublish_ATopicAndAPatternAreSources(t *testing.T) {
	app, b := newBus(t)
	var _ tether.Source[int] = bus.For[int](b)
	var src tether.Source[bus.Message[int]] = bus.Matching[int](b, "a.*")
	done := make(chan bus.Message[int])
	started := make(chan struct{})
	go func() {
		close(started)
		m, err := tether.Wait(bg, src)
		if err != nil {
			t.Error(err)
		}
		done <- m
	}()
	<-started
	for !bus.Named[int](b, "a.b").Wanted() {
		runtime.Gosched()
	}
	require.NoError(t, bus.Named[int](b, "a.b").Publish(bg, 5))
	require.Equal(t, bus.Message[int]{Topic: "a.b", Value: 5}, <-done)
	require.NotNil(t, app)
}

func TestWanted_SaysWhetherSomebodyWouldGetIt(t *testing.T) {
	app, b := newBus(t)
	topic, same := bus.Named[int](b, "a"), bus.Named[int](b, "a")
	require.False(t, topic.Wanted())
	b.Tap().Connect(app, func(bus.Delivery) {})
	b.Dead().Connect(app, func(bus.Letter) {})
	require.False(t, topic.Wanted(), "Dead and Tap do not count")
	c := same.Connect(app, func(int) {})
	require.True(t, topic.Wanted())
	unmute := c.Mute()
	require.False(t, topic.Wanted(), "muted")
	unmute()
	require.True(t, topic.Wanted())
	c.Disconnect()
	require.False(t, topic.Wanted())
	c = bus.Matching[int](b, ">").Connect(app, func(bus.Message[int]) {})
	require.True(t, topic.Wanted())
	require.False(t, bus.For[int](b).Wanted())
	bus.Named[string](b, "a").Connect(app, func(string) {})
	require.False(t, topic.Wanted(), "a value of this type does not get there")
	c.Disconnect()
}

func TestNamed_ANameHasATypeWhileItHasHandlers(t *testing.T) {
	app, b := newBus(t)
	ints, strings := bus.Named[int](b, "a"), bus.Named[string](b, "a")
	c := ints.Connect(app, func(int) {})
	require.NoError(t, ints.Publish(bg, 1))
	for range 2 {
		require.EqualError(t, strings.Publish(bg, "x"), `bus: Publish of string to "a", which has handlers of int`)
	}
	require.PanicsWithValue(t, `bus: Handle of string on "a", which has handlers of int`, func() {
		strings.Handle(app, func(context.Context, string) error { return nil })
	})
	require.PanicsWithValue(t, `bus: Once of string on "a", which has handlers of int`, func() { strings.Once(app, func(string) {}) })
	require.Equal(t, 1, app.Stats().Connections)
	c.Disconnect()
	require.NoError(t, strings.Publish(bg, "x"))
	strings.Connect(app, func(string) {})
	require.EqualError(t, ints.Publish(bg, 1), `bus: Publish of int to "a", which has handlers of string`)
}

func TestTopics_AreThoseThatHaveHandlersOfTheirOwn(t *testing.T) {
	app, b := newBus(t)
	list := func() (all []bus.TopicInfo) {
		for topic := range b.Topics() {
			all = append(all, topic)
		}
		return all
	}
	require.Empty(t, list())
	bus.For[string](b).Connect(app, func(string) {})
	o := app.NewChild("o")
	bus.Named[int](b, "b").Connect(o, func(int) {})
	bus.Named[int](b, "b").Connect(app, func(int) {}).Mute()
	bus.Named[order](b, "a").Connect(o, func(order) {})
	bus.Matching[int](b, ">").Connect(app, func(bus.Message[int]) {})
	b.Tap().Connect(app, func(bus.Delivery) {})
	b.Dead().Connect(app, func(bus.Letter) {})
	_ = bus.Named[int](b, "nobody").Publish(bg, 1)
	want := []bus.TopicInfo{{"", "string", 1}, {"a", "bus_test.order", 1}, {"b", "int", 2}}
	require.Equal(t, want, list())
	for range b.Topics() {
		require.NoError(t, o.Destroy()) // the body may do anything
		break
	}
	require.Equal(t, []bus.TopicInfo{{"", "string", 1}, {"b", "int", 1}}, list())
}

func TestMisuse_IsRefusedBeforeAnythingChanges(t *testing.T) {
	app, b := newBus(t)
	var nilContext context.Context
	f := func(context.Context, int) error { return nil }
	topic, pattern := bus.For[int](b), bus.Matching[int](b, "*")
	before := app.Stats()
	for want, misuse := range map[string]func(){
		"bus: New with nil Owner":               func() { bus.New(nil, "b") },
		"bus: New with nil option":              func() { bus.New(app, "b", nil) },
		"bus: Around with nil function":         func() { bus.Around(nil) },
		"bus: For of a nil or zero Bus":         func() { bus.For[int](nil) },
		"bus: Named of a nil or zero Bus":       func() { bus.Named[int](new(bus.Bus), "a") },
		"bus: Matching of a nil or zero Bus":    func() { bus.Matching[int](nil, "a") },
		"bus: Topics of a nil or zero Bus":      func() { (*bus.Bus)(nil).Topics() },
		"bus: Dead of a nil or zero Bus":        func() { (*bus.Bus)(nil).Dead() },
		"bus: Tap of a nil or zero Bus":         func() { new(bus.Bus).Tap() },
		`bus: name "a..b" has an empty token`:   func() { bus.Named[int](b, "a..b") },
		`bus: pattern "a b" has white space`:    func() { bus.Matching[int](b, "a b") },
		"bus: Handle with nil Owner":            func() { topic.Handle(nil, f) },
		"bus: Connect with nil Owner":           func() { pattern.Connect(new(tether.Owner), func(bus.Message[int]) {}) },
		"bus: Handle with nil function":         func() { topic.Handle(app, nil) },
		"bus: Connect with nil function":        func() { topic.Connect(app, nil) },
		"bus: Once with nil function":           func() { pattern.Once(app, nil) },
		"bus: Handle with nil option":           func() { pattern.Handle(app, func(context.Context, bus.Message[int]) error { return nil }, nil) },
		"bus: Publish with nil context":         func() { _ = topic.Publish(nilContext, 1) },
		"bus: Publish of a nil or zero Topic":   func() { _ = (*bus.Topic[int])(nil).Publish(bg, 1) },
		"bus: Handle of a nil or zero Topic":    func() { new(bus.Topic[int]).Handle(app, f) },
		"bus: Wanted of a nil or zero Topic":    func() { new(bus.Topic[int]).Wanted() },
		"bus: Connect of a nil or zero Pattern": func() { new(bus.Pattern[int]).Connect(app, func(bus.Message[int]) {}) },
		"bus: Ask with nil context":             func() { _, _ = bus.Ask[int](nilContext, b, "q") },
		"bus: Ask of a nil or zero Bus":         func() { _, _ = bus.Ask[int](bg, nil, "q") },
		"bus: Reply of a nil or zero Bus":       func() { _, _ = bus.Reply(app, nil, func(context.Context, int) (int, error) { return 0, nil }) },
		"bus: Reply with nil function":          func() { _, _ = bus.Reply[int, int](app, b, nil) },
		"bus: Reply with nil Owner":             func() { _, _ = bus.Reply(nil, b, func(context.Context, int) (int, error) { return 0, nil }) },
		"bus: For with the interface type error: values are told apart by their own types":          func() { bus.For[error](b) },
		"bus: Named with the interface type interface {}: values are told apart by their own types": func() { bus.Named[any](b, "a") },
		"bus: Matching with the interface type error: values are told apart by their own types":     func() { bus.Matching[error](b, "a") },
		"bus: Ask with the interface type error: values are told apart by their own types":          func() { _, _ = bus.Ask[int](bg, b, errors.New("q")) },
		"bus: Reply with the interface type error: values are told apart by their own types": func() {
			_, _ = bus.Reply(app, b, func(context.Context, error) (int, error) { return 0, nil })
		},
	} {
		require.PanicsWithValue(t, want, misuse, want)
	}
	require.Equal(t, before, app.Stats())
	require.Zero(t, b.Entries())
}

func TestClose_AClosedBusDoesNothing(t *testing.T) {
	app := newApp(t)
	o := app.NewChild("o")
	b := bus.New(o, "bus")
	fail := func(int) { t.Error("called") }
	topic := bus.Named[int](b, "a")
	conns := []*tether.Connection{
		topic.Connect(app, fail), bus.For[int](b).Connect(app, fail),
		bus.Matching[int](b, "*").Connect(app, func(bus.Message[int]) { fail(1) }),
		b.Dead().Connect(app, func(bus.Letter) { fail(1) }), b.Tap().Connect(app, func(bus.Delivery) { fail(1) }),
		bus.For[int](b).Connect(app, fail, tether.On(tether.NewQueue(app, 1, tether.Block))),
	}
	r, err := bus.Reply(app, b, func(context.Context, int) (int, error) { fail(1); return 0, nil })
	require.NoError(t, err)
	conns = append(conns, r)
	require.Equal(t, 7, app.Stats().Connections)
	require.NoError(t, o.Destroy())
	for i, c := range conns {
		require.False(t, c.Connected(), "connection %d", i)
	}
	require.Equal(t, tether.Stats{Owners: 1}, app.Stats())
	require.Zero(t, b.Entries())
	require.Zero(t, b.Patterns())
	require.Equal(t, bus.ErrClosed, topic.Publish(bg, 1))
	require.Equal(t, bus.ErrClosed, b.Dead().Publish(bg, bus.Letter{}))
	_, err = bus.Ask[int](bg, b, 1)
	require.Equal(t, bus.ErrClosed, err)
	c, err := bus.Reply(app, b, func(context.Context, int) (int, error) { return 0, nil })
	require.Equal(t, bus.ErrClosed, err)
	require.False(t, c.Connected())
	require.False(t, topic.Connect(app, fail).Connected())
	require.False(t, bus.Matching[int](b, "*").Connect(app, func(bus.Message[int]) {}).Connected())
	require.False(t, topic.Wanted())
	for range b.Topics() {
		t.Error("a topic")
	}
	require.Zero(t, b.Entries())
	require.Equal(t, bus.ErrClosed, bus.For[int](bus.New(o, "late")).Publish(bg, 1))
}

func TestAround_IsCalledOnceForEachCallOfAHandler(t *testing.T) {
	var log []string
	around := func(name string) bus.Option {
		return bus.Around(func(ctx context.Context, d bus.Delivery, next func(context.Context) error) error {
			log = append(log, fmt.Sprintf("%s: %q %v to %s", name, d.Topic, d.Value, d.Owner()))
			require.Contains(t, d.Func(), "bus_test.")
			err := next(context.WithValue(ctx, key{}, name))
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			return nil
		})
	}
	app, b := newBus(t, around("outer"), around("inner"))
	topic := bus.Named[int](b, "a")
	topic.Handle(app, func(ctx context.Context, v int) error { require.Equal(t, "inner", ctx.Value(key{})); return errBoom })
	c := bus.Matching[int](b, ">").Connect(app.NewChild("o"), func(bus.Message[int]) { log = append(log, "pattern") })
	err := topic.Publish(bg, 1)
	require.ErrorIs(t, err, errBoom)
	require.ErrorContains(t, err, "outer: inner: boom")
	require.Equal(t, []string{
		`outer: "a" 1 to app`, `inner: "a" 1 to app`, `outer: "a" 1 to app/o`, `inner: "a" 1 to app/o`, "pattern",
	}, log)
	c.Disconnect()

	log = nil
	_, err = bus.Reply(app, b, func(ctx context.Context, q string) (int, error) {
		require.Equal(t, "inner", ctx.Value(key{}))
		return len(q), nil
	})
	require.NoError(t, err)
	n, err := bus.Ask[int](bg, b, "four")
	require.NoError(t, err)
	require.Equal(t, 4, n)
	require.Equal(t, []string{`outer: "" four to app`, `inner: "" four to app`}, log)

	log = nil
	bus.For[int](b).Once(app, func(int) { log = append(log, "once") })
	require.NoError(t, bus.For[int](b).Publish(bg, 2))
	require.Equal(t, []string{`outer: "" 2 to app`, `inner: "" 2 to app`, "once"}, log)
}
