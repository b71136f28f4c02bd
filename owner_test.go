package tether_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

// A closer is an io.Closer that logs and fails with err.
type closer struct {
	name string
	log  *trace
	err  error
}

func (c *closer) Close() error {
	c.log.add("%s", c.name)
	return c.err
}

type closeFunc func() error

func (f closeFunc) Close() error { return f() }

// ended reports whether o's teardown is complete.
func ended(o *tether.Owner) bool {
	select {
	case <-o.Ended():
		return true
	default:
		return false
	}
}

// settled returns o's stats when nothing runs in it any more.
func settled(o *tether.Owner) tether.Stats {
	for range 10_000 {
		if s := o.Stats(); s.Goroutines+s.Timers == 0 {
			break
		}
		time.Sleep(time.Millisecond) // on a busy machine it may take some
	}
	return o.Stats()
}

// waitFor waits until o has ended, for at most a long time.
func waitFor(t *testing.T, o *tether.Owner) {
	t.Helper()
	select {
	case <-o.Ended():
	case <-time.After(time.Minute):
		require.FailNow(t, "it did not end")
	}
}

// endsInTime is Destroy of o on a goroutine of its own, in a bubble.
func endsInTime(t *testing.T, o *tether.Owner) {
	t.Helper()
	ended := make(chan error, 1)
	go func() { ended <- o.Destroy() }()
	select {
	case err := <-ended:
		require.NoError(t, err)
	case <-time.After(time.Hour):
		require.FailNow(t, "Destroy hangs")
	}
}

func TestOwner_UnwindsChildrenAndCleanupsNewestFirst(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		var log trace
		o := tether.NewOwner("o")
		o.Defer(log.f("1"))
		a := o.NewChild("a")
		o.Defer(log.f("2"))
		a.Defer(log.f("a1"))
		aa := a.NewChild("aa")
		a.Defer(log.f("a2"))
		aa.Defer(log.f("aa1"))
		tether.Own(o, &closer{"3", &log, nil})
		b := o.NewChild("b")
		b.Defer(log.f("b1"))
		require.NoError(t, o.Destroy())
		require.Equal(t, "b1 3 2 a2 aa1 a1 1", log.String())
		for _, o := range []*tether.Owner{o, a, aa, b} {
			require.True(t, ended(o), o.Path())
			require.False(t, o.Alive(), o.Path())
		}
		require.Equal(t, tether.Stats{}, o.Stats())
	})
}

func TestOwner_ADestroyedChildIsForgottenByItsParent(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		defer o.Destroy()
		first, second, third := o.NewChild("1"), o.NewChild("2"), o.NewChild("3")
		for i, c := range []*tether.Owner{second, first, third} {
			require.NoError(t, c.Destroy())
			require.Equal(t, 3-i, o.Stats().Owners)
			require.True(t, o.Alive())
		}
	})
}

func TestOwner_PathsNamesAndParents(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		ann := app.NewChild("lobby").NewChild("ann")
		require.Equal(t, "app/lobby/ann", ann.Path())
		require.Equal(t, "app/lobby/ann", fmt.Sprint(ann))
		require.Equal(t, "ann", ann.Name())
		require.Equal(t, "lobby", ann.Parent().Name())
		require.Same(t, app, ann.Parent().Parent())
		require.Nil(t, app.Parent())
	})
}

func TestOwner_StatsCountTheSubtree(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		var s tether.Signal[int]
		o := tether.NewOwner("o")
		c := o.NewChild("c")
		s.Connect(o, func(int) {})
		s.Connect(c, func(int) {})
		o.Go(func(ctx context.Context) { <-ctx.Done() })
		c.AfterFunc(time.Hour, func() {})
		c.Defer(func() {})
		tether.Own(o, io.NopCloser(nil))
		c.Interrupt(func() {})
		require.Equal(t, tether.Stats{Owners: 2, Connections: 2, Goroutines: 1, Timers: 1, Cleanups: 2}, o.Stats())
		require.Equal(t, tether.Stats{Owners: 1, Connections: 1, Timers: 1, Cleanups: 1}, c.Stats())
		require.NoError(t, o.Destroy())
		require.Equal(t, tether.Stats{}, o.Stats())
	})
}

