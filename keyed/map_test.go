package keyed_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/keyed"
)

// A session is a value with an owner.
type session struct {
	owner *tether.Owner
	key   string
}

// sessions returns a Map in an app that ends with the test. before, if not nil, is called
// inside open.
func sessions(t *testing.T, before func(o *tether.Owner, key string), opts ...tether.OwnerOption) (*tether.Owner, *keyed.Map[string, *session]) {
	app := tether.NewOwner("app")
	t.Cleanup(func() { app.Destroy() })
	m := keyed.NewMap(app, "sessions", func(o *tether.Owner, key string) *session {
		if before != nil {
			before(o, key)
		}
		return &session{o, key}
	}, opts...)
	t.Cleanup(func() { require.Zero(t, m.Opening(), "openings that are not over") })
	return app, m
}

func TestMap_GetMakesAValueOnFirstUse(t *testing.T) {
	opened := 0
	app, m := sessions(t, func(*tether.Owner, string) { opened++ })
	ann, made := m.GetOrMake("ann")
	require.True(t, made)
	require.Equal(t, "ann", ann.key)
	require.Equal(t, "app/sessions/ann", ann.owner.Path())
	again, made := m.GetOrMake("ann")
	require.False(t, made)
	require.Same(t, ann, again)
	require.Same(t, ann, m.Get("ann"))
	require.NotSame(t, ann, m.Get("bob"))
	require.Equal(t, 2, opened)
	require.Same(t, app, m.Group().Parent())
	require.Same(t, m.Group(), ann.owner.Parent())

	v, ok := m.Lookup("ann")
	require.True(t, ok)
	require.Same(t, ann, v)
	owner, ok := m.Owner("ann")
	require.True(t, ok)
	require.Same(t, ann.owner, owner)
	require.Equal(t, 2, m.Len())
	for key, v := range m.All() {
		require.Equal(t, key, v.key)
	}
	_, ok = m.Lookup("cleo")
	require.False(t, ok)
	_, ok = m.Owner("cleo")
	require.False(t, ok)
	require.Equal(t, 2, m.Len(), "Lookup and Owner make none")
}

func TestMap_AValueLivesExactlyAsLongAsItsOwner(t *testing.T) {
	for name, end := range map[string]func(m *keyed.Map[string, *session], ann *session){
		"Destroy of the key":   func(m *keyed.Map[string, *session], _ *session) { m.Destroy("ann") },
		"Destroy of the owner": func(_ *keyed.Map[string, *session], ann *session) { ann.owner.Destroy() },
		"Cancel":               func(_ *keyed.Map[string, *session], ann *session) { ann.owner.Cancel(nil) },
		"Destroy of the group": func(m *keyed.Map[string, *session], _ *session) { m.Group().Destroy() },
		"DestroyContext": func(m *keyed.Map[string, *session], _ *session) {
			m.Group().DestroyContext(context.Background())
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, m := sessions(t, nil)
			ann := m.Get("ann")
			end(m, ann)
			_, ok := m.Lookup("ann")
			require.False(t, ok)
			_, ok = m.Owner("ann")
			require.False(t, ok)
			require.Zero(t, m.Len())
			for range m.All() {
				t.Fatal("All has a dead one")
			}
			next := m.Get("ann")
			require.NotSame(t, ann, next)
			require.Equal(t, m.Group().Alive(), next.owner.Alive())
			<-ann.owner.Ended()
			next.owner.Destroy()
			<-next.owner.Ended()
			require.Zero(t, m.Entries())
		})
	}
}

func TestMap_GetsThatRaceWaitForOneOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opened, release := 0, make(chan bool)
		app, m := sessions(t, func(*tether.Owner, string) { opened++; <-release })
		var got [5]*session
		made := 0
		for i := range got {
			go func() {
				v, own := m.GetOrMake("ann")
				got[i] = v
				if own {
					made++
				}
			}()
		}
		synctest.Wait()
		require.Nil(t, got[0])
		close(release)
		synctest.Wait()
		require.Equal(t, 1, opened)
		require.Equal(t, 1, made)
		for _, v := range got {
			require.NotNil(t, v)
			require.Same(t, got[0], v)
		}
		app.Destroy()
	})
}

