package inspect

import (
	"strings"
	"sync"
	"time"
	"weak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/inflight"
	"github.com/seed-ec287111/tether/internal/scope"
)

// A look has what one look has found.
type look struct {
	*watch
	now     time.Time
	stays   map[uint64][]inflight.Stay // by owner
	stacks  func() []stack             // prints them at the first call
	dump    func() []string            // those of all goroutines likewise
	running func() []string            // names the handlers, also where there are too many goroutines for their stacks
	early   func() map[string]stack    // the same by key; all episodes share it and only read it
	taken   map[string]bool            // keys of the stacks that belong to an episode
	rest    []stack                    // see open
	names   map[*scope.Scope]map[string]bool
	found   []Slow
}

// begin begins a look. The caller visits scopes with it, and then calls forget.
func (w *watch) begin() *look {
	l := &look{
		watch: w, now: time.Now(),
		stacks: sync.OnceValue(w.handlerStacks), dump: sync.OnceValue(goroutine.Stacks),
		running: sync.OnceValue(goroutine.RunningHandlers),
		stays:   make(map[uint64][]inflight.Stay),
		taken:   make(map[string]bool),
		names:   make(map[*scope.Scope]map[string]bool),
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
// Where looks are rare, half time is late, and the end is at the look after that.
func (l *look) counted(s *scope.Scope, calls int) {
	e, age := l.at(counted{weak.Make(s)})
	early := e.early != nil
	l.halfway(e, age)
	if age < l.limit || !early {
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
	for _, c := range s.RunningAmong(l.running) {
		slow.Running = append(slow.Running, tether.Running(c))
		fn, _, _ := strings.Cut(c.Func, " (")
		names[strings.TrimSuffix(fn, "-fm")] = true
	}
	if s.Over() {
		return // it has ended just now
	}
	e.reported = true
	if l.mayPrint() {
		slow.Stack = stacksOf(l.dump(), names)
	}
	e.slow = slow
	l.found = append(l.found, slow)
}
