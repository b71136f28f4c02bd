package tether

import (
	"sync"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/scope"
)

// A hold is a Fire that finds no room, in a Block queue or a Values loop, and is to wait for
// it on room. mu guards the fields.
type hold struct {
	mu      *sync.Mutex
	room    *sync.Cond
	inside  bool   // it comes from where the room would be made, and would wait for itself
	waited  bool   // it is held
	letGo   bool   // its goroutine's owner was cut off, whose Destroy may wait for it
	release func() // nil if there is nothing to undo
}

// holdLocked makes out who the caller is: number is on the stack of the goroutine that makes
// room. That takes microseconds, and other locks: mu is free meanwhile.
func holdLocked(mu *sync.Mutex, room *sync.Cond, number uint64) *hold {
	h := &hold{mu: mu, room: room}
	mu.Unlock()
	inside, owned := goroutine.Holding(number)
	ok := true
	if owned && !inside {
		h.release, ok = scope.HoldBack(func() {
			mu.Lock()
			defer mu.Unlock()
			h.letGo = true
			room.Broadcast()
		})
	}
	mu.Lock()
	h.inside = inside
	h.letGo = h.letGo || !ok // it may have been told already
	return h
}

// waitLocked waits for a change.
func (h *hold) waitLocked() {
	h.waited = true
	h.room.Wait()
}

// end undoes holdLocked, with no lock held. h may be nil.
func (h *hold) end() {
	if h != nil && h.release != nil {
		h.release()
	}
}
