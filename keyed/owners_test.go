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
)

// chatty is a key whose String method uses the group that it is a key of.
type chatty struct{ players **keyed.Owners[any] }

func (c chatty) String() string {
	(*c.players).Get("inner")
	return "chatty"
}

func TestOwners_GetMakesOneOnceAndNamesItByItsKey(t *testing.T) {
	app, players := group(t)
	ann := players.Get("ann")
	require.Same(t, ann, players.Get("ann"))
	require.NotSame(t, ann, players.Get("bob"))
	require.Equal(t, "app/players/ann", ann.Path())
	require.Same(t, app, ann.Parent().Parent())
	require.Equal(t, 2, players.Len())
	found, ok := players.Lookup("ann")
	require.True(t, ok)
	require.Same(t, ann, found)
	_, ok = players.Lookup("cleo")
	require.False(t, ok)
	require.Equal(t, "app/seats/3", keyed.New[int](app, "seats").Get(3).Path())
}

func TestOwners_OneThatEndedByWhateverWayIsForgotten(t *testing.T) {
	for name, end := range map[string]func(players *keyed.Owners[string], ann *tether.Owner){
		"Destroy of the key":     func(players *keyed.Owners[string], _ *tether.Owner) { players.Destroy("ann") },
		"Destroy of the owner":   func(_ *keyed.Owners[string], ann *tether.Owner) { ann.Destroy() },
		"DestroyContext":         func(_ *keyed.Owners[string], ann *tether.Owner) { ann.DestroyContext(context.Background()) },
		"Cancel":                 func(_ *keyed.Owners[string], ann *tether.Owner) { ann.Cancel(nil) },
		"Destroy of the group":   func(_ *keyed.Owners[string], ann *tether.Owner) { ann.Parent().Destroy() },
		"Cancel of the ancestor": func(_ *keyed.Owners[string], ann *tether.Owner) { ann.Parent().Parent().Cancel(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			_, players := group(t)
			ann := players.Get("ann")
			end(players, ann)
			// From the cut-off on there is nobody to be seen.
			_, ok := players.Lookup("ann")
			require.False(t, ok)
			require.Zero(t, players.Len())
			for range players.All() {
				t.Fatal("All has a dead owner")
			}
			next := players.Get("ann")
			require.NotSame(t, ann, next)
			require.Equal(t, ann.Parent().Alive(), next.Alive())
			<-ann.Ended()
			next.Destroy()
			<-next.Ended()
			require.Zero(t, players.Entries())
		})
	}
}

func TestOwners_TheEndOfTheContextOfTheGroupEndsThem(t *testing.T) {
	ctx, cancel := context.WithCancelCause(context.Background())
	app := tether.NewOwner("app")
	defer app.Destroy()
	players := keyed.New[string](app, "players", tether.WithContext(ctx))
	ann := players.Get("ann")
	why := errors.New("server is full")
	cancel(why)
	<-ann.Ended()
	require.Equal(t, why, context.Cause(ann.Context()))
	require.False(t, players.Get("ann").Alive())
}

func TestOwners_ADeadGroupGivesDeadOnesThatLoseNothing(t *testing.T) {
	app, players := group(t)
	var seen []string
	app.Defer(func() { seen = append(seen, "app") })
	app.Interrupt(func() { // cut off, not unwinding yet
		for _, o := range []*tether.Owner{players.Get("ann"), players.Replace("bob")} {
			require.False(t, o.Alive())
			require.False(t, o.Go(func(context.Context) {}))
			o.Defer(func() { seen = append(seen, o.Name()) })
		}
		require.Zero(t, players.Len())
		require.Empty(t, seen)
	})
	require.NoError(t, app.Destroy())
	require.Equal(t, []string{"app", "bob", "ann"}, seen, "cleanups, newest first")
	late := players.Get("bob")
	require.False(t, late.Alive())
	require.NoError(t, players.Destroy("bob"))
	require.False(t, players.Replace("bob").Alive())
	require.Zero(t, players.Entries())
}

