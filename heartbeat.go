package tether

import (
	"sync"
	"time"

	"github.com/seed-ec287111/tether/internal/connlist"
	"github.com/seed-ec287111/tether/internal/finally"
	"github.com/seed-ec287111/tether/internal/scope"
)

// A Tick is one beat of a [Heartbeat].
type Tick struct {
	N       uint64        // counts the ticks delivered, from 1
	Time    time.Time     // when it was delivered; with a monotonic reading
	Delta   time.Duration // time since the tick before, or since the first connection
	Skipped uint64        // beats since the tick before that got no tick of their own
}

// A Heartbeat fires a [Tick] every interval for as long as it has connections. It is a
// Source[Tick] whose signal only the library fires.
//
// Ticks are due at multiples of the interval, counted from the first connection. They never
// overlap. If a slow handler makes a tick late, the tick is delivered when that handler has
// returned: once for all the beats that were missed. Skipped counts those that got no tick of
// their own, and Delta covers the gap. The next tick is due at a multiple of the interval
// again. So the sum of all Delta is the time that has elapsed.
//
// While nobody is connected there is no goroutine, no timer and no wake-up. The next
// connection starts a new count of intervals, and the first Delta is measured from there. No
// connection gets a tick whose Time is before its Connect.
//
// Handlers run on a goroutine of the heartbeat's owner, so Destroy of that owner waits for
// them. A panic in a handler crashes the program, unless a panic handler gets it, see
// [WithPanicHandler].
//
// To simulate time, fire a Signal[Tick]: a consumer takes a Source[Tick].
type Heartbeat struct {
	signal   *Signal[Tick]
	interval time.Duration
	maxSteps int // 0: not FixedStep

	mu      sync.Mutex   // guards the fields below
	active  *scope.Scope // of the grid; dead when nobody is connected
	start   time.Time    // of the grid
	beats   int64        // beats of the grid that are over
	last    time.Time    // of the last tick, or start
	n       uint64
	skipped uint64 // beats of the grid that no tick has told of
	busy    bool   // a tick is being delivered
	late    bool   // a beat of active's came meanwhile
	dropped time.Duration
}

// A HeartbeatOption is an option of [NewHeartbeat].
type HeartbeatOption interface{ heartbeat(*Heartbeat) }

type heartbeatOption func(*Heartbeat)

func (f heartbeatOption) heartbeat(h *Heartbeat) { f(h) }

// FixedStep makes every Delta exactly the interval, as a simulation needs it. A late beat
// delivers one tick for each interval that has passed, but at most maxSteps ticks. The rest
// of the time is given up, see [Heartbeat.Dropped].
func FixedStep(maxSteps int) HeartbeatOption {
	if maxSteps < 1 {
		panicf("FixedStep with maxSteps %d", maxSteps)
	}
	return heartbeatOption(func(h *Heartbeat) { h.maxSteps = maxSteps })
}

// NewHeartbeat returns a heartbeat that belongs to owner and ends with it.
func NewHeartbeat(owner *Owner, interval time.Duration, opts ...HeartbeatOption) *Heartbeat {
	owner.check("NewHeartbeat")
	if interval <= 0 {
		panicf("NewHeartbeat with interval %v", interval)
	}
	h := &Heartbeat{interval: interval}
	for _, opt := range opts {
		if opt == nil {
			panic("tether: NewHeartbeat with nil option")
		}
		opt.heartbeat(h)
	}
	h.signal = NewSignal[Tick](owner, WhileActive(h.run), activeName("heartbeat "+interval.String()))
	return h
}

// Connect arranges for handler to be called with every tick from now on. See
// [Signal.Connect].
func (h *Heartbeat) Connect(owner *Owner, handler func(Tick), opts ...ConnectOption) *Connection {
	h.check("Connect")
	return h.signal.Connect(owner, handler, opts...)
}

// Once arranges for handler to be called with the next tick. See [Signal.Once].
func (h *Heartbeat) Once(owner *Owner, handler func(Tick), opts ...ConnectOption) *Connection {
	h.check("Once")
	return h.signal.Once(owner, handler, opts...)
}

