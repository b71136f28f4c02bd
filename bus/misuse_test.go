package bus_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/bus"
)

func TestMisuse_IsRefusedBeforeAnythingChanges(t *testing.T) {
	app, b := newBus(t)
	var nilContext context.Context
	f := func(context.Context, int) error { return nil }
	topic, pattern := bus.For[int](b), bus.Matching[int](b, "*")
	before := app.Stats()
	for want, misuse := range map[string]func(){
		"bus: New with nil Owner":             func() { bus.New(nil, "b") },
		"bus: New with nil option":            func() { bus.New(app, "b", nil) },
		"bus: Around with nil function":       func() { bus.Around(nil) },
		"bus: For of a nil or zero Bus":       func() { bus.For[int](nil) },
		"bus: Named of a nil or zero Bus":     func() { bus.Named[int](new(bus.Bus), "a") },
		"bus: Matching of a nil or zero Bus":  func() { bus.Matching[int](nil, "a") },
		"bus: Topics of a nil or zero Bus":    func() { (*bus.Bus)(nil).Topics() },
		"bus: Dead of a nil or zero Bus":      func() { (*bus.Bus)(nil).Dead() },
		"bus: Tap of a nil or zero Bus":       func() { new(bus.Bus).Tap() },
		`bus: name "a..b" has an empty token`: func() { bus.Named[int](b, "a..b") },
		`bus: pattern "a b" has white space`:  func() { bus.Matching[int](b, "a b") },
		"bus: Handle with nil Owner":          func() { topic.Handle(nil, f) },
		"bus: Connect with nil Owner":         func() { pattern.Connect(new(tether.Owner), func(bus.Message[int]) {}) },
		"bus: Handle with nil function":       func() { topic.Handle(app, nil) },
		"bus: Connect with nil function":      func() { topic.Connect(app, nil) },
		"bus: Once with nil function":         func() { pattern.Once(app, nil) },
		"bus: Handle with nil option":         func() { pattern.Handle(app, func(context.Context, bus.Message[int]) error { return nil }, nil) },
		"bus: Publish with nil context":       func() { _ = topic.Publish(nilContext, 1) },
		"bus: Publish of a nil or zero Topic": func() { _ = (*bus.Topic[int])(nil).Publish(bg, 1) },
		"bus: Handle of a nil or zero Topic":  func() { new(bus.Topic[int]).Handle(app, f) },
		"bus: Wanted of a nil or zero Topic":  func() { new(bus.Topic[int]).Wanted() },
		"bus: Once of a nil or zero Topic":    func() { (*bus.Topic[int])(nil).Once(app, func(int) {}) },
		"bus: Handle of a nil or zero Pattern": func() {
			new(bus.Pattern[int]).Handle(app, func(context.Context, bus.Message[int]) error { return nil })
		},
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
