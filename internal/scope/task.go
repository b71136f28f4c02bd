package scope

import (
	"context"
	"reflect"
	"sync"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/yield"
)

// A Task is a goroutine that a scope owns.
type Task struct {
	node   Node
	s      *Scope
	ctx    context.Context
	f      func(context.Context)
	name   uintptr // the user's function, for reports
	number uint64  // on the goroutine's stack while f runs
}

// Kind makes a Task a member of its scope.
func (t *Task) Kind() Kind { return Goroutine }

// Cut does nothing. Its context tells a running goroutine of the cut-off, and the teardown
// waits for it.
func (t *Task) Cut(*Cutoff) {}

// Go starts f on a goroutine of s, or returns false if s is dead.
func (s *Scope) Go(f func(context.Context)) bool {
	return s.start(f, PC(f))
}

// GoErr is Go for a function whose error ends s.
func (s *Scope) GoErr(f func(context.Context) error) bool {
	return s.start(func(ctx context.Context) {
		if err := f(ctx); err != nil {
			s.fail(err)
		}
	}, PC(f))
}

func (s *Scope) start(f func(context.Context), name uintptr) bool {
	t := &Task{s: s, ctx: s.Context(), f: f, name: name, number: goroutine.NewNumber()}
	yield.Point("go: attach")
	if !s.Attach(&t.node, t, func() bool { s.busy++; return true }) {
		return false
	}
	go t.run()
	return true
}

// Host runs f on the caller's goroutine as one of s, which is alive. It calls registered as
// soon as the goroutine counts, and runs f even if registered has cut s off. name is where
// f's user code starts. A panic of f is the caller's.
func (s *Scope) Host(name uintptr, registered, f func()) {
	t := &Task{s: s, f: func(context.Context) { f() }, name: name, number: goroutine.NewNumber()}
	s.mu.Lock()
	s.addLocked(&t.node, t)
	s.busy++
	s.mu.Unlock()
	defer s.left(&t.node, 0)
	registered() // it may panic
	yield.Point("go: started")
	s.enter(t.number)
	defer leave(t.number)
	goroutine.Spell(t.number, t) // f has the owner instead of a context
}

// run is where a goroutine of the scope's own starts.
func (t *Task) run() {
	yield.Point("go: started")
	t.s.enter(t.number)
	defer t.s.left(&t.node, 0)
	defer leave(t.number)
	defer t.s.supervise()
	if Observed() {
		tell(t.s, started) // which may ask the user's context, see inspect.Label
	}
	goroutine.Spell(t.number, t)
}

// Run calls the user's function.
func (t *Task) Run() { goroutine.Body(t.ctx, t.f) }

// owned has the scopes whose goroutines and timer functions run, by the number on the
// stack. Each part has a mutex of its own. A function that is called without a context,
// such as Destroy, finds in it whose goroutine it is on.
var owned [64]struct {
	mu sync.Mutex
	by map[uint64]*Scope // nil before the first one
	_  [48]byte          // no two in one cache line
}

// enter enters the calling goroutine as one of s, until leave.
func (s *Scope) enter(number uint64) {
	part := &owned[number%uint64(len(owned))]
	part.mu.Lock()
	defer part.mu.Unlock()
	if part.by == nil {
		part.by = make(map[uint64]*Scope)
	}
	part.by[number] = s
}

func leave(number uint64) {
	part := &owned[number%uint64(len(owned))]
	part.mu.Lock()
	defer part.mu.Unlock()
	delete(part.by, number)
}

// current returns the scopes whose goroutine the caller is on, innermost first: none if it
// is not owned, several if Run was called in an owned one.
func current() (scopes []*Scope) {
	for _, n := range goroutine.Numbers() {
		part := &owned[n%uint64(len(owned))]
		part.mu.Lock()
		if s := part.by[n]; s != nil {
			scopes = append(scopes, s)
		}
		part.mu.Unlock()
	}
	return scopes
}

// Hosts returns the scopes whose teardowns wait for the caller's goroutine because it is
// owned: those that own it, and all above. It returns nil if the goroutine is not owned.
func Hosts() (scopes []*Scope) {
	for _, p := range current() {
		for ; p != nil; p = p.parent {
			scopes = append(scopes, p)
		}
	}
	return scopes
}

// HoldBack is for a function that makes its caller wait for room in a full queue, which has
// nothing to do with a teardown. It arranges for letGo to be called at the cut-off of each
// scope whose goroutine the caller is on. Destroy of such a scope waits for this goroutine,
// and the goroutine that has to make room may be the one that calls Destroy. letGo must not
// wait or be user code.
//
// HoldBack returns false if one of the scopes is dead already. After the wait the caller
// calls release.
func HoldBack(letGo func()) (release func(), ok bool) {
	var held []*closing
	release = func() {
		for _, c := range held {
			c.s.Detach(&c.node)
		}
	}
	for _, s := range current() {
		c, ok := s.onCut(func() {}, letGo)
		if !ok {
			release()
			return nil, false
		}
		held = append(held, c)
	}
	return release, true
}

// PC returns where the code of a function value starts.
func PC(fn any) uintptr { return reflect.ValueOf(fn).Pointer() }
