package tetherwatermill_test

import (
	"context"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/tetherwatermill"
)

type nilCodec struct{}

func (*nilCodec) Encode(any) ([]byte, error) { return nil, nil }
func (*nilCodec) Decode([]byte, any) error   { return nil }

func TestMisusePanicsBeforeAnythingChanges(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var src tether.Signal[int]
	sub, pub := door{err: assert.AnError}, new(press)
	subscribe := func(owner *tether.Owner, sub message.Subscriber, topic string, f handler, opts ...tetherwatermill.SubscribeOption) func() {
		return func() { _ = tetherwatermill.Subscribe(owner, sub, topic, f, opts...) }
	}
	publish := func(owner *tether.Owner, src tether.Source[int], pub message.Publisher, topic string, codec tetherwatermill.Codec, opts ...tetherwatermill.PublishOption) func() {
		return func() { tetherwatermill.Publish(owner, src, pub, topic, codec, opts...) }
	}
	for _, c := range []struct {
		want string
		f    func()
	}{
		{"tetherwatermill: Subscribe with nil Owner", subscribe(nil, sub, "t", nothing)},
		{"tetherwatermill: Subscribe with nil subscriber", subscribe(app, nil, "t", nothing)},
		{"tetherwatermill: Subscribe with nil subscriber", subscribe(app, (*many)(nil), "t", nothing)},
		{"tetherwatermill: Subscribe with an empty topic", subscribe(app, sub, "", nothing)},
		{"tetherwatermill: Subscribe with nil function", subscribe(app, sub, "t", nil)},
		{"tetherwatermill: Subscribe with nil option", subscribe(app, sub, "t", nothing, nil)},
		{"tetherwatermill: Publish with nil Owner", publish(nil, &src, pub, "t", tetherwatermill.JSON)},
		{"tetherwatermill: Publish with nil source", publish(app, (*tether.Signal[int])(nil), pub, "t", tetherwatermill.JSON)},
		{"tetherwatermill: Publish with nil publisher", publish(app, &src, (*press)(nil), "t", tetherwatermill.JSON)},
		{"tetherwatermill: Publish with an empty topic", publish(app, &src, pub, "", tetherwatermill.JSON)},
		{"tetherwatermill: Publish with nil codec", publish(app, &src, pub, "t", (*nilCodec)(nil))},
		{"tetherwatermill: Publish with nil option", publish(app, &src, pub, "t", tetherwatermill.JSON, nil)},
		{"tetherwatermill: OnError with nil function", func() { tetherwatermill.OnError(nil) }},
		{"tetherwatermill: Timeout with 0s", func() { tetherwatermill.Timeout(0) }},
		{"tetherwatermill: Concurrency with 0", func() { tetherwatermill.Concurrency(0) }},
		{"tetherwatermill: Backoff with -1ns and 1s", func() { tetherwatermill.Backoff(-1, time.Second) }},
		{"tetherwatermill: Backoff with 2s and 1s", func() { tetherwatermill.Backoff(2*time.Second, time.Second) }},
		{"tetherwatermill: With with nil option", func() { tetherwatermill.With(nil) }},
		{"tetherwatermill: Refuse with nil error", func() { tetherwatermill.Refuse(nil) }},
		{"tetherwatermill: Decode with nil function", func() { tetherwatermill.Decode[int](tetherwatermill.JSON, nil) }},
		{"tetherwatermill: Decode with nil codec", func() {
			tetherwatermill.Decode(nil, func(context.Context, tetherwatermill.Msg[int]) error { return nil })
		}},
	} {
		assert.PanicsWithValue(t, c.want, c.f, c.want)
	}
	assert.Equal(t, tether.Stats{Owners: 1}, app.Stats())
	assert.Zero(t, src.Len())
}
