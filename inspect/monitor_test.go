package inspect_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/inspect"
)

// of returns the trouble of a kind whose owner has the prefix.
func of(r *inspect.Survey, kind, owner string) (found []inspect.Trouble) {
	for _, t := range r.Trouble {
		if t.Kind == kind && strings.HasPrefix(t.Owner, owner) {
			found = append(found, t)
		}
	}
	return found
}

// tree returns the folds of one root.
func tree(t *testing.T, r *inspect.Survey, name string) *inspect.Fold {
	t.Helper()
	for _, f := range r.Roots {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("no root %s", name)
	return nil
}

func below(f *inspect.Fold) (names []string) {
	for _, c := range f.Below {
		names = append(names, fmt.Sprintf("%s×%d", c.Name, c.Owners))
	}
	return names
}

func TestMonitor_FoldsWhatIsAlike(t *testing.T) {
	app := newOwner(t, "folded")
	app.NewChild("store")
	var s tether.Signal[string]
	for i := range 1000 {
		room := app.NewChild(fmt.Sprint("room-", i%2, "-", i))
		s.Connect(room, hear)
		s.Connect(room, hear)
		for j := range i % 3 {
			room.NewChild(fmt.Sprint("seat", j)).Defer(sweep)
		}
	}
	door := app.NewChild("door-7")
	for range 5 { // a queue each, alike
		tether.NewQueue(door, 4, tether.DropOldest, tether.Manual())
	}
	f := tree(t, inspect.NewMonitor(time.Second).Look(), "folded")
	require.Equal(t, []string{"store×1", "room-#-#×1000", "door-7×1"}, below(f), "oldest first")
	rooms := f.Below[1]
	require.Equal(t, []inspect.Hold{{Kind: "connection", Func: rooms.Holds[0].Func, What: "string", Count: 2000, About: true}}, rooms.Holds)
	require.Contains(t, rooms.Holds[0].Func.Name, "inspect_test.hear")
	require.Equal(t, []string{"seat#×999"}, below(rooms))
	require.Equal(t, app.Stats(), f.Total.Stats)
	require.Equal(t, 5, f.Total.Queues)
	require.Len(t, f.Below[2].Holds, 1)
	require.Equal(t, "4 DropOldest", f.Below[2].Holds[0].What)
	require.Equal(t, 5, f.Below[2].Holds[0].Count)

	few, all := rooms.Sample()
	require.False(t, all)
	require.Len(t, few, 32)
	require.Equal(t, "folded/room-0-0", few[0].Owner)
	require.Equal(t, "folded/room-1-15", few[15].Owner)
	require.Equal(t, "folded/room-0-984", few[16].Owner)
	require.Equal(t, "folded/room-1-999", few[31].Owner)
	require.Equal(t, 2, few[3].Connections)
	require.Equal(t, 2, few[3].Holds()[0].Count)
	one, all := f.Sample()
	require.True(t, all)
	require.Len(t, one[0].Below(3), 3)
	require.Equal(t, "door-7", one[0].Below(3)[2].Name)
	door.Destroy()
	again, ok := one[0].Again()
	require.True(t, ok)
	require.Equal(t, one[0].ID, again.ID)
	require.Equal(t, 1001, again.Children)
}

// Whoever chooses names can make as many kinds as they like, and as deep.
func TestMonitor_IsBoundedWhateverTheNamesAre(t *testing.T) {
	app := newOwner(t, "wild")
	letters := func(i int) string { return strings.Map(func(r rune) rune { return r + 'g' - '0' }, fmt.Sprint(i)) }
	for i := range 5000 {
		app.NewChild(letters(i))
	}
	deep := app.NewChild("7")
	for range 1000 {
		deep = deep.NewChild("7")
	}
	f := tree(t, inspect.NewMonitor(time.Second).Look(), "wild")
	require.Len(t, f.Below, 101)
	rest := f.Below[100]
	require.True(t, rest.Rest)
	require.Equal(t, 5001-100, rest.Owners)
	require.Equal(t, app.Stats(), f.Total.Stats)
	depth := 0
	for ; len(f.Below) > 0; f = f.Below[0] {
		depth++
	}
	require.LessOrEqual(t, depth, 100)
}

func TestMonitor_WhatGrowsIsTroubleAndWhatComesAndGoesIsNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		defer inspect.RecordSites()()
		app := newOwner(t, "grower")
		var s tether.Signal[string]
		m := inspect.NewMonitor(time.Second)
		var gone []*tether.Owner
		for i := range 40 {
			if i%4 == 0 { // slowly
				app.Defer(sweep)
				child := app.NewChild(fmt.Sprint("client-", i)) // makes clients
				s.Connect(child, hear)                          // grows because they do
				s.Connect(app, count2)
				s.Connect(app, count2)
			}
			for len(gone) < 10+i%3 {
				gone = append(gone, app.NewChild(fmt.Sprint("visitor ", len(gone))))
			}
			for len(gone) > 10+i%2 {
				gone[0].Destroy()
				gone = gone[1:]
			}
			r := m.Look()
			grows := of(r, "grows", "grower")
			switch {
			case i < 12:
				require.Empty(t, grows, "look %d", i)
			case i >= 32:
				require.Len(t, grows, 3, "look %d: %v", i, grows)
				require.Equal(t, i >= 30, grows[0].Grave)
			}
			if i == 36 {
				var text []string
				for _, g := range grows {
					text = append(text, fmt.Sprint(g.What, " ", g.Count, " ", g.Grown))
				}
				require.ElementsMatch(t, []string{"child client-# 10 9", "cleanup 10 9", "connection string 20 18"}, text)
				for _, g := range grows {
					if g.What == "child client-#" {
						require.Equal(t, line(t, "makes clients"), g.Where.Line)
					}
				}
			}
			time.Sleep(time.Second)
		}
	})
}