func TestMap_WhileOpenRunsTheEntryIsNotSeen(t *testing.T) {
	var m *keyed.Map[string, *session]
	app, m := sessions(t, func(o *tether.Owner, key string) {
		if key != "ann" {
			return
		}
		_, ok := m.Lookup("ann")
		require.False(t, ok)
		_, ok = m.Owner("ann")
		require.False(t, ok)
		require.Zero(t, m.Len())
		for range m.All() {
			t.Error("All has it")
		}
		require.Equal(t, "bob", m.Get("bob").key, "other keys are there")
		require.Equal(t, 1, m.Len())
		require.Equal(t, "bob", m.Replace("bob").key)
		require.NoError(t, m.Destroy("bob"))
	})
	m.Get("ann")
	require.Equal(t, 1, m.Len())
	require.NoError(t, app.Destroy())
}

// needs makes maps in which open of a key gets others, and returns the first.
func needs(t *testing.T, before func(key string), of map[string][]string) *keyed.Map[string, *session] {
	var m *keyed.Map[string, *session]
	_, m = sessions(t, func(_ *tether.Owner, key string) {
		if before != nil {
			before(key)
		}
		for _, other := range of[key] {
			m.Get(other)
		}
	})
	return m
}

func TestMap_ACircleOfOpensPanicsAndNamesTheKeys(t *testing.T) {
	for get, test := range map[string]struct {
		of   map[string][]string
		says string
	}{
		"own":  {map[string][]string{"own": {"own"}}, `keyed: Get of "own" would wait for itself: "own" needs "own"`},
		"a":    {map[string][]string{"a": {"b"}, "b": {"a"}}, `keyed: Get of "a" would wait for itself: "a" needs "b" needs "a"`},
		"x":    {map[string][]string{"x": {"y"}, "y": {"z"}, "z": {"y"}}, `keyed: Get of "y" would wait for itself: "y" needs "z" needs "y"`},
		"\n\"": {map[string][]string{"\n\"": {"\n\""}}, `keyed: Get of "\n\"" would wait for itself: "\n\"" needs "\n\""`},
	} {
		m := needs(t, nil, test.of)
		require.PanicsWithValue(t, test.says, func() { m.Get(get) })
		require.Zero(t, m.Len())
		require.Zero(t, m.Entries())
	}
	// No circle: two ways to one key.
	m := needs(t, nil, map[string][]string{"a": {"b", "c"}, "b": {"d"}, "c": {"d"}})
	m.Get("a")
	require.Equal(t, 4, m.Len())
}

// Each of n goroutines opens a key, when all have begun to, and needs the next one's.
func TestMap_ACircleOfOpensOverGoroutinesPanicsInAll(t *testing.T) {
	for n := 2; n <= 4; n++ {
		synctest.Test(t, func(t *testing.T) {
			of := map[string][]string{}
			for i := range n {
				of[fmt.Sprint(i)] = []string{fmt.Sprint((i + 1) % n)}
			}
			begun := make(chan bool)
			var m *keyed.Map[string, *session]
			first := true
			m = needs(t, func(string) {
				if first {
					<-begun
				}
			}, of)
			var values []any
			var mu sync.Mutex
			for i := range n {
				go func() {
					defer func() {
						mu.Lock()
						defer mu.Unlock()
						values = append(values, recover())
					}()
					m.Get(fmt.Sprint(i))
				}()
			}
			synctest.Wait()
			first = false
			close(begun)
			synctest.Wait()
			require.Len(t, values, n)
			for _, v := range values {
				require.Equal(t, values[0], v, "all panic with what the one which finds it does")
				for i := range n {
					require.Contains(t, v, fmt.Sprintf("%q needs", fmt.Sprint(i)))
				}
			}
			require.Zero(t, m.Entries())
			m.Group().Parent().Destroy()
		})
	}
}

