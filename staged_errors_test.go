package tether_test

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
	"github.com/seed-ec287111/tether/internal/testkit"
)

type key struct{}

func TestStaged_ErrorsOfAllStagesAreToldOnceEach(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		app := tether.NewOwner("app", tether.Staged())
		fails := func(o *tether.Owner) *tether.Owner {
			tether.Own(o, closeFunc(func() error { return errors.New(o.Name()) }))
			return o
		}
		fails(app)
		fails(fails(app.NewChild("old")).NewChild("leaf"))
		nested := fails(app.NewChild("nested", tether.Staged()))
		fails(nested.NewChild("inner"))
		itself := fails(app.NewChild("itself"))
		require.EqualError(t, itself.Destroy(), "itself") // on its own account
		err := app.Destroy()
		require.EqualError(t, err, "inner\nnested\nleaf\nold\napp")
		require.Equal(t, err, app.Destroy())
		require.EqualError(t, nested.Destroy(), "inner\nnested")

		tether.Own(nested, closeFunc(func() error { return errors.New("late") }))
		require.ErrorContains(t, app.Destroy(), "late")
	})
}

func TestStaged_APanicOfACleanupGoesOnWhenTheStagesAreOver(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		app := tether.NewOwner("app", tether.Staged())
		app.NewChild("old").Defer(func() { panic("old") })
		app.NewChild("young").Defer(func() { panic("young") })
		require.PanicsWithValue(t, "old", func() { _ = app.Destroy() })
		<-app.Ended()
	})
}

func TestStaged_TheContextHasNoDeadlineAndRunGivesTheStagesItsCause(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		reason := errors.New("reason")
		ctx, cancel := context.WithCancelCause(context.WithValue(context.Background(), key{}, "value"))
		timed, stop := context.WithTimeout(ctx, time.Hour)
		defer stop()
		var said trace
		err := tether.Run(timed, "app", func(app *tether.Owner) error {
			_, ok := app.Context().Deadline()
			require.False(t, ok)
			require.Equal(t, "value", app.Context().Value(key{}))
			_, ok = app.NewChild("plain").Context().Deadline()
			require.False(t, ok)
			_, ok = app.NewChild("own", tether.WithContext(timed)).Context().Deadline()
			require.True(t, ok)
			aStagedApp(app, &said)
			cancel(reason)
			<-app.Context().Done()
			require.Equal(t, reason, context.Cause(app.Context()))
			return nil
		}, tether.Staged())
		require.NoError(t, err)
		require.ElementsMatch(t, stagedEnd, said.list())
		require.Equal(t, "app cleaned, app alive: false", said.list()[len(stagedEnd)-1])
	})
}

func TestStaged_RunWithGraceCutsOffWhatTheStagesHaveNotReached(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		release := make(chan bool)
		var old, root *tether.Owner
		err := tether.Run(context.Background(), "app", func(app *tether.Owner) error {
			root, old = app, app.NewChild("old")
			app.NewChild("young").Go(func(context.Context) { <-release })
			return nil
		}, tether.Staged(), tether.WithGrace(time.Millisecond))
		require.ErrorIs(t, err, tether.ErrPending)
		require.False(t, old.Alive())
		close(release)
		waitFor(t, root)
	})
}

// A DestroyContext that had no time at all replaced the cause with which the stages had begun.
func TestStaged_ADestroyContextThatCutsOffAtOnceKeepsTheCause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		oops := errors.New("oops")
		app := tether.NewOwner("app", tether.Staged())
		older, younger := app.NewChild("older"), app.NewChild("younger")
		release := make(chan struct{})
		younger.Go(func(context.Context) { <-release })
		ctx, below := app.Context(), older.Context()
		app.GoErr(func(context.Context) error { return oops })
		synctest.Wait()
		require.True(t, older.Alive())
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		require.ErrorIs(t, app.DestroyContext(ended), tether.ErrPending)
		require.Equal(t, oops, context.Cause(ctx))
		require.Equal(t, oops, context.Cause(below))
		close(release)
		require.Equal(t, oops, app.Destroy())
	})
}

func TestStaged_BornOfAnEndedContextItIsBornEnded(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		o := tether.NewOwner("o", tether.Staged(), tether.WithContext(ctx))
		require.False(t, o.Alive())
		<-o.Ended()
	})
}

func TestStaged_GoroutinesThatWaitForEachOthersOwnersDoNotHang(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		for range 50 {
			app := tether.NewOwner("app", tether.Staged())
			other := tether.NewOwner("other")
			old, young := app.NewChild("old"), app.NewChild("young")
			begin := make(chan bool)
			for _, child := range []*tether.Owner{old, young} {
				child.Go(func(ctx context.Context) {
					<-begin
					_ = other.Destroy()
				})
			}
			for range 2 {
				other.Go(func(context.Context) {
					<-begin
					_ = app.Destroy()
				})
			}
			close(begin)
			waitFor(t, app)
			waitFor(t, other)
		}
	})
}

func TestStaged_FiredIntoCancelledAndDestroyedFromManyGoroutines(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		for range 100 {
			app := tether.NewOwner("app", tether.Staged())
			var s tether.Signal[int]
			var running, after atomic.Int32
			children := make([]*tether.Owner, 5)
			for i := range children {
				c := app.NewChild("child")
				s.Connect(c, func(int) {
					running.Add(1)
					runtime.Gosched()
					running.Add(-1)
				})
				for _, younger := range children[:i] {
					older := younger // is older than c
					c.Defer(func() {
						if !older.Alive() && app.Alive() {
							after.Add(1)
						}
					})
				}
				children[i] = c
			}
			var wg sync.WaitGroup
			for range 2 {
				wg.Go(func() {
					for range 20 {
						s.Fire(1)
					}
				})
				wg.Go(func() { _ = app.Destroy() })
			}
			wg.Go(func() { app.NewChild("another").NewChild("below") })
			wg.Wait()
			<-app.Ended()
			require.Zero(t, running.Load())
			require.Zero(t, after.Load(), "an older child ended before a younger one")
			require.Zero(t, app.Stats())
		}
	})
}

// Cancel without a cause, as by a second signal of the system, took the place of the error by which
// the stages had begun.
func TestStaged_ACancelWithoutACauseLeavesTheirs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		failed := errors.New("failed")
		app := tether.NewOwner("app", tether.Staged())
		store, web := app.NewChild("store").Context(), app.NewChild("web")
		web.Go(func(ctx context.Context) { <-ctx.Done(); time.Sleep(time.Second) })
		app.GoErr(func(context.Context) error { return failed })
		synctest.Wait()
		app.Cancel(nil)
		require.Equal(t, failed, context.Cause(app.Context()))
		require.Equal(t, failed, context.Cause(store))
		require.Equal(t, failed, app.Destroy())
	})
}
