// Package handle lets the sub-packages of tether look behind an Owner and an
// option.
package handle

import "github.com/seed-ec287111/tether/internal/scope"

// Scope returns the state behind owner, which must be a *tether.Owner; verb is
// the caller's name, for the panic if it is nil. Package tether sets it.
var Scope func(verb string, owner any) *scope.Scope

// Priority returns what option, a tether.ConnectOption, says of the priority, if
// anything. Package tether sets it.
var Priority func(option any) (p int, ok bool)

// Report gives what a handler of s has panicked with to the supervisor of s, which there
// must be, and returns the *tether.PanicError that it got. It is called by a deferred
// function, while the panic is on the stack.
var Report func(s *scope.Scope, value any) error

// Queue returns the *tether.Queue that option, a tether.ConnectOption, puts a handler on, and
// whether it is a Finish queue; nil if it does no such thing. Package tether sets it.
var Queue func(option any) (q any, finish bool)

// OnEnd arranges for f to be called when connection, a *tether.Connection, ends, with no
// lock held, or calls it now if that has happened; forget takes that back. f must not be
// user code, and must not wait. Package tether sets it.
var OnEnd func(connection any, f func()) (forget func())

// Stay is for who has left a value of connection, a *tether.Connection, to another
// goroutine that delivers. If that one is held by a full queue, Stay holds the caller
// too, until that one is let go of. Package tether sets it.
var Stay func(connection any)

// LastWords is for a source that holds values back. connection is a *tether.Connection on a
// Finish queue, that of a signal of a type T: f, a func() []T, is asked for what is held when
// the queue is about to take nothing more in, at the cut-off of the owner of the connection
// or of the queue. It is called with locks held and may take none that is held while anything
// of the library is called. Package tether sets it.
var LastWords func(connection, f any)