func TestMap_ACircleByWayOfTwoMapsPanics(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var users *keyed.Map[int, string]
	rooms := keyed.NewMap(app, "rooms", func(_ *tether.Owner, key string) int { users.Get(7); return 1 })
	users = keyed.NewMap(app, "users", func(*tether.Owner, int) string { rooms.Get("lobby"); return "" })
	require.PanicsWithValue(t, `keyed: Get of "lobby" would wait for itself: "lobby" needs "7" needs "lobby"`, func() { rooms.Get("lobby") })
	require.Zero(t, rooms.Len()+users.Len())
}

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

// An open that destroys its owner and gets its own key would open for ever.
func TestMap_AnOpenThatEndsItsOwnerAndGetsItsOwnKeyIsACircle(t *testing.T) {
	var m *keyed.Map[string, *session]
	_, m = sessions(t, func(o *tether.Owner, _ string) { o.Destroy(); m.Get("ann") })
	require.PanicsWithValue(t, `keyed: Get of "ann" would wait for itself: "ann" needs "ann"`, func() { m.Get("ann") })
	_, m = sessions(t, func(*tether.Owner, string) { m.Replace("ann") })
	require.PanicsWithValue(t, `keyed: Replace of "ann" would wait for itself: "ann" needs "ann"`, func() { m.Get("ann") })
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

func TestMap_InADeadGroupGetMakesAValueThatIsNotKept(t *testing.T) {
	opened := 0
	app, m := sessions(t, func(*tether.Owner, string) { opened++ })
	cleaned := 0
	check := func() {
		for range 3 {
			v, made := m.GetOrMake("ann")
			require.True(t, made)
			require.False(t, v.owner.Alive())
			require.False(t, v.owner.Go(func(context.Context) {}))
			v.owner.Defer(func() { cleaned++ })
			require.False(t, m.Replace("ann").owner.Alive())
			require.Zero(t, m.Len())
		}
	}
	app.Interrupt(check) // cut off, not unwinding yet
	require.NoError(t, app.Destroy())
	check() // ended
	require.Equal(t, 12, opened)
	require.Equal(t, 6, cleaned, "what is handed to a dead owner is not lost")
	require.Zero(t, m.Entries())

	var d *keyed.Map[string, *session]
	app, d = sessions(t, func(_ *tether.Owner, key string) { d.Get("a" + key[:1]); panic("not reached") })
	app.Destroy()
	require.PanicsWithValue(t, `keyed: Get of "aa" would wait for itself: "aa" needs "aa"`, func() { d.Get("aa") })
}

func TestMap_ReplaceOpensWhenTheEarlierOwnersHaveEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		saved, opened := 0, 0
		var loaded []int
		app, m := sessions(t, func(*tether.Owner, string) { opened++; loaded = append(loaded, saved) })
		var holds [2]chan bool
		for i := range holds { // the first was cut off before
			o := m.Get("ann").owner
			holds[i] = busy(o)
			o.Defer(func() { saved++ })
			if i == 0 {
				o.Cancel(nil)
			}
		}
		var replaced *session
		var got [3]*session
		go func() { replaced = m.Replace("ann") }()
		synctest.Wait()
		require.Zero(t, m.Len(), "the old one is cut off")
		for i := range got {
			go func() { got[i] = m.Get("ann") }()
		}
		synctest.Wait()
		require.Equal(t, 2, opened)
		require.Zero(t, m.Len())
		close(holds[1])
		synctest.Wait()
		require.Equal(t, 2, opened, "the first one has not ended")
		require.Nil(t, got[0])
		close(holds[0])
		synctest.Wait()
		require.Equal(t, []int{0, 0, 2}, loaded)
		for _, v := range got {
			require.Same(t, replaced, v, "who came meanwhile has waited")
		}
		require.True(t, replaced.owner.Alive())
		require.Equal(t, 1, m.Entries())
		app.Destroy()
	})
}

func TestMap_ReplaceInsideAHandlerOpensAtOnce(t *testing.T) {
	_, m := sessions(t, nil)
	old := m.Get("ann")
	var said tether.Signal[int]
	var fresh *session
	cleaned := false
	old.owner.Defer(func() { cleaned = true })
	said.Connect(old.owner, func(int) {
		fresh = m.Replace("ann")
		require.False(t, old.owner.Alive())
		require.True(t, fresh.owner.Alive())
		require.False(t, cleaned)
	})
	said.Fire(1)
	require.True(t, cleaned)
	require.Same(t, fresh, m.Get("ann"))
	require.Equal(t, 1, m.Entries())
}

func TestMap_ReplacesThatRaceHaveTheirTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opened := 0
		app, m := sessions(t, func(*tether.Owner, string) { opened++ })
		hold := busy(m.Get("ann").owner)
		got := make([]*session, 4)
		for i := range got {
			go func() { got[i] = m.Replace("ann") }()
		}
		synctest.Wait()
		require.Equal(t, make([]*session, 4), got)
		close(hold)
		synctest.Wait()
		require.Equal(t, 5, opened)
		for i, v := range got {
			require.False(t, slices.Contains(got[:i], v), "two calls return one value")
			require.Equal(t, v == m.Get("ann"), v.owner.Alive())
		}
		require.Equal(t, 1, m.Entries())
		app.Destroy()
	})
}

// Somebody destroys the key when a Replace waits, and so what it would open.
func TestMap_AReplaceWhoseFreshOwnerIsDestroyedMakesAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opened := 0
		app, m := sessions(t, func(o *tether.Owner, _ string) {
			opened++
			require.True(t, o.Alive())
		})
		hold := busy(m.Get("ann").owner)
		var replaced, got *session
		go func() { replaced = m.Replace("ann") }()
		synctest.Wait()
		go func() { got = m.Get("ann") }()
		synctest.Wait()
		go m.Destroy("ann")
		synctest.Wait()
		close(hold)
		synctest.Wait()
		require.NotNil(t, got)
		require.True(t, replaced.owner.Alive())
		require.Same(t, replaced, m.Get("ann"))
		app.Destroy()
	})
}

func TestMap_ReplaceInsideAHandlerDoesNotWaitForTheTurnOfAnother(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, m := sessions(t, nil)
		old := m.Get("ann")
		var said tether.Signal[int]
		release := make(chan bool)
		var inner *session
		said.Connect(old.owner, func(int) {
			<-release
			inner = m.Replace("ann")
			require.True(t, inner.owner.Alive())
		})
		go said.Fire(1)
		synctest.Wait()
		var outer *session
		go func() { outer = m.Replace("ann") }()
		synctest.Wait()
		close(release)
		synctest.Wait()
		require.NotSame(t, inner, outer)
		require.Same(t, outer, m.Get("ann"))
		require.Equal(t, 1, m.Entries())
		app.Destroy()
	})
}

// The goroutine is one that the Replace waits for.
func TestMap_AGoroutineOfTheEarlierOwnerDoesNotWaitForItsReplace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said any
		var inner, outer *session
		app, m := sessions(t, nil)
		m.Get("ann").owner.Go(func(ctx context.Context) {
			<-ctx.Done()
			synctest.Wait()
			func() {
				defer func() { said = recover() }()
				m.Get("ann")
			}()
			inner = m.Replace("ann")
		})
		outer = m.Replace("ann")
		require.Equal(t, `keyed: Get of "ann" in a goroutine of its earlier owner, for which a Replace waits`, said)
		require.NotNil(t, inner)
		require.Same(t, outer, m.Get("ann"))
		app.Destroy()
	})
}

// Where the Replace does not wait for it, Get does wait.
func TestMap_AGoroutineOfTheEarlierOwnerWaitsForAReplaceThatDoesNotWaitForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, m := sessions(t, nil)
		hold := busy(m.Get("ann").owner)
		m.Get("ann").owner.Cancel(nil)
		var replaced, got *session
		old := m.Get("ann")
		old.owner.Go(func(context.Context) { replaced = m.Replace("ann") })
		synctest.Wait()
		old.owner.Defer(func() {})
		require.Nil(t, replaced)
		go func() { got = m.Get("ann") }()
		synctest.Wait()
		require.Nil(t, got)
		close(hold)
		synctest.Wait()
		require.NotNil(t, got)
		require.Same(t, replaced, got)
		app.Destroy()
	})
}

