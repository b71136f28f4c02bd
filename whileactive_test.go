package tether_test

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

func TestWhileActive_FollowsTheConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		var log trace
		n := 0
		var last *tether.Owner
		s := tether.NewSignal[int](o, tether.WhileActive(func(active *tether.Owner) {
			n++
			id := n
			log.add("up%d", id)
			active.Interrupt(func() { log.add("cut%d", id) })
			active.Defer(func() { log.add("down%d", id) })
			assert.Same(t, o, active.Parent())
			assert.Equal(t, "o/active", active.Path())
			if last != nil {
				assert.False(t, last.Alive(), "edges never overlap")
			}
			last = active
		}))
		a := s.Connect(o, func(int) {})
		require.Equal(t, "up1", log.String(), "before Connect returns")
		b := s.Connect(o, func(int) {})
		a.Disconnect()
		require.True(t, last.Alive())
		var mu sync.Mutex
		mu.Lock() // Disconnect is safe under any lock
		b.Disconnect()
		mu.Unlock()
		require.False(t, last.Alive(), "cut off at once")
		synctest.Wait()
		spent := false
		s.Once(o, func(int) { spent = true }) // active 2 ends beside it, on a goroutine of its own
		s.Fire(1)
		require.True(t, spent)
		synctest.Wait()
		s.Connect(o, func(int) {})
		s.DisconnectAll()
		synctest.Wait()
		child := o.NewChild("child")
		s.Connect(child, func(int) {})
		require.NoError(t, child.Destroy())
		synctest.Wait()
		require.Equal(t, 1, o.Stats().Owners, "nothing is left of former edges")
		s.Connect(o, func(int) {})
		require.NoError(t, o.Destroy())
		require.True(t, ended(last))
		require.Equal(t, "up1 cut1 down1 up2 cut2 down2 up3 cut3 down3 up4 cut4 down4 up5 cut5 down5", log.String())
		require.False(t, s.Connect(o, func(int) {}).Connected())
		require.Equal(t, 5, n)
	})
}

// Nobody calls Destroy of active, so what its closers return is told to the owners above. Of those
// that have ended earlier the first 16 are kept, and the others counted.
func TestWhileActive_ErrorsOfWhatItOwnsAreThoseOfTheSignalsOwner(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		for _, opts := range [][]tether.SignalOption{nil, {tether.CloseInTurn()}} {
			app := tether.NewOwner("app")
			n := 0
			ended := make(chan (<-chan struct{}), 1)
			s := tether.NewSignal[int](app.NewChild("owner"), append(opts, tether.WhileActive(func(active *tether.Owner) {
				n++
				tether.Own(active, &closer{"closer", new(trace), fmt.Errorf("closed %d", n)})
				ended <- active.Ended()
			}))...)
			for range 20 {
				s.Connect(app, func(int) {}).Disconnect()
				<-<-ended
			}
			s.Connect(app, func(int) {})
			err := app.Destroy()
			for _, want := range []string{"closed 1\nclosed 2\n", "\nclosed 10\n", "\nand 11 more"} {
				require.ErrorContains(t, err, want)
			}
			kept := err.(interface{ Unwrap() []error }).Unwrap()
			require.EqualError(t, kept[15], "closed 16")
			if opts == nil { // else the last active ends when app is cut off, perhaps before its signal does
				require.Len(t, kept, 17)
				require.EqualError(t, kept[16], "closed 21")
			}
		}
	})
}

// What an active owner was given after its end was closed, and the error was lost. Nobody calls
// Destroy of such an owner.
func TestWhileActive_AnErrorThatComesAfterItsEndIsThatOfTheSignalsOwner(t *testing.T) {
	app := tether.NewOwner("app")
	var active *tether.Owner
	s := tether.NewSignal[int](app, tether.WhileActive(func(a *tether.Owner) { active = a }))
	s.Connect(app, func(int) {}).Disconnect()
	<-active.Ended()
	for n := range 20 {
		tether.Own(active, &closer{"closer", new(trace), fmt.Errorf("closed %d", n)})
	}
	err := app.Destroy()
	require.ErrorContains(t, err, "closed 0\nclosed 1\n")
	require.ErrorContains(t, err, "\nand 10 more")
	require.Len(t, err.(interface{ Unwrap() []error }).Unwrap(), 16, "app, which lives on, keeps the first few")
	tether.Own(active, &closer{"closer", new(trace), errors.New("the last")})
	require.ErrorContains(t, app.Destroy(), "\nand 11 more")
}

func TestWhileActive_DestroyAndReconnectInsideAreSafe(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		var s *tether.Signal[int]
		depth := 0
		s = tether.NewSignal[int](o, tether.WhileActive(func(active *tether.Owner) {
			if depth++; depth == 1 {
				s.DisconnectAll() // ends the very edge
				assert.False(t, active.Alive())
				s.Connect(o, func(int) {}) // and begins the next
				return
			}
			assert.ErrorIs(t, active.Destroy(), tether.ErrPending)
		}))
		c := s.Connect(o, func(int) {})
		require.False(t, c.Connected())
		require.Equal(t, 2, depth)
		require.Equal(t, 1, s.Len())
		require.NoError(t, o.Destroy())
	})
}

