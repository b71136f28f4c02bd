package connlist

import (
	"github.com/seed-ec287111/tether/internal/yield"
)

// Claim is Disconnect by the one call that c is for. When the handler has returned, the
// caller must call Delivered. c must have Hooks.
func (c *Conn) Claim() bool {
	l := c.list
	l.mu.Lock()
	last, ok := l.removeLocked(c)
	if !ok {
		l.mu.Unlock()
		return false
	}
	c.hooks.taken = true
	ends := c.hooks.takeEndsLocked(false)
	l.mu.Unlock()
	yield.Point("disconnect: ended")
	c.owner.Detach(&c.node)
	defer ends.call() // also if a method of a context panics in last
	last.end()
	return true
}

// Delivered calls what [Conn.AfterEnd] has put off.
func (c *Conn) Delivered() {
	c.list.mu.Lock()
	c.hooks.taken = false
	ends := c.hooks.takeEndsLocked(true)
	c.list.mu.Unlock()
	ends.call()
}

// Spend ends c for a value that is still to be delivered. Until Release, the end of c's
// owner and the closing of the list still call Hooks.Ended. The caller may hold a lock that
// comes after the owner's. It must call rest without that lock.
func (c *Conn) Spend() (rest func(), ok bool) {
	l := c.list
	l.mu.Lock()
	defer l.mu.Unlock()
	last, ok := l.removeLocked(c)
	if !ok {
		return nil, false
	}
	if l.spent == nil {
		l.spent = make(map[*Conn]struct{})
	}
	l.spent[c] = struct{}{}
	ends := c.hooks.takeEndsLocked(true)
	return func() {
		yield.Point("spend: rest")
		c.owner.Change(&c.node, func() { c.state.Store(pending) })
		defer ends.call()
		last.end()
	}, true
}

// Release makes both books forget a spent c. Its Hooks.Ended will not be called.
func (c *Conn) Release() {
	yield.Point("spend: release")
	c.owner.Detach(&c.node)
	c.list.mu.Lock()
	delete(c.list.spent, c)
	c.hooks.Ended, c.hooks.Queued = nil, nil
	c.list.mu.Unlock()
}
