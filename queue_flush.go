package tether

import (
	"context"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/yield"
)

// A flush waits until no value numbered n or less is pending or being handled.
type flush struct {
	n    uint64
	done chan struct{}
}

// Flush waits until all values queued before have been handled or dropped. It covers every
// Fire that returned before Flush was called. If ctx ends first, Flush returns its cause.
// Inside a handler, of this queue or another, Flush never waits, and returns [ErrPending] if
// it would have to.
func (q *Queue) Flush(ctx context.Context) error {
	q.check("Flush")
	if ctx == nil {
		panic("tether: Flush with nil context")
	}
	q.mu.Lock()
	flushed := q.flushedLocked(q.last)
	q.mu.Unlock()
	if flushed {
		return nil
	}
	if goroutine.MustNotWait() {
		return ErrPending
	}
	yield.Point("flush: register")
	q.mu.Lock()
	f := flush{q.last, make(chan struct{})}
	e := q.flushes.PushBack(f) // q.last never gets less
	q.releaseFlushesLocked()
	q.mu.Unlock()
	select {
	case <-f.done:
		yield.Point("flush: woken")
		return nil
	case <-ctx.Done():
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.flushes.Remove(e)
	return causeOf(ctx)
}

// releaseFlushesLocked releases the flushes that have nothing to wait for any more.
func (q *Queue) releaseFlushesLocked() {
	for e := q.flushes.Front(); e != nil && q.flushedLocked(e.Value.(flush).n); e = q.flushes.Front() {
		close(e.Value.(flush).done)
		q.flushes.Remove(e)
	}
}

// flushedLocked reports whether nothing numbered n or less is left.
func (q *Queue) flushedLocked(n uint64) bool {
	if q.current.conn != nil {
		return q.current.number > n
	}
	p, _ := q.order.first()
	return p == nil || p.number > n
}
