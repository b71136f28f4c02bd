package tether_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

// aStagedApp has three children, each with a goroutine that says its last word when it is
// told to end, and a cleanup; a staged grandchild among them. What it notes at the end must
// be stagedEnd.
func aStagedApp(app *tether.Owner, said *trace) {
	part := func(o *tether.Owner) {
		o.Defer(func() { said.add("%s cleaned, app alive: %v", o.Name(), app.Alive()) })
		o.Go(func(ctx context.Context) {
			<-ctx.Done()
			said.add("%s told", o.Name())
		})
	}
	part(app)
	part(app.NewChild("store"))
	jobs := app.NewChild("jobs", tether.Staged())
	part(jobs)
	part(jobs.NewChild("one"))
	part(jobs.NewChild("two"))
	part(app.NewChild("listener"))
}

var stagedEnd = []string{
	"listener told", "listener cleaned, app alive: true",
	"two told", "two cleaned, app alive: true",
	"one told", "one cleaned, app alive: true",
	"jobs told", "jobs cleaned, app alive: true",
	"store told", "store cleaned, app alive: true",
	"app told", "app cleaned, app alive: false",
}

func TestStaged_ChildrenEndOneAfterTheOtherHoweverTheEndBegins(t *testing.T) {
	reason := errors.New("reason")
	for name, end := range map[string]func(t *testing.T, app *tether.Owner, endContext func(error)) (cause error){
		"Destroy": func(t *testing.T, app *tether.Owner, _ func(error)) error {
			require.NoError(t, app.Destroy())
			return tether.ErrDestroyed
		},
		"several Destroys": func(t *testing.T, app *tether.Owner, _ func(error)) error {
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() {
					require.NoError(t, app.Destroy())
					select {
					case <-app.Ended():
					default:
						t.Error("Destroy returned too early")
					}
				})
			}
			wg.Wait()
			return tether.ErrDestroyed
		},
		"DestroyContext": func(t *testing.T, app *tether.Owner, _ func(error)) error {
			require.NoError(t, app.DestroyContext(context.Background()))
			return tether.ErrDestroyed
		},
		"in a handler of the owner": func(t *testing.T, app *tether.Owner, _ func(error)) error {
			var s tether.Signal[int]
			s.Connect(app, func(int) { require.ErrorIs(t, app.Destroy(), tether.ErrPending) })
			s.Fire(1)
			return tether.ErrDestroyed
		},
		"in a handler of a child": func(t *testing.T, app *tether.Owner, _ func(error)) error {
			var s tether.Signal[int]
			child := app.NewChild("asks")
			s.Connect(child, func(int) {
				require.ErrorIs(t, app.Destroy(), tether.ErrPending)
				require.False(t, child.Alive())
				require.True(t, app.Alive())
			})
			s.Fire(1)
			return tether.ErrDestroyed
		},
		"in a handler of another owner": func(t *testing.T, app *tether.Owner, _ func(error)) error {
			other := tether.NewOwner("other")
			var s tether.Signal[int]
			s.Connect(other, func(int) { require.ErrorIs(t, app.Destroy(), tether.ErrPending) })
			s.Fire(1)
			require.NoError(t, other.Destroy())
			return tether.ErrDestroyed
		},
		"in a cleanup of another owner": func(t *testing.T, app *tether.Owner, _ func(error)) error {
			other := tether.NewOwner("other")
			other.Defer(func() { require.ErrorIs(t, app.Destroy(), tether.ErrPending) })
			require.NoError(t, other.Destroy())
			return tether.ErrDestroyed
		},
		"in a goroutine of the owner": func(t *testing.T, app *tether.Owner, _ func(error)) error {
			app.Go(func(context.Context) { require.ErrorIs(t, app.Destroy(), tether.ErrPending) })
			return tether.ErrDestroyed
		},
		"in a goroutine of a child": func(t *testing.T, app *tether.Owner, _ func(error)) error {
			app.NewChild("asks").Go(func(context.Context) {
				require.ErrorIs(t, app.Destroy(), tether.ErrPending)
			})
			return tether.ErrDestroyed
		},
		"in a timer of a child": func(t *testing.T, app *tether.Owner, _ func(error)) error {
			app.NewChild("asks").AfterFunc(0, func() {
				require.ErrorIs(t, app.Destroy(), tether.ErrPending)
			})
			return tether.ErrDestroyed
		},
		"in a goroutine of another owner": func(t *testing.T, app *tether.Owner, _ func(error)) error {
			other := tether.NewOwner("other")
			other.Go(func(context.Context) { require.NoError(t, app.Destroy()) })
			require.NoError(t, other.Destroy())
			select {
			case <-app.Ended():
			default:
				t.Error("Destroy returned too early")
			}
			return tether.ErrDestroyed
		},
		"the end of a context": func(_ *testing.T, _ *tether.Owner, endContext func(error)) error {
			endContext(reason)
			return reason
		},
		"an error of a goroutine": func(_ *testing.T, app *tether.Owner, _ func(error)) error {
			app.GoErr(func(context.Context) error { return reason })
			return reason
		},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(context.Background())
			defer cancel(nil)
			app := tether.NewOwner("app", tether.Staged(), tether.WithContext(ctx))
			var said trace
			aStagedApp(app, &said)
			child := app.NewChild("child")
			cause := end(t, app, cancel)
			waitFor(t, app)
			require.Equal(t, stagedEnd, said.list())
			require.Equal(t, cause, context.Cause(child.Context()))
			require.Equal(t, cause, context.Cause(app.Context()))
			if name == "an error of a goroutine" {
				require.Equal(t, reason, app.Destroy())
			} else {
				require.NoError(t, app.Destroy())
			}
		})
	}
}

