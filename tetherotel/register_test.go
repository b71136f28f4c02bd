package tetherotel_test

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdk "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/inspect"
	"github.com/seed-ec287111/tether/tetherotel"
)

func TestRegister_TellsWhatThereIsByFoldedNames(t *testing.T) {
	app := newOwner(t, "app")
	provider, reader := newProvider()
	require.NoError(t, tetherotel.Register(app, provider, app, tetherotel.Stuck(0)))
	var s tether.Signal[int]
	for _, player := range children(app, "player-", 3) {
		fill(player)
		s.Connect(player, func(int) {})
		player.Go(func(ctx context.Context) { <-ctx.Done() })
		player.AfterFunc(time.Hour, func() {})
		player.Defer(func() {})
	}
	fill(app)
	var inside reading
	s.Connect(app, func(int) { inside = read(t, reader) })
	s.Fire(1)
	group := func(app, player int64) map[string]int64 { return map[string]int64{"app": app, "player-#": player} }
	require.Equal(t, reading{
		"tether.owner.count":      group(1, 3),
		"tether.owner.lost":       {"": int64(inspect.Lost())},
		"tether.connection.count": group(2, 6),
		"tether.goroutine.count":  group(0, 3),
		"tether.timer.count":      group(0, 3),
		"tether.cleanup.count":    group(1, 3), // that of Register
		"tether.handler.count":    group(1, 0),
		"tether.handler.stuck":    group(0, 0),
		"tether.teardown.stuck":   group(0, 0),
		"tether.queue.count":      group(1, 3),
		"tether.queue.depth":      group(2, 6),
		"tether.queue.taken":      group(5, 15),
		"tether.queue.dropped":    group(3, 9),
	}, inside)
	require.Zero(t, read(t, reader).sum("tether.handler.count"))
}

func TestRegister_TheInstrumentsAreWhatTheirKindSays(t *testing.T) {
	app := newOwner(t, "app")
	provider, reader := newProvider()
	require.NoError(t, tetherotel.Register(app, provider, app))
	var rm metricdata.ResourceMetrics
	require.NoError(t, reader.Collect(t.Context(), &rm))
	require.Len(t, rm.ScopeMetrics, 1)
	require.Len(t, rm.ScopeMetrics[0].Metrics, 13)
	for _, m := range rm.ScopeMetrics[0].Metrics {
		counter := map[string]bool{"tether.owner.lost": true, "tether.queue.taken": true, "tether.queue.dropped": true}[m.Name]
		require.Equal(t, counter, m.Data.(metricdata.Sum[int64]).IsMonotonic, m.Name)
		require.Regexp(t, `^\{[a-z]+\}$`, m.Unit, m.Name)
		require.Regexp(t, `^tether\.[a-z]+\.[a-z]+$`, m.Name)
		require.Regexp(t, `^[A-Z].*\.$`, m.Description, m.Name)
	}
}

func TestRegister_CountersDoNotFallWhenQueuesEnd(t *testing.T) {
	app := newOwner(t, "app")
	provider, reader := newProvider()
	require.NoError(t, tetherotel.Register(app, provider, app))
	players := children(app, "player-", 3)
	for _, p := range players {
		fill(p)
	}
	require.Equal(t, map[string]int64{"app": 0, "player-#": 15}, read(t, reader)["tether.queue.taken"])
	for _, p := range players {
		require.NoError(t, p.Destroy())
	}
	r := read(t, reader)
	require.Equal(t, map[string]int64{"app": 0, "player-#": 15}, r["tether.queue.taken"])
	require.Equal(t, map[string]int64{"app": 0, "player-#": 15}, r["tether.queue.dropped"], "with what was pending")
	require.Equal(t, map[string]int64{"app": 1, "player-#": 0}, r["tether.owner.count"], "the group stays")
	require.Equal(t, map[string]int64{"app": 0, "player-#": 0}, r["tether.queue.count"])
	short := app.NewChild("short-lived 7")
	fill(short)
	require.NoError(t, short.Destroy())
	r = read(t, reader)
	require.EqualValues(t, 5, r["tether.queue.taken"]["short-lived #"], "though no collection has seen it")
}

