package tether

import (
	"fmt"
	"log/slog"
	"runtime"
	"sync"

	"github.com/seed-ec287111/tether/internal/scope"
)

// lost knows where owners that nobody destroyed were made, so that each place is
// reported once. It holds no owner.
var lost struct {
	mu    sync.Mutex // guards the fields below
	sites map[uintptr]bool
}

// watchLost reports o if the garbage collector finds it before it was cut off.
// The function may run at any time on a goroutine of the runtime's, outside of
// any test's bubble: it only looks and logs.
func watchLost(o *Owner, name string) {
	var pc [1]uintptr
	runtime.Callers(3, pc[:]) // the caller of NewOwner
	s := o.scope
	runtime.AddCleanup(o, func(site uintptr) { reportLost(s, name, site) }, pc[0])
}

func reportLost(s *scope.Scope, name string, site uintptr) {
	if !s.Alive() || s.Count().Goroutines > 0 {
		return
	}
	lost.mu.Lock()
	known := lost.sites[site]
	if !known {
		if lost.sites == nil {
			lost.sites = make(map[uintptr]bool)
		}
		lost.sites[site] = true
	}
	lost.mu.Unlock()
	if !known {
		frame, _ := runtime.CallersFrames([]uintptr{site}).Next()
		slog.Warn("tether: an owner became garbage without Destroy",
			"owner", name, "created", fmt.Sprintf("%s (%s:%d)", frame.Function, frame.File, frame.Line))
	}
}
