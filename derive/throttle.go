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

// Throttle returns a Source that never gives two values within every, whichever goroutines
// fire. A value opens a window of that length, of which edges says what comes through.
// A trailing value, which comes on a goroutine of the subscriber's owner, opens a new
// window. With [Trailing] alone a window begins with the first value. The time is that at
// which the handler is called; if it is still running at the end of a window, the next
// value comes after it has returned.
//
// A value that is held when src ends comes in its time, and then the connection ends; one
// that is held when the connection ends otherwise is dropped. An every of 0 is as [Map], a
// negative one panics.
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
