package tethernats_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/tethernats"
)

var (
	// long is an AckWait that no test lives to see: what is delivered again was given back.
	long = tethernats.AckWait(time.Hour)
	ways = map[string][]tethernats.ConsumeOption{
		"in order":       {long},
		"one at a time":  {long, tethernats.Concurrency(1)},
		"four at a time": {long, tethernats.Concurrency(4), tethernats.Ahead(20)},
	}
)

func TestDestroy_WaitsForTheHandlerAndItsAcknowledgementAndGivesTheRestBack(t *testing.T) {
	for name, opts := range ways {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			const all, first = 60, 5
			s.stream("ORDERS", "orders", all)
			var mu sync.Mutex
			handled := map[int]int{}
			handle := func(id int) {
				mu.Lock()
				defer mu.Unlock()
				handled[id]++
			}
			reached, release := make(chan struct{}), make(chan struct{})
			one := s.app.NewChild("one")
			require.NoError(t, tethernats.Consume(one, s.c, "ORDERS", "stock", func(_ context.Context, m tethernats.Msg[order]) error {
				if m.Value.ID == first {
					close(reached)
					<-release
				}
				handle(m.Value.ID)
				return nil
			}, opts...))
			next(t, reached)
			ended := make(chan error)
			go func() { ended <- one.Destroy() }()
			for one.Alive() {
				runtime.Gosched()
			}
			select {
			case <-ended:
				require.FailNow(t, "Destroy did not wait for the handler")
			case <-time.After(20 * time.Millisecond): // it could not fail by being slow
			}
			close(release)
			require.NoError(t, next(t, ended))
			mu.Lock()
			before := len(handled)
			assert.Equal(t, 1, handled[first], "the handler that ran has finished")
			mu.Unlock()

			rest := make(chan tethernats.Msg[order], all)
			two := s.app.NewChild("two")
			require.NoError(t, tethernats.Consume(two, s.c, "ORDERS", "stock", func(_ context.Context, m tethernats.Msg[order]) error {
				handle(m.Value.ID)
				rest <- m
				return nil
			}, opts...))
			for range all - before { // AckWait is an hour: they come as they were given back
				m := next(t, rest)
				assert.NotEqual(t, first, m.Value.ID, "its acknowledgement was accepted")
			}
			require.NoError(t, two.Destroy())
			pending, unacknowledged, floor := s.books("ORDERS", "stock")
			assert.Zero(t, pending)
			assert.Zero(t, unacknowledged)
			assert.EqualValues(t, all, floor)
			assert.Len(t, handled, all)
			for id, n := range handled {
				assert.Equal(t, 1, n, "times that %d was handled", id)
			}
			s.quiet()
		})
	}
}

// Owners come and go at any moment, several at a time, and all of them are ended by Destroy.
// Then nothing is lost, and nothing is handled twice. Each owner's handler writes a variable
// without a lock, and so does the test when Destroy has returned, for the race detector.
func TestDestroy_AtAnyMomentLosesNothingAndRepeatsNothing(t *testing.T) {
	for name, opts := range ways {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			all := 1500
			if name == "in order" {
				all = 600
			}
			seed := rand.Uint64()
			t.Logf("seed %d", seed)
			s.stream("ORDERS", "orders", all)
			var mu sync.Mutex
			handled, total := map[int]int{}, 0
			var consumers sync.WaitGroup
			for n := range 2 {
				random := rand.New(rand.NewPCG(seed, uint64(n)))
				consumers.Go(func() {
					for round := 0; ; round++ {
						mu.Lock()
						over := total >= all
						mu.Unlock()
						if over {
							return
						}
						o := s.app.NewChild(fmt.Sprintf("%d in round %d", n, round))
						calls, serial := 0, name != "four at a time"
						some := make(chan struct{}, all)
						err := tethernats.Consume(o, s.c, "ORDERS", "stock", func(_ context.Context, m tethernats.Msg[order]) error {
							if serial {
								calls++
							}
							mu.Lock()
							handled[m.Value.ID]++
							total++
							mu.Unlock()
							some <- struct{}{}
							return nil
						}, opts...)
						if !assert.NoError(t, err) {
							return
						}
						for range random.IntN(100) {
							select {
							case <-some:
							case <-time.After(time.Duration(random.IntN(3000)) * time.Microsecond):
							}
						}
						assert.NoError(t, o.Destroy())
						calls = -1
						_ = calls
					}
				})
			}
			consumers.Wait()
			assert.Len(t, handled, all)
			for id, n := range handled {
				assert.Equal(t, 1, n, "times that %d was handled", id)
			}
			pending, unacknowledged, _ := s.books("ORDERS", "stock")
			assert.Zero(t, pending)
			assert.Zero(t, unacknowledged)
			s.quiet()
		})
	}
}

