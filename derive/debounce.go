package derive

import (
	"fmt"
	"time"

	"github.com/seed-ec287111/tether"
)

// Debounce returns a Source of the last value of each burst: a value comes when none has
// followed it for quiet. It comes on a goroutine of the subscriber's owner. If the handler
// still runs by then, it comes after that has returned.
//
// A value that is held when src ends comes in its time, and then the connection ends; one
// that is held when the connection ends otherwise is dropped. A quiet of 0 is as [Map], a
// negative one panics.
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