func TestOwner_ADeadOneStartsNothingAndLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log trace
		var s tether.Signal[int]
		o := tether.NewOwner("o")
		hold := make(chan bool)
		o.Go(func(context.Context) { <-hold })
		done := make(chan error)
		go func() { done <- o.Destroy() }()
		synctest.Wait()
		try := func(phase string) {
			require.False(t, s.Connect(o, func(int) { t.Error("called") }).Connected())
			require.False(t, s.Once(o, func(int) { t.Error("called") }).Connected())
			require.False(t, s.ConnectSelf(o, func(*tether.Connection, int) { t.Error("called") }).Connected())
			require.False(t, o.Go(func(context.Context) { t.Error("started") }))
			require.False(t, o.AfterFunc(0, func() { t.Error("started") })())
			sig := tether.NewSignal[int](o)
			require.False(t, sig.Connect(tether.NewOwner("x", tether.WithContext(t.Context())), func(int) {}).Connected())
			sig.Fire(1)
			c := o.NewChild("child")
			require.False(t, c.Alive())
			c.Defer(log.f("child of " + phase))
			o.Defer(log.f("cleanup of " + phase))
			o.Interrupt(log.f("interrupt of " + phase))
			tether.Own(o, &closer{"closer of " + phase, &log, nil})
			s.Fire(1)
		}
		try("cut")
		require.Equal(t, "interrupt of cut", log.String())
		o.Defer(func() { try("unwinding") })
		close(hold)
		require.NoError(t, <-done)
		try("ended")
		require.Equal(t, "interrupt of cut"+
			" child of unwinding cleanup of unwinding interrupt of unwinding closer of unwinding"+
			" closer of cut cleanup of cut child of cut"+
			" child of ended cleanup of ended interrupt of ended closer of ended", log.String())
		require.True(t, ended(o.NewChild("born ended")))
	})
}

// The cut-off went from the top down: who saw the root dead could still find an
// owner below it alive, connect to it, start goroutines in it.
func TestOwner_WhoSeesOneDeadFindsAllBelowItDead(t *testing.T) {
	testkit.Procs(t, 2)
	for round := range 10 {
		root := tether.NewOwner("root")
		first := root.NewChild("first") // the last in the line
		for range 1000 {
			root.NewChild("child")
		}
		var s tether.Signal[int]
		s.Connect(first, func(int) { t.Error("a handler was called after the cut-off") })
		begun, seen := make(chan bool), make(chan bool)
		go func() {
			close(begun)
			for root.Alive() {
				runtime.Gosched()
			}
			alive := first.Alive()
			started := first.Go(func(context.Context) {})
			s.Fire(1)
			seen <- alive || started
		}()
		<-begun
		require.NoError(t, root.Destroy())
		require.False(t, <-seen, "round %d: the first child was alive when the root was dead", round)
	}
}

func TestOwner_ConnectRacingDestroyLeavesNothingConnected(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		for range 300 {
			o := tether.NewOwner("o")
			var s tether.Signal[int]
			late := false
			var wg sync.WaitGroup
			for range 2 {
				wg.Go(func() {
					for range 20 {
						s.Connect(o, func(int) { _ = late })
						o.NewChild("c").Defer(func() { _ = late })
						o.Go(func(context.Context) { _ = late })
					}
				})
			}
			wg.Go(func() { s.Fire(1) })
			require.NoError(t, o.Destroy())
			wg.Wait()
			require.NoError(t, o.Destroy())
			late = true
			require.Zero(t, s.Len())
			require.Equal(t, tether.Stats{}, o.Stats())
		}
	})
}

func TestOwner_AHundredThousandThreeDeepGoWithOneCall(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		root := tether.NewOwner("root")
		var s tether.Signal[int]
		var cleanups int
		n := 100
		if testkit.Race {
			n = 20
		}
		for range n {
			a := root.NewChild("a")
			for range n {
				b := a.NewChild("b")
				for range 10 {
					c := b.NewChild("c")
					s.Connect(c, func(int) {})
					c.Defer(func() { cleanups++ })
				}
			}
		}
		require.NoError(t, root.Destroy())
		require.Equal(t, n*n*10, cleanups)
		require.Zero(t, s.Len())
	})
}

