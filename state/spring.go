package state

import (
	"fmt"
	"math"
	"sync"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/check"
	"github.com/seed-ec287111/tether/internal/handle"
)

// A SpringConfig says how a spring moves.
type SpringConfig struct {
	// Frequency is how often a second the spring would swing without damping.
	Frequency float64
	// Damping is the damping ratio: below 1 it swings past the target, at 1 it is
	// there soonest without doing so, above it creeps. At 0 it swings for ever.
	Damping float64
	// Rest is how near to the target is at rest, in units of the position, at a
	// speed below Rest times 2 pi times Frequency. 0 means 0.001.
	Rest float64
}

// A Spring is a number that follows a target like a mass on a damped spring. It
// moves with the ticks of a source, by the exact solution for each Delta: so the
// ticks' length makes no difference to where it is, nor does a missing one, and
// no Delta is too long.
//
// At rest it is asleep: it is at the target exactly, and not connected to its
// source, so that a heartbeat without other consumers stops. It is a [Readable];
// its methods may be called by multiple goroutines at once.
type Spring struct {
	position   *Value[float64]
	owner      *tether.Owner
	src        tether.Source[tether.Tick]
	oscillator oscillator
	rest       float64

	mu     sync.Mutex // guards the fields below; before books
	x, v   float64
	target float64
	awake  bool
	gen    uint64             // counts wakings: a late tick of an earlier one is nothing
	conn   *tether.Connection // while awake; nil until Connect has returned
}

// NewSpring returns a spring that belongs to owner and rests at initial. It is
// connected to src with owner whenever it is awake, and stays where it is when
// the owner is cut off. A source that has closed moves it no more. [Equal] is not
// one of its options: Rest says what makes a difference.
func NewSpring(owner *tether.Owner, src tether.Source[tether.Tick], initial float64, config SpringConfig, opts ...Option) *Spring {
	handle.Scope("state: NewSpring", owner)
	if check.Nil(src) {
		panic("state: NewSpring with nil Source")
	}
	if !(config.Frequency > 0) || math.IsInf(config.Frequency, 0) {
		panic(fmt.Sprintf("state: NewSpring with Frequency %v", config.Frequency))
	}
	if !(config.Damping >= 0) || math.IsInf(config.Damping, 0) {
		panic(fmt.Sprintf("state: NewSpring with Damping %v", config.Damping))
	}
	if !(config.Rest >= 0) || math.IsInf(config.Rest, 0) {
		panic(fmt.Sprintf("state: NewSpring with Rest %v", config.Rest))
	}
	checkFinite("NewSpring", initial)
	if config.Rest == 0 {
		config.Rest = 0.001 // a thousandth of a pixel, degree or percent: nobody sees it
	}
	return &Spring{
		position:   newNumber("NewSpring", owner, initial, opts),
		owner:      owner,
		src:        src,
		oscillator: oscillator{omega: 2 * math.Pi * config.Frequency, zeta: config.Damping},
		rest:       config.Rest,
		x:          initial,
		target:     initial,
	}
}

// Get returns the position.
func (s *Spring) Get() float64 { return s.position.Get() }

// Use returns the position to a computing function. See [Value.Use].
func (s *Spring) Use(use *Use) float64 { return s.position.Use(use) }

// Changes returns the source of the position's changes, one a tick while it is
// awake. See [Value.Changes].
func (s *Spring) Changes() tether.Source[Change[float64]] { return s.position.Changes() }

// Velocity returns the speed in units a second.
func (s *Spring) Velocity() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.v
}

// Target returns where the spring is going, or is.
func (s *Spring) Target() float64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.target
}

// Asleep reports whether the spring is at rest.
func (s *Spring) Asleep() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.awake
}

