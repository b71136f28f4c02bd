package tether_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

func TestQueue_FlushCoversEveryFireThatHadReturned(t *testing.T) {
	for _, o := range overflows {
		t.Run(o.name, func(t *testing.T) {
			app := tether.NewOwner("app")
			defer app.Destroy()
			q := tether.NewQueue(app, 100, o.overflow)
			var s tether.Signal[int]
			n := 0 // plain: the race detector looks, too
			s.Connect(app, func(int) {
				runtime.Gosched()
				n++
			}, tether.On(q))
			for round := range 100 {
				for range round % 5 {
					s.Fire(1)
				}
				s.Fire(1)
				require.NoError(t, q.Flush(t.Context()))
				n += 1000
			}
			assert.Equal(t, 100_000+300, n)
		})
	}
}

func TestQueue_FlushWaitsForTheHandlerAndForNothingLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		q := tether.NewQueue(app, 100, tether.Block)
		var s tether.Signal[int]
		step := make(chan struct{})
		defer close(step)
		s.Connect(app, func(int) { <-step }, tether.On(q))
		var flushed [4]func() bool // flushed[i] covers i values
		for i := range flushed {
			flushed[i] = background(func() { assert.NoError(t, q.Flush(t.Context())) })
			synctest.Wait()
			s.Fire(i)
		}
		for handled := range flushed {
			synctest.Wait()
			for i, f := range flushed {
				assert.Equal(t, i <= handled, f(), "with %d values handled, the Flush of %d has returned", handled, i)
			}
			step <- struct{}{}
		}
	})
}

// A flush waits for the oldest value that was queued before it, however the
// places of others come and go.
func TestQueue_FlushIsNotOverBeforeTheOldestOfItsValuesIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		q := tether.NewQueue(o, 10, tether.Block, tether.Manual())
		var signals [3]tether.Signal[int]
		var conns [3]*tether.Connection
		for i := range signals {
			conns[i] = signals[i].Connect(o, func(int) {}, tether.On(q))
		}
		signals[0].Fire(1)
		flushed := false
		go func() {
			assert.NoError(t, q.Flush(t.Context()))
			flushed = true
		}()
		synctest.Wait()
		signals[1].Fire(2)
		signals[2].Fire(3)
		conns[2].Disconnect()
		synctest.Wait()
		require.False(t, flushed, "its value is pending")
		require.Equal(t, 2, q.Drain())
		synctest.Wait()
		require.True(t, flushed)
		require.NoError(t, o.Destroy())
	})
}

// Flushes are released one by one, in the order of what they wait for; one that
// gives up takes no other with it.
func TestQueue_FlushesEndOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		q := tether.NewQueue(o, 10, tether.Block)
		var s tether.Signal[int]
		holds := []chan bool{make(chan bool), make(chan bool), make(chan bool)}
		s.Connect(o, func(v int) { <-holds[v] }, tether.On(q))
		ctx, cancel := context.WithCancel(t.Context())
		var got []string
		flush := func(name string, ctx context.Context) {
			go func() {
				if err := q.Flush(ctx); err != nil {
					name += ": " + err.Error()
				}
				got = append(got, name)
			}()
			synctest.Wait()
		}
		for v := range holds {
			s.Fire(v)
			flush([]string{"a", "b", "c"}[v], t.Context())
		}
		flush("d", ctx)
		cancel()
		synctest.Wait()
		require.Equal(t, []string{"d: context canceled"}, got)
		for v, want := range []string{"a", "b", "c"} {
			close(holds[v])
			synctest.Wait()
			require.Equal(t, want, got[len(got)-1])
			require.Len(t, got, v+2)
		}
		require.NoError(t, o.Destroy())
	})
}

// A Flush that was given up on leaves nothing in the queue.
func TestQueue_AFlushThatWasGivenUpOnIsForgotten(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		const n = 10000
		owner := tether.NewOwner("owner")
		q := tether.NewQueue(owner, 1, tether.DropOldest, tether.Manual())
		var s tether.Signal[int]
		s.Connect(owner, func(int) {}, tether.On(q))
		s.Fire(1)
		over, cancel := context.WithCancel(context.Background())
		cancel()
		require.ErrorIs(t, q.Flush(over), context.Canceled)
		before := testkit.Heap()
		for range n {
			require.ErrorIs(t, q.Flush(over), context.Canceled)
		}
		require.Less(t, testkit.Heap(), before+n*50)
		require.Equal(t, 1, q.Drain())
		require.NoError(t, owner.Destroy())
	})
}

func TestQueue_FlushOfAnIdleOneReturnsAtOnce(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		app := tether.NewOwner("app")
		defer app.Destroy()
		for _, opts := range [][]tether.QueueOption{nil, {tether.Manual()}} {
			q := tether.NewQueue(app, 1, tether.Block, opts...)
			assert.NoError(t, q.Flush(ended), "of a new queue")
			var s tether.Signal[int]
			s.Connect(app, func(int) {}, tether.On(q))
			s.Fire(1)
			if opts != nil {
				q.Drain()
			}
			require.NoError(t, q.Flush(t.Context()))
			assert.NoError(t, q.Flush(ended), "of a queue that has worked")
		}
	})
}

