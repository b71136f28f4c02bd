package derive

import (
	"sync"

	"github.com/seed-ec287111/tether/internal/fifo"
	"github.com/seed-ec287111/tether/internal/finally"
	"github.com/seed-ec287111/tether/internal/handle"
)

// A line handles the values that come to an operator, one after the other, in the order in
// which they came. The goroutine that finds the line idle handles them. The others leave
// their values to it.
//
// The invariant, with mu free: if waiting is not empty, a goroutine is busy. It looks at
// waiting again in the critical section in which it ceases to be busy. So nothing is left
// behind. Only the busy goroutine calls step, without mu. So calls of step do not overlap,
// and each sees what the one before wrote, whichever goroutine calls it.
//
// The end of a source does not come to the line as a value. It changes what over answers.
// Otherwise a goroutine that ends a source, perhaps by a Disconnect under a lock, could become
// busy with the values of others. over is called under mu, by the goroutine that makes the
// line idle, or by one that changes the answer while the line is idle. So it sees all that
// came before the end.
type line[E any] struct {
	life *life
	step func(E)
	over func() bool // reports whether nothing more can come of the line
	end  func()      // ends the next link of the chain
	next func() bool // handleNext, as a func value that is made once

	mu      sync.Mutex // guards the fields below, and what over looks at
	waiting fifo.Buffer[E]
	busy    bool
}

func newLine[E any](l *life, step func(E), over func() bool, end func()) *line[E] {
	ln := &line[E]{life: l, step: step, over: over, end: end}
	ln.next = ln.handleNext
	return ln
}

// give handles e here, or leaves it to the busy goroutine. Panics of step go on to that
// goroutine's caller when there is nothing left to handle.
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

// change calls the function change under mu, and ends the line if over says so. over may look
// at what step writes, because it is not called while a goroutine is busy.
func (ln *line[E]) change(change func()) {
	ln.mu.Lock()
	change()
	over := !ln.busy && ln.over()
	ln.mu.Unlock()
	if over {
		ln.end()
	}
}
