// Package scope has the machinery of an owner: a tree of scopes, what is
// registered with each, what runs in each, and the teardown that ends a
// subtree.
//
// # Locks
//
// Every scope has a mutex of its own, so that owners of one tree do not wait
// for each other when they connect, start or register something. The tree has
// one more, which only teardowns take. The order is:
//
//	waits.mu, tree.mu, Scope.mu of a parent, Scope.mu of its child, Queue.mu, Roster.mu
//
// and last roots.mu, which a teardown takes when a root has ended.
//
// User code runs under none of them, and none is held while waiting.
//
// # Life
//
// A scope is alive, then cut (nothing new starts), then unwinding (its children
// and cleanups run), then ended. It is cut together with all its descendants,
// by a teardown of its own or of an ancestor's, and goes on to unwinding when
// nothing runs any more in the subtree of that teardown.
//
// What runs in a scope is counted in Scope.busy: calls of handlers, goroutines,
// timer functions, interrupts, and children's teardowns. While the scope is
// alive, Scope.mu guards the count. Once it is cut, nothing adds to it that is
// not counted by then as well, and tree.mu guards it, together with the sums
// over subtrees that the teardowns keep. See teardown.go.
package scope

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/seed-ec287111/tether/internal/presence"
	"github.com/seed-ec287111/tether/internal/yield"
)

// ErrDestroyed is the cause of a scope that was ended without another cause.
var ErrDestroyed = errors.New("tether: owner destroyed")

// ErrPending says that the scope is cut and that the rest will follow.
var ErrPending = errors.New("tether: teardown pending")

// A Kind says what a member of a scope is.
type Kind uint8

const (
	Connection Kind = iota
	Goroutine
	Timer
	Cleanup
	Child
	Interrupt
	Resource // a signal or queue, which is closed at the cut-off
	kinds
)

// A Member is something that a scope holds.
type Member interface {
	Kind() Kind
	// Cut ends the member at the cut-off of its scope. It is called once, with
	// the scope's mutex held, and may remove the member from the scope's list.
	Cut(*Cutoff)
}

// A Node is a place in a scope's list of members, for embedding in them. The
// scope's mutex guards it.
type Node struct {
	prev, next *Node
	m          Member // nil while in no list
}

// A Supervisor gets what a supervised function panicked with.
type Supervisor func(s *Scope, value any)

// The states of a scope.
const (
	alive uint32 = iota
	cut
	unwinding
	ended
)

// A tree is what all scopes below one root share.
type tree struct {
	entry uint64 // in the list of roots; 0: not listed. Set before use

	mu sync.Mutex // guards the teardowns of the tree and the counts of cut scopes
}

// A Scope is the state behind an owner. Everything that refers to an owner
// refers to its Scope, so that the owner itself can be found to be garbage.
type Scope struct {
	name   string
	parent *Scope // nil for a root
	tree   *tree
	super  Supervisor      // nil: a panic takes its course
	base   context.Context // what Context derives from
	site   uintptr         // where it was made; 0: unknown. Set before use

	state atomic.Uint32 // only grows; written with mu held
	id    atomic.Uint64 // what presence slots hold; 0 before the first connection

	node Node // in the parent's list, guarded by the parent's mu

	mu     sync.Mutex // guards the fields below
	last   *Node      // the members, newest first
	counts [kinds]int32
	calls  int32 // calls of handlers that are counted, part of busy
	runs   int32 // of queues, likewise
	busy   int32 // all that runs; guarded by tree.mu too once cut
	ctx    context.Context
	cancel context.CancelCauseFunc // nil before the first use of Context
	unbind []func() bool           // one for each context that ends the scope
	cause  error                   // nil before the cut-off
	err    error                   // what closers returned so far
	ended  chan struct{}           // nil before the first use
	where  *cleanup                // what the unwinding runs now, for reports

	down *teardown // nil before a teardown of its own, then &own; guarded by tree.mu
	own  teardown  // here, as an allocation of its own is a tenth of a short life
}

// Config is what a scope is made with. The zero Config inherits.
type Config struct {
	Context context.Context // nil: none
	Super   Supervisor
	Site    uintptr // where the scope is made, 0 for unknown
}

// New returns a root scope. The caller calls Bind if there is a context.
func New(name string, c Config) *Scope {
	s := &Scope{name: name, tree: new(tree), super: c.Super, base: context.Background(), site: c.Site}
	if c.Context != nil {
		s.base = c.Context
	}
	return s
}

