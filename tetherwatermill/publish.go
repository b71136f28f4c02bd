package tetherwatermill

import (
	"context"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/undo"
)

// Publish arranges for every value of src to be published to topic, until owner is
// destroyed or the connection ends in another way. Destroy waits for a publish that runs.
//
// The publisher runs on the goroutine that fires. [With] can change that. Each message has
// a new UUID, and a context with the values of owner's context and the deadline of
// [Timeout]. The message's context outlives owner's, so that a publish which has begun is
// finished. A value that can't be encoded or published is given to [OnError], and is not
// tried again.
//
// Publish does not close pub: that is for [tether.Own]. If owner is not alive, it returns a
// dead Connection. It panics if an argument is nil or topic is empty. If src panics when it is
// connected to, so does Publish, and leaves no connection. Cost: what the codec
// and the publisher take, and a timer.
func Publish[T any](owner *tether.Owner, src tether.Source[T], pub message.Publisher, topic string, codec Codec, opts ...PublishOption) *tether.Connection {
	handle.Scope("tetherwatermill: Publish", owner)
	refuseNil("Publish", "source", src)
	refuseNil("Publish", "publisher", pub)
	refuseNil("Publish", "codec", codec)
	if topic == "" {
		panic("tetherwatermill: Publish with an empty topic")
	}
	c := configurePublish(opts)
	values := context.WithoutCancel(owner.Context())
	return undo.Connect(owner, src, func(v T) {
		ctx, cancel := context.WithTimeout(values, c.timeout)
		defer cancel()
		payload, err := codec.Encode(v)
		if err != nil {
			c.onError(&Error{Topic: topic, Value: v, Err: err})
			return
		}
		m := message.NewMessageWithContext(ctx, watermill.NewUUID(), payload)
		if err := pub.Publish(topic, m); err != nil {
			c.onError(&Error{Topic: topic, Message: m, Value: v, Err: err})
		}
	}, c.connect...)
}