// SetTarget has the spring go to x from where it is, with the speed that it has;
// if it is at rest nearer to x than Rest, it is there at once. Where the owner is
// dead, SetTarget does nothing.
// It connects to the source if it was asleep; the first Delta counts from there
// with a heartbeat that nobody else listens to, else from the tick before.
func (s *Spring) SetTarget(x float64) {
	checkFinite("SetTarget", x)
	s.mu.Lock()
	if !s.position.owner.Alive() {
		s.mu.Unlock()
		return
	}
	s.target = x
	s.wakeLocked()
}

// Impulse adds to the speed, as a blow would.
func (s *Spring) Impulse(speed float64) {
	checkFinite("Impulse", speed)
	s.mu.Lock()
	if !s.position.owner.Alive() {
		s.mu.Unlock()
		return
	}
	s.v += speed
	s.wakeLocked()
}

// wakeLocked frees mu, and connects if that is needed, as Connect may run the
// user's code.
func (s *Spring) wakeLocked() {
	lost := s.awake && s.conn != nil && !s.conn.Connected()
	switch {
	case s.awake && !lost:
		s.mu.Unlock()
		return
	case !s.awake && s.restsLocked(): // it would be at rest after the first tick
		s.x, s.v = s.target, 0
		todo := s.position.put(s.x)
		s.mu.Unlock()
		todo.settle()
		return
	}
	s.awake, s.conn = true, nil
	s.gen++
	gen := s.gen
	s.mu.Unlock()

	var conn *tether.Connection
	defer func() { // also if Connect panics
		s.mu.Lock()
		if s.gen == gen && s.awake {
			s.conn = conn
			s.awake = conn != nil && conn.Connected()
			conn = nil
		}
		s.mu.Unlock()
		if conn != nil {
			conn.Disconnect() // it has come to rest meanwhile
		}
	}()
	conn = s.src.Connect(s.owner, func(t tether.Tick) { s.tick(gen, t) })
}

func (s *Spring) restsLocked() bool {
	return math.Abs(s.x-s.target) <= s.rest && math.Abs(s.v) <= s.rest*s.oscillator.omega
}

func (s *Spring) tick(gen uint64, t tether.Tick) {
	s.mu.Lock()
	if gen != s.gen || !s.awake {
		s.mu.Unlock()
		return
	}
	y, v := s.oscillator.step(s.x-s.target, s.v, max(0, t.Delta.Seconds()))
	s.x, s.v = s.target+y, v
	var conn *tether.Connection
	if s.restsLocked() {
		s.x, s.v = s.target, 0
		s.awake, conn, s.conn = false, s.conn, nil
	}
	todo := s.position.put(s.x)
	s.mu.Unlock()
	if conn != nil {
		conn.Disconnect()
	}
	todo.settle()
}

// An oscillator is y" + 2 zeta omega y' + omega^2 y = 0, the damped harmonic
// oscillator of any text on mechanics (Taylor, "Classical Mechanics", 2005, ch. 5;
// for games Ryan Juckett, "Damped Springs", 2012).
type oscillator struct{ omega, zeta float64 }

// step returns position and speed t seconds later, relative to the target.
//
// The solution is usually written with constants for each of the three cases,
// which take the difference of two roots that become equal as zeta goes to 1, and
// divide by it. Here it is written by the two solutions with initial values (1, 0)
// and (0, 1), freed of exp(-at), with a = zeta omega and d = omega^2 (1-zeta^2):
//
//	C(t) = cos(sqrt(d) t)    S(t) = sin(sqrt(d) t) / sqrt(d)
//	y(t) = exp(-at) (y C + (v + a y) S)
//	v(t) = exp(-at) (v C - (a v + omega^2 y) S)
//
// with cosh and sinh for d < 0. Both go smoothly through d = 0, where they are 1
// and t. In the overdamped case exp(-at) is multiplied in before cosh can
// overflow, and the slow rate a-k is computed as omega^2/(a+k), which does not
// cancel for large zeta.
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

func checkFinite(verb string, x float64) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		panic(fmt.Sprintf("state: %s with %v", verb, x))
	}
}
