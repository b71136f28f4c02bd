package tether_test

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"
	"weak"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-ec287111/tether"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// alone returns the number of goroutines when no earlier test has left any.
func alone(t *testing.T) int {
	t.Helper()
	require.NoError(t, goleak.Find())
	return runtime.NumGoroutine()
}

// requireGoroutines waits until there are want goroutines, which may be on their
// way in or out; a leak makes it fail.
func requireGoroutines(t *testing.T, want int, step string) {
	t.Helper()
	for range 10_000 {
		if runtime.NumGoroutine() == want {
			return
		}
		runtime.Gosched()
	}
	time.Sleep(10 * time.Millisecond) // for a machine with other things to do
	require.Equal(t, want, runtime.NumGoroutine(), step)
}

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

// payload is something a closure captures, large enough to be tracked alone.
type payload struct{ bytes [64]byte }

// capture returns a handler that captures a payload, and a witness of that.
func capture() (handler func(int), gone func() bool) {
	p := new(payload)
	w := weak.Make(p)
	return func(v int) { p.bytes[0] = byte(v) }, func() bool { return w.Value() == nil }
}

func TestAClosureIsGarbageAtTheCutOffWhileItsConnectionIsHeld(t *testing.T) {
	for name, cut := range map[string]func(s *tether.Signal[int], o *tether.Owner, c *tether.Connection){
		"Disconnect":    func(_ *tether.Signal[int], _ *tether.Owner, c *tether.Connection) { c.Disconnect() },
		"DisconnectAll": func(s *tether.Signal[int], _ *tether.Owner, _ *tether.Connection) { s.DisconnectAll() },
		"Destroy":       func(_ *tether.Signal[int], o *tether.Owner, _ *tether.Connection) { o.Destroy() },
		"Cancel":        func(_ *tether.Signal[int], o *tether.Owner, _ *tether.Connection) { o.Cancel(nil) },
		"muted, then Disconnect": func(_ *tether.Signal[int], _ *tether.Owner, c *tether.Connection) {
			c.Mute()
			c.Disconnect()
		},
		"Once spent": func(s *tether.Signal[int], _ *tether.Owner, _ *tether.Connection) { s.Fire(1) },
	} {
		t.Run(name, func(t *testing.T) {
			owner := tether.NewOwner("owner")
			defer owner.Destroy()
			var s tether.Signal[int]
			h, gone := capture()
			var c *tether.Connection
			if name == "Once spent" {
				c = s.Once(owner, h)
			} else {
				c = s.Connect(owner, h)
			}
			s.Connect(owner, func(int) {}) // the signal stays in use
			cut(&s, owner, c)
			collect(t, "the closure", gone)
			require.False(t, c.Connected())
			runtime.KeepAlive(c)
			runtime.KeepAlive(&s)
		})
	}
}

func TestAClosureIsGarbageWhileAnOldFireStillWalksItsBlock(t *testing.T) {
	owner := tether.NewOwner("owner")
	defer owner.Destroy()
	var s tether.Signal[int]
	entered, leave := make(chan bool), make(chan bool)
	s.Once(owner, func(int) { entered <- true; <-leave })
	h, gone := capture()
	c := s.Connect(owner, h)
	fired := make(chan bool)
	go func() { s.Fire(1); close(fired) }()
	<-entered
	for range 100 { // several blocks are made meanwhile
		s.Connect(owner, func(int) {})
	}
	c.Disconnect()
	collect(t, "the closure", gone)
	close(leave)
	<-fired
}

func TestAQueuedHandlersClosureIsGarbageAtTheCutOff(t *testing.T) {
	owner := tether.NewOwner("owner")
	defer owner.Destroy()
	var s tether.Signal[int]
	q := tether.NewQueue(owner, 10, tether.DropOldest, tether.Manual())
	h, gone := capture()
	c := s.Connect(owner, h, tether.On(q))
	s.Fire(1)
	c.Disconnect()
	collect(t, "the closure", gone)
	require.Equal(t, uint64(1), q.Dropped())
	runtime.KeepAlive(c)
}

func TestStoppedAndFinishedFunctionsAreGarbage(t *testing.T) {
	owner := tether.NewOwner("owner")
	defer owner.Destroy()
	for what, register := range map[string]func(f func()) (stop func() bool){
		"a stopped cleanup":   owner.Defer,
		"a stopped interrupt": owner.Interrupt,
		"a stopped timer":     func(f func()) func() bool { return owner.AfterFunc(time.Hour, f) },
	} {
		h, gone := capture()
		stop := register(func() { h(1) })
		require.True(t, stop(), what)
		require.False(t, stop(), what)
		collect(t, what, gone)
		runtime.KeepAlive(stop)
	}
	h, gone := capture()
	done := make(chan bool)
	stop := owner.AfterFunc(0, func() { h(1); close(done) })
	<-done
	collect(t, "a fired timer", gone)
	require.False(t, stop())
	require.Equal(t, tether.Stats{Owners: 1}, settled(owner))
}

