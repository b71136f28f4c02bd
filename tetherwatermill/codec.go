package tetherwatermill

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/ThreeDotsLabs/watermill/message"
)

// A Codec turns values into payloads and back. Its methods may be called by multiple
// goroutines at once.
type Codec interface {
	Encode(v any) ([]byte, error)
	Decode(payload []byte, v any) error // v is a pointer
}

// JSON is the codec of package encoding/json.
var JSON Codec = jsonCodec{}

type jsonCodec struct{}

func (jsonCodec) Encode(v any) ([]byte, error)       { return json.Marshal(v) }
func (jsonCodec) Decode(payload []byte, v any) error { return json.Unmarshal(payload, v) }

// A Msg is a message whose payload was decoded.
type Msg[T any] struct {
	Value    T
	UUID     string // as the publisher has set it; the same for every attempt
	Metadata message.Metadata
}

// Decode makes a handler for [Subscribe] from a function of decoded values. If a payload
// can't be decoded, no later attempt can decode it either, so the message is given up, as
// by [Refuse]. Decode panics if codec or f is nil.
func Decode[T any](codec Codec, f func(ctx context.Context, m Msg[T]) error) func(ctx context.Context, m *message.Message) error {
	refuseNil("Decode", "codec", codec)
	if f == nil {
		panic("tetherwatermill: Decode with nil function")
	}
	return func(ctx context.Context, m *message.Message) error {
		msg := Msg[T]{UUID: m.UUID, Metadata: m.Metadata}
		if err := codec.Decode(m.Payload, &msg.Value); err != nil {
			return Refuse(fmt.Errorf("decode: %w", err))
		}
		return f(ctx, msg)
	}
}