func TestContext_EndsWithTheOwnerAndWithWhatItIsBoundTo(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		type key struct{}
		base, cancel := context.WithCancelCause(context.WithValue(context.Background(), key{}, "v"))
		o := tether.NewOwner("o", tether.WithContext(base))
		c := o.NewChild("c")
		d := o.NewChild("d", tether.WithContext(context.WithValue(context.Background(), key{}, "own")))
		require.Equal(t, "v", o.Context().Value(key{}))
		require.Equal(t, "v", c.Context().Value(key{}))
		require.Equal(t, "own", d.Context().Value(key{}))
		require.True(t, c.Context() == c.Context(), "made once")
		lone := o.NewChild("lone")
		require.NoError(t, lone.Context().Err())
		require.NoError(t, lone.Destroy())
		require.Equal(t, tether.ErrDestroyed, context.Cause(lone.Context()))
		cause := errors.New("closing")
		cancel(cause)
		for _, o := range []*tether.Owner{o, c, d} {
			<-o.Ended()
			require.Equal(t, cause, context.Cause(o.Context()), o.Path())
			require.Error(t, o.Context().Err())
		}
		dead := tether.NewOwner("dead", tether.WithContext(base))
		require.True(t, ended(dead))
		require.Equal(t, cause, context.Cause(dead.Context()), "made after the cut-off")
		parent := tether.NewOwner("parent")
		require.True(t, ended(parent.NewChild("born ended", tether.WithContext(base))))
		require.Equal(t, 1, parent.Stats().Owners)
		require.NoError(t, parent.Destroy())
	})
}

func TestContext_UnderADestroyedOwnerIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		o := tether.NewOwner("o", tether.WithContext(ctx))
		require.NoError(t, o.Destroy())
		cancel()
		synctest.Wait()
		require.Equal(t, tether.ErrDestroyed, context.Cause(o.NewChild("c").Context()))
	})
}

func TestAfterFunc_CallsInTimeUnlessStoppedOrDestroyed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		var log trace
		o.AfterFunc(2*time.Second, log.f("2"))
		o.AfterFunc(time.Second, log.f("1"))
		stop := o.AfterFunc(time.Second, log.f("stopped"))
		require.True(t, stop())
		require.False(t, stop())
		o.AfterFunc(time.Hour, log.f("never"))
		time.Sleep(time.Minute)
		require.Equal(t, "1 2", log.String())
		require.Equal(t, 1, o.Stats().Timers)
		require.NoError(t, o.Destroy())
		time.Sleep(2 * time.Hour)
		require.Equal(t, "1 2", log.String())
	})
}

func TestAfterFunc_ATimerOnItsWayAtTheCutOffIsWaitedForAndDoesNothing(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		for range 2000 {
			o := tether.NewOwner("o")
			destroyed := false // written after Destroy without a lock: the race detector watches
			for range 3 {
				o.AfterFunc(0, func() {
					if destroyed {
						t.Error("ran after Destroy")
					}
				})
			}
			require.NoError(t, o.Destroy())
			destroyed = true
		}
	})
}

// A child may be bound to a context of an owner above, as a goroutine of that one has it. That
// context ends in the cut-off of both. The child was then torn down on its own account: before
// its turn, and without a word of its errors.
func TestWithContext_ACutOffThatEndsTheContextOfAChildEndsItInItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log trace
		failed := errors.New("failed")
		app := tether.NewOwner("app")
		app.Go(func(ctx context.Context) {
			tether.Own(app.NewChild("child", tether.WithContext(ctx)), &closer{"child", &log, failed})
			app.NewChild("newer").Defer(func() { log.add("newer") })
			<-ctx.Done()
			time.Sleep(time.Second)
			log.add("drained")
		})
		synctest.Wait()
		require.Equal(t, failed, app.Destroy())
		require.Equal(t, "drained newer child", log.String())
	})
}
