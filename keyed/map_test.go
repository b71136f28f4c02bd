package keyed_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/keyed"
	"github.com/seed-ec287111/tether/tethertest"
)

// A session is a value with an owner.
type session struct {
	owner *tether.Owner
	key   string
}

// sessions returns a Map in an app that ends with the test. before, if not nil, is called
// inside open.
func sessions(t *testing.T, before func(o *tether.Owner, key string), opts ...tether.OwnerOption) (*tether.Owner, *keyed.Map[string, *session]) {
	tethertest.VerifyNone(t)
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

func TestOwners_GroupIsTheParentOfAll(t *testing.T) {
	app, players := group(t)
	require.Same(t, players.Group(), players.Get("ann").Parent())
	require.Same(t, app, players.Group().Parent())
	require.Equal(t, "app/players", players.Group().Path())
}

// While the entries of a staged group end one after the other, those whose turn has not come
// are there.
func TestMap_InAGroupThatEndsInStages(t *testing.T) {
	opened := 0
	app, m := sessions(t, func(*tether.Owner, string) { opened++ }, tether.Staged())
	ann, bob := m.Get("ann"), m.Get("bob")
	done := false
	bob.owner.Defer(func() {
		require.Same(t, ann, m.Get("ann"))
		require.True(t, ann.owner.Alive())
		require.Equal(t, 1, m.Len())
		for range 2 {
			cleo, made := m.GetOrMake("cleo")
			require.True(t, made)
			require.False(t, cleo.owner.Alive(), "nothing new begins")
		}
		_, ok := m.Lookup("cleo")
		require.False(t, ok)
		require.False(t, m.Replace("dan").owner.Alive())
		require.False(t, m.Replace("ann").owner.Alive())
		require.False(t, ann.owner.Alive())
		done = true
	})
	require.NoError(t, m.Group().Destroy())
	require.True(t, done)
	require.Equal(t, 6, opened)
	require.Zero(t, m.Entries())
	require.NoError(t, app.Destroy())
}

func TestOwners_InAGroupThatEndsInStages(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	players := keyed.New[string](app, "players", tether.Staged())
	ann := players.Get("ann")
	done := false
	players.Get("bob").Defer(func() {
		require.Same(t, ann, players.Get("ann"))
		require.True(t, ann.Alive())
		require.False(t, players.Get("cleo").Alive())
		require.Equal(t, 1, players.Len())
		done = true
	})
	require.NoError(t, players.Group().Destroy())
	require.True(t, done)
	require.Zero(t, players.Entries())
}
