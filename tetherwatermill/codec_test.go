package tetherwatermill_test

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/stretchr/testify/assert"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/tetherwatermill"
)

func TestDecodeGivesTheValueAndWhoseItIs(t *testing.T) {
	var got tetherwatermill.Msg[order]
	h := tetherwatermill.Decode(tetherwatermill.JSON, func(_ context.Context, m tetherwatermill.Msg[order]) error {
		got = m
		return assert.AnError
	})
	m := message.NewMessage("uuid", []byte(`{"id": 7}`))
	m.Metadata.Set("from", "ann")
	assert.Equal(t, assert.AnError, h(context.Background(), m))
	assert.Equal(t, tetherwatermill.Msg[order]{order{7}, "uuid", message.Metadata{"from": "ann"}}, got)
}

func TestAMessageThatCannotBeDecodedIsGivenUp(t *testing.T) {
	subscribed(t, func() *broker { return newBroker("{", `{"id": 2}`) },
		func(b *broker) handler {
			return tetherwatermill.Decode(tetherwatermill.JSON, func(_ context.Context, m tetherwatermill.Msg[order]) error {
				b.note("order %d", m.Value.ID)
				return nil
			})
		},
		func(b *broker, _ *tether.Owner) {
			synctest.Wait()
			assert.Equal(t, []string{"error: decode: unexpected end of JSON input", "{ acked", "order 2", `{"id": 2} acked`}, b.happened())
		})
}
