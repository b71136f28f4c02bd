package state

import (
	"sync/atomic"

	"github.com/seed-ec287111/tether/internal/connlist"
	"github.com/seed-ec287111/tether/internal/finally"
	"github.com/seed-ec287111/tether/internal/goroutine"
)

// A transition is a change without its type.
type transition struct{ old, now rep }

// An outbox has the changes of a source that are still to be delivered, in order. One
// goroutine delivers at a time, and what comes meanwhile is its own to deliver too: so
// handlers see the changes one after the other, and nobody waits.
//
// The goroutine that makes it busy, with books held, has firing to itself, and may give it
// up without books if nothing has come meanwhile.
type outbox struct {
	list    *connlist.List // nil for an effect's
	state   atomic.Uint32
	pending []transition // guarded by books
	firing  []transition // of the goroutine that delivers
	at      int          // how many of them were delivered
	added   uint64       // how many there ever were; guarded by books
	fired   uint64       // how many were delivered, with that which is; of the goroutine that delivers
}

// The states of an outbox.
const (
	idle   uint32 = iota
	firing        // somebody delivers
	more          // and has to look at pending again
)

// add adds a change. books is held.
func (o *outbox) add(c transition) {
	if o.state.Load() == idle && o.list.Len() == 0 {
		return
	}
	o.added++
	o.pending = append(o.pending, c)
	o.state.CompareAndSwap(firing, more)
}

// claim has p deliver what is pending for s, unless somebody does already. books is held.
func (p *pass) claim(s *source) {
	o := s.out
	if len(o.pending) == 0 || o.state.Load() != idle {
		return
	}
	o.state.Store(firing)
	o.firing, o.pending, o.at = o.pending, o.firing[:0], 0
	p.deliver = append(p.deliver, s)
}

// send delivers the changes of s until nothing is pending. A panic or Goexit of a handler goes
// on after the rest.
func (s *source) send() {
	over := false
	defer func() {
		if !over {
			finally.Each(s.sendNext)
		}
	}()
	for s.sendNext() {
	}
	over = true
}

// sendNext delivers one change, and reports whether there may be another.
func (s *source) sendNext() bool {
	o := s.out
	if o.at == len(o.firing) {
		return !o.state.CompareAndSwap(firing, idle) && o.refill()
	}
	c := o.firing[o.at]
	o.firing[o.at] = transition{}
	o.at++
	o.fired++
	s.cell.fire(c)
	return true
}

// refill takes what has come meanwhile.
func (o *outbox) refill() bool {
	books.mu.Lock()
	defer books.mu.Unlock()
	o.firing, o.pending, o.at = o.pending, o.firing[:0], 0
	o.state.Store(firing)
	return true
}

// settle delivers the changes of what was set, computes what is queued, and delivers the
// changes of that, and lets the effects run. A panic or
// Goexit goes on when all have had their turn. books is free. p is over after that.
func (p *pass) settle() {
	over := false
	defer func() {
		if !over {
			finally.Each(p.step)
		}
	}()
	for p.step() {
	}
	over = true
}

// step does one thing of what settle does, or more if nothing panics.
func (p *pass) step() bool {
	for p.delivered < len(p.deliver) {
		s := p.deliver[p.delivered]
		p.delivered++
		if s.node != nil && s.node.effect {
			p.runEffect(s.node)
		} else {
			s.send()
		}
	}
	if p.at < len(p.todo) {
		books.mu.Lock()
		for p.at < len(p.todo) {
			n := p.todo[p.at]
			p.at++
			n.queued = false
			switch {
			case n.effect:
				p.deliver = append(p.deliver, &n.source)
			case n.out.state.Load() == idle && len(n.out.pending) == 0 && n.out.list.Len() == 0:
				// nobody watches any more
			default:
				if n.color != clean {
					p.refresh(n, nil)
				}
				p.claim(&n.source)
			}
		}
		books.mu.Unlock()
		return true
	}
	books.mu.Lock()
	p.release()
	books.mu.Unlock()
	return false
}

// computing reports whether the caller is inside a computing function, and may not set
// anything, by a look at the stack: some microseconds.
func computing() bool { return goroutine.Computing() }
