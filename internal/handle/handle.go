// Package handle lets the sub-packages of tether look behind an Owner, a Connection and an
// option. Package tether sets its variables.
package handle

import (
	"unsafe"

	"github.com/seed-ec287111/tether/internal/connlist"
	"github.com/seed-ec287111/tether/internal/scope"
)

// Scope returns the state behind owner, which must be a *tether.Owner; verb is
// the caller's name, for the panic if it is nil.
var Scope func(verb string, owner any) *scope.Scope

// Conn returns what is behind connection, which must be a *tether.Connection.
var Conn func(connection any) *connlist.Conn

// Attribute notes that connection, a *tether.Connection, serves the user's function which
// starts at pc, where the library has connected one of its own.
var Attribute func(connection any, pc uintptr)

// Priority returns what option, a tether.ConnectOption, says of the priority, if
// anything.
var Priority func(option any) (p int, ok bool)

// Queued returns the number on the stack of a goroutine that handles for the queue that
// option, a tether.ConnectOption, says; ok is false if it does not say one.
var Queued func(option any) (number uint64, ok bool)

// A Queueing says what Enqueue is to connect.
type Queueing struct {
	List    *connlist.List
	Owner   any     // the *tether.Owner
	Options any     // the []tether.ConnectOption, one of them On
	PC      uintptr // of the user's function

	// Entry is given the function that queues a value, and reports whether that was let in,
	// and returns the word of what the list is to have in its entry.
	Entry func(queue func(v any) bool) unsafe.Pointer
	// Handle is called by the queue.
	Handle func(v any)
	// Once spends the connection on the first value.
	Once bool
	// Tell has the Dropped method of each value called that was let in and is not handled,
	// with the queue locked; and firers are not held by Block, but go over capacity.
	Tell bool
}

// A Dropper is a value that is told.
type Dropper interface{ Dropped() }

// Enqueue connects a handler by way of a queue and returns the *tether.Connection.
var Enqueue func(Queueing) any

// Report gives what a handler of s, called with fired, has panicked with to the supervisor
// of s, which there must be, and returns the *tether.PanicError that it got. It is called by
// a deferred function, while the panic is on the stack.
var Report func(s *scope.Scope, value, fired any) error

// List returns the connections of a signal, given a pointer to a tether.Signal of any
// type. Package tether sets it.
var List func(signal unsafe.Pointer) *connlist.List

// Remember returns what returns owner, a *tether.Owner, and does not keep it from being found
// lost. Package tether sets it.
var Remember func(owner any) func() any
