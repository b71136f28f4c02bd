package scope

import (
	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/yield"
)

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

// Interrupt arranges for f to be called at the cut-off of s, or calls it now if that
// was.
func (s *Scope) Interrupt(f func()) (stop func() bool) {
	i := &interrupt{s: s, f: f}
	if s.Attach(&i.node, i, nil) {
		return i.stop
	}
	i.taken = true
	stop = i.stop // also if f panics below, and is supervised
	yield.Point("interrupt: late")
	s.tree.mu.Lock()
	counted := s.state.Load() == cutOff && s.down.draining
	if counted { // the unwinding, which has not begun, waits for it
		s.down.pending++
		s.countLocked(1, 0)
		s.mu.Lock()
		s.addLocked(&i.node, i)
		s.mu.Unlock()
	}
	s.tree.mu.Unlock()
	if counted {
		i.run()
	} else {
		i.f = nil // the caller may keep stop
		defer s.supervise()
		goroutine.Cleanup(f)
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
	goroutine.Cleanup(i.f)
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