func count2(string) {}

func TestMonitor_WhatIsStuckIsTroubleUntilItIsNot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := newOwner(t, "sticky")
		var s tether.Signal[int]
		gate := make(chan bool)
		s.Connect(app, func(int) { <-gate }) // sticks
		m := inspect.NewMonitor(2 * time.Second)
		go s.Fire(1)
		for i := range 10 {
			time.Sleep(time.Second)
			stuck := of(m.Look(), "stuck", "sticky")
			if i < 2 {
				require.Empty(t, stuck)
				continue
			}
			require.Len(t, stuck, 1)
			require.Equal(t, line(t, "sticks"), stuck[0].Where.Line)
			require.Contains(t, stuck[0].Stack, "TestMonitor_WhatIsStuckIsTroubleUntilItIsNot")
			require.Equal(t, time.Duration(i)*time.Second, time.Since(stuck[0].Since))
		}
		go app.Destroy()
		for range 4 {
			time.Sleep(time.Second)
			m.Look()
		}
		down := of(m.Look(), "teardown", "sticky")
		require.Len(t, down, 1)
		require.Len(t, down[0].Running, 1)
		require.Contains(t, down[0].Where.File, "monitor_test.go")
		close(gate)
		synctest.Wait()
		r := m.Look()
		require.Empty(t, of(r, "stuck", "sticky"))
		require.Empty(t, of(r, "teardown", "sticky"))
	})
}

// To print the stacks of very many goroutines stops the program for long: it was done for
// teardowns all the same.
// Each handler that was stuck kept the dump of all goroutines by which it had been found, for as
// long as it was stuck.
func TestMonitor_WhatIsStuckKeepsNoDumps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := newOwner(t, "stuck")
		gate := make(chan bool)
		defer close(gate)
		for range 2000 { // a dump of 1 MB or so
			go func() { <-gate }()
		}
		heap := func() int {
			var m runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&m)
			return int(m.HeapAlloc)
		}
		m := inspect.NewMonitor(time.Second)
		m.Look()
		before := heap()
		for range 30 {
			o := app.NewChild("child")
			var s tether.Signal[int]
			s.Connect(o, func(int) { <-gate })
			go s.Fire(1)
			time.Sleep(time.Second)
			m.Look()
		}
		time.Sleep(2 * time.Second)
		m.Look()
		require.NotEmpty(t, of(m.Look(), "stuck", "stuck/child"))
		require.Less(t, heap()-before, 4<<20)
		runtime.KeepAlive(m)
	})
}

