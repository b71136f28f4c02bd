package inspect_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/inspect"
)

type closer struct{}

func (*closer) Close() error { return nil }

type player struct{ moves int }

func (p *player) move(int) { p.moves++ }

func TestOwnerInfo_SaysWhatAnOwnerHolds(t *testing.T) {
	app := tether.NewOwner("app") // made
	defer app.Destroy()
	var s tether.Signal[string]
	own := tether.NewSignal[int](app)
	q := tether.NewQueue(app, 2, tether.DropOldest, tether.Manual())
	s.Connect(app, func(string) {}, tether.Priority(3)).Mute() // muted
	s.Connect(app, func(string) {}, tether.On(q))              // queued
	own.Connect(app, new(player).move)
	app.Defer(func() {}) // cleanup
	tether.Own(app, new(closer))
	app.Interrupt(func() {})
	app.AfterFunc(time.Hour, func() {})
	app.Go(func(ctx context.Context) { <-ctx.Done() }) // goroutine
	app.NewChild("one")
	two := app.NewChild("two")
	for range 5 {
		s.Fire("x")
	}

	i := inspect.Of(app)
	require.Equal(t, "app", i.Name)
	require.Equal(t, "alive", i.State)
	require.Equal(t, line(t, "made"), i.Made.Line)
	require.Equal(t, 2, i.Owners)
	require.Len(t, i.Connections, 3)
	muted, queued, method := i.Connections[0], i.Connections[1], i.Connections[2]
	require.Equal(t, line(t, "muted"), muted.Handler.Line)
	require.True(t, muted.Muted)
	require.Equal(t, 3, muted.Priority)
	require.Equal(t, "string", muted.Signal)
	require.True(t, queued.Queued)
	require.Equal(t, line(t, "queued"), queued.Handler.Line)
	require.Contains(t, queued.Handler.File, "info_test.go")
	require.Equal(t, "github.com/seed-ec287111/tether/inspect_test.(*player).move", method.Handler.String())
	require.Equal(t, []inspect.Queue{{
		Len: 2, Capacity: 2, Overflow: "DropOldest", Taken: 5, Dropped: 3,
		ID: i.Queues[0].ID, Manual: true, Connections: 1, Handlers: []inspect.Place{queued.Handler},
	}}, i.Queues)
	require.NotZero(t, i.Queues[0].ID)
	require.Equal(t, []inspect.Signal{{Type: "int", Connections: 1}}, i.Signals)
	require.Len(t, i.Cleanups, 2)
	require.Equal(t, line(t, "cleanup"), i.Cleanups[0].Line)
	require.Equal(t, "(*inspect_test.closer).Close", i.Cleanups[1].Name)
	require.Len(t, i.Interrupts, 1)
	require.Len(t, i.Timers, 1)
	require.Equal(t, line(t, "goroutine"), i.Goroutines[0].Line)

	total := i.Total()
	require.Equal(t, app.Stats(), total.Stats)
	require.Equal(t, inspect.Totals{Stats: app.Stats(), Queues: 1, Queued: 2, Taken: 5, Dropped: 3}, total)
	var paths []string
	for c := range i.All() {
		paths = append(paths, c.Path)
	}
	require.Equal(t, []string{"app", "app/one", "app/two"}, paths)
	for range i.All() {
		break
	}
	two.Cancel(nil)
	require.Equal(t, 2, i.Owners, "it does not change any more")
	require.Len(t, slices.Collect(i.Children()), 1, "what is below is as it is now")

	var buf bytes.Buffer
	slog.New(slog.NewTextHandler(&buf, nil)).Info("x", "o", i)
	require.Contains(t, buf.String(), "o.path=app o.state=alive o.owners=2 o.connections=3 o.goroutines=1 o.timers=1 o.cleanups=2")
	require.Contains(t, buf.String(), "o.queued=2 o.dropped=3")
	require.NoError(t, app.Destroy())
	require.Equal(t, "ended", inspect.Of(app).State)
}

func TestOwnerInfo_HasHandlersAndCleanupsThatRun(t *testing.T) {
	app := newOwner(t, "app")
	var s tether.Signal[int]
	s.Connect(app, func(int) {
		require.Equal(t, 1, inspect.Of(app).Handlers)
		require.Contains(t, dumpOf(t, app), "1 handler running")
	})
	s.Fire(1)
	require.Zero(t, inspect.Of(app).Handlers)
	app.Defer(func() { // unwinds
		i := inspect.Of(app)
		require.Equal(t, "unwinding", i.State)
		require.Contains(t, i.Unwinds, fmt.Sprintf("info_test.go:%d", line(t, "unwinds")))
	})
	require.NoError(t, app.Destroy())
}

func TestRoots_AreListedOldestFirstUntilTheyEnd(t *testing.T) {
	names := func() (found []string) {
		for i := range inspect.Roots() {
			if strings.HasPrefix(i.Name, "listed ") {
				found = append(found, i.Name)
			}
		}
		return found
	}
	a, b := newOwner(t, "listed a"), newOwner(t, "listed b")
	require.Equal(t, []string{"listed a", "listed b"}, names())
	require.NoError(t, a.Destroy())
	require.Equal(t, []string{"listed b"}, names())
	for range inspect.Roots() {
		break
	}
	require.NoError(t, b.Destroy())
	require.Empty(t, names())
}

