// Package handle lets the sub-packages of tether look behind an Owner, a Connection and an
// option. Package tether sets its variables.
package handle

import (
	"github.com/seed-ec287111/tether/internal/connlist"
	"github.com/seed-ec287111/tether/internal/scope"
)

// Scope returns the state behind owner, which must be a *tether.Owner; verb is
// the caller's name, for the panic if it is nil.
var Scope func(verb string, owner any) *scope.Scope

// Conn returns what is behind connection, which must be a *tether.Connection.
var Conn func(connection any) *connlist.Conn

// Priority returns what option, a tether.ConnectOption, says of the priority, if
// anything.
var Priority func(option any) (p int, ok bool)

// Queued reports whether option, a tether.ConnectOption, is one of On.
var Queued func(option any) bool

// Report gives what a handler of s, called with fired, has panicked with to the supervisor
// of s, which there must be, and returns the *tether.PanicError that it got. It is called by
// a deferred function, while the panic is on the stack.
var Report func(s *scope.Scope, value, fired any) error