func TestMonitor_PrintsNoStacksOfVeryManyGoroutines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := newOwner(t, "crowded")
		var s tether.Signal[int]
		gate := make(chan bool)
		s.Connect(app, func(int) { <-gate }) // crowds
		go s.Fire(1)
		for range 10_001 {
			go func() { <-gate }()
		}
		m := inspect.NewMonitor(2 * time.Second)
		synctest.Wait()
		look := func() *inspect.Survey {
			var r *inspect.Survey
			for range 4 {
				r = m.Look()
				time.Sleep(time.Second)
			}
			return r
		}
		stuck := of(look(), "stuck", "crowded")
		require.Len(t, stuck, 1)
		require.Empty(t, stuck[0].Stack)
		go app.Destroy()
		synctest.Wait()
		down := of(look(), "teardown", "crowded")
		require.Len(t, down, 1)
		require.Empty(t, down[0].Stack)
		require.Equal(t, line(t, "crowds"), down[0].Where.Line)
		close(gate)
	})
}

func TestMonitor_QueuesThatAreFullOrDropAreTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := newOwner(t, "queues")
		var s tether.Signal[int]
		block := tether.NewQueue(app.NewChild("full"), 2, tether.Block)
		drops := tether.NewQueue(app.NewChild("dropping"), 4, tether.DropOldest, tether.Manual())
		tether.NewQueue(app.NewChild("idle"), 4, tether.DropOldest, tether.Manual())
		gate := make(chan bool)
		var one, two tether.Signal[int]
		one.Connect(app, func(int) { <-gate }, tether.On(block)) // blocks
		two.Connect(app, count, tether.On(drops))
		m := inspect.NewMonitor(2 * time.Second)
		go func() {
			for i := range 5 {
				one.Fire(i)
			}
		}()
		for range 4 {
			for i := range 10 {
				two.Fire(i)
			}
			time.Sleep(time.Second)
			drops.Drain()
			m.Look()
		}
		brief := tether.NewQueue(app.NewChild("brief"), 1, tether.Block, tether.Manual())
		s.Connect(app, count, tether.On(brief))
		s.Fire(1)
		r := m.Look()
		full := of(r, "full", "queues")
		require.Len(t, full, 1)
		require.Equal(t, "queues/full", full[0].Owner)
		require.True(t, full[0].Grave)
		require.Equal(t, line(t, "blocks"), full[0].Where.Line)
		require.Equal(t, "2 pending, 0 dropped, 1 held Fire", full[0].Text)
		dropping := of(r, "drops", "queues")
		require.Len(t, dropping, 1)
		require.Equal(t, "queues/dropping", dropping[0].Owner)
		require.Equal(t, 18, dropping[0].Grown)
		brief.Drain()
		close(gate)
		time.Sleep(time.Minute)
		r = m.Look()
		require.Empty(t, of(r, "full", "queues"))
		require.Empty(t, of(r, "drops", "queues"))
	})
}