func TestOwners_ReplaceReturnsWhenTheOldOneHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, players := group(t)
		old := players.Get("ann")
		var said tether.Signal[int]
		hold, cleaned := make(chan bool), false
		said.Connect(old, func(int) { <-hold })
		old.Defer(func() { cleaned = true })
		go said.Fire(1)
		synctest.Wait()

		var fresh *tether.Owner
		go func() { fresh = players.Replace("ann") }()
		synctest.Wait()
		require.Nil(t, fresh, "Replace has returned while a handler ran")
		require.False(t, old.Alive())
		// The place is taken all the same, and Get does not wait.
		early := players.Get("ann")
		require.True(t, early.Alive())
		require.Equal(t, 1, players.Len())

		close(hold)
		synctest.Wait()
		require.True(t, cleaned)
		require.Same(t, early, fresh)
		require.Equal(t, "app/players/ann", fresh.Path())
		require.Equal(t, 1, players.Entries())
	})
}

func TestOwners_ReplaceWithoutAnOldOneMakesOne(t *testing.T) {
	_, players := group(t)
	ann := players.Replace("ann")
	require.True(t, ann.Alive())
	require.Same(t, ann, players.Get("ann"))
}

func TestOwners_ReplaceInAHandlerOfTheOldOneCutsItOff(t *testing.T) {
	_, players := group(t)
	old := players.Get("ann")
	var said tether.Signal[int]
	cleaned := false
	old.Defer(func() { cleaned = true })
	var fresh *tether.Owner
	said.Connect(old, func(int) {
		fresh = players.Replace("ann")
		require.False(t, old.Alive())
		require.True(t, fresh.Alive())
		require.False(t, cleaned)
	})
	said.Fire(1)
	require.True(t, cleaned, "the old one has ended after the Fire")
	require.True(t, fresh.Alive())
	require.Same(t, fresh, players.Get("ann"))
	require.Equal(t, 1, players.Entries())
}

func TestOwners_ReplaceInAHandlerEndsAnIdleOneBeforeItReturns(t *testing.T) {
	app, players := group(t)
	old := players.Get("ann")
	cleaned := false
	old.Defer(func() { cleaned = true })
	var said tether.Signal[int]
	said.Connect(app, func(int) {
		players.Replace("ann")
		require.True(t, cleaned)
	})
	said.Fire(1)
}

func TestOwners_ReplaceAndDestroyWaitForEarlierOnesThatStillEnd(t *testing.T) {
	for name, verb := range map[string]func(*keyed.Owners[string]){
		"Replace":     func(players *keyed.Owners[string]) { players.Replace("ann") },
		"Destroy":     func(players *keyed.Owners[string]) { players.Destroy("ann") },
		"Get Replace": func(players *keyed.Owners[string]) { players.Get("ann"); players.Replace("ann") },
		"Get Destroy": func(players *keyed.Owners[string]) { players.Get("ann"); players.Destroy("ann") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, players := group(t)
				// Two that were cut off by others, and end in either order.
				first := players.Get("ann")
				hold1 := busy(first)
				first.Cancel(nil)
				second := players.Get("ann")
				hold2 := busy(second)
				second.Cancel(nil)

				returned := false
				go func() { verb(players); returned = true }()
				synctest.Wait()
				close(hold2)
				synctest.Wait()
				require.False(t, returned, "the first one still runs")
				close(hold1)
				synctest.Wait()
				require.True(t, returned)
				if owner, ok := players.Lookup("ann"); ok {
					owner.Destroy()
				}
				require.Zero(t, players.Entries())
			})
		})
	}
}

func TestOwners_OfReplacesThatRaceTheLastWins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, players := group(t)
		hold := busy(players.Get("ann"))
		var got [3]*tether.Owner
		for i := range got {
			go func() { got[i] = players.Replace("ann") }()
			synctest.Wait()
			require.True(t, players.Get("ann").Alive())
		}
		require.Equal(t, [3]*tether.Owner{}, got, "returned before the old one has ended")
		close(hold)
		synctest.Wait()
		require.False(t, got[0].Alive())
		require.False(t, got[1].Alive())
		require.True(t, got[2].Alive())
		require.NotSame(t, got[0], got[1])
		require.Same(t, got[2], players.Get("ann"))
		require.Equal(t, 1, players.Entries())
	})
}

