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

func TestCloseInTurn_ASignalMayBeFiredUntilItsTurn(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		hub, outside := tether.NewOwner("hub"), tether.NewOwner("outside")
		var said trace
		var s *tether.Signal[string]
		hub.Defer(func() {
			s.Fire("too late")
			require.False(t, s.Connect(outside, func(string) {}).Connected())
			require.Zero(t, s.Len())
		})
		s = tether.NewSignal[string](hub, tether.CloseInTurn())
		hub.Defer(func() { s.Fire("cleanup") })
		hub.Go(func(ctx context.Context) {
			<-ctx.Done()
			s.Fire("goroutine")
		})
		s.Connect(outside, func(v string) { said.add("%s", v) })
		s.Connect(hub, func(v string) { said.add("own: %s", v) })
		s.Fire("alive")
		require.NoError(t, hub.Destroy())
		require.Equal(t, []string{"alive", "own: alive", "goroutine", "cleanup"}, said.list())
		require.Zero(t, outside.Stats().Connections)
		require.NoError(t, outside.Destroy())
	})
}

func TestCloseInTurn_ActiveLivesUntilTheSignalsTurnHoweverTheEndBegins(t *testing.T) {
	for name, end := range map[string]func(root, hub, outside *tether.Owner){
		"Destroy":        func(_, hub, _ *tether.Owner) { _ = hub.Destroy() },
		"ancestor":       func(root, _, _ *tether.Owner) { _ = root.Destroy() },
		"Cancel":         func(_, hub, _ *tether.Owner) { hub.Cancel(nil) },
		"DestroyContext": func(_, hub, _ *tether.Owner) { _ = hub.DestroyContext(context.Background()) },
		"its handler": func(_, hub, _ *tether.Owner) {
			var q tether.Signal[int]
			q.Connect(hub, func(int) { require.ErrorIs(t, hub.Destroy(), tether.ErrPending) })
			q.Fire(1)
		},
		"another handler": func(_, hub, outside *tether.Owner) {
			var q tether.Signal[int]
			q.Connect(outside, func(int) { _ = hub.Destroy() })
			q.Fire(1)
		},
		"another cleanup": func(_, hub, outside *tether.Owner) {
			o := outside.NewChild("o")
			o.Defer(func() { _ = hub.Destroy() })
			_ = o.Destroy()
		},
		"a goroutine of another": func(_, hub, outside *tether.Owner) {
			outside.Go(func(context.Context) { _ = hub.Destroy() })
		},
		"stages": func(root, _, _ *tether.Owner) { _ = root.Destroy() },
	} {
		t.Run(name, func(t *testing.T) {
			var opts []tether.OwnerOption
			if name == "stages" {
				opts = append(opts, tether.Staged())
			}
			root, outside := tether.NewOwner("root"), tether.NewOwner("outside")
			hub := root.NewChild("hub", opts...)
			var said trace
			var active *tether.Owner
			hub.Defer(func() { said.add("before: %v", active.Alive()) })
			s := tether.NewSignal[int](hub, tether.CloseInTurn(), tether.WhileActive(func(o *tether.Owner) {
				active = o
				require.Equal(t, "root/hub/signal/active", o.Path())
				require.Same(t, hub, o.Parent().Parent())
				o.Defer(func() { said.add("active cleaned") })
				o.Go(func(ctx context.Context) { <-ctx.Done(); runtime.Gosched(); said.add("active told") })
			}))
			hub.Defer(func() { said.add("after: %v", active.Alive()) })
			s.Connect(outside, func(int) {})
			end(root, hub, outside)
			waitFor(t, hub)
			require.Equal(t, []string{"after: true", "active told", "active cleaned", "before: false"}, said.list())
			<-active.Ended()
			require.NoError(t, root.Destroy())
			require.NoError(t, outside.Destroy())
		})
	}
}

func TestCloseInTurn_ADestroyBeforeItsTurnLeavesTheSignalToItsTurn(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		root, outside := tether.NewOwner("root"), tether.NewOwner("outside")
		hub := root.NewChild("hub")
		var said trace
		s := tether.NewSignal[int](hub, tether.CloseInTurn(), tether.WhileActive(func(o *tether.Owner) {
			o.Go(func(ctx context.Context) { <-ctx.Done(); time.Sleep(time.Millisecond); said.add("active") })
		}))
		hub.Defer(func() { said.add("hub") })
		s.Connect(outside, func(int) {})
		root.Defer(func() {
			said.add("root: %v", errors.Is(hub.Destroy(), tether.ErrPending))
		})
		require.NoError(t, root.Destroy())
		require.Equal(t, []string{"hub", "root: true", "active"}, said.list())
		<-hub.Ended()
		require.NoError(t, outside.Destroy())
	})
}

