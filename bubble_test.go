package tether_test

import (
	"context"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

// outlive has a bubble do something with an owner that is older, and destroys it when the
// bubble is over. It returns what the process printed when it crashed.
func outlive(t *testing.T, inside func(outside *tether.Owner)) string {
	return testkit.Crash(t, func() {
		outside := tether.NewOwner("outside")
		synctest.Test(t, func(*testing.T) { inside(outside) })
		go func() { time.Sleep(time.Minute); os.Exit(0) }() // no crash, but a hang
		_ = outside.Destroy()
	})
}

// The documentation of the package tells of these in its section on tests. It is a rule of
// the runtime's, and nothing that Destroy could recover from: a timer can't be stopped, nor
// a channel closed, by who is not in its bubble. Should one of these cease to be fatal, the
// documentation is to say so.
func TestBubble_DestroyOutsideOfAnOwnerThatOneHasUsedIsFatal(t *testing.T) {
	t.Run("AfterFunc", func(t *testing.T) {
		out := outlive(t, func(outside *tether.Owner) { outside.AfterFunc(time.Hour, func() {}) })
		require.Contains(t, out, "fatal error: stop of synctest timer from outside bubble")
	})
	t.Run("Ended", func(t *testing.T) {
		out := outlive(t, func(outside *tether.Owner) { outside.Ended() })
		require.Contains(t, out, "fatal error: close of synctest channel from outside bubble")
	})
	t.Run("Context", func(t *testing.T) {
		out := outlive(t, func(outside *tether.Owner) { outside.Context().Done() })
		require.Contains(t, out, "fatal error: close of synctest channel from outside bubble")
	})
}

// What the documentation says to do instead.
func TestBubble_DestroyInsideOfAChildThatOneHasMadeOfAnOlderOwnerIsFine(t *testing.T) {
	outside := tether.NewOwner("outside")
	synctest.Test(t, func(t *testing.T) {
		o := outside.NewChild("inside")
		ran := 0
		o.AfterFunc(time.Second, func() { ran++ })
		o.AfterFunc(time.Hour, func() { ran++ })
		o.Go(func(ctx context.Context) { <-ctx.Done() })
		var s tether.Signal[int]
		s.Connect(o, func(int) { ran++ }, tether.On(tether.NewQueue(o, 1, tether.Block)))
		s.Fire(1)
		time.Sleep(time.Minute)
		ended := o.Ended()
		require.NoError(t, o.Destroy())
		<-ended
		require.Equal(t, 2, ran)
	})
	require.Equal(t, tether.Stats{Owners: 1}, outside.Stats())
	require.NoError(t, outside.Destroy())
}
