package connlist

import (
	"unsafe"

	"github.com/seed-ec287111/tether/internal/scope"
	"github.com/seed-ec287111/tether/internal/yield"
)

// A Walk is a Fire taken apart, for users that call handlers of another kind than func(T),
// or stop early. It goes from handler to handler in the order of a Fire, and leaves the
// calls to its user. It guarantees what Fire guarantees, by the same steps. The snapshot is
// taken when the Walk begins. Next announces the owner of a handler, then looks whether the
// handler may be called, and returns with the announcement standing. The user calls the
// handler after Next and before the next Next or End. So the call is inside the
// announcement, and a teardown of the owner waits for it.
//
// A Walk lives on the stack of one goroutine, and is not copied once Next was called.
type Walk struct {
	cursor
	handler unsafe.Pointer
	at      *Conn

	// Of a walk over several lists, see WalkAll; else nil.
	rest []Place  // where it has left off in the others, a heap
	heap *[]Place // where rest is kept
}

// Walk begins a walk. Its user calls End in any case.
func (l *List) Walk() Walk {
	return Walk{cursor: cursor{list: l, block: l.Head(), limit: l.seq.Load()}}
}

// Next goes on to the next handler that may be called, and reports whether there is one. If
// that has another owner than the handler before, Next takes back the announcement of the
// owner before. A teardown that waits for nothing else completes here: cleanups may run,
// and panic.
func (w *Walk) Next() bool {
	for e := w.first(); e != nil; e = w.first() {
		if e.load() == nil || !w.announce(e) {
			w.pass(e)
			continue
		}
		yield.Point("walk: announced, look")
		handler := e.load() // NOTE: after the announcement
		if handler == nil {
			w.pass(e)
			continue
		}
		w.next++
		w.handler, w.at = handler, e.conn
		yield.Point("walk: call")
		return true
	}
	return false
}

// Fork returns a walk over what comes after the handler that w is at, in the one list that
// w walks, with the snapshot of w. The new walk makes its own announcements.
func (w *Walk) Fork() Walk {
	return Walk{cursor: cursor{list: w.list, block: w.block, next: w.next, limit: w.limit}}
}

// Owner returns the owner of the handler.
func (w *Walk) Owner() *scope.Scope { return w.at.owner }

// Quiet reports whether the handler is the library's own and runs without being announced.
func (w *Walk) Quiet() bool { return w.id == 0 }

// PC returns where the code of the user's handler starts. It is for connections that were
// made with Hooks.
func (w *Walk) PC() uintptr { return w.at.hooks.PC }

// Handler returns the word of the handler, which has the type of the user's choice.
func (w *Walk) Handler() unsafe.Pointer { return w.handler }

// End takes back what is announced, as Next does.
func (w *Walk) End() {
	w.endHeap()
	w.retract()
}

// PC returns where the code of the handler starts whose word is w.
func PC(w unsafe.Pointer) uintptr { return *(*uintptr)(w) } // a func value points to where its code's address is

// Closed reports whether the list has closed. It has closed before any of its connections
// is seen dead for that reason.
func (l *List) Closed() bool { return l.closed.Load() }
