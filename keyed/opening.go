package keyed

import (
	"slices"

	"github.com/seed-ec287111/tether/internal/finally"
	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/scope"
)

// An opening is a call of open: from the decision that there will be one until its value
// is there or it has failed. Who comes meanwhile waits for it.
//
// There is at most one opening for a live entry: an entry gets one when it is made or,
// if that one has failed before it could begin, when the next Get comes, both under the
// group's mu; and the end of an opening either opens its entry, or leaves its owner dead,
// or leaves it as if it had not been. An opening counts as a handler of the owner, from a
// moment on at which that is alive, under mu too. So whoever sees the entry opened sees
// a value whose open has returned, and a Destroy that comes in between waits for it.
//
// That of a Replace begins earlier, when the owner before is still to be ended: from
// the claim on, whatever heir that leaves is the Replace's to open.
type opening[K comparable, V any] struct {
	flight
	m    *Map[K, V]
	key  K
	next *opening[K, V] // of the same key and older; guarded by the group's mu

	// For a Replace alone.
	replaces bool
	over     *entry[K, V]   // what it has claimed, and opens the heir of; nil if there was none
	older    *entry[K, V]   // the newest of those that it waits for besides
	inside   bool           // it waits for nobody
	hosts    []*scope.Scope // it does not wait for those

	// The group's mu guards these; result and value are final once done is closed.
	e      *entry[K, V]  // what it opens; nil before over has an heir
	begun  bool          // open runs, or is about to
	dead   bool          // with an owner that never lived
	done   chan struct{} // nil before somebody waits
	result result
	value  V
	why    any // what open has panicked with
}

// A result is how an opening has ended.
type result uint8

const (
	none   result = iota // it has not
	given                // value is the value
	failed               // open has panicked, why says with what
	left                 // there was no open, or it called Goexit: try again
)

func (m *Map[K, V]) newOpeningLocked(key K, name string) *opening[K, V] {
	c := &opening[K, V]{m: m, key: key, next: m.group.openings[key]}
	c.flight.begin(name)
	m.group.openings[key] = c
	return c
}

// opensLocked reports whether c opens e, now or when its turn comes.
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

// Run is what happens under the number of c.
func (c *opening[K, V]) Run() {
	if c.replaces {
		c.succeed()
	}
	if c.begun {
		c.open()
	}
}

// startLocked begins, if the owner lives or, as in a dead group, never did. Else c is
// over.
func (c *opening[K, V]) startLocked() {
	c.dead = c.e.kinLocked().stillborn
	c.begun = c.dead || c.e.scope().Enter()
	if !c.begun {
		c.settleLocked(left)
	}
}

// open calls open, and goes on with its panic when all is settled.
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

// fail destroys the owner, and panics with what c's waiters do. p is what open has
// panicked with, nil for Goexit.
//
// The owner is cut off first, while it still counts a handler, so that this does not wait:
// once c is settled, a live owner is one whose value is there. Then the waiters are told,
// as some may be goroutines of the owner's that its end waits for.
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

// leave ends the call as one of the owner's. If that was cut off, it may end here.
func (c *opening[K, V]) leave() {
	if !c.dead {
		c.e.scope().Leave()
	}
}

// settleLocked ends c and tells those who wait. From then on e is seen, if its owner lives.
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

// joinLocked is what precedes a wait.
func (c *opening[K, V]) joinLocked() {
	if c.done == nil {
		c.done = make(chan struct{})
	}
}

// wait waits until c is over, and panics if open has. op is the caller's.
func (c *opening[K, V]) wait(op string) {
	defer c.flight.wait(op)()
	<-c.done
	if c.result == failed && op != "Replace" {
		panic(c.why)
	}
}
