package state

import (
	"fmt"
	"sync"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/check"
	"github.com/seed-ec287111/tether/internal/handle"
)

// An Easing gives the way a tween has gone, as a fraction, for the fraction of
// the time that has passed. It may go beyond 0 and 1 on the way; it is not asked
// about the end. It may run on any goroutine that ticks, with no lock held.
type Easing func(passed float64) float64

// Linear goes with the same speed all the time.
func Linear(passed float64) float64 { return passed }

// Smooth starts and stops slowly: the cubic with speed 0 at both ends.
func Smooth(passed float64) float64 { return passed * passed * (3 - 2*passed) }

// A Tween is a number that goes from one value to another in a given time. It
// moves with the ticks of a source, and when their Deltas add up to its duration
// it is at the end, exactly, and leaves the source. It is a [Readable]; its
// methods may be called by multiple goroutines at once.
type Tween struct {
	position *Value[float64]
	from, to float64
	duration time.Duration
	easing   Easing
	done     chan struct{} // closed by over
	over     func()

	mu      sync.Mutex // guards the fields below; before books
	elapsed time.Duration
	shown   time.Duration      // the elapsed of the position
	conn    *tether.Connection // nil until Connect has returned, and at the end
	ended   bool
}

// NewTween returns a tween that belongs to owner and sets out at once, connected
// to src with owner. [Equal] is not one of its options.
func NewTween(owner *tether.Owner, src tether.Source[tether.Tick], from, to float64, duration time.Duration, easing Easing, opts ...Option) *Tween {
	handle.Scope("state: NewTween", owner)
	if check.Nil(src) {
		panic("state: NewTween with nil Source")
	}
	if duration <= 0 {
		panic(fmt.Sprintf("state: NewTween with duration %v", duration))
	}
	if easing == nil {
		panic("state: NewTween with nil Easing")
	}
	checkFinite("NewTween", from)
	checkFinite("NewTween", to)
	w := &Tween{
		position: newNumber("NewTween", owner, from, opts),
		from:     from,
		to:       to,
		duration: duration,
		easing:   easing,
		done:     make(chan struct{}),
	}
	w.over = sync.OnceFunc(func() { close(w.done) })
	forget := owner.Defer(w.over)
	finish := w.over
	w.over = func() {
		forget()
		finish()
	}
	conn := src.Connect(owner, w.tick)
	w.mu.Lock()
	if !w.ended {
		w.conn, conn = conn, nil
	}
	w.mu.Unlock()
	if conn != nil {
		conn.Disconnect()
	}
	return w
}

// Get returns the position.
func (w *Tween) Get() float64 { return w.position.Get() }

// Use returns the position to a computing function. See [Value.Use].
func (w *Tween) Use(use *Use) float64 { return w.position.Use(use) }

// Changes returns the source of the position's changes. See [Value.Changes].
func (w *Tween) Changes() tether.Source[Change[float64]] { return w.position.Changes() }

// Done returns a channel that is closed when the tween is at its end and the
// change to that was delivered, or when its owner unwinds before. Arrived tells
// which.
func (w *Tween) Done() <-chan struct{} { return w.done }

// Arrived reports whether the tween is at its end.
func (w *Tween) Arrived() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ended
}

func (w *Tween) tick(t tether.Tick) {
	w.mu.Lock()
	if w.ended {
		w.mu.Unlock()
		return
	}
	// Not the sum: it could overflow.
	now := w.duration
	if t.Delta < w.duration-w.elapsed {
		now = w.elapsed + max(0, t.Delta)
	}
	w.elapsed = now
	x := w.to
	if now < w.duration {
		w.mu.Unlock()
		way := w.easing(float64(now) / float64(w.duration))
		x = w.from*(1-way) + w.to*way
		w.mu.Lock()
	}
	if w.ended || now < w.shown { // another goroutine's tick is farther already
		w.mu.Unlock()
		return
	}
	w.shown = now
	w.ended = now == w.duration
	ended := w.ended
	var conn *tether.Connection
	if ended {
		conn, w.conn = w.conn, nil
	}
	todo := w.position.put(x)
	w.mu.Unlock()
	if conn != nil {
		conn.Disconnect()
	}
	if ended {
		defer w.over()
	}
	todo.settle()
}
