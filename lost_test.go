package tether_test

import (
	"bytes"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

func TestLost_ARootIsReportedAndAHeldOneIsNot(t *testing.T) {
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
	testkit.Collect(t, "the lost owner", func() bool { return logs.contains("owner=forgotten") })
	for _, name := range []string{"held", "destroyed", "bound"} {
		require.False(t, logs.contains("owner="+name), name)
	}
	require.NoError(t, held.Destroy())
	runtime.KeepAlive(held)
}

// A cleanup that captures its owner, which is natural, once hid the loss: the
// watch held what held the cleanup.
func TestLost_ACleanupThatCapturesItsOwnerDoesNotHideTheLoss(t *testing.T) {
	logs := captureLogs(t)
	func() {
		o := tether.NewOwner("captured")
		child := o.NewChild("child")
		child.Defer(func() { _ = child.Name() })
		tether.NewSignal[int](o).Connect(child, func(int) { _ = child.Name() })
	}()
	testkit.Collect(t, "the owner", func() bool { return logs.contains("owner=captured") })
}

func TestLost_AChildKeepsItsParentFromIt(t *testing.T) {
	logs := captureLogs(t)
	child := tether.NewOwner("kept").NewChild("child")
	for range 10 {
		runtime.GC()
	}
	require.False(t, logs.contains("owner=kept"))
	require.NoError(t, child.Parent().Destroy())
}

func TestLost_TheDefaultLogsEachSiteOnceAndNobodyElse(t *testing.T) {
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
	testkit.Collect(t, "both sites", func() bool {
		return logs.contains("owner=\"one of many\"") && logs.contains("owner=elsewhere")
	})
	lose()
	last := make(chan bool, 1)
	func() {
		o := tether.NewOwner("marker")
		runtime.AddCleanup(o, func(c chan bool) { c <- true }, last)
	}()
	testkit.Collect(t, "the marker", func() bool { return len(last) == 1 && logs.contains("marker") })
	require.Equal(t, 3, logs.count("became garbage"), "two sites, and the marker's")
	s.DisconnectAll()
}

func TestUnattended_IsNotReportedWhenItIsGarbage(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		var lost atomic.Int32
		defer tether.OnLost(func(l tether.Lost) {
			if l.Name == "attended" {
				lost.Add(1)
			} else {
				lost.Add(100)
			}
		})()
		func() {
			tether.NewOwner("unattended", tether.Unattended()).NewChild("child", tether.Unattended())
			tether.NewOwner("attended")
		}()
		for lost.Load() == 0 {
			runtime.GC()
			time.Sleep(time.Millisecond)
		}
		runtime.GC()
		require.EqualValues(t, 1, lost.Load())

		o := tether.NewOwner("o", tether.Unattended())
		require.NoError(t, o.Destroy())
	})
}

func TestOnLost_WhoAskedIsToldOfEveryOwner(t *testing.T) {
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
	testkit.Collect(t, "all three", func() bool { return len(found) == 3 })
	for range 3 {
		l := <-found
		require.Equal(t, tether.Stats{Owners: 2, Connections: 1, Cleanups: 1}, l.Held)
		require.Contains(t, l.Site, "TestOnLost_WhoAskedIsToldOfEveryOwner")
		require.Contains(t, l.Site, "lost_test.go:")
	}
	require.False(t, logs.contains("asked for"), "the default logs no more")

	tether.OnLost(nil)()
	restore()
	func() { tether.NewOwner("as before") }()
	testkit.Collect(t, "the log", func() bool { return logs.contains("owner=\"as before\"") })
	s.DisconnectAll()
}

func TestOnLost_NilSilencesTheReport(t *testing.T) {
	logs := captureLogs(t)
	defer tether.OnLost(nil)()
	last := make(chan bool, 1)
	func() { tether.NewOwner("unsung") }()
	func() {
		o := tether.NewOwner("marker")
		runtime.AddCleanup(o, func(c chan bool) { c <- true }, last)
	}()
	testkit.Collect(t, "the marker", func() bool { return len(last) == 1 })
	testkit.Collect(t, "", func() bool { return true })
	require.False(t, logs.contains("unsung"))
}

