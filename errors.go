package tether

import (
	"context"
	"fmt"
	"runtime/debug"
	"strings"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/scope"
)

// ErrPending says that the end of an owner has begun, but was not complete when the call
// returned. It completes without further calls. [Queue.Flush] returns ErrPending where it
// must not wait.
var ErrPending = scope.ErrPending

// ErrDestroyed is the error that [Wait] returns when its signal or connection ends. It is
// also the cause of the context of an owner that ended without another cause.
var ErrDestroyed = scope.ErrDestroyed

// A PendingError says what a teardown still waits for. [errors.Is] takes it for
// [ErrPending]. It unwraps to the cause of the context that ended the wait.
type PendingError struct {
	Running []Running

	cause error
}

// Running is one thing that keeps a teardown from completing.
type Running struct {
	Owner string // path, as by [Owner.String]
	Kind  string // "handler", "queue", "goroutine", "timer", "cleanup" or "interrupt"
	Func  string // with file and line; "unknown" if that can't be determined
}

// giveUp says what kept s from ending before ctx ended, and drops what queues have pending
// in s.
func giveUp(ctx context.Context, s *scope.Scope) *PendingError {
	e := &PendingError{cause: context.Cause(ctx)}
	for _, c := range s.Running() {
		e.Running = append(e.Running, Running(c))
	}
	s.GiveUp()
	return e
}

// Error says what the teardown waits for, by kind, function and owner, and the cause.
func (e *PendingError) Error() string {
	var b strings.Builder
	b.WriteString(ErrPending.Error())
	if e.cause != nil {
		fmt.Fprintf(&b, ": %v", e.cause)
	}
	for i, r := range e.Running {
		sep := ", "
		if i == 0 {
			sep = ": waiting for "
		}
		fmt.Fprintf(&b, "%s%s %s of %s", sep, r.Kind, r.Func, r.Owner)
	}
	return b.String()
}

// Is reports whether target is [ErrPending].
func (e *PendingError) Is(target error) bool { return target == ErrPending }

// Unwrap returns the cause of the context that ended the wait.
func (e *PendingError) Unwrap() error { return e.cause }

// A PanicError is a panic that was given to an owner's panic handler, see [WithPanicHandler].
type PanicError struct {
	Value any    // what panic was called with
	Stack []byte // of the goroutine that panicked, as by [debug.Stack]
	Owner string // path of the owner whose function panicked, as by [Owner.String]
	Func  string // the handler or other function given to the owner, and where it stood

	// Fired is the value that the handler was called with. It has the type that the
	// signal fires, and may be nil itself. If another function panicked, such as a
	// goroutine or a cleanup, Fired is nil. It lives as long as the PanicError is kept.
	Fired any
}

func newPanicError(s *scope.Scope, value, fired any) *PanicError {
	if m, ok := value.(made); ok {
		return m.p
	}
	return &PanicError{
		Value: value, Stack: debug.Stack(), Owner: s.String(), Func: goroutine.PanickingFunc(), Fired: fired,
	}
}

// Error says what panicked, whose it is, and with what value. The stack is in Stack alone.
func (e *PanicError) Error() string {
	return fmt.Sprintf("tether: panic in %s of %s: %v", e.Func, e.Owner, e.Value)
}

// Unwrap returns Value if that is an error, else nil.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

func panicf(format string, args ...any) { panic("tether: " + fmt.Sprintf(format, args...)) }
