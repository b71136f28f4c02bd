package tethernats

import (
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"

	"github.com/seed-ec287111/tether/bus"
)

// ErrClosed says that the owner of a [Conn] is not alive, or that the connection was
// closed.
var ErrClosed = errors.New("tethernats: closed")

// ErrDraining is the error of [Subscribe], [Consume], [Reply] and [Bridge] after
// [Conn.Drain] has begun.
var ErrDraining = errors.New("tethernats: draining")

// ErrNobody is the error of [Ask] if there is no responder on the subject. It is
// [bus.ErrNobody].
var ErrNobody = bus.ErrNobody

// ErrUnconfirmed says that the server did not confirm, within two seconds, what a [Consume]
// had acknowledged and given back before its end. Some of it may be delivered once more.
var ErrUnconfirmed = errors.New("tethernats: the last acknowledgements were not confirmed")

// An Error says what went wrong, and where. [OnError] gets it.
type Error struct {
	Op      string    // "Consume", "Publish", "connection" and the like
	Subject string    // of the message, or what the Op was made with; "" for the connection
	Err     error     // what happened
	Msg     *nats.Msg // that it happened to; nil if it was not a message received
}

// Error returns the Op, the subject if there is one, and the text of Err.
func (e *Error) Error() string {
	if e.Subject == "" {
		return fmt.Sprintf("tethernats: %s: %v", e.Op, e.Err)
	}
	return fmt.Sprintf("tethernats: %s %q: %v", e.Op, e.Subject, e.Err)
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// A DecodeError says that a message could not be decoded to the type that its receiver
// takes.
type DecodeError struct {
	Type string // that was wanted
	Err  error  // the codec's
}

// Error returns the type, and the text of Err.
func (e *DecodeError) Error() string { return fmt.Sprintf("not a %s: %v", e.Type, e.Err) }

// Unwrap returns Err.
func (e *DecodeError) Unwrap() error { return e.Err }

// A RemoteError is the error of a responder, in another process or in this one.
type RemoteError struct {
	Subject string
	Text    string // of the responder's error
}

// Error returns the subject and the text of the responder's error.
func (e *RemoteError) Error() string {
	return fmt.Sprintf("tethernats: answer to %q: %s", e.Subject, e.Text)
}
