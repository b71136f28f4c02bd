package state

import (
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/check"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/undo"
)

// A SpringConfig says how a spring moves.
type SpringConfig struct {
	// Frequency is how often a second the spring would swing without damping: from 1e-9 to 1e9.
	Frequency float64
	// Damping is the damping ratio, 1e9 at most. Below 1 the spring swings past the target. At
	// 1 it arrives as soon as it can without that. Above 1 it creeps. At 0 it swings for ever.
	Damping float64
	// Rest is how near to the target counts as at rest, in units of the position. The speed
	// must also be below Rest times 2 pi times Frequency. 0 means 0.001.
	Rest float64
}

// check panics if c is not what a spring can follow.
func (c SpringConfig) check(verb string) {
	if !(c.Frequency >= 1e-9 && c.Frequency <= 1e9) {
		panic(fmt.Sprintf("state: %s with Frequency %v", verb, c.Frequency))
	}
	if !(c.Damping >= 0 && c.Damping <= 1e9) {
		panic(fmt.Sprintf("state: %s with Damping %v", verb, c.Damping))
	}
	if !(c.Rest >= 0) || math.IsInf(c.Rest, 0) {
		panic(fmt.Sprintf("state: %s with Rest %v", verb, c.Rest))
	}
}

// A Spring is a number that follows a target like a mass on a damped spring. It moves with
// the ticks of a source, by the exact solution for each Delta. So the length of the ticks
// makes no difference to where it is, nor does a missing tick, and no Delta is too long.
//
// At rest a spring is asleep. It is at the target exactly, and is not connected to its
// source, so a heartbeat without other consumers stops. A Spring is a [Readable]. Its
// methods may be called by multiple goroutines at once.
//
// All springs and tweens that are awake on one source move in one moment. A function that
// uses two of them never sees one before a tick and the other after it. To that end the
// first of them that the source calls moves all.
//
// Any finite number will do. A result beyond the largest number stays at the largest.
type Spring = SpringOf[float64]

// A SpringOf is a [Spring] that moves one number, or two or three as one. It rests when
// their distance from the target is within Rest. With more than one number, a tick
// allocates their size.
type SpringOf[V Floats] struct {
	position   *Value[V]
	owner      func() any // a *tether.Owner
	src        tether.Source[tether.Tick]
	oscillator oscillator
	rest       float64
	mover      mover

	mu     sync.Mutex // guards the fields below; before books
	x, v   V          // position and speed
	target V
	steps  uint64 // how often x was taken to be shown
	awake  bool
	gen    uint64             // counts wakings; a late tick of an earlier waking is ignored
	conn   *tether.Connection // while awake; nil until Connect has returned
	done   chan struct{}      // closed at rest; nil while nobody asks
	onCut  bool               // the cut-off closes done: once for all, as the owner keeps what is told
}

// NewSpring returns a spring that belongs to owner and rests at initial. While it is awake
// it is connected to src with owner. It stays where it is when owner is cut off. A source
// that has closed does not move it any more. [Equal] is not one of its options: Rest says
// what makes a difference.
func NewSpring(owner *tether.Owner, src tether.Source[tether.Tick], initial float64, config SpringConfig, opts ...Option) *Spring {
	return newSpring("NewSpring", owner, src, initial, config, opts)
}

// NewSpringOf is [NewSpring] for one, two or three numbers.
func NewSpringOf[V Floats](owner *tether.Owner, src tether.Source[tether.Tick], initial V, config SpringConfig, opts ...Option) *SpringOf[V] {
	return newSpring("NewSpringOf", owner, src, initial, config, opts)
}

// NewSpringTo returns a spring that follows target. It rests at the value that target has
// now, and each further value becomes the spring's target. NewSpringTo panics if target's
// value is not finite. If a later value is not finite, the call that sets target panics.
func NewSpringTo[V Floats](owner *tether.Owner, src tether.Source[tether.Tick], target Readable[V], config SpringConfig, opts ...Option) *SpringOf[V] {
	handle.Scope("state: NewSpringTo", owner)
	if check.Nil(target) {
		panic("state: NewSpringTo with nil Readable")
	}
	s := newSpring("NewSpringTo", owner, src, target.Get(), config, opts)
	Bind(owner, target, s.SetTarget)
	return s
}

func newSpring[V Floats](verb string, owner *tether.Owner, src tether.Source[tether.Tick], initial V, config SpringConfig, opts []Option) *SpringOf[V] {
	handle.Scope("state: "+verb, owner)
	config.check(verb)
	checkFinite(verb, initial)
	if config.Rest == 0 {
		config.Rest = 0.001 // nobody sees a thousandth of a pixel, degree or percent
	}
	s := &SpringOf[V]{
		owner:      handle.Remember(owner),
		src:        src,
		oscillator: oscillator{omega: 2 * math.Pi * config.Frequency, zeta: config.Damping},
		rest:       config.Rest,
		x:          initial,
		target:     initial,
	}
	s.mover.begin(verb, owner, src)
	s.position = newPosition(&s.mover, verb, owner, initial, opts)
	s.mover.advance = s.advance
	return s
}

