package tether_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

// A waitResult is what a Wait in the background has returned.
type waitResult[T any] struct {
	v   T
	err error
}

// goWait calls Wait in the background; the channel has room for the result.
func goWait[T any](ctx context.Context, src tether.Source[T]) <-chan waitResult[T] {
	done := make(chan waitResult[T], 1)
	go func() {
		v, err := tether.Wait(ctx, src)
		done <- waitResult[T]{v, err}
	}()
	return done
}

// signalDeaths are the ways in which a signal, or all its connections, can end.
var signalDeaths = []struct {
	name string
	kill func(source *tether.Owner, s *tether.Signal[int])
}{
	{"DisconnectAll", func(_ *tether.Owner, s *tether.Signal[int]) { s.DisconnectAll() }},
	{"OwnerDestroyed", func(source *tether.Owner, _ *tether.Signal[int]) { _ = source.Destroy() }},
	{"OwnerCancelled", func(source *tether.Owner, _ *tether.Signal[int]) { source.Cancel(errors.New("not this")) }},
}

// contextEnds are the ways in which a context can end.
var contextEnds = []struct {
	name string
	ctx  func(context.Context) (ctx context.Context, end func())
	want error
}{
	{"Cancelled", func(ctx context.Context) (context.Context, func()) { return context.WithCancel(ctx) }, context.Canceled},
	{"Cause", func(ctx context.Context) (context.Context, func()) {
		ctx, cancel := context.WithCancelCause(ctx)
		return ctx, func() { cancel(errEnough) }
	}, errEnough},
	{"Deadline", func(ctx context.Context) (context.Context, func()) {
		ctx, cancel := context.WithTimeout(ctx, time.Hour)
		return ctx, func() {
			<-ctx.Done()
			cancel()
		}
	}, context.DeadlineExceeded},
	{"Owner", func(context.Context) (context.Context, func()) {
		o := tether.NewOwner("owner")
		return o.Context(), func() { _ = o.Destroy() }
	}, tether.ErrDestroyed},
}

var errEnough = errors.New("enough")

func TestWait_ReturnsTheNextValueOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s tether.Signal[int]
		s.Fire(1)
		done := goWait(t.Context(), &s)
		synctest.Wait()
		assert.Empty(t, done, "Wait returned without a value")
		s.Fire(2)
		s.Fire(3)
		assert.Equal(t, waitResult[int]{2, nil}, <-done)
		done = goWait(t.Context(), &s)
		synctest.Wait()
		assert.Empty(t, done, "Wait returned an old value")
		s.Fire(4)
		assert.Equal(t, waitResult[int]{4, nil}, <-done)
	})
}

func TestWait_AllGetTheNextValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s tether.Signal[int]
		var done [5]<-chan waitResult[int]
		for i := range done {
			done[i] = goWait(t.Context(), &s)
		}
		synctest.Wait()
		assert.Equal(t, len(done), s.Len())
		s.Fire(1)
		for i := range done {
			assert.Equal(t, waitResult[int]{1, nil}, <-done[i], "Wait number %d", i)
		}
		assert.Zero(t, s.Len())
	})
}

func TestWait_ReturnsTheCauseWhenItsContextEnds(t *testing.T) {
	for _, test := range contextEnds {
		testkit.Bubble(t, test.name, func(t *testing.T) {
			var s tether.Signal[int]
			ctx, end := test.ctx(t.Context())
			done := goWait(ctx, &s)
			synctest.Wait()
			assert.Empty(t, done, "Wait returned early")
			assert.Equal(t, 1, s.Len())
			end()
			synctest.Wait()
			assert.Zero(t, s.Len(), "the connection has ended")
			assert.Equal(t, waitResult[int]{0, test.want}, <-done)

			_, err := tether.Wait(ctx, &s)
			assert.Equal(t, test.want, err, "with a context that has ended before")
			assert.Zero(t, s.Len())
		})
	}
}

func TestWait_ReturnsErrDestroyedWhenTheSignalDies(t *testing.T) {
	for _, death := range signalDeaths {
		testkit.Bubble(t, death.name, func(t *testing.T) {
			source := tether.NewOwner("source")
			defer source.Destroy()
			s := tether.NewSignal[int](source)
			done := goWait(t.Context(), s)
			synctest.Wait()
			assert.Empty(t, done, "Wait returned early")
			death.kill(source, s)
			assert.Equal(t, waitResult[int]{0, tether.ErrDestroyed}, <-done)
			assert.Zero(t, s.Len())
			if !source.Alive() {
				_, err := tether.Wait(t.Context(), s)
				assert.Equal(t, tether.ErrDestroyed, err, "of a signal that is closed")
			}
		})
	}
}

