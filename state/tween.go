package state

import (
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/undo"
)

// An Easing returns the fraction of the way that a tween has gone, for the fraction of the
// time that has passed. The result may go beyond 0 and 1 on the way. The easing is not
// called for the end. It may run on any goroutine that ticks, with no lock held. If it
// returns what is not a number, the tween stays where it is.
type Easing func(passed float64) float64

// Linear is an [Easing] that has the same speed all the time.
func Linear(passed float64) float64 { return passed }

// Smooth is an [Easing] that starts and stops slowly: the cubic with speed 0 at both ends.
func Smooth(passed float64) float64 { return passed * passed * (3 - 2*passed) }

// tweenConfig is what the options of tweens say.
type tweenConfig struct {
	delay   time.Duration
	repeat  int
	reverse bool
}

// Delay makes a tween wait for d before it sets out. d must not be negative. Delay is an
// option of [NewTween] and [NewTweenOf].
func Delay(d time.Duration) Option {
	if d < 0 {
		panic(fmt.Sprintf("state: Delay of %v", d))
	}
	return option(func(c *config) { c.tween.delay = d })
}

// Forever is the number for [Repeat] that makes a tween repeat without end.
const Forever = math.MaxInt

// Repeat makes a tween go its way n times more, from the beginning each time, without a
// delay. It is an option of [NewTween] and [NewTweenOf].
func Repeat(n int) Option {
	if n < 0 {
		panic(fmt.Sprintf("state: Repeat with %d", n))
	}
	return option(func(c *config) { c.tween.repeat = n })
}

// Reverse makes every second way of a tween with [Repeat] lead back, with the easing of the
// way there. So with an odd number of repeats the tween ends where it began. Reverse is an
// option of [NewTween] and [NewTweenOf].
func Reverse() Option { return option(func(c *config) { c.tween.reverse = true }) }

// A Tween is a number that goes from one value to another in a given time. It moves with
// the ticks of a source. When their Deltas add up to its duration it is at the end,
// exactly, and leaves the source. It moves in one moment with all else that moves with that
// source, see [Spring]. A Tween is a [Readable]. Its methods may be called by multiple
// goroutines at once.
type Tween = TweenOf[float64]

// A TweenOf is a [Tween] of one number, or of two or three that go together.
type TweenOf[V Floats] struct {
	position *Value[V]
	owner    func() any // a *tether.Owner
	src      tether.Source[tether.Tick]
	easing   Easing
	mover    mover

	mu       sync.Mutex // guards the fields below; before books
	from, to V
	duration time.Duration
	way      tweenConfig   // what is left of the delay and the repeats
	elapsed  time.Duration // of the way that it is on
	back     bool          // that way leads back
	steps    uint64
	gen      uint64             // counts connections; a late tick of an earlier one is ignored
	conn     *tether.Connection // nil until Connect has returned, and at the end
	ended    bool
	done     chan struct{}
	over     func() // closes done
}

// NewTween returns a tween that belongs to owner and sets out at once. It is connected to
// src with owner. Its options are [Name], [Delay], [Repeat] and [Reverse].
func NewTween(owner *tether.Owner, src tether.Source[tether.Tick], from, to float64, duration time.Duration, easing Easing, opts ...Option) *Tween {
	return newTween("NewTween", owner, src, from, to, duration, easing, opts)
}

// NewTweenOf is [NewTween] for one, two or three numbers.
func NewTweenOf[V Floats](owner *tether.Owner, src tether.Source[tether.Tick], from, to V, duration time.Duration, easing Easing, opts ...Option) *TweenOf[V] {
	return newTween("NewTweenOf", owner, src, from, to, duration, easing, opts)
}

func newTween[V Floats](verb string, owner *tether.Owner, src tether.Source[tether.Tick], from, to V, duration time.Duration, easing Easing, opts []Option) *TweenOf[V] {
	w := &TweenOf[V]{src: src, easing: easing}
	handle.Scope("state: "+verb, owner)
	w.mover.begin(verb, owner, src)
	checkWay(verb, to, duration)
	if easing == nil {
		panic("state: " + verb + " with nil Easing")
	}
	checkFinite(verb, from)
	cfg := apply(verb, opts)
	way := cfg.tween
	cfg.tween = tweenConfig{}
	w.owner = handle.Remember(owner)
	w.position = newPosition(&w.mover, verb, owner, from, []Option{option(func(c *config) { *c = cfg })})
	w.mover.advance = w.advance
	w.setOut(func(V) { w.from, w.to, w.duration, w.way = from, to, duration, way })
	return w
}

func checkWay[V Floats](verb string, to V, duration time.Duration) {
	if duration <= 0 {
		panic(fmt.Sprintf("state: %s with duration %v", verb, duration))
	}
	checkFinite(verb, to)
}

// Retarget makes the tween go to another value in the given time, from where it is, with
// the same easing. It drops what is left of delays and repeats. A tween that has arrived
// sets out again, and then Done returns another channel. If the owner is not alive,
// Retarget does nothing. Inside a computing function it panics, as [Value.Set] does.
func (w *TweenOf[V]) Retarget(to V, duration time.Duration) {
	checkWay("Retarget", to, duration)
	refuse("Retarget")
	if !w.mover.scope.Alive() {
		return
	}
	w.setOut(func(at V) { w.from, w.to, w.duration, w.way = at, to, duration, tweenConfig{} })
}