// Get returns the position.
func (s *SpringOf[V]) Get() V { return s.position.Get() }

// Use returns the position to a computing function. See [Value.Use].
func (s *SpringOf[V]) Use(use *Use) V { return s.position.Use(use) }

// Peek returns the position to a computing function that should not depend on it.
func (s *SpringOf[V]) Peek(use *Use) V { return s.position.Peek(use) }

// Changes returns the source of the position's changes. There is one a tick while the
// spring is awake. See [Value.Changes].
func (s *SpringOf[V]) Changes() tether.Source[Change[V]] { return s.position.Changes() }

func (s *SpringOf[V]) origin() *source { return s.position.origin() }

// Velocity returns the speed in units a second.
func (s *SpringOf[V]) Velocity() V {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.v
}

// Target returns the position that the spring moves to, or rests at.
func (s *SpringOf[V]) Target() V {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.target
}

// Asleep reports whether the spring is at rest.
func (s *SpringOf[V]) Asleep() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.awake
}

// Done returns a channel that is closed when the spring is at rest and the change to that
// was delivered, or when its owner is cut off before. If the spring rests now, the channel
// is closed already. A spring that sets out again has a new channel.
func (s *SpringOf[V]) Done() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.done != nil {
		return s.done
	}
	done := make(chan struct{})
	moves := s.awake && s.mover.scope.Alive() // else the cut-off may have been told already
	if moves && !s.onCut {
		moves = s.mover.scope.OnCut(func() {}, s.interrupted)
		s.onCut = moves
	}
	if !moves {
		close(done)
		return done
	}
	s.done = done
	return done
}

// interrupted closes the channel of Done at the cut-off of the owner.
func (s *SpringOf[V]) interrupted() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closeLocked()
}

func (s *SpringOf[V]) closeLocked() {
	if s.done != nil {
		close(s.done)
		s.done = nil
	}
}

// SetTarget makes the spring go to x from where it is, with the speed that it has. If it is
// at rest and nearer to x than Rest, it is at x at once. If the owner is not alive,
// SetTarget does nothing. Inside a computing function it panics, as [Value.Set] does, and so
// do the methods below.
//
// If the spring was asleep, SetTarget connects it to the source. If nothing else is
// connected to a heartbeat, the first Delta counts from there. Otherwise it counts from the
// tick before.
func (s *SpringOf[V]) SetTarget(x V) {
	s.change("SetTarget", x, func() { s.target = x })
}

// Impulse adds to the speed, as a blow would.
func (s *SpringOf[V]) Impulse(speed V) {
	s.change("Impulse", speed, func() {
		add := numbers(&speed)
		for i, v := range numbers(&s.v) {
			add[i] = finite(v + add[i])
		}
		s.v = speed
	})
}

// SetVelocity makes speed the spring's speed, in units a second.
func (s *SpringOf[V]) SetVelocity(speed V) {
	s.change("SetVelocity", speed, func() { s.v = speed })
}

// SetPosition puts the spring at x at once, as a Set would. The speed and the target stay.
// From x the spring goes on to its target.
func (s *SpringOf[V]) SetPosition(x V) {
	s.change("SetPosition", x, func() { s.x = x })
}

// change calls f, which changes something by x, with mu held. It shows the position and wakes
// the spring as that needs it.
func (s *SpringOf[V]) change(verb string, x V, f func()) {
	checkFinite(verb, x)
	refuse(verb)
	s.mu.Lock()
	if !s.mover.scope.Alive() {
		s.mu.Unlock()
		return
	}
	f()
	var now step
	lost := s.awake && s.conn != nil && !s.conn.Connected()
	wake := !s.awake || lost
	if !s.awake && s.restsLocked() { // a waking would end at the first tick
		var zero V
		s.x, s.v, wake = s.target, zero, false
	}
	if s.x != s.position.Get() {
		now = s.stepLocked()
	}
	if !wake {
		s.mu.Unlock()
		s.show(now)
		return
	}
	s.awake, s.conn = true, nil
	s.gen++
	gen := s.gen
	s.mu.Unlock()
	s.show(now)
	s.connect(gen)
}

// stepLocked returns the step to x.
func (s *SpringOf[V]) stepLocked() step {
	s.steps++
	return step{n: s.steps, now: pack(s.position.source.form.shape(), s.x)}
}

func (s *SpringOf[V]) show(now step) {
	if now.n > 0 {
		show([]*mover{&s.mover}, []step{now})
	}
}