func TestDestroy_GivesBackAtOnceWhatHasFailedAsTheContextHasEnded(t *testing.T) {
	s := open(t)
	s.stream("ORDERS", "orders", 1)
	begun := make(chan struct{})
	one := s.app.NewChild("one")
	require.NoError(t, tethernats.Consume(one, s.c, "ORDERS", "stock", func(ctx context.Context, _ tethernats.Msg[order]) error {
		close(begun)
		<-ctx.Done()
		return context.Cause(ctx)
	}, long, tethernats.Backoff(time.Hour)))
	next(t, begun)
	require.NoError(t, one.Destroy())
	again := make(chan int, 1)
	require.NoError(t, tethernats.Consume(s.app, s.c, "ORDERS", "stock", func(_ context.Context, m tethernats.Msg[order]) error {
		again <- m.Delivered
		return nil
	}, long))
	assert.GreaterOrEqual(t, next(t, again), 2)
	s.quiet()
}

func TestDestroy_InsideTheHandlerEndsItsConsumerAfterwards(t *testing.T) {
	s := open(t)
	s.stream("ORDERS", "orders", 3)
	o := s.app.NewChild("consumer")
	handled := make(chan error, 3)
	require.NoError(t, tethernats.Consume(o, s.c, "ORDERS", "stock", func(context.Context, tethernats.Msg[order]) error {
		handled <- o.Destroy()
		return nil
	}, long))
	require.ErrorIs(t, next(t, handled), tether.ErrPending)
	next(t, o.Ended())
	assert.Empty(t, handled)
	_, unacknowledged, floor := s.books("ORDERS", "stock")
	assert.EqualValues(t, 1, floor, "the handler has returned nil")
	assert.LessOrEqual(t, unacknowledged, 1, "but the next, which was given back")
	s.quiet()
}

func namedHandler(begun, release chan struct{}) func(context.Context, tethernats.Msg[order]) error {
	return func(context.Context, tethernats.Msg[order]) error {
		close(begun)
		<-release
		return nil
	}
}

func TestDestroyContext_NamesTheHandlerThatItWaitsFor(t *testing.T) {
	s := open(t)
	s.stream("ORDERS", "orders", 1)
	begun, release := make(chan struct{}), make(chan struct{})
	o := s.app.NewChild("consumer")
	require.NoError(t, tethernats.Consume(o, s.c, "ORDERS", "stock", namedHandler(begun, release)))
	next(t, begun)
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	err := o.DestroyContext(ctx)
	var pending *tether.PendingError
	require.ErrorAs(t, err, &pending)
	found := false
	for _, r := range pending.Running {
		found = found || r.Kind == "handler" && strings.Contains(r.Func, "namedHandler")
	}
	assert.True(t, found, "%v", err)
	close(release)
	require.NoError(t, o.Destroy())
}

func TestDestroy_EndsThoughTheServerHasGone(t *testing.T) {
	for name, opts := range ways {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			s.stream("ORDERS", "orders", 20)
			begun, release := make(chan struct{}), make(chan struct{})
			o := s.app.NewChild("consumer")
			var once sync.Once
			require.NoError(t, tethernats.Consume(o, s.c, "ORDERS", "stock", func(context.Context, tethernats.Msg[order]) error {
				once.Do(func() { close(begun) })
				<-release
				return nil
			}, opts...))
			next(t, begun)
			s.srv.Shutdown()
			s.srv.WaitForShutdown()
			close(release)
			ended := make(chan error)
			go func() { ended <- o.Destroy() }()
			require.NoError(t, next(t, ended))
			s.errs.wait(t, func(err error) bool { return errors.Is(err, tethernats.ErrUnconfirmed) })
		})
	}
}

