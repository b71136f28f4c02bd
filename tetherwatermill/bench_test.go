package tetherwatermill_test

import (
	"context"
	"testing"

	"github.com/ThreeDotsLabs/watermill/message"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/tetherwatermill"
)

// A hose is a subscriber that does nothing but deliver.
type hose struct{ out chan *message.Message }

func (h hose) Subscribe(ctx context.Context, _ string) (<-chan *message.Message, error) {
	context.AfterFunc(ctx, func() { close(h.out) })
	return h.out, nil
}

func (hose) Close() error { return nil }

// The message itself, which has two channels, and its way through a channel cost the same in
// both.
func BenchmarkMessage(b *testing.B) {
	b.Run("by=channel", func(b *testing.B) {
		b.ReportAllocs()
		out := make(chan *message.Message)
		done := make(chan bool)
		go func() {
			for m := range out {
				m.Ack()
			}
			close(done)
		}()
		for b.Loop() {
			m := message.NewMessage("", nil)
			out <- m
			<-m.Acked()
		}
		close(out)
		<-done
	})
	b.Run("by=Subscribe", func(b *testing.B) {
		b.ReportAllocs()
		app := tether.NewOwner("app")
		defer app.Destroy()
		h := hose{make(chan *message.Message)}
		if err := tetherwatermill.Subscribe(app, h, "topic", nothing); err != nil {
			b.Fatal(err)
		}
		for b.Loop() {
			m := message.NewMessage("", nil)
			h.out <- m
			<-m.Acked()
		}
	})
}
