package scope

import (
	"errors"
	"fmt"
	"io"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/yield"
)

// A cleanup is a function to call or a closer to close at the unwinding.
type cleanup struct {
	node   Node
	s      *Scope
	f      func()
	closer io.Closer // where f is nil
}

func (c *cleanup) Kind() Kind  { return Cleanup }
func (c *cleanup) Cut(*Cutoff) {}

// Defer has f called at the unwinding of s, or now where that has begun.
func (s *Scope) Defer(f func()) (stop func() bool) {
	c := &cleanup{s: s, f: f}
	s.register(c)
	return c.stop
}

// Own has closer closed at the unwinding of s, or now where that has begun.
func (s *Scope) Own(closer io.Closer) {
	s.register(&cleanup{s: s, closer: closer})
}

func (s *Scope) register(c *cleanup) {
	s.mu.Lock()
	if s.state.Load() < unwinding {
		s.addNode(&c.node, c)
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	yield.Point("defer: late")
	defer func() { c.f, c.closer = nil, nil }() // the caller may keep stop
	defer s.supervise()
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
	if c.f != nil {
		callout(c.f)
		return
	}
	err := closeOut(c.closer)
	if err == nil {
		return
	}
	// It belongs to every owner up to the one whose teardown unwinds c.s.
	c.s.tree.mu.Lock()
	top := c.s.unwinder()
	c.s.tree.mu.Unlock()
	for p := c.s; p != nil; p = p.parent {
		p.mu.Lock()
		p.err = errors.Join(p.err, err)
		p.mu.Unlock()
		if p == top || top == nil {
			break
		}
	}
}

// name describes what is called. c.s.mu is held.
func (c *cleanup) name() string {
	if c.f != nil {
		return goroutine.Func(PC(c.f))
	}
	return fmt.Sprintf("(%T).Close", c.closer)
}

// closeOut closes under a name that [goroutine.Where] knows.
func closeOut(c io.Closer) error { return c.Close() }

// An interrupt is a function to call at the cut-off.
type interrupt struct {
	node  Node
	s     *Scope
	f     func()
	taken bool // it will be called, or was; guarded by s.mu
}

func (i *interrupt) Kind() Kind { return Interrupt }

// Cut hands the interrupt to the goroutine that cuts off, and counts it.
func (i *interrupt) Cut(co *Cutoff) {
	co.interrupts = append(co.interrupts, i)
	i.taken = true
	i.s.busy++
}

// Interrupt has f called at the cut-off of s, or now where that was.
func (s *Scope) Interrupt(f func()) (stop func() bool) {
	i := &interrupt{s: s, f: f}
	if s.Attach(&i.node, i, nil) {
		return i.stop
	}
	i.taken = true
	stop = i.stop // also if f panics below, and is supervised
	yield.Point("interrupt: late")
	s.tree.mu.Lock()
	counted := s.state.Load() == cut && s.unwinder() == nil
	if counted { // the unwinding, which has not begun, waits for it
		s.addLocked(1, 0)
		s.mu.Lock()
		s.addNode(&i.node, i)
		s.mu.Unlock()
	}
	s.tree.mu.Unlock()
	if counted {
		i.run()
	} else {
		i.f = nil // the caller may keep stop
		defer s.supervise()
		callout(f)
	}
	return stop
}

func (i *interrupt) run() {
	defer func() {
		i.s.mu.Lock()
		i.f = nil // the caller may keep stop
		i.s.mu.Unlock()
		i.s.left(&i.node, 0)
	}()
	defer i.s.supervise()
	callout(i.f)
}

func (i *interrupt) stop() bool {
	i.s.mu.Lock()
	defer i.s.mu.Unlock()
	if i.taken || !i.s.removeLocked(&i.node) {
		return false
	}
	i.f = nil // the caller may keep stop
	return true
}
