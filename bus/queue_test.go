package bus_test

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/bus"
	"github.com/seed-ec287111/tether/inspect"
)

// AgentHub and others hand the context of a request to handlers that run later, when it has
// ended.
func TestOnAQueue_AHandlersContextHasTheValuesOfThePublishersAndEndsWithItsOwner(t *testing.T) {
	for name, make := range map[string]func() (context.Context, context.CancelFunc){
		"with an end": func() (context.Context, context.CancelFunc) {
			return context.WithCancel(context.WithValue(bg, key{}, 7))
		},
		"with a time": func() (context.Context, context.CancelFunc) {
			return context.WithTimeout(context.WithValue(bg, key{}, 7), time.Second)
		},
		"without":       func() (context.Context, context.CancelFunc) { return context.WithValue(bg, key{}, 7), func() {} },
		"with no value": func() (context.Context, context.CancelFunc) { return bg, func() {} },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app, b := newBus(t)
				o := app.NewChild("o")
				q := tether.NewQueue(app, 1, tether.Block)
				var cause error
				bus.For[int](b).Handle(o, func(ctx context.Context, _ int) error {
					time.Sleep(time.Minute)
					require.NoError(t, ctx.Err())
					_, deadline := ctx.Deadline()
					require.False(t, deadline)
					if name != "with no value" {
						require.Equal(t, 7, ctx.Value(key{}))
					}
					<-ctx.Done()
					cause = context.Cause(ctx)
					return nil
				}, tether.On(q))
				ctx, cancel := make()
				require.NoError(t, bus.For[int](b).Publish(ctx, 1))
				cancel()
				time.Sleep(time.Hour)
				o.Cancel(errBoom)
				require.NoError(t, o.Destroy())
				require.Equal(t, errBoom, cause)
			})
		})
	}
}

func TestOnAQueue_AFailureBecomesALetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, b := newBus(t)
		got := letters(app, b)
		q := tether.NewQueue(app, 10, tether.Block)
		bus.Named[int](b, "a").Handle(app, failing, tether.On(q))
		bus.Matching[int](b, "*").Handle(app, func(_ context.Context, m bus.Message[int]) error { return fmt.Errorf("%d", m.Value) }, tether.On(q))
		told := 0
		o := app.NewChild("o", tether.WithPanicHandler(func(p *tether.PanicError) {
			told++
			require.Equal(t, 1, p.Fired)
		}))
		bus.Named[int](b, "a").Connect(o, func(int) { panic(errBoom) }, tether.On(q))
		require.NoError(t, bus.Named[int](b, "a").Publish(bg, 1))
		require.NoError(t, q.Flush(bg))
		require.Len(t, *got, 3)
		for i, owner := range []string{"app", "app", "app/o"} {
			l := (*got)[i]
			require.Equal(t, "a", l.Topic)
			require.Equal(t, 1, l.Value)
			var h *bus.HandlerError
			require.ErrorAs(t, l.Err, &h)
			require.Equal(t, owner, h.Owner)
			require.Contains(t, h.Func, "bus_test.")
		}
		require.ErrorIs(t, (*got)[0].Err, errBoom)
		require.ErrorContains(t, (*got)[1].Err, ": 1")
		var p *tether.PanicError
		require.ErrorAs(t, (*got)[2].Err, &p)
		require.Contains(t, p.Func, "bus_test.TestOnAQueue_AFailureBecomesALetter")
		require.Equal(t, 1, told)
	})
}

func TestOnAQueue_TheOrderIsThatOfTheQueueAndMuteAndOnceMeanWhatTheyDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, b := newBus(t)
		q := tether.NewQueue(app, 10, tether.Block, tether.Manual())
		var got []string
		say := func(who string) func(int) { return func(v int) { got = append(got, fmt.Sprint(who, v)) } }
		topic := bus.Named[int](b, "a")
		topic.Connect(app, say("low"), tether.On(q), tether.Priority(-1))
		c := topic.Connect(app, say("muted"), tether.On(q))
		bus.Matching[int](b, ">").Connect(app, func(m bus.Message[int]) { say("pattern")(m.Value) }, tether.On(q))
		once := topic.Once(app, say("once"), tether.On(q), tether.Priority(1))
		direct := topic.Connect(app, say("direct"))
		require.NoError(t, topic.Publish(bg, 1))
		require.False(t, once.Connected(), "it is spent")
		require.NoError(t, topic.Publish(bg, 2))
		direct.Disconnect()
		c.Mute()
		require.Equal(t, []string{"direct1", "direct2"}, got)
		got = nil
		q.Drain()
		require.Equal(t, []string{"once1", "pattern1", "low1", "pattern2", "low2"}, got)
		require.Equal(t, uint64(2), q.Dropped())
		info := inspect.Of(app)
		require.Len(t, info.Connections, 3)
		for _, c := range info.Connections {
			require.True(t, c.Queued)
			require.Equal(t, "int", c.Signal)
			require.Contains(t, c.Handler.Name, "bus_test.")
		}
	})
}