func TestDestroy_OfASubscriptionIsABarrier(t *testing.T) {
	s := open(t)
	for range 50 {
		o := s.app.NewChild("subscriber")
		src, err := tethernats.Subscribe[order](o, s.c, "orders")
		require.NoError(t, err)
		calls, some := 0, make(chan struct{}, 1)
		src.Connect(o, func(tethernats.Msg[order]) {
			calls++ // the race detector looks at it
			select {
			case some <- struct{}{}:
			default:
			}
		})
		stop := make(chan struct{})
		var publisher sync.WaitGroup
		publisher.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					assert.NoError(t, tethernats.Send(s.ctx, s.c, "orders", order{ID: 1}))
					runtime.Gosched()
				}
			}
		})
		next(t, some)
		require.NoError(t, o.Destroy())
		calls = 0
		close(stop)
		publisher.Wait()
		assert.Zero(t, calls)
	}
	s.quiet()
}

func TestDrain_HandlesWhatHasArrived(t *testing.T) {
	s := open(t)
	const all, stored = 200, 30
	s.stream("ORDERS", "stored", stored)
	begun, release := make(chan struct{}, 2), make(chan struct{})
	fired := 0
	src, err := tethernats.Subscribe[order](s.app, s.c, "orders")
	require.NoError(t, err)
	src.Connect(s.app, func(tethernats.Msg[order]) {
		if fired++; fired == 1 {
			begun <- struct{}{}
		}
		<-release
	})
	consumed := map[int]int{}
	require.NoError(t, tethernats.Consume(s.app, s.c, "ORDERS", "stock", func(_ context.Context, m tethernats.Msg[order]) error {
		if consumed[m.Value.ID]++; len(consumed) == 1 {
			begun <- struct{}{}
		}
		<-release
		return nil
	}, long, tethernats.Concurrency(1)))
	for range all {
		require.NoError(t, tethernats.Send(s.ctx, s.c, "orders", order{ID: 1}))
	}
	next(t, begun)
	next(t, begun)
	drained := make(chan error)
	go func() { drained <- s.c.Drain(s.ctx) }()
	select {
	case <-drained:
		require.FailNow(t, "Drain did not wait")
	case <-time.After(20 * time.Millisecond): // it could not fail by being slow
	}
	close(release)
	require.NoError(t, next(t, drained))
	assert.Equal(t, all, fired)
	assert.NotEmpty(t, consumed)
	stats := s.c.Stats()
	assert.Zero(t, stats.Dropped)
	assert.Zero(t, stats.Returned, "it was handled")

	_, err = tethernats.Subscribe[order](s.app, s.c, "orders")
	require.ErrorIs(t, err, tethernats.ErrDraining)
	require.NoError(t, tethernats.Send(s.ctx, s.c, "orders", order{ID: 1}), "publishing goes on")
	require.NoError(t, s.c.Drain(s.ctx), "a second time")

	other, err := tethernats.Connect(s.app, "", tethernats.Options(nats.InProcessServer(s.srv)))
	require.NoError(t, err)
	left := stored - len(consumed)
	rest := make(chan int, stored)
	require.NoError(t, tethernats.Consume(s.app, other, "ORDERS", "stock", func(_ context.Context, m tethernats.Msg[order]) error {
		rest <- m.Value.ID
		return nil
	}, long))
	for range left {
		consumed[next(t, rest)]++
	}
	assert.Len(t, consumed, stored)
	for id, n := range consumed {
		assert.Equal(t, 1, n, "times that %d was handled", id)
	}
	s.quiet()
}

