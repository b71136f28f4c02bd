package derive

import (
	"sync"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/check"
	"github.com/seed-ec287111/tether/internal/handle"
)

// Switch returns a Source of the values of the latest inner source. For each value of src
// it ends its subscription to the inner source before, calls f, and connects to the Source
// that f returns. It ends when src and the last inner source have ended.
//
// The inner source should not fire before f has returned, because nobody is connected to it yet.
// A signal with [tether.WhileActive] begins when Switch has connected.
//
// f makes what the inner source needs on o, a child of the subscriber's owner. o ends when
// Switch moves on to the next value, when the inner source ends, and with the subscription.
// If Switch moves on inside a handler, as when a Fire gives the value of src, o is cut off.
// If something of o is running then, Switch does not wait for it, and drops the values that
// o still gives.
//
// Destroy of the subscriber's owner returns the errors of what o owns too. If many o have
// ended before with errors, it returns those of the first sixteen and counts the others.
func Switch[T, U any](src tether.Source[T], f func(o *tether.Owner, v T) tether.Source[U]) tether.Source[U] {
	mustSource("Switch", src)
	mustFunc("Switch", f == nil)
	return recipe[U](func(l *life, emit func(U), end func()) {
		s := &switcher[T, U]{life: l, f: f, emit: emit}
		s.line = newLine(l, s.step, s.over, end)
		l.onEnd(s.stop)
		feed(l, src, func(v T) { s.line.give(switched[T, U]{v: v}) }, func() {
			s.line.change(func() { s.ended = true })
		})
	})
}

// A switcher is a Switch in one chain.
type switcher[T, U any] struct {
	life  *life
	f     func(*tether.Owner, T) tether.Source[U]
	emit  func(U)
	line  *line[switched[T, U]]
	ended bool   // src has ended; guarded by the line's mu
	last  *inner // only step and over use it

	mu      sync.Mutex // guards the fields below; a leaf
	current *inner     // last, for the goroutine that ends the chain
	dead    bool       // the chain has ended
}

// An inner is the subscription to one inner source.
type inner struct {
	life  *life
	owner *tether.Owner
	ended bool // guarded by the line's mu
}

// A switched is what comes to the line: a value of src or, if from is set, of that inner source.
type switched[T, U any] struct {
	v    T
	u    U
	from *inner
}

// step handles one value. It runs in a line. So no value of src or of an inner source comes
// between the end of the inner source before and the subscription to the new one.
func (s *switcher[T, U]) step(e switched[T, U]) {
	switch e.from {
	case nil:
		s.moveOn(e.v)
	case s.last:
		s.emit(e.u)
	}
}

func (s *switcher[T, U]) over() bool { return s.ended && (s.last == nil || s.last.ended) }

// moveOn puts the source that f makes of v in place of the one before. If a cleanup of that
// panics, this goes on when the new one is there.
func (s *switcher[T, U]) moveOn(v T) {
	cleared := false
	defer func() {
		if !cleared {
			s.enter(v)
		}
	}()
	if in := s.last; in != nil {
		in.life.end()
		in.owner.Destroy()
	}
	cleared = true
	s.enter(v)
}

// enter connects to the source that f makes of v.
func (s *switcher[T, U]) enter(v T) {
	o := s.life.owner.NewChild("switch")
	handle.Scope("derive: Switch", o).TellParent()
	in := &inner{owner: o, life: &life{chain: s.life.chain, owner: o}}
	s.last = in
	s.mu.Lock()
	s.current = in
	dead := s.dead
	s.mu.Unlock()
	if dead {
		in.cancel()
		return
	}
	end := func() {
		in.cancel() // does nothing if Switch has moved on
		s.line.change(func() { in.ended = true })
	}
	connected := false
	defer func() {
		if !connected { // f or its source has panicked
			end()
		}
	}()
	src := s.f(o, v)
	if check.Nil(src) {
		panic("derive: Switch whose function returned nil")
	}
	feed(in.life, src, func(u U) { s.line.give(switched[T, U]{u: u, from: in}) }, end)
	connected = true
}

// stop is called when the chain ends.
func (s *switcher[T, U]) stop() {
	s.mu.Lock()
	s.dead = true
	in := s.current
	s.mu.Unlock()
	if in != nil {
		in.cancel()
	}
}

// cancel ends in, unless it has ended. It does not wait.
func (in *inner) cancel() {
	if in.life.end() {
		handle.Scope("derive: Switch", in.owner).CancelAlive()
	}
}
