package inspect_test

import (
	"bytes"
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/history"
	"github.com/seed-ec287111/tether/inspect"
	"github.com/seed-ec287111/tether/internal/scope"
)

// ticks is a source of the user's own.
type ticks struct{ tether.Source[tether.Tick] }

func TestMisuse_PanicsBeforeAnythingChanges(t *testing.T) {
	app := newOwner(t, "app")
	zero := new(tether.Owner)
	beats := new(tether.Signal[tether.Tick])
	var noSignal *tether.Signal[tether.Tick]
	var noBeat *tether.Heartbeat
	var noRing *history.Ring[tether.Tick]
	var noTicks *ticks
	var noBuffer *bytes.Buffer
	grown := func(inspect.Group) {}
	slow := func(inspect.Slow) {}
	log := slog.Default()
	type call struct {
		says string
		call func()
	}
	calls := []call{
		{"inspect: Of with nil Owner", func() { inspect.Of(nil) }},
		{"inspect: Of with nil Owner", func() { inspect.Of(zero) }},
		{"inspect: Growth with nil Owner", func() { inspect.Growth(nil, 1) }},
		{"inspect: Growth with nil Owner", func() { inspect.Growth(zero, 1) }},

		{"inspect: Dump with nil Writer", func() { inspect.Dump(nil) }},
		{"inspect: Dump with nil Writer", func() { inspect.Dump(noBuffer) }},
		{"inspect: Dump with nil Writer", func() { inspect.Of(app).Dump(nil) }},
		{"inspect: Dump with nil Writer", func() { inspect.OwnerInfo{}.Dump(noBuffer) }},

		{"inspect: WatchGrowth with nil Owner", func() { inspect.WatchGrowth(nil, beats, 1, grown) }},
		{"inspect: WatchGrowth with nil Owner", func() { inspect.WatchGrowth(zero, beats, 1, grown) }},
		{"inspect: WatchGrowth with nil function", func() { inspect.WatchGrowth(app, beats, 1, nil) }},
		{"tether: Connect on a nil or zero Heartbeat", func() { inspect.WatchGrowth(app, new(tether.Heartbeat), 1, grown) }},

		{"inspect: Log with nil Owner", func() { inspect.Log(nil, beats, log) }},
		{"inspect: Log with nil Owner", func() { inspect.Log(zero, beats, log) }},
		{"inspect: Log with nil Logger", func() { inspect.Log(app, beats, nil) }},
		{"tether: Connect on a nil or zero Heartbeat", func() { inspect.Log(app, new(tether.Heartbeat), log) }},

		{"inspect: Watch with nil Owner", func() { inspect.Watch(nil, time.Second, slow) }},
		{"inspect: Watch with nil Owner", func() { inspect.Watch(zero, time.Second, slow) }},
		{"inspect: Watch with duration 0s", func() { inspect.Watch(app, 0, slow) }},
		{"inspect: Watch with duration -1ns", func() { inspect.Watch(app, -1, slow) }},
		{"inspect: Watch with nil function", func() { inspect.Watch(app, time.Second, nil) }},
	}
	for _, none := range []tether.Source[tether.Tick]{nil, noSignal, noBeat, noRing, noTicks} {
		calls = append(calls,
			call{"inspect: WatchGrowth with nil Source", func() { inspect.WatchGrowth(app, none, 1, grown) }},
			call{"inspect: Log with nil Source", func() { inspect.Log(app, none, log) }})
	}
	for _, c := range calls {
		require.PanicsWithValue(t, c.says, c.call)
	}
	require.Zero(t, beats.Len())
	require.Equal(t, tether.Stats{Owners: 1}, app.Stats())
	require.False(t, scope.Observed())
}

func TestOwnerInfo_TheZeroOneIsOfNoOwner(t *testing.T) {
	var i inspect.OwnerInfo
	require.Zero(t, i.Total())
	require.Empty(t, i.Growth(-1))
	for range i.Children() {
		t.Fatal("a child")
	}
	n := 0
	for range i.All() {
		n++
	}
	require.Equal(t, 1, n, "itself")
	var buf bytes.Buffer
	require.NoError(t, i.Dump(&buf))
	require.Equal(t, "\"\"  garbage\n", buf.String())
	require.NotPanics(t, func() { slog.New(slog.NewTextHandler(io.Discard, nil)).Info("x", "owner", i) })
	require.Equal(t, "unknown", inspect.Place{}.String())
	require.NotPanics(t, func() {
		inspect.Group{}.LogValue()
		inspect.Slow{}.LogValue()
	})
}