func TestCloseInTurn_GoroutinesThatWaitForEachOthersOwnersDoNotHang(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		for range 50 {
			hub, outside := tether.NewOwner("hub"), tether.NewOwner("outside")
			begin := make(chan bool)
			s := tether.NewSignal[int](hub, tether.CloseInTurn(), tether.WhileActive(func(o *tether.Owner) {
				o.Go(func(ctx context.Context) { <-begin; _ = outside.Destroy() })
			}))
			s.Connect(outside.NewChild("listener"), func(int) {})
			outside.Go(func(context.Context) { <-begin; _ = hub.Destroy() })
			close(begin)
			waitFor(t, hub)
			waitFor(t, outside)
		}
	})
}

// An unwinding had nothing that runs below it, so who called Destroy of what it had not come
// to waited for that without a look for circles. But what ends in its turn has goroutines
// until then. One that called Destroy of an ancestor, or of an older sibling of its signal,
// waited for the unwinding, which waited for it.
func TestCloseInTurn_AGoroutineOfActiveDoesNotWaitForTheUnwindingThatWaitsForIt(t *testing.T) {
	for _, of := range []string{"parent", "older", "other, whose goroutine waits for older"} {
		t.Run(of, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				root, other := tether.NewOwner("root"), tether.NewOwner("other")
				parent := root.NewChild("parent")
				older := parent.NewChild("older")
				target := map[string]*tether.Owner{"parent": parent, "older": older}[of]
				if target == nil {
					target = other
				}
				unwinds := make(chan bool)
				var err error
				s := tether.NewSignal[int](parent, tether.CloseInTurn(), tether.WhileActive(func(active *tether.Owner) {
					active.Go(func(context.Context) {
						<-unwinds
						time.Sleep(time.Second) // a goroutine of other waits by then
						err = target.Destroy()
					})
				}))
				subscriber := tether.NewOwner("subscriber")
				s.Connect(subscriber, func(int) {})
				parent.Defer(func() { close(unwinds); time.Sleep(time.Minute) })
				if target == other {
					other.Go(func(context.Context) { <-unwinds; _ = older.Destroy() })
				}
				endsInTime(t, root)
				require.ErrorIs(t, err, tether.ErrPending)
				endsInTime(t, other)
				require.NoError(t, subscriber.Destroy())
			})
		})
	}
}

func TestCloseInTurn_ErrorsAndPanicsOfActiveAreThoseOfTheOwner(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		hub, outside := tether.NewOwner("hub"), tether.NewOwner("outside")
		reason := errors.New("reason")
		s := tether.NewSignal[int](hub, tether.CloseInTurn(), tether.WhileActive(func(o *tether.Owner) {
			tether.Own(o, closeFunc(func() error { return reason }))
			o.Defer(func() { panic("oh") })
		}))
		s.Connect(outside, func(int) {})
		require.PanicsWithValue(t, "oh", func() { _ = hub.Destroy() })
		require.Equal(t, reason, hub.Destroy())
		require.NoError(t, outside.Destroy())
	})
}

func TestCloseInTurn_OnADeadOwnerTheSignalIsClosed(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		hub := tether.NewOwner("hub")
		outside := tether.NewOwner("outside")
		defer outside.Destroy()
		hub.Defer(func() {
			s := tether.NewSignal[int](hub, tether.CloseInTurn())
			require.False(t, s.Connect(outside, func(int) {}).Connected())
		})
		require.NoError(t, hub.Destroy())
		s := tether.NewSignal[int](hub, tether.CloseInTurn())
		require.False(t, s.Connect(outside, func(int) {}).Connected())
	})
}

func TestCloseInTurn_FiredAndConnectedWhileItEnds(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		for range 200 {
			hub, outside := tether.NewOwner("hub"), tether.NewOwner("outside")
			var made, gone atomic.Int32
			s := tether.NewSignal[int](hub, tether.CloseInTurn(), tether.WhileActive(func(o *tether.Owner) {
				made.Add(1)
				o.Defer(func() { gone.Add(1) })
			}))
			var wg sync.WaitGroup
			for range 2 {
				wg.Go(func() {
					for range 10 {
						c := s.Connect(outside, func(int) {})
						s.Fire(1)
						c.Disconnect()
					}
				})
			}
			wg.Go(func() { _ = hub.Destroy() })
			wg.Wait()
			require.Equal(t, made.Load(), gone.Load(), "an active owner outlives the owner of the signal")
			require.Zero(t, hub.Stats())
			require.NoError(t, outside.Destroy())
		}
	})
}
