package keyed_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
	"github.com/seed-ec287111/tether/keyed"
)

// stuck makes n owners of one key that are cut off, but do not end before release
// is closed, with make, which is given the last one.
func stuck(players *keyed.Owners[string], n int, release chan bool) {
	for range n {
		ann := players.Get("ann")
		ann.Go(func(context.Context) { <-release })
		ann.Cancel(nil)
	}
}

// Get made a list of all earlier owners of its key, that nobody looked at. 16 times as many
// are 16 times the work then, and were 256 times.
func TestOwners_GetTakesNoLongerForEarlierOwners(t *testing.T) {
	generations := func(n int) time.Duration {
		least := time.Hour
		for range 3 {
			app := tether.NewOwner("app")
			release := make(chan bool)
			least = min(least, testkit.CPU(func() {
				stuck(keyed.New[string](app, "players"), n, release)
				close(release)
				app.Destroy()
			}))
		}
		return least
	}
	few, many := max(generations(1000), time.Millisecond), generations(16_000)
	require.Less(t, many, 100*few, "1000 owners of one key: %v, 16 000: %v", few, many)
}

// Replace inside a handler went through all earlier owners, and read the stack for
// each: it may not wait for any.
func TestOwners_ReplaceInsideAHandlerTakesNoLongerForEarlierOwners(t *testing.T) {
	replace := func(n int) time.Duration {
		app := tether.NewOwner("app")
		defer app.Destroy()
		players := keyed.New[string](app, "players")
		release := make(chan bool)
		defer close(release)
		stuck(players, n, release)
		var s tether.Signal[int]
		var d time.Duration
		s.Connect(app, func(int) {
			d = testkit.CPU(func() {
				for range 100 {
					players.Replace("ann")
				}
			})
		})
		s.Fire(1)
		return d
	}
	few, many := min(replace(10), replace(10), replace(10)), min(replace(2000), replace(2000), replace(2000))
	require.Less(t, many, 10*few, "with 10 earlier ones: %v, 2000: %v", few, many)
}

// In a group that was cut off, and can't end yet, every Get made one more owner.
func TestOwners_GetInADeadGroupMakesOneOwnerOfAKey(t *testing.T) {
	app := tether.NewOwner("app")
	players := keyed.New[string](app, "players")
	release := make(chan bool)
	ann := players.Get("ann")
	ann.Go(func(context.Context) { <-release })
	app.Cancel(nil)
	dead := players.Get("ann")
	require.NotSame(t, ann, dead)
	cleaned := 0
	for range 100 {
		o := players.Get("ann")
		require.False(t, o.Alive())
		require.Same(t, dead, o)
		o.Defer(func() { cleaned++ })
	}
	require.Equal(t, 4, app.Stats().Owners)
	var s tether.Signal[int]
	free := tether.NewOwner("free")
	defer free.Destroy()
	s.Connect(free, func(int) {
		for range 100 {
			require.False(t, players.Replace("ann").Alive())
		}
	})
	s.Fire(1)
	require.Equal(t, 4, app.Stats().Owners)
	require.Equal(t, 100, cleaned, "the first Replace has ended it")
	close(release)
	<-app.Ended()
	require.Zero(t, players.Entries())
}

// Replace waits for all earlier owners, also for those below one that ends, and
// below its own when somebody else ends that meanwhile.
func TestOwners_ReplaceWaitsForAllEarlierOwnersInWhateverOrderTheyEnd(t *testing.T) {
	for _, order := range [][]int{{0, 1, 2, 3}, {3, 2, 1, 0}, {2, 0, 3, 1}, {1, 3, 0, 2}} {
		synctest.Test(t, func(t *testing.T) {
			app := tether.NewOwner("app")
			defer app.Destroy()
			players := keyed.New[string](app, "players")
			release := make([]chan bool, len(order))
			for i := range release {
				release[i] = make(chan bool)
				ann := players.Get("ann")
				ann.Go(func(context.Context) { <-release[i] })
				ann.Cancel(nil)
			}
			var fresh *tether.Owner
			var wg sync.WaitGroup
			wg.Go(func() { fresh = players.Replace("ann") })
			synctest.Wait()
			players.Get("ann").Cancel(nil)
			synctest.Wait()
			require.Equal(t, 1, players.Entries())
			for _, i := range order {
				require.Nil(t, fresh, "%v", order)
				close(release[i])
				synctest.Wait()
			}
			wg.Wait()
			require.False(t, fresh.Alive())
			require.Zero(t, players.Entries())
		})
	}
}

// A panic of the newest owner's cleanup must not keep the ones below from being
// waited for.
func TestOwners_WaitForTheRestAfterAPanic(t *testing.T) {
	for name, verb := range map[string]func(*keyed.Owners[string]){
		"Destroy": func(o *keyed.Owners[string]) { o.Destroy("ann") },
		"Replace": func(o *keyed.Owners[string]) { o.Replace("ann") },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app := tether.NewOwner("app")
				defer app.Destroy()
				players := keyed.New[string](app, "players")
				release, ended := make(chan bool), false
				first := players.Get("ann")
				first.Defer(func() { ended = true })
				first.Go(func(context.Context) { <-release })
				first.Cancel(nil)
				second := players.Get("ann")
				second.Go(func(context.Context) { <-release })
				second.Defer(func() { panic(errors.New("ouch")) })
				var v any
				done := false
				go func() {
					defer func() { v = recover(); done = true }()
					verb(players)
				}()
				synctest.Wait()
				require.False(t, done)
				close(release)
				synctest.Wait()
				require.True(t, done && ended)
				require.EqualError(t, v.(error), "ouch")
			})
		})
	}
}

type title string

func (t title) String() string { return "the " + string(t) }

func TestOwners_AreNamedAsSprintNamesTheirKeys(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	require.Equal(t, "-12", keyed.New[int](app, "g").Get(-12).Name())
	require.Equal(t, "ann", keyed.New[string](app, "g").Get("ann").Name())
	require.Equal(t, "the lord", keyed.New[title](app, "g").Get("lord").Name())
	require.Equal(t, "{1 2}", keyed.New[[1]struct{ a, b int }](app, "g").Get([1]struct{ a, b int }{{1, 2}}).Name()[1:6])
	any := keyed.New[any](app, "g")
	require.Equal(t, "1.5", any.Get(1.5).Name())
	require.Equal(t, "<nil>", any.Get(nil).Name())
}

// Where it may not wait for its own owner, an owned goroutine waits for the others.
func TestOwners_ReplaceInAGoroutineOfAnEarlierOwnerWaitsForTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		players := keyed.New[string](app, "players")
		release := make(chan bool)
		stuck(players, 1, release)
		replaced := false
		ann := players.Get("ann")
		ann.Go(func(context.Context) {
			ann.Cancel(nil)
			players.Replace("ann")
			replaced = true
		})
		synctest.Wait()
		require.False(t, ann.Alive())
		require.False(t, replaced)
		close(release)
		synctest.Wait()
		require.True(t, replaced)
	})
}

func TestOwners_HaveRoomForThoseThatThereAreAtOnce(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	players := keyed.New[int](app, "players")
	players.Get(-1)
	for i := range 100 {
		players.Get(i)
		players.Get(i + 1)
		players.Destroy(i)
	}
	players.Destroy(100)
	require.LessOrEqual(t, players.Slots(), 3)
	players.Destroy(-1)
	require.Zero(t, players.Slots())
	players.Get(1)
	require.Equal(t, 1, players.Slots())
}