func TestRegister_GroupsAreBoundedAndDoNotMove(t *testing.T) {
	app := newOwner(t, "app")
	provider, reader := newProvider()
	require.NoError(t, tetherotel.Register(app, provider, app, tetherotel.Groups(4), tetherotel.Stuck(0)))
	name := func(i int) string { return fmt.Sprintf("p%c%c%c", 'a'+i/676, 'a'+i/26%26, 'a'+i%26) }
	many := children(app, "worker-", 20)
	for i := range 10_000 {
		many = append(many, app.NewChild(name(i)))
	}
	fill(many[5])
	fill(many[9000])
	first := read(t, reader)["tether.owner.count"]
	require.Equal(t, map[string]int64{"worker-#": 20, "paaa": 1, "paab": 1, "app": 1, inspect.Other: 9998}, first, "what there is most of, then by name")
	taken := map[string]int64{"worker-#": 5, "paaa": 0, "paab": 0, "app": 0, inspect.Other: 5}
	require.Equal(t, taken, read(t, reader)["tether.queue.taken"])
	for _, o := range many {
		require.NoError(t, o.Destroy())
	}
	require.Equal(t, taken, read(t, reader)["tether.queue.taken"])
	children(app, "late-", 100)
	app.NewChild("paab")
	require.Equal(t, map[string]int64{"worker-#": 0, "paaa": 0, "paab": 1, "app": 1, inspect.Other: 100}, read(t, reader)["tether.owner.count"],
		"there is no room again, and who had a group has it")
}

func TestRegister_ThereIsNoOtherBeforeThereAreTooManyNames(t *testing.T) {
	app := newOwner(t, "app")
	provider, reader := newProvider()
	require.NoError(t, tetherotel.Register(app, provider, app, tetherotel.Groups(2)))
	app.NewChild("a")
	require.Equal(t, map[string]int64{"a": 1, "app": 1}, read(t, reader)["tether.owner.count"])
	app.NewChild("b")
	require.Equal(t, map[string]int64{"a": 1, "app": 1, inspect.Other: 1}, read(t, reader)["tether.owner.count"])
	app.NewChild(inspect.Other)
	require.EqualValues(t, 2, read(t, reader)["tether.owner.count"][inspect.Other], "one that is called so is among them")
}

func TestRegister_WithNoGroupsThereIsOneValueForAll(t *testing.T) {
	app := newOwner(t, "app")
	provider, reader := newProvider()
	require.NoError(t, tetherotel.Register(app, provider, app, tetherotel.Groups(0)))
	children(app, "c", 5)
	require.Equal(t, map[string]int64{inspect.Other: 6}, read(t, reader)["tether.owner.count"])
}

func TestRegister_HostileNamesAreQuotedAndCut(t *testing.T) {
	app := newOwner(t, "")
	provider, reader := newProvider()
	require.NoError(t, tetherotel.Register(app, provider, app))
	app.NewChild("a/b\n\xff")
	app.NewChild(fmt.Sprintf("%01000d", 1) + "x")
	app.NewChild(fmt.Sprintf("%*s", 1000, "y"))
	require.Equal(t, map[string]int64{`""`: 1, `"a/b\n\xff"`: 1, "#": 1, fmt.Sprintf("%64s", ""): 1}, read(t, reader)["tether.owner.count"])
}

func TestRegister_WhenRootHasEndedTheCountersStay(t *testing.T) {
	owner := newOwner(t, "telemetry")
	root := tether.NewOwner("app")
	provider, reader := newProvider()
	require.NoError(t, tetherotel.Register(owner, provider, root))
	fill(root.NewChild("child"))
	require.EqualValues(t, 2, read(t, reader).sum("tether.owner.count"))
	require.NoError(t, root.Destroy())
	check := func() {
		t.Helper()
		r := read(t, reader)
		require.Equal(t, map[string]int64{"app": 0, "child": 0}, r["tether.owner.count"])
		require.Equal(t, map[string]int64{"app": 0, "child": 5}, r["tether.queue.taken"])
		require.Equal(t, map[string]int64{"app": 0, "child": 5}, r["tether.queue.dropped"])
	}
	check()
	runtime.KeepAlive(root)
	gone := inspect.Of(root)
	root = nil
	collect(t, "the root is garbage", func() bool { return gone.ByName() == nil })
	check()
	require.NoError(t, owner.Destroy())
	require.Empty(t, read(t, reader))
}

