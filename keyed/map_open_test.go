package keyed_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/keyed"
)

func TestMap_APanicOfOpenGoesToAllAndTheNextGetTriesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ouch, release := errors.New("ouch"), make(chan bool)
		bad := true
		cleaned, left := 0, 0
		app, m := sessions(t, func(o *tether.Owner, _ string) {
			o.Defer(func() { cleaned++ })
			o.Go(func(ctx context.Context) { <-ctx.Done(); left++ })
			<-release
			if bad {
				panic(ouch)
			}
		})
		var values [3]any
		for i := range values {
			go func() {
				defer func() { values[i] = recover() }()
				m.Get("ann")
			}()
		}
		synctest.Wait()
		close(release)
		synctest.Wait()
		require.Equal(t, [3]any{ouch, ouch, ouch}, values)
		require.Equal(t, 1, cleaned, "the owner was destroyed")
		require.Equal(t, 1, left)
		require.Zero(t, m.Entries())
		bad = false
		require.True(t, m.Get("ann").owner.Alive())
		app.Destroy()
	})
}

// The goroutine is waited for by the end of its owner, and waits for the open that fails.
func TestMap_AGoroutineOfAnOpenThatFailsMayWaitForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var m *keyed.Map[string, *session]
		var v any
		app, m := sessions(t, func(o *tether.Owner, _ string) {
			o.Go(func(context.Context) {
				defer func() { v = recover() }()
				m.Get("ann")
			})
			synctest.Wait()
			panic("ouch")
		})
		require.PanicsWithValue(t, "ouch", func() { m.Get("ann") })
		require.Equal(t, "ouch", v)
		app.Destroy()
	})
}

func TestMap_ASupervisedPanicOfOpenIsReportedOnceAndIsWhatGetPanicsWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan bool)
		var reported []*tether.PanicError
		app, m := sessions(t, theOpenThatPanics(release), tether.WithPanicHandler(func(p *tether.PanicError) {
			reported = append(reported, p)
		}))
		var values [3]any
		for i := range values {
			go func() {
				defer func() { values[i] = recover() }()
				m.Get("ann")
			}()
		}
		synctest.Wait()
		close(release)
		synctest.Wait()
		require.Len(t, reported, 1)
		p := reported[0]
		require.Equal(t, [3]any{p, p, p}, values)
		require.Equal(t, "ouch", p.Value)
		require.Equal(t, "app/sessions/ann", p.Owner)
		require.Contains(t, p.Func, "keyed_test.sessions", "the user's function, not the library's")
		require.Contains(t, string(p.Stack), "theOpenThatPanics")
		require.Zero(t, m.Entries())
		app.Destroy()
	})
}

func theOpenThatPanics(release chan bool) func(*tether.Owner, string) {
	return func(*tether.Owner, string) { <-release; panic("ouch") }
}

func TestMap_WhereAPanicHandlerPanicsTheOwnerIsDestroyedAllTheSame(t *testing.T) {
	_, m := sessions(t, func(*tether.Owner, string) { panic("ouch") }, tether.WithPanicHandler(func(*tether.PanicError) { panic("bad day") }))
	require.PanicsWithValue(t, "bad day", func() { m.Get("ann") })
	require.Zero(t, m.Entries())
}

func TestMap_AGoexitInOpenLetsAnotherTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release, n := make(chan bool), 0
		app, m := sessions(t, func(*tether.Owner, string) {
			if n++; n == 1 {
				<-release
				runtime.Goexit()
			}
		})
		gone := false
		go func() {
			defer func() { gone = true }()
			m.Get("ann")
		}()
		synctest.Wait()
		var got *session
		go func() { got = m.Get("ann") }()
		synctest.Wait()
		close(release)
		synctest.Wait()
		require.True(t, gone)
		require.Equal(t, 2, n)
		require.Same(t, got, m.Get("ann"))
		app.Destroy()
	})
}

