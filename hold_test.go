package tether_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

// The main loop of a game ended its network part, whose goroutine was held by the loop's
// own queue. Nobody but the loop could make room there, and it was in Destroy.
func TestHold_AFireOfADyingOwnersGoroutineLetsGoOfAManualQueue(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		game := tether.NewOwner("game")
		defer game.Destroy()
		network := game.NewChild("network")
		q := tether.NewQueue(game, 4, tether.Block, tether.Manual())
		var packet tether.Signal[int]
		handled := 0
		packet.Connect(game, func(int) { handled++ }, tether.On(q))
		var fired atomic.Int64
		network.Go(func(ctx context.Context) {
			for ctx.Err() == nil {
				fired.Add(1)
				packet.Fire(1)
			}
		})
		for q.Len() < 4 || fired.Load() < 5 {
			runtime.Gosched()
		}
		require.NoError(t, network.Destroy())
		q.Drain()
		require.Equal(t, fired.Load(), int64(handled)+int64(q.Dropped()), "handled and dropped")
		require.NotZero(t, q.Dropped(), "what was let go of; and what came before the context had ended")
	})
}

// The same by a Values loop: its goroutine destroys whom it holds.
func TestHold_AFireOfADyingOwnersGoroutineLetsGoOfAValuesLoop(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		producer, consumer := tether.NewOwner("producer"), tether.NewOwner("consumer")
		defer producer.Destroy()
		defer consumer.Destroy()
		var s tether.Signal[int]
		var fired, returned atomic.Int64
		producer.Go(func(ctx context.Context) {
			for ctx.Err() == nil {
				fired.Add(1)
				s.Fire(1)
				returned.Add(1)
			}
		})
		done := make(chan error, 1)
		consumer.Go(func(ctx context.Context) {
			for range tether.Values(ctx, &s, 1, tether.Block) {
				for held := 0; held < 100; held++ { // until a Fire stands still
					if n := fired.Load(); n == returned.Load() {
						held = 0
					}
					runtime.Gosched()
				}
				done <- producer.Destroy()
				return
			}
		})
		require.NoError(t, <-done)
		require.Equal(t, fired.Load(), returned.Load(), "a barrier")
	})
}

func TestHold_AFireOfADyingOwnersTimerLetsGo(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		o := app.NewChild("o")
		q := tether.NewQueue(app, 1, tether.Block, tether.Manual())
		var s tether.Signal[int]
		s.Connect(app, func(int) {}, tether.On(q))
		s.Fire(0)
		started := make(chan bool)
		o.AfterFunc(0, func() { close(started); s.Fire(1) })
		<-started
		require.NoError(t, o.Destroy())
		require.EqualValues(t, 1, q.Dropped())
	})
}

// Room that is made while a held Fire lets go belongs to the others.
func TestHold_AFireThatLetsGoLeavesTheRoomToOthers(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		for range 200 {
			app := tether.NewOwner("app")
			a, b := app.NewChild("a"), app.NewChild("b")
			q := tether.NewQueue(app, 1, tether.Block, tether.Manual())
			var s tether.Signal[int]
			s.Connect(app, func(int) {}, tether.On(q))
			s.Fire(0)
			returned := make(chan bool)
			for range 3 {
				a.Go(func(context.Context) { s.Fire(1) })
				b.Go(func(context.Context) { s.Fire(2); returned <- true })
			}
			runtime.Gosched()
			go a.Cancel(nil)
			for left := 3; left > 0; {
				q.Drain()
				select {
				case <-returned:
					left--
				default:
					runtime.Gosched()
				}
			}
			<-a.Ended()
			require.NoError(t, app.Destroy())
		}
	})
}

func TestHold_AFireOnADeadOwnersGoroutineIsNotHeldAtAll(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		o := app.NewChild("o")
		q := tether.NewQueue(app, 1, tether.Block, tether.Manual())
		var s tether.Signal[int]
		s.Connect(app, func(int) {}, tether.On(q))
		s.Fire(0)
		o.Go(func(ctx context.Context) {
			<-ctx.Done()
			s.Fire(1)
		})
		require.NoError(t, o.Destroy())
		require.EqualValues(t, 1, q.Dropped())

		err := tether.Run(context.Background(), "run", func(run *tether.Owner) error {
			run.Cancel(nil)
			s.Fire(2) // the function of Run is an owned goroutine too
			return nil
		})
		require.NoError(t, err)
		require.EqualValues(t, 2, q.Dropped())
	})
}

// A Fire that was held leaves nothing in the owner of its goroutine, of which it had
// asked to be told of the cut-off.
func TestHold_LeavesNothingInTheOwnerOfTheFirer(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		const n = 5000
		for _, c := range []struct {
			name    string
			consume func(ctx context.Context, s *tether.Signal[int], o *tether.Owner, ready chan<- bool)
		}{
			{"queue", func(_ context.Context, s *tether.Signal[int], o *tether.Owner, ready chan<- bool) {
				q := tether.NewQueue(o, 1, tether.Block, tether.Manual())
				handled := 0
				s.Connect(o, func(int) { handled++ }, tether.On(q))
				close(ready)
				for handled < n {
					q.Drain()
					runtime.Gosched()
				}
			}},
			{"Values", func(ctx context.Context, s *tether.Signal[int], _ *tether.Owner, ready chan<- bool) {
				go func() {
					for s.Len() == 0 {
						runtime.Gosched()
					}
					close(ready)
				}()
				got := 0
				for range tether.Values(ctx, s, 1, tether.Block) {
					if got++; got == n {
						return
					}
				}
			}},
		} {
			var s tether.Signal[int]
			firer, consumer := tether.NewOwner("firer"), tether.NewOwner("consumer")
			ready, fired, measured := make(chan bool), make(chan bool), make(chan bool)
			firer.Go(func(context.Context) {
				<-ready
				for i := range n {
					s.Fire(i)
				}
				close(fired)
				<-measured // the owner lives on
			})
			before := testkit.Heap()
			c.consume(t.Context(), &s, consumer, ready)
			<-fired
			require.Less(t, testkit.Heap(), before+n*100, "%s: bytes", c.name)
			close(measured)
			require.NoError(t, firer.Destroy())
			require.NoError(t, consumer.Destroy())
		}
	})
}