func TestRegister_ARootThatHasEndedBefore(t *testing.T) {
	owner, root := newOwner(t, "telemetry"), newOwner(t, "app")
	fill(root)
	require.NoError(t, root.Destroy())
	provider, reader := newProvider()
	require.NoError(t, tetherotel.Register(owner, provider, root))
	r := read(t, reader)
	require.Zero(t, r.sum("tether.owner.count"))
	require.EqualValues(t, 5, r.sum("tether.queue.taken"))
}

func TestRegister_DoesNotKeepRootFromBeingFoundLost(t *testing.T) {
	lost := make(chan tether.Lost, 1)
	defer tether.OnLost(func(l tether.Lost) {
		if l.Name == "forgotten" {
			lost <- l
		}
	})()
	owner := newOwner(t, "telemetry")
	provider, reader := newProvider()
	before := int64(inspect.Lost())
	require.NoError(t, tetherotel.Register(owner, provider, tether.NewOwner("forgotten")))
	collect(t, "it is found lost", func() bool { return len(lost) > 0 })
	require.Greater(t, read(t, reader)["tether.owner.lost"][""], before)
}

func TestRegister_WithADeadOwnerIsAnError(t *testing.T) {
	owner, root := newOwner(t, "telemetry"), newOwner(t, "app")
	cause := io.ErrUnexpectedEOF
	owner.Cancel(cause)
	provider, reader := newProvider()
	require.ErrorIs(t, tetherotel.Register(owner, provider, root), cause)
	require.Empty(t, read(t, reader))
	other := newOwner(t, "other")
	require.NoError(t, other.Destroy())
	require.ErrorIs(t, tetherotel.Register(other, provider, root), tether.ErrDestroyed)
}

// An endingProvider is asked for its meter while an owner ends.
type endingProvider struct {
	metric.MeterProvider
	end func()
}

func (p endingProvider) Meter(name string, opts ...metric.MeterOption) metric.Meter {
	p.end()
	return p.MeterProvider.Meter(name, opts...)
}

// Register looked at the owner once. If the owner ended after that look, Register took back at
// once what it had registered, and returned nil.
func TestRegister_AnOwnerThatEndsMeanwhileIsAnError(t *testing.T) {
	owner, root := newOwner(t, "telemetry"), newOwner(t, "app")
	provider, reader := newProvider()
	cause := io.ErrUnexpectedEOF
	ending := endingProvider{provider, func() { owner.Cancel(cause) }}
	require.ErrorIs(t, tetherotel.Register(owner, ending, root), cause)
	require.Empty(t, read(t, reader))
}

func TestRegister_TwoRootsOfOneProviderAddUp(t *testing.T) {
	provider, reader := newProvider()
	a, b := newOwner(t, "app"), newOwner(t, "app")
	require.NoError(t, tetherotel.Register(a, provider, a))
	require.NoError(t, tetherotel.Register(b, provider, b))
	children(a, "a-", 2)
	children(b, "b-", 3)
	fill(b)
	r := read(t, reader)
	require.Equal(t, map[string]int64{"app": 2, "a-#": 2, "b-#": 3}, r["tether.owner.count"])
	require.Equal(t, map[string]int64{"": int64(inspect.Lost())}, r["tether.owner.lost"], "told once")
	require.NoError(t, a.Destroy())
	r = read(t, reader)
	require.Equal(t, map[string]int64{"app": 1, "b-#": 3}, r["tether.owner.count"])
	require.EqualValues(t, 5, r.sum("tether.queue.taken"))
	require.Equal(t, map[string]int64{"": int64(inspect.Lost())}, r["tether.owner.lost"], "by who is left")
}

