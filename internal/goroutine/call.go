package goroutine

import (
	"context"
	"io"
	"iter"
	"maps"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
)

// A Where is a set of answers to the question what a goroutine is in the middle of.
type Where uint8

const (
	InHandler   Where = 1 << iota // of a signal, a queue or another of the library's things
	InCallback                    // a timer function, or one of WhileActive
	InCleanup                     // a cleanup, a closer or an interrupt: what a teardown calls
	InCoroutine                   // an iterator that is pulled: what its puller is in can't be seen
	InComputing                   // a computing function, which may not set what others depend on
	InEffect                      // the function of an effect
	inPanic                       // a deferred function that a panic calls: what it is in may be over
)

// MustNotWait reports whether the caller is, or may be, inside a call that the library made
// to a handler or to another function of the user's. A goroutine that waits for another one
// there may be waiting for itself.
func MustNotWait() bool {
	return within(InHandler | InCallback | InCleanup | InCoroutine)
}

// InsideCleanup reports whether the caller is inside something that a teardown calls.
func InsideCleanup() bool { return within(InCleanup) }

// MustNotWaitOutside is MustNotWait for what is outside the number, which is on the
// caller's stack. Inside the number a panic may have left frames.
func MustNotWaitOutside(number uint64) (yes bool) {
	known := functions()
	var r reader
	outside := false
	walk(func(entry uintptr) bool {
		if outside {
			yes = known.at(entry)&(InHandler|InCallback|InCleanup|InCoroutine) != 0
			return !yes
		}
		n, ok := r.read(entry)
		outside = ok && n == number
		return true
	})
	return yes
}

// InsideEffect reports whether the caller is inside the function of an effect.
func InsideEffect() bool { return within(InEffect) }

// Computing reports whether a computing function is the innermost of the user's functions
// that the library has called on this stack. It is not, for example, in a handler that a
// Get in a computing function has led to, nor in an effect.
func Computing() bool {
	var inner Where
	known := functions()
	walk(func(entry uintptr) bool {
		inner = known.at(entry) &^ inPanic
		return inner == 0
	})
	return inner&InComputing != 0
}

// Computations returns how many computing functions the caller is inside of. In a deferred
// function that a panic calls, it counts none outside of that function, because those that
// the panic goes through are over.
func Computations() (n int) {
	known := functions()
	walk(func(entry uintptr) bool {
		w := known.at(entry)
		if w&InComputing != 0 {
			n++
		}
		return w&inPanic == 0
	})
	return n
}

func within(want Where) (yes bool) {
	known := functions()
	walk(func(entry uintptr) bool {
		yes = known.at(entry)&want != 0
		return !yes
	})
	return yes
}

// The following functions call all user code, except the handlers of a signal, which
// package connlist calls. Each must have a frame of its own, to be found.

// Handler calls a handler that answers, see packages visit and keyed. f is the library's
// own and calls the handler. So the handler can have any arguments, and nothing escapes.
//
//go:noinline
func Handler(f func()) { f() }

// Callback calls a timer function or one of WhileActive.
//
//go:noinline
func Callback(f func()) { f() }

// Cleanup calls a cleanup or an interrupt.
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

// Handle lets a queue call its handlers, with its number on the stack.
//
//go:noinline
func Handle(number uint64, r Runner) { Spell(number, r) }

// A Function is what package state calls.
type Function interface{ Call() }

// Compute calls a computing function.
//
//go:noinline
func Compute(f Function) { f.Call() }

// Effect calls the function of an effect.
//
//go:noinline
func Effect(f Function) { f.Call() }

// Holding reports whether the number is on the caller's stack, and if not, whether others
// are: only then can the goroutine be one that an owner has started.
func Holding(number uint64) (yes, others bool) {
	numbers(func(n uint64) bool {
		yes = n == number
		others = others || n != 0
		return !yes
	})
	return yes, others
}

// marked has the functions that call user code. A writer puts a copy in place of it.
var marked struct {
	mu   sync.Mutex // for writers
	made atomic.Pointer[marks]
}

// marks are functions that call user code.
type marks struct {
	entries map[uintptr]Where // by the address of their first instruction
	generic map[string]Where  // by name, if they are instances of a generic function
}

// at returns what is known of the function at entry. A generic function has more instances than
// were marked: one that generic code calls may have an address of its own even for a type that
// another one was marked for. All instances have the same name.
func (m *marks) at(entry uintptr) Where {
	if w, ok := m.entries[entry]; ok {
		return w
	}
	return m.generic[genericName(entry)]
}

// genericName returns the name of the function at entry if that is an instance of a generic
// function, else "".
func genericName(entry uintptr) string {
	if f := runtime.FuncForPC(entry); f != nil {
		if name := f.Name(); strings.HasSuffix(name, "[...]") {
			return name
		}
	}
	return ""
}

func functions() *marks {
	if m := marked.made.Load(); m != nil {
		return m
	}
	return mark(0, 0)
}

// mark adds the function at entry to those marked; 0 adds nothing.
func mark(entry uintptr, w Where) *marks {
	coroutine, panicking := coroutineEntry(), panicEntry() // before the lock is taken, because the first switches goroutines
	marked.mu.Lock()
	defer marked.mu.Unlock()
	m := &marks{generic: map[string]Where{}, entries: map[uintptr]Where{
		funcPC(Handler):  InHandler,
		funcPC(Callback): InCallback,
		funcPC(Cleanup):  InCleanup,
		funcPC(Close):    InCleanup,
		funcPC(Handle):   InHandler,
		funcPC(Compute):  InHandler | InComputing,
		funcPC(Effect):   InHandler | InEffect,
		coroutine:        InCoroutine,
		panicking:        inPanic,
	}}
	if old := marked.made.Load(); old != nil {
		maps.Copy(m.entries, old.entries)
		maps.Copy(m.generic, old.generic)
	}
	if entry != 0 {
		m.entries[entry] = w
		if name := genericName(entry); name != "" {
			m.generic[name] = w
		}
	}
	marked.made.Store(m)
	return m
}

// MarkCallersCaller is called by a handler. It marks the function that has called the
// handler as one that calls handlers. A generic function has an address for each of its
// instances, and only a function that it calls can learn the address. The other instances are
// known by the name, except in a build that has no names.
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

// panicEntry returns the function of the runtime that calls deferred functions when something
// panics.
func panicEntry() (entry uintptr) {
	defer func() {
		var pc [1]uintptr
		if recover() != nil && runtime.Callers(2, pc[:]) == 1 {
			entry = entryOf(pc[0])
		}
	}()
	panic("goroutine: to see who calls the deferred function")
}

func funcPC(f any) uintptr { return reflect.ValueOf(f).Pointer() }
