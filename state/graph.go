package state

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/seed-ec287111/tether/internal/connlist"
	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/scope"
)

// The graph: values are its sources, computed values and effects its nodes, and links lead
// from each node to what its function has used. See the invariants at [node].
//
// books guards the graph, for all values of the program. Its lock is held for bookkeeping
// alone: no function of the user runs under it, and no goroutine waits while it holds it.
//
// There is one lock, because a computed value may use values of any owner, so no smaller
// part of the program is closed. A Set takes it once, and each call of a function once. A
// function that uses the same values again, and a reader of a value that is up to date,
// take no lock.
//
// Lock order: the mu of a Spring, Tween or Resource, then books, then the locks inside a
// signal.
var books struct {
	// epoch grows, with mu held, before any fresh value stops being fresh. A computed
	// value that was seen fresh in an epoch is fresh as long as the epoch lasts.
	epoch atomic.Uint64

	mu      sync.Mutex // guards the fields below, and those of sources, nodes, links and runs
	running int        // computing functions that are being called
	era     uint64     // see failure
	stamp   uint64     // of the last run, see [Use.find]
	serial  uint64     // of the last walk, see node.visitor
	trace   []string   // what traced has set and run, by name, see FeedbackError
	traced  *node      // an effect that seems to feed itself; nil if there is none
	spare   *pass      // the first of those to be used again
	spares  int        // how many these are
}

// A color says what is known of a source. See the invariants at [node].
type color uint8

const (
	clean color = iota // the value is up to date
	maybe              // something that its function used may have changed
	dirty              // something that its function used has changed, or it has no value yet
	busy               // its function is being called
	stale              // its function is being called, and was marked after the call began
)

// A source is what functions can depend on: a [Value], which is always clean, or the node
// of a [Computed].
type source struct {
	// The fields that are used most come first, within one line of the cache.

	bits atomic.Uint64  // the value, see rep; written with books held
	ptr  unsafe.Pointer // the value, see rep; atomic; written with books held

	// Guarded by books.
	users   *link    // the newest of those to its users
	failure *failure // what the last run of the function has panicked with; nil if it has not
	seen    uint64   // stamp of the newest run that has entered it as a dependency, or of a Batch
	out     *outbox  // of an effect; else nil until somebody asks for the changes
	color   color
	has     bool // there is a value
	queued  bool // a pass is going to settle it

	form form
	gen  uint32 // of a node: counts its marks; if one came, a walk looks at all its links again
	node *node  // nil for a Value

	first link // room for one link of users; unused if its user is nil
	cell  cell
	name_ string
}

// A cell is the typed side of a source.
type cell interface {
	fire(h *connlist.Held, c transition) // calls the handlers connected to the changes
}

// A node is a function's place in the graph: that of a computed value or of an effect.
// Links lead from a user to its dependencies, in the order of first use, and back.
//
// When a value is set, marks go from dependencies to users (push). When a value is read,
// values go the same way (pull): the dependencies are brought up to date first, and the
// function is called only if one of them has changed indeed. The invariants, with books
// free:
//
//   - The dependencies of a clean node are clean. They are what its function used.
//   - All users of a node that is maybe or dirty are maybe, dirty, busy or stale. So a
//     mark stops at a node that is marked.
//   - A node that changes makes its users dirty. So a maybe node is clean if all its
//     dependencies turn out clean and none has made it dirty.
//   - The pass that marks a watched node queues it, and settles it.
//   - A mark makes a busy node stale. Then its function is shown nothing more, its result
//     is not kept, and the node is dirty in the end.
type node struct {
	source
	call  goroutine.Function // what calls the user's function
	owner *scope.Scope
	fn    unsafe.Pointer // the func value of the user's function; atomic; nil from the cut-off on

	// Guarded by books.
	run     *Use     // the run while busy or stale; else one to be used again, or nil
	next    *node    // while marking: the next node whose users are to be marked
	visitor uint64   // serial of the last walk that has come by
	deps    []*link  // in the order of first use
	room    [1]*link // the first room of deps
	cyclic  uint64   // the era in which it was part of a cycle; 0: it was not
	frozen  bool     // the owner is dead: it stays as it is
	effect  bool     // set before use
	fate    fate     // special if it is frozen, an effect, failed or part of a cycle; else 0

	// cleanAt is 1 more than an epoch in which the node was clean and had a value; 0: there
	// was none yet. A Get writes it, with books held, so a run needs no atomic for it.
	cleanAt atomic.Uint64
	pc      uintptr // of the user's function

	use Use // of the first run, and of later ones as long as no other goroutine can have it

	// Of effects, guarded by books.
	again   bool   // it must run once more after this run
	waiting bool   // it must run when all that its last call has made has ended
	fed     bool   // in its last round something was set inside an effect, see runEffect
	rounds  uint32 // how often it has run without coming to rest

	entry scope.Node // in the owner's members
}

