package keyed

import (
	"slices"

	"github.com/seed-ec287111/tether/internal/scope"
)

// reservedLocked returns the Replace that e belongs to, to end or to open, and whose turn
// to open it has not come; nil if there is none.
func (m *Map[K, V]) reservedLocked(e *entry[K, V]) *opening[K, V] {
	for c := m.group.openings[e.key]; c != nil; c = c.next {
		if c.replaces && !c.begun && (c.over == e || c.opensLocked(e)) {
			return c
		}
	}
	return nil
}

// awaitsCallerLocked reports whether c waits for the end of an owner whose goroutine the
// caller is on.
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

// claim begins a Replace: c is the caller's then. Else it is another one that has its
// turn before, for the caller to wait for, or nil: try again. inside says whether the
// caller is where nobody may wait. It then does not respect the turns of those who
// wait for an earlier owner of key: that may be the caller's.
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
	return c, true
}

// succeed ends what was before a Replace, and begins if that has left an owner that lives.
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
	over = true
	g.mu.Lock()
	defer g.mu.Unlock()
	c.startLocked()
}

// abandon leaves the key as if there had been no Replace. Until it has ended the heir,
// which nobody has seen, it is c's.
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
