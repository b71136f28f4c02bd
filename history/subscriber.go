package history

import (
	"math/bits"
	"runtime"
	"sync/atomic"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/finally"
)

// A subscriber is one connection to a ring. The handler is connected to a signal
// of its own, so that each call is one of the library's: with presence, mute,
// queue, supervision and all.
//
// The Connection refers to the signal, not to the subscriber: held after its
// end, it holds no values.
type subscriber[T any] struct {
	ring   *Ring[T]
	signal *tether.Signal[T]
	conn   *tether.Connection

	// due counts the wakes that are not answered yet. Whoever raises it from 0
	// delivers, and owns at until it brings due back to 0. Recording a value comes
	// before the wake, and reading due before looking for a value; so if the
	// compare-and-swap at the end succeeds, there was no value to be found. The
	// tempting wrong version is a busy flag, cleared after the last look: a value
	// recorded between the two is delivered with the next one, or never.
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

// subscriber returns a subscriber that is busy: until join delivers, others
// leave their values.
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

// wake sees to it that what was recorded is delivered, here or by who is at it.
func (s *subscriber[T]) wake() {
	if s.due.Add(1) == 1 {
		finally.Each(s.deliver)
	}
}

// deliver delivers one value. It returns false where there is none, and the
// caller does not deliver any more. A subscription that is over stays busy for
// ever, so that nobody comes back.
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

// A replay is what Connect does before it returns: it delivers what the ring had
// when Connect began, and then gets away as soon as it can.
//
// What was recorded meanwhile is pending, as s was busy. Nobody but the caller is
// there to deliver it, unless somebody records once more; and if somebody always
// does, the caller must not be the one who delivers for ever: it is not part of
// that flow, and the handler may put aside, without bound, what the caller is to
// work off next. (A firer who delivers is held up by what it causes.) So from
// there on the caller offers s to whoever comes by, by bringing due to 0 though
// values are pending: the next wake then raises it from 0 and delivers them, first,
// as at is where the caller has left it. If nobody comes while the caller yields,
// it takes s back in the same way, and delivers one more.
//
// Nothing is lost or overtaken: due is raised from 0 by one side only, and who does
// that goes on at at. Nothing is left behind: the caller goes only when somebody
// else has raised due, or when nothing is pending, as deliver finds it. And the
// caller does get away: the offers come before the further values number 1, 2, 4, 8
// and so on, and get longer at the same rate. If values come for ever, every so
// often, then after some of them an offer lasts as long as that. If they stop, what
// is pending has an end. An offer per value instead would let the scheduler decide,
// how long a replay takes; offers of one length, the ratio of two speeds.
type replay[T any] struct {
	s       *subscriber[T]
	until   *cell[T] // what was recorded before is here; nil: all that was has been delivered
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

// offer leaves s to others for some time. It reports whether nobody has taken it, so
// that it is the caller's again.
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
