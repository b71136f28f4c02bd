package derive

import (
	"unsafe"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/yield"
)

// Share returns a Source whose subscribers have one connection to src in common, and one
// chain with its state. The chain is made for the first subscriber and ends with the last.
// A subscriber does not get values later that it missed. For that there is package history.
//
// When src ends, the subscriptions end, and the next subscriber makes a new connection to
// src. The chain belongs to owner. Handlers that are not on queues run inside it, so
// Destroy of owner waits for them, whichever owner they belong to. When owner ends, so do
// the subscriptions.
func Share[T any](owner *tether.Owner, src tether.Source[T]) tether.Source[T] {
	handle.Scope("derive: Share", owner)
	mustSource("Share", src)
	var shared *tether.Signal[T]
	// end ends the subscriptions, if they are still those of active: that is looked at in the
	// step that ends them. Others that have come meanwhile have a chain of their own.
	end := func(active *tether.Owner) {
		yield.Point("share: over")
		handle.List(unsafe.Pointer(shared)).DisconnectStretch(handle.Scope("derive: Share", active))
	}
	shared = tether.NewSignal[T](owner, tether.WhileActive(func(active *tether.Owner) {
		connected := false
		defer func() {
			if !connected { // Connect of src has panicked, and the caller gets no Connection
				end(active)
			}
		}()
		var upstream tether.Signal[T]
		c := upstream.Connect(active, shared.Fire)
		open(src, active, &upstream, c, nil)
		connected = true
		handle.OnEnd(c, func() { end(active) })
	}))
	return through[T](shared)
}

// through returns a Source of what s fires. If s ends, a connection to s ends at once. A
// connection to this Source ends when its queue has handled what it has.
func through[T any](s *tether.Signal[T]) tether.Source[T] {
	return recipe[T](func(l *life, emit func(T), end func()) { feed[T](l, s, emit, end) })
}
