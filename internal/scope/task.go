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
	node  Node
	s     *Scope
	f     func(context.Context)
	name  uintptr // the user's function, for reports
	outer *Task   // of the same goroutine: Run inside an owned goroutine; else nil
}

// Kind makes a Task a member of its scope.
func (t *Task) Kind() Kind { return Goroutine }

// Cut does nothing: a running goroutine is told by its context, and waited for.
func (t *Task) Cut(*Cutoff) {}

// Go starts f on a goroutine of s, or returns false if s is dead.
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

// Host runs f on the caller's goroutine as one of s, even if s is dead, and
// calls registered as soon as it counts. name is where f's user code starts.
func (s *Scope) Host(name uintptr, registered, f func()) {
	t := &Task{s: s, f: func(context.Context) { f() }, name: name}
	s.mu.Lock()
	s.addLocked(&t.node, t)
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
	gid := goroutine.ID()
	tasks := tasksOf(gid)
	t.outer = tasks.swap(gid, t)
	defer t.s.left(&t.node, 0)
	defer tasks.swap(gid, t.outer)
	defer t.s.supervise()
	goroutine.Body(ctx, t.f)
}

// owned has all owned goroutines, each with its innermost Task, in parts
// that do not wait for each other. It knows a goroutine by its number, as a function
// that is called without a context has nothing else to be known by.
var owned [64]struct {
	tasks
	_ [48]byte // no two in one cache line
}

type tasks struct {
	mu sync.Mutex
	by map[uint64]*Task // by the goroutine's number; nil before the first one
}

func tasksOf(gid uint64) *tasks { return &owned[gid%uint64(len(owned))].tasks }

// swap makes t, if not nil, the task of a goroutine, in place of the one it returns.
func (r *tasks) swap(gid uint64, t *Task) (old *Task) {
	r.mu.Lock()
	defer r.mu.Unlock()
	old = r.by[gid]
	if t == nil {
		delete(r.by, gid)
		return old
	}
	if r.by == nil {
		r.by = make(map[uint64]*Task)
	}
	r.by[gid] = t
	return old
}

// current returns the innermost Task of the caller's goroutine, nil if it is not owned.
func current() *Task {
	gid := goroutine.ID()
	r := tasksOf(gid)
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.by[gid]
}

// HoldBack is for who makes the caller wait, by a full queue, for something that has
// nothing to do with a teardown. It calls letGo, which must not wait or be user code,
// at the cut-off of a scope whose goroutine the caller is: Destroy of that waits
// for the goroutine, and may be called by the very one that has to make room. It
// returns false if the cut-off was before. After the wait the caller calls release.
func HoldBack(letGo func()) (release func(), ok bool) {
	var held []*closing
	release = func() {
		for _, c := range held {
			c.s.Detach(&c.node)
		}
	}
	for t := current(); t != nil; t = t.outer {
		c, ok := t.s.onCut(func() {}, letGo)
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
