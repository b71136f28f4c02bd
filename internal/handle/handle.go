// Package handle lets the sub-packages of tether look behind an Owner and an
// option.
package handle

import (
	"unsafe"

	"github.com/seed-ec287111/tether/internal/connlist"
	"github.com/seed-ec287111/tether/internal/scope"
)

// Scope returns the state behind owner, which must be a *tether.Owner; verb is
// the caller's name, for the panic if it is nil. Package tether sets it.
var Scope func(verb string, owner any) *scope.Scope

// Priority returns what option, a tether.ConnectOption, says of the priority, if
// anything. Package tether sets it.
var Priority func(option any) (p int, ok bool)

// List returns the connections of a signal, given a pointer to a tether.Signal of any
// type. Package tether sets it.
var List func(signal unsafe.Pointer) *connlist.List

// Remember returns what returns owner, a *tether.Owner, and does not keep it from being found
// lost. Package tether sets it.
var Remember func(owner any) func() any
