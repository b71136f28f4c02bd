// Package handle lets the sub-packages of tether look behind an Owner, a Connection and an
// option. Package tether sets its variables.
package handle

import (
	"unsafe"

	"github.com/seed-ec287111/tether/internal/connlist"
	"github.com/seed-ec287111/tether/internal/scope"
)

// Scope returns the state behind owner, which must be a *tether.Owner; op is
// the caller's name, for the panic if it is nil.
var Scope func(op string, owner any) *scope.Scope

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

	// Entry is given the function that queues a value, and reports whether that was let in, or
	// if not, whether it was counted as dropped. It returns the word of what the list is to have
	// in its entry.
	Entry func(queue func(v any) (in, counted bool)) unsafe.Pointer
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

// Queue returns the *tether.Queue that option, a tether.ConnectOption, puts a handler on, and
// whether it is a Finish queue; nil if it does no such thing.
var Queue func(option any) (q any, finish bool)

// OnEnd arranges for f to be called when connection, a *tether.Connection, has ended and the
// value that spends it, if one does, has been delivered, with no
// lock held, or calls it now if that has happened; forget takes that back. f must not be
// user code, and must not wait.
var OnEnd func(connection any, f func()) (forget func())

// Made returns a tether.ConnectOption by which a signal tells of a connection before it calls
// the function of WhileActive, whose panic would go on to who connects: so that one can end
// the connection. made must not be user code.
var Made func(made func(connection any)) any

// Stay is for who has left a value of connection, a *tether.Connection, to another
// goroutine that delivers. If that one is held by a full queue, Stay holds the caller
// too, until that one is let go of.
var Stay func(connection any)

// LastWords is for a source that holds values back. connection is a *tether.Connection on a
// Finish queue, with values of type T. From now on the value of a Fire that comes to the
// queue, which lets it in or counts it as dropped, is the one that next, a func() T, returns;
// so it changes hands in one critical section.
// In the cut-off the queue lets in all that last, a func() []T, returns, and then nothing: a
// value that a Fire has under way by then must be among those, and is not counted as dropped.
// Both are called with locks held, and may take none that is held while anything of the
// library is called.
var LastWords func(connection, last, next any)
