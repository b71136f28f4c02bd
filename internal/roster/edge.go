package roster

import (
	"sync"

	"github.com/seed-ec287111/tether/internal/scope"
	"github.com/seed-ec287111/tether/internal/yield"
)

// edges makes a scope for as long as a roster has connections. Its fields are
// guarded by the roster's mu, or never change.
type edges struct {
	open func() *scope.Scope  // makes the scope, with no lock held
	call func(s *scope.Scope) // the user's function
	cur  *edge                // nil while nobody is connected
	prev *edge                // the one before, which must end first
}

// An edge is one such stretch of time. The goroutine that made the first
// connection begins it, the one that ended the last one ends it, and both may
// do so at once: whoever comes second finds what the first has left.
type edge struct {
	*edges

	mu     sync.Mutex // guards the fields below
	before *edge      // nil once ended
	s      *scope.Scope
	ended  bool
}

// WhileActive makes call run in a scope from open whenever connections exist.
func (r *Roster) WhileActive(open func() *scope.Scope, call func(*scope.Scope)) {
	r.edges = &edges{open: open, call: call}
}

// rise is for the first connection, fall for the last one; roster.mu is held.
func (g *edges) rise() *edge {
	g.cur = &edge{edges: g, before: g.prev}
	return g.cur
}

func (g *edges) fall() *edge {
	g.prev, g.cur = g.cur, nil
	return g.prev
}

// begin makes the scope and calls the user's function, with no lock held.
func (e *edge) begin() {
	if e == nil {
		return
	}
	e.endBefore()
	yield.Point("edge: open")
	s := e.open()
	yield.Point("edge: opened")
	e.mu.Lock()
	e.s = s
	ended := e.ended
	e.mu.Unlock()
	yield.Point("edge: begin")
	if ended {
		s.Cancel(nil)
	}
	if s.Enter() { // no: ended already
		s.Call(func() { e.call(s) })
	}
}

// endBefore ends all earlier edges; their own goroutines may not have got round
// to it, nor that of the edge between.
func (e *edge) endBefore() {
	e.mu.Lock()
	before := e.before
	e.mu.Unlock()
	if before != nil {
		before.end()
		e.mu.Lock()
		e.before = nil
		e.mu.Unlock()
	}
}

// end cuts the scope off, unless that was done, perhaps as a part of the
// signal's owner, which then unwinds it in its turn.
func (e *edge) end() {
	if e == nil {
		return
	}
	e.endBefore()
	yield.Point("edge: end")
	e.mu.Lock()
	e.ended = true
	s := e.s
	e.mu.Unlock()
	yield.Point("edge: ended")
	if s != nil && s.Alive() {
		s.Cancel(nil)
	}
}