// If looks came less often than twice in the time after which a handler is stuck, the stacks of
// handlers without a slot were compared with themselves, and all that ran were stuck.
func TestMonitor_NoneOfManyBusyHandlersIsStuckHoweverRareLooksAre(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := newOwner(t, "rarely")
		var s tether.Signal[int]
		s.Connect(app, func(v int) { time.Sleep(time.Duration(v) * time.Millisecond) })
		var wg sync.WaitGroup
		crowd := func(times, v int) {
			for range 600 {
				wg.Go(func() {
					for range times {
						wg.Go(func() { s.Fire(v) }) // on a goroutine of its own
						time.Sleep(time.Duration(v) * time.Millisecond)
					}
				})
			}
		}
		m := inspect.NewMonitor(time.Second)
		look := func() []inspect.Trouble {
			time.Sleep(1100 * time.Millisecond)
			return of(m.Look(), "stuck", "rarely")
		}
		crowd(8, 700)
		for range 5 {
			require.Empty(t, look())
		}
		wg.Wait()
		crowd(1, 10_000)
		look()
		look()
		stuck := look()
		require.Len(t, stuck, 1)
		require.Equal(t, 600, stuck[0].Count)
		wg.Wait()
	})
}

// The bound was on names, so a name that many calls give had any number of folds.
func TestMonitor_AFoldHasAHundredBelowAlsoIfAllHaveOneName(t *testing.T) {
	require.Equal(t, 99, inspect.KindsMadeBy(newOwner(t, "worker"), 99))
	require.Equal(t, 100, inspect.KindsMadeBy(newOwner(t, "worker"), 1000))
}

// A queue is remembered from when it has dropped a value. What it had dropped by then was taken
// for that of before the first look, so that a burst between two looks was never told of.
func TestMonitor_TellsOfValuesDroppedBetweenTwoLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := newOwner(t, "burst")
		var s tether.Signal[int]
		q := tether.NewQueue(app, 4, tether.DropOldest, tether.Manual())
		s.Connect(app, count, tether.On(q))
		for i := range 9 {
			s.Fire(i)
		}
		q.Drain()
		m := inspect.NewMonitor(2 * time.Second)
		require.Empty(t, of(m.Look(), "drops", "burst"), "nobody knows when that was")
		other := tether.NewQueue(app, 8, tether.DropNewest, tether.Manual())
		s.DisconnectAll()
		s.Connect(app, count, tether.On(other))
		m.Look()
		for i := range 13 {
			s.Fire(i)
		}
		other.Drain()
		for range 2 {
			drops := of(m.Look(), "drops", "burst")
			require.Len(t, drops, 1)
			require.Equal(t, 5, drops[0].Grown)
			require.Equal(t, "queue 8 DropNewest", drops[0].What)
			time.Sleep(time.Second)
		}
		time.Sleep(time.Minute)
		require.Empty(t, of(m.Look(), "drops", "burst"))
	})
}

// Two groups of owners whose queues have one handler were two troubles with one key. Who goes by
// the key, as a page does, saw one of them for both.
func TestMonitor_TroubleWithQueuesOfTwoGroupsHasTwoKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := newOwner(t, "twogroups")
		var s tether.Signal[string]
		for _, name := range []string{"players", "npcs"} {
			o := app.NewChild(name)
			s.Connect(o, count2, tether.On(tether.NewQueue(o, 1, tether.DropNewest, tether.Manual())))
		}
		m := inspect.NewMonitor(time.Second)
		s.Fire("")
		m.Look()
		full := of(m.Look(), "full", "twogroups")
		require.Len(t, full, 2)
		require.NotEqual(t, full[0].Key, full[1].Key)
		again := of(m.Look(), "full", "twogroups")
		require.ElementsMatch(t, []uint64{full[0].Key, full[1].Key}, []uint64{again[0].Key, again[1].Key})
	})
}

func TestMonitor_RemembersLostOwnersBySite(t *testing.T) {
	defer tether.OnLost(nil)()
	m := inspect.NewMonitor(time.Second)
	before := 0 // by this test, run before
	for _, l := range of(m.Look(), "lost", "forgotten 17") {
		before = l.Count
	}
	var live tether.Signal[int]
	for range 2 {
		func() {
			live.Connect(tether.NewOwner("forgotten 17"), count) // is lost
		}()
	}
	collect(t, "the lost owner", func() bool {
		lost := of(m.Look(), "lost", "forgotten 17")
		return len(lost) == 1 && lost[0].Count == before+2
	})
	lost := of(m.Look(), "lost", "forgotten 17")[0]
	require.Equal(t, line(t, "is lost"), lost.Where.Line)
	require.Contains(t, lost.String(), fmt.Sprintf("lost: forgotten 17, %d times, held 1 connection, ", before+2))
	require.Equal(t, 2, live.Len())
}

