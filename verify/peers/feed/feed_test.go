package feed_test

import (
	"testing"
	"testing/synctest"

	"github.com/ethereum/go-ethereum/event"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/verify/peers/feed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A feeder is a Feed of either kind.
type feeder interface {
	Subscribe(channel any) event.Subscription
	Send(value any) int
}

// both runs test in a bubble with the original, the adapter, and a zero adapter.
func both(t *testing.T, test func(t *testing.T, f feeder)) {
	t.Run("original", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { test(t, new(event.Feed)) })
	})
	t.Run("tether", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			app := tether.NewOwner("app")
			test(t, feed.New(app))
			require.NoError(t, app.Destroy())
			require.Equal(t, tether.Stats{}, app.Stats())
		})
	})
	t.Run("zero tether", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) { test(t, new(feed.Feed)) })
	})
}

func TestSendSaysHowManyGotIt(t *testing.T) {
	both(t, func(t *testing.T, f feeder) {
		require.Zero(t, f.Send(0), "nobody is there")
		a, b := make(chan int, 2), make(chan int, 2)
		subA, subB := f.Subscribe(a), f.Subscribe(b)
		require.Equal(t, 2, f.Send(1))
		subA.Unsubscribe()
		require.Equal(t, 1, f.Send(2))
		subB.Unsubscribe()
		require.Zero(t, f.Send(3))
		require.Equal(t, []int{1}, drain(a))
		require.Equal(t, []int{1, 2}, drain(b))
	})
}

func drain(ch chan int) (all []int) {
	for len(ch) > 0 {
		all = append(all, <-ch)
	}
	return all
}

func TestAFeedHasOneType(t *testing.T) {
	both(t, func(t *testing.T, f feeder) {
		require.Panics(t, func() { f.Subscribe(1) }, "no channel")
		require.Panics(t, func() { f.Subscribe(make(<-chan int)) }, "nothing can be sent on it")
		sub := f.Subscribe(make(chan<- int, 1))
		require.Panics(t, func() { f.Subscribe(make(chan string)) })
		require.Panics(t, func() { f.Send("x") })
		require.Equal(t, 1, f.Send(1))
		sub.Unsubscribe()
	})
}

// One that has no room keeps nobody else from getting the value; Send waits for it.
func TestAllGetItAtTheSameTime(t *testing.T) {
	both(t, func(t *testing.T, f feeder) {
		slow, quick := make(chan int), make(chan int, 1)
		a, b := f.Subscribe(slow), f.Subscribe(quick)
		sent := make(chan int, 1)
		go func() { sent <- f.Send(1) }()
		synctest.Wait()
		require.Equal(t, []int{1}, drain(quick))
		require.Empty(t, sent)
		require.Equal(t, 1, <-slow)
		require.Equal(t, 2, <-sent)
		a.Unsubscribe()
		b.Unsubscribe()
	})
}

func TestUnsubscribeLetsGoOfASendThatWaits(t *testing.T) {
	both(t, func(t *testing.T, f feeder) {
		a, b := f.Subscribe(make(chan int)), f.Subscribe(make(chan int, 1))
		sent := make(chan int, 1)
		go func() { sent <- f.Send(1) }()
		synctest.Wait()
		a.Unsubscribe()
		require.Equal(t, 1, <-sent)
		b.Unsubscribe()
	})
}

func TestErrIsClosedByUnsubscribe(t *testing.T) {
	both(t, func(t *testing.T, f feeder) {
		sub := f.Subscribe(make(chan int))
		select {
		case <-sub.Err():
			t.Error("it has not ended")
		default:
		}
		for range 2 {
			sub.Unsubscribe()
			err, open := <-sub.Err()
			require.NoError(t, err)
			require.False(t, open)
		}
	})
}

// Who subscribes while a value is sent gets the next one.
func TestASubscriptionGetsWhatIsSentLater(t *testing.T) {
	both(t, func(t *testing.T, f feeder) {
		slow, late := make(chan int), make(chan int, 9)
		a := f.Subscribe(slow)
		go f.Send(1)
		synctest.Wait()
		b := f.Subscribe(late)
		require.Equal(t, 1, <-slow)
		synctest.Wait()
		require.Empty(t, late)
		a.Unsubscribe()
		require.Equal(t, 1, f.Send(2))
		require.Equal(t, []int{2}, drain(late))
		b.Unsubscribe()
	})
}

// Of two Sends one comes after the other: all channels see one order.
func TestSendsDoNotOverlap(t *testing.T) {
	both(t, func(t *testing.T, f feeder) {
		const n = 100
		a, b, slow := make(chan int, n), make(chan int, n), make(chan int)
		subs := []event.Subscription{f.Subscribe(a), f.Subscribe(slow), f.Subscribe(b)}
		for i := range n {
			go f.Send(i)
		}
		for range n {
			<-slow
		}
		synctest.Wait()
		all := drain(a)
		require.Len(t, all, n)
		require.Equal(t, all, drain(b))
		for _, sub := range subs {
			sub.Unsubscribe()
		}
	})
}

func TestAChannelThatSubscribesTwiceGetsItTwice(t *testing.T) {
	both(t, func(t *testing.T, f feeder) {
		ch := make(chan int, 9)
		a, b := f.Subscribe(ch), f.Subscribe(ch)
		require.Equal(t, 2, f.Send(1))
		a.Unsubscribe()
		require.Equal(t, 1, f.Send(2))
		require.Equal(t, []int{1, 1, 2}, drain(ch))
		b.Unsubscribe()
	})
}

type scope interface {
	Track(event.Subscription) event.Subscription
	Close()
	Count() int
}

func TestAScopeUnsubscribesAll(t *testing.T) {
	both(t, func(t *testing.T, f feeder) {
		s := scope(new(event.SubscriptionScope))
		if _, original := f.(*event.Feed); !original {
			s = new(feed.Scope)
		}
		require.Zero(t, s.Count())
		ch := make(chan int, 9)
		first := s.Track(f.Subscribe(ch))
		second := s.Track(f.Subscribe(ch))
		require.Equal(t, 2, s.Count())
		first.Unsubscribe()
		first.Unsubscribe()
		require.Equal(t, 1, s.Count())
		require.Equal(t, 1, f.Send(1))
		s.Close()
		s.Close()
		<-second.Err()
		require.Zero(t, s.Count())
		require.Zero(t, f.Send(2))
		sub := f.Subscribe(ch)
		require.Nil(t, s.Track(sub))
		sub.Unsubscribe()
	})
}

// What the original has nothing for: at the end of an owner, also of one above the feed's,
// nobody sends any more, and Err says so.
func TestTheOwnersEndIsTheEndOfAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		f := feed.New(app.NewChild("feed"))
		full := make(chan int)
		sub := f.Subscribe(full)
		sent := make(chan int, 1)
		go func() { sent <- f.Send(1) }()
		synctest.Wait()
		require.NoError(t, app.Destroy())
		_, open := <-sub.Err()
		require.False(t, open)
		require.Zero(t, <-sent)
		close(full) // nobody sends on it
	})
}
