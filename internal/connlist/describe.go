package connlist

import (
	"sync/atomic"
	"unsafe"

	"github.com/seed-ec287111/tether/internal/scope"
)

// Describe makes a Conn a [scope.Describer].
func (c *Conn) Describe() scope.Detail {
	l := c.list
	l.mu.Lock()
	defer l.mu.Unlock()
	d := scope.Detail{Signal: l.values}
	var word unsafe.Pointer
	if b := c.block; b != nil {
		d.Priority = b.priority
		word = atomic.LoadPointer(&b.entries[c.index].word)
		d.Queued = b.entries[c.index].id == 0
	}
	if c.hooks != nil {
		d.Muted = c.hooks.muted.Load() > 0
		if word == nil {
			word = c.hooks.word
		}
		d.PC = c.hooks.PC
	}
	if d.PC == 0 && word != nil {
		d.PC = *(*uintptr)(word) // a func value points to where its code's address is
	}
	return d
}

// Describe makes a member a [scope.Describer].
func (m member) Describe() scope.Detail {
	m.l.mu.Lock()
	defer m.l.mu.Unlock()
	return scope.Detail{Signal: m.l.values, Len: m.l.count}
}
