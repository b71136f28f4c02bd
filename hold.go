package tether

import (
	"sync"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/scope"
)

// A hold is a Fire that finds no room in a Block queue or a Values loop, and has to wait
// for it on room. mu guards the fields.
type hold struct {
	mu      *sync.Mutex
	room    *sync.Cond
	inside  bool   // it is on the goroutine that makes room, and would wait for itself
	waited  bool   // it is held
	letGo   bool   // the owner of its goroutine was cut off, and a Destroy may wait for it
	release func() // nil if there is nothing to undo
}

// holdLocked finds out on which goroutine the caller is. number is on the stack of the
// goroutine that makes room. That takes microseconds, and other locks, so mu is free
// meanwhile.
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
	h.letGo = h.letGo || !ok // it may be set already
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
