package derive

import (
	"fmt"
	"time"

	"github.com/seed-ec287111/tether"
)

// Edges says which values of a window [Throttle] lets through.
type Edges int

// The edges of a window.
const (
	Leading  Edges = 1 + iota // the first value, at once
	Trailing                  // the last one, at the end
	Both                      // the first, and the last if it is another one
)

// String returns the name.
func (e Edges) String() string {
	switch e {
	case Leading:
		return "Leading"
	case Trailing:
		return "Trailing"
	case Both:
		return "Both"
	}
	return fmt.Sprintf("Edges(%d)", int(e))
}

// Throttle returns a Source that never gives two values within the time every, whichever
// goroutines fire. A value that it gives opens a window of that length. edges says which of
// the values in the window come through. A trailing value comes on a goroutine of the
// subscriber's owner, and opens a new window. With [Trailing] alone a window begins with
// the first value of src. The window is measured from the call of the handler. If the
// handler is still running at the end of a window, the next value comes after it has
// returned.
//
// If src ends while a value is held, the value comes when it is due, and then the
// connection ends. If the connection ends in another way, the value is dropped. With an
// every of 0 values pass through, as with a [Map] that changes nothing. Throttle panics if
// every is negative.
func Throttle[T any](src tether.Source[T], every time.Duration, edges Edges) tether.Source[T] {
	mustSource("Throttle", src)
	mustDuration("Throttle", "every", every)
	if edges < Leading || edges > Both {
		panic(fmt.Sprintf("derive: Throttle with edges %v", edges))
	}
	return recipe[T](func(l *life, emit func(T), end func()) {
		if every == 0 {
			feed(l, src, emit, end)
			return
		}
		s := newSlot(l, emit, end)
		s.each = every
		feed(l, src, func(v T) {
			s.mu.Lock()
			now := time.Now()
			open := now.Before(s.due)
			if edges == Leading && (open || s.held) {
				s.mu.Unlock()
				return
			}
			if edges == Trailing && !open && !s.held {
				s.due = now.Add(every)
			}
			s.putUnlock(v)
		}, s.over)
	})
}