func TestWhileActive_NeverOverlapsUnderConcurrency(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		var alive, edges atomic.Int32
		s := tether.NewSignal[int](o, tether.WhileActive(func(active *tether.Owner) {
			edges.Add(1)
			active.Go(nothing)
		}))
		var mu sync.Mutex
		var actives []*tether.Owner
		s2 := tether.NewSignal[int](o, tether.WhileActive(func(active *tether.Owner) {
			mu.Lock()
			defer mu.Unlock()
			for _, a := range actives {
				assert.False(t, a.Alive(), "two at once")
			}
			actives = append(actives, active)
		}))
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 200 {
					a, b := s.Connect(o, func(int) {}), s2.Connect(o, func(int) {})
					a.Disconnect()
					b.Disconnect()
				}
			})
		}
		wg.Wait()
		for _, a := range actives {
			require.False(t, a.Alive())
		}
		require.NoError(t, o.Destroy())
		require.Zero(t, alive.Load())
		require.NotZero(t, edges.Load())
	})
}

// A Once on a queue is over when its value is queued, and with it the activity
// of its signal.
func TestWhileActive_EndsWhenTheLastOnceIsSpentOnAQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		var active *tether.Owner
		s := tether.NewSignal[int](o, tether.WhileActive(func(a *tether.Owner) { active = a }))
		q := tether.NewQueue(o, 10, tether.Block, tether.Manual())
		s.Once(o, func(int) {}, tether.On(q))
		require.True(t, active.Alive())
		s.Fire(1)
		require.False(t, active.Alive())
		require.Equal(t, 1, q.Drain())
		require.NoError(t, o.Destroy())
	})
}

// A queue that dies while a connection on it is being made, as WhileActive's
// function ends it, did not know the connection yet.
func TestWhileActive_AQueueThatDiesDuringAConnectEndsTheConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, ofQueue := tether.NewOwner("o"), tether.NewOwner("of the queue")
		q := tether.NewQueue(ofQueue, 10, tether.Block)
		s := tether.NewSignal[int](o, tether.WhileActive(func(*tether.Owner) { require.NoError(t, ofQueue.Destroy()) }))
		c := s.Connect(o, func(int) {}, tether.On(q))
		require.False(t, c.Connected())
		require.Zero(t, s.Len())
		require.NoError(t, o.Destroy())
	})
}

// WhileActive says that the connection stands when its function panics; on a
// queue, then, it must be a whole one.
func TestWhileActive_AConnectionOnAQueueStandsWhenItPanics(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		keeper := tether.NewOwner("keeper")
		q := tether.NewQueue(keeper, 10, tether.Block)
		s := tether.NewSignal[int](app, tether.WhileActive(func(*tether.Owner) { panic("inactive") }))
		var handled journal[int]
		require.PanicsWithValue(t, "inactive", func() { s.Connect(app, handled.add, tether.On(q)) })
		require.Equal(t, 1, s.Len())
		s.Fire(1)
		require.NoError(t, q.Flush(t.Context()))
		assert.Equal(t, []int{1}, handled.all())
		require.NoError(t, keeper.Destroy())
		assert.Zero(t, s.Len(), "connections after the end of their queue")
	})
}

// The connection stood, but its queue had not been told of it: the panic came in
// between. So it outlived the queue, and swallowed what was fired.
func TestWhileActive_AConnectionThatStandsAfterItsPanicEndsWithItsQueue(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		owner, keeper := tether.NewOwner("owner"), tether.NewOwner("keeper")
		defer owner.Destroy()
		q := tether.NewQueue(keeper, 1, tether.DropNewest)
		s := tether.NewSignal[int](owner, tether.WhileActive(func(*tether.Owner) { panic("inactive") }))
		require.PanicsWithValue(t, "inactive", func() { s.Connect(owner, func(int) {}, tether.On(q)) })
		require.Equal(t, 1, s.Len())
		require.NoError(t, keeper.Destroy())
		require.Zero(t, s.Len(), "connections after the end of their queue")
	})
}

// The connection was made first and ended when the queue turned out to be dead:
// long enough to open a network connection, or whatever WhileActive is for.
func TestWhileActive_AConnectionOnADeadQueueIsNotAnActivity(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		owner, keeper := tether.NewOwner("owner"), tether.NewOwner("keeper")
		defer owner.Destroy()
		q := tether.NewQueue(keeper, 1, tether.DropNewest)
		require.NoError(t, keeper.Destroy())
		s := tether.NewSignal[int](owner, tether.WhileActive(func(*tether.Owner) {
			t.Error("WhileActive's function ran, though nobody was connected")
		}))
		c := s.Connect(owner, func(int) {}, tether.On(q))
		require.False(t, c.Connected())
		require.Zero(t, s.Len())
	})
}
