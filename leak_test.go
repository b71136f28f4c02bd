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
	"github.com/seed-ec287111/tether/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// alone returns the number of goroutines when no earlier test has left any.
//
// NOTE: while a collection frees the stacks of goroutines that are over, NumGoroutine counts
// them again. So none may be under way.
func alone(t *testing.T) int {
	t.Helper()
	require.NoError(t, goleak.Find())
	runtime.GC()
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
	for range 1000 { // for a machine with other things to do
		if runtime.NumGoroutine() == want {
			return
		}
		time.Sleep(time.Millisecond)
	}
	require.Equal(t, want, runtime.NumGoroutine(), step)
}

// payload is something a closure captures, large enough to be tracked alone.
type payload struct{ bytes [64]byte }

// capture returns a handler that captures a payload, and a witness of that.
func capture() (handler func(int), gone func() bool) {
	p := new(payload)
	w := weak.Make(p)
	return func(v int) { p.bytes[0] = byte(v) }, func() bool { return w.Value() == nil }
}

// captureFunc is capture for functions without arguments.
func captureFunc() (f func(), gone func() bool) {
	h, gone := capture()
	return func() { h(1) }, gone
}

// rounds is how often the flatness tests go round: a million, unless the race
// detector makes that take too long.
func rounds(t *testing.T) int {
	if testing.Short() || testkit.Race {
		return 50_000
	}
	return 1_000_000
}

func TestLeak_AClosureIsGarbageAtTheCutOffWhileItsConnectionIsHeld(t *testing.T) {
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
			testkit.Collect(t, "the closure", gone)
			require.False(t, c.Connected())
			runtime.KeepAlive(c)
			runtime.KeepAlive(&s)
		})
	}
}

func TestLeak_AClosureIsGarbageWhileAnOldFireStillWalksItsBlock(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
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
		testkit.Collect(t, "the closure", gone)
		close(leave)
		<-fired
	})
}

func TestLeak_StoppedAndFinishedFunctionsAreGarbage(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
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
			testkit.Collect(t, what, gone)
			runtime.KeepAlive(stop)
		}
		h, gone := capture()
		done := make(chan bool)
		stop := owner.AfterFunc(0, func() { h(1); close(done) })
		<-done
		testkit.Collect(t, "a fired timer", gone)
		require.False(t, stop())
		require.Equal(t, tether.Stats{Owners: 1}, settled(owner))
	})
}

// The function that takes an interrupt back kept the interrupt, and that kept its
// closure, for as long as the caller kept the former.
func TestLeak_AnInterruptsClosureIsGarbageWhenItHasRun(t *testing.T) {
	for _, when := range []string{"Destroy", "Cancel", "after the cut-off"} {
		t.Run(when, func(t *testing.T) {
			owner := tether.NewOwner("owner")
			hold := make(chan bool)
			owner.Go(func(context.Context) { <-hold }) // keeps it from unwinding
			f, gone := captureFunc()
			var stop func() bool
			switch when {
			case "Destroy":
				stop = owner.Interrupt(f)
				go owner.Destroy()
			case "Cancel":
				stop = owner.Interrupt(f)
				owner.Cancel(nil)
			default:
				owner.Cancel(nil)
				stop = owner.Interrupt(f)
			}
			testkit.Collect(t, "the interrupt", gone)
			require.False(t, stop())
			close(hold)
			<-owner.Ended()
			runtime.KeepAlive(owner)
		})
	}
}

func TestLeak_WhatRunsAtOnceOnAnEndedOwnerIsGarbageThough(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		owner := tether.NewOwner("owner")
		require.NoError(t, owner.Destroy())
		for name, register := range map[string]func(func()) func() bool{"Defer": owner.Defer, "Interrupt": owner.Interrupt} {
			f, gone := captureFunc()
			stop := register(f)
			testkit.Collect(t, "the closure given to "+name, gone)
			require.False(t, stop())
		}
	})
}

func TestLeak_ConnectDisconnectPairsLeaveBothBooksEmptyAndTheHeapFlat(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
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
		before := testkit.Heap()
		for range rounds(t) {
			pair()
		}
		grown := testkit.Heap() - before
		require.Less(t, grown, int64(64<<10), "bytes grown")
		require.Zero(t, s.Len())
		require.Equal(t, tether.Stats{Owners: 1}, owner.Stats())
	})
}

func TestLeak_ChildrenMadeAndDestroyedLeaveTheHeapFlat(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
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
		before := testkit.Heap()
		for range rounds(t) {
			round()
		}
		grown := testkit.Heap() - before
		require.Less(t, grown, int64(64<<10), "bytes grown")
		require.Equal(t, tether.Stats{Owners: 1}, owner.Stats())
	})
}

// A priority that nobody had any more kept its place in the signal: the heap grew
// with every new one, and so did the time of each Connect and Fire.
func TestLeak_PrioritiesThatNobodyHasLeaveNoTrace(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		owner := tether.NewOwner("owner")
		defer owner.Destroy()
		var s tether.Signal[int]
		next := 0
		pairs := func() {
			for range 2000 {
				next--
				s.Connect(owner, func(int) {}, tether.Priority(next)).Disconnect()
			}
		}
		s.Connect(owner, func(int) {})
		pairs()
		before := testkit.Heap()
		pairs()
		require.Less(t, testkit.Heap()-before, int64(32<<10), "bytes grown")
		require.Equal(t, 1, s.Len())
	})
}

func TestLeak_GoroutinesTimersAndOncesThatAreOverLeaveNoTrace(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
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
	})
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

func TestLeak_ATeardownOfAThousandMixedOwnersLeavesNothing(t *testing.T) {
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

func TestLeak_GoroutinesComeAndGoWithWhatNeedsThem(t *testing.T) {
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