func TestOwnerInfo_KeepsNothingAlive(t *testing.T) {
	defer tether.OnLost(nil)()
	var infos []inspect.OwnerInfo
	var groups []inspect.Group
	w := func() weak.Pointer[tether.Owner] {
		o := tether.NewOwner("held")
		c := o.NewChild("child")
		c.Defer(func() { _ = o.Name() })
		tether.NewSignal[int](o).Connect(c, func(int) { _ = c.Name() })
		infos = append(slices.Collect(inspect.Of(o).All()), slices.Collect(inspect.Roots())...)
		groups = inspect.Growth(o, 0)
		inspect.WatchGrowth(o, tether.NewSignal[tether.Tick](o), 1, func(inspect.Group) {})
		inspect.Log(o, tether.NewSignal[tether.Tick](c), slog.Default())
		return weak.Make(o)
	}()
	collect(t, "the owner", func() bool { return w.Value() == nil })
	for range 3 {
		runtime.GC()
	}
	i := infos[0]
	require.Equal(t, "held", i.Name)
	require.Len(t, groups, 3)
	collect(t, "its scope", func() bool { return i.Total() == inspect.Totals{} })
	require.Empty(t, slices.Collect(i.Children()))
	require.Empty(t, i.Growth(0))
	var buf bytes.Buffer
	require.NoError(t, i.Dump(&buf))
	require.Contains(t, buf.String(), "held  garbage")
}

func TestDump_IsTheSameForTheSameTreeAndFitsATerminal(t *testing.T) {
	defer inspect.RecordSites()()
	long := strings.Repeat("long ", 30)
	app := newOwner(t, long+"\n")
	var s tether.Signal[map[string][]func(int) error]
	deep := app
	for i := range 60 {
		deep = deep.NewChild(fmt.Sprint(long, i))
		s.Connect(deep, func(map[string][]func(int) error) {})
		tether.NewQueue(deep, math.MaxInt, tether.DropNewest)
		deep.Defer(func() {})
	}
	for i := range 1000 {
		app.NewChild(fmt.Sprint("player-", i)).Defer(func() {})
	}
	first := dumpOf(t, app)
	for range 10 {
		require.Equal(t, first, dumpOf(t, app))
	}
	for l := range strings.Lines(first) {
		l = strings.TrimSuffix(l, "\n")
		require.LessOrEqual(t, utf8.RuneCountInString(l), 80, l)
		if strings.Contains(l, "connection") && !strings.Contains(l, "player") || strings.Contains(l, "cleanup") {
			require.Contains(t, l, "info_test.go:", "the position is never cut off")
		}
	}
	require.Contains(t, first, "player-# ×1000: 1000 cleanups")
}

func TestDump_AlikeChildrenAreOneLineAndManyDifferentOnesToo(t *testing.T) {
	app := newOwner(t, "app")
	for i := range 3000 {
		c := app.NewChild(fmt.Sprint("player-", i))
		c.NewChild("session").Defer(func() {})
	}
	for i := range 3 {
		app.NewChild(fmt.Sprint("room-", i))
	}
	for i := range 100 {
		app.NewChild(strings.Repeat("x", i+1)).AfterFunc(time.Hour, func() {})
	}
	text := dumpOf(t, app)
	require.Contains(t, text, "  player-# ×3000: 3000 owners, 3000 cleanups\n")
	require.Contains(t, text, "  room-0\n  room-1\n  room-2\n")
	require.Contains(t, text, "  82 more owners: 82 timers\n")
	require.Less(t, strings.Count(text, "\n"), 50)
}

func TestRecordSites_ASiteTellsChildrenApart(t *testing.T) {
	app := newOwner(t, "app")
	app.NewChild("before")
	stop := inspect.RecordSites()
	for i := range 5 {
		app.NewChild(fmt.Sprint("c", i)) // one
		app.NewChild(fmt.Sprint("c", i)) // other
	}
	stop()
	stop()
	app.NewChild("after")
	text := dumpOf(t, app)
	for _, mark := range []string{"one", "other"} {
		at := 0
		if mark == "one" {
			at = line(t, "one")
		} else {
			at = line(t, "other")
		}
		require.Regexp(t, fmt.Sprintf(`c# ×5 .* info_test.go:%d\n`, at), text)
	}
	require.Contains(t, text, "\n  before\n")
	require.Contains(t, text, "\n  after\n")
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("full") }

func TestDump_ReturnsTheErrorOfItsWriter(t *testing.T) {
	app := newOwner(t, "app")
	require.EqualError(t, inspect.Dump(full{}), "full")
	require.EqualError(t, inspect.Of(app).Dump(full{}), "full")
}