func TestDestroy_CountsWhatASubscriptionDrops(t *testing.T) {
	s := open(t)
	begun := make(chan struct{})
	release := make(chan struct{})
	o := s.app.NewChild("subscriber")
	src, err := tethernats.Subscribe[order](o, s.c, "orders")
	require.NoError(t, err)
	var once sync.Once
	src.Connect(o, func(tethernats.Msg[order]) {
		once.Do(func() { close(begun) })
		<-release
	})
	for range 10 {
		require.NoError(t, tethernats.Send(s.ctx, s.c, "orders", order{ID: 1}))
	}
	require.NoError(t, s.c.NATS().Flush())
	next(t, begun)
	go func() {
		for o.Alive() {
			runtime.Gosched()
		}
		close(release)
	}()
	require.NoError(t, o.Destroy())
	stats := s.c.Stats()
	assert.EqualValues(t, 10, stats.Received+stats.Dropped)
	assert.EqualValues(t, 1, stats.Received)
}

func TestDrain_InsideAHandlerDoesNotWait(t *testing.T) {
	s := open(t)
	s.stream("ORDERS", "orders", 1)
	drained := make(chan error, 1)
	require.NoError(t, tethernats.Consume(s.app, s.c, "ORDERS", "stock", func(context.Context, tethernats.Msg[order]) error {
		drained <- s.c.Drain(s.ctx)
		return nil
	}))
	require.ErrorIs(t, next(t, drained), tether.ErrPending)
	require.NoError(t, s.c.Drain(s.ctx))
}

func TestDestroy_OfTheWholeProgramAtOnceSendsWhatItsHandlersSend(t *testing.T) {
	s := open(t)
	s.stream("ORDERS", "orders", 1)
	s.stream("DONE", "done", 0)
	program := s.app.NewChild("program")
	other, err := tethernats.Connect(program, "", tethernats.Options(nats.InProcessServer(s.srv)))
	require.NoError(t, err)
	begun := make(chan struct{})
	require.NoError(t, tethernats.Consume(program, other, "ORDERS", "stock", func(ctx context.Context, m tethernats.Msg[order]) error {
		close(begun)
		<-ctx.Done()
		return tethernats.Send(context.WithoutCancel(ctx), other, "done", m.Value, tethernats.Stored())
	}))
	next(t, begun)
	require.NoError(t, program.Destroy())
	stream, err := s.c.JetStream().Stream(s.ctx, "DONE")
	require.NoError(t, err)
	assert.EqualValues(t, 1, stream.CachedInfo().State.Msgs)
	_, unacknowledged, floor := s.books("ORDERS", "stock")
	assert.Zero(t, unacknowledged)
	assert.EqualValues(t, 1, floor)
}

// What waits behind a handler that takes long does not wait for it: another has it before the
// handler returns.
func TestDestroy_GivesTheRestBackWhileTheHandlerRuns(t *testing.T) {
	s := open(t)
	const all = 60
	s.stream("ORDERS", "orders", all)
	begun, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	one := s.app.NewChild("one")
	require.NoError(t, tethernats.Consume(one, s.c, "ORDERS", "stock", func(context.Context, tethernats.Msg[order]) error {
		once.Do(func() { close(begun) })
		<-release
		return nil
	}, long, tethernats.Concurrency(1)))
	next(t, begun)
	ended := make(chan error)
	go func() { ended <- one.Destroy() }()
	for one.Alive() {
		runtime.Gosched()
	}
	rest := make(chan int, all)
	require.NoError(t, tethernats.Consume(s.app, s.c, "ORDERS", "stock", func(_ context.Context, m tethernats.Msg[order]) error {
		rest <- m.Value.ID
		return nil
	}, long, tethernats.Concurrency(1)))
	for range all - 1 {
		assert.NotEqual(t, 1, next(t, rest))
	}
	close(release)
	require.NoError(t, next(t, ended))
	_, unacknowledged, floor := s.books("ORDERS", "stock")
	assert.LessOrEqual(t, unacknowledged, 1, "the acknowledgement of the last may be on its way")
	assert.GreaterOrEqual(t, floor, uint64(1))
	s.quiet()
}
