package inspect_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/inspect"
)

func TestGrowth_GroupsByFunction(t *testing.T) {
	defer inspect.RecordSites()()
	app := newOwner(t, "app")
	lobby := app.NewChild("lobby")
	var s tether.Signal[string]
	for i := range 50 {
		s.Connect(lobby, func(string) {}) // grown connection
		s.Connect(lobby, func(string) {})
		app.NewChild(fmt.Sprint("c", i)) // grown child
		if i < 40 {
			lobby.Defer(func() {}) // grown cleanup
		}
		if i < 30 {
			lobby.Go(func(ctx context.Context) { <-ctx.Done() }) // grown goroutine
		}
	}
	all := inspect.Growth(app, 0)
	require.Len(t, all, 6, "with lobby itself, one child of its own")
	g := find(t, all, "connection")
	require.Equal(t, inspect.Group{Owner: "app/lobby", Kind: "connection", Func: g.Func, What: "string", Count: 50}, g)
	require.Equal(t, line(t, "grown connection"), g.Func.Line)
	require.Equal(t, line(t, "grown child"), find(t, all, "child").Func.Line)
	require.Equal(t, "c#", find(t, all, "child").What)
	require.Equal(t, line(t, "grown cleanup"), find(t, all, "cleanup").Func.Line)
	require.Equal(t, line(t, "grown goroutine"), find(t, all, "goroutine").Func.Line)
	for i := 1; i < len(all); i++ {
		require.GreaterOrEqual(t, all[i-1].Count, all[i].Count, "largest first")
	}
	require.Len(t, inspect.Growth(app, 40), 3, "over the limit, not at it")
	require.Equal(t, all, inspect.Of(app).Growth(0))
}

func TestWatchGrowth_ReportsAGroupThatGrowsAtThreeBeatsOnceUntilItShrinks(t *testing.T) {
	app := newOwner(t, "app")
	var beats tether.Signal[tether.Tick]
	var s tether.Signal[int]
	var found []inspect.Group
	c := inspect.WatchGrowth(app, &beats, 0, func(g inspect.Group) { found = append(found, g) })
	var conns []*tether.Connection
	beat := func(grow int) int {
		for range grow {
			conns = append(conns, s.Connect(app, func(int) {}))
		}
		for range -grow {
			conns[len(conns)-1].Disconnect()
			conns = conns[:len(conns)-1]
		}
		beats.Fire(tether.Tick{})
		n := len(found)
		found = found[:0]
		return n
	}
	for _, grow := range []int{5, 1, 1, 0, 1, 1, -1, 1, 1} {
		require.Zero(t, beat(grow), "never three in a row")
	}
	require.Equal(t, 1, beat(2))
	g := found[:1][0]
	require.Equal(t, 12, g.Count)
	require.Equal(t, 4, g.Grown, "since the first of the three")
	require.Equal(t, "connection", g.Kind)
	for range 10 {
		require.Zero(t, beat(3), "once")
	}
	require.Zero(t, beat(0))
	require.Zero(t, beat(-1))
	require.Zero(t, beat(1))
	require.Zero(t, beat(1))
	require.Equal(t, 1, beat(1), "again, as it had become smaller")
	require.Zero(t, beat(-len(conns)))
	c.Disconnect()
	for range 5 {
		require.Zero(t, beat(1))
	}
}

func TestWatchGrowth_ReportsAGroupOverTheLimitOnceUntilItShrinks(t *testing.T) {
	app := newOwner(t, "app")
	var beats tether.Signal[tether.Tick]
	var found []inspect.Group
	inspect.WatchGrowth(app, &beats, 3, func(g inspect.Group) { found = append(found, g) })
	var children []*tether.Owner
	for i := range 4 {
		children = append(children, app.NewChild(fmt.Sprint("child", i)))
	}
	for range 3 {
		beats.Fire(tether.Tick{})
	}
	require.Len(t, found, 1)
	require.Equal(t, "child app child# 4 unknown", fmt.Sprint(found[0].Kind, " ", found[0].Owner, " ", found[0].What, " ", found[0].Count, " ", found[0].Func))
	var buf bytes.Buffer
	slog.New(slog.NewTextHandler(&buf, nil)).Warn("x", "g", found[0])
	require.Contains(t, buf.String(), "g.owner=app g.kind=child g.func=unknown g.what=child# g.count=4 g.grown=0")
	children[0].Destroy()
	beats.Fire(tether.Tick{})
	app.NewChild("child9")
	beats.Fire(tether.Tick{})
	require.Len(t, found, 2)
	app.Destroy()
	require.Zero(t, beats.Len())
}

// A report that panicked took the groups of the same beat with it that were still to be told.
// As each is told once, nobody ever heard of them.
func TestWatchGrowth_TellsOfTheOthersWhenAReportPanics(t *testing.T) {
	panics := 0
	app := tether.NewOwner("app", tether.WithPanicHandler(func(*tether.PanicError) { panics++ }))
	defer app.Destroy()
	var beats tether.Signal[tether.Tick]
	told := make(map[string]int)
	inspect.WatchGrowth(app, &beats, 1, func(g inspect.Group) {
		told[g.What]++
		panic("no space left on the log's disk")
	})
	for i := range 2 {
		for _, name := range []string{"a", "b", "c"} {
			app.NewChild(fmt.Sprint(name, i))
		}
	}
	beats.Fire(tether.Tick{})
	require.Equal(t, map[string]int{"a#": 1, "b#": 1, "c#": 1}, told)
	require.Equal(t, 1, panics, "the handler of a beat panics once")
	beats.Fire(tether.Tick{})
	require.Equal(t, map[string]int{"a#": 1, "b#": 1, "c#": 1}, told)
}