// settled returns o's stats when nothing runs in it any more.
func settled(o *tether.Owner) tether.Stats {
	for range 10_000 {
		if s := o.Stats(); s.Goroutines+s.Timers == 0 {
			break
		}
		time.Sleep(time.Millisecond) // on a busy machine it may take some
	}
	return o.Stats()
}

// heap returns the bytes of live objects.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// rounds is how often the flatness tests go round: a million, unless the race
// detector makes that take too long.
func rounds(t *testing.T) int {
	if testing.Short() || raceEnabled {
		return 50_000
	}
	return 1_000_000
}

func TestConnectDisconnectPairsLeaveBothBooksEmptyAndTheHeapFlat(t *testing.T) {
	owner := tether.NewOwner("owner")
	defer owner.Destroy()
	var s tether.Signal[int]
	pair := func() {
		c := s.Connect(owner, func(int) {})
		o := s.Once(owner, func(int) {}, tether.Priority(3))
		c.Disconnect()
		o.Disconnect()
	}
	for range 1000 {
		pair()
	}
	before := heap()
	for range rounds(t) {
		pair()
	}
	grown := heap() - before
	require.Less(t, grown, int64(64<<10), "bytes grown")
	require.Zero(t, s.Len())
	require.Equal(t, tether.Stats{Owners: 1}, owner.Stats())
}

func TestChildrenMadeAndDestroyedLeaveTheHeapFlat(t *testing.T) {
	owner := tether.NewOwner("owner")
	defer owner.Destroy()
	var s tether.Signal[int]
	round := func() {
		c := owner.NewChild("child", tether.WithContext(t.Context()))
		s.Connect(c, func(int) {})
		c.Defer(func() {})
		c.Destroy()
	}
	for range 1000 {
		round()
	}
	before := heap()
	for range rounds(t) {
		round()
	}
	grown := heap() - before
	require.Less(t, grown, int64(64<<10), "bytes grown")
	require.Equal(t, tether.Stats{Owners: 1}, owner.Stats())
}

func TestGoroutinesTimersAndOncesThatAreOverLeaveNoTrace(t *testing.T) {
	owner := tether.NewOwner("owner")
	defer owner.Destroy()
	var s tether.Signal[int]
	var ran atomic.Int32
	for range 1000 {
		owner.Go(func(context.Context) { ran.Add(1) })
		owner.AfterFunc(0, func() { ran.Add(1) })
		s.Once(owner, func(int) { ran.Add(1) })
		owner.Defer(func() {})()
		owner.Interrupt(func() {})()
		s.Fire(1)
	}
	for ran.Load() < 3000 {
		runtime.Gosched()
	}
	require.Equal(t, tether.Stats{Owners: 1}, settled(owner))
}

// mixed fills a tree of n owners with one of everything.
func mixed(root *tether.Owner, s *tether.Signal[int], n int, cleanups *atomic.Int64) {
	parent := root
	for i := range n {
		o := parent.NewChild(fmt.Sprintf("o%d", i))
		if i%3 == 0 {
			parent = o
		}
		if i%30 == 0 {
			parent = root
		}
		o.Defer(func() { cleanups.Add(1) })
		s.Connect(o, func(int) {})
		s.Connect(o, func(int) {}, tether.On(tether.NewQueue(o, 4, tether.DropOldest)))
		o.Go(func(ctx context.Context) { <-ctx.Done() })
		o.AfterFunc(time.Duration(i%5)*time.Millisecond, func() {})
		o.AfterFunc(time.Hour, func() {})
		tether.NewHeartbeat(o, time.Duration(50+i%70)*time.Millisecond).Connect(o, func(tether.Tick) {})
	}
}

func TestATeardownOfAThousandMixedOwnersLeavesNothing(t *testing.T) {
	before := alone(t)
	root := tether.NewOwner("root")
	var s tether.Signal[int]
	var cleanups atomic.Int64
	mixed(root, &s, 1000, &cleanups)
	for i := range 100 {
		s.Fire(i)
	}
	require.GreaterOrEqual(t, runtime.NumGoroutine(), before+1000)
	require.NoError(t, root.Destroy())
	require.Equal(t, int64(1000), cleanups.Load())
	require.Equal(t, tether.Stats{}, root.Stats())
	require.Zero(t, s.Len())
	requireGoroutines(t, before, "after Destroy")
}

func TestGoroutinesComeAndGoWithWhatNeedsThem(t *testing.T) {
	base := alone(t)
	check := func(step string, want int) {
		t.Helper()
		requireGoroutines(t, base+want, step)
	}
	owner := tether.NewOwner("owner")
	var s tether.Signal[int]
	q := tether.NewQueue(owner, 4, tether.Block)
	h := tether.NewHeartbeat(owner, time.Hour)
	check("idle queue and heartbeat", 0)
	entered, leave := make(chan bool), make(chan bool)
	s.Connect(owner, func(int) { entered <- true; <-leave }, tether.On(q))
	c := h.Connect(owner, func(tether.Tick) {})
	check("connected", 0)
	s.Fire(1)
	<-entered
	check("a queued handler runs", 1)
	leave <- true
	require.NoError(t, q.Flush(t.Context()))
	check("the queue is idle again", 0)
	c.Disconnect()
	release := make(chan bool)
	owner.Go(func(context.Context) { <-release })
	check("an owned goroutine", 1)
	close(release)
	require.NoError(t, owner.Destroy())
	check("destroyed", 0)
}