// setOut begins a way. It calls set, which sets the way from where the tween is, with mu held.
func (w *TweenOf[V]) setOut(set func(at V)) {
	owner := w.owner().(*tether.Owner)
	w.mu.Lock()
	set(w.standLocked())
	w.elapsed, w.back = 0, false
	first := w.done == nil || w.ended
	if !first && (w.conn == nil || w.conn.Connected()) {
		w.mu.Unlock()
		return
	}
	w.ended = false
	w.gen++
	gen := w.gen
	var done chan struct{}
	if first {
		done = make(chan struct{})
		w.done = done
	}
	w.mu.Unlock()
	if first {
		over := sync.OnceFunc(func() { close(done) })
		forget := owner.Defer(over)
		w.mu.Lock()
		w.over = func() {
			forget()
			over()
		}
		w.mu.Unlock()
	}
	var conn *tether.Connection
	defer func() {
		w.mu.Lock()
		current := gen == w.gen
		if current && conn == nil { // Connect has panicked: the next Retarget connects anew
			w.gen++
			w.conn = new(tether.Connection)
			w.mover.leave()
		} else if current && !w.ended {
			w.conn, conn = conn, nil
		}
		w.mu.Unlock()
		if conn != nil {
			conn.Disconnect()
		}
	}()
	w.mover.join()
	conn = undo.Connect(owner, w.src, func(t tether.Tick) {
		w.mu.Lock()
		late := gen != w.gen || w.ended
		w.mu.Unlock()
		if !late {
			w.mover.tick(t)
		}
	})
	w.mover.connected(conn)
}

// standLocked returns where a way begins that follows the present one. A tick may have a step
// of the present one that is not shown yet. The last step will be: the tween is at its end. Any
// other one is dropped, or the position would go on from there, and then back.
func (w *TweenOf[V]) standLocked() V {
	books.mu.Lock()
	defer books.mu.Unlock()
	switch {
	case !w.ended:
		w.mover.shown = w.steps
		return w.position.Get()
	case w.back:
		return w.from
	default:
		return w.to
	}
}

// Get returns the position.
func (w *TweenOf[V]) Get() V { return w.position.Get() }

// Use returns the position to a computing function. See [Value.Use].
func (w *TweenOf[V]) Use(use *Use) V { return w.position.Use(use) }

// Peek returns the position to a computing function that should not depend on it.
func (w *TweenOf[V]) Peek(use *Use) V { return w.position.Peek(use) }

// Changes returns the source of the position's changes. See [Value.Changes].
func (w *TweenOf[V]) Changes() tether.Source[Change[V]] { return w.position.Changes() }

func (w *TweenOf[V]) origin() *source { return w.position.origin() }

// Done returns a channel that is closed when the tween is at its end and the change to that
// was delivered, or when its owner unwinds before. Arrived tells which.
func (w *TweenOf[V]) Done() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.done
}

// Arrived reports whether the tween is at its end.
func (w *TweenOf[V]) Arrived() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ended
}

// advance moves the tween for d. It calls the easing as a handler of the owner.
func (w *TweenOf[V]) advance(d time.Duration) (now step) {
	w.mu.Lock()
	if w.ended || !w.passLocked(d) {
		w.mu.Unlock()
		return now
	}
	w.steps++
	now.n = w.steps
	from, to, ended := w.from, w.to, w.ended
	if w.back {
		from, to = to, from
	}
	passed := float64(w.elapsed) / float64(w.duration)
	if ended {
		now.conn, w.conn = w.conn, nil
		now.over = w.over
		w.mover.leave()
	}
	w.mu.Unlock()
	x := to
	if !ended {
		var way float64
		if !within(w.mover.scope, func() { way = w.easing(passed) }) || math.IsNaN(way) {
			return step{}
		}
		b := numbers(&to)
		for i, a := range numbers(&from) {
			b[i] = finite(a*(1-way) + b[i]*way)
		}
		if x = to; checkNumbers(x) {
			return step{}
		}
	}
	now.now = pack(w.position.source.form.shape(), x)
	return now
}

// checkNumbers reports whether one of v's coordinates is not a number.
func checkNumbers[V Floats](v V) bool {
	for _, x := range numbers(&v) {
		if math.IsNaN(x) {
			return true
		}
	}
	return false
}

// passLocked lets d pass, and reports whether the delay is over.
func (w *TweenOf[V]) passLocked(d time.Duration) bool {
	if w.way.delay > d {
		w.way.delay -= d
		return false
	}
	d -= w.way.delay
	w.way.delay = 0
	left := w.duration - w.elapsed
	if d < left {
		w.elapsed += d
		return true
	}
	d -= left
	ways := 1 + int64(d/w.duration) // how many were begun since
	w.elapsed = d % w.duration
	if w.way.repeat != Forever {
		if ways > int64(w.way.repeat) {
			ways = int64(w.way.repeat)
			w.ended = true
		}
		w.way.repeat -= int(ways)
	}
	if w.way.reverse && ways%2 == 1 {
		w.back = !w.back
	}
	return true
}
