package derive

import (
	"sync"
	"time"

	"github.com/seed-ec287111/tether/internal/finally"
)

// A slot holds at most one value until it is due, and emits it then. Debounce and Throttle
// differ in when the value is due, and in which value is held.
//
// The invariant, with mu free: if a value is held, the slot is busy, that is, a timer is
// set or a goroutine emits. A goroutine that emits looks at the slot again in the critical
// section in which the slot ceases to be busy. So there is one timer at most, and none
// without a value, and emissions do not overlap. due never falls. It is compared with the
// clock at each use: a timer that is early, because due was put off, sets another one for the
// rest.
type slot[T any] struct {
	life *life
	emit func(T)
	end  func()
	each time.Duration // the least time between two emissions; 0 for Debounce

	mu    sync.Mutex // guards the fields below
	v     T
	held  bool
	due   time.Time // of the value held; for Throttle also when the next one may be emitted
	busy  bool
	ended bool        // no value can come
	stop  func() bool // the timer; nil if none is set, or it has begun
}

func newSlot[T any](l *life, emit func(T), end func()) *slot[T] {
	s := &slot[T]{life: l, emit: emit, end: end}
	l.onEnd(s.drop)
	return s
}

// drop is called when the chain ends.
func (s *slot[T]) drop() {
	s.mu.Lock()
	s.dropLocked()
	s.ended = true
	stop := s.stop
	s.stop = nil
	s.mu.Unlock()
	if stop != nil {
		stop()
	}
}

func (s *slot[T]) dropLocked() {
	var zero T
	s.v, s.held = zero, false
}

// over is called when the source has ended.
func (s *slot[T]) over() {
	s.mu.Lock()
	s.ended = true
	busy := s.busy
	s.mu.Unlock()
	if !busy {
		s.end()
	}
}

// putUnlock holds v, which is due at s.due, in place of what was held. mu is held on entry,
// and free on return.
func (s *slot[T]) putUnlock(v T) {
	if s.ended {
		s.mu.Unlock()
		return
	}
	s.v, s.held = v, true
	busy := s.busy
	s.busy = true
	s.mu.Unlock()
	if !busy {
		finally.Each(s.next)
	}
}

// next emits what is due and reports whether to look again.
func (s *slot[T]) next() bool {
	s.mu.Lock()
	if !s.held {
		s.busy = false
		ended := s.ended
		s.mu.Unlock()
		if ended {
			s.end()
		}
		return false
	}
	now := time.Now()
	if wait := s.due.Sub(now); wait > 0 {
		s.setLocked(wait)
		s.mu.Unlock()
		return false
	}
	v := s.v
	s.dropLocked()
	s.due = now.Add(s.each)
	s.mu.Unlock()
	s.emit(v)
	return true
}

// setLocked sets the timer. NOTE: the owner's mutex nests in mu. No code takes them the other
// way round, because a life is ended with no lock held.
func (s *slot[T]) setLocked(wait time.Duration) {
	s.stop = s.life.owner.AfterFunc(wait, func() {
		s.mu.Lock()
		s.stop = nil
		s.mu.Unlock()
		finally.Each(s.next)
	})
}
