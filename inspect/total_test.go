package inspect_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/inspect"
	"github.com/seed-ec287111/tether/keyed"
)

// counted returns what the queues of o have taken and dropped.
func counted(o *tether.Owner) [2]uint64 {
	t := inspect.Of(o).Total()
	return [2]uint64{t.Taken, t.Dropped}
}

// fill has a queue of o take in five values, and drop three of them.
func fill(o *tether.Owner, opts ...tether.QueueOption) {
	var s tether.Signal[int]
	q := tether.NewQueue(o, 2, tether.DropOldest, append(opts, tether.Manual())...)
	s.Connect(o, func(int) {}, tether.On(q))
	for i := range 5 {
		s.Fire(i)
	}
}

func TestTotal_WhatQueuesHaveCountedOutlastsThemAndTheirOwners(t *testing.T) {
	app := newOwner(t, "app")
	lobby := app.NewChild("lobby")
	table := lobby.NewChild("table")
	seat := table.NewChild("seat")
	fill(table)
	fill(seat)
	fill(seat)
	require.Equal(t, [2]uint64{15, 9}, counted(app))
	table.Destroy()
	for _, o := range []*tether.Owner{app, lobby, table} {
		require.Equal(t, [2]uint64{15, 15}, counted(o), "what was pending in %s is dropped", o)
	}
	require.Equal(t, [2]uint64{10, 10}, counted(seat), "its own")
	require.Zero(t, inspect.Of(lobby).Total().Queues)
	lobby.Destroy()
	require.Equal(t, [2]uint64{15, 15}, counted(app))
	fill(app.NewChild("bar"))
	fill(app)
	require.Equal(t, [2]uint64{25, 21}, counted(app))
	app.Destroy()
	require.Equal(t, [2]uint64{25, 25}, counted(app))
	require.Equal(t, [2]uint64{15, 15}, counted(lobby), "not what is beside it")
}

func TestTotal_AQueueThatFinishesCountsToTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		table := app.NewChild("table")
		var s tether.Signal[int]
		q := tether.NewQueue(table, 2, tether.DropNewest, tether.Finish())
		open := make(chan struct{})
		s.Connect(table, func(int) { <-open }, tether.On(q))
		for i := range 5 {
			s.Fire(i) // one is handled, two are pending
			synctest.Wait()
		}
		table.Cancel(nil)
		require.Equal(t, [2]uint64{3, 2}, counted(app))
		require.Equal(t, 1, inspect.Of(app).Total().Queues, "it has something to do")
		close(open)
		<-table.Ended()
		require.Equal(t, [2]uint64{3, 2}, counted(app))
		require.Zero(t, inspect.Of(app).Total().Queues)
		app.Destroy()
	})
}

// A value whose firer is held is dropped when the queue dies, and counted by the firer: that
// may be when the owner has ended, and its parent too.
func TestTotal_AValueThatIsDroppedLateIsCounted(t *testing.T) {
	for _, c := range []struct {
		opt            tether.QueueOption
		taken, dropped uint64
	}{{tether.Manual(), 1, 5}, {tether.Finish(), 2, 3}} {
		synctest.Test(t, func(t *testing.T) {
			app := tether.NewOwner("app")
			lobby := app.NewChild("lobby")
			var s tether.Signal[int]
			q := tether.NewQueue(lobby.NewChild("table"), 1, tether.Block, c.opt)
			open := make(chan struct{})
			s.Connect(app, func(int) { <-open }, tether.On(q))
			for range 5 {
				go s.Fire(1)
				synctest.Wait()
			}
			require.Equal(t, [2]uint64{c.taken, 0}, counted(app))
			lobby.Cancel(nil)
			close(open)
			<-lobby.Ended()
			synctest.Wait()
			require.Equal(t, c.dropped, q.Dropped())
			require.Equal(t, [2]uint64{c.taken, c.dropped}, counted(app))
			require.NoError(t, app.Destroy())
			require.Equal(t, [2]uint64{c.taken, c.dropped}, counted(app))
		})
	}
}

