package weakref

import (
	"runtime"
	"sync/atomic"
	"time"
	"weak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/check"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/scope"
	"github.com/seed-ec287111/tether/internal/undo"
)

// Connect arranges for method to be called, on target, with every value of src. The
// connection ends with owner, by itself as any other, or when target is collected. It keeps
// target alive only during a call. A value that comes when target has been collected calls
// nothing, and is not counted.
//
// method must not capture the target, or the target is never collected. A method expression
// such as (*Sprite).Move is right. The method value sprite.Move is wrong. opts are those of
// src.Connect. Cost: about two microseconds more than src.Connect. Connect panics if owner,
// src, target or method is nil, a typed nil source included. If src.Connect panics, so does
// Connect, and leaves no connection.
func Connect[T, L any](owner *tether.Owner, src tether.Source[T], target *L, method func(*L, T), opts ...tether.ConnectOption) *tether.Connection {
	handle.Scope("weakref: Connect", owner)
	switch {
	case check.Nil(src):
		panic("weakref: Connect with nil Source")
	case target == nil:
		panic("weakref: Connect with nil target")
	case method == nil:
		panic("weakref: Connect with nil method")
	}
	w := weak.Make(target)
	h := new(hook)
	c := undo.Connect(owner, src, func(v T) {
		if l := w.Value(); l != nil {
			method(l, v)
		} else if c := h.conn.Load(); c != nil {
			c.Disconnect()
		}
	}, opts...)
	if c == nil {
		panic("weakref: Connect of a Source returned nil")
	}
	if c.Connected() {
		handle.Attribute(c, scope.PC(method))
		h.conn.Store(c)
		remember(w, target, h, c)
	}
	runtime.KeepAlive(h)
	runtime.KeepAlive(target)
	return c
}

// A hook shows when a connection has ended. Only the handler's closure holds it, and the
// closure is garbage when the connection has ended, in whatever way. So the collector finds
// the end of a connection as it finds the end of a target. A hook has a pointer, because the
// runtime puts small objects without pointers together.
type hook struct {
	conn atomic.Pointer[tether.Connection]
}

// targets has the connections of each living target. So a target has one cleanup, however
// many connections come and go. The keys are weak pointers.
//
// It holds connections weakly. While a connection lives, its signal holds it. A strong
// pointer would keep the state of the connection's owner, and so perhaps the handle of a
// lost owner.
var targets = table[any, *links]{entries: map[any]*entry[any, *links]{}, gone: disconnect}

// links are the connections of one target, guarded by the mutex of targets.
type links struct {
	last  uint64 // number of the last connection
	conns map[uint64]weak.Pointer[tether.Connection]
}

// A link is one connection in targets.
type link struct {
	entry *entry[any, *links]
	n     uint64
}

// remember arranges for c to be disconnected when target is collected, and forgotten when h
// is collected.
func remember[L any](w weak.Pointer[L], target *L, h *hook, c *tether.Connection) {
	if bubbled() {
		return // the connection ends at the next value
	}
	conn := weak.Make(c)
	targets.mu.Lock()
	defer targets.mu.Unlock()
	e := targets.entries[w]
	if e == nil {
		e = watch(&targets, any(w), &links{conns: make(map[uint64]weak.Pointer[tether.Connection])}, target)
	}
	e.value.last++
	e.value.conns[e.value.last] = conn
	runtime.AddCleanup(h, forget, link{e, e.value.last})
}

// forget removes a connection that has ended from targets, and the target with its last
// connection. The runtime calls it.
func forget(l link) {
	t := l.entry.table
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(l.entry.value.conns, l.n)
	if len(l.entry.value.conns) == 0 && t.entries[l.entry.key] == l.entry {
		t.deleteLocked(l.entry.key)
	}
}

// disconnect ends the connections of a target that was collected. It is called on the
// runtime's goroutine. Disconnect never waits and runs no user code.
func disconnect(e *entry[any, *links]) {
	e.table.mu.Lock()
	conns := make([]weak.Pointer[tether.Connection], 0, len(e.value.conns))
	for _, w := range e.value.conns {
		conns = append(conns, w)
	}
	e.table.mu.Unlock()
	for _, w := range conns {
		if c := w.Value(); c != nil {
			c.Disconnect()
		}
	}
}

// bubbled reports whether the caller is in a testing/synctest bubble. The runtime's goroutine
// is outside. If it ended a connection of the bubble, it could wake a Fire that a full queue
// holds in the bubble, which is fatal.
//
// bubbled goes by the clock: in a bubble it has no monotonic reading, and starts in the year
// 2000. If that ever changes, a test tells. (A goroutine's stack says it as well, for 6 us
// instead of 50 ns.) If only the machine's clock is wrong, connections end at the next value.
func bubbled() bool {
	now := time.Now()
	noReading := now == now.Round(0) //nolint:staticcheck // Equal ignores what this asks for
	return noReading || now.Unix() < 1_600_000_000
}
