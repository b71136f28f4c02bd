package keyed

import (
	"slices"

	"github.com/seed-ec287111/tether/internal/scope"
)

// reservedLocked returns the Replace that has claimed e, or is going to open e, if its turn to
// open has not come; nil if there is none.
func (m *Map[K, V]) reservedLocked(e *entry[K, V]) *opening[K, V] {
	for c := m.group.openings[e.key]; c != nil; c = c.next {
		if c.replaces && !c.begun && (c.over == e || c.opensLocked(e)) {
			return c
		}
	}
	return nil
}

// awaitsCallerLocked reports whether c is a Replace that waits for the end of an owner on one
// of whose goroutines the caller runs.
func (c *opening[K, V]) awaitsCallerLocked() bool {
	if !c.replaces || c.begun || c.inside {
		return false
	}
	hosts := scope.Hosts()
	awaits := func(e *entry[K, V]) bool {
		s := e.scope()
		return slices.Contains(hosts, s) && !slices.Contains(c.hosts, s)
	}
	if hosts == nil || c.over != nil && awaits(c.over) {
		return hosts != nil
	}
	for e := c.older; e != nil; e = e.kinLocked().older {
		if awaits(e) {
			return true
		}
	}
	return false
}

// claim begins a Replace. If mine, c is the caller's. Otherwise c is a Replace that has its
// turn before, for which the caller must wait. If c is nil, the caller must try again. inside
// says that the caller may not wait. Then claim passes over a Replace that waits for an earlier
// owner of key, because the caller may run in that owner.
func (m *Map[K, V]) claim(key K, name string, inside bool) (c *opening[K, V], mine bool) {
	g := &m.group
	g.mu.Lock()
	defer g.mu.Unlock()
	m.checkCircleLocked("Replace", key, name)
	e, fresh := g.currentLocked(key, name)
	k := e.kinLocked()
	first := m.reservedLocked(e)
	if first != nil && !k.stillborn {
		if !inside && !first.awaitsCallerLocked() {
			first.joinLocked()
			return first, false
		}
		if first.over == e {
			g.mu.Unlock()
			defer g.mu.Lock() // also if a cleanup panics
			e.owner.Destroy()
			return nil, false
		}
	}
	c = m.newOpeningLocked(key, name)
	c.replaces, c.inside, c.hosts = true, inside, scope.Hosts()
	c.older = k.older
	if k.stillborn || fresh && first == nil {
		c.e = e
	} else {
		e.wantLocked()
		c.over = e
	}
	if !inside {
		c.waitFor(c.opensBeforeLocked())
	}
	return c, true
}

// opensBeforeLocked returns the opens that run in the owners for whose end c, a Replace that has
// not begun, waits.
func (c *opening[K, V]) opensBeforeLocked() (opens []*flight) {
	for o := c.next; o != nil; o = o.next {
		if o.begun && !o.dead && !slices.Contains(c.hosts, o.e.scope()) {
			opens = append(opens, &o.flight)
		}
	}
	return opens
}

// succeed ends the owners before a Replace. Then it begins, if the Replace has an owner that is
// alive.
func (c *opening[K, V]) succeed() {
	g := &c.m.group
	over := false
	defer func() {
		if !over { // a cleanup has panicked
			c.abandon()
		}
	}()
	if c.over != nil {
		c.over.owner.Destroy()
		heir := g.succeed(c.over, c.name)
		g.mu.Lock()
		c.e = heir
		g.mu.Unlock()
	}
	g.await(c.older)
	g.settle()
	over = true
	c.waitFor(nil)
	g.mu.Lock()
	defer g.mu.Unlock()
	c.startLocked()
}

// abandon leaves the key as if there had been no Replace. No call has seen the heir. It stays
// c's until abandon has ended it.
func (c *opening[K, V]) abandon() {
	g := &c.m.group
	g.mu.Lock()
	e := c.e
	if c.over != nil {
		c.over.setKinLocked(func(k *kin[K, V]) { k.wanted, e = false, k.heir })
	}
	g.mu.Unlock()
	if e != nil {
		e.owner.Destroy()
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	c.settleLocked(left)
}
