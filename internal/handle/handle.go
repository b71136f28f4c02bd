// Package handle lets the sub-packages of tether look behind an Owner, a Connection and an
// option. Package tether sets its variables.
package handle

import (
	"unsafe"

	"github.com/seed-ec287111/tether/internal/connlist"
	"github.com/seed-ec287111/tether/internal/scope"
)

// Scope returns the state behind owner, which must be a *tether.Owner. op is the caller's
// name, for the panic if owner is nil.
var Scope func(op string, owner any) *scope.Scope

// Conn returns what is behind connection, which must be a *tether.Connection.
var Conn func(connection any) *connlist.Conn

// Attribute notes that connection, a *tether.Connection, serves the user's function that
// starts at pc. It is for a connection to a function of the library's own.
var Attribute func(connection any, pc uintptr)

// Priority returns the priority that option, a tether.ConnectOption, says. ok is false if
// it says none.
var Priority func(option any) (p int, ok bool)

// Queued returns the number on the stack of a goroutine that handles for the queue that
// option, a tether.ConnectOption, says. ok is false if it says none.
var Queued func(option any) (number uint64, ok bool)

// A Queueing says what Enqueue connects.
type Queueing struct {
	List    *connlist.List
	Owner   any     // the *tether.Owner
	Options any     // the []tether.ConnectOption, one of them On
	PC      uintptr // of the user's function

	// Entry gets the function queue, which queues a value. in says whether the queue has let it
	// in, and counted, if not, whether the queue has counted it as dropped. Entry returns the word
	// for the list's entry.
	Entry func(queue func(v any) (in, counted bool)) unsafe.Pointer
	// Handle is called by the queue.
	Handle func(v any)
	// Once spends the connection on the first value.
	Once bool
	// Tell arranges for the Dropped method to be called of each value that was let in and
	// is not handled, with the queue locked. With Tell, Block holds no Fire: the value goes
	// over capacity.
	Tell bool
}

// A Dropper is a value for a Queueing with Tell.
type Dropper interface{ Dropped() }

// Enqueue connects a handler by way of a queue and returns the *tether.Connection.
var Enqueue func(Queueing) any

// Report gives value, which a handler of s has panicked with, to the supervisor of s, and
// returns the *tether.PanicError that the supervisor got. fired is what the handler was
// called with. s must have a supervisor. A deferred function calls Report while the panic
// is on the stack.
var Report func(s *scope.Scope, value, fired any) error

// List returns the connections of a signal, given a pointer to a tether.Signal of any type.
var List func(signal unsafe.Pointer) *connlist.List

// Remember returns a function that returns owner, a *tether.Owner. The function does not
// keep owner from being found lost.
var Remember func(owner any) func() any

// Queue returns the *tether.Queue that option, a tether.ConnectOption, puts a handler on,
// and whether that is a Finish queue. q is nil if option puts it on none.
var Queue func(option any) (q any, finish bool)

// OnEnd arranges for f to be called with no lock held when connection, a
// *tether.Connection, has ended and the value that spends it, if one does, has been
// delivered. If that has happened, OnEnd calls f now. forget takes f back. f must not be
// user code, and must not wait.
var OnEnd func(connection any, f func()) (forget func())

// Made returns a tether.ConnectOption that makes a signal call made with a connection
// before it calls the function of WhileActive. A panic of that function goes on to the
// caller of Connect, which by then has the connection and can end it. made must not be user
// code.
var Made func(made func(connection any)) any

// Stay is for a goroutine that has left a value of connection, a *tether.Connection, to
// another goroutine, which delivers it. If a full queue holds that other goroutine, Stay
// holds the caller too, until the queue lets go of the other.
var Stay func(connection any)

// LastWords is for a source that holds values back. connection is a *tether.Connection on a
// Finish queue, with values of type T. From now on, when the value of a Fire comes to the
// queue, the queue takes the one that next, a func() T, returns, and lets it in or counts
// it as dropped. So the value changes hands in one critical section.
//
// In the cut-off the queue lets in all that last, a func() []T, returns, and then nothing.
// A value that a Fire has under way by then must be among those, and is not counted as
// dropped. Both functions are called with locks held. They may take no lock that is held
// while anything of the library is called.
var LastWords func(connection, last, next any)
