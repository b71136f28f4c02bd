package history

import (
	"math/bits"
	"runtime"
	"sync/atomic"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/finally"
)

// A subscriber is one connection to a ring. The handler is connected to a signal that only
// the subscriber fires. So each call is a handler call as any other, with presence, mute,
// queue and supervision.
//
// The Connection refers to the signal, and not to the subscriber. So a Connection that is
// kept after its end holds no values.
type subscriber[T any] struct {
	ring   *Ring[T]
	signal *tether.Signal[T]
	conn   *tether.Connection

	// due counts the wakes that are not answered yet. The goroutine that raises it from 0
	// delivers, and owns at until it brings due back to 0. A value is recorded before the
	// wake, and deliver reads due before it looks for a value. So if its compare-and-swap
	// succeeds, there was no value to be found. The tempting wrong version is a busy flag that
	// is cleared after the last look: a value recorded between the two is delivered with the
	// next one, or never.
	due atomic.Int64
	at  *cell[T] // what to deliver next; nil once the connection has ended
}

// Connect calls handler with the values kept, oldest first, before it returns, and
// arranges for it to be called with every value recorded after. The package documentation
// says which goroutine calls it. If the ring's owner is not alive, Connect delivers nothing
// and returns a dead Connection.
//
// Options mean what they mean on a [tether.Signal]. With [tether.On] the replay is queued
// too.
func (r *Ring[T]) Connect(owner *tether.Owner, handler func(T), opts ...tether.ConnectOption) *tether.Connection {
	r.check("Connect")
	s := r.subscriber()
	s.conn = s.signal.Connect(owner, handler, opts...)
	return s.join(opts)
}

// Once is Connect for a single call: with the oldest value kept, before Once returns, or
// else with the next value recorded. Connect begins with the same value, and Wait returns
// it. For the latest value use a ring that keeps one, or [Ring.Last].
func (r *Ring[T]) Once(owner *tether.Owner, handler func(T), opts ...tether.ConnectOption) *tether.Connection {
	r.check("Once")
	s := r.subscriber()
	s.conn = s.signal.Once(owner, handler, opts...)
	return s.join(opts)
}

// ConnectSelf is Connect for a handler that wants its own Connection: during the
// replay nobody else has it.
func (r *Ring[T]) ConnectSelf(owner *tether.Owner, handler func(self *tether.Connection, v T), opts ...tether.ConnectOption) *tether.Connection {
	r.check("ConnectSelf")
	s := r.subscriber()
	s.conn = s.signal.ConnectSelf(owner, handler, opts...)
	return s.join(opts)
}

// subscriber returns a subscriber that is busy. So until join delivers, no other goroutine
// does.
func (r *Ring[T]) subscriber() *subscriber[T] {
	s := &subscriber[T]{ring: r, signal: new(tether.Signal[T])}
	s.due.Store(1)
	return s
}

// join enters s in the ring's book and delivers the values kept.
func (s *subscriber[T]) join(opts []tether.ConnectOption) *tether.Connection {
	r := s.ring
	if !s.conn.Connected() {
		return s.conn
	}
	r.mu.Lock()
	ok := r.alive.Load()
	replay := replay[T]{s: s, until: r.endLocked()}
	if ok {
		s.at = r.oldest
		if r.book == nil {
			r.book = new(book[T])
		}
		r.book.enterLocked(s, priority(opts))
	}
	r.mu.Unlock()
	if !ok {
		s.conn.Disconnect()
		return s.conn
	}
	finally.Each(replay.step)
	return s.conn
}

// wake delivers what was recorded, or leaves it to the goroutine that is delivering.
func (s *subscriber[T]) wake() {
	if s.due.Add(1) == 1 {
		finally.Each(s.deliver)
	}
}

// deliver delivers one value. If there is none, it returns false, and the caller does not
// own at any more. A subscriber whose connection has ended stays busy for ever, so no
// goroutine comes back to it.
func (s *subscriber[T]) deliver() bool {
	for {
		if !s.conn.Connected() || !s.ring.alive.Load() {
			s.at = nil // the values are garbage
			return false
		}
		due := s.due.Load()
		if next := s.at.next.Load(); next != nil {
			v := s.at.v
			s.at = next // before the call, which may panic
			s.signal.Fire(v)
			return true
		}
		if s.due.CompareAndSwap(due, 0) {
			return false
		}
	}
}

// A replay is what Connect does before it returns. It delivers what the ring had when Connect
// began, and then leaves as soon as it can.
//
// Values that were recorded meanwhile are pending, because s was busy. If no goroutine
// records once more, the caller must deliver them. If goroutines record all the time, the
// caller must not deliver for ever. It is not part of that flow, and the handler may put
// aside, without bound, what the caller would have to deliver next. (A goroutine that fires
// is held up by what it causes.) So after the replay the caller offers s to others: it brings
// due to 0 although values are pending. The next wake then raises due from 0. It delivers the
// pending values first, because at is where the caller has left it. If no wake comes while
// the caller yields, the caller raises due from 0 itself, and delivers one more value.
//
//   - Nothing is lost or overtaken: only one goroutine raises due from 0, and it goes on at
//     at.
//   - Nothing is left behind: the caller leaves only if another goroutine has raised due, or
//     if deliver finds nothing pending.
//   - The caller does leave: the offers come before the further values number 1, 2, 4, 8 and
//     so on, and get longer at the same rate. If values come for ever, then after some of them
//     an offer lasts as long as the time between two values. If they stop, what is pending
//     has an end.
//
// With an offer for each value, the scheduler would decide how long a replay takes. With
// offers of one length, the ratio of two speeds would.
type replay[T any] struct {
	s       *subscriber[T]
	until   *cell[T] // the empty cell when the replay began; nil once at has come there
	further uint     // values delivered or begun since
}

func (r *replay[T]) step() bool {
	s := r.s
	if s.at == r.until {
		r.until = nil
	}
	if r.until == nil && s.at.next.Load() != nil {
		r.further++
		if bits.OnesCount(r.further) == 1 && !s.offer(r.further) {
			return false
		}
	}
	return s.deliver()
}

// offer leaves s to other goroutines for some time. It reports whether none has taken it, so
// that the caller owns at again.
func (s *subscriber[T]) offer(yields uint) bool {
	s.due.Store(0)
	for range yields {
		runtime.Gosched()
		if s.due.Load() > 0 {
			return false
		}
	}
	return s.due.CompareAndSwap(0, 1)
}
