package tethernats

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

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
