package inspect_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/history"
	"github.com/seed-ec287111/tether/inspect"
	"github.com/seed-ec287111/tether/internal/testkit"
	"github.com/seed-ec287111/tether/keyed"
	"github.com/seed-ec287111/tether/pool"
	"github.com/seed-ec287111/tether/weakref"
)

var (
	gap  = regexp.MustCompile(`(\S)  +`)
	site = regexp.MustCompile(`(?:inspect_test|…\S*?)\.(\S+) golden_test\.go:\d+`)
)

// golden returns a dump without what an edit of this file changes: line numbers, the
// columns that depend on them, and what is cut off of long names.
func golden(dump string) string {
	dump = gap.ReplaceAllString(dump, "$1  ")
	return "\n" + site.ReplaceAllString(dump, "$1")
}

type sprite struct{ _ [64]int }

func (*sprite) moved(int)                     {}
func draw(tether.Tick)                        {}
func hear(string)                             {}
func count(int)                               {}
func sweep()                                  {}
func poll(ctx context.Context)                { <-ctx.Done() }
func starts(active *tether.Owner)             { active.Go(poll) }
func open(*tether.Owner, string) *sprite      { return new(sprite) }
func sixteen() (*sprite, error)               { return new(sprite), nil }
func session(o *tether.Owner, n int)          { o.NewChild(fmt.Sprint("session-", n)).Defer(sweep) }
func beats(o *tether.Owner) *tether.Heartbeat { return tether.NewHeartbeat(o, time.Hour) }

// What the library makes and holds on behalf of a program stands there under the name by
// which the program knows it, with the program's own functions and calls.
func TestDump_OfAProgramIsItsOwn(t *testing.T) {
	defer inspect.RecordSites()()
	app := tether.NewOwner("app")
	defer app.Destroy()
	beat := beats(app)
	beat.Connect(app.NewChild("game"), draw)
	beat.Once(app.NewChild("intro"), draw)

	players := keyed.New[string](app, "players")
	players.Get("ann").Defer(sweep)
	keyed.NewMap(app, "sprites", open).Get("bob")

	moved := tether.NewSignal[int](app, tether.CloseInTurn(), tether.WhileActive(starts))
	said := tether.NewSignal[string](app, tether.WhileActive(starts))
	said.Connect(app.NewChild("ear"), hear)

	store := app.NewChild("store")
	ring := history.Record(store, moved, 3)
	ring.Connect(app.NewChild("replayed"), count)
	weakref.NewMap[sprite, int](store)

	items := pool.New(store, sixteen)
	_, err := items.Acquire(t.Context(), app.NewChild("borrower"))
	require.NoError(t, err)

	even := tether.NewSource(func(owner *tether.Owner, handler func(int), opts ...tether.ConnectOption) *tether.Connection {
		return moved.Connect(owner, func(v int) {
			if v%2 == 0 {
				handler(v)
			}
		}, opts...)
	})
	even.Connect(app.NewChild("even"), count)
	even.Once(app.NewChild("first"), count)
	target := new(sprite)
	weakref.Connect(app.NewChild("weak"), moved, target, (*sprite).moved)

	server := app.NewChild("server", tether.Staged())
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	tether.OwnBlocking(server, l)
	a, b := net.Pipe()
	tether.OwnBlocking(server, a)
	tether.Own(server, b)
	server.Interrupt(sweep)
	server.AfterFunc(time.Hour, sweep)
	server.Go(poll)
	for i := range 5 {
		session(server, i)
	}
	q := tether.NewQueue(server, 2, tether.DropOldest, tether.Manual())
	said.Connect(server, hear, tether.On(q))
	for range 5 {
		said.Fire("x")
	}
	tether.NewQueue(server, tether.Unbounded, tether.Block)
	for range 4 {
		said.Connect(server, hear, tether.On(tether.NewQueue(server, 8, tether.DropNewest, tether.Manual())))
		said.Fire("y")
	}
	inspect.Log(app.NewChild("log"), beat, slog.New(slog.DiscardHandler))
	inspect.WatchGrowth(app.NewChild("growth"), beat, 10, func(inspect.Group) {})

	require.Equal(t, `
app  alive  TestDump_OfAProgramIsItsOwn
  game  TestDump_OfAProgramIsItsOwn
    connection tether.Tick  draw
  heartbeat 1h0m0s  TestDump_OfAProgramIsItsOwn
    timer  tether.Heartbeat
  intro  TestDump_OfAProgramIsItsOwn
    connection tether.Tick  draw
  players  TestDump_OfAProgramIsItsOwn
    ann  TestDump_OfAProgramIsItsOwn
      cleanup  keyed
      cleanup  sweep
  sprites  TestDump_OfAProgramIsItsOwn
    bob  TestDump_OfAProgramIsItsOwn
      cleanup  keyed
  signal  ends in turn  TestDump_OfAProgramIsItsOwn
    active  TestDump_OfAProgramIsItsOwn
      goroutine  poll
  ear  TestDump_OfAProgramIsItsOwn
    connection string  hear
  active  TestDump_OfAProgramIsItsOwn
    goroutine  poll
  store  TestDump_OfAProgramIsItsOwn
    cleanup  history
    connection int  history.Record
    cleanup  weakref
    cleanup  pool.New
  replayed  TestDump_OfAProgramIsItsOwn
    connection int  count
  borrower  TestDump_OfAProgramIsItsOwn
    cleanup  pool.Lease
  even  TestDump_OfAProgramIsItsOwn
    connection int  count
  first  TestDump_OfAProgramIsItsOwn
    connection int ×2  count
  weak  TestDump_OfAProgramIsItsOwn
    connection int  (*sprite).moved
  server  staged  TestDump_OfAProgramIsItsOwn
    queue 2/2 DropOldest, 9 taken, 7 dropped
    queue 0/unbounded Block, 0 taken, 0 dropped
    queue 8 DropNewest ×4, 10 pending, 10 taken, 0 dropped
    interrupt  (*net.TCPListener).Close
    interrupt  (*net.pipe).Close
    cleanup  (*net.pipe).Close
    interrupt  sweep
    timer  sweep
    goroutine  poll
    connection string ×5  hear
    session-# ×5: 5 cleanups  session
  log  TestDump_OfAProgramIsItsOwn
    connection tether.Tick  inspect.Log
  growth  TestDump_OfAProgramIsItsOwn
    connection tether.Tick  inspect.WatchGrowth
`, golden(dumpOf(t, app)))

	group := find(t, inspect.Growth(app, 1), "child")
	require.Equal(t, "session-#", group.What)
	require.Contains(t, group.Func.String(), "inspect_test.session (")
	i := inspect.Of(server)
	require.True(t, i.Staged)
	require.False(t, i.Ending || i.InTurn || i.Unattended)
	require.Equal(t, "(*net.TCPListener).Close", i.Interrupts[0].String())
}