func TestRegister_LostOwnersAreToldOnceForEachProvider(t *testing.T) {
	defer tether.OnLost(func(tether.Lost) {})()
	before := inspect.Lost()
	tether.NewOwner("lost")
	collect(t, "an owner is lost", func() bool { return inspect.Lost() > before })
	app := newOwner(t, "app")
	for range 2 {
		provider, reader := newProvider()
		for range 3 {
			require.NoError(t, tetherotel.Register(app, provider, app))
		}
		lost := read(t, reader)["tether.owner.lost"][""]
		require.Greater(t, lost, int64(before))
		require.LessOrEqual(t, lost, int64(inspect.Lost()))
	}
}

func TestRegister_AttributesTellRegistrationsApart(t *testing.T) {
	provider, reader := newProvider()
	key := attribute.Key("tenant")
	for _, tenant := range []string{"x", "y"} {
		app := newOwner(t, "app")
		require.NoError(t, tetherotel.Register(app, provider, app, tetherotel.Attributes(key.String(tenant)), tetherotel.Attributes(attribute.Int("shard", 7))))
	}
	got := points(t, reader)
	require.Len(t, got["tether.owner.count"], 2)
	for _, p := range got["tether.owner.count"] {
		require.EqualValues(t, 1, p.Value)
		require.Equal(t, 3, p.Attributes.Len())
		require.True(t, p.Attributes.HasValue(key))
	}
	require.Len(t, got["tether.owner.lost"], 1)
	require.Zero(t, got["tether.owner.lost"][0].Attributes.Len())
}

func TestRegister_EachReaderGetsEverything(t *testing.T) {
	one, two := sdk.NewManualReader(), sdk.NewManualReader()
	provider := sdk.NewMeterProvider(sdk.WithReader(one), sdk.WithReader(two))
	app := newOwner(t, "app")
	require.NoError(t, tetherotel.Register(app, provider, app))
	fill(app)
	var readers sync.WaitGroup
	for _, r := range []sdk.Reader{one, two} {
		readers.Go(func() {
			for range 50 {
				got := read(t, r)
				if got.sum("tether.owner.count") != 1 || got.sum("tether.queue.taken") != 5 {
					t.Errorf("got %v", got)
				}
			}
		})
	}
	readers.Wait()
}

func TestRegister_TellsWhatIsStuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		provider, reader := newProvider()
		require.NoError(t, tetherotel.Register(app, provider, app))
		var s tether.Signal[int]
		gate := make(chan bool)
		s.Connect(app.NewChild("player-1"), func(int) { <-gate })
		s.Connect(app.NewChild("player-2"), func(int) { <-gate })
		lobby := app.NewChild("lobby")
		lobby.Go(func(context.Context) { <-gate })
		lobby.Cancel(nil)
		go s.Fire(1)
		go s.Fire(1)
		time.Sleep(9 * time.Second)
		r := read(t, reader)
		require.EqualValues(t, 2, r["tether.handler.count"]["player-#"])
		require.Zero(t, r.sum("tether.handler.stuck")+r.sum("tether.teardown.stuck"), "not yet")
		time.Sleep(5 * time.Second)
		r = read(t, reader)
		require.Equal(t, map[string]int64{"app": 0, "lobby": 0, "player-#": 2}, r["tether.handler.stuck"])
		require.Equal(t, map[string]int64{"app": 0, "lobby": 1, "player-#": 0}, r["tether.teardown.stuck"])
		close(gate)
		time.Sleep(5 * time.Second)
		r = read(t, reader)
		require.Zero(t, r.sum("tether.handler.stuck")+r.sum("tether.teardown.stuck"))
		require.NoError(t, app.Destroy())
	})
}

