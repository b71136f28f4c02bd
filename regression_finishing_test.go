package tether_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/stretchr/testify/require"
)

// Like those of regression_test.go, the tests below are of bugs, in what finishes work.

// endsInTime is Destroy of o on a goroutine of its own, in a bubble.
func endsInTime(t *testing.T, o *tether.Owner) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- o.Destroy() }()
	select {
	case err := <-ended:
		require.NoError(t, err)
	case <-time.After(time.Hour):
		require.FailNow(t, "Destroy hangs")
	}
}

// An unwinding had nothing that runs below it, so who called Destroy of what it had not come
// to waited for that without a look for circles. But what ends in its turn has goroutines
// until then. One that called Destroy of an ancestor, or of an older sibling of its signal,
// waited for the unwinding, which waited for it.
func TestAGoroutineOfWhatEndsInItsTurnDoesNotWaitForTheUnwindingThatWaitsForIt(t *testing.T) {
	for _, of := range []string{"parent", "older", "other, whose goroutine waits for older"} {
		t.Run(of, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				root, other := tether.NewOwner("root"), tether.NewOwner("other")
				parent := root.NewChild("parent")
				older := parent.NewChild("older")
				target := map[string]*tether.Owner{"parent": parent, "older": older}[of]
				if target == nil {
					target = other
				}
				unwinds := make(chan bool)
				var err error
				s := tether.NewSignal[int](parent, tether.CloseInTurn(), tether.WhileActive(func(active *tether.Owner) {
					active.Go(func(context.Context) {
						<-unwinds
						time.Sleep(time.Second) // a goroutine of other waits by then
						err = target.Destroy()
					})
				}))
				subscriber := tether.NewOwner("subscriber")
				s.Connect(subscriber, func(int) {})
				parent.Defer(func() { close(unwinds); time.Sleep(time.Minute) })
				if target == other {
					other.Go(func(context.Context) { <-unwinds; _ = older.Destroy() })
				}
				endsInTime(t, root)
				require.ErrorIs(t, err, tether.ErrPending)
				endsInTime(t, other)
				require.NoError(t, subscriber.Destroy())
			})
		})
	}
}
