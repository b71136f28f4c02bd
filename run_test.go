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
	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/scope"
	"github.com/seed-ec287111/tether/internal/testkit"
)

func TestRun_EndsWhatItsFunctionMade(t *testing.T) {
	boom, cause := errors.New("boom"), errors.New("cause")
	t.Run("returns f's error after the cleanups", func(t *testing.T) {
		cleaned := false
		err := tether.Run(t.Context(), "run", func(o *tether.Owner) error {
			o.Defer(func() { cleaned = true })
			o.Go(func(ctx context.Context) { <-ctx.Done() })
			require.Equal(t, 1+1, o.Stats().Goroutines, "f counts as one")
			return boom
		})
		require.Equal(t, boom, err)
		require.True(t, cleaned)
	})
	t.Run("joins what closers returned", func(t *testing.T) {
		err := tether.Run(t.Context(), "run", func(o *tether.Owner) error {
			tether.Own(o, closeFunc(func() error { return cause }))
			return boom
		})
		require.ErrorIs(t, err, boom)
		require.ErrorIs(t, err, cause)
	})
	t.Run("returns the cause given to Cancel where f returned nil", func(t *testing.T) {
		run := func(ferr, cause error) error {
			return tether.Run(t.Context(), "run", func(o *tether.Owner) error {
				o.Cancel(cause)
				return ferr
			})
		}
		require.Equal(t, cause, run(nil, cause))
		require.Equal(t, boom, run(boom, cause))
		require.NoError(t, run(nil, nil))
	})
	t.Run("the end of ctx cuts off, f's return unwinds", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cleaned := false
		err := tether.Run(ctx, "run", func(o *tether.Owner) error {
			o.Defer(func() { cleaned = true })
			cancel()
			<-o.Context().Done()
			runtime.Gosched()
			require.False(t, cleaned)
			return nil
		})
		require.NoError(t, err, "the end of ctx is no error")
		require.True(t, cleaned)
	})
	t.Run("with an ended ctx f still runs, on a dead owner", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		var log trace
		err := tether.Run(ctx, "run", func(o *tether.Owner) error {
			require.False(t, o.Alive())
			o.Defer(log.f("cleanup"))
			log.add("f")
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, "f cleanup", log.String())
	})
	t.Run("a panic goes on after the teardown", func(t *testing.T) {
		cleaned := false
		require.PanicsWithValue(t, "out", func() {
			_ = tether.Run(t.Context(), "run", func(o *tether.Owner) error {
				o.Defer(func() { cleaned = true })
				panic("out")
			})
		})
		require.True(t, cleaned)
	})
	t.Run("a supervised panic is reported and returned", func(t *testing.T) {
		var got []*tether.PanicError
		err := tether.Run(t.Context(), "run", func(o *tether.Owner) error {
			panic(boom)
		}, tether.WithPanicHandler(func(p *tether.PanicError) { got = append(got, p) }))
		require.ErrorIs(t, err, boom)
		require.Len(t, got, 1)
		require.Equal(t, "run", got[0].Owner)
	})
	t.Run("gives up after the grace time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			leave := make(chan bool)
			var owner *tether.Owner
			start := time.Now()
			err := tether.Run(t.Context(), "run", func(o *tether.Owner) error {
				owner = o
				o.Go(func(context.Context) { <-leave })
				return nil
			}, tether.WithGrace(3*time.Second))
			require.ErrorIs(t, err, tether.ErrPending)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.Equal(t, 3*time.Second, time.Since(start))
			close(leave)
			<-owner.Ended()
		})
	})
	t.Run("inside a handler it does not wait", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			o := tether.NewOwner("o")
			var s tether.Signal[int]
			leave := make(chan bool)
			s.Connect(o, func(int) {
				err := tether.Run(t.Context(), "run", func(r *tether.Owner) error {
					r.Go(func(context.Context) { <-leave })
					return nil
				})
				assert.ErrorIs(t, err, tether.ErrPending)
			})
			s.Fire(1)
			close(leave)
			require.NoError(t, o.Destroy())
		})
	})
	t.Run("f's goroutine belongs to the root", func(t *testing.T) {
		require.NoError(t, tether.Run(t.Context(), "run", func(o *tether.Owner) error {
			assert.ErrorIs(t, o.Destroy(), tether.ErrPending)
			return nil
		}))
	})
}

// The contexts of Run are two where WithContext gives another: both end the
// owner, and the values are those of the first.
func TestRun_IsBoundToBothItsContexts(t *testing.T) {
	type key struct{}
	cause := errors.New("also")
	synctest.Test(t, func(t *testing.T) {
		also, cancel := context.WithCancelCause(t.Context())
		ctx := context.WithValue(t.Context(), key{}, "of ctx")
		require.NoError(t, tether.Run(ctx, "run", func(o *tether.Owner) error {
			require.Equal(t, "of ctx", o.Context().Value(key{}))
			cancel(cause)
			<-o.Context().Done()
			require.Equal(t, cause, context.Cause(o.Context()))
			return nil
		}, tether.WithContext(also)))
	})
}

// Run bound the root to two contexts, but it remembered how to leave only one.
// The other, that of a server for example, kept every root of every request.
func TestRun_LeavesBothItsContexts(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		a, cancelA := context.WithCancel(t.Context())
		defer cancelA()
		b, cancelB := context.WithCancel(t.Context())
		defer cancelB()
		for _, order := range [][2]context.Context{{a, b}, {b, a}} {
			f, gone := captureFunc()
			err := tether.Run(order[0], "request", func(*tether.Owner) error { return nil },
				tether.WithContext(order[1]), tether.WithPanicHandler(supervisor(f)))
			require.NoError(t, err)
			testkit.Collect(t, "what Run's owner held", gone)
		}
	})
}

// The frames of a handler that has panicked are on the stack while deferred calls run.
// Run took them for a handler that it was in, and did not wait.
func TestRun_IsABarrierThoughAHandlerOfItsFunctionPanics(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
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
	})
}

func TestRun_ItsOwnerIsAmongTheRootsWhileItRuns(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		find := func() (found []scope.Root) {
			for r := range scope.Roots() {
				if r.Name == "run of a test" {
					found = append(found, r)
				}
			}
			return found
		}
		require.NoError(t, tether.Run(t.Context(), "run of a test", func(o *tether.Owner) error {
			found := find()
			require.Len(t, found, 1)
			require.Contains(t, goroutine.FuncAt(found[0].Site), "run_test.go")
			return nil
		}))
		require.Empty(t, find())
	})
}

// The panic handler was called again with its own panic, which ended there.
func TestRun_APanicOfThePanicHandlerIsNotRecovered(t *testing.T) {
	var got []any
	require.PanicsWithValue(t, "second", func() {
		_ = tether.Run(context.Background(), "app", func(*tether.Owner) error { panic("first") },
			tether.WithPanicHandler(func(p *tether.PanicError) {
				if got = append(got, p.Value); len(got) == 1 {
					panic("second")
				}
			}))
	})
	require.Equal(t, []any{"first"}, got)
}