func TestStaged_WhatEndsItAtOnceCutsOffAllThatIsLeft(t *testing.T) {
	reason := errors.New("reason")
	ended, cancelEnded := context.WithCancel(context.Background())
	cancelEnded()
	for name, end := range map[string]func(root, app *tether.Owner){
		"Cancel": func(_, app *tether.Owner) { app.Cancel(reason) },
		"a DestroyContext whose context has ended": func(_, app *tether.Owner) {
			_ = app.DestroyContext(ended)
		},
		"an ancestor": func(root, _ *tether.Owner) { _ = root.Destroy() },
	} {
		for _, begun := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, stages begun: %v", name, begun), func(t *testing.T) {
				root := tether.NewOwner("root")
				defer root.Destroy()
				app := root.NewChild("app", tether.Staged())
				old := app.NewChild("old")
				old.Defer(func() { require.False(t, app.Alive()) })
				young := app.NewChild("young")
				told, goOn := make(chan bool), make(chan bool)
				young.Go(func(ctx context.Context) {
					<-ctx.Done()
					close(told)
					<-goOn
				})
				var wg sync.WaitGroup
				if begun {
					wg.Go(func() { require.NoError(t, app.Destroy()) })
					<-told
					require.True(t, old.Alive())
					require.True(t, app.Alive())
				}
				wg.Go(func() { end(root, app) })
				<-told
				<-old.Context().Done()
				<-app.Context().Done()
				require.False(t, old.Alive())
				require.False(t, app.Alive())
				require.True(t, root.NewChild("another").Alive() == (name != "an ancestor"))
				close(goOn)
				wg.Wait()
				<-app.Ended()
				if name == "Cancel" {
					require.Equal(t, reason, context.Cause(app.Context()))
					require.Equal(t, reason, context.Cause(old.Context()))
				}
			})
		}
	}
}

func TestStaged_ADestroyContextThatGivesUpCutsOffAllAndSaysWhatRuns(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		app := tether.NewOwner("app", tether.Staged())
		old := app.NewChild("old")
		release := make(chan bool)
		app.NewChild("young").Go(func(context.Context) { <-release })
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		err := app.DestroyContext(ctx)
		var pending *tether.PendingError
		require.ErrorAs(t, err, &pending)
		require.Len(t, pending.Running, 1)
		require.Equal(t, "app/young", pending.Running[0].Owner)
		require.False(t, old.Alive())
		require.False(t, app.Alive())
		close(release)
		require.NoError(t, app.Destroy())
	})
}

