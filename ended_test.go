package tether_test

import (
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

func closed(c *tether.Connection) bool {
	select {
	case <-c.Ended():
		return true
	default:
		return false
	}
}

// All ways to end, for each kind of connection: the channel is open before, and closed
// when the verb has returned.
func TestEnded_IsClosedByEveryWayToEnd(t *testing.T) {
	kinds := map[string]func(w *world, q *tether.Queue) *tether.Connection{
		"Connect": func(w *world, _ *tether.Queue) *tether.Connection { return w.s.Connect(w.owner, func(int) {}) },
		"Once":    func(w *world, _ *tether.Queue) *tether.Connection { return w.s.Once(w.owner, func(int) {}) },
		"Connect on queue": func(w *world, q *tether.Queue) *tether.Connection {
			return w.s.Connect(w.owner, func(int) {}, tether.On(q))
		},
		"Once on queue": func(w *world, q *tether.Queue) *tether.Connection {
			return w.s.Once(w.owner, func(int) {}, tether.On(q))
		},
		"ConnectSelf": func(w *world, _ *tether.Queue) *tether.Connection {
			return w.s.ConnectSelf(w.owner, func(*tether.Connection, int) {})
		},
		"a source's Once": func(w *world, _ *tether.Queue) *tether.Connection {
			return tether.NewSource(w.s.Connect).Once(w.owner, func(int) {})
		},
	}
	for kind, connect := range kinds {
		for _, e := range ends {
			testkit.Bubble(t, kind+", "+e.name, func(t *testing.T) {
				w := newWorld()
				q := tether.NewQueue(w.root, 1, tether.Block)
				w.victim = connect(w, q)
				other := connect(w, q) // its channel is asked for afterwards
				before := w.victim.Ended()
				require.Equal(t, before, w.victim.Ended(), "two calls")
				require.False(t, closed(w.victim))
				told := false
				go func() {
					<-before
					told = true
					assert.False(t, w.victim.Connected(), "when the channel is closed")
				}()
				e.do(w)
				if e.name == "context's end" {
					synctest.Wait() // it is another goroutine that ends things
				}
				require.Equal(t, !e.mute, closed(w.victim))
				require.Equal(t, before, w.victim.Ended(), "a call afterwards")
				synctest.Wait()
				require.Equal(t, !e.mute, told)
				require.Equal(t, !other.Connected(), closed(other))
				require.NoError(t, w.root.Destroy())
				require.True(t, closed(w.victim))
				require.True(t, closed(other))
			})
		}
	}
}

func TestEnded_OfAQueuesConnectionIsClosedWithTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, owner := tether.NewOwner("app"), tether.NewOwner("owner")
		var s tether.Signal[int]
		q := tether.NewQueue(app, 1, tether.Block)
		c := s.Connect(owner, func(int) {}, tether.On(q))
		once := s.Once(owner, func(int) {}, tether.On(q))
		require.False(t, closed(c))
		require.False(t, closed(once))
		app.Destroy()
		require.True(t, closed(c))
		require.True(t, closed(once))
		require.True(t, closed(s.Connect(owner, func(int) {}, tether.On(q))), "on a dead queue")
		owner.Destroy()
	})
}

func TestEnded_OfAOnceIsClosedInsideItsHandlerAndOnAQueueBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		owner := tether.NewOwner("owner")
		var s tether.Signal[int]
		q := tether.NewQueue(owner, 1, tether.Block, tether.Manual())
		var direct, queued *tether.Connection
		inside := 0
		direct = s.Once(owner, func(int) {
			inside++
			assert.True(t, closed(direct))
		})
		queued = s.Once(owner, func(int) { inside++ }, tether.On(q))
		require.False(t, closed(direct))
		require.False(t, closed(queued))
		s.Fire(1)
		require.Equal(t, 1, inside)
		require.True(t, closed(queued), "when its value was queued")
		q.Drain()
		require.Equal(t, 2, inside)
		owner.Destroy()
	})
}

func TestEnded_OfWhatWasNeverAliveIsClosed(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		var zero tether.Connection
		require.True(t, closed(&zero))
		o := tether.NewOwner("o")
		o.Destroy()
		var s tether.Signal[int]
		require.True(t, closed(s.Connect(o, func(int) {})))
		require.True(t, closed(s.Once(o, func(int) {})))
		gone := tether.NewSignal[int](o)
		live := tether.NewOwner("live")
		defer live.Destroy()
		require.True(t, closed(gone.Connect(live, func(int) {})))
	})
}

// A channel of one bubble is of no use in another, or outside: so what was dead before must
// not be given one that all share.
func TestEnded_OfADeadConnectionWorksInBubblesAndOutside(t *testing.T) {
	var zero tether.Connection
	for range 2 {
		synctest.Test(t, func(t *testing.T) { require.True(t, closed(&zero)) })
		require.True(t, closed(&zero))
	}
}

// Disconnect may be called under any lock, also one that whoever waits for the end takes.
func TestEnded_DisconnectUnderALockThatTheWaiterWants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		var s tether.Signal[int]
		c := s.Connect(o, func(int) {})
		ended := c.Ended()
		lock := make(chan struct{}, 1) // a lock that a bubble can wait for
		lock <- struct{}{}
		go func() {
			<-ended
			lock <- struct{}{}
			<-lock
		}()
		synctest.Wait()
		require.True(t, c.Disconnect())
		<-lock
		synctest.Wait()
		o.Destroy()
	})
}

// Connect does not pay for what few ask for.
func TestEnded_CostsNothingBeforeItIsAskedFor(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		if testkit.Race {
			t.Skip("counts allocations")
		}
		o := tether.NewOwner("o")
		defer o.Destroy()
		var s tether.Signal[int]
		h := func(int) {}
		s.Connect(o, h)
		require.LessOrEqual(t, testing.AllocsPerRun(1000, func() { s.Connect(o, h).Disconnect() }), 1.0)
		require.LessOrEqual(t, testing.AllocsPerRun(1000, func() {
			c := s.Connect(o, h)
			c.Ended()
			c.Disconnect()
			<-c.Ended()
		}), 7.0)
	})
}

func ExampleConnection_Ended() {
	var s tether.Signal[string]
	owner := tether.NewOwner("owner")
	c := s.Connect(owner, func(string) {})
	owner.Defer(func() {
		<-c.Ended() // at the cut-off, so long since
		fmt.Println("connected:", c.Connected())
	})
	owner.Destroy()
	// Output: connected: false
}
