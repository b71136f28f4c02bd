package bus_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/bus"
	"github.com/seed-ec287111/tether/inspect"
	"github.com/seed-ec287111/tether/internal/testkit"
)

func TestLeak_NamesAndPatternsOnceUsedLeaveTheHeapFlat(t *testing.T) {
	names := 1_000_000
	if testing.Short() || testkit.Race {
		names = 5_000
	}
	app, b := newBus(t)
	round := func(i int) {
		o := app.NewChild("o")
		topic := bus.Named[int](b, fmt.Sprintf("device.%d.temperature", i))
		topic.Connect(o, func(int) {})
		if i%4 == 0 {
			bus.Matching[int](b, fmt.Sprintf("device.%d.*", i)).Connect(o, func(bus.Message[int]) {})
		}
		if err := topic.Publish(bg, 1); err != nil {
			t.Fatal(err)
		}
		_ = o.Destroy()
		_ = topic.Publish(bg, 2)
	}
	for i := range 1000 {
		round(i)
	}
	before := testkit.Heap()
	for i := range names {
		round(1000 + i)
	}
	require.Less(t, testkit.Heap()-before, int64(64<<10), "bytes grown")
	require.Zero(t, b.Entries())
	require.Zero(t, b.Patterns())
	require.Equal(t, tether.Stats{Owners: 2}, app.Stats())
}

// Package inspect shows the topics of a bus as signals of its owner: those that there are.
func TestLeak_InspectShowsTheTopicsPatternsAndRespondersThatThereAre(t *testing.T) {
	app, b := newBus(t)
	signals := func() (all []inspect.Signal) {
		for child := range inspect.Of(app).Children() {
			if child.Name == "bus" {
				require.Equal(t, "app/bus", child.Path)
				all = child.Signals
			}
		}
		return all
	}
	require.Len(t, signals(), 2, "Dead and Tap")
	o := app.NewChild("o")
	bus.Named[int](b, "a").Connect(o, func(int) {})
	bus.Matching[string](b, "*").Connect(o, func(bus.Message[string]) {})
	_, err := bus.Reply(o, b, func(context.Context, order) (int, error) { return 0, nil })
	require.NoError(t, err)
	require.Equal(t, []inspect.Signal{
		{Type: "int", Connections: 1}, {Type: "string", Connections: 1}, {Type: "bus_test.order", Connections: 1},
	}, used(signals())) // beside those of the types int and string, for For
	require.NoError(t, o.Destroy())
	require.Len(t, signals(), 4)
}

func used(list []inspect.Signal) (all []inspect.Signal) {
	for _, s := range list {
		if s.Connections > 0 {
			all = append(all, s)
		}
	}
	return all
}

// A map keeps the room that it has once needed; the bus gives it back.
func TestLeak_ManyNamesAndPatternsAtOnceLeaveTheHeapFlat(t *testing.T) {
	many := 100_000
	if testing.Short() || testkit.Race {
		many = 5_000
	}
	app, b := newBus(t)
	fill := func() {
		o := app.NewChild("o")
		for i := range many {
			bus.Named[int](b, fmt.Sprint("a.", i)).Connect(o, func(int) {})
			bus.Matching[int](b, fmt.Sprint(i, ".>")).Connect(o, func(bus.Message[int]) {})
		}
		require.NoError(t, o.Destroy())
	}
	before := testkit.Heap()
	fill()
	require.Less(t, testkit.Heap()-before, int64(64<<10), "bytes grown")
	require.Zero(t, b.Entries())
	require.Zero(t, b.Patterns())
}

func TestLeak_AHandlersClosureIsGarbageAtTheCutOff(t *testing.T) {
	for _, f := range forms {
		for _, on := range []bool{false, true} {
			app, b := newBus(t)
			var opts []tether.ConnectOption
			if on {
				opts = append(opts, tether.On(tether.NewQueue(app, 1, tether.Block)))
			}
			o := app.NewChild("o")
			gone := make(chan struct{})
			var c *tether.Connection
			topic := bus.Named[int](b, "a.b")
			func() {
				big := new([1 << 10]byte)
				runtime.AddCleanup(big, func(c chan struct{}) { close(c) }, gone)
				c = f.connect(b, o, func() { big[0]++ }, opts...)
				require.True(t, topic.Wanted() || f.name == "Tap")
			}()
			require.NoError(t, o.Destroy())
			collected := false
			for i := 0; i < 100 && !collected; i++ {
				runtime.GC()
				select {
				case <-gone:
					collected = true
				default:
					runtime.Gosched()
				}
			}
			require.True(t, collected, "%s, on a queue: %v", f.name, on)
			runtime.KeepAlive(c)
			runtime.KeepAlive(topic)
		}
	}
}

// A bus refers to its owner's state, not to its handle: a root that is lost is found.
func TestLeak_ABusDoesNotHideALostOwner(t *testing.T) {
	found := make(chan struct{})
	b := func() *bus.Bus {
		app := tether.NewOwner("lost")
		runtime.AddCleanup(app, func(c chan struct{}) { close(c) }, found)
		return bus.New(app, "bus")
	}()
	for range 100 {
		runtime.GC()
		select {
		case <-found:
			runtime.KeepAlive(b)
			return
		default:
			runtime.Gosched()
		}
	}
	t.Fatal("the bus keeps its owner's handle")
}

func TestBudget_PublishDoesNotAllocateWhereNothingHasChanged(t *testing.T) {
	if testkit.Race {
		t.Skip("the race detector allocates")
	}
	app, b := newBus(t)
	a, c := app.NewChild("a"), app.NewChild("c")
	typed, named, nobody := bus.For[order](b), bus.Named[order](b, "a.b"), bus.Named[order](b, "x")
	for _, o := range []*tether.Owner{a, a, c} {
		typed.Handle(o, func(context.Context, order) error { return nil })
		named.Handle(o, func(context.Context, order) error { return nil })
		bus.Matching[order](b, "a.*").Handle(o, func(context.Context, bus.Message[order]) error { return nil })
		bus.Matching[order](b, "x.*.y").Connect(o, func(bus.Message[order]) {})
	}
	allocs := func(f func()) float64 { return testing.AllocsPerRun(100, f) }
	require.Zero(t, allocs(func() { _ = typed.Publish(bg, order{1}) }), "by type")
	require.Zero(t, allocs(func() { _ = named.Publish(bg, order{1}) }), "by name, with a pattern")
	require.Zero(t, allocs(func() { _ = nobody.Publish(bg, order{1}) }), "to nobody")
	require.Zero(t, allocs(func() { named.Wanted() }), "Wanted")
	ctx := context.WithValue(bg, key{}, 1)
	require.Equal(t, 2.0, allocs(func() { _ = typed.Publish(ctx, order{1}) }), "a context for each owner")
	queued := bus.Named[order](b, "queued")
	queued.Connect(app, func(order) {}, tether.On(tether.NewQueue(app, 1, tether.DropNewest, tether.Manual())))
	require.Equal(t, 1.0, allocs(func() { _ = queued.Publish(ctx, order{1}) }), "what is queued, but no context")
	_, err := bus.Reply(app, b, func(_ context.Context, q order) (int, error) { return q.id, nil })
	require.NoError(t, err)
	require.Zero(t, allocs(func() { _, _ = bus.Ask[int](bg, b, order{1}) }), "Ask")
}
