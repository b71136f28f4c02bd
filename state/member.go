package state

import (
	"reflect"
	"sync/atomic"
	"unsafe"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/inflight"
	"github.com/seed-ec287111/tether/internal/scope"
	"github.com/seed-ec287111/tether/internal/yield"
)

// A node is a member of its owner, as a connection is. So Destroy waits for its function.
// From the cut-off on the function is not called, and is garbage.

// begin makes n the node of f, a function of any type, which belongs to owner.
func (n *node) begin(owner *scope.Scope, f any, word unsafe.Pointer, call goroutine.Function) {
	n.node = n
	n.owner, n.call = owner, call
	n.pc = reflect.ValueOf(f).Pointer()
	n.color = dirty
	n.look()
	n.use.node, n.run = n, &n.use
	n.use.list = n.room[:0] // of the first run; then it is deps
	atomic.StorePointer(&n.fn, word)
	if !owner.Attach(&n.entry, n, func() bool { owner.PresenceID(); return true }) {
		atomic.StorePointer(&n.fn, nil)
		n.freeze()
	}
}

// funcWord returns the func value f as the one pointer that it is.
func funcWord[F any](f F) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&f)) }

// function returns the user's function, nil if the owner is dead.
func function[F any](n *node) (f F) {
	word := atomic.LoadPointer(&n.fn)
	return *(*F)(unsafe.Pointer(&word))
}

// Kind makes a node a member of its owner.
func (n *node) Kind() scope.Kind { return scope.Connection }

// Cut makes a node a member of its owner.
func (n *node) Cut(co *scope.Cutoff) {
	co.Remove(n.owner, &n.entry)
	atomic.StorePointer(&n.fn, nil)
	co.After(n.freeze)
}

// Describe makes a node a [scope.Describer].
func (n *node) Describe() scope.Detail { return scope.Detail{PC: n.pc} }

// An announced is the owner whose functions a goroutine calls at the moment. It stays
// announced between two calls, so that a call for the same owner costs nothing. The order
// is what package inflight asks for: announce the owner, then load fn.
//
// If a function's Use calls another function, the owner of the first is announced as long
// as that one runs. The second borrows the announcement, and does not retract it.
type announced struct {
	owner    *scope.Scope // nil: none
	slot     *inflight.Slot
	borrowed bool
}

// change announces to in place of the owner before, and reports whether to is alive. No lock
// is held, because the teardown of the owner before may complete here, if a holds.
func (a *announced) change(to *scope.Scope) bool {
	a.leave()
	yield.Point("state: left, enter")
	slot, ok := to.Announce(unsafe.Pointer(a))
	if ok {
		a.owner, a.slot, a.borrowed = to, slot, false
	}
	return ok
}

// holds reports whether leave may complete a teardown.
func (a *announced) holds() bool { return a.owner != nil && !a.borrowed }

func (a *announced) leave() {
	if owner := a.owner; owner != nil {
		a.owner = nil
		if !a.borrowed {
			owner.Retract(a.slot)
		}
	}
}

// leaveLocked is leave for a caller that holds books. It frees books meanwhile.
func (a *announced) leaveLocked() {
	if a.holds() {
		books.mu.Unlock()
		a.leave()
		yield.Point("state: left, lock")
		books.mu.Lock()
	}
}
