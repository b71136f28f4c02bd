package bus_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether/bus"
)

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
