package tetherwatermill

import (
	"errors"
	"fmt"
	"log/slog"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/seed-ec287111/tether/internal/check"
)

// ErrClosed says that a subscription has ended although its owner has not. Either the
// subscriber has closed its channel, or a handler has ended its goroutine.
var ErrClosed = errors.New("tetherwatermill: the subscription has ended before its owner")

// An Error says what went wrong with a message. [OnError] gets it.
type Error struct {
	Topic   string
	Message *message.Message // nil if a value could not be encoded, or with ErrClosed
	Value   any              // what was fired, if it could not be published; else nil
	Err     error            // what the handler, the codec or the publisher has returned
}

// Error returns the topic, the UUID of the message if there is one, and the text of Err.
func (e *Error) Error() string {
	if e.Message == nil {
		return fmt.Sprintf("tetherwatermill: topic %q: %v", e.Topic, e.Err)
	}
	return fmt.Sprintf("tetherwatermill: message %q of topic %q: %v", e.Message.UUID, e.Topic, e.Err)
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// Refuse wraps an error that no other attempt will cure. If a handler returns it, [OnError]
// gets the message, and may put it elsewhere. Then the message is acked. Refuse panics if
// err is nil.
func Refuse(err error) error {
	if err == nil {
		panic("tetherwatermill: Refuse with nil error")
	}
	return &refusal{err}
}

type refusal struct{ error }

func (r *refusal) Unwrap() error { return r.error }

func logError(e *Error) { slog.Warn("tetherwatermill", "err", e) }

// refuseNil panics if v can't be used.
func refuseNil(verb, what string, v any) {
	if check.Nil(v) {
		panic("tetherwatermill: " + verb + " with nil " + what)
	}
}
