package connlist

import (
	"sync/atomic"
	"unsafe"

	"github.com/seed-ec287111/tether/internal/scope"
	"github.com/seed-ec287111/tether/internal/yield"
)

// A Conn is one connection. The zero Conn is dead.
type Conn struct {
	node  scope.Node // in the owner's list, guarded by the owner's mutex
	owner *scope.Scope
	list  *List
	seq   uint64 // its number

	// Guarded by list.mu.
	block *Block // nil once dead
	index int32
	state atomic.Uint32 // written with list.mu held, pending with the owner's mutex
	hooks *Hooks        // nil for most
}

// The states of a Conn.
const (
	dead uint32 = iota
	live
	pending // dead, but its owner and list keep it until Release, see Spend
)

// Word returns the single pointer that a func value is.
func Word[T any](f func(T)) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&f)) }

// Call calls the handler whose word is w. It compiles to a plain indirect call.
func Call[T any](w unsafe.Pointer, v T) { (*(*func(T))(unsafe.Pointer(&w)))(v) }

// end ends c in the list's book. The caller then clears the owner's book, and calls done
// with no lock held.
func (c *Conn) end() (done func(), ok bool) {
	l := c.list
	l.mu.Lock()
	defer l.mu.Unlock()
	last, ok := l.removeLocked(c)
	if !ok {
		return nil, false
	}
	if last == nil && (c.hooks == nil || c.hooks.Ended == nil && c.hooks.ends == nil) {
		return nil, true
	}
	return func() {
		defer c.callHooks() // also if a method of a context panics in last
		last.end()
	}, true
}

// Disconnect ends c and reports whether this call did it. When it returns, no
// Fire that begins later calls the handler, and both books have forgotten c.
func (c *Conn) Disconnect() bool {
	if c.list == nil {
		return false
	}
	done, ok := c.end()
	if !ok {
		return false
	}
	yield.Point("disconnect: ended")
	c.owner.Detach(&c.node)
	call(done)
	return true
}

// Attribute notes that the user's handler starts at pc, if c calls another function: one
// that the library, or a Source of the user's own, has put around it.
func (c *Conn) Attribute(pc uintptr) {
	if c.list == nil || c.Describe().PC == pc {
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
	c.hooks.PC = pc
}

// Queued returns what c's queue knows of it, nil if it is on none, or has ended.
func (c *Conn) Queued() any {
	if c.list == nil {
		return nil
	}
	c.list.mu.Lock()
	defer c.list.mu.Unlock()
	if c.hooks == nil {
		return nil
	}
	return c.hooks.Queued
}

// Live reports whether c has not ended.
func (c *Conn) Live() bool { return c.state.Load() == live }

// Owner returns the scope that c belongs to.
func (c *Conn) Owner() *scope.Scope { return c.owner }

// Kind makes a Conn a member of its owner.
func (c *Conn) Kind() scope.Kind {
	if c.state.Load() == pending {
		return scope.Resource
	}
	return scope.Connection
}

// Cut makes a Conn a member of its owner.
func (c *Conn) Cut(co *scope.Cutoff) {
	co.Remove(c.owner, &c.node)
	done, ok := c.end()
	if !ok && c.hooks != nil {
		done = c.callHooks // c was spent, or a goroutine is about to call the hooks
	}
	if done != nil {
		co.After(done)
	}
}
