package bus_test

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/bus"
)

// mbassador's dead messages stop after the last handler has unsubscribed.
func TestDead_GetsWhatNobodyGot(t *testing.T) {
	app, b := newBus(t)
	got := letters(app, b)
	topic := bus.Named[int](b, "a")
	lost := func(what string, want ...bus.Letter) {
		t.Helper()
		require.Equal(t, want, *got, what)
		*got = nil
	}
	nobody := func(v any) bus.Letter { return bus.Letter{Topic: "a", Value: v, Err: bus.ErrNobody} }
	require.NoError(t, topic.Publish(bg, 1))
	lost("at first", nobody(1))
	c := topic.Connect(app, func(int) {})
	require.NoError(t, topic.Publish(bg, 2))
	lost("while somebody is there", (*got)[:0]...)
	unmute := c.Mute()
	require.NoError(t, topic.Publish(bg, 3))
	lost("while all are muted", nobody(3))
	unmute()
	c.Disconnect()
	require.NoError(t, topic.Publish(bg, 4))
	lost("after the last one has gone", nobody(4))
	p := bus.Matching[int](b, ">").Connect(app, func(bus.Message[int]) {})
	require.NoError(t, topic.Publish(bg, 5))
	lost("while a pattern gets it", (*got)[:0]...)
	p.Disconnect()
	require.NoError(t, bus.For[string](b).Publish(bg, "x"))
	lost("of a type", bus.Letter{Value: "x", Err: bus.ErrNobody})
	topic.Handle(app, failing)
	require.Error(t, topic.Publish(bg, 6))
	lost("that failed, which Publish says", (*got)[:0]...)
	b.Tap().Connect(app, func(bus.Delivery) {})
	require.NoError(t, bus.Named[int](b, "b").Publish(bg, 7))
	lost("a tap is nobody", bus.Letter{Topic: "b", Value: 7, Err: bus.ErrNobody})
}

func TestTap_GetsEverythingBeforeItsHandlers(t *testing.T) {
	app, b := newBus(t)
	var log []string
	b.Tap().Handle(app, func(ctx context.Context, d bus.Delivery) error {
		require.Equal(t, 7, ctx.Value(key{}))
		require.Empty(t, d.Owner()+d.Func(), "of nobody in particular")
		log = append(log, fmt.Sprintf("tap %q %v", d.Topic, d.Value))
		return errBoom
	})
	bus.Named[int](b, "a").Connect(app, func(v int) { log = append(log, fmt.Sprint("a ", v)) }, tether.Priority(9))
	b.Dead().Connect(app, func(l bus.Letter) { log = append(log, fmt.Sprint("dead ", l.Value)) })
	ctx := context.WithValue(bg, key{}, 7)
	require.NoError(t, bus.Named[int](b, "a").Publish(ctx, 1), "what a tap returns is dropped")
	require.NoError(t, bus.For[string](b).Publish(ctx, "x"))
	require.Equal(t, []string{`tap "a" 1`, "a 1", `tap "" x`, "dead x"}, log)
}

// What those who watch publish themselves would otherwise never come to an end.
func TestDeadAndTap_MakeNoLettersAndTapsOfTheirOwn(t *testing.T) {
	for _, on := range []string{"directly", "on a queue", "by way of another handler", "by way of another handler's queue"} {
		t.Run(on, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app, b := newBus(t)
				q := tether.NewQueue(app, 10, tether.Block)
				var opts, relayOpts []tether.ConnectOption
				name := "log"
				switch on {
				case "on a queue":
					opts = append(opts, tether.On(q))
				case "by way of another handler":
					name = "relay"
				case "by way of another handler's queue":
					name = "relay"
					relayOpts = append(relayOpts, tether.On(q))
				}
				watch := bus.Named[string](b, name)
				bus.Named[string](b, "relay").Handle(app, func(ctx context.Context, v string) error {
					_ = bus.Named[string](b, "log").Publish(ctx, v) // to nobody
					return errBoom
				}, relayOpts...)
				taps, dead := 0, 0
				b.Tap().Handle(app, func(ctx context.Context, d bus.Delivery) error {
					taps++
					_ = watch.Publish(ctx, fmt.Sprint("tap ", d.Value))
					return errBoom
				}, opts...)
				b.Dead().Handle(app, func(ctx context.Context, l bus.Letter) error {
					dead++
					_ = watch.Publish(ctx, fmt.Sprint("dead ", l.Value))
					return errBoom
				}, opts...)
				require.NoError(t, bus.For[int](b).Publish(bg, 1))
				synctest.Wait()
				require.Equal(t, []int{1, 1}, []int{taps, dead})
			})
		})
	}
}

func TestDead_GetsLettersThoughThePublishersContextHasEnded(t *testing.T) {
	app, b := newBus(t)
	ctx, cancel := context.WithCancel(context.WithValue(bg, key{}, 7))
	calls := 0
	b.Dead().Handle(app, func(ctx context.Context, l bus.Letter) error {
		calls++
		require.NoError(t, ctx.Err())
		require.Equal(t, 7, ctx.Value(key{}))
		return nil
	})
	b.Tap().Connect(app, func(bus.Delivery) { cancel() })
	require.NoError(t, bus.For[int](b).Publish(ctx, 1))
	require.Equal(t, 1, calls)
}

