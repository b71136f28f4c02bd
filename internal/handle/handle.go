// Package handle lets the sub-packages of tether look behind an Owner and an
// option.
package handle

import "github.com/seed-ec287111/tether/internal/scope"

// Scope returns the state behind owner, which must be a *tether.Owner; verb is
// the caller's name, for the panic if it is nil. Package tether sets it.
var Scope func(verb string, owner any) *scope.Scope

// Attribute notes that connection, a *tether.Connection, serves the user's function which
// starts at pc, where the library has connected one of its own. Package tether sets it.
var Attribute func(connection any, pc uintptr)

// Priority returns what option, a tether.ConnectOption, says of the priority, if
// anything. Package tether sets it.
var Priority func(option any) (p int, ok bool)

// Report gives what a handler of s has panicked with to the supervisor of s, which there
// must be, and returns the *tether.PanicError that it got. It is called by a deferred
// function, while the panic is on the stack.
var Report func(s *scope.Scope, value any) error
