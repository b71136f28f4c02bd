package state

import (
	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/handle"
)

// NewComputedIn is [NewComputed] for a function that makes things which belong to its
// result: values, computed values, connections. What f makes under scope ends before f is
// called again, and with owner. If the value is computed inside a handler or another
// computing function, nothing may wait. Then what still runs under scope may go on for a
// while. The errors of what scope owns become part of those that Destroy of owner returns, but only
// those of the first few scopes.
//
// Cost: an owner for each call.
func NewComputedIn[T any](owner *tether.Owner, f func(use *Use, scope *tether.Owner) T, opts ...Option) *Computed[T] {
	handle.Scope("state: NewComputedIn", owner)
	if f == nil {
		panic("state: NewComputedIn with nil function")
	}
	parent := handle.Remember(owner)
	var scope *tether.Owner // of the last call
	call := func(use *Use) T {
		scope = passing(parent(), "computed")
		return f(use, scope)
	}
	return newComputed(owner, "NewComputedIn", f, func(use *Use) T {
		cleared := false
		defer func() {
			if !cleared { // the panic of a cleanup goes on when it is known what f uses
				call(use)
			}
		}()
		if scope != nil {
			_ = scope.Destroy() // its errors become part of the owner's
		}
		cleared = true
		return call(use)
	}, opts)
}

// passing returns a child of owner, for what a function makes and its next run ends. Nobody gets
// the errors of that Destroy, so they become part of those of owner's.
func passing(owner any, name string) *tether.Owner {
	o := owner.(*tether.Owner).NewChild(name)
	handle.Scope("state", o).TellParent()
	return o
}
