package tethertest

import (
	"runtime"
	"slices"
	"strings"
	"weak"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/scope"
)

// rootMade is told of every new owner, on the goroutine that made it.
func (w *watcher) rootMade(s *scope.Scope) {
	if s.Parent() == nil {
		e := &entry{kind: "owner", name: s.Name(), site: s.Site(), scope: weak.Make(s), by: w.origin(), unattended: s.Unattended()}
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.roots != nil {
			w.made++
			e.n = w.made
			w.roots[e.scope] = e
		}
	}
}

// rootEnded is told of every owner that has ended. NOTE: locks are held.
func (w *watcher) rootEnded(s *scope.Scope) {
	if s.Parent() == nil {
		p := weak.Make(s)
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.roots, p)
	}
}

// connected is told of every connection, on the goroutine that makes it. Those of
// owners are found there, so it looks for those of Wait and Values, whose owners
// are on no list. What a stack says is kept: reading its names takes microseconds.
func (w *watcher) connected(onEnd func(func())) {
	var from callers
	n := runtime.Callers(4, from[:])
	w.mu.Lock()
	c, ok := w.calls[from]
	w.mu.Unlock()
	if !ok {
		c = readCall(slices.Clone(from[:n])) // from is to stay on the stack
		w.mu.Lock()
		if len(w.calls) < 1000 && w.calls != nil { // arbitrary; a test has dozens
			w.calls[from] = c
		}
		w.mu.Unlock()
	}
	if c.kind != "" {
		w.waiting(c, onEnd)
	}
}

// callers is where a connection is made, innermost first.
type callers [12]uintptr

// A call is one of Wait or Values, or where kind is "" of something else.
type call struct {
	kind string
	site uintptr
}

func readCall(from []uintptr) (c call) {
	frames := runtime.CallersFrames(from)
	for {
		f, more := frames.Next()
		name, _ := strings.CutPrefix(f.Function, "github.com/seed-ec287111/tether.")
		switch {
		case c.kind != "" && goroutine.FrameOf(f.Function) == goroutine.UserFrame:
			c.site = f.PC + 1 // as the return address that Site takes
			return c
		case strings.HasPrefix(name, "Wait["):
			c.kind = "Wait"
		case strings.HasPrefix(name, "Values["):
			c.kind = "Values"
		}
		if !more {
			return c
		}
	}
}

// waiting enters a call of Wait or Values until its connection ends.
func (w *watcher) waiting(c call, onEnd func(func())) {
	e := &entry{kind: c.kind, site: c.site, by: w.origin()}
	w.mu.Lock()
	if w.waits != nil {
		w.made++
		e.n = w.made
		w.waits[e] = struct{}{}
	}
	w.mu.Unlock()
	onEnd(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.waits, e)
	})
}
