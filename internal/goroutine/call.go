package goroutine

import (
	"context"
	"io"
	"iter"
	"maps"
	"reflect"
	"runtime"
	"sync"
	"sync/atomic"
)

// A Where is a set of answers to the question what a goroutine is in the middle of.
type Where uint8

const (
	InHandler   Where = 1 << iota // of a signal or queue
	InCallback                    // a timer function, an interrupt, a function of WhileActive
	InCleanup                     // or a closer
	InGoroutine                   // one that an owner has started, or the function of Run
	InCoroutine                   // an iterator that is pulled: what its puller is in can't be seen
)

// MustNotWait reports whether the caller is inside a call that the library made to a
// handler or another function of the user's, or may be: whoever waits for another
// goroutine there may be waiting for itself.
func MustNotWait() bool {
	return within(InHandler | InCallback | InCleanup | InCoroutine)
}

// InsideCleanup reports whether the caller is inside a cleanup or closer.
func InsideCleanup() bool { return within(InCleanup) }

// InsideOwned reports whether the caller's goroutine is one that an owner has started.
func InsideOwned() bool { return within(InGoroutine) }

func within(want Where) (yes bool) {
	known := functions()
	walk(func(entry uintptr) bool {
		yes = known[entry]&want != 0
		return !yes
	})
	return yes
}

// All user code but the handlers of a signal, which are called by package connlist, is
// called by one of the following. They must have frames of their own, to be found.

// Callback calls a timer function, an interrupt or a function of WhileActive.
//
//go:noinline
func Callback(f func()) { f() }

// Cleanup calls a cleanup.
//
//go:noinline
func Cleanup(f func()) { f() }

// Close closes what an owner owns.
//
//go:noinline
func Close(c io.Closer) error { return c.Close() }

// Body calls the function of an owned goroutine.
//
//go:noinline
func Body(ctx context.Context, f func(context.Context)) { f(ctx) }

// A Runner is a queue that calls its handlers.
type Runner interface{ Run() }

// Handle lets the queue with the given number call its handlers. The number, which is
// not 0, stands on the stack meanwhile, for [Handling]: each frame of one of the
// functions digit0 to digit15 is one of its digits. This gives a goroutine an
// identity, for a nanosecond or two a digit, without asking the runtime for one, which
// takes 2 us: far more than all else that a queue does for a value.
//
//go:noinline
func Handle(number uint64, r Runner) { spell(number, r) }

// Handling reports whether the caller is inside a handler of the queue with that number,
// and if not, whether its goroutine is one that an owner has started.
func Handling(number uint64) (yes, owned bool) {
	digits.once.Do(makeDigits)
	values, handle, known := digits.values, digits.handle, functions()
	var n uint64
	walk(func(entry uintptr) bool {
		if entry == handle {
			yes = yes || n == number
			n = 0
		} else if d, ok := values[entry]; ok {
			n = n<<4 | d // the innermost digit is the highest
		} else if known[entry]&InGoroutine != 0 {
			owned = true
		}
		return !yes
	})
	return yes, owned
}

func spell(n uint64, r Runner) {
	if n == 0 {
		r.Run()
		return
	}
	digitFuncs(n&15)(n>>4, r)
}

// marked has the functions that have user code called, by the address of their first
// instruction. It is written by copying.
var marked struct {
	mu   sync.Mutex // for writers
	made atomic.Pointer[map[uintptr]Where]
}

func functions() map[uintptr]Where {
	if m := marked.made.Load(); m != nil {
		return *m
	}
	return mark(0, 0)
}

// mark adds the function at entry to those marked; 0 adds nothing.
func mark(entry uintptr, w Where) map[uintptr]Where {
	coroutine := coroutineEntry() // before the lock is taken, as it switches goroutines
	marked.mu.Lock()
	defer marked.mu.Unlock()
	m := map[uintptr]Where{
		funcPC(Callback): InCallback,
		funcPC(Cleanup):  InCleanup,
		funcPC(Close):    InCleanup,
		funcPC(Body):     InGoroutine,
		funcPC(Handle):   InHandler,
		coroutine:        InCoroutine,
	}
	if old := marked.made.Load(); old != nil {
		maps.Copy(m, *old)
	}
	if entry != 0 {
		m[entry] = w
	}
	marked.made.Store(&m)
	return m
}

// MarkCallersCaller marks the function that has called the caller, a handler, as one that
// calls handlers. A generic function has an address for each of its instances, and the
// only way to learn it is to be called by it.
func MarkCallersCaller() {
	var pc [1]uintptr
	if runtime.Callers(3, pc[:]) == 1 {
		mark(entryOf(pc[0]), InHandler)
	}
}

// coroutineEntry returns the function at the bottom of the stack of an iterator that is
// pulled, by iter.Pull. It is the runtime's own, so it is found by looking.
func coroutineEntry() (entry uintptr) {
	next, stop := iter.Pull(func(yield func(struct{}) bool) {
		var before uintptr
		walk(func(e uintptr) bool {
			entry, before = before, e // the last one is where every goroutine ends
			return true
		})
	})
	defer stop()
	next()
	return entry
}

func funcPC(f any) uintptr { return reflect.ValueOf(f).Pointer() }
