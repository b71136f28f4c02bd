package scope

import (
	"time"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/yield"
)

// A timer is a function that runs later, unless its scope is cut off before.
type timer struct {
	node  Node
	s     *Scope
	f     func()  // nil once it has begun or can't begin any more
	name  uintptr // where f starts, for reports
	timer *time.Timer
	state uint8 // guarded by s.mu
}

const (
	waiting uint8 = iota
	running       // f runs, and is counted
	late          // its goroutine was on the way at the cut-off, and is counted
	over
)

// Kind makes a timer a member.
func (t *timer) Kind() Kind { return Timer }

// Cut stops the timer. If that comes too late, the timer's goroutine exists already. Then
// it counts as running until it has seen that it must not call f.
func (t *timer) Cut(co *Cutoff) {
	if t.state != waiting {
		return
	}
	if t.timer.Stop() {
		t.state, t.f = over, nil
		co.Remove(t.s, &t.node)
		return
	}
	t.state = late
	t.s.busy++
}

// AfterFunc runs f on a goroutine of s after d.
func (s *Scope) AfterFunc(d time.Duration, f func()) (stop func() bool) {
	t := &timer{s: s, f: f, name: PC(f)}
	s.Attach(&t.node, t, func() bool {
		t.timer = time.AfterFunc(d, t.fire) // fire waits for the mutex held here
		return true
	})
	return t.stop
}

func (t *timer) stop() bool {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	if t.node.m == nil || t.state != waiting || !t.timer.Stop() {
		return false
	}
	t.state, t.f = over, nil
	return t.s.removeLocked(&t.node)
}

func (t *timer) fire() {
	s := t.s
	yield.Point("timer: fired")
	s.mu.Lock()
	f := t.f
	if t.state == waiting {
		t.state = running
		s.busy++
	} else {
		f = nil
	}
	t.f = nil
	s.mu.Unlock()
	defer s.left(&t.node, 0)
	if f == nil {
		return
	}
	number := goroutine.NewNumber()
	s.enter(number)
	defer leave(number)
	defer s.supervise()
	goroutine.Spell(number, timed(f))
}

// timed is the function of a timer that has fired.
type timed func()

// Run calls f. The number on the stack says whose goroutine this is.
func (f timed) Run() { goroutine.Callback(f) }
