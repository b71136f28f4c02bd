package tether_test

import (
	"runtime"
	"slices"
	"sync"
	"testing"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
)

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
	collect(t, "the owner", func() bool {
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
	restore, w := func() (func(), weak.Pointer[payload]) {
		held := new(payload)
		return tether.OnLost(func(tether.Lost) { held.bytes[0]++ }), weak.Make(held)
	}()
	defer tether.OnLost(nil)()
	restore()
	collect(t, "what it held", func() bool { return w.Value() == nil })
	runtime.KeepAlive(restore)
}
