package scope

import (
	"strings"
	"sync"

	"github.com/seed-ec287111/tether/internal/goroutine"
)

// A Call is something that keeps a teardown from completing.
type Call struct{ Owner, Kind, Func string }

// Running reports what is left to do in the subtree of s: what runs, or if nothing runs,
// the cleanups that are still to run. If handlers run, it takes a dump of all goroutines to
// name them.
func (s *Scope) Running() []Call { return s.RunningAmong(goroutine.RunningHandlers) }

// RunningAmong is [Scope.Running] for who asks more than one scope. running returns what
// [goroutine.RunningHandlers] does, if that is needed.
func (s *Scope) RunningAmong(running func() []string) []Call {
	var calls []Call
	var left []*cleanup
	var handlers []int // indexes into calls
	var runs []string  // the owners of queues that handle values
	for _, p := range s.subtree(nil) {
		path := sync.OnceValue(p.String) // linear in the depth, and most scopes do not need it
		var queued uintptr               // the function that gets the first pending value
		p.mu.Lock()
		if p.now != nil {
			calls = append(calls, Call{path(), "cleanup", p.now.name()})
		}
		for n := p.last; n != nil; n = n.prev {
			switch m := n.m.(type) {
			case *Task:
				calls = append(calls, Call{path(), "goroutine", goroutine.FuncAt(m.name)})
			case *timer:
				if m.state != waiting {
					calls = append(calls, Call{path(), "timer", goroutine.FuncAt(m.name)})
				}
			case *interrupt:
				if m.taken {
					calls = append(calls, Call{path(), "interrupt", m.name()})
				}
			case *cleanup:
				left = append(left, m)
			case Lingerer:
				values, pc, handles := m.Left()
				if values > 0 {
					queued = pc
				}
				if handles {
					runs = append(runs, path())
				}
			}
		}
		if queued != 0 {
			calls = append(calls, Call{path(), "queue", goroutine.FuncAt(queued)})
		}
		for range p.calls {
			handlers = append(handlers, len(calls))
			calls = append(calls, Call{path(), "handler", "unknown"})
		}
		for range p.runs {
			runs = append(runs, path())
		}
		p.mu.Unlock()
	}
	// A handler that a queue runs was listed already if its connection belongs to the
	// subtree too.
	for _, path := range runs[min(len(runs), len(handlers)):] {
		handlers = append(handlers, len(calls))
		calls = append(calls, Call{path, "handler", "unknown"})
	}
	if len(handlers) > 0 {
		nameHandlers(calls, handlers, running())
	}
	if len(calls) == 0 {
		for _, c := range left {
			c.s.mu.Lock()
			if c.node.m != nil { // it has not run meanwhile
				calls = append(calls, Call{c.s.String(), "cleanup", c.name()})
			}
			c.s.mu.Unlock()
		}
	}
	return calls
}

// nameHandlers fills in the functions of the calls at the given indexes. The dump names all
// handlers that run, of whatever owner. Which handler belongs to which owner is certain
// only if all are of one owner, or all are the same function.
func nameHandlers(calls []Call, handlers []int, running []string) {
	if len(running) < len(handlers) {
		return
	}
	first, _, _ := strings.Cut(running[0], " ")
	sameOwner, sameFunc := len(running) == len(handlers), true
	for _, i := range handlers {
		sameOwner = sameOwner && calls[i].Owner == calls[handlers[0]].Owner
	}
	for _, fn := range running {
		name, _, _ := strings.Cut(fn, " ")
		sameFunc = sameFunc && name == first
	}
	if sameOwner || sameFunc {
		for k, i := range handlers {
			calls[i].Func = running[k]
		}
	}
}
