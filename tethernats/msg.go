package tethernats

import (
	"reflect"
	"time"

	"github.com/nats-io/nats.go"
)

// A Msg is a value that was received, with its subject and header.
type Msg[T any] struct {
	Subject string
	Value   T
	Header  nats.Header // nil if there is none; must not be changed

	// What follows is set by [Consume] alone.

	Sequence  uint64    // of the message in its stream, from 1
	Delivered int       // how often it was delivered, this time included
	Stored    time.Time // when the stream got it
}

// decode returns the value of m.
func decode[T any](codec Codec, m *nats.Msg) (v T, err error) {
	if err := codec.Decode(m.Data, &v); err != nil {
		return v, &DecodeError{Type: reflect.TypeFor[T]().String(), Err: err}
	}
	return v, nil
}