// logs is where slog writes during a test.
type logs struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *logs) contains(s string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.buf.String(), s)
}

func (l *logs) count(s string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.buf.String(), s)
}

func captureLogs(t *testing.T) *logs {
	tether.ForgetLost()
	l := new(logs)
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(l, nil)))
	t.Cleanup(func() { slog.SetDefault(before) })
	return l
}

// A hearing is who was told of lost owners.
type hearing struct {
	mu   sync.Mutex
	told []string
}

func (h *hearing) ear(who string) func(tether.Lost) {
	return func(l tether.Lost) {
		h.mu.Lock()
		defer h.mu.Unlock()
		if l.Name == "lost on purpose" { // and not by another test
			h.told = append(h.told, who)
		}
	}
}

func (h *hearing) take() []string {
	h.mu.Lock()
	defer h.mu.Unlock()
	told := h.told
	h.told = nil
	return told
}

// next loses an owner and returns who is told.
func (h *hearing) next(t *testing.T, logs *logs) (who string) {
	t.Helper()
	tether.ForgetLost()
	n := logs.count("lost on purpose")
	func() { tether.NewOwner("lost on purpose") }()
	testkit.Collect(t, "the owner", func() bool {
		told := h.take()
		if logs.count("lost on purpose") > n {
			told = append(told, "log")
		}
		if len(told) == 1 {
			who = told[0]
		}
		require.LessOrEqual(t, len(told), 1)
		return len(told) == 1
	})
	return who
}

// Each restore put back what its own OnLost had found. So in a(); b() the second one
// brought back a function that had been taken back, for the rest of the program.
func TestOnLost_RestoresInAnyOrderLeaveNobodyBehind(t *testing.T) {
	logs := captureLogs(t)
	all := []string{"a", "b", "c"}
	for _, order := range [][]int{{2, 1, 0}, {0, 1, 2}, {1, 0, 2}, {1, 2, 0}, {0, 2, 1}, {2, 0, 1}} {
		var h hearing
		restore := make([]func(), len(all))
		left := slices.Clone(all)
		for i, who := range all {
			restore[i] = tether.OnLost(h.ear(who))
		}
		require.Equal(t, "c", h.next(t, logs))
		for _, i := range order {
			restore[i]()
			restore[i]() // does nothing
			left = slices.DeleteFunc(left, func(who string) bool { return who == all[i] })
			want := "log"
			if len(left) > 0 {
				want = left[len(left)-1]
			}
			require.Equal(t, want, h.next(t, logs), "%v, after %s", order, all[i])
		}
		for _, f := range restore {
			f() // nor later
		}
	}
}

func TestOnLost_ARestoreTakesBackItsOwnOfTwoCallsWithOneFunction(t *testing.T) {
	logs := captureLogs(t)
	var h hearing
	f := h.ear("f")
	first := tether.OnLost(f)
	between := tether.OnLost(h.ear("between"))
	second := tether.OnLost(f)
	second()
	require.Equal(t, "between", h.next(t, logs))
	between()
	require.Equal(t, "f", h.next(t, logs))
	first()
	require.Equal(t, "log", h.next(t, logs))
}

func TestOnLost_AFunctionIsGarbageOnceItWasTakenBack(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		restore, w := func() (func(), weak.Pointer[payload]) {
			held := new(payload)
			return tether.OnLost(func(tether.Lost) { held.bytes[0]++ }), weak.Make(held)
		}()
		defer tether.OnLost(nil)()
		restore()
		testkit.Collect(t, "what it held", func() bool { return w.Value() == nil })
		runtime.KeepAlive(restore)
	})
}
