// Package scenario puts the contestants to work and notes what it costs.
//
// Rounds are interleaved: in each, every scenario measures every contestant (A B
// C, A B C, and so on), so that what changes on the machine while it runs falls on
// all of them; and those that call handlers directly take turns in short slices.
// What needs a heap of its own, or may hang, is a cell: it runs in a process of its
// own; see cell.go.
package scenario

import (
	"fmt"
	"io"
	"runtime"
	"time"

	"github.com/seed-ec287111/tether/bench/measure"
	"github.com/seed-ec287111/tether/bench/peers"
)

// A Plan says how much to measure.
type Plan struct {
	Rounds    int
	Slice     time.Duration // one measurement, about
	Slices    int           // of each cost, a round
	Short     time.Duration // one of these slices
	Limit     time.Duration // longer than this, and a fill is given up; half of it for a teardown
	Handlers  []int         // for Fire
	Firers    []int         // goroutines that fire at once
	SyncLives []int         // sizes for lives of those that call handlers directly
	Lives     []int         // and of the others
	Pings     int           // values timed one by one
	Cycles    int           // connects and disconnects under fire
	Sizes     []int         // of the curves of tether's own growth
	Patience  time.Duration // what takes longer ends its curve
	Log       io.Writer     `json:"-"`
}

// Full is the plan of the report.
func Full(log io.Writer) Plan {
	return Plan{
		Rounds: 5, Slice: 20 * time.Millisecond, Limit: 3 * time.Second,
		Handlers:  []int{0, 1, 10, 100, 1000},
		Firers:    []int{1, 2, 4, 8, 16, 64},
		SyncLives: []int{0, 1, 10, 100, 1000, 10_000, 100_000, 1_000_000},
		Lives:     []int{0, 10, 1000, 100_000},
		Pings:     2000, Cycles: 400, Log: log,
		Slices: 60, Short: 2 * time.Millisecond,
		Sizes: []int{1000, 4000, 16_000, 64_000, 250_000, 1_000_000}, Patience: 2 * time.Second,
	}
}

// Quick is a plan for finding out whether everything still works.
func Quick(log io.Writer) Plan {
	p := Full(log)
	p.Rounds, p.Slice, p.Limit = 1, 300*time.Microsecond, 100*time.Millisecond
	p.Handlers, p.Firers = []int{0, 1, 10, 100}, []int{1, 2, 4}
	p.SyncLives, p.Lives = []int{0, 10, 1000}, []int{0, 10}
	p.Pings, p.Cycles = 100, 20
	p.Slices, p.Short = 3, 200*time.Microsecond
	p.Sizes, p.Patience = []int{100, 200, 400}, 100*time.Millisecond
	return p
}

// Names of what is measured, as the book has them.
const (
	Fire       = "fire"       // ns a Fire, sync
	Deliver    = "deliver"    // ns a Fire until all subscribers have handled it, async
	Parallel   = "parallel"   // ns a Fire, N goroutines firing, wall clock
	Payload    = "payload"    // ns a Fire of other types than int; N indexes Payloads
	Churn      = "churn"      // ns a Connect and Disconnect with N others
	Allocs     = "allocs"     // allocations of that
	Connect    = "connect"    // ns each of N connects
	Disconnect = "disconnect" // ns each of N disconnects
	Teardown   = "teardown"   // ns to end N subscriptions in the best way there is
	LifeFire   = "life fire"  // ns a Fire with N subscribers, in the process of the lives
	Bytes      = "bytes"      // heap and stacks of each of N subscriptions
	Goroutines = "goroutines" // of each of N subscriptions
	Leak       = "leak"       // bytes that a subscription leaves when it has ended
	PingP50    = "ping p50"   // ns from Fire to handler, one value at a time
	PingP99    = "ping p99"
	BurstP50   = "burst p50" // ns from Fire to handler, bursts
	BurstP99   = "burst p99"
	LateStart  = "late start"  // calls begun after Disconnect had returned, for 1000 of them
	LateRun    = "late run"    // calls still running then
	CloseStart = "close start" // the same for Close
	CloseRun   = "close run"   //
	CloseHeld  = "close held"  // firers that never came back from a Fire, of 100 closes
	LeftNow    = "left now"    // goroutines of 100 subscribers when Close has returned
	LeftLater  = "left later"  // and some time after
	Growth     = "growth"      // ns of the curve Who at N
	Hung       = "hung"        // cells that did not come back
)

// A Bench measures by a plan and keeps the book.
type Bench struct {
	Plan
	Book measure.Book

	cut  map[measure.Key]bool // lives that were given up, not to be tried again
	self string               // path of this program
}

// New returns a bench that has measured nothing. self is the path of a program
// that calls [Cell] for the arguments that cells are started with.
func New(plan Plan, self string) *Bench {
	return &Bench{Plan: plan, cut: make(map[measure.Key]bool), self: self}
}

// Run measures everything.
func (b *Bench) Run() {
	began := time.Now()
	for round := range b.Rounds {
		b.round(round, "costs", b.Costs)
		b.round(round, "fire", b.fireAll)
		b.round(round, "deliver", b.deliverAll)
		b.round(round, "parallel fire", b.parallelAll)
		b.round(round, "other types", b.payloadAll)
		b.round(round, "latency", b.latencyAll)
		b.round(round, "lives", b.livesAll)
		b.round(round, "late calls", b.lateAll)
	}
	b.step("growth", b.growAll)
	b.logf("measured in %v\n", time.Since(began).Round(time.Second))
}

// guardTime is how long Guard goes on to begin rounds.
const guardTime = 35 * time.Second

// Guard measures what the budgets are judged by, and nothing else. A machine that is
// busy gets fewer rounds.
func (b *Bench) Guard() {
	began := time.Now()
	for round := range b.Rounds {
		if time.Since(began) < guardTime {
			b.round(round, "costs", b.Costs)
		}
	}
}

// State measures what package state costs, and nothing else.
func (b *Bench) State() {
	for round := range b.Rounds {
		b.round(round, "state", b.costState)
	}
}

func (b *Bench) round(i int, what string, f func()) {
	b.step(fmt.Sprintf("round %d of %d: %s", i+1, b.Rounds, what), f)
}

func (b *Bench) step(what string, f func()) {
	began := time.Now()
	f()
	b.logf("%-30s %6.1f s\n", what, time.Since(began).Seconds())
}

func (b *Bench) logf(format string, args ...any) { fmt.Fprintf(b.Log, format, args...) }

// quiet leaves no garbage of others to the next measurement.
func quiet() { runtime.GC() }

// connect connects handlers and returns how to end the bus with them.
func connect[T any](bus peers.Bus[T], handlers []func(T)) (end func()) {
	subs := make([]peers.Sub, len(handlers))
	for i, h := range handlers {
		subs[i] = bus.Connect(h)
	}
	return func() {
		for _, s := range subs {
			bus.Disconnect(s)
		}
		bus.Close()
	}
}