// A call in a function that the compiler inlines has as many program counters as that has
// callers. Lost owners that it had made were several troubles with one key.
func TestMonitor_LostOwnersOfAnInlinedFunctionAreOneTrouble(t *testing.T) {
	defer tether.OnLost(nil)()
	m := inspect.NewMonitor(time.Second)
	lost := func() (n int, troubles int) {
		for _, l := range of(m.Look(), "lost", "inlined") {
			n, troubles = n+l.Count, troubles+1
		}
		return n, troubles
	}
	before, _ := lost() // by this test, run before
	func() { forget().Defer(func() {}) }()
	func() { forget().Defer(func() {}) }()
	collect(t, "the lost owners", func() bool {
		n, _ := lost()
		return n == before+2
	})
	_, troubles := lost()
	require.Equal(t, 1, troubles)
}

// A call in an inlined function was several holds with one key, and so was a function in a generic
// one. Each was measured by what the other had been, so neither ever grew.
func TestMonitor_WhatOneLineMakesIsOneHold(t *testing.T) {
	defer inspect.RecordSites()()
	app := newOwner(t, "oneline")
	m := inspect.NewMonitor(time.Second)
	for i := range 8 {
		func() { queueOf(app) }()
		deferOf(app, i)
		if i > 3 {
			func() { queueOf(app) }()
			func() { queueOf(app) }()
			deferOf(app, "")
			deferOf(app, "")
		}
		m.Look()
	}
	r := m.Look()
	holds := tree(t, r, "oneline").Holds
	require.Len(t, holds, 2)
	for _, h := range holds {
		require.Equal(t, 8+2*4, h.Count, h.Kind)
	}
	require.Len(t, of(r, "grows", "oneline"), 2)
}

//go:noinline
func deferOf[T any](o *tether.Owner, v T) { o.Defer(func() { _ = fmt.Sprint(v) }) }

func queueOf(o *tether.Owner) *tether.Queue { return tether.NewQueue(o, 4, tether.Block) }

func forget() *tether.Owner { return tether.NewOwner("inlined") }

func TestSearch_FindsByNamePathFunctionAndSignal(t *testing.T) {
	app := newOwner(t, "Haystack")
	var s tether.Signal[map[string]float32]
	a := app.NewChild("Needle/1")
	a.NewChild("below")
	s.Connect(app.NewChild("b"), func(map[string]float32) {})
	app.NewChild("c").Go(poll)
	search := func(text string) (paths []string) {
		found, looked, more := inspect.Search(t.Context(), text, 100)
		require.False(t, more)
		require.GreaterOrEqual(t, looked, 5)
		for _, f := range found {
			paths = append(paths, f.Owner+" "+f.Why+f.What)
		}
		return paths
	}
	require.Equal(t, []string{`Haystack/"Needle/1" name`}, search("nEEdle/"))
	require.Equal(t, []string{`Haystack/"Needle/1" name`}, search("haystack/need"))
	require.Equal(t, []string{`Haystack/"Needle/1"/below name`}, search("stack/needle/1/below"))
	require.Equal(t, []string{"Haystack/b connectionmap[string]float32"}, search("map[string]float32"))
	require.Equal(t, []string{"Haystack/c goroutine"}, search("inspect_test.poll"))
	require.Equal(t, []string{"Haystack/c goroutine"}, search("golden_test.go:"))
	require.Empty(t, search("no such thing"))
	_, _, more := inspect.Search(t.Context(), "", 1)
	require.True(t, more)
}