func TestOnAQueue_DestroyIsABarrierAndDropsWhatIsPending(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, b := newBus(t)
		o := app.NewChild("o")
		q := tether.NewQueue(app, 10, tether.Block)
		running, handled := false, 0
		o.Defer(func() { require.False(t, running) })
		bus.For[int](b).Connect(o, func(int) {
			running = true
			time.Sleep(time.Second)
			running = false
			handled++
		}, tether.On(q))
		for range 5 {
			require.NoError(t, bus.For[int](b).Publish(bg, 1))
		}
		time.Sleep(1500 * time.Millisecond)
		require.NoError(t, o.Destroy())
		require.Equal(t, 2, handled)
		require.Equal(t, uint64(3), q.Dropped())
		require.False(t, bus.For[int](b).Wanted())
	})
}

// tailscale's bounded queues deadlock if a subscriber publishes: here one that handles for a
// queue is never held by that queue.
func TestOnAQueue_AHandlerThatPublishesToItsOwnFullQueueIsNotHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, b := newBus(t)
		q := tether.NewQueue(app, 1, tether.Block)
		n := 0
		topic := bus.For[int](b)
		topic.Handle(app, func(ctx context.Context, v int) error {
			n++
			if v > 0 {
				return cmpErr(topic.Publish(ctx, v-1), topic.Publish(ctx, v-1))
			}
			return nil
		}, tether.On(q))
		require.NoError(t, topic.Publish(bg, 5))
		require.NoError(t, q.Flush(bg))
		synctest.Wait()
		require.Equal(t, 63, n)
	})
}

// watermill's gochannel waits for every subscriber to acknowledge, so that one that does not
// blocks all.
func TestOnAQueue_OneThatIsStuckHoldsUpNobodyElse(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, b := newBus(t)
		release := make(chan struct{})
		topic := bus.For[int](b)
		stuck := tether.NewQueue(app, 2, tether.DropNewest)
		direct, queued := 0, 0
		topic.Connect(app, func(int) { <-release }, tether.On(stuck))
		topic.Connect(app, func(int) { direct++ })
		topic.Connect(app, func(int) { queued++ }, tether.On(tether.NewQueue(app, 1, tether.Block)))
		for range 10 {
			require.NoError(t, topic.Publish(bg, 1))
		}
		synctest.Wait()
		require.Equal(t, []int{10, 10}, []int{direct, queued})
		require.Equal(t, uint64(7), stuck.Dropped(), "and what is lost is counted")
		close(release)
	})
}

func cmpErr(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// tailscale names a subscriber that is slow by the place where it subscribed, and libp2p by
// a name that says nothing. Watch names the handler, whose owner it is, and where it stands.
func TestQueue_ASlowHandlerIsNamedByWatchAndByDestroyContext(t *testing.T) {
	for _, on := range []bool{false, true} {
		t.Run(fmt.Sprint("on a queue: ", on), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app, b := newBus(t)
				o := app.NewChild("o")
				var opts []tether.ConnectOption
				if on {
					opts = append(opts, tether.On(tether.NewQueue(app, 1, tether.Block)))
				}
				release := make(chan struct{})
				var mu sync.Mutex
				var slow []inspect.Slow
				stop := inspect.Watch(app, time.Second, func(s inspect.Slow) {
					mu.Lock()
					defer mu.Unlock()
					if s.Kind == "handler" {
						slow = append(slow, s)
					}
				})
				bus.Named[int](b, "a").Handle(o, func(context.Context, int) error { sleepy(release); return nil }, opts...)
				go func() { _ = bus.Named[int](b, "a").Publish(bg, 1) }()
				time.Sleep(5 * time.Second)
				mu.Lock()
				require.Len(t, slow, 1)
				require.Equal(t, "app/o", slow[0].Owner)
				require.Contains(t, slow[0].Func.String(), "queue_test.go:")
				require.Contains(t, slow[0].Stack, "bus_test.sleepy")
				mu.Unlock()
				stop()
				ctx, cancel := context.WithTimeout(bg, time.Second)
				defer cancel()
				var pending *tether.PendingError
				require.ErrorAs(t, o.DestroyContext(ctx), &pending)
				require.Len(t, pending.Running, 1)
				require.Equal(t, "app/o", pending.Running[0].Owner)
				require.Contains(t, pending.Running[0].Func, "bus_test.")
				close(release)
				require.NoError(t, o.Destroy())
			})
		})
	}
}

//go:noinline
func sleepy(release chan struct{}) { <-release }