// connect connects to the source. No lock is held, because Connect may run the user's code.
func (s *SpringOf[V]) connect(gen uint64) {
	var conn *tether.Connection
	defer func() { // also if Connect panics
		s.mu.Lock()
		if s.gen == gen && s.awake {
			s.conn = conn
			s.awake = conn != nil && conn.Connected()
			if !s.awake {
				s.mover.leave()
				s.closeLocked()
			}
			conn = nil
		}
		s.mu.Unlock()
		if conn != nil {
			conn.Disconnect() // the spring has come to rest meanwhile
		}
	}()
	s.mover.join()
	conn = undo.Connect(s.owner().(*tether.Owner), s.src, func(t tether.Tick) {
		s.mu.Lock()
		late := gen != s.gen || !s.awake
		s.mu.Unlock()
		if !late {
			s.mover.tick(t)
		}
	})
	s.mover.connected(conn)
}

// restsLocked reports whether the spring is near enough to its target, and slow enough.
func (s *SpringOf[V]) restsLocked() bool {
	var far, fast float64
	target, v := numbers(&s.target), numbers(&s.v)
	for i, x := range numbers(&s.x) {
		far, fast = math.Hypot(far, x-target[i]), math.Hypot(fast, v[i])
	}
	return far <= s.rest && fast <= s.rest*s.oscillator.omega
}

// advance moves the spring for d.
func (s *SpringOf[V]) advance(d time.Duration) (now step) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.awake {
		return now
	}
	target, v, seconds := numbers(&s.target), numbers(&s.v), d.Seconds()
	x := numbers(&s.x)
	for i := range x {
		x[i], v[i] = s.oscillator.move(x[i], v[i], target[i], seconds)
	}
	rests := s.restsLocked()
	if rests {
		var zero V
		s.x, s.v = s.target, zero
		s.awake = false
		s.mover.leave()
	}
	now = s.stepLocked()
	if rests {
		now.conn, s.conn = s.conn, nil
		if done := s.done; done != nil {
			s.done = nil
			now.over = func() { close(done) }
		}
	}
	return now
}

// An oscillator is y" + 2 zeta omega y' + omega^2 y = 0, the damped harmonic oscillator
// of any text on mechanics (Taylor, "Classical Mechanics", 2005, ch. 5). For games see Ryan
// Juckett, "Damped Springs", 2012.
type oscillator struct{ omega, zeta float64 }

// move returns position and speed t seconds later. The solution is linear. So near the
// largest number move scales all down, and nothing on the way overflows.
func (o oscillator) move(x, v, target, t float64) (float64, float64) {
	const near, small = 1e250, 0x1p-200 // omega and zeta leave room for 1e50
	scale := 1.0
	if max(math.Abs(x), math.Abs(v), math.Abs(target)) > near {
		scale = small
	}
	y, v := o.step(x*scale-target*scale, v*scale, t)
	if scale == 1 {
		return target + y, v
	}
	return finite((target*scale + y) / scale), finite(v / scale)
}

// step returns position and speed t seconds later, relative to the target.
//
// The solution is usually written with constants for each of the three cases. These divide by
// the difference of two roots, which become equal as zeta goes to 1. Here it is written with
// the two solutions that have the initial values (1, 0) and (0, 1), without their factor
// exp(-at). With a = zeta omega and d = omega^2 (1-zeta^2) they are:
//
//	C(t) = cos(sqrt(d) t)    S(t) = sin(sqrt(d) t) / sqrt(d)
//	y(t) = exp(-at) (y C + (v + a y) S)
//	v(t) = exp(-at) (v C - (a v + omega^2 y) S)
//
// For d < 0 they have cosh and sinh. Both go smoothly through d = 0, where they are 1 and t.
// In the overdamped case exp(-at) is multiplied in before cosh can overflow. The slow rate
// a-k is computed as omega^2/(a+k), which does not cancel for large zeta.
func (o oscillator) step(y, v, t float64) (float64, float64) {
	a := o.zeta * o.omega
	var c, s float64 // with exp(-at) multiplied in
	if o.zeta < 1 {
		w := o.omega * math.Sqrt((1-o.zeta)*(1+o.zeta))
		e := math.Exp(-a * t)
		c, s = e*math.Cos(w*t), e*math.Sin(w*t)/w
	} else {
		k := o.omega * math.Sqrt((o.zeta-1)*(o.zeta+1))
		e := math.Exp(-o.omega * t * (o.omega / (a + k)))
		c, s = e*(1+math.Exp(-2*k*t))/2, e*t
		if k > 0 {
			s = e * -math.Expm1(-2*k*t) / (2 * k)
		}
	}
	return y*c + (v+a*y)*s, v*c - (a*v+o.omega*o.omega*y)*s
}