// A value and an end that have both come when Wait looks: the value was first.
func TestWait_ReturnsAValueThatCameBeforeTheEnd(t *testing.T) {
	type world struct {
		source *tether.Owner
		s      *tether.Signal[int]
		end    func()
	}
	ends := map[string]func(w world){"Context": func(w world) { w.end() }}
	for _, death := range signalDeaths {
		ends[death.name] = func(w world) { death.kill(w.source, w.s) }
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			for range 50 {
				ctx, cancel := context.WithCancel(t.Context())
				w := world{source: tether.NewOwner("source"), end: cancel}
				w.s = tether.NewSignal[int](w.source)
				v, err := tether.Wait(ctx, hooked[int]{w.s, func() {
					w.s.Fire(7)
					w.s.Fire(8)
					end(w)
				}})
				cancel()
				require.NoError(t, w.source.Destroy())
				require.NoError(t, err)
				require.Equal(t, 7, v)
			}
		})
	}
}

func TestWait_LeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		source := tether.NewOwner("source")
		defer source.Destroy()
		s := tether.NewSignal[int](source)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for i := range 3 {
			done := goWait(ctx, s)
			synctest.Wait()
			assertGoroutines(t, 1, "while Wait waits, which starts none")
			assert.Equal(t, 1, s.Len())
			switch i {
			case 0:
				s.Fire(1)
			case 1:
				s.DisconnectAll()
			case 2:
				cancel()
			}
			<-done
			synctest.Wait()
			assertGoroutines(t, 0, fmt.Sprint("after Wait number ", i))
			assert.Zero(t, s.Len())
		}
	})
}

func TestWait_MayBeCalledInsideAHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		var ask, answer tether.Signal[int]
		var got waitResult[int]
		ask.Connect(app, func(int) {
			got.v, got.err = tether.Wait(t.Context(), &answer)
		})
		asked := background(func() { ask.Fire(1) })
		synctest.Wait()
		require.False(t, asked())
		answer.Fire(42)
		synctest.Wait()
		assert.True(t, asked())
		assert.Equal(t, waitResult[int]{42, nil}, got)
		assert.Zero(t, answer.Len())
	})
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
	testkit.InAndOut(t, func(t *testing.T) {
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
		before := testkit.Heap()
		few := runtime.NumGoroutine() + 50
		for range 5000 {
			wait()
			for runtime.NumGoroutine() > few { // contexts start some, whose descriptors the runtime keeps
				runtime.Gosched()
			}
		}
		require.Less(t, testkit.Heap()-before, int64(5000*64), "bytes that 5000 waits have left")
		require.True(t, src.conn.Connected())
	})
}

// Each goroutine destroys the owner of the next one, all at once. At least one must not
// wait, or none ever returns; and one is enough.
func TestWait_GoroutinesOfARingOfOwnersDoNotDeadlock(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
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
	})
}

func TestWaitAndValues_FireSynchronizesBeforeTheyGetTheValue(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		var s tether.Signal[*int]
		for range 100 {
			waiting, looping := goWait(t.Context(), &s), make(chan int)
			go func() {
				for v := range tether.Values(t.Context(), &s, 1, tether.DropNewest) {
					looping <- *v // plain: without the guarantee a race
					break
				}
			}()
			for s.Len() < 2 {
				runtime.Gosched()
			}
			v := new(int)
			*v = 1
			s.Fire(v)
			r := <-waiting
			require.NoError(t, r.err)
			require.Equal(t, 1, *r.v)
			require.Equal(t, 1, <-looping)
			for s.Len() > 0 {
				runtime.Gosched()
			}
		}
	})
}

// A registrar is a context that never ends and counts what is registered for
// its end, as a context that lives long would have to keep it.
type registrar struct {
	context.Context
	done chan struct{}
	left atomic.Int32
}

func (r *registrar) Done() <-chan struct{} { return r.done }

func (r *registrar) AfterFunc(func()) (stop func() bool) {
	r.left.Add(1)
	return sync.OnceValue(func() bool {
		r.left.Add(-1)
		return true
	})
}

func TestWaitAndValues_LeaveNothingInTheirContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx := &registrar{Context: t.Context(), done: make(chan struct{})}
		var s tether.Signal[int]
		done := goWait(ctx, &s)
		_, over := goValues(ctx, &s, 1, tether.Block, func(int) bool { return false })
		synctest.Wait()
		s.Fire(1)
		synctest.Wait()
		require.True(t, over())
		assert.Equal(t, waitResult[int]{1, nil}, <-done)
		assert.Zero(t, ctx.left.Load(), "functions registered for the context's end")
	})
}
