package bus_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/bus"
	"github.com/seed-ec287111/tether/hook"
	"github.com/seed-ec287111/tether/inspect"
)

type (
	price   int
	priceOf struct{ thing string }
)

func length(_ context.Context, q priceOf) (price, error) { return price(len(q.thing)), nil }

func TestAsk_IsAnsweredByTheOneResponder(t *testing.T) {
	app, b := newBus(t)
	require.Equal(t, hook.ErrNobody, bus.ErrNobody)
	_, err := bus.Ask[price](bg, b, priceOf{"ham"})
	require.Equal(t, bus.ErrNobody, err)
	o := app.NewChild("o")
	c, err := bus.Reply(o, b, length)
	require.NoError(t, err)
	require.True(t, c.Connected())
	p, err := bus.Ask[price](bg, b, priceOf{"ham"})
	require.NoError(t, err)
	require.Equal(t, price(3), p)

	second, err := bus.Reply(app, b, length)
	require.Equal(t, bus.ErrTaken, err)
	require.False(t, second.Connected())
	require.False(t, second.Disconnect())
	require.PanicsWithValue(t, "bus: Reply with string to bus_test.priceOf, which is answered with bus_test.price", func() {
		_, _ = bus.Reply(app, b, func(context.Context, priceOf) (string, error) { return "", nil })
	})
	require.PanicsWithValue(t, "bus: Ask for string with bus_test.priceOf, which is answered with bus_test.price", func() {
		_, _ = bus.Ask[string](bg, b, priceOf{})
	})
	info := inspect.Of(o)
	require.Len(t, info.Connections, 1)
	require.Equal(t, "bus_test.priceOf", info.Connections[0].Signal)
	require.Contains(t, info.Connections[0].Handler.Name, "bus_test.length")

	require.NoError(t, o.Destroy())
	require.Zero(t, b.Entries())
	_, err = bus.Ask[price](bg, b, priceOf{"ham"})
	require.Equal(t, bus.ErrNobody, err)
	c, err = bus.Reply(app, b, func(context.Context, priceOf) (string, error) { return "again", errBoom })
	require.NoError(t, err, "with another type, as nobody answers")
	s, err := bus.Ask[string](bg, b, priceOf{"ham"})
	require.Equal(t, errBoom, err, "as it is")
	require.Equal(t, "again", s)
	c.Mute()
	_, err = bus.Ask[string](bg, b, priceOf{"ham"})
	require.Equal(t, bus.ErrNobody, err, "muted")
	_, err = bus.Reply(app, b, func(context.Context, priceOf) (string, error) { return "", nil })
	require.Equal(t, bus.ErrTaken, err)
}

func TestAsk_WithAContextThatHasEndedAsksNobody(t *testing.T) {
	app, b := newBus(t)
	ctx, end := context.WithCancelCause(bg)
	end(errBoom)
	_, err := bus.Ask[int](ctx, b, 1)
	require.Equal(t, errBoom, err, "though nobody is there")
	_, err = bus.Reply(app, b, func(context.Context, int) (int, error) { t.Error("called"); return 0, nil })
	require.NoError(t, err)
	_, err = bus.Ask[int](ctx, b, 1)
	require.Equal(t, errBoom, err)
}

func TestReply_OfADeadOwnerIsADeadConnectionAlone(t *testing.T) {
	app, b := newBus(t)
	o := app.NewChild("o")
	require.NoError(t, o.Destroy())
	c, err := bus.Reply(o, b, length)
	require.NoError(t, err)
	require.False(t, c.Connected())
	require.Zero(t, b.Entries())
}

func TestAsk_IsNeitherTappedNorALetter(t *testing.T) {
	app, b := newBus(t)
	got := letters(app, b)
	b.Tap().Connect(app, func(bus.Delivery) { t.Error("tapped") })
	_, err := bus.Ask[price](bg, b, priceOf{})
	require.Equal(t, bus.ErrNobody, err)
	require.Empty(t, *got)
}

func TestAsk_PanicsOfTheResponder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, on := range []bool{false, true} {
			app, b := newBus(t)
			var opts []tether.ConnectOption
			if on {
				opts = append(opts, tether.On(tether.NewQueue(app, 1, tether.Block)))
			}
			told := 0
			o := app.NewChild("o", tether.WithPanicHandler(func(p *tether.PanicError) {
				told++
				require.Equal(t, priceOf{"ham"}, p.Fired)
			}))
			c, err := bus.Reply(o, b, func(context.Context, priceOf) (price, error) { panic(errBoom) }, opts...)
			require.NoError(t, err)
			_, err = bus.Ask[price](bg, b, priceOf{"ham"})
			require.ErrorIs(t, err, errBoom)
			require.IsType(t, &tether.PanicError{}, err)
			require.Equal(t, 1, told)
			c.Disconnect()

			c, err = bus.Reply(app, b, func(context.Context, priceOf) (price, error) { runtime.Goexit(); return 0, nil }, opts...)
			require.NoError(t, err)
			if on {
				_, err = bus.Ask[price](bg, b, priceOf{"ham"})
				require.Equal(t, bus.ErrNobody, err)
			}
			c.Disconnect()
		}
		app, b := newBus(t)
		_, err := bus.Reply(app, b, func(context.Context, priceOf) (price, error) { panic(errBoom) })
		require.NoError(t, err)
		require.PanicsWithValue(t, errBoom, func() { _, _ = bus.Ask[price](bg, b, priceOf{}) })
	})
}

