package connlist

import (
	"sync/atomic"
)

// Mute takes the handler out of its entry, until as many calls of Unmute.
func (c *Conn) Mute() {
	if c.list == nil {
		return
	}
	c.list.mu.Lock()
	defer c.list.mu.Unlock()
	if !c.Live() {
		return
	}
	if c.hooks == nil {
		c.hooks = new(Hooks)
	}
	if c.hooks.muted.Add(1) == 1 {
		c.hooks.word = atomic.SwapPointer(&c.block.entries[c.index].word, nil)
	}
}

// Unmute undoes one Mute. It does nothing for a connection that is dead.
func (c *Conn) Unmute() {
	if c.list == nil {
		return
	}
	c.list.mu.Lock()
	defer c.list.mu.Unlock()
	if !c.Live() {
		return
	}
	if c.hooks.muted.Add(-1) == 0 {
		atomic.StorePointer(&c.block.entries[c.index].word, c.hooks.word)
		c.hooks.word = nil
	}
}

// Muted reports whether c is muted, or was when it ended. It is for connections that were
// made with Hooks.
func (c *Conn) Muted() bool { return c.hooks.muted.Load() > 0 }

// Callable reports whether a value that was fired when c was alive may still be handled. If
// c is spent, its owner and signal must be alive. If not, its owner and c must be alive,
// and c not muted. Callable is for connections that were made with Hooks.
func (c *Conn) Callable(spent bool) bool {
	if spent {
		return c.owner.Alive() && !c.list.closed.Load()
	}
	return c.owner.Alive() && c.Live() && c.hooks.muted.Load() == 0
}