func TestOwners_OneReplacesItselfInItsOwnGoroutine(t *testing.T) {
	_, players := group(t)
	old := players.Get("ann")
	got := make(chan *tether.Owner)
	old.Go(func(context.Context) { got <- players.Replace("ann") })
	fresh := <-got
	<-old.Ended()
	require.True(t, fresh.Alive())
	require.Same(t, fresh, players.Get("ann"))
}

func TestOwners_DestroyReturnsWhatClosersReturned(t *testing.T) {
	_, players := group(t)
	require.NoError(t, players.Destroy("ann"), "there is none")
	e1, e2 := errors.New("one"), errors.New("two")
	first := players.Get("ann")
	hold := busy(first)
	tether.Own(first, closer(func() error { return e1 }))
	first.Cancel(nil)
	tether.Own(players.Get("ann"), closer(func() error { close(hold); return e2 }))
	err := players.Destroy("ann")
	require.ErrorIs(t, err, e1)
	require.ErrorIs(t, err, e2)
	require.NoError(t, players.Destroy("ann"))
}

func TestOwners_DestroyInACleanupOrHandlerOfTheOwnerIsPending(t *testing.T) {
	_, players := group(t)
	ann := players.Get("ann")
	var errs []error
	ann.Defer(func() { errs = append(errs, players.Destroy("ann")) })
	var said tether.Signal[int]
	said.Connect(ann, func(int) { errs = append(errs, players.Destroy("ann")) })
	said.Fire(1)
	require.Equal(t, []error{tether.ErrPending, tether.ErrPending}, errs)
	require.Zero(t, players.Entries())
}

func TestOwners_APanicOfACleanupLeavesTheFreshOne(t *testing.T) {
	_, players := group(t)
	old := players.Get("ann")
	old.Defer(func() { panic("ouch") })
	require.PanicsWithValue(t, "ouch", func() { players.Replace("ann") })
	<-old.Ended()
	fresh, ok := players.Lookup("ann")
	require.True(t, ok)
	require.NotSame(t, old, fresh)
	require.Same(t, fresh, players.Get("ann"))
	next := players.Replace("ann")
	require.NotSame(t, fresh, next)
	require.Equal(t, 1, players.Entries())
}

func TestOwners_InheritTheGroupsPanicHandler(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var of string
	players := keyed.New[string](app, "players", tether.WithPanicHandler(func(p *tether.PanicError) { of = p.Owner }))
	players.Get("ann").Defer(func() { panic("ouch") })
	require.NoError(t, players.Destroy("ann"))
	require.Equal(t, "app/players/ann", of)
}

func TestOwners_TheBodyOfAllMayEndThem(t *testing.T) {
	_, players := group(t)
	for i := range 10 {
		players.Get(fmt.Sprint(i))
	}
	n := 0
	for key, owner := range players.All() {
		require.Equal(t, key, owner.Name())
		for other := range players.All() {
			if other != key {
				players.Destroy(other)
			}
		}
		n++
	}
	require.Equal(t, 1, n)
	require.Equal(t, 1, players.Len())
	for range players.All() {
		players.Get("new") // not part of this loop
		break
	}
}

func TestOwners_AKeysStringMethodMayUseTheGroup(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	players := keyed.New[any](app, "players")
	c := chatty{&players}
	require.Equal(t, "app/players/chatty", players.Get(c).Path())
	require.Equal(t, 2, players.Len())
	players.Replace(c)
}

func TestOwners_AnIterationOfAllMayEndEarly(t *testing.T) {
	root := tether.NewOwner("root")
	defer root.Destroy()
	group := keyed.New[int](root, "group")
	for i := range 5 {
		group.Get(i)
	}
	n := 0
	for range group.All() {
		if n++; n == 2 {
			break
		}
	}
	require.Equal(t, 2, n)
}
