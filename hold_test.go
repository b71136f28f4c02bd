package tether_test

import (
	"context"
	"iter"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
)

// The main loop of a game ended its network part, whose goroutine was held by the loop's
// own queue. Nobody but the loop could make room there, and it was in Destroy.
func TestHold_AFireOfADyingOwnersGoroutineLetsGoOfAManualQueue(t *testing.T) {
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
}

// The same by a Values loop: its goroutine destroys whom it holds.
func TestHold_AFireOfADyingOwnersGoroutineLetsGoOfAValuesLoop(t *testing.T) {
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
}

// Room that is made while a held Fire lets go belongs to the others.
func TestHold_AFireThatLetsGoLeavesTheRoomToOthers(t *testing.T) {
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
}

func TestHold_AFireOnADeadOwnersGoroutineIsNotHeldAtAll(t *testing.T) {
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
}

// What an iterator's puller is in can't be seen from the iterator. It hung there.
func TestDestroy_InAPulledIteratorDoesNotWait(t *testing.T) {
	o := tether.NewOwner("o")
	var s tether.Signal[int]
	var err error
	s.Connect(o, func(int) {
		next, stop := iter.Pull(func(func(int) bool) { err = o.Destroy() })
		defer stop()
		next()
	})
	s.Fire(1)
	require.ErrorIs(t, err, tether.ErrPending)
	<-o.Ended()

	idle := tether.NewOwner("idle")
	next, stop := iter.Pull(func(func(int) bool) { err = idle.Destroy() })
	defer stop()
	next()
	require.NoError(t, err, "where nothing runs it is complete, as ever")
}

// A panic of an interrupt went through Destroy at once: whoever recovered it went on
// while goroutines of the owner ran.
func TestDestroy_IsABarrierThoughAnInterruptPanics(t *testing.T) {
	o := tether.NewOwner("o")
	running, cleaned, second := true, false, false // plain: the race detector looks too
	o.Go(func(ctx context.Context) {
		<-ctx.Done()
		for range 100 {
			runtime.Gosched()
		}
		running = false
	})
	o.Defer(func() { cleaned = true })
	o.Interrupt(func() { second = true })
	o.Interrupt(func() { panic("interrupt") })
	require.PanicsWithValue(t, "interrupt", func() { o.Destroy() })
	require.False(t, running)
	require.True(t, cleaned)
	require.True(t, second, "the other interrupts")
	require.NoError(t, o.Destroy())
}

func TestDestroy_IsABarrierThoughAnInterruptCallsGoexit(t *testing.T) {
	o := tether.NewOwner("o")
	running := true
	o.Go(func(ctx context.Context) {
		<-ctx.Done()
		runtime.Gosched()
		running = false
	})
	o.Interrupt(runtime.Goexit)
	done := make(chan bool)
	go func() {
		defer func() { done <- running }()
		o.Destroy()
		t.Error("Goexit was swallowed")
	}()
	require.False(t, <-done)
}

func TestDestroyContext_GivesUpOnABlockedInterruptAndNamesIt(t *testing.T) {
	o := tether.NewOwner("o")
	hold := make(chan bool)
	o.Interrupt(func() { <-hold })
	ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
	defer cancel()
	err := o.DestroyContext(ctx)
	var pending *tether.PendingError
	require.ErrorAs(t, err, &pending)
	require.Len(t, pending.Running, 1)
	require.Equal(t, "interrupt", pending.Running[0].Kind)
	require.Contains(t, pending.Running[0].Func, "GivesUpOnABlockedInterrupt")
	close(hold)
	<-o.Ended()
}

// A wrapper may return a connection that it shares among all who subscribe.
type sharing struct {
	tether.Source[int]
	conn *tether.Connection
}

func (s sharing) Connect(o *tether.Owner, h func(int), _ ...tether.ConnectOption) *tether.Connection {
	s.Source.Connect(o, h)
	return s.conn
}

func TestWait_LeavesNothingOnAConnectionThatAWrapperShares(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var up, s tether.Signal[int]
	src := sharing{&s, up.Connect(app, func(int) {})}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	wait := func() {
		_, err := tether.Wait(ctx, src)
		require.ErrorIs(t, err, context.Canceled)
		for range tether.Values(ctx, src, 1, tether.Block) {
			t.Error("a value")
		}
	}
	wait()
	before := heapInUse()
	few := runtime.NumGoroutine() + 50
	for range 5000 {
		wait()
		for runtime.NumGoroutine() > few { // contexts start some, whose descriptors the runtime keeps
			runtime.Gosched()
		}
	}
	require.Less(t, int64(heapInUse())-int64(before), int64(5000*64), "bytes that 5000 waits have left")
	require.True(t, src.conn.Connected())
}

func heapInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestSignal_NilPanicsInTheNameOfTheCall(t *testing.T) {
	o := tether.NewOwner("o")
	defer o.Destroy()
	var s *tether.Signal[int]
	require.PanicsWithValue(t, "tether: Connect on nil Signal", func() { s.Connect(o, func(int) {}) })
	require.PanicsWithValue(t, "tether: Once on nil Signal", func() { s.Once(o, func(int) {}) })
	require.PanicsWithValue(t, "tether: ConnectSelf on nil Signal", func() { s.ConnectSelf(o, func(*tether.Connection, int) {}) })
	require.Equal(t, tether.Stats{Owners: 1}, o.Stats())
}

func TestHeartbeat_ZeroPanicsInTheNameOfTheCall(t *testing.T) {
	o := tether.NewOwner("o")
	defer o.Destroy()
	for _, h := range []*tether.Heartbeat{nil, {}} {
		const on = " on a nil or zero Heartbeat"
		require.PanicsWithValue(t, "tether: Connect"+on, func() { h.Connect(o, func(tether.Tick) {}) })
		require.PanicsWithValue(t, "tether: Once"+on, func() { h.Once(o, func(tether.Tick) {}) })
		require.PanicsWithValue(t, "tether: Len"+on, func() { h.Len() })
		require.PanicsWithValue(t, "tether: Dropped"+on, func() { h.Dropped() })
	}
	require.Equal(t, tether.Stats{Owners: 1}, o.Stats())
}

// Each goroutine destroys the owner of the next one, all at once. At least one must not
// wait, or none ever returns; and one is enough.
func TestWait_GoroutinesOfARingOfOwnersDoNotDeadlock(t *testing.T) {
	for round := range 300 {
		n := 2 + round%4
		owners := make([]*tether.Owner, n)
		root := tether.NewOwner("root")
		for i := range owners {
			if round%2 == 0 {
				owners[i] = root.NewChild("o")
			} else {
				owners[i] = tether.NewOwner("o")
			}
		}
		errs := make(chan error, n)
		start := make(chan bool)
		for i, o := range owners {
			o.Go(func(context.Context) {
				<-start
				errs <- owners[(i+1)%n].Destroy()
			})
		}
		close(start)
		pending := 0
		for range n {
			if err := <-errs; err != nil {
				require.ErrorIs(t, err, tether.ErrPending)
				pending++
			}
		}
		require.Equal(t, 1, pending, "of %d", n)
		for _, o := range owners {
			<-o.Ended()
		}
		root.Destroy()
	}
}

// A tick was due before a connection was made, and came to it after an idle time: with a
// Time before the Connect, and a first Delta that began before it.
func TestHeartbeat_NoTickOfBeforeAnIdleTimeComesToALaterConnection(t *testing.T) {
	for _, opts := range [][]tether.HeartbeatOption{nil, {tether.FixedStep(5)}} {
		synctest.Test(t, func(t *testing.T) {
			app := tether.NewOwner("app")
			defer app.Destroy()
			h := tether.NewHeartbeat(app, time.Second, opts...)
			hold := make(chan bool)
			var late *tether.Connection
			var connected time.Time
			var ticks []tether.Tick
			first := h.Connect(app, func(tether.Tick) { <-hold }) // stands in the first tick
			time.Sleep(time.Second)
			synctest.Wait()
			// The second handler of the held tick is connected only now, after an idle time.
			first.Disconnect()
			time.Sleep(2500 * time.Millisecond)
			connected = time.Now()
			late = h.Connect(app, func(tick tether.Tick) { ticks = append(ticks, tick) }, tether.Priority(-1))
			close(hold)
			time.Sleep(3500 * time.Millisecond)
			synctest.Wait()
			late.Disconnect()
			require.NotEmpty(t, ticks)
			var sum time.Duration
			for _, tick := range ticks {
				assert.False(t, tick.Time.Before(connected), "a tick of %v, connected at %v", tick.Time, connected)
				sum += tick.Delta
			}
			assert.Equal(t, ticks[len(ticks)-1].Time.Sub(connected), sum, "the sum of Delta is the time elapsed")
		})
	}
}

// The code that calls handlers exists once for each shape of values, and each must be
// known as such, or Destroy inside a handler waits for itself.
func TestDestroy_InAHandlerOfAnyTypeOfValueDoesNotWait(t *testing.T) {
	destroysInside(t, 1)
	destroysInside(t, "text")
	destroysInside(t, new(int))
	destroysInside(t, struct{ a, b, c string }{})
	destroysInside(t, [3]int{})
	destroysInside[any](t, nil)
	destroysInside(t, func() {})
	destroysInside(t, []byte(nil))
	destroysInside(t, struct{}{})
	destroysInside(t, make(chan int))
	destroysInside(t, &struct{ x []int }{})
	destroysInside(t, map[string]int{})
}

