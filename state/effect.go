package state

import (
	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/connlist"
	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/handle"
)

// rounds is how often an effect may run again before it is found to feed itself; arbitrary. In
// the last of these runs something must have been set inside an effect.
const rounds = 100

// A FeedbackError says that effects set what effects use, without end. Names begins and
// ends with the effect that ran a hundred times in a row. Between the two it has what was
// set and which effects ran on the way. The Set that began it panics with the error.
type FeedbackError struct{ Names []string }

// Error returns the chain of names. It quotes names that could be taken for something else.
func (e *FeedbackError) Error() string {
	return "state: effects feed each other without end: " + arrows(e.Names)
}

// NewEffect calls f at once, and again whenever something that f used has changed. For one
// Set or Batch it calls f once, after all watched values were computed, however many
// dependencies of f that changes. [Name] is its only option.
//
// What f makes under run ends before f is called again, and with owner: a connection, a
// goroutine, a timer, another effect. Inside a handler nothing may wait. So if the Set is
// made there while something of run is running, f is called later, when that has ended, on
// the goroutine that ends it. The errors of what run owns become part of those that Destroy of
// owner returns, but only those of the first few runs.
//
// f may call Set. If it sets what it has used itself, it runs once more when it has
// returned. If that has no end, the call that began it panics with a *[FeedbackError]. An
// effect that is overtaken by a Set is not unwound as a computing function is, but runs
// again. So what it reads before and after the Set may be of two moments.
//
// f is a handler of owner. Destroy waits for it, and from the cut-off on it is not called.
// Its panics go on to the goroutine that has made the change, or to the owner's panic
// handler. After a panic f is called again when something that it used has changed. It
// never runs twice at once.
//
// Cost: an owner for each call, about half a microsecond and 600 bytes.
func NewEffect(owner *tether.Owner, f func(use *Use, run *tether.Owner), opts ...Option) {
	s := handle.Scope("state: NewEffect", owner)
	if f == nil {
		panic("state: NewEffect with nil function")
	}
	cfg := configure("NewEffect", opts)
	if cfg.equal != nil {
		panic("state: NewEffect with Equal")
	}
	e := &effect{owner: handle.Remember(owner)}
	e.node.cell, e.node.name_, e.node.effect, e.node.out = e, cfg.name, true, new(outbox)
	e.node.begin(s, f, funcWord(f), e)
	books.mu.Lock()
	p := take()
	p.deliver = append(p.deliver, delivery{of: &e.node.source})
	p.finish()
}

// An effect is a node that computes nothing.
type effect struct {
	node  node
	owner func() any // a *tether.Owner

	run  *tether.Owner // of the last call; nil before the first. Used by the call's goroutine
	over bool          // run has ended, except for its last cleanup. Guarded by books
}

func (e *effect) fire(*connlist.Held, transition) {}

// Call destroys what the call before has made, and calls the user's function if all of that has
// ended. If a cleanup panics, the panic goes on after that.
func (e *effect) Call() {
	run, cleared := e.node.run, false
	defer func() {
		if cleared {
			return
		}
		e.call()
		if run.put { // the panic is no result, but goes on all the same
			books.mu.Lock()
			run.put = false
			run.fate |= loose
			books.mu.Unlock()
		}
	}()
	if e.run != nil {
		_ = e.run.Destroy() // its errors become part of the owner's
	}
	cleared = true
	e.call()
}

func (e *effect) call() {
	n := &e.node
	run := n.run
	run.put = e.waits()
	if run.put {
		return
	}
	f := function[func(*Use, *tether.Owner)](n)
	if f == nil {
		run.dead = true
		return
	}
	name := n.name_
	if name == "" {
		name = "effect"
	}
	e.run, e.over = passing(e.owner(), name), false
	e.run.Defer(e.ended) // the oldest cleanup, so it is the last to run
	f(run, e.run)
	run.same = true
}

// waits reports whether what the last call has made has still to end. If so, ended runs the
// effect.
func (e *effect) waits() bool {
	if e.run == nil {
		return false
	}
	books.mu.Lock()
	defer books.mu.Unlock()
	e.node.waiting = !e.over
	return !e.over
}

// ended is the last cleanup of what a call has made.
func (e *effect) ended() {
	books.mu.Lock()
	e.over = true
	if !e.node.waiting {
		books.mu.Unlock()
		return
	}
	e.node.waiting = false
	p := take()
	p.deliver = append(p.deliver, delivery{of: &e.node.source})
	p.finish()
}

// runEffect runs the effect n, if it has to run. If n is running, the goroutine that runs it
// runs it once more.
func (p *pass) runEffect(n *node) {
	books.mu.Lock()
	switch {
	case n.running():
		n.again = true
		last := n.rounds == rounds
		books.mu.Unlock()
		if last && goroutine.InsideEffect() {
			books.mu.Lock()
			n.fed = true // before the effect that has called this returns
			books.mu.Unlock()
		}
		return
	case n.color == clean || n.waiting:
		books.mu.Unlock()
		return
	}
	n.note()
	if n.rounds++; n.rounds > rounds {
		n.rounds = 0
		names := append(books.trace, n.name())
		books.trace, books.traced = nil, nil
		if n.fed { // else other goroutines alone have overtaken it
			books.mu.Unlock()
			panic(&FeedbackError{names})
		}
	}
	if n.rounds == rounds {
		books.trace, books.traced, n.fed = []string{n.name()}, n, false
	}
	over := false
	defer func() {
		if !over {
			books.mu.Lock()
			p.repeat(n)
			books.mu.Unlock()
		}
	}()
	var at announced
	p.refresh(n, nil, &at)
	at.leaveLocked()
	p.repeat(n)
	books.mu.Unlock()
	over = true
}

// repeat makes n run again if that was asked for while it ran. books is held.
func (p *pass) repeat(n *node) {
	if n.again {
		n.again = false
		p.deliver = append(p.deliver, delivery{of: &n.source})
		return
	}
	n.rounds = 0
	if books.traced == n {
		books.trace, books.traced = nil, nil
	}
}

// note adds s to the trace of an effect that seems to feed itself, if there is one. The trace
// may also have what other goroutines set meanwhile. books is held.
func (s *source) note() {
	if books.traced != nil && s != &books.traced.source && len(books.trace) < 2*rounds {
		books.trace = append(books.trace, s.name())
	}
}
