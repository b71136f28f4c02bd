package keyed

import (
	"slices"

	"github.com/seed-ec287111/tether/internal/finally"
	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/scope"
)

// An opening is a call of open, from the decision to make it until its value is there or it
// has failed. Calls that come meanwhile wait for it.
//
// A live entry has at most one opening. It gets one when it is made or, if that one has failed
// before it could begin, when the next Get comes, both under the group's mu. The end of an
// opening opens its entry, or leaves the entry's owner dead, or leaves the entry as if there
// had been no opening. An opening counts as a handler of the owner, from a moment at which the
// owner is alive, also under mu. So a call that sees the entry opened sees a value whose open
// has returned, and a Destroy that comes in between waits for that open.
//
// The opening of a Replace begins earlier, when the owner before is still to be ended. From
// the claim on, the Replace opens the heir of that owner, whichever it is.
type opening[K comparable, V any] struct {
	flight
	m    *Map[K, V]
	key  K
	next *opening[K, V] // of the same key and older; guarded by the group's mu

	// For a Replace alone.
	replaces bool
	over     *entry[K, V]   // the entry that it has claimed, and opens the heir of, or nil
	older    *entry[K, V]   // the newest of the other entries that it waits for
	inside   bool           // it does not wait
	hosts    []*scope.Scope // the scopes that it does not wait for

	// The group's mu guards these; result and value are final once done is closed.
	e      *entry[K, V]  // what it opens; nil before over has an heir
	begun  bool          // open runs, or is about to
	dead   bool          // e's owner never lived
	done   chan struct{} // nil before a call waits
	result result
	value  V
	why    any // what open has panicked with
}

// A result is how an opening has ended.
type result uint8

const (
	none   result = iota // it has not ended
	given                // open has returned value
	failed               // open has panicked with why
	left                 // open was not called, or has called Goexit: try again
)

func (m *Map[K, V]) newOpeningLocked(key K, name string) *opening[K, V] {
	c := &opening[K, V]{m: m, key: key, next: m.group.openings[key]}
	c.flight.begin(name)
	m.group.openings[key] = c
	return c
}

// opensLocked reports whether c opens e, now or later.
func (c *opening[K, V]) opensLocked(e *entry[K, V]) bool {
	return c.e == e || c.over != nil && c.over.kinLocked().heir == e
}

// checkCircleLocked panics if the caller is inside an opening of key.
func (m *Map[K, V]) checkCircleLocked(op string, key K, name string) {
	first := m.group.openings[key]
	if first == nil {
		return
	}
	mine := flightsOfCaller()
	for c := first; c != nil; c = c.next {
		if i := slices.Index(mine, &c.flight); i >= 0 {
			panic(circle(op, name, mine[:i+1], nil))
		}
	}
}

// Run does the work of c. Its caller puts c's number on the stack.
func (c *opening[K, V]) Run() {
	if c.replaces {
		c.succeed()
	}
	if c.begun {
		c.open()
	}
}

// startLocked begins c if the owner is alive or, as in a dead group, has never been. Otherwise
// it settles c.
func (c *opening[K, V]) startLocked() {
	c.dead = c.e.kinLocked().stillborn
	c.begun = c.dead || c.e.scope().Enter()
	if !c.begun {
		c.settleLocked(left)
	}
}

// open calls open, and settles c. A panic of open goes on after that.
func (c *opening[K, V]) open() {
	inside := false
	defer func() {
		if inside {
			c.fail(recover())
		}
	}()
	inside = true
	goroutine.Handler(func() { c.value = c.m.open(c.e.owner, c.key) })
	inside = false
	g := &c.m.group
	g.mu.Lock()
	if c.e.owner.Alive() {
		c.e.value = c.value
	}
	c.settleLocked(given)
	g.mu.Unlock()
	c.leave()
}

// fail destroys the owner, and panics with the value with which the waiters of c panic. p is
// what open has panicked with, nil for Goexit.
//
// First it cuts off the owner, because once c is settled, a live owner must have its value.
// That does not wait, as the owner still counts a handler. Then it settles c, which lets the
// waiters go on. It does so before it waits for the owner's end, because the waiters may be
// goroutines for which that end waits.
func (c *opening[K, V]) fail(p any) {
	c.why = p
	s := c.e.scope()
	steps := []func(){
		func() {
			if p != nil && s.Supervised() {
				c.why = handle.Report(s, p, nil)
			}
		},
		func() { _ = s.DestroyOutside(true) },
		func() {
			c.m.group.mu.Lock()
			defer c.m.group.mu.Unlock()
			if p == nil {
				c.settleLocked(left)
			} else {
				c.settleLocked(failed)
			}
		},
		c.leave,
		func() { _ = s.DestroyOutside(goroutine.MustNotWaitOutside(c.number)) },
	}
	finally.Each(func() bool {
		if len(steps) == 0 {
			return false
		}
		step := steps[0]
		steps = steps[1:]
		step()
		return true
	})
	if p != nil {
		panic(c.why)
	}
}

// leave takes back the count of c as a handler. If the owner was cut off, it may end here.
func (c *opening[K, V]) leave() {
	if !c.dead {
		c.e.scope().Leave()
	}
}

// settleLocked ends c with the result r, and lets the waiters go on. From then on calls see
// e, if its owner lives.
func (c *opening[K, V]) settleLocked(r result) {
	c.result = r
	c.flight.end()
	switch first := c.m.group.openings[c.key]; {
	case first != c:
		for first.next != c {
			first = first.next
		}
		first.next = c.next
	case c.next != nil:
		c.m.group.openings[c.key] = c.next
	default:
		delete(c.m.group.openings, c.key)
	}
	if c.done != nil {
		close(c.done)
	}
}

// joinLocked prepares c for a wait.
func (c *opening[K, V]) joinLocked() {
	if c.done == nil {
		c.done = make(chan struct{})
	}
}

// wait waits until c has ended. If open has panicked, wait panics too, except for a Replace.
func (c *opening[K, V]) wait(op string) {
	defer c.flight.wait(op)()
	<-c.done
	if c.result == failed && op != "Replace" {
		panic(c.why)
	}
}
