package tetherwatermill_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ThreeDotsLabs/watermill/message"
	"go.uber.org/goleak"

	"github.com/seed-ec287111/tether/tetherwatermill"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A broker is one topic with one line of messages, which it hands over one after the other,
// as the subscribers of watermill do: the next when the one before has its ack. It writes
// down what happens. Inside a bubble its times are exact.
type broker struct {
	accept time.Duration // how long an ack takes
	mute   bool          // it does not end the contexts of messages
	closed chan struct{} // Close was called

	mu    sync.Mutex // guards the fields below
	lines chan *message.Message
	notes []string
	began time.Time
}

func newBroker(messages ...string) *broker {
	b := &broker{closed: make(chan struct{}), lines: make(chan *message.Message, 1000), began: time.Now()}
	b.send(messages...)
	return b
}

func (b *broker) send(messages ...string) {
	for _, m := range messages {
		b.lines <- message.NewMessage("id of "+m, []byte(m))
	}
}

func (b *broker) note(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.notes = append(b.notes, fmt.Sprintf(format, args...))
}

// happened returns what was noted since it was last called. What comes again before the
// subscription has ended may be nacked again.
func (b *broker) happened() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	notes := b.notes
	b.notes = nil
	return slices.Compact(notes)
}

func (b *broker) Subscribe(ctx context.Context, _ string) (<-chan *message.Message, error) {
	out := make(chan *message.Message)
	go func() {
		defer close(out)
		defer b.note("ended")
		for {
			select {
			case m := <-b.lines:
				if !b.deliver(ctx, m, out) {
					return
				}
			case <-ctx.Done():
				return
			case <-b.closed:
				return
			}
		}
	}()
	return out, nil
}

// deliver hands m over until it is acked, and reports whether it was.
func (b *broker) deliver(ctx context.Context, m *message.Message, out chan<- *message.Message) bool {
	for {
		m = m.Copy()
		own, cancel := context.WithCancel(ctx)
		if b.mute {
			own = context.WithoutCancel(ctx)
		}
		m.SetContext(own)
		select {
		case out <- m:
		case <-ctx.Done():
			cancel()
			return false
		}
		acked := b.verdict(ctx, m)
		cancel()
		if acked {
			return true
		}
		if ctx.Err() != nil {
			return false
		}
	}
}

func (b *broker) verdict(ctx context.Context, m *message.Message) (acked bool) {
	select {
	case <-m.Acked():
		select {
		case <-time.After(b.accept):
			b.note("%s acked", m.Payload)
			return true
		case <-ctx.Done():
			b.note("%s acked too late", m.Payload)
		}
	case <-m.Nacked():
		b.note("%s nacked", m.Payload)
	case <-ctx.Done():
		select {
		case <-m.Nacked():
			b.note("%s nacked", m.Payload)
		case <-m.Acked():
			b.note("%s acked too late", m.Payload)
		case <-time.After(time.Minute):
			b.note("%s dropped", m.Payload)
		}
	}
	return false
}

func (b *broker) Close() error {
	close(b.closed)
	return nil
}

// handler is what Subscribe wants.
type handler = func(context.Context, *message.Message) error

// errors returns an option that notes what OnError gets.
func (b *broker) errors() tetherwatermill.Option {
	return tetherwatermill.OnError(func(e *tetherwatermill.Error) { b.note("error: %v", e.Err) })
}