// running reports whether the function is being called.
func (n *node) running() bool { return n.color >= busy }

// A failure is the result of a function that has panicked. It is a result as any other: a
// function that uses it gets the panic, and nothing is computed again until something that
// the failed function used has changed. Only a Get that finds a failure from an earlier era
// tries again. An era lasts as long as anything is being computed. So however many ways
// lead to a failure, and whatever is recovered on them, its function runs once.
type failure struct {
	value any
	era   uint64
}

// cutLocked forgets all dependencies of n but the first few.
func (n *node) cutLocked(few int) {
	for _, l := range n.deps[few:] {
		l.remove()
	}
	clear(n.deps[few:])
	n.deps = n.deps[:few]
}

// unclean returns the index of the first link from i on whose dependency is not clean.
func unclean(deps []*link, i int) int {
	for i < len(deps) && deps[i].dep.color == clean {
		i++
	}
	return i
}

// unready is unclean, but it also stops at a failure, and it looks only so far ahead:
// perhaps the function does not go there.
func unready(deps []*link, i int) int {
	const far = 64 // arbitrary
	end := min(i+far, len(deps))
	for i < end && deps[i].dep.color == clean && deps[i].dep.failure == nil {
		i++
	}
	return i
}

// mark marks all that depends on s, which has changed or may have changed. It gives the
// users of s the color users, and all others maybe. It queues what has an outbox. It does
// not recurse. books is held, and epoch has grown. Cost: linear in what is not marked yet.
//
// NOTE: the new value is stored after the marks. A Use reads without the lock, and a Use
// that has seen the new value must find the mark.
func (p *pass) mark(s *source, users color) {
	var todo *node // the newest; its next leads on to the others
	for to := users; ; to = maybe {
		for l := s.users; l != nil; l = l.next {
			u := l.user
			u.gen++
			switch u.color {
			case clean:
				u.color = to
				if u.users == nil {
					break
				}
				if todo != nil { // most nodes have one user, and get nothing written here
					u.next = todo
				}
				todo = u
			case maybe:
				u.color = max(u.color, to)
			case busy:
				if u == p.sparing && (p.from == nil || s == p.from) {
					continue
				}
				u.color = stale
				u.run.overtake()
			}
			if u.out != nil {
				p.queue(u)
			}
		}
		if todo == nil {
			return
		}
		n := todo
		if todo = n.next; todo != nil {
			n.next = nil
		}
		s = &n.source
	}
}

// queue makes p settle n, unless another pass is going to.
func (p *pass) queue(n *node) {
	if !n.queued {
		n.queued = true
		p.todo = append(p.todo, n)
	}
}

// freeze makes n, whose owner is dead, keep the value that it has and depend on nothing.
func (n *node) freeze() {
	books.mu.Lock()
	defer books.mu.Unlock()
	n.frozen = true
	n.look()
	if n.running() {
		n.run.foreign |= special
	} else { // a run that goes on freezes n at its end
		n.freezeLocked()
	}
}

// look sets n's fate, with which its next run begins. books is held.
func (n *node) look() {
	n.fate = 0
	if n.effect || n.frozen || n.failure != nil || n.cyclic != 0 {
		n.fate = special
	}
}

func (n *node) freezeLocked() {
	n.frozen = true
	n.cutLocked(0)
	n.deps, n.run = nil, nil
	n.color = clean
}

// name returns the name for reports: the one given, or the place of the function.
func (s *source) name() string {
	if s.name_ != "" {
		return s.name_
	}
	if s.node != nil {
		if f := runtime.FuncForPC(s.node.pc); f != nil {
			file, line := f.FileLine(s.node.pc)
			return fmt.Sprintf("%s:%d", file, line)
		}
	}
	return "value"
}
