package scope

import (
	"io"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/yield"
)

// An interrupt is a function to call, or a closer to close, at the cut-off.
type interrupt struct {
	node   Node
	s      *Scope
	f      func()
	closer io.Closer // if f is nil
	taken  bool      // it will be called, or was; guarded by s.mu
}

// Kind makes an interrupt a member.
func (i *interrupt) Kind() Kind { return Interrupt }

// Cut hands the interrupt to the goroutine that cuts off, and counts it.
func (i *interrupt) Cut(co *Cutoff) {
	co.interrupts = append(co.interrupts, i)
	i.taken = true
	i.s.busy++
}

// Interrupt arranges for f to be called at the cut-off of s, or calls it now if s is dead.
func (s *Scope) Interrupt(f func()) (stop func() bool) {
	i := &interrupt{s: s, f: f}
	stop = i.stop // also if f panics below, and is supervised
	s.interruptBy(i)
	return stop
}

// OwnBlocking arranges for closer to be closed at the cut-off of s, or closes it now if s
// is dead.
func (s *Scope) OwnBlocking(closer io.Closer) {
	s.interruptBy(&interrupt{s: s, closer: closer})
}

func (s *Scope) interruptBy(i *interrupt) {
	if s.Attach(&i.node, i, nil) {
		return
	}
	i.taken = true
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
		defer i.forget()
		i.call()
	}
}

// run runs an interrupt that is counted.
func (i *interrupt) run() {
	defer func() {
		i.forget()
		i.s.left(&i.node, 0)
	}()
	i.call()
}

func (i *interrupt) call() {
	defer i.s.supervise()
	if i.f != nil {
		goroutine.Cleanup(i.f)
	} else if err := goroutine.Close(i.closer); err != nil && !says(err, wasClosed) {
		i.s.addError(err)
	}
}

// forget lets go of what was called, because the caller may keep stop.
func (i *interrupt) forget() {
	i.s.mu.Lock()
	i.f, i.closer = nil, nil
	i.s.mu.Unlock()
}

// name describes what is called. i.s.mu is held.
func (i *interrupt) name() string {
	if i.closer != nil {
		return goroutine.CloseOf(i.closer)
	}
	return goroutine.FuncAt(PC(i.f))
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
