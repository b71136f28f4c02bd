package tether

import (
	"weak"

	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/scope"
)

// A remembered is an owner as the library may remember it: its state, and its handle
// weakly, so that it can still be found lost.
//
// A handle keeps those of its ancestors alive, but not the other way round. So when the
// handle of a child is garbage and its owner lives on, the root's handle may still be in
// somebody's hands. That one is remembered too: a handle made anew would be another
// owner to who compares them, and the collector would report the root as lost while it
// can be destroyed by way of the new one.
type remembered struct {
	scope        *scope.Scope
	handle, root weak.Pointer[Owner]
}

// remember is linear in the depth of o, by a step from parent to parent; it is for what
// is made once, a signal with [WhileActive].
func remember(o *Owner) remembered {
	root := o
	for root.parent != nil {
		root = root.parent
	}
	return remembered{o.scope, weak.Make(o), weak.Make(root)}
}

// Value returns a handle: the one that the user has, if it is not garbage.
func (r remembered) Value() *Owner {
	if o := r.handle.Value(); o != nil {
		return o
	}
	return handleOf(r.scope, r.root.Value())
}

// handleOf makes a handle for s and for each of its ancestors. root is the root's own,
// nil if that is garbage.
//
// NOTE: a root's handle that is made here is not watched by the collector, unlike that
// of NewOwner. Its owner was reported as lost when that one was found to be garbage, if
// there was anything to report; who gets to the root by way of its descendants may end
// it all the same, but is not told again.
func handleOf(s *scope.Scope, root *Owner) *Owner {
	o := &Owner{scope: s}
	for h := o; h.scope.Parent() != nil; h = h.parent {
		p := h.scope.Parent()
		if p.Parent() == nil && root != nil {
			h.parent = root
			break
		}
		h.parent = &Owner{scope: p}
	}
	return o
}

// made is what a supervisor is told where the PanicError was made before.
type made struct{ p *PanicError }

// The sub-packages look behind an Owner and an option by way of package handle.
func init() {
	handle.Scope = func(op string, owner any) *scope.Scope {
		o := owner.(*Owner)
		if o == nil || o.scope == nil {
			panic(op + " with nil Owner")
		}
		return o.scope
	}
	handle.Priority = func(option any) (int, bool) {
		p, ok := option.(priorityOption)
		return int(p), ok
	}
	handle.Report = func(s *scope.Scope, value any) error {
		p := newPanicError(s, value, nil)
		s.Report(made{p}, nil)
		return p
	}
	handle.Queue = func(option any) (any, bool) {
		o, ok := option.(queueOption)
		if !ok {
			return nil, false
		}
		return o.q, o.q.finish
	}
	handle.OnEnd = func(connection any, f func()) func() {
		return connection.(*Connection).conn.OnEnd(f)
	}
	handle.Stay = func(connection any) {
		if c, ok := connection.(*Connection).conn.Queued().(*queueConn); ok {
			c.stay()
		}
	}
	handle.LastWords = func(connection, f any) {
		if c, ok := connection.(*Connection).conn.Queued().(*queueConn); ok {
			c.box.(interface{ LastWords(f any) }).LastWords(f)
		}
	}
}