// NewChild returns a child of s: a dead one where s is dead.
func (s *Scope) NewChild(name string, c Config) *Scope {
	child := &Scope{name: name, parent: s, tree: s.tree, super: c.Super, base: c.Context, site: c.Site}
	if child.super == nil {
		child.super = s.super
	}
	if child.base == nil {
		child.base = s.base
	}
	s.mu.Lock()
	state := s.state.Load()
	switch state {
	case alive:
		s.addNode(&child.node, child)
	case cut: // unwinds with s
		child.bury(cut, s.cause)
		s.addNode(&child.node, child)
	default:
		child.bury(ended, s.cause)
	}
	s.mu.Unlock()
	if Observed() {
		tell(child, made)
	}
	if c.Context != nil && state == alive {
		child.Bind(c.Context)
	}
	return child
}

// bury gives a scope that nobody knows yet a later state.
func (s *Scope) bury(state uint32, cause error) {
	s.cause = cause
	s.state.Store(state)
}

// Bind ends s when ctx ends, at once if that has happened.
func (s *Scope) Bind(ctx context.Context) {
	if ctx.Err() != nil {
		s.cancelWith(context.Cause(ctx), nil)
		return
	}
	unbind := context.AfterFunc(ctx, func() { s.end(context.Cause(ctx)) })
	s.mu.Lock()
	s.unbind = append(s.unbind, unbind)
	s.mu.Unlock()
	if !s.Alive() {
		unbind() // the cut-off may have come too early to do it
	}
}

func (s *Scope) Name() string   { return s.name }
func (s *Scope) Parent() *Scope { return s.parent }
func (s *Scope) Alive() bool    { return s.state.Load() == alive }
func (s *Scope) Over() bool     { return s.state.Load() == ended }

// Path returns the names from the root to s.
func (s *Scope) Path() string {
	if s.parent == nil {
		return s.name
	}
	var names []string
	for p := s; p != nil; p = p.parent {
		names = append(names, p.name)
	}
	var b strings.Builder
	for i := len(names) - 1; i >= 0; i-- {
		b.WriteString(names[i])
		if i > 0 {
			b.WriteByte('/')
		}
	}
	return b.String()
}

// Err returns what the closers of an ended scope returned.
func (s *Scope) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Cause returns the cause of the cut-off, nil while s is alive.
func (s *Scope) Cause() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cause
}

// Ended returns a channel that is closed when s has ended.
func (s *Scope) Ended() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended == nil {
		s.ended = make(chan struct{})
		if s.Over() {
			close(s.ended)
		}
	}
	return s.ended
}

// Context returns the context that is cancelled at the cut-off.
func (s *Scope) Context() context.Context {
	s.mu.Lock()
	ctx := s.ctx
	s.mu.Unlock()
	if ctx != nil {
		return ctx
	}
	inner, cancel := context.WithCancelCause(context.WithoutCancel(s.base))
	ctx = scopeContext{inner, s.base}
	yield.Point("context: made")
	s.mu.Lock()
	if s.ctx != nil { // somebody else was faster
		first := s.ctx
		s.mu.Unlock()
		cancel(nil)
		return first
	}
	s.ctx, s.cancel = ctx, cancel
	cause := s.cause
	s.mu.Unlock()
	if cause != nil {
		cancel(cause)
	}
	return ctx
}

// A scopeContext has the values and the deadline of the context that its scope
// is bound to, but ends with the scope: whoever sees it end finds the scope cut.
// Derived from that context it would end before, as Bind's function is called
// on a goroutine of its own.
type scopeContext struct {
	context.Context
	base context.Context
}

func (c scopeContext) Deadline() (time.Time, bool) { return c.base.Deadline() }

// addNode makes m, whose node is n, the newest member. mu is held.
func (s *Scope) addNode(n *Node, m Member) {
	n.m = m
	n.prev = s.last
	if s.last != nil {
		s.last.next = n
	}
	s.last = n
	s.counts[m.Kind()]++
}

// removeLocked takes n out of the list and reports whether it was there.
func (s *Scope) removeLocked(n *Node) bool {
	if n.m == nil {
		return false
	}
	s.counts[n.m.Kind()]--
	if n.next != nil {
		n.next.prev = n.prev
	} else {
		s.last = n.prev
	}
	if n.prev != nil {
		n.prev.next = n.next
	}
	*n = Node{}
	return true
}