// named returns the first line of the dump that begins with a name.
func named(dump, name string) string {
	for l := range strings.Lines(golden(dump)) {
		if strings.HasPrefix(strings.TrimSpace(l), name) {
			return strings.TrimSpace(l)
		}
	}
	return ""
}

func TestDump_SaysThatStagesHaveBegun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := root("app", tether.Staged())
		app.NewChild("older")
		let := make(chan bool)
		app.NewChild("newer").Defer(func() { <-let })
		require.Equal(t, "app  alive, staged  root", named(dumpOf(t, app), "app"))
		go app.Destroy()
		synctest.Wait()
		require.Equal(t, `
app  alive, ending in stages  root
  older
  newer  unwinding
`, golden(dumpOf(t, app)))
		i := inspect.Of(app)
		require.Equal(t, "alive", i.State)
		require.True(t, i.Staged && i.Ending)
		app.Cancel(nil)
		synctest.Wait()
		require.Equal(t, "app  cut off  root", named(dumpOf(t, app), "app"))
		require.False(t, inspect.Of(app).Ending, "it is not alive")
		close(let)
		synctest.Wait()
		require.Equal(t, "ended", inspect.Of(app).State)
	})
}

func TestDump_ShowsWhatEndsInItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := root("app")
		tether.NewSignal[map[string]int](app, tether.CloseInTurn())
		let := make(chan bool)
		app.Go(waits[context.Context](let))
		go app.Destroy()
		synctest.Wait()
		require.Equal(t, `
app  cut off  root
  goroutine  waits[...].func1
  signal  ends in turn
`, golden(dumpOf(t, app)))
		for i := range inspect.Of(app).Children() {
			require.True(t, i.InTurn)
			require.Equal(t, "alive", i.State)
		}
		close(let)
	})
}