func TestAsk_TheRespondersContextIsAsInHook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, on := range []bool{false, true} {
			app, b := newBus(t)
			o := app.NewChild("o")
			var opts []tether.ConnectOption
			if on {
				opts = append(opts, tether.On(tether.NewQueue(app, 1, tether.Block)))
			}
			var cause error
			_, err := bus.Reply(o, b, func(ctx context.Context, q string) (int, error) {
				require.Equal(t, 7, ctx.Value(key{}))
				<-ctx.Done()
				cause = context.Cause(ctx)
				return 0, cause
			}, opts...)
			require.NoError(t, err)
			ctx, cancel := context.WithTimeoutCause(context.WithValue(bg, key{}, 7), time.Second, errBoom)
			defer cancel()
			_, err = bus.Ask[int](ctx, b, "q")
			require.Equal(t, errBoom, err)
			synctest.Wait()
			require.Equal(t, errBoom, cause, "the end of who asks")
			_, err = bus.Ask[int](ctx, b, "q")
			require.Equal(t, errBoom, err)
			time.AfterFunc(time.Second, func() { o.Cancel(errLast) })
			_, err = bus.Ask[int](context.WithValue(bg, key{}, 7), b, "q")
			require.Equal(t, errLast, err, "the end of the owner, which the responder answers with")
		}
	})
}

var errLast = errors.New("last")

func TestAskOnAQueue_WaitsForTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, b := newBus(t)
		q := tether.NewQueue(app, 1, tether.Block)
		running := 0
		_, err := bus.Reply(app, b, func(_ context.Context, q int) (int, error) {
			running++
			require.Equal(t, 1, running, "one at a time")
			time.Sleep(time.Second)
			running--
			return 2 * q, nil
		}, tether.On(q))
		require.NoError(t, err)
		var wg sync.WaitGroup
		began := time.Now()
		for i := range 10 { // more than the queue has room for
			wg.Go(func() {
				n, err := bus.Ask[int](bg, b, i)
				require.NoError(t, err)
				require.Equal(t, 2*i, n)
			})
		}
		wg.Wait()
		require.Equal(t, 10*time.Second, time.Since(began))
		require.Zero(t, q.Dropped())
	})
}

// A full Block queue holds who fires; who asks waits anyway, but must not miss the end of
// its context.
func TestAskOnAQueue_AFullQueueDoesNotHideTheEndOfTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, b := newBus(t)
		q := tether.NewQueue(app, 1, tether.Block, tether.Manual())
		calls := 0
		_, err := bus.Reply(app, b, func(context.Context, int) (int, error) { calls++; return 0, nil }, tether.On(q))
		require.NoError(t, err)
		for range 3 {
			ctx, cancel := context.WithTimeoutCause(bg, time.Second, errBoom)
			began := time.Now()
			_, err = bus.Ask[int](ctx, b, 1)
			require.Equal(t, errBoom, err)
			require.Equal(t, time.Second, time.Since(began))
			cancel()
		}
		q.Drain()
		require.Zero(t, calls, "nobody waits any more")
	})
}

func TestAskOnAQueue_EndsWithTheResponder(t *testing.T) {
	ends := map[string]func(o, queueOwner *tether.Owner, c *tether.Connection){
		"Disconnect":      func(_, _ *tether.Owner, c *tether.Connection) { c.Disconnect() },
		"Cancel":          func(o, _ *tether.Owner, _ *tether.Connection) { o.Cancel(nil) },
		"Destroy":         func(o, _ *tether.Owner, _ *tether.Connection) { _ = o.Destroy() },
		"the queue's end": func(_, q *tether.Owner, _ *tether.Connection) { _ = q.Destroy() },
		"Mute":            func(_, _ *tether.Owner, c *tether.Connection) { c.Mute() },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app, b := newBus(t)
				o, queueOwner := app.NewChild("o"), app.NewChild("queue")
				q := tether.NewQueue(queueOwner, 1, tether.Block)
				c, err := bus.Reply(o, b, func(ctx context.Context, q int) (int, error) {
					time.Sleep(time.Second)
					return q, nil
				}, tether.On(q))
				require.NoError(t, err)
				answers := make([]int, 4)
				errs := make([]error, 4)
				var wg sync.WaitGroup
				for i := range answers {
					wg.Go(func() { answers[i], errs[i] = bus.Ask[int](bg, b, i+1) })
					synctest.Wait()
				}
				end(o, queueOwner, c)
				wg.Wait()
				require.NoError(t, errs[0], "the one that runs is answered still")
				require.Equal(t, 1, answers[0])
				for _, err := range errs[1:] {
					require.Equal(t, bus.ErrNobody, err)
				}
				_, err = bus.Ask[int](bg, b, 1)
				require.Equal(t, bus.ErrNobody, err)
			})
		})
	}
}