// What was found stuck belongs to a group also if its name has come too late for one of its
// own.
func TestRegister_WhatIsStuckIsInOtherToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		provider, reader := newProvider()
		require.NoError(t, tetherotel.Register(app, provider, app, tetherotel.Groups(1), tetherotel.Stuck(time.Second)))
		read(t, reader)
		var s tether.Signal[int]
		gate := make(chan bool)
		s.Connect(app.NewChild("ann"), func(int) { <-gate })
		go s.Fire(1)
		time.Sleep(2 * time.Second)
		require.Equal(t, map[string]int64{"app": 0, inspect.Other: 1}, read(t, reader)["tether.handler.stuck"])
		close(gate)
		synctest.Wait()
		require.NoError(t, app.Destroy())
	})
}

// A gateProvider has one meter.
type gateProvider struct {
	noop.MeterProvider
	m *gateMeter
}

func (p gateProvider) Meter(string, ...metric.MeterOption) metric.Meter { return p.m }

// A gateMeter has one callback, which is called by the test, and whose end the test sees.
type gateMeter struct {
	noop.Meter
	noop.Registration
	callback     metric.Callback
	unregistered int
	err          error
	failing      string // instrument
}

func (m *gateMeter) Int64ObservableCounter(name string, opts ...metric.Int64ObservableCounterOption) (metric.Int64ObservableCounter, error) {
	if name == m.failing {
		return nil, m.err
	}
	return m.Meter.Int64ObservableCounter(name, opts...)
}

func (m *gateMeter) RegisterCallback(f metric.Callback, _ ...metric.Observable) (metric.Registration, error) {
	switch m.failing {
	case "callback":
		return nil, m.err
	case "panic":
		panic(m.err)
	}
	m.callback = f
	return m, nil
}

func (m *gateMeter) Unregister() error {
	m.unregistered++
	return m.err
}

// A gate holds the first observation.
type gate struct {
	noop.Observer
	entered, open chan struct{}
	once          sync.Once
	observed      int
}

func (g *gate) ObserveInt64(metric.Int64Observable, int64, ...metric.ObserveOption) {
	g.observed++
	g.once.Do(func() {
		close(g.entered)
		<-g.open
	})
}

func TestRegister_DestroyWaitsForACollectionAndThenThereIsNone(t *testing.T) {
	m := new(gateMeter)
	owner, root := newOwner(t, "telemetry"), newOwner(t, "app")
	require.NoError(t, tetherotel.Register(owner, gateProvider{m: m}, root))
	g := &gate{entered: make(chan struct{}), open: make(chan struct{})}
	go func() { _ = m.callback(t.Context(), g) }()
	<-g.entered
	destroyed := make(chan int, 1)
	go func() {
		_ = owner.Destroy()
		destroyed <- g.observed // a race, if it has not waited
	}()
	for range 100 {
		runtime.Gosched()
	}
	require.Empty(t, destroyed)
	require.Zero(t, m.unregistered)
	close(g.open)
	n := <-destroyed
	require.Positive(t, n)
	require.Equal(t, 1, m.unregistered)
	require.NoError(t, m.callback(t.Context(), g), "of a provider that calls what was unregistered")
	require.Equal(t, n, g.observed, "nothing more is told")
}

func TestRegister_WhatTheProviderReturnsIsReturned(t *testing.T) {
	root := newOwner(t, "app")
	for _, failing := range []string{"tether.queue.taken", "callback"} {
		owner := tether.NewOwner("telemetry")
		m := &gateMeter{err: io.ErrNoProgress, failing: failing}
		require.ErrorIs(t, tetherotel.Register(owner, gateProvider{m: m}, root), io.ErrNoProgress, failing)
		require.Nil(t, m.callback)
		require.NoError(t, owner.Destroy(), "nothing is registered")
		require.Zero(t, m.unregistered)
	}
	owner := tether.NewOwner("telemetry")
	m := &gateMeter{err: io.ErrNoProgress}
	require.NoError(t, tetherotel.Register(owner, gateProvider{m: m}, root))
	require.ErrorIs(t, owner.Destroy(), io.ErrNoProgress)
	require.Equal(t, 1, m.unregistered)
}

