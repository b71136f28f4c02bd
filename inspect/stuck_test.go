package inspect_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/inspect"
)

func TestWatchStuck_CountsWhatIsStuckAsLongAsItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		lobby := app.NewChild("lobby")
		now, stop := inspect.WatchStuck(app, time.Second)
		require.Empty(t, now(), "before the first look")
		var s tether.Signal[int]
		gate := make(chan bool)
		for i := range 2 {
			s.Connect(app.NewChild(fmt.Sprint("player-", i)), func(v int) { <-gate })
		}
		lobby.Go(func(ctx context.Context) {
			<-ctx.Done()
			<-gate
		})
		go s.Fire(1)
		go s.Fire(1)
		time.Sleep(999 * time.Millisecond)
		require.Empty(t, now(), "not before its time")
		time.Sleep(501 * time.Millisecond)
		require.Equal(t, map[string]inspect.Stuck{"player-#": {Handlers: 2}}, now())
		lobby.Cancel(nil)
		time.Sleep(2 * time.Second)
		want := map[string]inspect.Stuck{"player-#": {Handlers: 2}, "lobby": {Drains: 1}}
		require.Equal(t, want, now())
		clear(now())
		require.Equal(t, want, now(), "each call has a map of its own")
		for range 5 { // each player twice, and the goroutine of lobby
			gate <- true
			synctest.Wait()
		}
		time.Sleep(time.Second)
		require.Empty(t, now())
		go s.Fire(1)
		time.Sleep(2 * time.Second)
		require.Equal(t, map[string]inspect.Stuck{"player-#": {Handlers: 1}}, now())
		stop()
		stop()
		require.Empty(t, now(), "stopped")
		close(gate)
		require.NoError(t, app.Destroy())
	})
}

func TestWatchStuck_ABusyQueueIsNotStuckAndAnEndedOwnerNeither(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		now, stop := inspect.WatchStuck(app, time.Second)
		defer stop()
		var s tether.Signal[int]
		q := tether.NewQueue(app, 1000, tether.Block)
		s.Connect(app, func(v int) { time.Sleep(time.Duration(v) * time.Millisecond) }, tether.On(q))
		for range 500 {
			s.Fire(100)
		}
		for range 49 {
			time.Sleep(time.Second)
			require.Empty(t, now())
		}
		s.Fire(10_000)
		time.Sleep(5 * time.Second)
		require.Equal(t, map[string]inspect.Stuck{"app": {Handlers: 1}}, now())
		require.NoError(t, app.Destroy())
		require.Empty(t, now(), "at once, though the next look is still to come")
		time.Sleep(time.Second)
		require.Empty(t, now())
	})
}

func TestWatchStuck_DoesNotKeepAnOwner(t *testing.T) {
	defer tether.OnLost(func(tether.Lost) {})()
	lost := inspect.Lost()
	app := tether.NewOwner("app")
	now, stop := inspect.WatchStuck(app, time.Hour)
	defer stop()
	w := weak.Make(app)
	runtime.KeepAlive(app)
	collect(t, "the owner", func() bool { return w.Value() == nil && inspect.Lost() > lost })
	require.Empty(t, now())
}

func TestWatchStuck_Misuse(t *testing.T) {
	app := newOwner(t, "app")
	require.PanicsWithValue(t, "inspect: WatchStuck with nil Owner", func() { inspect.WatchStuck(nil, 1) })
	require.PanicsWithValue(t, "inspect: WatchStuck with duration 0s", func() { inspect.WatchStuck(app, 0) })
}

func TestLost_CountsRootsThatWereFoundLost(t *testing.T) {
	defer tether.OnLost(func(tether.Lost) {})()
	before := inspect.Lost()
	for i := range 100 {
		if i < 10 {
			tether.NewOwner("lost").NewChild("child")
		}
		tether.NewOwner("destroyed").Destroy()
		tether.NewOwner("unattended", tether.Unattended())
	}
	collect(t, "ten owners", func() bool { return inspect.Lost() >= before+10 })
	runtime.GC()
	require.Less(t, inspect.Lost(), before+50, "and some, perhaps, of other tests")
}