func TestAskOnAQueue_WhatTheQueueDropsIsNotWaitedFor(t *testing.T) {
	for _, overflow := range []tether.Overflow{tether.DropNewest, tether.DropOldest} {
		synctest.Test(t, func(t *testing.T) {
			app, b := newBus(t)
			q := tether.NewQueue(app, 1, overflow)
			_, err := bus.Reply(app, b, func(_ context.Context, q int) (int, error) {
				time.Sleep(time.Second)
				return q, nil
			}, tether.On(q))
			require.NoError(t, err)
			errs := make([]error, 4)
			var wg sync.WaitGroup
			for i := range errs {
				wg.Go(func() { _, errs[i] = bus.Ask[int](bg, b, i) })
				synctest.Wait()
			}
			wg.Wait()
			want := []error{nil, nil, bus.ErrNobody, bus.ErrNobody}
			if overflow == tether.DropOldest {
				want = []error{nil, bus.ErrNobody, bus.ErrNobody, nil}
			}
			require.Equal(t, want, errs)
		})
	}
}

// It would wait for itself.
func TestAskOnAQueue_InsideAHandlerOfThatQueueIsAnError(t *testing.T) {
	for _, overflow := range []tether.Overflow{tether.Block, tether.DropNewest, tether.DropOldest} {
		synctest.Test(t, func(t *testing.T) {
			app, b := newBus(t)
			q, other := tether.NewQueue(app, 10, overflow), tether.NewQueue(app, 10, overflow)
			_, err := bus.Reply(app, b, func(context.Context, int) (int, error) { return 5, nil }, tether.On(q))
			require.NoError(t, err)
			var errs []error
			ask := func(string) {
				_, err := bus.Ask[int](bg, b, 1)
				errs = append(errs, err)
			}
			bus.Named[string](b, "same").Connect(app, ask, tether.On(q))
			bus.Named[string](b, "other").Connect(app, ask, tether.On(other))
			var s tether.Signal[int]
			s.Connect(app, func(int) { _ = bus.Named[string](b, "direct").Publish(bg, "") }, tether.On(q))
			bus.Named[string](b, "direct").Connect(app, ask)
			require.NoError(t, bus.Named[string](b, "same").Publish(bg, ""))
			synctest.Wait()
			s.Fire(1)
			synctest.Wait()
			for _, err := range errs {
				require.EqualError(t, err, "bus: Ask inside a handler of the responder's queue, which would wait for itself")
			}
			require.Len(t, errs, 2)
			require.NoError(t, bus.Named[string](b, "other").Publish(bg, ""))
			synctest.Wait()
			require.NoError(t, errs[2], "a handler of another queue may wait")
			ask("")
			require.NoError(t, errs[3])
		})
	}
}

func TestAskOnAQueue_DestroyWaitsForTheResponder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, b := newBus(t)
		o := app.NewChild("o")
		running := false
		o.Defer(func() { require.False(t, running) })
		_, err := bus.Reply(o, b, func(context.Context, int) (int, error) {
			running = true
			time.Sleep(time.Second)
			running = false
			return 1, nil
		}, tether.On(tether.NewQueue(app, 1, tether.Block)))
		require.NoError(t, err)
		go func() { _, _ = bus.Ask[int](bg, b, 1) }()
		synctest.Wait()
		require.NoError(t, o.Destroy())
		require.False(t, running)
	})
}

func TestAsk_RespondersThatComeAndGo(t *testing.T) {
	app, b := newBus(t)
	var wg sync.WaitGroup
	q := tether.NewQueue(app, 2, tether.Block)
	stop := make(chan struct{})
	var churn sync.WaitGroup
	for i := range 2 {
		churn.Go(func() {
			for n := 0; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				o := app.NewChild("o")
				var opts []tether.ConnectOption
				if (i+n)%2 == 0 {
					opts = append(opts, tether.On(q))
				}
				c, err := bus.Reply(o, b, func(_ context.Context, q int) (int, error) { return q + 1, nil }, opts...)
				if err != nil && !errors.Is(err, bus.ErrTaken) || err == nil && !c.Connected() {
					t.Error(err)
				}
				runtime.Gosched()
				_ = o.Destroy()
			}
		})
	}
	answered := 0
	wg.Go(func() {
		for i := range 2000 {
			n, err := bus.Ask[int](bg, b, i)
			if err == nil {
				answered++
				if n != i+1 {
					t.Errorf("%d is answered with %d", i, n)
				}
			} else if err != bus.ErrNobody {
				t.Error(err)
			}
		}
	})
	wg.Wait()
	close(stop)
	churn.Wait()
	require.Zero(t, b.Entries())
	t.Log("answered", answered)
}

