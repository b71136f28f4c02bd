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
	"go.uber.org/goleak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/keyed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// collect runs the collector until done reports true, which it must.
func collect(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 100 {
		runtime.GC()
		if done() {
			return
		}
	}
	t.Fatalf("%s was not collected after 100 collections", what)
}

func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestKeysThatComeAndGoLeaveNoTrace(t *testing.T) {
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
	before := heap()
	for i := range 5000 {
		round(1000 + i)
	}
	grown := heap() - before
	require.Less(t, grown, int64(64<<10), "bytes grown")
	require.Zero(t, players.Entries())
	require.Equal(t, tether.Stats{Owners: 2}, app.Stats())
}

func TestAnOwnerOfAKeyHoldsOneCleanup(t *testing.T) {
	_, players := group(t)
	require.Equal(t, tether.Stats{Owners: 1, Cleanups: 1}, players.Get("ann").Stats())
}

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

func TestAGroupWithEntriesDoesNotHideALostRoot(t *testing.T) {
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
	collect(t, "the lost root", func() bool { return root.Value() == nil })
	if once.CompareAndSwap(false, true) {
		collect(t, "the lost root", func() bool { return logs.contains("owner=forgotten") })
	}
}

func TestAnOwnerOutlivesAGroupThatNobodyHolds(t *testing.T) {
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

func TestAGroupIsCollectableWhileItsOwnersLive(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	players := keyed.New[string](app, "players")
	players.Get("ann")
	w := weak.Make(players)
	players = nil
	_ = players
	collect(t, "the group", func() bool { return w.Value() == nil })
}