func TestMap_ACleanupOfTheEarlierOwnerThatGetsItsKeyIsACircle(t *testing.T) {
	for verb, call := range map[string]func(*keyed.Map[string, *session]){
		"Get":     func(m *keyed.Map[string, *session]) { m.Get("ann") },
		"Replace": func(m *keyed.Map[string, *session]) { m.Replace("ann") },
	} {
		_, m := sessions(t, nil)
		old := m.Get("ann")
		old.owner.Defer(func() { call(m) })
		require.PanicsWithValue(t, `keyed: `+verb+` of "ann" would wait for itself: "ann" needs "ann"`, func() { m.Replace("ann") })
		<-old.owner.Ended()
		require.Zero(t, m.Entries(), "as if there had been no Replace")
		require.True(t, m.Get("ann").owner.Alive())
	}
}

func TestMap_APanicOfACleanupDuringReplaceLetsOthersTry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, m := sessions(t, nil)
		old := m.Get("ann").owner
		hold := busy(old)
		old.Defer(func() { panic("ouch") })
		var said any
		go func() {
			defer func() { said = recover() }()
			m.Replace("ann")
		}()
		synctest.Wait()
		var got *session
		go func() { got = m.Get("ann") }()
		synctest.Wait()
		require.Nil(t, got)
		close(hold)
		synctest.Wait()
		require.Equal(t, "ouch", said)
		require.NotNil(t, got)
		require.True(t, got.owner.Alive())
		require.Equal(t, 1, m.Entries())
		app.Destroy()
	})
}

func TestMap_APanicOfOpenInAReplaceGoesToItsCallerAndThoseWhoWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := false
		app, m := sessions(t, func(*tether.Owner, string) {
			if bad {
				panic("ouch")
			}
		})
		hold := busy(m.Get("ann").owner)
		bad = true
		var values [2]any
		for i, call := range []func(string) *session{m.Replace, m.Get} {
			go func() {
				defer func() { values[i] = recover() }()
				call("ann")
			}()
			synctest.Wait()
		}
		close(hold)
		synctest.Wait()
		require.Equal(t, [2]any{"ouch", "ouch"}, values)
		require.Zero(t, m.Entries())
		app.Destroy()
	})
}

func TestMap_DestroyReturnsWhatClosersReturned(t *testing.T) {
	no := errors.New("no")
	_, m := sessions(t, func(o *tether.Owner, _ string) { tether.Own(o, closer(func() error { return no })) })
	require.NoError(t, m.Destroy("ann"), "there is none")
	m.Get("ann")
	require.ErrorIs(t, m.Destroy("ann"), no)
	require.NoError(t, m.Destroy("ann"))
}

func TestMap_AllMayBeLeftAndItsBodyMayEndValues(t *testing.T) {
	_, m := sessions(t, nil)
	for i := range 10 {
		m.Get(fmt.Sprint(i))
	}
	for range m.All() {
		break
	}
	n := 0
	for key := range m.All() {
		for other := range m.All() {
			if other != key {
				m.Destroy(other)
			}
		}
		n++
	}
	require.Equal(t, 1, n)
	require.Equal(t, 1, m.Len())
}