func TestDump_ShowsWhatAFinishQueueHasToHandle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := root("app")
		q := tether.NewQueue(app.NewChild("worker"), 8, tether.Block, tether.Finish())
		client := app.NewChild("client")
		let := make(chan bool)
		var said tether.Signal[string]
		said.Connect(client, waits[string](let), tether.On(q))
		for range 4 {
			said.Fire("x")
		}
		synctest.Wait()
		require.NotContains(t, golden(dumpOf(t, app)), "3 values pending", "alive, it is the queue's business")
		app.Cancel(nil)
		synctest.Wait()
		require.Equal(t, `
app  cut off  root
  worker  cut off
    queue 3/8 Block, 4 taken, 0 dropped
  client  cut off
    1 handler running
    3 values pending  waits[...].func1
`, golden(dumpOf(t, app)))
		pending := inspect.Of(client).Pending
		require.Len(t, pending, 1)
		require.Equal(t, 3, pending[0].Values)
		require.Contains(t, pending[0].Handler.String(), "golden_test.go")
		require.Empty(t, inspect.Of(app).Pending)
		close(let)
		synctest.Wait()
		require.Empty(t, inspect.Of(client).Pending)
	})
}

// all returns the lines of the whole program's dump that begin with a name.
func all(t *testing.T, name string) (lines string) {
	t.Helper()
	var buf bytes.Buffer
	require.NoError(t, inspect.Dump(&buf))
	for l := range strings.Lines(golden(buf.String())) {
		if strings.HasPrefix(l, name) {
			lines += l
		}
	}
	return lines
}

//go:noinline
func waits[T any](let chan bool) func(T) { return func(T) { <-let } }

func root(name string, opts ...tether.OwnerOption) *tether.Owner {
	return tether.NewOwner(name, opts...)
}

func TestDump_RootsThatAreAlikeAreOneLine(t *testing.T) {
	var roots []*tether.Owner
	for i := range 1000 {
		o := root(fmt.Sprint("request-", i))
		o.Defer(sweep)
		roots = append(roots, o)
	}
	require.Equal(t, "request-# ×1000: 1000 cleanups  root\n", all(t, "request-"))
	for _, o := range roots[3:] {
		require.NoError(t, o.Destroy())
	}
	require.Equal(t, "request-0  alive  root\nrequest-1  alive  root\nrequest-2  alive  root\n", all(t, "request-"))
	for _, o := range roots {
		require.NoError(t, o.Destroy())
	}
}

func TestDump_AnUnattendedRootIsSaidToBe(t *testing.T) {
	o := root("zero value", tether.Unattended())
	defer o.Destroy()
	require.Equal(t, "zero value  alive, unattended  root\n", all(t, "zero value"))
	require.True(t, inspect.Of(o).Unattended)
	c := o.NewChild("child", tether.Unattended())
	require.False(t, inspect.Of(c).Unattended, "it means nothing for a child")
	require.Equal(t, "child  alive", named(dumpOf(t, c), "child"))
}

func TestDump_IsBounded(t *testing.T) {
	app := newOwner(t, "app")
	var grow func(o *tether.Owner, depth int)
	grow = func(o *tether.Owner, depth int) {
		for i := range 20 {
			c := o.NewChild(strings.Repeat("x", i+1))
			if depth > 0 {
				grow(c, depth-1)
			}
		}
	}
	grow(app, 2) // 1 + 20 + 400 + 8000 lines
	text := dumpOf(t, app)
	require.Equal(t, 1001, strings.Count(text, "\n"))
	require.True(t, strings.HasSuffix(text, "\nand 7421 more lines\n"), text[len(text)-100:])

	many := newOwner(t, "many")
	for i := range 30 {
		tether.NewQueue(many, i+1, tether.Block)
	}
	text = dumpOf(t, many)
	require.Equal(t, 22, strings.Count(text, "\n"))
	require.Contains(t, text, "\n  10 more queues, 0 pending, 0 taken, 0 dropped\n")
}

// A tree may be deeper than a goroutine's stack: Dump was a fatal error.
func TestDump_OfAVeryDeepTree(t *testing.T) {
	if testing.Short() || testkit.Race {
		t.Skip("needs some 400 MB")
	}
	app := newOwner(t, "app")
	for leaf, i := app, 0; i < 1_000_000; i++ {
		leaf = leaf.NewChild("x")
	}
	text := dumpOf(t, app)
	require.True(t, strings.HasSuffix(text, "\nand 999001 more lines\n"), text[len(text)-100:])
}

func spawn(o *tether.Owner, name string) *tether.Owner { return o.NewChild(name) } // inlined

// One line of an inlined function has as many places in the program as that has callers.
func TestDump_ChildrenMadeByOneLineAreOneGroup(t *testing.T) {
	defer inspect.RecordSites()()
	app := newOwner(t, "app")
	for range 3 {
		spawn(app, "child-1")
		spawn(app, "child-2")
	}
	groups := inspect.Growth(app, 0)
	require.Len(t, groups, 1)
	require.Equal(t, 6, groups[0].Count)
	require.Contains(t, dumpOf(t, app), "  child-# ×6  ")
}
