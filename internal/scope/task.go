package scope

import (
	"context"
	"reflect"
	"sync/atomic"
	"time"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/yield"
)

// A Task is a goroutine that a scope owns.
type Task struct {
	node Node
	s    *Scope
	f    func(context.Context)
	name uintptr       // the user's function, for reports
	gid  atomic.Uint64 // 0 until it has started
}

// Kind makes a Task a member of its scope.
func (t *Task) Kind() Kind { return Goroutine }

// Cut does nothing: a running goroutine is told by its context, and waited for.
func (t *Task) Cut(*Cutoff) {}

// Go starts f on a goroutine of s, or returns false where s is dead.
func (s *Scope) Go(f func(context.Context)) bool {
	t := &Task{s: s, f: f, name: PC(f)}
	ctx := s.Context()
	yield.Point("go: attach")
	if !s.Attach(&t.node, t, func() bool { s.busy++; return true }) {
		return false
	}
	go t.begin(ctx)
	return true
}

// Host runs f on the caller's goroutine as one of s, even where s is dead, and
// calls registered as soon as it counts. name is where f's user code starts.
func (s *Scope) Host(name uintptr, registered, f func()) {
	t := &Task{s: s, f: func(context.Context) { f() }, name: name}
	s.mu.Lock()
	s.addNode(&t.node, t)
	s.busy++
	s.mu.Unlock()
	registered()
	t.run(context.Background()) // f has the owner instead
}

// begin is where a goroutine of the scope's own starts.
func (t *Task) begin(ctx context.Context) {
	if Observed() {
		tell(t.s, started)
	}
	t.run(ctx)
}

func (t *Task) run(ctx context.Context) {
	yield.Point("go: started")
	t.gid.Store(goroutine.ID())
	defer t.s.left(&t.node, 0)
	defer t.s.supervise()
	t.call(ctx)
}

// call has the user's code under a name that [goroutine.Where] knows.
func (t *Task) call(ctx context.Context) { t.f(ctx) }

// A timer is a function that runs later, unless its scope is cut before.
type timer struct {
	node  Node
	s     *Scope
	f     func()  // nil once it has begun or can't begin any more
	name  uintptr // the same, for reports
	timer *time.Timer
	state uint8 // guarded by s.mu
}

const (
	waiting uint8 = iota
	running       // f runs, and is counted
	late          // its goroutine was on the way at the cut-off, and is counted
	over
)

func (t *timer) Kind() Kind { return Timer }

// Cut stops the timer. If that comes too late, the timer's goroutine exists
// already and counts as running until it has seen that it is not to call f.
func (t *timer) Cut(co *Cutoff) {
	if t.state != waiting {
		return
	}
	if t.timer.Stop() {
		t.state, t.f = over, nil
		co.Remove(t.s, &t.node)
		return
	}
	t.state = late
	t.s.busy++
}

// AfterFunc runs f on a goroutine of s after d.
func (s *Scope) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	t := &timer{s: s, f: f, name: PC(f)}
	s.Attach(&t.node, t, func() bool {
		t.timer = time.AfterFunc(d, t.fire) // fire waits for the mutex held here
		return true
	})
	return t.stop
}

func (t *timer) stop() bool {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	if t.node.m == nil || t.state != waiting || !t.timer.Stop() {
		return false
	}
	t.state, t.f = over, nil
	return t.s.removeLocked(&t.node)
}

func (t *timer) fire() {
	s := t.s
	yield.Point("timer: fired")
	s.mu.Lock()
	f := t.f
	if t.state == waiting {
		t.state = running
		s.busy++
	} else {
		f = nil
	}
	t.f = nil
	s.mu.Unlock()
	defer s.left(&t.node, 0)
	if f == nil {
		return
	}
	defer s.supervise()
	callout(f)
}

// callout calls user code under a name that [goroutine.Where] knows.
func callout(f func()) { f() }

// Call runs f as a call that was counted by Enter.
func (s *Scope) Call(f func()) {
	defer s.Leave()
	defer s.supervise()
	callout(f)
}

// PC returns where the code of a function value starts.
func PC(fn any) uintptr { return reflect.ValueOf(fn).Pointer() }
