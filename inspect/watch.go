package inspect

import (
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/finally"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/inflight"
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

// A look has what one look has found.
type look struct {
	*watch
	now    time.Time
	stays  map[uint64][]inflight.Stay // by owner
	stacks func() []stack             // prints them at the first call
	early  func() map[string]stack    // the same by key; all episodes share it and only read it
	taken  map[string]bool            // keys of the stacks that belong to an episode
	rest   []stack                    // see open
	names  map[*scope.Scope]map[string]bool
	found  []Slow
}

// begin begins a look. The caller visits scopes with it, and then calls forget.
func (w *watch) begin() *look {
	l := &look{
		watch: w, now: time.Now(), stacks: sync.OnceValue(w.handlerStacks),
		stays: make(map[uint64][]inflight.Stay),
		taken: make(map[string]bool),
		names: make(map[*scope.Scope]map[string]bool),
	}
	l.early = sync.OnceValue(l.byKey)
	for _, stay := range inflight.Stays() {
		l.stays[stay.ID] = append(l.stays[stay.ID], stay)
	}
	return l
}

// visit looks at s, which is top or below it.
func (l *look) visit(s, top *scope.Scope) {
	if !s.Alive() && (s == top || s.Parent().Alive()) && !s.Over() {
		l.drain(s)
	}
	if s.ID() == 0 {
		return
	}
	calls := s.Counted()
	for _, stay := range l.stays[s.ID()] {
		if l.handler(s, stay) {
			calls-- // Renew has counted it
		}
	}
	if s.Alive() && calls > 0 && !l.numbers {
		l.counted(s, calls)
	}
}

// at returns the episode with key k, and its age.
func (l *look) at(k any) (e *episode, age time.Duration) {
	e = l.known[k]
	if e == nil {
		e = &episode{since: l.now}
		l.known[k] = e
	}
	e.seen = true
	return e, l.now.Sub(e.since)
}

// handler enters a call that is announced, and reports whether an earlier look has arranged
// for it to be counted as well.
func (l *look) handler(s *scope.Scope, stay inflight.Stay) (renewed bool) {
	e, age := l.at(stay)
	if renewed = e.renewed; age > 0 && !renewed {
		s.Renew() // makes the next value of a queue another stay
		e.renewed = true
	}
	l.halfway(e, age)
	if age < l.limit || e.reported {
		l.taken[e.stack] = true
		return renewed
	}
	e.reported, e.name = true, s.Kin()
	if l.numbers {
		return renewed
	}
	slow := Slow{Owner: s.String(), Kind: "handler", For: age}
	if g, ok := l.whose(s, e); ok {
		slow.Func, slow.Stack = g.handler(s), g.Text
		e.stack = g.key
	}
	e.slow, e.early = slow, nil // which holds a dump of the whole program
	l.found = append(l.found, slow)
	return renewed
}

// halfway notes the stacks of running handlers when e has lasted half of the limit.
func (l *look) halfway(e *episode, age time.Duration) {
	if e.early != nil || e.reported || age < l.limit/2 || l.numbers {
		return
	}
	e.early = l.early()
}

func (l *look) byKey() map[string]stack {
	all := make(map[string]stack)
	for _, g := range l.stacks() {
		all[g.key] = g
	}
	return all
}

// whose finds the stack of a handler of s that has run for as long as e is old. ok is true if
// a stack runs a function that s has connected, or if only one handler runs at all.
func (l *look) whose(s *scope.Scope, e *episode) (g stack, ok bool) {
	all := l.stacks()
	mine := l.handlers(s)
	best := 0
	for _, h := range all {
		rank := 0
		switch _, early := e.early[h.key]; {
		case l.taken[h.key]:
		case h.among(mine) && early:
			rank = 3
		case h.among(mine):
			rank = 2
		case len(all) == 1:
			rank = 1
		}
		if rank > best {
			g, best = h, rank
		}
	}
	if best > 0 {
		l.taken[g.key] = true
	}
	return g, best > 0
}

// handlers returns the names of the functions that s has connected.
func (l *look) handlers(s *scope.Scope) map[string]bool {
	names := l.names[s]
	if names == nil {
		names = make(map[string]bool)
		s.Each(connections, func(d scope.Detail) { names[funcAt(d.PC).Name] = true })
		l.names[s] = names
	}
	return names
}

// counted enters s, which has running calls that are counted but not announced. Only the
// stacks tell them apart. A stack that is the same at half time and at the end, on the same
// goroutine, is taken to be stuck. If other owners have connected the same function, a stack of
// it may be theirs. So s gets no more stacks than it has calls, those that it had before first.
func (l *look) counted(s *scope.Scope, calls int) {
	e, age := l.at(counted{weak.Make(s)})
	l.halfway(e, age)
	if age < l.limit {
		return
	}
	mine := l.handlers(s)
	told := make(map[string]Slow)
	take := func(g stack, slow Slow) {
		told[g.key], l.taken[g.key] = slow, true
	}
	stuck := func(g stack) bool {
		key := g.key
		return len(told) < calls && !l.taken[key] && g.among(mine) && e.early[key].Text == g.Text
	}
	now := l.early()
	for key, slow := range e.told {
		if g, ok := now[key]; ok && stuck(g) {
			slow.For += age
			take(g, slow)
		}
	}
	for _, g := range l.open() {
		if len(told) == calls {
			break
		}
		if stuck(g) {
			slow := Slow{Owner: s.String(), Kind: "handler", For: age, Func: g.handler(s), Stack: g.Text}
			l.found = append(l.found, slow)
			take(g, slow)
		}
	}
	e.told, e.early, e.since = told, nil, l.now
}

// open returns the stacks without those at the beginning that are taken. So where all handlers
// are stuck in one function, all scopes together look at each stack once.
func (l *look) open() []stack {
	if l.rest == nil {
		l.rest = l.stacks()
	}
	for len(l.rest) > 0 && l.taken[l.rest[0].key] {
		l.rest = l.rest[1:]
	}
	return l.rest
}

// drain enters a teardown that has begun and not ended.
func (l *look) drain(s *scope.Scope) {
	e, age := l.at(draining{weak.Make(s)})
	if age < l.limit || e.reported {
		return
	}
	if l.numbers {
		e.reported, e.name = true, s.Kin()
		return
	}
	slow := Slow{Owner: s.String(), Kind: "drain", For: age}
	names := make(map[string]bool)
	for _, c := range s.Running() {
		slow.Running = append(slow.Running, tether.Running(c))
		fn, _, _ := strings.Cut(c.Func, " (")
		names[strings.TrimSuffix(fn, "-fm")] = true
	}
	if s.Over() {
		return // it has ended just now
	}
	e.reported = true
	if l.mayPrint() {
		slow.Stack = stacksOf(names)
	}
	e.slow = slow
	l.found = append(l.found, slow)
}
