package scope

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/seed-ec287111/tether/internal/goroutine"
)

// ErrDestroyed is the cause of a scope that was ended without another cause.
var ErrDestroyed = errors.New("tether: owner destroyed")

// ErrPending says that the scope is cut off and that the rest will follow.
var ErrPending = errors.New("tether: teardown pending")

// A Supervisor gets the value of a supervised function's panic. fired is the value that a
// handler was called with, nil for other functions.
type Supervisor func(s *Scope, value, fired any)

// The states of a scope.
const (
	alive uint32 = iota
	cutOff
	unwinding
	ended
)

// A bond says what a child is to its parent, and so when it ends.
type bond uint8

const (
	part   bond = iota // a part on its own: it may end in a stage of its parent's
	inner              // of something that the parent holds, and ends as that does
	inTurn             // inner, and ends in its turn in the unwinding, see turn.go
)

// A tree is what all scopes below one root share.
type tree struct {
	entry uint64 // in the list of roots; 0: not listed. Set before use

	mu     sync.Mutex         // guards the teardowns of the tree and the counts of cut scopes
	stages map[*Scope]*stages // of the staged scopes whose stages have begun; nil before the first one

	names names // of what has ended, see past.go

	parts   atomic.Bool // it has, or had, scopes that are staged or end in their turn
	scratch Cutoff      // for cut-offs that leave nothing to do; guarded by mu, else zero
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

	state  atomic.Uint32 // only grows; written with mu held
	staged bool          // see stage.go
	sealed bool          // it is staged and its stages have begun: it takes no more parts; guarded by mu
	bond   bond          // what it is to its parent
	loose  bool          // see Config.Unattended
	id     atomic.Uint64 // what is announced while a handler runs; 0 before the first connection

	node Node // in the parent's list, guarded by the parent's mu

	mu     sync.Mutex // guards the fields below
	last   *Node      // the members, newest first
	counts [kinds]int32
	calls  int32 // calls of handlers that are counted, part of busy
	runs   int32 // of queues, likewise
	busy   int32 // all that runs here; guarded by tree.mu too once cut off, see drain.go
	keys   bool  // the names of the children are keys, see Kin; set before there are any
	tells  bool  // its errors become its parent's, see TellParent; guarded by tree.mu
	ctx    context.Context
	cancel context.CancelCauseFunc // nil before the first use of Context
	unbind func()                  // from the contexts that end the scope; nil if there are none
	cause  error                   // of the cut-off, or of the stages if these have begun; else nil
	past   *past                   // what is left of what has ended; nil if nothing is
	ended  chan struct{}           // nil before the first use
	now    *cleanup                // what the unwinding runs now, for reports

	// down is the teardown that ends s, its own or an ancestor's; nil while s is
	// alive. It is read with mu or tree.mu held and written with both: at the cut-off,
	// and if s is destroyed on its own account while an ancestor's teardown drains.
	down *teardown
}

// Config is what a scope is made with. The zero Config inherits.
type Config struct {
	Context context.Context // nil: none
	Super   Supervisor
	Site    uintptr // where the scope is made, 0 for unknown
	Staged  bool    // see stage.go
	Inner   bool    // for a child: it belongs to what its parent holds, see bond

	// Unattended says that the scope may be left to the collector, together with a type
	// that holds it and that nobody closes. It is for roots.
	Unattended bool
}

// Placed returns the Config of a child that the library itself makes. If somebody observes
// owners, it has the place where the user's code called the library.
func Placed() (c Config) {
	if Observed() {
		c.Site = goroutine.UserCall()
	}
	return c
}

// New returns a root scope. The caller calls Bind if there is a context.
func New(name string, c Config) *Scope {
	s := &Scope{name: name, tree: new(tree)}
	s.configure(c, nil, context.Background())
	return s
}

// NewChild returns a child of s: a dead one if s is dead or its stages have begun.
func (s *Scope) NewChild(name string, c Config) *Scope {
	child := &Scope{name: name, parent: s, tree: s.tree}
	child.configure(c, s.super, s.base)
	s.adopt(child)
	if Observed() {
		tell(child, made)
	}
	if c.Context != nil && child.Alive() {
		child.Bind(c.Context)
	}
	return child
}

// configure gives s, which nobody else knows yet, what c says, and otherwise what s
// inherits.
func (s *Scope) configure(c Config, super Supervisor, base context.Context) {
	s.super, s.base, s.site, s.staged, s.loose = super, base, c.Site, c.Staged, c.Unattended
	if c.Inner {
		s.bond = inner
	}
	if c.Super != nil {
		s.super = c.Super
	}
	if c.Context != nil {
		s.base = c.Context
		if s.staged { // it outlives the deadline
			s.base = context.WithoutCancel(c.Context)
		}
	}
	if s.staged {
		s.tree.parts.Store(true)
	}
}

// adopt makes child, which nobody else knows yet, a child of s.
func (s *Scope) adopt(child *Scope) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch state := s.state.Load(); {
	case s.sealed && child.bond == part:
		child.bornDead(ended, s)
	case state == alive:
		s.addLocked(&child.node, child)
	case state == cutOff: // it unwinds with s
		child.bornDead(cutOff, s)
		s.addLocked(&child.node, child)
	default:
		child.bornDead(ended, s)
	}
}

// bornDead makes s dead from the start, for a parent that takes no child like it. Nobody
// else knows s yet.
func (s *Scope) bornDead(state uint32, parent *Scope) {
	s.cause, s.down, s.bond = parent.cause, parent.down, part
	if s.down == nil || s.down == &atOnce {
		s.down = &teardown{top: parent} // so that errors of s find their way
	}
	s.state.Store(state)
}

// Name returns the name that s was made with.
func (s *Scope) Name() string { return s.name }

// Parent returns the scope that s is a child of, nil for a root.
func (s *Scope) Parent() *Scope { return s.parent }

// Alive reports whether s has not been cut off.
func (s *Scope) Alive() bool { return s.state.Load() == alive }

// Over reports whether s has ended.
func (s *Scope) Over() bool { return s.state.Load() == ended }

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

// Cause returns the cause of the cut-off, nil while s is alive. It is set before
// anybody can see that s is dead.
func (s *Scope) Cause() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.causeLocked()
}

func (s *Scope) causeLocked() error {
	if s.sealed && s.Alive() {
		return nil
	}
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

// becomeLocked moves s on to unwinding or ended. mu is held.
func (s *Scope) becomeLocked(state uint32) {
	s.state.Store(state)
	if state == ended && s.ended != nil {
		close(s.ended)
	}
}

// supervise, deferred, gives a panic to the supervisor, if there is one.
func (s *Scope) supervise() {
	if s.super != nil {
		if v := recover(); v != nil {
			s.super(s, v, nil)
		}
	}
}

// Supervised reports whether panics in s are given to a supervisor.
func (s *Scope) Supervised() bool { return s.super != nil }

// Report gives the supervisor the value that a handler has panicked with, and that the
// caller has recovered. fired is what the handler was called with.
func (s *Scope) Report(value, fired any) { s.super(s, value, fired) }
