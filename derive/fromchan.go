package derive

import (
	"context"
	"runtime"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/handle"
)

// FromChan returns a Source of the values that are received from ch. They are received only
// while a subscriber is connected, on a goroutine of owner. Each value goes to all
// subscribers. A value that comes just as the last subscriber has left is kept for the next
// one. When ch is closed, the subscriptions end, and later ones end at once.
//
// Handlers that are not on queues run on that goroutine, so Destroy of owner waits for
// them. Values that are in ch when owner ends stay there.
func FromChan[T any](owner *tether.Owner, ch <-chan T) tether.Source[T] {
	handle.Scope("derive: FromChan", owner)
	if ch == nil {
		panic("derive: FromChan with nil channel")
	}
	r := &receiver[T]{ch: ch, turn: make(chan struct{}, 1)}
	r.signal = tether.NewSignal[T](owner, tether.WhileActive(r.start))
	return recipe[T](func(l *life, emit func(T), end func()) {
		feed[T](l, r.signal, func(v T) {
			if l.alive() { // a Once may be spent before its Connect has returned
				r.taken = true
				emit(v)
			}
		}, end)
	})
}

// A receiver is a FromChan. One goroutine at a time receives. The goroutine of earlier
// subscribers may still be in a handler, with the turn, when the next one starts.
type receiver[T any] struct {
	ch     <-chan T
	signal *tether.Signal[T]
	turn   chan struct{} // holds a token while a goroutine receives, which owns the fields below
	kept   []T           // the value that was received and that no subscriber has got; one at most
	taken  bool          // a subscriber has got the value that is being fired
}

// start starts the goroutine for active, and another one if a handler ends that. A panic is
// reported, or crashes the program.
func (r *receiver[T]) start(active *tether.Owner) {
	active.Go(func(ctx context.Context) {
		returned := false
		defer func() {
			if !returned {
				r.start(active)
			}
		}()
		r.receive(ctx, active)
		returned = true
	})
}

func (r *receiver[T]) receive(ctx context.Context, active *tether.Owner) {
	select {
	case r.turn <- struct{}{}:
	case <-ctx.Done():
		return
	}
	defer func() { <-r.turn }()
	for active.Alive() { // NOTE: ctx ends a little later
		if len(r.kept) > 0 {
			r.fire()
			continue
		}
		select {
		case v, ok := <-r.ch:
			if !ok {
				r.signal.DisconnectAll()
				return
			}
			r.kept = append(r.kept, v)
		case <-ctx.Done():
		}
	}
}

// fire fires the value kept. If all subscribers have left in this moment, it keeps the value.
func (r *receiver[T]) fire() {
	v := r.kept[0]
	r.kept, r.taken = nil, false
	r.signal.Fire(v)
	if !r.taken {
		r.kept = append(r.kept, v)
		runtime.Gosched() // the goroutine that disconnected the last of them is about to end active
	}
}
