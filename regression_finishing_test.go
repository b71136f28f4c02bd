package tether_test

import (
	"context"
	"slices"
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

// A Finish queue that died woke the firers that it held by disconnecting their connections.
// One whose Connect had not returned, as the function of WhileActive fires, is not
// disconnected; and of the firers that it held only as many were let go as values were
// handled.
func TestAFinishQueueThatDiesLetsGoOfFirersHeldInsideConnect(t *testing.T) {
	racing(t, 1)
	synctest.Test(t, func(t *testing.T) {
		owner, dying := tether.NewOwner("owner"), tether.NewOwner("dying")
		q := tether.NewQueue(dying, 1, tether.Block, tether.Finish())
		gate := make(chan bool)
		var s *tether.Signal[int]
		s = tether.NewSignal[int](owner, tether.WhileActive(func(*tether.Owner) {
			s.Fire(1) // being handled
			s.Fire(2) // pending
			go s.Fire(3)
			time.Sleep(time.Second)
			s.Fire(4) // held, as is 3
		}))
		connected := make(chan bool)
		handled := 0
		go func() {
			s.Connect(owner, func(int) { <-gate; handled++ }, tether.On(q))
			close(connected)
		}()
		time.Sleep(time.Minute)
		dying.Cancel(nil)
		close(gate)
		select {
		case <-connected:
		case <-time.After(time.Hour):
			require.FailNow(t, "a firer is held by a dead queue")
		}
		endsInTime(t, dying)
		synctest.Wait()
		require.Equal(t, 2, handled)
		require.EqualValues(t, 2, q.Dropped())
		require.NoError(t, owner.Destroy())
	})
}

// heldError is an error whose type can be compared, but with such a value it can't.
type heldError struct{ what any }

func (heldError) Error() string { return "held" }

// Errors were compared where their type can be, as errors.Is does. Two of one type whose
// values can't be compared made that panic: in the goroutine of a GoErr, and in Run.
func TestErrorsThatCantBeComparedThoughTheirTypeCan(t *testing.T) {
	reason := heldError{[]int{1}}
	err := tether.Run(context.Background(), "app", func(app *tether.Owner) error {
		app.GoErr(func(ctx context.Context) error { <-ctx.Done(); return heldError{[]int{2}} })
		app.GoErr(func(context.Context) error { return reason })
		<-app.Context().Done()
		return heldError{[]int{3}}
	})
	for _, n := range []int{1, 2, 3} {
		require.Contains(t, leaves(err), heldError{[]int{n}})
	}
}

// leaves returns what err joins.
func leaves(err error) (all []error) {
	many, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	for _, e := range many.Unwrap() {
		all = append(all, leaves(e)...)
	}
	return all
}

// A Once ends before its handler is called. Who took that end for the end of the values lost
// the one that was on its way: NewSource's own Once, Wait and Values, of a source whose
// connections are Onces.
func TestTheValueOfASourceWhoseConnectionsAreOnces(t *testing.T) {
	var s tether.Signal[int]
	first := tether.NewSource(s.Once)
	src := first
	for _, connect := range []func(*tether.Owner, func(int), ...tether.ConnectOption) *tether.Connection{
		first.Once, tether.NewSource(first.Once).Once, tether.NewSource(first.Once).Connect,
	} {
		owner := tether.NewOwner("owner")
		calls := 0
		var c *tether.Connection
		c = connect(owner, func(v int) {
			calls++
			require.Equal(t, 7, v)
			require.False(t, c.Connected())
		})
		s.Fire(7)
		s.Fire(8)
		require.Equal(t, 1, calls)
		require.False(t, c.Connected())
		require.Zero(t, s.Len())
		require.Equal(t, tether.Stats{Owners: 1}, owner.Stats())
		c = connect(owner, func(int) { t.Error("called") })
		require.NoError(t, owner.Destroy())
		require.Zero(t, s.Len())
	}
	synctest.Test(t, func(t *testing.T) {
		for range 100 {
			go func() { time.Sleep(time.Second); s.Fire(7) }()
			v, err := tether.Wait(context.Background(), src)
			require.NoError(t, err)
			require.Equal(t, 7, v)
			go func() { time.Sleep(time.Second); s.Fire(7) }()
			require.Equal(t, []int{7}, slices.Collect(tether.Values(context.Background(), src, 1, tether.Block)))
		}
	})
}

// The same where the value comes while NewSource's Once still connects.
func TestTheValueOfASourceOfOncesThatComesWhileItConnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s tether.Signal[int]
		src := tether.NewSource(func(o *tether.Owner, handler func(int), opts ...tether.ConnectOption) *tether.Connection {
			c := s.Once(o, func(v int) {
				time.Sleep(2 * time.Second)
				handler(v)
			}, opts...)
			go s.Fire(7)
			time.Sleep(time.Second)
			return c
		})
		owner := tether.NewOwner("owner")
		var got []int
		src.Once(owner, func(v int) { got = append(got, v) })
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, []int{7}, got)
		require.NoError(t, owner.Destroy())
	})
}