func TestByName_NumbersAreFoldedAndNamesStay(t *testing.T) {
	app := newOwner(t, "app")
	for i := range 10 {
		fill(app.NewChild(fmt.Sprint("player-", i)))
	}
	fill(app.NewChild("bad/name\n"))
	all := inspect.Of(app).ByName()
	require.Len(t, all, 3)
	require.Equal(t, 10, all["player-#"].Owners)
	require.Equal(t, 10, all["player-#"].Connections)
	require.Equal(t, inspect.Totals{Stats: all["player-#"].Stats, Queues: 10, Queued: 20, Taken: 50, Dropped: 30}, all["player-#"])
	require.Equal(t, inspect.Totals{Stats: tether.Stats{Owners: 1}}, all["app"])
	require.EqualValues(t, 5, all[`"bad/name\n"`].Taken)
	for c := range inspect.Of(app).Children() {
		require.NotZero(t, c.Queues)
	}
	app.Destroy()
	all = inspect.Of(app).ByName()
	require.Equal(t, inspect.Totals{Taken: 50, Dropped: 50}, all["player-#"])
	require.Equal(t, inspect.Totals{Taken: 5, Dropped: 5}, all[`"bad/name\n"`])
	require.Zero(t, all["app"])
}

func TestByName_ManyNamesAreBounded(t *testing.T) {
	app := newOwner(t, "app")
	early := app.NewChild("early")
	fill(early)
	require.Len(t, inspect.Of(app).ByName(), 2, "from now on it has a name")
	name := func(i int) string { return strings.Repeat(string(rune('a'+i%26)), 1+i/26) } // to 385 bytes
	for i := range 10_000 {
		o := app.NewChild(name(i))
		if i < 1000 {
			fill(o)
		}
		if i%2 == 0 {
			o.Destroy()
		}
	}
	check := func(early, late, sum uint64) map[string]inspect.Totals {
		t.Helper()
		all := inspect.Of(app).ByName()
		require.Len(t, all, 256)
		require.Equal(t, early, all["early"].Dropped)
		require.Equal(t, late, all["late"].Dropped)
		var s inspect.Totals
		for name, of := range all {
			require.LessOrEqual(t, len(name), 64)
			s.Taken += of.Taken
			s.Dropped += of.Dropped
			s.Owners += of.Owners
		}
		require.Equal(t, sum, s.Dropped)
		require.Equal(t, counted(app), [2]uint64{s.Taken, s.Dropped})
		require.Equal(t, app.Stats().Owners, s.Owners)
		return all
	}
	const sum = 3 + 500*5 + 500*3
	before := check(3, 0, sum)
	fill(app.NewChild("late"))
	after := check(3, 0, sum+3)
	require.Equal(t, before[inspect.Other].Dropped+3, after[inspect.Other].Dropped)
	early.Destroy()
	check(5, 0, sum+5)
}

func TestByName_OwnersNamedByKeysAreCountedByTheirGroup(t *testing.T) {
	app := newOwner(t, "app")
	sessions := keyed.New[string](app, "sessions of 7")
	for _, user := range []string{"ann", "bob", "eve"} {
		fill(sessions.Get(user))
		fill(sessions.Get(user).NewChild("part"))
	}
	devices := keyed.NewMap(app, strings.Repeat("d", 100), func(o *tether.Owner, _ string) int { return 1 })
	devices.Get("x")
	sessions.Get("eve").Destroy()
	all := inspect.Of(app).ByName()
	require.Len(t, all, 6)
	require.Equal(t, 2, all["key of sessions of #"].Owners)
	require.EqualValues(t, 15, all["key of sessions of #"].Taken)
	require.EqualValues(t, 15, all["part"].Taken)
	require.Equal(t, 1, all["sessions of #"].Owners)
	require.Equal(t, 1, all["key of "+strings.Repeat("d", 57)].Owners)
}

