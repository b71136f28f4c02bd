package tethernats

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether/bus"
	"github.com/seed-ec287111/tether/tethertest"
)

// Drain may begin when a listener is known and has not subscribed yet.
func TestListener_ThatIsDrainedBeforeItSubscribesComesToItsEnd(t *testing.T) {
	app := tethertest.NewOwner(t)
	c, err := Embed(app, "")
	require.NoError(t, err)
	l := &listener{c: c, o: app.NewChild("o"), op: "Subscribe", subject: "orders", received: func(context.Context, *nats.Msg) {}}
	l.inlet, err = c.enter(l.drain, l.dropped)
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	drained := make(chan error, 1)
	go func() { drained <- c.Drain(ctx) }()
	time.Sleep(50 * time.Millisecond)
	require.NoError(t, l.subscribe())
	require.NoError(t, <-drained)
}

// The owner may end while the listener subscribes anew.
func TestListener_ThatRenewsWhileItsOwnerEndsLeavesNoSubscription(t *testing.T) {
	app := tethertest.NewOwner(t)
	c, err := Embed(app, "")
	require.NoError(t, err)
	before := c.nc.NumSubscriptions()
	for i := range 1000 {
		o := app.NewChild("o")
		src, err := Subscribe[int](o, c, "numbers")
		require.NoError(t, err)
		var cut atomic.Bool
		ended := make(chan bool)
		src.Connect(o, func(Msg[int]) {
			go func() {
				defer close(ended)
				for !cut.Load() {
					runtime.Gosched()
				}
				for range i % 500 {
					cut.Load()
				}
				o.Cancel(nil)
			}()
			time.Sleep(time.Microsecond)
			cut.Store(true)
			runtime.Goexit()
		})
		require.NoError(t, Send(t.Context(), c, "numbers", 1))
		<-ended
		<-o.Ended()
	}
	require.Eventually(t, func() bool { return c.nc.NumSubscriptions() == before }, 5*time.Second, time.Millisecond)
}

func TestListener_OfAnOwnerThatHasEndedLeavesNothing(t *testing.T) {
	app := tethertest.NewOwner(t)
	c, err := Embed(app, "")
	require.NoError(t, err)
	b := bus.New(app, "bus")
	before := c.nc.NumSubscriptions()
	dead := app.NewChild("dead")
	require.NoError(t, dead.Destroy())
	_, err = Subscribe[int](dead, c, "numbers")
	require.ErrorIs(t, err, ErrClosed)
	require.ErrorIs(t, Reply(dead, c, "numbers", func(context.Context, int) (int, error) { return 1, nil }), ErrClosed)
	require.ErrorIs(t, Bridge(dead, b, c, ">", Carry[int]()), ErrClosed)
	require.ErrorIs(t, Consume(dead, c, "S", "d", func(context.Context, Msg[int]) error { return nil }), ErrClosed)
	require.Eventually(t, func() bool { return c.nc.NumSubscriptions() == before }, 5*time.Second, time.Millisecond)
	c.mu.Lock()
	defer c.mu.Unlock()
	require.Empty(t, c.inlets)
}