// Letters may be answered: somebody makes a handler and publishes once more.
func TestDead_AHandlerMayPublishAgain(t *testing.T) {
	app, b := newBus(t)
	topic := bus.Named[int](b, "a")
	got := 0
	b.Dead().Handle(app, func(ctx context.Context, l bus.Letter) error {
		topic.Connect(app, func(v int) { got = v })
		return topic.Publish(ctx, l.Value.(int))
	})
	require.NoError(t, topic.Publish(bg, 5))
	require.Equal(t, 5, got)
}

func TestDead_APanicGoesOnToWhoPublishes(t *testing.T) {
	app, b := newBus(t)
	c := b.Dead().Connect(app, func(bus.Letter) { panic("dead") })
	require.PanicsWithValue(t, "dead", func() { _ = bus.For[int](b).Publish(bg, 1) })
	c.Disconnect()
	b.Tap().Connect(app, func(bus.Delivery) { panic("tap") })
	require.PanicsWithValue(t, "tap", func() { _ = bus.For[int](b).Publish(bg, 1) })
}

func TestDeadAndTap_MayBePublishedToAndMakeNothingOfIt(t *testing.T) {
	app, b := newBus(t)
	taps := 0
	var ls []any
	b.Tap().Handle(app, func(ctx context.Context, d bus.Delivery) error {
		taps++
		return bus.For[int](b).Publish(ctx, 1)
	})
	d := b.Dead().Connect(app, func(l bus.Letter) { ls = append(ls, l.Value) })
	require.NoError(t, b.Tap().Publish(bg, bus.Delivery{Value: 5}))
	require.NoError(t, b.Dead().Publish(bg, bus.Letter{Value: 6}))
	d.Disconnect()
	require.NoError(t, b.Dead().Publish(bg, bus.Letter{Value: 7}))
	require.Equal(t, 1, taps)
	require.Equal(t, []any{6}, ls)
}

// The panic of a handler of Tap went on at once, so a broken log kept the handlers of every
// value from being called.
func TestTap_APanicDoesNotKeepTheHandlersFromBeingCalled(t *testing.T) {
	app, b := newBus(t)
	got := 0
	c := bus.For[int](b).Connect(app, func(int) { got++ })
	b.Tap().Connect(app, func(bus.Delivery) { panic("tap") })
	require.PanicsWithValue(t, "tap", func() { _ = bus.For[int](b).Publish(bg, 1) })
	require.Equal(t, 1, got)
	c.Disconnect()
	letters := 0
	b.Dead().Connect(app, func(bus.Letter) { letters++ })
	require.PanicsWithValue(t, "tap", func() { _ = bus.For[int](b).Publish(bg, 2) })
	require.Equal(t, []int{1, 1}, []int{got, letters})
	bus.For[int](b).Connect(app, func(int) {
		got++
		panic("handler")
	})
	require.PanicsWithValue(t, "handler", func() { _ = bus.For[int](b).Publish(bg, 3) })
	require.Equal(t, 2, got, "not called again after its own panic")
}

// A value that came to the queue when the connection had just ended was handled by nobody,
// counted by nobody, and no letter.
func TestDead_GetsEachValueThatAQueueNeitherHandlesNorCounts(t *testing.T) {
	const rounds = 10_000
	for name, once := range map[string]bool{"spent": true, "disconnected": false} {
		t.Run(name, func(t *testing.T) {
			app, b := newBus(t)
			topic := bus.Named[int](b, "a")
			q := tether.NewQueue(app, 10, tether.Block)
			var handled, letters atomic.Int64
			b.Dead().Connect(app, func(bus.Letter) { letters.Add(1) })
			for range rounds {
				connect := topic.Connect
				if once {
					connect = topic.Once
				}
				c := connect(app, func(int) { handled.Add(1) }, tether.On(q))
				var wg sync.WaitGroup
				for range 2 {
					wg.Go(func() { _ = topic.Publish(bg, 1) })
				}
				if !once {
					wg.Go(func() { c.Disconnect() })
				}
				wg.Wait()
			}
			require.NoError(t, q.Flush(bg))
			require.EqualValues(t, 2*rounds, handled.Load()+letters.Load()+int64(q.Dropped()))
		})
	}
}

// Publish took its snapshot when the handlers of Tap had been called. So what these connected
// to a topic that had handlers got the value as well, and what they connected to one that had
// none did not.
func TestTap_WhatAHandlerConnectsGetsTheNextValueOnly(t *testing.T) {
	app, b := newBus(t)
	topic := bus.Named[int](b, "a")
	topic.Connect(app, func(int) {})
	var got []int
	b.Tap().Once(app, func(bus.Delivery) { topic.Connect(app, func(v int) { got = append(got, v) }) })
	require.NoError(t, topic.Publish(bg, 1))
	require.Empty(t, got, "connected after Publish began")
	require.NoError(t, topic.Publish(bg, 2))
	require.Equal(t, []int{2}, got)
}

// Each Publish to Dead put another mark around a context that had one. So a handler on a queue
// that publishes its letters there again had the context grow for ever.
func TestDead_AHandlerOnAQueueThatPublishesThereHasItsContextNotGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, b := newBus(t)
		q := tether.NewQueue(app, 1, tether.Block)
		var calls, first, last int
		b.Dead().Handle(app, func(ctx context.Context, l bus.Letter) error {
			switch calls++; calls {
			case 10:
				first = depthOf(ctx, &last)
			case 1000:
				depthOf(ctx, &last)
				return nil
			}
			return b.Dead().Publish(ctx, l)
		}, tether.On(q))
		require.NoError(t, bus.For[int](b).Publish(depthContext{bg, &last}, 0))
		synctest.Wait()
		require.NotZero(t, first)
		require.Equal(t, first, last)
	})
}
