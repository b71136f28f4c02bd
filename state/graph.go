package state

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/seed-ec287111/tether/internal/finally"
)

// books guards who depends on whom, for all values of the program. It is held
// for the work of pointers alone: no function of the user's runs under it, and
// nobody waits while holding it.
//
// One lock for all, as a computed value may use values of any owner, so that no
// smaller part of the program is closed. With a lock a value, marking would have
// to hold locks downwards while computing takes them upwards. What is read most,
// values and computed values that are up to date, takes no lock at all.
//
// Lock order: a Spring's or Tween's mu, then books, then what a signal has
// inside, whose Len is asked.
var books sync.Mutex

// running counts the runs that have not ended. Guarded by books.
var running int

// A node is a value's place in the graph: that of a [Value], which is always
// fresh, or of a [Computed]. Edges lead from a user to its dependencies, in the
// order of first use, and back.
//
// Marks go from dependencies to users when a value is set (push); values go the
// same way when somebody asks (pull), comparing versions. The invariants, with
// books free:
//
//   - A fresh node is not marked, and all its dependencies are fresh, with the
//     version that its edge has noted.
//   - All users of a marked node are marked, but for those that run, which were
//     marked when they began. So a mark stops where it finds another.
//   - Whoever marks a node that is watched goes on to settle it. A run takes the
//     mark away when it begins; a mark found at its end says that it was
//     overtaken, and that somebody else will settle the node again.
type node struct {
	label string
	pc    uintptr // of the computing function
	cell  cell    // nil for a Value

	fresh  atomic.Bool // written with books held; true: the value is that of now
	marked atomic.Bool // written with books held; true: a dependency may have changed

	// Guarded by books.
	version uint64  // of the value
	must    bool    // fresh only by a run, whatever the versions say
	run     *run    // whose goroutine alone changes deps; nil if nobody's
	deps    []*edge // a run's own first, see run.used
	users   *edge   // the newest
	next    *node   // while marking: what is to be passed on
}

// A cell is the typed side of a computed value's node.
type cell interface {
	settler
	compute(r *run)  // calls the user's function unless its owner is dead
	install(out any) // takes a new value; books is held
	watched() bool   // somebody is connected to the changes; books is held
}

// A settler has changes to deliver, or may find some.
type settler interface{ settle() }

// An edge says that user used dep when that had the given version.
type edge struct {
	dep, user  *node
	version    uint64
	prev, next *edge // among the users of dep
}

func newEdge(dep, user *node) *edge {
	e := &edge{dep: dep, user: user, next: dep.users}
	if e.next != nil {
		e.next.prev = e
	}
	dep.users = e
	return e
}

func (e *edge) remove() {
	if e.prev != nil {
		e.prev.next = e.next
	} else {
		e.dep.users = e.next
	}
	if e.next != nil {
		e.next.prev = e.prev
	}
	e.prev, e.next = nil, nil
}

// markLocked marks all that depends on n, and appends to todo what the caller
// has to settle when books is free. Linear in what is not marked yet.
//
// NOTE: the new value is stored after this. [Use] reads without the lock, and
// who has seen the new value must find the mark.
func (n *node) markLocked(todo []settler) []settler {
	var pending *node
	for m := n; m != nil; {
		for e := m.users; e != nil; e = e.next {
			u := e.user
			if u.marked.Load() {
				continue
			}
			u.marked.Store(true)
			u.fresh.Store(false)
			u.next, pending = pending, u
			if u.cell.watched() {
				todo = append(todo, u.cell)
			}
		}
		if m = pending; m != nil {
			pending, m.next = m.next, nil
		}
	}
	return todo
}

// keepLocked forgets all dependencies of n but the first few.
func (n *node) keepLocked(count int) {
	count = min(count, len(n.deps)) // fewer, if it was frozen
	for _, e := range n.deps[count:] {
		e.remove()
	}
	clear(n.deps[count:])
	n.deps = n.deps[:count]
}

// freezeLocked is for a node whose owner is dead: it keeps the value that it has
// and depends on nothing.
func (n *node) freezeLocked() {
	if n.run != nil {
		n.run.over = true
	}
	n.keepLocked(0)
	n.deps = nil
	n.must = false
	n.marked.Store(false)
	n.fresh.Store(true)
}

// name is for reports: the name given, or where the function stands.
func (n *node) name() string {
	if n.label != "" {
		return n.label
	}
	if f := runtime.FuncForPC(n.pc); f != nil {
		file, line := f.FileLine(n.pc)
		return fmt.Sprintf("%s:%d", file, line)
	}
	return "value"
}

// settle settles each, whatever the others do: a panic or Goexit goes on when
// all have had their turn.
func settle(todo []settler) {
	finally.Each(func() bool {
		if len(todo) == 0 {
			return false
		}
		s := todo[0]
		todo = todo[1:]
		s.settle()
		return true
	})
}