// What is published is handled or is a letter, once, whatever comes and goes meanwhile.
func TestManyAtOnce_WhatIsPublishedIsHandledOrALetter(t *testing.T) {
	app := tether.NewOwner("app")
	b := bus.New(app, "bus")
	q := tether.NewQueue(app, 4, tether.Block)
	rounds := 300
	if testing.Short() {
		rounds = 60
	}
	var mu sync.Mutex
	handled, dead := map[int]int{}, map[int]int{}
	count := func(m map[int]int, v int) { mu.Lock(); m[v]++; mu.Unlock() }
	b.Dead().Connect(app, func(l bus.Letter) { count(dead, l.Value.(int)) })
	var wg sync.WaitGroup
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
				opts := []tether.ConnectOption{tether.Priority(n % 3)}
				switch (i + n) % 3 {
				case 0:
					bus.Named[int](b, "a.b").Connect(o, func(v int) { count(handled, v) }, opts...)
				case 1:
					bus.Matching[int](b, "a.*").Connect(o, func(m bus.Message[int]) { count(handled, m.Value) }, opts...)
				case 2:
					bus.Matching[int](b, "a.>").Once(o, func(m bus.Message[int]) { count(handled, m.Value) }, opts...)
				}
				runtime.Gosched()
				_ = o.Destroy()
			}
		})
	}
	queued := bus.Named[int](b, "q")
	queued.Connect(app, func(v int) { count(handled, v) }, tether.On(q))
	const publishers = 3
	for p := range publishers {
		wg.Go(func() {
			topic := bus.Named[int](b, "a.b")
			for i := range rounds {
				v := p*rounds + i
				if err := topic.Publish(bg, v); err != nil {
					t.Error(err)
				}
				if err := queued.Publish(bg, -1-v); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	close(stop)
	churn.Wait()
	require.NoError(t, q.Flush(bg))
	for v := range publishers * rounds {
		require.True(t, handled[v] > 0 != (dead[v] > 0), "value %d: handled %d times, %d letters", v, handled[v], dead[v])
		require.LessOrEqual(t, dead[v], 1)
		require.Equal(t, 1, handled[-1-v])
	}
	require.Equal(t, 1, b.Entries(), "q")
	require.Zero(t, b.Patterns())
	require.NoError(t, app.Destroy())
	require.Zero(t, b.Entries())
}

// A context that says how deep the stack is where its values are asked for.
type depthContext struct {
	context.Context
	depth *int
}

func (c depthContext) Value(any) any {
	*c.depth = runtime.Callers(0, make([]uintptr, 1<<12))
	return nil
}

// Each call put two contexts around that of the call before. So a chain of events grew for
// ever, and each of them took longer: 40 000 a minute.
func TestOnAQueue_AHandlerThatPublishesWithItsContextHasItNotGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, b := newBus(t)
		var first, last int
		topic := bus.For[int](b)
		for i, o := range []*tether.Owner{app.NewChild("even"), app.NewChild("odd")} {
			q := tether.NewQueue(app, 1, tether.Block)
			topic.Handle(o, func(ctx context.Context, v int) error {
				switch {
				case v%2 != i:
					return nil
				case v == 10:
					first = depthOf(ctx, &last)
				case v == 1000:
					depthOf(ctx, &last)
					return nil
				}
				return topic.Publish(ctx, v+1)
			}, tether.On(q))
		}
		require.NoError(t, topic.Publish(depthContext{bg, &last}, 0))
		synctest.Wait()
		require.NotZero(t, first)
		require.Equal(t, first, last)
	})
}

func depthOf(ctx context.Context, depth *int) int {
	ctx.Value(key{})
	return *depth
}

func TestOnAFinishQueue_WhatWasAcceptedIsHandledThoughItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, b := newBus(t)
		got := letters(app, b)
		o := app.NewChild("o")
		q := tether.NewQueue(app, 10, tether.Block, tether.Finish())
		var handled []int
		topic := bus.Named[int](b, "a")
		topic.Handle(o, func(ctx context.Context, v int) error {
			time.Sleep(time.Second)
			handled = append(handled, v)
			if v == 3 {
				require.Error(t, ctx.Err(), "in the drain the owner is dead")
				require.Equal(t, 7, ctx.Value(key{}))
				return errBoom
			}
			return nil
		}, tether.On(q))
		for v := range 4 {
			require.NoError(t, topic.Publish(context.WithValue(bg, key{}, 7), v))
		}
		require.NoError(t, o.Destroy())
		require.Equal(t, []int{0, 1, 2, 3}, handled)
		require.Len(t, *got, 1)
		require.Equal(t, 3, (*got)[0].Value)
		require.Zero(t, b.Entries())
	})
}
