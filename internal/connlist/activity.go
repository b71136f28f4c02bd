package connlist

import (
	"sync"

	"github.com/seed-ec287111/tether/internal/finally"
	"github.com/seed-ec287111/tether/internal/scope"
	"github.com/seed-ec287111/tether/internal/yield"
)

// An activity is what WhileActive asks for: a scope that lives as long as a list has
// connections, and a function of the user's that is called with the scope. Such a stretch
// of time begins with the first connection and ends with the last one.
//
// A goroutine that connects begins a stretch, and one that disconnects ends it, both with
// no lock held. So they may come late, and in any order. These hold:
//
//   - The function is never called twice at once, nor for a stretch after a call for a
//     later one. Otherwise an old call could act on what a new one has set up. A stretch
//     that begins while a call runs is left to the goroutine of that call.
//   - A stretch that has ended before its call is skipped.
//   - No scope is made before that of the last stretch is cut off.
type activity struct {
	open func() *scope.Scope  // makes a scope
	call func(s *scope.Scope) // calls the user's function

	cur *stretch // nil while nobody is connected; guarded by the list's mu
	n   uint64   // counts the stretches; guarded by the list's mu

	mu   sync.Mutex // guards the fields below
	last *stretch   // the newest one that step has taken; nil before the first one
	next *stretch   // to be taken by the goroutine that calls; nil if there is none
	busy bool       // a goroutine calls
}

// A stretch is a stretch of time with connections.
type stretch struct {
	*activity
	number uint64

	mu   sync.Mutex   // guards the fields below; it comes after activity.mu
	s    *scope.Scope // nil until it was made
	over bool
}

// WhileActive makes call run in a scope from open whenever connections exist.
func (l *List) WhileActive(open func() *scope.Scope, call func(*scope.Scope)) {
	l.active = &activity{open: open, call: call}
}

// rise is for the first connection, fall for the last one; list.mu is held.
func (a *activity) rise() *stretch {
	a.n++
	a.cur = &stretch{activity: a, number: a.n}
	return a.cur
}

func (a *activity) fall() *stretch {
	last := a.cur
	a.cur = nil
	return last
}

// begin arranges for the user's function to be called for e, with no lock held. The caller
// calls it, unless another goroutine is calling it. A panic of the function goes on to the
// caller.
func (e *stretch) begin() {
	if e == nil {
		return
	}
	a := e.activity
	yield.Point("active: begin")
	a.mu.Lock()
	if a.next == nil || a.next.number < e.number {
		a.next = e
	}
	if a.busy {
		a.mu.Unlock()
		return
	}
	a.busy = true
	a.mu.Unlock()
	finally.Each(a.step)
}

// step calls the user's function for the next stretch, and returns false if there is
// none.
func (a *activity) step() bool {
	a.mu.Lock()
	before, e := a.last, a.next
	a.next = nil
	if e == nil || before != nil && before.number >= e.number {
		a.busy = false
		a.mu.Unlock()
		return false
	}
	a.last = e
	a.mu.Unlock()
	defer func() { // also if a method of a context panics in before
		yield.Point("active: open")
		if s := e.make(); s != nil {
			yield.Point("active: call")
			if s.Enter() { // else it has ended just now
				s.Call(func() { a.call(s) })
			}
		}
	}()
	before.end() // the goroutine that ended it may not have done so yet
	return true
}

// make makes the scope of e, unless e is over.
func (e *stretch) make() *scope.Scope {
	e.mu.Lock()
	over := e.over
	e.mu.Unlock()
	if over {
		return nil
	}
	s := e.open()
	yield.Point("active: opened")
	e.mu.Lock()
	if over = e.over; !over {
		e.s = s
	}
	e.mu.Unlock()
	if over {
		s.Cancel(nil)
	}
	return s
}

// in reports whether s is the scope of e. NOTE: the list's mu is held, and mu nests in it.
func (e *stretch) in(s *scope.Scope) bool {
	if e == nil {
		return false
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.s == s
}

// end cuts the scope off, unless that was done. If the signal's owner was cut off, that
// owner's teardown unwinds the scope, in its turn.
func (e *stretch) end() {
	if e == nil {
		return
	}
	yield.Point("active: end")
	e.mu.Lock()
	e.over = true
	s := e.s
	e.mu.Unlock()
	yield.Point("active: ended")
	if s == nil {
		return
	}
	s.CancelAlive()
	e.mu.Lock()
	e.s = nil // the activity keeps e, and need not keep its scope
	e.mu.Unlock()
}
