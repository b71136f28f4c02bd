package scope

import (
	"io"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/yield"
)

// A cleanup is a function to call or a closer to close at the unwinding.
type cleanup struct {
	node   Node
	s      *Scope
	f      func()
	closer io.Closer // if f is nil
}

// Kind and Cut make a cleanup a member: the cut-off leaves it for the unwinding.
func (c *cleanup) Kind() Kind  { return Cleanup }
func (c *cleanup) Cut(*Cutoff) {}

// Defer arranges for f to be called at the unwinding of s, or calls it now if that has
// begun.
func (s *Scope) Defer(f func()) (stop func() bool) {
	c := &cleanup{s: s, f: f}
	s.register(c)
	return c.stop
}

// Own arranges for closer to be closed at the unwinding of s, or closes it now if that
// has begun.
func (s *Scope) Own(closer io.Closer) {
	s.register(&cleanup{s: s, closer: closer})
}

func (s *Scope) register(c *cleanup) {
	s.mu.Lock()
	if s.state.Load() < unwinding {
		s.addLocked(&c.node, c)
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	yield.Point("defer: late")
	defer func() { c.f, c.closer = nil, nil }() // the caller may keep stop
	c.run()
}

func (c *cleanup) stop() bool {
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if !c.s.removeLocked(&c.node) {
		return false
	}
	c.f = nil // the caller may keep stop
	return true
}

// run runs a cleanup that is in no list any more.
func (c *cleanup) run() {
	defer c.s.supervise()
	if c.f != nil {
		goroutine.Cleanup(c.f)
	} else if err := goroutine.Close(c.closer); err != nil {
		c.s.addError(err)
	}
}

// name describes what is called. c.s.mu is held.
func (c *cleanup) name() string {
	if c.f != nil {
		return goroutine.FuncAt(PC(c.f))
	}
	return goroutine.CloseOf(c.closer)
}