func TestQueue_FlushReturnsTheContextsCause(t *testing.T) {
	late := errors.New("too late")
	for _, test := range []struct {
		name string
		ctx  func(context.Context) (context.Context, func())
		want error
	}{
		{"Cancelled", func(ctx context.Context) (context.Context, func()) { return context.WithCancel(ctx) }, context.Canceled},
		{"WithCause", func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithCancelCause(ctx)
			return ctx, func() { cancel(late) }
		}, late},
		{"Deadline", func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithTimeout(ctx, time.Hour)
			return ctx, func() {
				<-ctx.Done()
				cancel()
			}
		}, context.DeadlineExceeded},
	} {
		testkit.Bubble(t, test.name, func(t *testing.T) {
			w := newQueueWorld(10, tether.Block)
			defer w.destroy()
			release := holdQueue(w.q)
			defer release()
			w.s.Fire(1)
			ctx, cancel := test.ctx(t.Context())
			var err error
			returned := background(func() { err = w.q.Flush(ctx) })
			synctest.Wait()
			require.False(t, returned(), "Flush returned early")
			cancel()
			synctest.Wait()
			require.True(t, returned(), "Flush returned when its context had ended")
			assert.Equal(t, test.want, err)
			assert.Equal(t, test.want, w.q.Flush(ctx), "with a context that has ended before")
			release()
			assert.NoError(t, w.q.Flush(t.Context()))
			assert.Equal(t, []int{1}, w.handled.all())
		})
	}
}

func TestQueue_FlushReturnsWhenTheValuesAreDropped(t *testing.T) {
	for _, death := range queueDeaths {
		testkit.Bubble(t, death.name, func(t *testing.T) {
			w := newQueueWorld(10, tether.Block, tether.Manual())
			defer w.destroy()
			w.s.Fire(1)
			w.s.Fire(2)
			var flushed [3]func() bool
			for i := range flushed {
				flushed[i] = background(func() { assert.NoError(t, w.q.Flush(t.Context())) })
			}
			synctest.Wait()
			require.False(t, flushed[0]() || flushed[1]() || flushed[2](), "Flush returned early")
			death.kill(w)
			synctest.Wait()
			assert.True(t, flushed[0]() && flushed[1]() && flushed[2](), "Flush returned")
		})
	}
	testkit.Bubble(t, "OfASpentOnce", func(t *testing.T) {
		w := newQueueWorld(10, tether.Block, tether.Manual())
		defer w.destroy()
		w.c.Disconnect()
		w.s.Once(w.owner, w.handled.add, tether.On(w.q))
		w.s.Fire(1)
		flushed := background(func() { assert.NoError(t, w.q.Flush(t.Context())) })
		synctest.Wait()
		require.False(t, flushed(), "Flush returned early")
		require.NoError(t, w.keeper.Destroy())
		synctest.Wait()
		assert.True(t, flushed(), "Flush returned")
	})
	testkit.Bubble(t, "DropOldest", func(t *testing.T) {
		w := newQueueWorld(1, tether.DropOldest, tether.Manual())
		defer w.destroy()
		w.s.Fire(1)
		flushed := background(func() { assert.NoError(t, w.q.Flush(t.Context())) })
		synctest.Wait()
		require.False(t, flushed(), "Flush returned early")
		w.s.Fire(2)
		synctest.Wait()
		assert.True(t, flushed(), "Flush returned")
	})
}

func TestQueue_FlushOfADyingOneWaitsForTheValueInHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newQueueWorld(10, tether.Block)
		defer w.destroy()
		release := holdQueue(w.q)
		defer release()
		w.s.Fire(1)
		flushed := background(func() { assert.NoError(t, w.q.Flush(t.Context())) })
		synctest.Wait()
		w.keeper.Cancel(nil)
		synctest.Wait()
		assert.False(t, flushed(), "Flush returned while a value was handled")
		release()
		synctest.Wait()
		assert.True(t, flushed(), "Flush returned")
	})
}

func TestQueue_FlushInsideAHandlerReturnsErrPendingWhereItWouldWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		busy := tether.NewQueue(app, 10, tether.Block)
		idle := tether.NewQueue(app, 10, tether.Block)
		manual := tether.NewQueue(app, 10, tether.Block, tether.Manual())
		var s, direct, drained tether.Signal[int]
		calls := 0
		s.Connect(app, func(int) {
			calls++
			assert.Equal(t, tether.ErrPending, busy.Flush(t.Context()), "its own queue, in the handler")
			assert.NoError(t, idle.Flush(t.Context()), "an idle queue, in a queued handler")
		}, tether.On(busy))
		drained.Connect(app, func(int) {
			calls++
			assert.Equal(t, tether.ErrPending, manual.Flush(t.Context()), "its own queue, in Drain")
		}, tether.On(manual))
		direct.Connect(app, func(int) {
			calls++
			assert.Equal(t, tether.ErrPending, busy.Flush(t.Context()), "another queue, in a signal's handler")
			assert.NoError(t, idle.Flush(t.Context()), "an idle queue, in a signal's handler")
		})
		s.Fire(1)
		synctest.Wait()
		drained.Fire(1)
		manual.Drain()
		release := holdQueue(busy)
		defer release()
		direct.Fire(1)
		child := app.NewChild("child")
		child.Defer(func() {
			calls++
			assert.Equal(t, tether.ErrPending, busy.Flush(t.Context()), "in a cleanup")
		})
		require.NoError(t, child.Destroy())
		release()
		flushed := make(chan error)
		app.Go(func(ctx context.Context) { flushed <- busy.Flush(ctx) })
		assert.NoError(t, <-flushed, "in an owned goroutine")
		assert.Equal(t, 4, calls)
	})
}
