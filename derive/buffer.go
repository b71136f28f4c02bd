package derive

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/connlist"
	"github.com/seed-ec287111/tether/internal/fifo"
	"github.com/seed-ec287111/tether/internal/finally"
	"github.com/seed-ec287111/tether/internal/handle"
)

// Buffer returns a Source of batches of values of src. A batch has n values, or fewer if
// wait has passed since its first value came. With a wait of 0 a batch waits until it is
// full. The slice belongs to the handler. Buffer panics if n < 1 or wait is negative.
//
// A full batch comes on the goroutine that called Fire. A batch that is due comes on a
// goroutine of the subscriber's owner. If the handler is still running when a batch is
// ready, the goroutine that runs it delivers that batch next.
//
// When src ends, the values that Buffer holds come at once, on a goroutine of the
// subscriber's owner. Then the connection ends. If the connection ends in another way, they
// are dropped.
//
// A [tether.Finish] queue that the Buffer itself is connected to is an exception. At the
// cut-off of the subscriber's owner, or of the queue's owner, the queue gets the held
// values as a last batch, over its capacity if need be. It also gets full batches that it
// has no room for yet, and those that are on their way to it.
func Buffer[T any](src tether.Source[T], n int, wait time.Duration) tether.Source[[]T] {
	mustSource("Buffer", src)
	if n < 1 {
		panic(fmt.Sprintf("derive: Buffer with n %d", n))
	}
	mustDuration("Buffer", "wait", wait)
	return recipe[[]T](func(l *life, emit func([]T), end func()) {
		b := &buffer[T]{life: l, emit: emit, end: end, n: n, wait: wait}
		l.onEnd(b.drop)
		if ch := l.chain; ch.finish && connlist.Word(emit) == ch.last {
			b.kept = true
			handle.LastWords(ch.conn, b.lastWords, b.takeUnderWay)
		}
		feed(l, src, b.put, b.over)
	})
}

// A buffer is a Buffer in one chain.
//
// The invariants, with mu free: if a batch is ready, a goroutine is busy, and looks again
// in the critical section in which it ceases to be busy. The timer belongs to the batch
// that is being collected, which is known by its number. So a timer that comes too late
// finds another batch.
//
// On a Finish queue a batch stays in ready while it is under way. The queue takes it from
// there, or counts it, with its mutex held. In the cut-off it takes all that is left. A
// batch that was skipped because the connection is dead is left for that: the cut-off kills
// the connection a little before it asks for last words.
//
// NOTE: mu is a leaf. It is taken in a cut-off, with locks held that AfterFunc takes. So
// the timer is set and stopped without it.
type buffer[T any] struct {
	life *life
	emit func([]T)
	end  func()
	n    int
	wait time.Duration
	kept bool // a batch stays in ready while it is under way

	mu       sync.Mutex // guards the fields below
	batch    []T
	number   uint64      // of the batch
	stop     func() bool // its timer; nil if there is none
	ready    fifo.Buffer[[]T]
	underWay bool // the first batch of ready is under way
	busy     bool
	ended    bool // nothing more comes
}

// put adds v to the batch.
func (b *buffer[T]) put(v T) {
	b.mu.Lock()
	if b.ended {
		b.mu.Unlock()
		return
	}
	b.batch = append(b.batch, v)
	number := b.number
	if len(b.batch) < b.n {
		first := len(b.batch) == 1
		b.mu.Unlock()
		if first && b.wait > 0 {
			b.set(number)
		}
		return
	}
	stop := b.closeLocked()
	busy := b.busy
	b.busy = true
	b.mu.Unlock()
	cancel(stop)
	if busy {
		handle.Stay(b.life.chain.conn)
		return
	}
	finally.Each(b.next)
}

// closeLocked makes the batch, which is not empty, ready. It returns the function that stops
// its timer.
func (b *buffer[T]) closeLocked() (stop func() bool) {
	b.ready.Push(b.batch)
	return b.resetLocked()
}

func (b *buffer[T]) resetLocked() (stop func() bool) {
	stop = b.stop
	b.batch, b.stop = nil, nil
	b.number++
	return stop
}

func cancel(stop func() bool) {
	if stop != nil {
		stop()
	}
}

// set sets the timer of a batch. If that is not collected any more by then, it stops the timer.
func (b *buffer[T]) set(number uint64) {
	stop := b.life.owner.AfterFunc(b.wait, func() { b.tick(number) })
	b.mu.Lock()
	if b.number == number {
		b.stop, stop = stop, nil
	}
	b.mu.Unlock()
	cancel(stop)
}

// tick is what the timer calls.
func (b *buffer[T]) tick(number uint64) {
	b.mu.Lock()
	if b.number != number {
		b.mu.Unlock()
		return
	}
	b.closeLocked()
	busy := b.busy
	b.busy = true
	b.mu.Unlock()
	if !busy {
		finally.Each(b.next)
	}
}

// next emits a batch, and reports whether to look again.
func (b *buffer[T]) next() bool {
	b.mu.Lock()
	if b.underWay { // no queue has taken the batch: it was skipped
		if !b.life.chain.conn.Connected() {
			b.busy = false
			b.mu.Unlock()
			return false
		}
		b.takeLocked()
	}
	if b.ready.Len() > 0 {
		batch := *b.ready.At(0)
		if b.underWay = true; !b.kept {
			b.takeLocked()
		}
		b.mu.Unlock()
		b.emit(batch)
		return true
	}
	b.busy = false
	ended := b.ended
	b.mu.Unlock()
	if ended {
		b.end()
	}
	return false
}

func (b *buffer[T]) takeLocked() []T {
	b.underWay = false
	return b.ready.Pop()
}

// takeUnderWay takes the batch that is under way. A queue calls it to let the batch in, or to
// count it. In the second case the end of the chain may have dropped the batch before.
func (b *buffer[T]) takeUnderWay() []T {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.underWay {
		return nil
	}
	return b.takeLocked()
}

// over is called when the source has ended.
func (b *buffer[T]) over() {
	b.mu.Lock()
	if b.ended {
		b.mu.Unlock()
		return
	}
	b.ended = true
	var stop func() bool
	if len(b.batch) > 0 {
		stop = b.closeLocked()
	}
	busy := b.busy
	left := b.ready.Len() > 0
	b.busy = busy || left
	b.mu.Unlock()
	cancel(stop)
	switch {
	case busy:
	case left:
		b.life.owner.Go(func(context.Context) { finally.Each(b.next) })
	default:
		b.end()
	}
}

// drop is called when the chain ends.
func (b *buffer[T]) drop() {
	b.mu.Lock()
	b.ended = true
	stop := b.resetLocked()
	b.ready, b.underWay = fifo.Buffer[[]T]{}, false
	b.mu.Unlock()
	cancel(stop)
}

// lastWords takes out what is held. It is called in the cut-off, before drop.
func (b *buffer[T]) lastWords() (all [][]T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for b.ready.Len() > 0 {
		all = append(all, b.takeLocked())
	}
	if len(b.batch) > 0 {
		all = append(all, b.batch)
	}
	b.batch, b.ended = nil, true
	return all
}