// Attach makes m a member and calls link, if not nil, with the scope's mutex
// held, so that a cut-off comes either before both or after both. Where s is
// dead or link returns false, it does nothing and returns false.
func (s *Scope) Attach(n *Node, m Member, link func() bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.Alive() || link != nil && !link() {
		return false
	}
	s.addNode(n, m)
	return true
}

// Detach removes a member, if it is one still.
func (s *Scope) Detach(n *Node) {
	s.mu.Lock()
	s.removeLocked(n)
	s.mu.Unlock()
}

// Change calls change, which changes the kind of the member whose node is n.
func (s *Scope) Change(n *Node, change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n.m != nil {
		s.counts[n.m.Kind()]--
		defer func() { s.counts[n.m.Kind()]++ }()
	}
	change()
}

// PresenceID returns the id under which handlers of s are announced. It is for
// link functions of [Scope.Attach]: a teardown looks for the id only if it was
// asked for before the cut-off.
func (s *Scope) PresenceID() uint64 {
	if id := s.id.Load(); id != 0 {
		return id
	}
	s.id.Store(presence.NewID()) // not twice: mu is held
	return s.id.Load()
}

// Announce says that a handler of s is about to run on the caller's goroutine,
// on whose stack at points. The caller must look after that whether the handler
// is still alive, see package presence. If ok, it owes a [Scope.Retract] of slot.
func (s *Scope) Announce(at unsafe.Pointer) (slot *presence.Slot, ok bool) {
	if slot = presence.Claim(at, s.id.Load()); slot != nil {
		return slot, true
	}
	return nil, s.Enter()
}

// Retract takes back what Announce has said. Like [Scope.Leave], it completes a
// teardown that has waited for nothing else.
func (s *Scope) Retract(slot *presence.Slot) {
	if slot == nil || slot.Move(0) {
		s.Leave()
	}
}

// Enter counts a call of a handler, for which there was no presence slot, and
// reports whether it may start. The caller owes a [Scope.Leave].
func (s *Scope) Enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.Alive() {
		return false
	}
	s.calls++
	s.busy++
	return true
}

// Leave ends a call that Enter or a teardown counted. If it was the last thing
// that a teardown waited for, it completes that teardown: cleanups may run, and
// panic, on the caller.
func (s *Scope) Leave() { s.left(nil, 1) }

// EnterRun is Enter for a queue that is going to handle values.
func (s *Scope) EnterRun() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.Alive() {
		return false
	}
	s.runs++
	s.busy++
	return true
}

// LeaveRun is Leave after EnterRun.
func (s *Scope) LeaveRun() {
	s.mu.Lock()
	s.runs--
	s.mu.Unlock()
	s.left(nil, 0)
}

// left ends something that ran in s: a member whose node is n, or calls calls.
func (s *Scope) left(n *Node, calls int32) {
	s.mu.Lock()
	if n != nil {
		s.removeLocked(n)
	}
	if s.Alive() {
		s.calls -= calls
		s.busy--
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	yield.Point("left: of a dead scope")
	s.tree.mu.Lock()
	due := s.dropLocked(nil, calls)
	s.tree.mu.Unlock()
	yield.Point("left: counted")
	due.complete()
}

// A Count says what a subtree holds.
type Count struct{ Owners, Connections, Goroutines, Timers, Cleanups int }

// Count counts what the subtree of s holds now. It walks it.
func (s *Scope) Count() Count {
	var c Count
	for _, p := range s.subtree(nil) {
		p.mu.Lock()
		if !p.Over() {
			c.Owners++
		}
		c.Connections += int(p.counts[Connection])
		c.Goroutines += int(p.counts[Goroutine])
		c.Timers += int(p.counts[Timer])
		c.Cleanups += int(p.counts[Cleanup])
		p.mu.Unlock()
	}
	return c
}

// subtree appends s and its descendants, parents first.
func (s *Scope) subtree(all []*Scope) []*Scope {
	first := len(all)
	all = append(all, s)
	for i := first; i < len(all); i++ {
		p := all[i]
		p.mu.Lock()
		if p.counts[Child] > 0 {
			for n := p.last; n != nil; n = n.prev {
				if c, ok := n.m.(*Scope); ok {
					all = append(all, c)
				}
			}
		}
		p.mu.Unlock()
	}
	return all
}

// Kind makes a scope a member of its parent.
func (s *Scope) Kind() Kind { return Child }

// Cut makes a scope a member of its parent.
func (s *Scope) Cut(co *Cutoff) { co.visit(s) }
