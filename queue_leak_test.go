package tether_test

import (
	"runtime"
	"testing"
	"testing/synctest"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

func TestQueue_AHandlersClosureIsGarbageAtTheCutOff(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		owner := tether.NewOwner("owner")
		defer owner.Destroy()
		var s tether.Signal[int]
		q := tether.NewQueue(owner, 10, tether.DropOldest, tether.Manual())
		h, gone := capture()
		c := s.Connect(owner, h, tether.On(q))
		s.Fire(1)
		c.Disconnect()
		testkit.Collect(t, "the closure", gone)
		require.Equal(t, uint64(1), q.Dropped())
		runtime.KeepAlive(c)
	})
}

func TestQueue_ForgetsTheHandlerAndTheValuesOfADeadConnection(t *testing.T) {
	for _, death := range queueDeaths {
		t.Run(death.name, func(t *testing.T) {
			type big [1 << 10]byte
			w := newQueueWorld(10, tether.Block, tether.Manual())
			defer w.destroy()
			s := tether.NewSignal[*big](w.source)
			held, value := new(big), new(big)
			weakHeld, weakValue := weak.Make(held), weak.Make(value)
			c := func(b *big) *tether.Connection {
				return s.Connect(w.owner, func(v *big) { v[0] = b[0] }, tether.On(w.q))
			}(held)
			s.Fire(value)
			require.Equal(t, 1, w.q.Len())
			switch death.name {
			case "Disconnect":
				c.Disconnect()
			case "DisconnectAll":
				s.DisconnectAll()
			default:
				death.kill(w)
			}
			require.EqualValues(t, 1, w.q.Dropped())
			testkit.Collect(t, "what the handler held", func() bool { return weakHeld.Value() == nil })
			testkit.Collect(t, "what was pending", func() bool { return weakValue.Value() == nil })
			runtime.KeepAlive(w)
			runtime.KeepAlive(s)
			runtime.KeepAlive(c)
		})
	}
}

// What a live queue may hold of connections that are over: nothing. Each case
// ends one, by which the closure and the Connection must be garbage.
func TestQueue_HoldsNothingOfAConnectionThatIsOver(t *testing.T) {
	for name, end := range map[string]func(s *tether.Signal[int], q *tether.Queue, owner *tether.Owner, h func(int)) *tether.Connection{
		"refused": func(s *tether.Signal[int], q *tether.Queue, owner *tether.Owner, h func(int)) *tether.Connection {
			owner.Destroy()
			return s.Connect(owner, h, tether.On(q))
		},
		"disconnected": func(s *tether.Signal[int], q *tether.Queue, owner *tether.Owner, h func(int)) *tether.Connection {
			c := s.Connect(owner, h, tether.On(q))
			c.Disconnect()
			return c
		},
		"spent": func(s *tether.Signal[int], q *tether.Queue, owner *tether.Owner, h func(int)) *tether.Connection {
			c := s.Once(owner, h, tether.On(q))
			s.Fire(1)
			q.Drain()
			return c
		},
	} {
		t.Run(name, func(t *testing.T) {
			o, owner := tether.NewOwner("o"), tether.NewOwner("owner")
			defer o.Destroy()
			defer owner.Destroy()
			var s tether.Signal[int]
			q := tether.NewQueue(o, 10, tether.Block, tether.Manual())
			h, gone := capture()
			w := weak.Make(end(&s, q, owner, h))
			for range 20 { // a signal keeps a few of the dead until their block is copied
				s.Connect(o, func(int) {}).Disconnect()
			}
			testkit.Collect(t, "the closure", gone)
			testkit.Collect(t, "the connection", func() bool { return w.Value() == nil })
			runtime.KeepAlive(q)
			runtime.KeepAlive(&s)
		})
	}
}

// A dead queue owes nobody anything, not even those whose value it has dropped.
func TestQueue_ADeadOneHoldsNothingOfItsConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, owner := tether.NewOwner("o"), tether.NewOwner("owner")
		defer owner.Destroy()
		var s tether.Signal[int]
		q := tether.NewQueue(o, 10, tether.Block, tether.Manual())
		h1, gone1 := capture()
		h2, gone2 := capture()
		w1, w2 := weak.Make(s.Connect(owner, h1, tether.On(q))), weak.Make(s.Once(owner, h2, tether.On(q)))
		s.Fire(1)
		require.NoError(t, o.Destroy())
		for range 20 {
			s.Connect(owner, func(int) {}).Disconnect()
		}
		testkit.Collect(t, "the closure of a connection", gone1)
		testkit.Collect(t, "the closure of a spent one", gone2)
		testkit.Collect(t, "a connection", func() bool { return w1.Value() == nil })
		testkit.Collect(t, "a spent one", func() bool { return w2.Value() == nil })
		runtime.KeepAlive(q)
		runtime.KeepAlive(&s)
	})
}

// A value is garbage when its handler has returned, or has been passed by,
// though its connection goes on.
func TestQueue_ForgetsAValueThatHasBeenHandled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		defer o.Destroy()
		var s tether.Signal[*payload]
		q := tether.NewQueue(o, 10, tether.Block, tether.Manual())
		c := s.Connect(o, func(*payload) {}, tether.On(q))
		fire := func() weak.Pointer[payload] {
			p := new(payload)
			s.Fire(p)
			return weak.Make(p)
		}
		w := fire()
		require.Equal(t, 1, q.Drain())
		testkit.Collect(t, "a value that was handled", func() bool { return w.Value() == nil })
		w = fire()
		c.Mute()
		require.Zero(t, q.Drain())
		testkit.Collect(t, "a value that was passed by", func() bool { return w.Value() == nil })
		require.True(t, c.Connected())
		runtime.KeepAlive(q)
	})
}
