package tether

import (
	"unsafe"
	"weak"

	"github.com/seed-ec287111/tether/internal/connlist"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/scope"
)

// A remembered is an owner as the library may remember it: its state, and weakly its
// handle, so that the collector can still find the owner lost.
//
// A handle keeps the handles of its ancestors alive, but not the other way round. So when
// the handle of a child is garbage and its owner lives on, the program may still hold the
// root's handle. The root's handle is remembered too: a handle made anew would not compare
// equal to it, and the collector would report the root as lost although the program can
// destroy it by way of the new handle.
type remembered struct {
	scope        *scope.Scope
	handle, root weak.Pointer[Owner]
}

// remember is linear in the depth of o: it goes from parent to parent. It is for what is made
// once, a signal with [WhileActive].
func remember(o *Owner) remembered {
	root := o
	for root.parent != nil {
		root = root.parent
	}
	return remembered{o.scope, weak.Make(o), weak.Make(root)}
}

// Value returns a handle: the one that the program has, if it is not garbage.
func (r remembered) Value() *Owner {
	if o := r.handle.Value(); o != nil {
		return o
	}
	return handleOf(r.scope, r.root.Value())
}

// handleOf makes a handle for s and for each of its ancestors. root is the root's own
// handle, nil if that is garbage.
//
// NOTE: The collector does not watch a root's handle that is made here, unlike that of
// NewOwner. When the latter was found to be garbage, the owner was reported as lost, if
// there was anything to report. A program that gets to the root by way of its descendants
// may still end it, but gets no further report.
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

// made tells a supervisor that the PanicError exists already.
type made struct{ p *PanicError }

// The sub-packages look behind an Owner, a Connection and an option by way of package
// handle.
func init() {
	handle.Scope = func(op string, owner any) *scope.Scope {
		o := owner.(*Owner)
		if o == nil || o.scope == nil {
			panic(op + " with nil Owner")
		}
		return o.scope
	}
	handle.Conn = func(connection any) *connlist.Conn { return &connection.(*Connection).conn }
	handle.Attribute = func(connection any, pc uintptr) { connection.(*Connection).conn.Attribute(pc) }
	handle.Priority = func(option any) (int, bool) {
		p, ok := option.(priorityOption)
		return int(p), ok
	}
	handle.Queued = func(option any) (uint64, bool) {
		if o, ok := option.(queueOption); ok {
			return o.q.number, true
		}
		return 0, false
	}
	handle.Enqueue = func(h handle.Queueing) any { return enqueueAny(h) }
	handle.Report = func(s *scope.Scope, value, fired any) error {
		p := newPanicError(s, value, fired)
		s.Report(made{p}, fired)
		return p
	}
	handle.List = func(signal unsafe.Pointer) *connlist.List {
		return &(*Signal[struct{}])(signal).list // it is at the same offset whatever the values are
	}
	handle.Remember = func(owner any) func() any {
		r := remember(owner.(*Owner))
		return func() any { return r.Value() }
	}
	handle.Queue = func(option any) (any, bool) {
		o, ok := option.(queueOption)
		if !ok {
			return nil, false
		}
		return o.q, o.q.finish
	}
	handle.OnEnd = func(connection any, f func()) func() {
		return connection.(*Connection).conn.AfterEnd(f)
	}
	handle.Made = func(made func(connection any)) any {
		return madeOption(func(c *Connection) { made(c) })
	}
	handle.Stay = func(connection any) {
		if c, ok := connection.(*Connection).conn.Queued().(*queueConn); ok {
			c.stay()
		}
	}
	handle.LastWords = func(connection, last, next any) {
		if c, ok := connection.(*Connection).conn.Queued().(*queueConn); ok {
			c.box.(interface{ LastWords(last, next any) }).LastWords(last, next)
		}
	}
}