func TestStaged_OnlyNewChildRefusesWhileTheStagesRun(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		app := tether.NewOwner("app", tether.Staged())
		closed := errors.New("closed late")
		var fired tether.Signal[int]
		var got atomic.Int32
		young := app.NewChild("young")
		young.Defer(func() {
			require.True(t, app.Alive())
			require.NoError(t, app.Context().Err())
			child := app.NewChild("late")
			require.False(t, child.Alive())
			require.Error(t, child.Context().Err())
			require.Equal(t, tether.ErrDestroyed, context.Cause(child.Context()))
			require.NoError(t, child.Destroy())
			<-child.Ended()
			ran := false
			child.Defer(func() { ran = true })
			require.True(t, ran)
			tether.Own(child, closeFunc(func() error { return closed }))
			require.False(t, child.NewChild("grandchild").Alive())

			fired.Connect(app, func(int) { got.Add(1) })
			fired.Fire(1)
			require.True(t, app.Go(func(context.Context) { got.Add(1) }))
			app.Defer(func() { got.Add(1) })
		})
		require.Equal(t, closed, app.Destroy())
		require.EqualValues(t, 3, got.Load())
		require.Equal(t, 0, app.Stats().Owners)
		require.False(t, app.NewChild("after").Alive())
	})
}

func TestStaged_WhatTheOwnerItselfHoldsLivesUntilItsOwnCutOff(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		app, outside := tether.NewOwner("app", tether.Staged()), tether.NewOwner("outside")
		var actives []*tether.Owner
		s := tether.NewSignal[int](app, tether.WhileActive(func(active *tether.Owner) {
			actives = append(actives, active)
		}))
		s.Connect(outside, func(int) {})
		beat := tether.NewHeartbeat(app, time.Millisecond)
		young := app.NewChild("young")
		young.Defer(func() {
			require.True(t, actives[0].Alive(), "the owner of a signal's activity is no stage")
			s.DisconnectAll()
			require.False(t, actives[0].Alive())
			s.Connect(outside, func(int) {})
			require.True(t, actives[1].Alive(), "a new one is no child of the user's")
			ticked := make(chan bool)
			beat.Once(outside, func(tether.Tick) { close(ticked) })
			<-ticked
		})
		require.NoError(t, app.Destroy())
		<-actives[1].Ended()
		require.NoError(t, outside.Destroy())
	})
}

func TestStaged_WhereNothingRunsDestroyInAHandlerIsComplete(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		app := tether.NewOwner("app", tether.Staged())
		var said trace
		for _, name := range []string{"old", "young"} {
			app.NewChild(name).Defer(func() { said.add("%s", name) })
		}
		other := tether.NewOwner("other")
		var s tether.Signal[int]
		s.Connect(other, func(int) {
			require.NoError(t, app.Destroy())
			<-app.Ended()
		})
		s.Fire(1)
		require.Equal(t, []string{"young", "old"}, said.list())
		require.NoError(t, other.Destroy())
	})
}

func TestStaged_ADeepChainOfStagedOwnersEndsWithoutRecursion(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		const depth = 200_000
		root := tether.NewOwner("root", tether.Staged())
		ends := 0
		for o, i := root, 0; i < depth; i++ {
			o = o.NewChild("o", tether.Staged())
			o.Defer(func() { ends++ })
		}
		require.NoError(t, root.Destroy())
		require.Equal(t, depth, ends)
	})
}

func TestStaged_ItIsNotLostWhileItsStagesRunElsewhere(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		var lost atomic.Int32
		defer tether.OnLost(func(tether.Lost) { lost.Add(1) })()
		release := make(chan bool)
		var done <-chan struct{}
		func() {
			app := tether.NewOwner("app", tether.Staged())
			done = app.Ended()
			young := app.NewChild("young")
			var s tether.Signal[int]
			s.Connect(young, func(int) { _ = app.Destroy() })
			young.Defer(func() { <-release })
			go s.Fire(1) // it, or the stages' goroutine, is held by the cleanup
			for app.Alive() && young.Alive() {
				runtime.Gosched()
			}
		}()
		for range 5 {
			runtime.GC()
		}
		close(release)
		<-done
		require.Zero(t, lost.Load())
	})
}
