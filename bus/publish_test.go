package bus_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
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

// The bus asked each error whether it was one of its own, by errors.Is. An error that says yes
// to everything was dropped, and its value became a letter though the handler had got it. One
// whose method panics took the panic past the panic handler of the handler's owner.
func TestPublish_CallsNoMethodOfAHandlersError(t *testing.T) {
	app, b := newBus(t)
	b.Dead().Connect(app, func(l bus.Letter) { t.Errorf("a letter: %v", l.Err) })
	topic := bus.Named[int](b, "a")
	for _, is := range []func() bool{func() bool { return true }, func() bool { panic("Is") }} {
		c := topic.Handle(app, func(context.Context, int) error { return likeAny{is} })
		var h *bus.HandlerError
		require.IsType(t, h, topic.Publish(bg, 1))
		c.Disconnect()
	}
}

// A likeAny is an error whose Is is what the test says.
type likeAny struct{ is func() bool }

func (likeAny) Error() string   { return "like any" }
func (e likeAny) Is(error) bool { return e.is() }

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
