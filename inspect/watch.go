package inspect

import (
	"log/slog"
	"runtime"
	"sync/atomic"
	"time"
	"weak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/finally"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/scope"
)

// A Slow is a handler that does not return, or a teardown that does not complete.
type Slow struct {
	Owner string        // path, as [tether.Owner.String] has it
	Kind  string        // "handler" or "drain"
	Func  Place         // the handler; unknown for a drain, and if the stacks are not clear about it
	For   time.Duration // since it was first seen, so at least this long

	// Stack is the stack of the handler's goroutine, or the stacks of what a drain waits
	// for, as the runtime prints them. It is "" if they are not known for sure.
	Stack string

	// Running is what a drain waits for: what runs, or if nothing runs, the cleanups to come.
	Running []tether.Running
}

// LogValue implements [slog.LogValuer]. The value leaves out the stack.
func (s Slow) LogValue() slog.Value {
	attrs := []slog.Attr{
		slog.String("owner", s.Owner), slog.String("kind", s.Kind),
		slog.String("func", s.Func.String()), slog.Duration("for", s.For),
	}
	for _, r := range s.Running {
		attrs = append(attrs, slog.String("running", r.Kind+" "+r.Func+" of "+r.Owner))
	}
	return slog.GroupValue(attrs...)
}

// Watch calls report for every handler of owner, and of all below it, that has run for
// longer than d. It also calls report for every teardown there that is not complete d after
// the cut-off. Each is reported once, while it still is so. If the owner of a stuck handler
// is destroyed, both are reported.
//
// Watch looks four times in d, at most once a millisecond. So a report comes between d and
// two looks after that. Handlers of one owner that one Fire calls in a row count as one, as
// Fire announces them once. The values of a queue count one by one.
//
// A handler that runs announces itself in a slot. There are some thirty slots for each
// core. If more handlers run at once, Watch finds those without a slot by comparing stacks.
// Such a handler may be reported up to d later. One that a goroutine calls over and over,
// and that waits each time in the same place, is taken to be stuck. Owned goroutines and
// timer functions are expected to take long. They are reported as what a drain waits for.
//
// The looks are timers of a scope of their own, outside owner's tree and any list of roots.
// So they go on after owner's cut-off and see its teardown get stuck. They do not hold the
// teardown up, and do not count in owner's Stats. They end by themselves at the next look
// after owner has ended or was collected. Between looks there is no goroutine. report runs
// on a timer's goroutine and holds up the next look. A panic in it crashes the program.
//
// stop ends the watch, and waits for a report that is running. Inside a report or a handler
// it does not wait. Calling it again does nothing. Watch panics if owner or report is nil,
// or d is not positive.
//
// Cost: nothing without a watch. A watch takes some 100 ns for each owner at each look. If
// something has run for half of d, it prints all stacks, which stops the program for that
// long.
func Watch(owner *tether.Owner, d time.Duration, report func(Slow)) (stop func()) {
	s := handle.Scope("inspect: Watch", owner)
	if d <= 0 {
		panic("inspect: Watch with duration " + d.String())
	}
	if report == nil {
		panic("inspect: Watch with nil function")
	}
	w := newWatch(s, d, report)
	w.scope.AfterFunc(w.period, w.look)
	return func() { _ = w.scope.Destroy() } // nothing is closed
}

// A watch is one call of Watch. Looks never overlap, so known needs no lock.
type watch struct {
	limit, period time.Duration
	report        func(Slow)
	watched       weak.Pointer[scope.Scope]
	scope         *scope.Scope // of the timers
	known         map[any]*episode

	few     bool                             // for Monitor: no stacks if there are too many goroutines
	numbers bool                             // for WatchStuck: no stacks, and no report
	stuck   atomic.Pointer[map[string]Stuck] // at the last look; nil for Watch
}

// An episode is a call or a teardown that was there at every look since its first. Its key is
// an [inflight.Stay] for a call that is announced, a counted for the calls of one owner that
// are not announced, and a draining for a teardown.
type episode struct {
	since    time.Time
	seen     bool // at this look
	renewed  bool // a call is counted too, see look.handler
	reported bool
	name     string           // of the owner, once reported
	slow     Slow             // what was reported
	early    map[string]stack // running handlers at half time, by key
	stack    string           // the key of the stack of a reported call, if known
	told     map[string]Slow  // of a counted: what was reported, by the keys of the stacks
}

type (
	counted  struct{ weak.Pointer[scope.Scope] }
	draining struct{ weak.Pointer[scope.Scope] }
)

func newWatch(s *scope.Scope, d time.Duration, report func(Slow)) *watch {
	return &watch{
		limit: d, period: max(d/4, time.Millisecond), report: report, watched: weak.Make(s),
		scope: scope.New("inspect: Watch", scope.Config{}),
		known: make(map[any]*episode),
	}
}

// look looks, and arms the timer for the next look unless the owner has ended or is garbage.
func (w *watch) look() {
	again := true
	defer func() { // also if report calls Goexit
		if again {
			w.scope.AfterFunc(w.period, w.look)
		}
	}()
	again = w.once()
}

// once looks at the subtree, and reports whether to look again.
func (w *watch) once() (again bool) {
	s := w.watched.Value()
	if s == nil || s.Over() {
		w.stuck.Store(nil)
		return false
	}
	l := w.begin()
	for p := range subtree(s) {
		l.visit(p, s)
	}
	if w.numbers {
		w.count()
	}
	w.forget()
	finally.Each(func() bool { // each is told once, so also if report calls Goexit
		if len(l.found) == 0 || !w.scope.Alive() {
			return false
		}
		slow := l.found[0]
		l.found = l.found[1:]
		w.report(slow)
		return true
	})
	return true
}

// mayPrint reports whether stacks may be printed, which stops the program.
func (w *watch) mayPrint() bool { return !w.few || runtime.NumGoroutine() <= mostGoroutines }

func (w *watch) handlerStacks() []stack {
	if !w.mayPrint() {
		return nil
	}
	return handlerStacks()
}

// forget drops the episodes that this look has not seen.
func (w *watch) forget() {
	for k, e := range w.known {
		if !e.seen {
			delete(w.known, k)
		}
		e.seen = false
	}
}
