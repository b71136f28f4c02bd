package state

import (
	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/handle"
)

// NewComputedIn is [NewComputed] for a function that makes something which belongs to its
// result: values, computed values, connections. What it makes under scope ends when it is
// computed again, before f is called, and with owner. As nothing waits where a value is computed inside of
// a handler or another computing function, what runs of it then may go on for a while.
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
			_ = scope.Destroy() // its closers' errors have nobody to go to
		}
		scope = parent().(*tether.Owner).NewChild("computed")
		return f(use, scope)
	}, opts)
}
