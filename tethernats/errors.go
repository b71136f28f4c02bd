package tethernats

import (
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/seed-ec287111/tether/bus"
)

// ErrClosed says that the owner of a [Conn] is dead, or that the connection was closed.
var ErrClosed = errors.New("tethernats: closed")

// ErrDraining is what asks for messages of a [Conn] after its Drain has begun.
var ErrDraining = errors.New("tethernats: draining")

// ErrNobody is what [Ask] returns if nobody answers to the subject. It is [bus.ErrNobody].
var ErrNobody = bus.ErrNobody

// ErrUnconfirmed says that the server did not confirm, within two seconds, what a [Consume] had
// acknowledged and given back before its end. Some of it may be delivered once more.
var ErrUnconfirmed = errors.New("tethernats: the last acknowledgements were not confirmed")

// An Error is what [OnError] is told.
type Error struct {
	Op      string    // "Consume", "Publish", "connection" and the like
	Subject string    // of the message, or what the Op was made with; "" for the connection
	Err     error     // what happened
	Msg     *nats.Msg // that it happened to; nil if it was not a message received
}

func (e *Error) Error() string {
	if e.Subject == "" {
		return fmt.Sprintf("tethernats: %s: %v", e.Op, e.Err)
	}
	return fmt.Sprintf("tethernats: %s %q: %v", e.Op, e.Subject, e.Err)
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// A DecodeError says that a message is not what its receiver takes.
type DecodeError struct {
	Type string // that was wanted
	Err  error  // the codec's
}

func (e *DecodeError) Error() string { return fmt.Sprintf("not a %s: %v", e.Type, e.Err) }

// Unwrap returns Err.
func (e *DecodeError) Unwrap() error { return e.Err }

// A RemoteError is the error of a responder in another process, or in this one.
type RemoteError struct {
	Subject string
	Text    string // of the responder's error
}

func (e *RemoteError) Error() string {
	return fmt.Sprintf("tethernats: answer to %q: %s", e.Subject, e.Text)
}