func TestGroupIsTheParentOfAll(t *testing.T) {
	app, players := group(t)
	require.Same(t, players.Group(), players.Get("ann").Parent())
	require.Same(t, app, players.Group().Parent())
	require.Equal(t, "app/players", players.Group().Path())
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

func TestMap_AValueIsGarbageWhenItsOwnerHasEnded(t *testing.T) {
	_, m := sessions(t, nil)
	m.Get("bob")
	ann := weak.Make(m.Get("ann"))
	m.Destroy("ann")
	collect(t, "the value", func() bool { return ann.Value() == nil })
	runtime.KeepAlive(m)
}

func TestMap_KeysThatComeAndGoLeaveNoTrace(t *testing.T) {
	app, m := sessions(t, nil)
	round := func(i int) {
		key := fmt.Sprint(i)
		m.Get(key)
		m.Replace(key)
		m.Destroy(key)
		o := m.Get("x").owner
		m.Replace("y") // a key that stays
		o.Cancel(nil)
		<-o.Ended()
	}
	for i := range 1000 {
		round(i)
	}
	before := heap()
	for i := range 5000 {
		round(1000 + i)
	}
	require.Less(t, heap()-before, int64(64<<10), "bytes grown")
	require.Equal(t, 1, m.Entries())
	require.Equal(t, tether.Stats{Owners: 3, Cleanups: 1}, app.Stats())
}

// A Map's values refer to their owners, and so to the root.
func TestMap_ValuesDoNotHideALostRoot(t *testing.T) {
	var root weak.Pointer[tether.Owner]
	func() {
		app := tether.NewOwner("forgotten", tether.WithPanicHandler(func(*tether.PanicError) {}))
		root = weak.Make(app)
		m := keyed.NewMap(app, "m", func(o *tether.Owner, _ string) *session { return &session{owner: o} })
		for i := range 10 {
			m.Get(fmt.Sprint(i)).owner.Defer(func() {})
			m.Replace(fmt.Sprint(i))
		}
	}()
	collect(t, "the lost root", func() bool { return root.Value() == nil })
}

// It waits for an owner of before, which was cut off by others: the same.
func TestMap_AGoroutineOfAnEvenEarlierOwnerDoesNotWaitForAReplace(t *testing.T) {
	for _, live := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var said any
			app, m := sessions(t, nil)
			first := m.Get("ann").owner
			release := make(chan bool)
			first.Go(func(context.Context) {
				defer func() { said = recover() }()
				<-release
				m.Get("ann")
			})
			first.Cancel(nil)
			if live {
				m.Get("ann")
			}
			var replaced *session
			go func() { replaced = m.Replace("ann") }()
			synctest.Wait()
			require.Nil(t, replaced)
			close(release)
			synctest.Wait()
			require.Equal(t, `keyed: Get of "ann" in a goroutine of its earlier owner, for which a Replace waits`, said)
			require.Same(t, replaced, m.Get("ann"))
			app.Destroy()
		})
	}
}

func TestMap_AReplaceDoesNotEndWhatAnotherHasYetToOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opened := 0
		app, m := sessions(t, func(*tether.Owner, string) { opened++ })
		hold := busy(m.Get("ann").owner)
		var got [2]*session
		for i := range got {
			go func() { got[i] = m.Replace("ann") }()
			synctest.Wait()
		}
		close(hold)
		synctest.Wait()
		require.NotSame(t, got[0], got[1])
		require.Same(t, got[1], m.Get("ann"), "who came last has it")
		require.Equal(t, 3, opened)
		app.Destroy()
	})
}

func TestMap_APanicOfAnInterruptDuringReplaceLeavesNoTrace(t *testing.T) {
	_, m := sessions(t, nil)
	old := m.Get("ann").owner
	old.Interrupt(func() { panic("ouch") })
	var said tether.Signal[int]
	said.Connect(old, func(int) {
		require.PanicsWithValue(t, "ouch", func() { m.Replace("ann") })
		require.Zero(t, m.Opening())
	})
	said.Fire(1)
	<-old.Ended()
	require.Zero(t, m.Entries())
	require.True(t, m.Get("ann").owner.Alive())
}

// A Replace inside a handler waits for nobody, so what it ends may wait for it.
func TestMap_AGoroutineOfTheEarlierOwnerWaitsForAReplaceInsideAHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release, n := make(chan bool), 0
		app, m := sessions(t, func(*tether.Owner, string) {
			if n++; n == 2 {
				<-release
			}
		})
		old := m.Get("ann").owner
		var got, replaced *session
		old.Go(func(ctx context.Context) {
			<-ctx.Done()
			time.Sleep(time.Second)
			got = m.Get("ann")
		})
		var said tether.Signal[int]
		said.Connect(app, func(int) { replaced = m.Replace("ann") })
		go said.Fire(1)
		time.Sleep(2 * time.Second)
		require.Nil(t, got)
		close(release)
		synctest.Wait()
		require.NotNil(t, got)
		require.Same(t, replaced, got)
		app.Destroy()
	})
}
