package derive

import (
	"sync"

	"github.com/seed-ec287111/tether/internal/fifo"
	"github.com/seed-ec287111/tether/internal/finally"
	"github.com/seed-ec287111/tether/internal/handle"
)

// A line has what comes to an operator handled one after the other, in the order in which
// it came, by whoever finds nobody at it. The others leave what they have to that one.
//
// The invariant, with mu free: if waiting is not empty, somebody is busy, who looks at
// waiting again, in the critical section in which it ceases to be. So nothing is left
// behind. Only the one who is busy calls step, without mu: so calls of it do not overlap,
// and what step writes the next one sees, whoever calls it.
//
// The end of a source is not something that comes to the line, but a change of what over
// answers. Otherwise whoever ends a source, by a Disconnect under a lock perhaps, could find
// himself busy with the values of others. over is asked under mu, by whoever makes the line
// idle, or changes it while it is: so it sees all that came before the end.
type line[E any] struct {
	life *life
	step func(E)
	over func() bool // nothing more can come of it
	end  func()      // of what follows
	next func() bool // is step for the next one, made once

	mu      sync.Mutex // guards the fields below, and what over looks at
	waiting fifo.Buffer[E]
	busy    bool
}

func newLine[E any](l *life, step func(E), over func() bool, end func()) *line[E] {
	ln := &line[E]{life: l, step: step, over: over, end: end}
	ln.next = ln.handleNext
	return ln
}

// give has e handled, here or by who is at it. Panics of step go on to who is, when there
// is nothing left to handle.
func (ln *line[E]) give(e E) {
	ln.mu.Lock()
	ln.waiting.Push(e)
	if ln.busy {
		ln.mu.Unlock()
		handle.Stay(ln.life.chain.conn)
		return
	}
	ln.busy = true
	ln.mu.Unlock()
	finally.Each(ln.next)
}

func (ln *line[E]) handleNext() bool {
	alive := ln.life.alive()
	ln.mu.Lock()
	if !alive {
		ln.waiting = fifo.Buffer[E]{}
	}
	if ln.waiting.Len() > 0 {
		e := ln.waiting.Pop()
		ln.mu.Unlock()
		ln.step(e)
		return true
	}
	ln.busy = false
	over := ln.over()
	ln.mu.Unlock()
	if over {
		ln.end()
	}
	return false
}

// change makes a change that may be the last one: change runs under mu. What step writes
// and over looks at is step's own: over is not asked while somebody is busy.
func (ln *line[E]) change(change func()) {
	ln.mu.Lock()
	change()
	over := !ln.busy && ln.over()
	ln.mu.Unlock()
	if over {
		ln.end()
	}
}