// Len returns the number of live connections.
func (h *Heartbeat) Len() int {
	h.check("Len")
	return h.signal.Len()
}

// Dropped returns the time that [FixedStep] has given up so far.
func (h *Heartbeat) Dropped() time.Duration {
	h.check("Dropped")
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.dropped
}

func (h *Heartbeat) check(op string) {
	if h == nil || h.signal == nil {
		panic("tether: " + op + " on a nil or zero Heartbeat")
	}
}

// run starts a new grid.
func (h *Heartbeat) run(active *Owner) {
	h.mu.Lock()
	h.active, h.beats, h.skipped, h.late = active.scope, 0, 0, false
	h.start = time.Now()
	h.last = h.start
	h.mu.Unlock()
	h.arm(active.scope)
}

// arm sets the timer for the next beat of the grid, which may be in the past.
func (h *Heartbeat) arm(active *scope.Scope) {
	h.mu.Lock()
	due := h.start.Add(time.Duration(h.beats+1) * h.interval)
	h.mu.Unlock()
	active.AfterFunc(time.Until(due), func() { h.beat(active) })
}

// beat delivers what is due. If the last tick of an earlier grid is still being delivered, the
// goroutine that delivers it does that afterwards.
func (h *Heartbeat) beat(active *scope.Scope) {
	h.mu.Lock()
	if h.busy {
		h.late = h.late || h.active == active // not for a beat of a grid between
		h.mu.Unlock()
		return
	}
	h.busy = true
	var b batch
	if h.active == active { // else a beat of an earlier grid, which nobody gets
		b.last = h.signal.list.Seq()
		h.takeLocked(&b, time.Now())
	}
	h.mu.Unlock()
	defer func() { // also after a panic or Goexit of a handler
		h.mu.Lock()
		current, arm := h.active, h.late || h.active == active
		h.busy, h.late = false, false
		h.mu.Unlock()
		if arm {
			h.arm(current)
		}
	}()
	finally.Each(func() bool { return h.deliver(active, &b) })
}

// A batch is what one beat delivers: count ticks like first, to the connections numbered last
// or less. Connections made later, perhaps after an idle time, must not get a tick from before
// they were made.
type batch struct {
	first Tick
	count int64
	last  uint64
}

// takeLocked takes what is due at now off the grid.
func (h *Heartbeat) takeLocked(b *batch, now time.Time) {
	passed := int64(now.Sub(h.start) / h.interval)
	missed := passed - h.beats // 1 or more, because timers are never early
	h.beats = passed
	b.first, b.count = Tick{Time: now, Delta: h.interval}, 1
	if h.maxSteps == 0 {
		b.first.Delta = now.Sub(h.last)
		h.last = now
	} else {
		b.count = min(missed, int64(h.maxSteps))
		h.dropped += time.Duration(missed-b.count) * h.interval
	}
	b.first.Skipped = h.skipped + uint64(missed-b.count)
	h.skipped = 0
}

// giveUpLocked gives up what is left of b. The next tick of the grid covers it.
func (h *Heartbeat) giveUpLocked(active *scope.Scope, b *batch) {
	if h.maxSteps > 0 {
		h.dropped += time.Duration(b.count) * h.interval
	}
	if h.active != active {
		return
	}
	h.skipped += b.first.Skipped + uint64(b.count)
	if h.maxSteps == 0 {
		h.last = h.last.Add(-b.first.Delta)
	}
}

// deliver fires the next tick of b, if there is one. If nobody has got it, that tick was none.
func (h *Heartbeat) deliver(active *scope.Scope, b *batch) bool {
	if b.count <= 0 || !active.Alive() {
		return false
	}
	tick := b.first
	b.count--
	b.first.Skipped = 0
	h.mu.Lock()
	h.n++
	tick.N = h.n
	h.mu.Unlock()
	if connlist.FireUpTo(&h.signal.list, tick, b.last) || h.signal.list.LiveUpTo(b.last) {
		return true // a muted one has missed it
	}
	b.count++ // those connections have ended, and others may have come
	b.first.Skipped = tick.Skipped
	h.mu.Lock()
	defer h.mu.Unlock()
	h.n--
	h.giveUpLocked(active, b)
	return false
}