// On a Finish queue the questions that were accepted are answered after the responder's end.
func TestAskOnAFinishQueue_IsAnsweredThoughTheResponderHasEnded(t *testing.T) {
	for _, how := range []string{"Disconnect", "Destroy", "given up"} {
		synctest.Test(t, func(t *testing.T) {
			app, b := newBus(t)
			o := app.NewChild("o")
			q := tether.NewQueue(app, 10, tether.Block, tether.Finish())
			c, err := bus.Reply(o, b, func(_ context.Context, q int) (int, error) {
				time.Sleep(time.Second)
				return q, nil
			}, tether.On(q))
			require.NoError(t, err)
			errs := make([]error, 4)
			var wg sync.WaitGroup
			for i := range errs {
				wg.Go(func() { _, errs[i] = bus.Ask[int](bg, b, i) })
				synctest.Wait()
			}
			want := []error{nil, nil, nil, nil}
			switch how {
			case "Disconnect":
				c.Disconnect()
			case "Destroy":
				require.NoError(t, o.Destroy())
			default:
				ctx, cancel := context.WithTimeout(bg, 1500*time.Millisecond)
				defer cancel()
				require.Error(t, o.DestroyContext(ctx))
				want = []error{nil, nil, bus.ErrNobody, bus.ErrNobody}
			}
			_, err = bus.Ask[int](bg, b, 1)
			require.Equal(t, bus.ErrNobody, err)
			wg.Wait()
			require.Equal(t, want, errs, how)
		})
	}
}

// A strange is a context whose end is seen in one way only.
type strange struct {
	context.Context
	done chan struct{}
	err  func() error
}

func (s strange) Done() <-chan struct{} { return s.done }
func (s strange) Err() error            { return s.err() }

func TestAskOnAQueue_AContextThatIsDoneWithoutAnErrorGivesNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, b := newBus(t)
		q := tether.NewQueue(app, 10, tether.Block, tether.Manual())
		asked := 0
		_, err := bus.Reply(app, b, func(context.Context, int) (int, error) { asked++; return 7, nil }, tether.On(q))
		require.NoError(t, err)
		ctx := strange{bg, make(chan struct{}), func() error { return nil }}
		close(ctx.done)
		_, err = bus.Ask[int](ctx, b, 1)
		require.Equal(t, context.Canceled, err)
		q.Drain()
		require.Zero(t, asked, "nobody waits for the answer")
	})
}

// There is a responder. So the answer to a question whose turn comes too late is not ErrNobody.
func TestAskOnAQueue_AQuestionThatIsPassedOverSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, b := newBus(t)
		q := tether.NewQueue(app, 10, tether.Block, tether.Manual())
		_, err := bus.Reply(app, b, func(context.Context, int) (int, error) { return 7, nil }, tether.On(q))
		require.NoError(t, err)
		var ended atomic.Bool
		ctx := strange{bg, make(chan struct{}), func() error { // its end comes to the queue first
			if ended.Load() {
				return errBoom
			}
			return nil
		}}
		var asked error
		go func() { _, asked = bus.Ask[int](ctx, b, 1) }()
		synctest.Wait()
		ended.Store(true)
		q.Drain()
		synctest.Wait()
		require.Equal(t, errBoom, asked)
	})
}

func TestAskOnAQueue_AQuestionThatWasGivenUpIsGarbageBeforeItsTurn(t *testing.T) {
	app, b := newBus(t)
	q := tether.NewQueue(app, 10, tether.Block, tether.Manual())
	asked := 0
	_, err := bus.Reply(app, b, func(context.Context, *[64]int) (int, error) { asked++; return 7, nil }, tether.On(q))
	require.NoError(t, err)
	gone := make(chan bool)
	func() {
		ctx, cancel := context.WithTimeout(bg, time.Millisecond)
		defer cancel()
		question := new([64]int)
		runtime.AddCleanup(question, func(gone chan bool) { close(gone) }, gone)
		_, err := bus.Ask[int](ctx, b, question)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}()
	require.Eventually(t, func() bool {
		runtime.GC()
		select {
		case <-gone:
			return true
		default:
			return false
		}
	}, 10*time.Second, time.Millisecond)
	require.Equal(t, 1, q.Len())
	q.Drain()
	require.Zero(t, asked)
}
