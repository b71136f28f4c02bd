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

// books guards who depends on whom, for all values of the program. The lock is held for
// bookkeeping alone: no function of the user's runs under it, and nobody waits while
// holding it.
//
// One lock for all, as a computed value may use values of any owner, so that no smaller
// part of the program is closed. It is taken once for a Set and once for each function
// that is called; what a function uses again, and what is up to date, is read without it.
//
// Lock order: a Spring's or Tween's mu, then books, then what a signal has inside.
var books struct {
	// epoch grows, with mu held, before anything that was fresh stops being so. A
	// computed value that was seen fresh in an epoch is fresh as long as that lasts.
	epoch atomic.Uint64

	mu      sync.Mutex // guards the fields below, and those of sources, nodes, links and runs
	running int        // computing functions that are being called
	era     uint64     // see failure
	stamp   uint64     // of the last run, see [Use.unseen]
	serial  uint64     // of the last walk, see node.visitor
	trace   []string   // what the effect traced brings about, see FeedbackError
	traced  *node      // nil but for effects that seem to feed themselves
	spare   *pass      // to be used again
	spares  int
}

// A color says what is known of a source. See the invariants at [node].
type color uint8

const (
	clean color = iota // the value is that of now
	maybe              // something that it used may have changed
	dirty              // something that it used has changed, or it has no value yet
	busy               // its function is being called
	stale              // likewise, but something that it used has changed since
)

// A source is what others can depend on: a [Value], which is always clean, or the node of
// a [Computed].
type source struct {
	// What is touched most stands first, within one line of the cache.

	bits atomic.Uint64  // the value, see rep; written with books held
	ptr  unsafe.Pointer // likewise; atomic

	// Guarded by books.
	users   *link    // the newest
	failure *failure // what the function has panicked with; nil if it has not
	seen    uint64   // stamp of the last run that has entered it as a dependency
	out     *outbox  // nil as long as nobody has asked for its changes
	color   color
	has     bool // there is a value
	queued  bool // a pass is going to settle it

	form form
	gen  uint32 // of a node: counts the marks and runs: a walk that was interrupted begins again
	node *node  // nil for a Value

	first link // room for one; unused if it has no user
	cell  cell
	name_ string
}

// A cell is the typed side of a source.
type cell interface {
	fire(h *connlist.Held, c transition) // tells who is connected to the changes
}

// A node is the place in the graph of what a function computes, or of an effect. Links
// lead from a user to its dependencies, in the order of first use, and back.
//
// Marks go from dependencies to users when a value is set (push); values go the same way
// when somebody asks (pull): dependencies first, and the function only if one of them has
// changed indeed. The invariants, with books free:
//
//   - A clean node's dependencies are clean, and are what its function used.
//   - All users of a node that is maybe or dirty are that too, or busy or stale. So a
//     mark stops where it finds another.
//   - A node that changes makes its users dirty. So one that is maybe, and whose
//     dependencies all turn out clean without making it dirty, is clean.
//   - What is watched and marked is queued by who marks it, and settled by that pass.
//   - A busy node becomes stale by a mark. Its function is shown nothing more, what it
//     returns is not kept, and it is dirty in the end.
type node struct {
	source
	call  goroutine.Function // what calls the user's function
	owner *scope.Scope
	fn    unsafe.Pointer // the func value of the user's function; atomic; nil from the cut-off on

	// Guarded by books.
	run     *Use    // the run while busy or stale; else one to be used again, or nil
	next    *node   // while marking: what is to be passed on
	visitor uint64  // the last walk that has come by
	deps    []*link // in the order of first use
	room    [1]*link
	cyclic  uint64 // the era in which it was part of a cycle; 0: it was not
	frozen  bool   // the owner is dead: it stays as it is
	effect  bool   // set before use
	fate    fate   // special, if it is one of these, has failed, or is part of a cycle; else 0

	// cleanAt is an epoch in which the node was clean and had a value. It is written by
	// who reads, with books held, so that computing costs no atomic for it.
	cleanAt atomic.Uint64
	pc      uintptr // of the user's function

	use Use // of the first run, and of others as long as nobody else can have it

	// Of effects, guarded by books.
	again   bool   // to run once more when it has run
	waiting bool   // to run when what the last call has made has ended
	rounds  uint32 // how often it has run without coming to rest

	entry scope.Node // in the owner's members
}

// running reports whether the function is being called.
func (n *node) running() bool { return n.color >= busy }

// A failure is the result of a function that has panicked. It is a result as any other:
// who uses it gets the panic, and nothing is computed again until something that the
// function used has changed. Only a Get that finds one from an earlier era tries again;
// an era lasts as long as anything is being computed. So however many ways lead to a
// failure, and whatever is recovered on them, its function runs once.
type failure struct {
	value any
	era   uint64
}

// A link says that user has used dep.
type link struct {
	dep        *source
	user       *node
	stamp      uint64 // of the last run that has used it
	prev, next *link  // among the users of dep
}

// newLink enters user among the users of dep. books is held.
func newLink(dep *source, user *node) *link {
	l := &dep.first
	if l.user != nil {
		l = new(link)
	}
	*l = link{dep: dep, user: user, next: dep.users}
	if l.next != nil {
		l.next.prev = l
	}
	dep.users = l
	return l
}

// remove is the end of a link. books is held.
func (l *link) remove() {
	if l.prev != nil {
		l.prev.next = l.next
	} else {
		l.dep.users = l.next
	}
	if l.next != nil {
		l.next.prev = l.prev
	}
	l.prev, l.next, l.user = nil, nil, nil
}

// cutLocked forgets the dependencies of n but the first few.
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

// unready is unclean that also stops at a failure, and does not look far ahead: perhaps
// nobody goes there.
func unready(deps []*link, i int) int {
	const far = 64 // arbitrary
	end := min(i+far, len(deps))
	for i < end && deps[i].dep.color == clean && deps[i].dep.failure == nil {
		i++
	}
	return i
}

// mark marks all that depends on s, which has changed or may have, its users with the given
// color, and queues what is watched. It does not recurse. books is held, and epoch has grown. Cost: linear in what is not
// marked yet.
//
// NOTE: the new value is stored after this. A Use reads without the lock, and who has
// seen the new value must find the mark.
func (p *pass) mark(s *source, users color) {
	var todo *node // the newest, which has the next one
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
				if todo != nil { // most have one user: nothing is written for that
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

// queue has n settled by p, unless another pass will do that.
func (p *pass) queue(n *node) {
	if !n.queued {
		n.queued = true
		p.todo = append(p.todo, n)
	}
}

// freeze is for a node whose owner is dead: it keeps the value that it has and depends on
// nothing.
func (n *node) freeze() {
	books.mu.Lock()
	defer books.mu.Unlock()
	n.frozen = true
	n.look()
	if n.running() {
		n.run.foreign |= special
	} else { // else at the end of that
		n.freezeLocked()
	}
}

// look says of what kind the next run is. books is held.
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

// name is for reports: the name given, or where the function stands.
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
