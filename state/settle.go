package state

import (
	"github.com/seed-ec287111/tether/internal/connlist"
	"github.com/seed-ec287111/tether/internal/finally"
	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/yield"
)

// A pass that has marked something settles: it delivers changes, computes what is watched,
// and runs effects.

// A transition is a change without its type.
type transition struct{ old, now rep }

// An outbox has the changes of a source that are still to be delivered, in order. One
// goroutine delivers at a time. It also delivers the changes that others add meanwhile. So
// handlers see the changes one after the other, and no goroutine waits.
type outbox struct {
	list  *connlist.List // nil for an effect's
	fired uint64         // changes whose delivery has begun; of the goroutine that delivers

	// Guarded by books.
	busy  bool         // a pass delivers
	added uint64       // changes so far
	rest  []transition // those that no pass has taken yet
}

// A delivery is the next change of a source, or the turn of an effect.
type delivery struct {
	of     *source
	change transition
}

// add adds a change, for p or another pass to deliver. books is held.
func (p *pass) add(s *source, c transition) {
	o := s.out
	o.added++
	if o.busy || len(o.rest) > 0 || s.queued {
		o.rest = append(o.rest, c)
		return
	}
	o.busy = true
	p.deliver = append(p.deliver, delivery{s, c})
}

// claim makes p deliver what is left of s, unless another pass does. books is held.
func (p *pass) claim(s *source) {
	if o := s.out; !o.busy && len(o.rest) > 0 {
		o.busy = true
		p.again(s)
	}
}

// again makes p deliver the next change of what is left of s. books is held.
func (p *pass) again(s *source) {
	o := s.out
	p.deliver = append(p.deliver, delivery{s, o.rest[0]})
	o.rest[0] = transition{}
	if o.rest = o.rest[1:]; len(o.rest) == 0 {
		o.rest = nil
	}
}

// watched reports whether a handler is connected to the changes of s, or a change is still on
// its way to handlers. books is held.
func (s *source) watched() bool { return s.out.busy || len(s.out.rest) > 0 || s.out.list.Any() }

// chunk is how many changes are computed before they are delivered: enough to save locks,
// and few enough to be near at hand.
const chunk = 16

// settle delivers the changes of what was set. Then it computes what is queued, delivers the
// changes of that, a chunk at a time, and runs the effects. A panic or Goexit goes on when
// all have had their turn. books is free. p must not be used after settle.
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

// step delivers what there is and computes the next chunk, and reports whether more is to be
// done. If something panics, the next step goes on behind it.
func (p *pass) step() bool {
	p.send()
	yield.Point("state: sent, lock")
	books.mu.Lock()
	for i := range p.deliver { // all of them were delivered
		s := p.deliver[i].of
		switch o := s.out; {
		case s.node != nil && s.node.effect:
		case len(o.rest) > 0:
			p.again(s)
		default:
			o.busy = false
		}
	}
	left := copy(p.deliver, p.deliver[p.delivered:])
	clear(p.deliver[left:])
	p.deliver, p.delivered = p.deliver[:left], 0
	if p.at < len(p.todo) && left < chunk {
		p.compute()
	}
	if len(p.deliver) == 0 && p.at == len(p.todo) {
		p.release()
		books.mu.Unlock()
		return false
	}
	books.mu.Unlock()
	return true
}

// send delivers what there is to deliver.
func (p *pass) send() {
	for p.delivered < len(p.deliver) {
		d := &p.deliver[p.delivered]
		s := d.of
		if s.node != nil && s.node.effect {
			p.held.Leave() // if it panics, the next step comes here again
			p.delivered++
			p.runEffect(s.node)
			continue
		}
		p.delivered++
		s.out.fired++
		s.cell.fire(&p.held, d.change)
	}
	p.held.Leave()
}

// compute computes the next chunk of what is queued. books is held, and free if compute
// panics.
func (p *pass) compute() {
	var at announced
	for p.at < len(p.todo) && len(p.deliver) < chunk {
		n := p.todo[p.at]
		p.at++
		n.queued = false
		switch {
		case n.effect:
			p.deliver = append(p.deliver, delivery{of: &n.source})
		case n.color == clean:
			p.claim(&n.source)
		case n.watched():
			p.claim(&n.source) // what others have found meanwhile; refresh may panic
			p.refresh(n, nil, &at)
			p.claim(&n.source)
		}
	}
	at.leaveLocked()
}

// computing reports whether the caller is inside a computing function, and so must not set
// anything. Cost: a look at the stack, some microseconds.
func computing() bool { return goroutine.Computing() }

// refuse panics if the caller is inside a computing function. It is for what can't be refused
// where it takes books.
func refuse(verb string) {
	books.mu.Lock()
	busy := books.running > 0
	books.mu.Unlock()
	if busy && computing() {
		panic("state: " + verb + " inside a computing function")
	}
}