func TestALostRootIsReportedAndAHeldOneIsNot(t *testing.T) {
	logs := captureLogs(t)
	held := tether.NewOwner("held")
	destroyed := tether.NewOwner("destroyed")
	require.NoError(t, destroyed.Destroy())
	bound := tether.NewOwner("bound", tether.WithContext(t.Context()))
	var s tether.Signal[int]
	func() {
		o := tether.NewOwner("forgotten")
		child := o.NewChild("child")
		// Neither signals nor queues nor heartbeats hide the loss.
		tether.NewSignal[int](child, tether.WhileActive(func(*tether.Owner) {})).Connect(child, func(int) {})
		s.Connect(child, func(int) {}, tether.On(tether.NewQueue(o, 1, tether.Block)))
		tether.NewHeartbeat(o, time.Hour).Connect(o, func(tether.Tick) {})
	}()
	_, _ = destroyed, bound // not used any more
	collect(t, "the lost owner", func() bool { return logs.contains("owner=forgotten") })
	for _, name := range []string{"held", "destroyed", "bound"} {
		require.False(t, logs.contains("owner="+name), name)
	}
	require.NoError(t, held.Destroy())
	runtime.KeepAlive(held)
}

// A cleanup that captures its owner, which is natural, once hid the loss: the
// watch held what held the cleanup.
func TestACleanupThatCapturesItsOwnerDoesNotHideTheLoss(t *testing.T) {
	logs := captureLogs(t)
	func() {
		o := tether.NewOwner("captured")
		child := o.NewChild("child")
		child.Defer(func() { _ = child.Name() })
		tether.NewSignal[int](o).Connect(child, func(int) { _ = child.Name() })
	}()
	collect(t, "the owner", func() bool { return logs.contains("owner=captured") })
}

func TestAChildKeepsItsParentFromBeingLost(t *testing.T) {
	logs := captureLogs(t)
	child := tether.NewOwner("kept").NewChild("child")
	for range 10 {
		runtime.GC()
	}
	require.False(t, logs.contains("owner=kept"))
	require.NoError(t, child.Parent().Destroy())
}

func TestWhoAskedIsToldOfEveryLostOwner(t *testing.T) {
	logs := captureLogs(t)
	found := make(chan tether.Lost, 10)
	restore := tether.OnLost(func(l tether.Lost) {
		if l.Name == "asked for" {
			found <- l
		}
	})
	var s tether.Signal[int]
	for range 3 {
		func() {
			o := tether.NewOwner("asked for")
			s.Connect(o, func(int) {})
			o.NewChild("child").Defer(func() { t.Error("nobody is to run this") })
		}()
	}
	collect(t, "all three", func() bool { return len(found) == 3 })
	for range 3 {
		l := <-found
		require.Equal(t, tether.Stats{Owners: 2, Connections: 1, Cleanups: 1}, l.Held)
		require.Contains(t, l.Site, "TestWhoAskedIsToldOfEveryLostOwner")
		require.Contains(t, l.Site, "leak_test.go:")
	}
	require.False(t, logs.contains("asked for"), "the default logs no more")

	tether.OnLost(nil)()
	restore()
	func() { tether.NewOwner("as before") }()
	collect(t, "the log", func() bool { return logs.contains("owner=\"as before\"") })
	s.DisconnectAll()
}

func TestTheDefaultLogsEachSiteOnceAndNobodyElse(t *testing.T) {
	logs := captureLogs(t)
	var s tether.Signal[int]
	lose := func() {
		for range 5 {
			s.Connect(tether.NewOwner("one of many"), func(int) {})
		}
	}
	lose()
	func() { tether.NewOwner("destroyed").Destroy() }()
	func() { s.Connect(tether.NewOwner("elsewhere"), func(int) {}) }()
	collect(t, "both sites", func() bool {
		return logs.contains("owner=\"one of many\"") && logs.contains("owner=elsewhere")
	})
	lose()
	last := make(chan bool, 1)
	func() {
		o := tether.NewOwner("marker")
		runtime.AddCleanup(o, func(c chan bool) { c <- true }, last)
	}()
	collect(t, "the marker", func() bool { return len(last) == 1 && logs.contains("marker") })
	require.Equal(t, 3, logs.count("became garbage"), "two sites, and the marker's")
	s.DisconnectAll()
}

func TestNilSilencesTheReportOfLostOwners(t *testing.T) {
	logs := captureLogs(t)
	defer tether.OnLost(nil)()
	last := make(chan bool, 1)
	func() { tether.NewOwner("unsung") }()
	func() {
		o := tether.NewOwner("marker")
		runtime.AddCleanup(o, func(c chan bool) { c <- true }, last)
	}()
	collect(t, "the marker", func() bool { return len(last) == 1 })
	collect(t, "", func() bool { return true })
	require.False(t, logs.contains("unsung"))
}