func TestByName_ANameIsCutBetweenTwoRunes(t *testing.T) {
	app := newOwner(t, strings.Repeat("é", 40))
	app.NewChild("x" + strings.Repeat("é", 40))
	app.NewChild(strings.Repeat("\xff", 100))
	all := inspect.Of(app).ByName()
	require.Len(t, all, 3)
	require.Contains(t, all, strings.Repeat("é", 32))
	require.Contains(t, all, "x"+strings.Repeat("é", 31))
	require.Zero(t, inspect.OwnerInfo{}.ByName())
}

// The proof of internal/scope/past.go, by trial: owners with queues of all kinds come and go,
// two levels deep, while others walk. No walk counts more than was fired, and none less than
// one that returned before it began. At the end everything is counted, once.
func TestTotal_NeverFallsAndCountsNothingTwice(t *testing.T) {
	cores(t, func(t *testing.T) {
		app := newOwner(t, "app")
		const lobbies, rounds, values = 4, 15, 40
		var begun, owed atomic.Uint64 // values fired, and those that queues say to have dropped
		var done atomic.Bool
		var readers, lobby sync.WaitGroup
		walk := func(look func() (taken, dropped uint64)) {
			var seen [2]atomic.Uint64
			for range 2 {
				readers.Go(func() {
					for !done.Load() {
						before := [2]uint64{seen[0].Load(), seen[1].Load()}
						taken, dropped := look()
						for i, n := range [2]uint64{taken, dropped} {
							if n < before[i] || n > begun.Load() {
								t.Errorf("%s: counted %d, after %d, of %d", [2]string{"taken", "dropped"}[i], n, before[i], begun.Load())
								return
							}
							for old := seen[i].Load(); n > old && !seen[i].CompareAndSwap(old, n); old = seen[i].Load() {
							}
						}
					}
				})
			}
		}
		top := inspect.Of(app)
		walk(func() (uint64, uint64) { t := top.Total(); return t.Taken, t.Dropped })
		walk(func() (taken, dropped uint64) {
			for _, t := range top.ByName() {
				taken += t.Taken
				dropped += t.Dropped
			}
			return
		})
		walk(func() (uint64, uint64) { t := top.ByName()["seat-#"]; return t.Taken, t.Dropped })

		round := func(l, r int) {
			var firers sync.WaitGroup
			var queues []*tether.Queue
			defer func() {
				firers.Wait()
				for _, q := range queues {
					owed.Add(q.Dropped())
				}
			}()
			table := app.NewChild("table")
			defer table.Destroy()
			for i, opts := range [][]tether.QueueOption{nil, {tether.Manual()}, {tether.Finish()}} {
				seat := table.NewChild(fmt.Sprint("seat-", i))
				q := tether.NewQueue(seat, 2, tether.Overflow((l+r+i)%3), opts...)
				queues = append(queues, q)
				var s tether.Signal[int]
				s.Connect(seat, func(int) { runtime.Gosched() }, tether.On(q))
				firers.Go(func() {
					for v := 0; v < values && seat.Alive(); v++ {
						begun.Add(1)
						s.Fire(v)
					}
				})
				switch rand.N(4) {
				case 0:
					seat.Destroy()
				case 1:
					seat.Cancel(nil)
				default:
					for range rand.N(6) {
						runtime.Gosched()
					}
				}
			}
		}
		for l := range lobbies {
			lobby.Go(func() {
				for r := range rounds {
					round(l, r)
				}
			})
		}
		lobby.Wait()
		done.Store(true)
		readers.Wait()
		total := inspect.Of(app).Total()
		require.Equal(t, owed.Load(), total.Dropped)
		require.NotZero(t, total.Taken)
		require.NotZero(t, total.Dropped)
	})
}