func destroysInside[T any](t *testing.T, v T) {
	connects := map[string]func(s *tether.Signal[T], o *tether.Owner, h func(T), opts ...tether.ConnectOption){
		"Connect": func(s *tether.Signal[T], o *tether.Owner, h func(T), opts ...tether.ConnectOption) {
			s.Connect(o, h, opts...)
		},
		"Once": func(s *tether.Signal[T], o *tether.Owner, h func(T), opts ...tether.ConnectOption) {
			s.Once(o, h, opts...)
		},
		"ConnectSelf": func(s *tether.Signal[T], o *tether.Owner, h func(T), opts ...tether.ConnectOption) {
			s.ConnectSelf(o, func(_ *tether.Connection, v T) { h(v) }, opts...)
		},
	}
	for name, connect := range connects {
		for _, first := range []bool{true, false} { // the short way, and the one after it
			o := tether.NewOwner("o")
			var s tether.Signal[T]
			if !first {
				s.Connect(tether.NewOwner("other", tether.WithContext(t.Context())), func(T) {}, tether.Priority(1))
			}
			calls := 0
			connect(&s, o, func(T) {
				calls++
				require.ErrorIs(t, o.Destroy(), tether.ErrPending, "%s of %T", name, v)
			})
			s.Fire(v)
			<-o.Ended()
			require.Equal(t, 1, calls)
		}
		o := tether.NewOwner("o")
		var s tether.Signal[T]
		connect(&s, o, func(T) {
			require.ErrorIs(t, o.Destroy(), tether.ErrPending, "%s of %T on a queue", name, v)
		}, tether.On(tether.NewQueue(o, 1, tether.DropNewest)))
		s.Fire(v)
		<-o.Ended()
	}
}

// The frames of a handler that has panicked are on the stack while deferred calls run.
// Run took them for a handler that it was in, and did not wait.
func TestRun_IsABarrierThoughAHandlerOfItsFunctionPanics(t *testing.T) {
	running, cleaned := true, false
	require.PanicsWithValue(t, "handler", func() {
		tether.Run(t.Context(), "run", func(o *tether.Owner) error {
			o.Go(func(ctx context.Context) {
				<-ctx.Done()
				for range 100 {
					runtime.Gosched()
				}
				running = false
			})
			o.Defer(func() { cleaned = true })
			var s tether.Signal[int]
			s.Connect(o, func(int) { panic("handler") })
			s.Fire(1)
			return nil
		})
	})
	require.False(t, running)
	require.True(t, cleaned)
}

// The same for a deferred Destroy can't be told from one in a deferred call of the handler
// itself: it does not wait, and the last one out completes the teardown.
func TestDestroy_DeferredUnderAHandlersPanicDoesNotWait(t *testing.T) {
	o := tether.NewOwner("o")
	hold := make(chan bool)
	o.Go(func(context.Context) { <-hold })
	var err error
	require.Panics(t, func() {
		defer func() { err = o.Destroy() }()
		var s tether.Signal[int]
		s.Connect(o, func(int) { panic("handler") })
		s.Fire(1)
	})
	require.ErrorIs(t, err, tether.ErrPending)
	close(hold)
	require.NoError(t, o.Destroy())
}

func TestHold_AFireOfADyingOwnersTimerLetsGo(t *testing.T) {
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
}

// While one tick of a batch was handled its connection was replaced by another one. The
// ticks that were due before came to nobody, and were counted all the same.
func TestHeartbeat_TicksThatNobodyGetsAreNotCountedAndTheirTimeIsGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		h := tether.NewHeartbeat(app, time.Second, tether.FixedStep(10))
		var numbers []uint64
		var sum time.Duration
		start := time.Now()
		count := func(tick tether.Tick) {
			numbers = append(numbers, tick.N)
			sum += tick.Delta
		}
		slow := true
		var first atomic.Pointer[tether.Connection]
		first.Store(h.Connect(app, func(tick tether.Tick) {
			count(tick)
			switch {
			case slow:
				slow = false
				time.Sleep(5500 * time.Millisecond) // the next beat has five ticks
			default:
				h.Connect(app, count)
				first.Load().Disconnect() // in the first of the five
			}
		}))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		for i, n := range numbers {
			require.EqualValues(t, i+1, n, "all that were counted were delivered: %v", numbers)
		}
		require.Equal(t, time.Since(start), sum+h.Dropped(), "the time elapsed, %v ticks", len(numbers))
	})
}

// A Fire that was held leaves nothing in the owner of its goroutine, of which it had
// asked to be told of the cut-off.
func TestHold_LeavesNothingInTheOwnerOfTheFirer(t *testing.T) {
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
		before := heap()
		c.consume(t.Context(), &s, consumer, ready)
		<-fired
		require.Less(t, heap(), before+n*100, "%s: bytes", c.name)
		close(measured)
		require.NoError(t, firer.Destroy())
		require.NoError(t, consumer.Destroy())
	}
}
