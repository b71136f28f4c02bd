package bus_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/bus"
)

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

// A next that was kept called the handler of an owner that had ended.
func TestAround_ANextThatIsCalledTooLateCallsNothing(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var kept func(context.Context) error
	b := bus.New(app, "bus", bus.Around(func(ctx context.Context, _ bus.Delivery, next func(context.Context) error) error {
		kept = next
		return next(ctx)
	}))
	o := app.NewChild("o")
	calls := 0
	bus.For[int](b).Connect(o, func(int) { calls++ })
	_, err := bus.Reply(o, b, func(context.Context, string) (int, error) { calls++; return 1, nil })
	require.NoError(t, err)
	late := func() {
		require.EqualError(t, kept(bg), "bus: next called after its function has returned")
	}
	require.NoError(t, bus.For[int](b).Publish(bg, 1))
	late()
	n, err := bus.Ask[int](bg, b, "one")
	require.NoError(t, err)
	require.Equal(t, 1, n)
	require.NoError(t, o.Destroy())
	late()
	require.Equal(t, 2, calls)
}
