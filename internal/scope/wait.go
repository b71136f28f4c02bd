package scope

import (
	"sync"

	"github.com/seed-ec287111/tether/internal/goroutine"
)

// waits says which owned goroutine waits for the end of which scope. A circle
// of such waits is a deadlock; the goroutine that would close it does not wait.
//
// Only goroutines that a scope owns can be part of a circle, as nobody waits
// for others; and inside handlers and cleanups nobody waits at all. An edge is
// entered, and looked for, under mu, and by then both scopes are cut, so that
// what runs in them only gets less: a circle cannot come about behind the back
// of the one who looks.
var waits struct {
	mu sync.Mutex        // guards the fields below
	on map[uint64]*Scope // by goroutine; nil when empty
}

// mayWait reports whether the caller may wait for the end of s, and if so notes
// that it does until done is called.
func (s *Scope) mayWait() (ok bool, done func()) {
	nothing := func() {}
	inCall, owned := goroutine.Where()
	if inCall {
		return false, nothing
	}
	if !owned {
		return true, nothing
	}
	gid := goroutine.ID()
	waits.mu.Lock()
	defer waits.mu.Unlock()
	if s.waitsFor(gid, make(map[*Scope]bool)) {
		return false, nothing
	}
	if waits.on == nil {
		waits.on = make(map[uint64]*Scope)
	}
	waits.on[gid] = s
	return true, func() {
		waits.mu.Lock()
		delete(waits.on, gid)
		if len(waits.on) == 0 {
			waits.on = nil
		}
		waits.mu.Unlock()
	}
}

// waitsFor reports whether the end of s waits for goroutine gid, by itself or
// by way of scopes that its goroutines wait for. waits.mu is held.
func (s *Scope) waitsFor(gid uint64, seen map[*Scope]bool) bool {
	if seen[s] {
		return false
	}
	seen[s] = true
	for _, id := range s.goroutines() {
		if id == gid {
			return true
		}
		if next := waits.on[id]; next != nil && next.waitsFor(gid, seen) {
			return true
		}
	}
	return false
}

// goroutines returns the ids of the goroutines of the subtree.
func (s *Scope) goroutines() (ids []uint64) {
	for _, p := range s.subtree(nil) {
		p.mu.Lock()
		if p.counts[Goroutine] > 0 {
			for n := p.last; n != nil; n = n.prev {
				if t, ok := n.m.(*Task); ok {
					ids = append(ids, t.gid.Load())
				}
			}
		}
		p.mu.Unlock()
	}
	return ids
}
