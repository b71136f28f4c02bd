package bus

import (
	"errors"
	"fmt"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/scope"
)

// A Message is a value and the name that it was published to.
type Message[T any] struct {
	Topic string
	Value T
}

// A Delivery is a value on its way to its handlers, or to one of them.
type Delivery struct {
	Topic string // "" for that of a Go type, and for questions
	Value any

	owner *scope.Scope // of the handler; nil in Tap
	pc    uintptr
}

// Owner returns the path of the handler's owner, as [tether.Owner.String] has it; "" in Tap.
// Cost: linear in the depth of the owner.
func (d Delivery) Owner() string {
	if d.owner == nil {
		return ""
	}
	return d.owner.String()
}

// Func returns the handler, with file and line; "" in Tap. Cost: about a microsecond.
func (d Delivery) Func() string {
	if d.owner == nil {
		return ""
	}
	return goroutine.FuncAt(d.pc)
}

// A Letter is a value that no handler got, or that a handler on a queue has failed to handle.
type Letter struct {
	Topic string // "" for that of a Go type
	Value any
	Err   error // ErrNobody, or the handler's, a *HandlerError
}

// A HandlerError is the error of a handler, and says which handler it was.
type HandlerError struct {
	Owner string // path of the handler's owner, as [tether.Owner.String] has it
	Func  string // the handler, with file and line
	Topic string // that the value was published to; "" for that of a Go type
	Err   error  // what it returned, or a *tether.PanicError
}

func newHandlerError(owner *scope.Scope, pc uintptr, topic string, err error) error {
	return &HandlerError{Owner: owner.String(), Func: goroutine.FuncAt(pc), Topic: topic, Err: err}
}

// Error returns the handler, the path of its owner, the topic, and the text of Err.
func (e *HandlerError) Error() string {
	if e.Topic == "" {
		return fmt.Sprintf("bus: %s of %s: %v", e.Func, e.Owner, e.Err)
	}
	return fmt.Sprintf("bus: %s of %s on %q: %v", e.Func, e.Owner, e.Topic, e.Err)
}

// Unwrap returns what the handler returned.
func (e *HandlerError) Unwrap() error { return e.Err }

// errLost is the result of the handler of a Once that another Publish has called already, and
// of a value for a queue if the connection has just ended.
var errLost = errors.New("bus: spent")
