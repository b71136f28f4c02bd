package tether

import (
	"github.com/seed-ec287111/tether/internal/handle"
)

// enqueueAny is [handle.Enqueue]: the handler is not connected to a signal, but to a list
// that a sub-package walks by itself. Only the sub-package knows the type of the list's
// values.
func enqueueAny(h handle.Queueing) *Connection {
	owner := h.Owner.(*Owner)
	cfg := prepare("Connect", owner, h.Handle == nil, h.Options.([]ConnectOption))
	c := new(hookedConnection)
	c.hooks.PC = h.PC
	m := newMailbox(c, h.Handle, cfg.queue)
	m.once = h.Once
	if h.Tell {
		m.over = true
		m.box = telling{m}
	}
	m.connect(h.List, c, owner, h.Entry(m.offer), cfg)
	return &c.Connection
}

// A telling calls Dropped of the values that it drops.
type telling struct{ *mailbox[any] }

func (b telling) drop() { b.values.Pop().(handle.Dropper).Dropped() }

func (b telling) clear() {
	for b.values.Len() > 0 {
		b.drop()
	}
	b.mailbox.clear()
}

func (b telling) forget() {
	if v, ok := b.current.(handle.Dropper); ok { // else there is none, or none any more
		v.Dropped()
	}
	b.mailbox.forget()
}
