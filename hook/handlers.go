package hook

import (
	"context"
	"errors"
	"reflect"
	"unsafe"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/connlist"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/visit"
)

// ErrNobody is the error of [Hook.First] if no handler has an answer.
var ErrNobody = errors.New("hook: nobody answered")

// ErrPass is what a handler of a [Hook] returns, wrapped or not, if it has no answer.
var ErrPass = errors.New("hook: pass")

// ErrClosed says that the owner of the hook is not alive.
var ErrClosed = errors.New("hook: closed")

// handlers is what Hook, Veto and Chain have in common.
type handlers struct {
	_    noCopy
	list connlist.List
}

// noCopy makes go vet's copylocks find copies.
type noCopy struct{}

func (*noCopy) Lock()   {}
func (*noCopy) Unlock() {}

// handle connects a handler. f is its word, see [visit.Word].
func (h *handlers) handle(op string, owner *tether.Owner, f unsafe.Pointer, opts []tether.ConnectOption, values reflect.Type) *tether.Connection {
	if h == nil {
		panic(op + " on a nil hook")
	}
	s := handle.Scope(op, owner)
	if f == nil {
		panic(op + " with nil function")
	}
	priority := priority(op, opts)
	if h.list.Head() == nil && !h.list.Named() {
		h.list.Name(values)
	}
	c := new(tether.Connection)
	h.list.Connect(handle.Conn(c), s, f, priority, false, nil)
	return c
}

func priority(op string, opts []tether.ConnectOption) (p int) {
	for _, opt := range opts {
		if opt == nil {
			panic(op + " with nil option")
		}
		if _, on := handle.Queued(opt); on {
			panic(op + " with On: an answer is due on the caller's goroutine, not later on a queue")
		}
		if q, ok := handle.Priority(opt); ok {
			p = q // the last one counts
		}
	}
	return p
}

// check panics if h or ctx is nil.
func (h *handlers) check(op string, ctx context.Context) {
	if h == nil {
		panic(op + " on a nil hook")
	}
	if ctx == nil {
		panic(op + " with nil context")
	}
}

// stopped returns the error of a call that must not call any handler, nil if it may.
func (h *handlers) stopped(ctx context.Context) error {
	if h.list.Closed() {
		return ErrClosed
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return nil
}

// over returns the error of a call that has come to the end of the list. If the list has
// closed, the call may have passed over some handlers for that.
func (h *handlers) over() error {
	if h.list.Closed() {
		return ErrClosed
	}
	return nil
}

// len returns the number of handlers that are connected.
func (h *handlers) len() int {
	if h == nil {
		panic("hook: Len of a nil hook")
	}
	return h.list.Len()
}

// bind makes the list close with owner.
func (h *handlers) bind(op string, owner *tether.Owner) { h.list.Bind(handle.Scope(op, owner)) }

// visit begins a visit of the handlers.
func (h *handlers) visit(ctx context.Context) visit.Visit { return visit.Begin(ctx, h.list.Walk()) }
