package state

import (
	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/handle"
)

// NewComputedIn is [NewComputed] for a function that makes things which belong to its
// result: values, computed values, connections. What f makes under scope ends before f is
// called again, and with owner. If the value is computed inside a handler or another
// computing function, nothing may wait. Then what still runs under scope may go on for a
// while.
//
// Cost: an owner for each call.
func NewComputedIn[T any](owner *tether.Owner, f func(use *Use, scope *tether.Owner) T, opts ...Option) *Computed[T] {
	handle.Scope("state: NewComputedIn", owner)
	if f == nil {
		panic("state: NewComputedIn with nil function")
	}
	parent := handle.Remember(owner)
	var scope *tether.Owner // of the last call
	return newComputed(owner, "NewComputedIn", f, func(use *Use) T {
		if scope != nil {
			_ = scope.Destroy() // nobody can get the errors of its closers
		}
		scope = parent().(*tether.Owner).NewChild("computed")
		return f(use, scope)
	}, opts)
}
