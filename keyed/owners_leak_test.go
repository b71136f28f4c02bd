package keyed_test

import (
	"bytes"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
	"github.com/seed-ec287111/tether/keyed"
)

// A logbook is where slog writes during a test.
type logbook struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logbook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logbook) contains(s string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.buf.String(), s)
}

// once is set when the report was looked for: a place that loses owners is
// reported once per process.
var once atomic.Bool

// A player is a key that refers to its owner, and so to the root.
type player struct{ owner *tether.Owner }

func TestOwners_KeysThatComeAndGoLeaveNoTrace(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	players := keyed.New[int](app, "players")
	round := func(i int) {
		players.Get(i)
		players.Replace(i)
		players.Destroy(i)
		o := players.Get(-1)
		o.Cancel(nil)
		<-o.Ended()
	}
	for i := range 1000 {
		round(i)
	}
	before := testkit.Heap()
	for i := range 5000 {
		round(1000 + i)
	}
	grown := testkit.Heap() - before
	require.Less(t, grown, int64(64<<10), "bytes grown")
	require.Zero(t, players.Entries())
	require.Equal(t, tether.Stats{Owners: 2}, app.Stats())
}

func TestOwners_OneHoldsOneCleanup(t *testing.T) {
	_, players := group(t)
	require.Equal(t, tether.Stats{Owners: 1, Cleanups: 1}, players.Get("ann").Stats())
}

func TestOwners_AGroupWithEntriesDoesNotHideALostRoot(t *testing.T) {
	logs := new(logbook)
	def := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(logs, nil)))
	defer slog.SetDefault(def)

	var root weak.Pointer[tether.Owner]
	func() {
		app := tether.NewOwner("forgotten")
		root = weak.Make(app)
		players := keyed.New[*player](app, "players")
		for range 10 {
			p := new(player)
			p.owner = players.Get(p)
			players.Replace(p)
			p.owner = players.Get(p)
			p.owner.Defer(func() {})
		}
		require.Equal(t, 10, players.Len())
	}()
	testkit.Collect(t, "the lost root", func() bool { return root.Value() == nil })
	if once.CompareAndSwap(false, true) {
		testkit.Collect(t, "the lost root", func() bool { return logs.contains("owner=forgotten") })
	}
}

func TestOwners_OneOutlivesAGroupThatNobodyHolds(t *testing.T) {
	app := tether.NewOwner("app")
	ann := keyed.New[string](app, "players").Get("ann")
	cleaned := false
	ann.Defer(func() { cleaned = true })
	for range 5 {
		runtime.GC()
	}
	require.True(t, ann.Alive())
	require.NoError(t, app.Destroy())
	require.True(t, cleaned)
}

func TestOwners_AGroupIsCollectableWhileTheyLive(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	players := keyed.New[string](app, "players")
	players.Get("ann")
	w := weak.Make(players)
	players = nil
	_ = players
	testkit.Collect(t, "the group", func() bool { return w.Value() == nil })
}

// A Go map keeps the room that its keys once needed; an empty group gives it back.
func TestOwners_ManyKeysAtOnceLeaveTheHeapFlat(t *testing.T) {
	many := 100_000
	if testing.Short() || testkit.Race {
		many = 5_000
	}
	app := tether.NewOwner("app")
	defer app.Destroy()
	players := keyed.New[int](app, "players")
	before := testkit.Heap()
	for i := range many {
		players.Get(i)
	}
	for i := range many {
		require.NoError(t, players.Destroy(i))
	}
	require.Less(t, testkit.Heap()-before, int64(64<<10), "bytes grown")
	require.Zero(t, players.Len())
}