// churn makes and ends all kinds of things below app until stop is closed.
func churn(app *tether.Owner, stop chan bool) *sync.WaitGroup {
	var s tether.Signal[int]
	var wg sync.WaitGroup
	for g := range 3 {
		wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				o := app.NewChild(fmt.Sprint("o", i%7))
				q := tether.NewQueue(o, 2, tether.DropOldest)
				c := s.Connect(o, func(int) {})
				s.Connect(o, func(int) {}, tether.On(q))
				s.Once(o, func(int) {}, tether.On(q))
				if g == 0 {
					s.Fire(i)
				}
				o.Defer(func() {})()
				o.Defer(func() { runtime.Gosched() })
				o.Interrupt(func() {})
				o.AfterFunc(time.Duration(i%3)*time.Microsecond, func() {})
				o.Go(func(ctx context.Context) { <-ctx.Done() })
				c.Mute()()
				tether.Own(o, new(closer))
				tether.NewOwner("other").Destroy()
				if i%2 == 0 {
					o.Cancel(nil)
				} else {
					o.Destroy()
				}
			}
		})
	}
	return &wg
}

func TestOwnerInfo_TheTreeCanBeLookedAtWhileItChanges(t *testing.T) {
	cores(t, func(t *testing.T) {
		app := newOwner(t, "app")
		defer inspect.RecordSites()()
		defer inspect.Profile()()
		defer inspect.Label()()
		defer inspect.Watch(app, time.Millisecond, func(inspect.Slow) {})()
		stop := make(chan bool)
		wg := churn(app, stop)
		rounds := 200
		if testing.Short() {
			rounds = 20
		}
		var beats tether.Signal[tether.Tick]
		inspect.WatchGrowth(app, &beats, 5, func(inspect.Group) {})
		inspect.Log(app, &beats, slog.New(slog.DiscardHandler))
		for i := range rounds {
			require.NoError(t, inspect.Dump(io.Discard))
			for r := range inspect.Roots() {
				for o := range r.All() {
					require.NotEmpty(t, o.Name)
				}
				r.Growth(1)
				r.Total()
			}
			beats.Fire(tether.Tick{N: uint64(i)})
		}
		close(stop)
		wg.Wait()
		require.NoError(t, app.Destroy())
	})
}

func TestLog_HasALineForEachBeat(t *testing.T) {
	app := newOwner(t, "app")
	var buf bytes.Buffer
	var beats tether.Signal[tether.Tick]
	c := inspect.Log(app, &beats, slog.New(slog.NewTextHandler(&buf, nil)))
	child := app.NewChild("child")
	q := tether.NewQueue(child, 1, tether.DropNewest, tether.Manual())
	var s tether.Signal[int]
	s.Connect(child, func(int) {}, tether.On(q))
	var busy atomic.Bool
	s.Connect(child, func(int) {
		if busy.CompareAndSwap(false, true) {
			beats.Fire(tether.Tick{N: 7})
		}
	})
	s.Fire(1)
	s.Fire(2)
	require.Contains(t, buf.String(), "level=INFO msg=tether owner=app beat=7 owners=2 connections=3 goroutines=0 timers=0 cleanups=0 calls=1 queued=1 dropped=0 heap=")
	require.NotContains(t, buf.String(), "heap=0")
	beats.Fire(tether.Tick{N: 8})
	require.Contains(t, buf.String(), "beat=8 owners=2 connections=3 goroutines=0 timers=0 cleanups=0 calls=0 queued=1 dropped=1")
	c.Disconnect()
	n := buf.Len()
	beats.Fire(tether.Tick{N: 9})
	require.Equal(t, n, buf.Len())
}

// It was a loop in a loop for each level, and each path was made from the root on: 16 000 levels
// took 14 seconds.
func TestAll_CostsOfADeepTreeNoMoreThanItsPaths(t *testing.T) {
	const n = 4000
	app := newOwner(t, "app")
	for leaf, i := app, 0; i < n; i++ {
		leaf = leaf.NewChild("x")
	}
	var before, after runtime.MemStats
	var frames []int
	sum := 0
	stack := make([]uintptr, 4*n)
	runtime.ReadMemStats(&before)
	for i := range inspect.Of(app).All() {
		frames = append(frames, runtime.Callers(0, stack))
		sum += len(i.Path)
	}
	runtime.ReadMemStats(&after)
	require.Len(t, frames, n+1)
	require.Equal(t, slices.Repeat(frames[1:2], n), frames[1:], "how deep the calls are")
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(2*sum+4096*n))
}

func TestAll_QuotesNamesInPaths(t *testing.T) {
	app := newOwner(t, "app")
	app.NewChild("a").NewChild("b/c").NewChild("d").NewChild("e\n")
	var paths, texts []string
	for i := range inspect.Of(app).All() {
		paths, texts = append(paths, i.Path), append(texts, i.String())
	}
	require.Equal(t, []string{"app", "app/a", "app/a/b/c", "app/a/b/c/d", "app/a/b/c/d/e\n"}, paths)
	require.Equal(t, []string{"app", "app/a", `app/a/"b/c"`, `app/a/"b/c"/d`, `app/a/"b/c"/d/"e\n"`}, texts)
}
