package derive

import (
	"fmt"
	"time"

	"github.com/seed-ec287111/tether"
)

// Debounce returns a Source of the last value of each burst: a value comes when no other
// has followed it for the time quiet. It comes on a goroutine of the subscriber's owner. If
// the handler is still running then, the value comes after the handler has returned.
//
// If src ends while a value is held, the value comes when it is due, and then the
// connection ends. If the connection ends in another way, the value is dropped. With a
// quiet of 0 values pass through, as with a [Map] that changes nothing. Debounce panics if
// quiet is negative.
func Debounce[T any](src tether.Source[T], quiet time.Duration) tether.Source[T] {
	mustSource("Debounce", src)
	mustDuration("Debounce", "quiet", quiet)
	return recipe[T](func(l *life, emit func(T), end func()) {
		if quiet == 0 {
			feed(l, src, emit, end)
			return
		}
		s := newSlot(l, emit, end)
		feed(l, src, func(v T) {
			s.mu.Lock()
			s.due = time.Now().Add(quiet)
			s.putUnlock(v)
		}, s.over)
	})
}

// mustDuration panics if d, the argument called name, is negative.
func mustDuration(op, name string, d time.Duration) {
	if d < 0 {
		panic(fmt.Sprintf("derive: %s with %s %v", op, name, d))
	}
}