func TestRegister_Misuse(t *testing.T) {
	app := newOwner(t, "app")
	provider, reader := newProvider()
	for want, f := range map[string]func(){
		"tetherotel: Register with nil owner":                 func() { _ = tetherotel.Register(nil, provider, app) },
		"tetherotel: Register with nil root":                  func() { _ = tetherotel.Register(app, provider, new(tether.Owner)) },
		"tetherotel: Register with nil MeterProvider":         func() { _ = tetherotel.Register(app, (*sdk.MeterProvider)(nil), app) },
		"tetherotel: Register with nil option":                func() { _ = tetherotel.Register(app, provider, app, nil) },
		"tetherotel: Groups with -1, not 0 to 255":            func() { tetherotel.Groups(-1) },
		"tetherotel: Groups with 256, not 0 to 255":           func() { tetherotel.Groups(256) },
		"tetherotel: Stuck with -1ns":                         func() { tetherotel.Stuck(-1) },
		`tetherotel: Attributes with key "tether.owner.name"`: func() { tetherotel.Attributes(tetherotel.NameKey.String("x")) },
		`tetherotel: Attributes with key ""`:                  func() { tetherotel.Attributes(attribute.KeyValue{}) },
		"tetherotel: Trace with nil Tracer":                   func() { tetherotel.Trace(nil) },
	} {
		require.PanicsWithValue(t, want, f)
	}
	require.PanicsWithValue(t, "tetherotel: Register with nil MeterProvider", func() { _ = tetherotel.Register(app, nil, app) })
	require.PanicsWithValue(t, "tetherotel: Register with nil owner", func() { _ = tetherotel.Register(new(tether.Owner), provider, app) })
	require.PanicsWithValue(t, "tetherotel: Register with nil root", func() { _ = tetherotel.Register(app, provider, nil) })
	require.Empty(t, read(t, reader), "nothing is registered")
	require.Zero(t, app.Stats().Cleanups)
}

// What looks for stuck handlers is a timer, which would go on as long as root lives.
func TestRegister_NothingIsLeftOfOneThatHasFailedOrEnded(t *testing.T) {
	root := newOwner(t, "app")
	for _, failing := range []string{"", "callback", "panic"} {
		provider := gateProvider{m: &gateMeter{failing: failing, err: io.ErrNoProgress}}
		round := func() {
			owner := tether.NewOwner("telemetry")
			if failing == "panic" {
				defer func() {
					require.Equal(t, provider.m.err, recover())
					_ = owner.Destroy()
				}()
			}
			require.Equal(t, failing == "", tetherotel.Register(owner, provider, root, tetherotel.Stuck(time.Hour)) == nil)
			provider.m.callback = nil
			_ = owner.Destroy()
		}
		round()
		before := heap()
		for range 5000 {
			round()
		}
		require.Less(t, heap()-before, int64(1<<20), "bytes grown, failing %q", failing)
	}
}

func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// An uncomparable is a provider that can't be compared.
type uncomparable struct {
	gateProvider
	_ []int
}

func TestRegister_WhoTellsOfLostOwners(t *testing.T) {
	root := newOwner(t, "app")
	observed := func(m *gateMeter) int {
		g := &gate{entered: make(chan struct{}), open: make(chan struct{})}
		close(g.open)
		require.NoError(t, m.callback(t.Context(), g))
		return g.observed
	}
	m := &gateMeter{failing: "callback", err: io.ErrNoProgress}
	require.Error(t, tetherotel.Register(root, gateProvider{m: m}, root))
	*m = gateMeter{}
	require.NoError(t, tetherotel.Register(root, gateProvider{m: m}, root))
	require.Equal(t, 12+1, observed(m), "not one that has failed")
	require.NoError(t, tetherotel.Register(root, gateProvider{m: m}, root))
	require.Equal(t, 12, observed(m), "the first one")
	for range 2 {
		require.NoError(t, tetherotel.Register(root, uncomparable{gateProvider: gateProvider{m: m}}, root))
		require.Equal(t, 12+1, observed(m), "each, as nobody knows whether there is another")
	}
}
