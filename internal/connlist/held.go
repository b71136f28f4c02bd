package connlist

import (
	"unsafe"

	"github.com/seed-ec287111/tether/internal/inflight"
	"github.com/seed-ec287111/tether/internal/scope"
	"github.com/seed-ec287111/tether/internal/yield"
)

// Any reports whether a connection lives, perhaps a muted one. It takes no lock if the
// first one is alive and not muted.
func (l *List) Any() bool {
	b := l.head.Load()
	if b == nil {
		return false
	}
	return b.published()[0].load() != nil || l.Len() > 0
}

// A Held is an announcement of an owner that stays from one Fire to the next, at one list
// after the other. The zero Held announces no owner. A Held lives on the stack. Its user
// calls Leave when no further Fire follows at once, because a teardown of the owner waits
// until then.
type Held struct {
	owner *scope.Scope // nil: none
	slot  *inflight.Slot
	id    uint64
}

// Leave takes the announcement back. A teardown may complete here.
func (h *Held) Leave() {
	if owner := h.owner; owner != nil {
		h.owner, h.id = nil, 0
		owner.Retract(h.slot)
	}
}

// FireHeld is Fire for lists that mostly have one connection. If there is no other, and its
// owner is announced from the Fire before, FireHeld costs no locked instruction.
func FireHeld[T any](h *Held, l *List, v T) {
	b := l.head.Load()
	if b == nil {
		return
	}
	entries := b.published()
	e := &entries[0]
	if len(entries) > 1 || e.id == 0 || e.load() == nil || b.more() {
		fireAlone(h, l, v)
		return
	}
	if h.owner != nil && h.id != e.id {
		defer FireHeld(h, l, v) // also if Leave panics
		h.Leave()
		return
	}
	if h.owner == nil {
		owner := e.conn.owner
		slot, ok := owner.Announce(unsafe.Pointer(h))
		if !ok {
			return // the owner is dead, and so is the connection
		}
		h.owner, h.slot, h.id = owner, slot, e.id
	}
	yield.Point("fire: announced, look")
	handler := e.load()
	if handler == nil { // dead, or moved to another block
		fireAlone(h, l, v)
		return
	}
	over := false
	defer func() {
		if over {
			return
		}
		owner := h.owner
		defer h.Leave()
		if owner.Supervised() {
			if p := recover(); p != nil {
				owner.Report(p, v)
			}
		}
	}()
	yield.Point("fire: call")
	Call(handler, v)
	over = true
}

// fireAlone is Fire after h was left, also if Leave panics.
func fireAlone[T any](h *Held, l *List, v T) {
	defer func() {
		if b := l.head.Load(); b != nil {
			Fire(l, b, v)
		}
	}()
	h.Leave()
}