func TestMap_AnOpenThatEndsItsOwnerHasFailed(t *testing.T) {
	for name, end := range map[string]func(m *keyed.Map[string, *session], o *tether.Owner){
		"Destroy of the owner": func(_ *keyed.Map[string, *session], o *tether.Owner) {
			require.Equal(t, tether.ErrPending, o.Destroy(), "as in a handler")
		},
		"Destroy of the key": func(m *keyed.Map[string, *session], o *tether.Owner) {
			require.Equal(t, tether.ErrPending, m.Destroy("ann"))
		},
		"Cancel": func(_ *keyed.Map[string, *session], o *tether.Owner) { o.Cancel(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var m *keyed.Map[string, *session]
				release := make(chan bool)
				fail, cleaned := true, false
				app, m := sessions(t, func(o *tether.Owner, _ string) {
					if !fail {
						return
					}
					o.Defer(func() { cleaned = true })
					<-release
					end(m, o)
					require.False(t, cleaned, "the cleanup runs while open does")
				})
				var got [3]*session
				for i := range got {
					go func() { got[i] = m.Get("ann") }()
				}
				synctest.Wait()
				close(release)
				synctest.Wait()
				require.NotNil(t, got[0])
				require.Same(t, got[0], got[1], "its value goes to those who waited")
				require.Same(t, got[0], got[2])
				require.False(t, got[0].owner.Alive())
				require.True(t, cleaned)
				require.Zero(t, m.Len(), "and is not kept")
				require.Zero(t, m.Entries())
				fail = false
				require.True(t, m.Get("ann").owner.Alive())
				app.Destroy()
			})
		})
	}
}

// A Get that comes when the owner is dead, while its open still runs, makes another one.
func TestMap_GetNeverReturnsWhatWasDeadBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release, n := make(chan bool), 0
		app, m := sessions(t, func(o *tether.Owner, _ string) {
			if n++; n == 1 {
				o.Destroy()
				<-release
			}
		})
		var first *session
		go func() { first = m.Get("ann") }()
		synctest.Wait()
		second := m.Get("ann")
		require.True(t, second.owner.Alive())
		close(release)
		synctest.Wait()
		require.NotSame(t, first, second)
		require.Same(t, second, m.Get("ann"))
		app.Destroy()
	})
}

func TestMap_DestroyFromElsewhereWaitsForOpen(t *testing.T) {
	for name, destroy := range map[string]func(m *keyed.Map[string, *session]) error{
		"Destroy of the key":   func(m *keyed.Map[string, *session]) error { return m.Destroy("ann") },
		"Destroy of the group": func(m *keyed.Map[string, *session]) error { return m.Group().Destroy() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				release := make(chan bool)
				app, m := sessions(t, func(*tether.Owner, string) { <-release })
				var got *session
				go func() { got = m.Get("ann") }()
				synctest.Wait()
				returned := false
				go func() {
					require.NoError(t, destroy(m))
					returned = true
				}()
				synctest.Wait()
				require.False(t, returned, "Destroy has returned while open runs")
				close(release)
				synctest.Wait()
				require.True(t, returned)
				require.False(t, got.owner.Alive())
				require.Zero(t, m.Len())
				app.Destroy()
			})
		})
	}
}

func TestMap_OpenCountsAsAHandlerOfItsOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan bool)
		app, m := sessions(t, func(o *tether.Owner, _ string) {
			other := tether.NewOwner("other")
			other.Go(func(ctx context.Context) { <-release })
			require.Equal(t, tether.ErrPending, other.Destroy(), "inside open nobody waits")
			<-release
		})
		go m.Get("ann")
		synctest.Wait()
		ctx, cancel := context.WithCancel(context.Background())
		go func() { synctest.Wait(); cancel() }()
		err := m.Group().DestroyContext(ctx)
		var pending *tether.PendingError
		require.ErrorAs(t, err, &pending)
		require.Len(t, pending.Running, 1)
		require.Equal(t, "app/sessions/ann", pending.Running[0].Owner)
		require.Equal(t, "handler", pending.Running[0].Kind)
		require.Contains(t, pending.Running[0].Func, "keyed_test.sessions")
		close(release)
		require.NoError(t, app.Destroy())
	})
}

// Where it may, the Get that panics has waited for the end of the owner.
func TestMap_GetPanicsWhenTheOwnerOfTheOpenThatFailedHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said tether.Signal[int]
		slow := make(chan bool)
		var owner *tether.Owner
		app, m := sessions(t, func(o *tether.Owner, _ string) {
			owner = o
			o.Go(func(ctx context.Context) { <-ctx.Done(); <-slow })
			said.Connect(o, func(int) { panic("ouch") })
			said.Fire(1) // frames of a handler are on the stack
		})
		panicked := false
		go func() {
			defer func() {
				panicked = recover() != nil
				select {
				case <-owner.Ended():
				default:
					t.Error("Get panics before the owner has ended")
				}
			}()
			m.Get("ann")
		}()
		synctest.Wait()
		require.False(t, panicked)
		close(slow)
		synctest.Wait()
		require.True(t, panicked)

		var outer tether.Signal[int]
		slow = make(chan bool)
		outer.Connect(app, func(int) {
			require.PanicsWithValue(t, "ouch", func() { m.Get("ann") })
			require.False(t, owner.Alive())
			select {
			case <-owner.Ended():
				t.Error("the goroutine runs")
			default:
			}
		})
		outer.Fire(1)
		close(slow)
		app.Destroy()
	})
}
