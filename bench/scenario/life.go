package scenario

import (
	"runtime"
	"time"

	"github.com/seed-ec287111/tether/bench/measure"
	"github.com/seed-ec287111/tether/bench/peers"
)

// lifeCapacity is what a subscriber's buffer holds where there may be many
// subscribers.
const lifeCapacity = 16

// leakSize is how many subscriptions come and go in each cycle of the scenario
// Leak.
const leakSize = 1000

// livesAll measures whole lives of many subscriptions at every size.
func (b *Bench) livesAll() {
	for _, kind := range []peers.Kind{peers.Sync, peers.Async} {
		sizes := b.Lives
		if kind == peers.Sync {
			sizes = b.SyncLives
		}
		for _, n := range sizes {
			for _, p := range peers.Of(kind) {
				b.spawnPeer("life", p, n)
			}
		}
	}
	for _, p := range peers.All() {
		if p.Name != "bare loop" {
			b.spawnPeer("leak", p, leakSize)
		}
	}
}

// lifeCell connects n handlers, looks at what they take, fires, connects and
// disconnects one more, and ends them all. Small sizes are repeated on several
// buses, and the clock is read once for all of them.
func lifeCell(plan Plan, who peers.Peer, n int, note noter) {
	reps := max(1, min(200, 2000/max(1, n)))
	handlers, extra := peers.Handlers(n), peers.Handlers(1)[0]
	buses := make([]peers.Bus[int], reps)
	subs := make([][]peers.Sub, reps)
	for i := range buses {
		buses[i], subs[i] = who.New(lifeCapacity), make([]peers.Sub, n)
	}
	each := func(d time.Duration) float64 { return float64(d.Nanoseconds()) / float64(reps*n) }

	// fill connects all, or returns false after the limit.
	fill := func() (took time.Duration, ok bool) {
		start := time.Now()
		for i, bus := range buses {
			for j, h := range handlers {
				subs[i][j] = bus.Connect(h)
				if j%64 == 63 && time.Since(start) > plan.Limit {
					return time.Since(start), false
				}
			}
		}
		return time.Since(start), true
	}

	goroutines := runtime.NumGoroutine()
	before := measure.Heap()
	took, ok := fill()
	if !ok {
		note(Connect, each(took), true)
		return
	}
	if n > 0 {
		note(Connect, each(took), false)
		note(Bytes, max(0, float64(measure.Heap())-float64(before))/float64(reps*n), false)
		note(Goroutines, float64(runtime.NumGoroutine()-goroutines)/float64(reps*n), false)
	}
	if who.Kind == peers.Sync {
		note(LifeFire, measure.PerOp(plan.Slice/2, func(k int) {
			for i := range k {
				buses[0].Fire(i)
			}
		}), false)
	}
	if who.Name == "bare loop" {
		return // it can't end what it began
	}
	note(Churn, measure.PerOp(plan.Slice/2, func(k int) {
		for range k {
			buses[0].Disconnect(buses[0].Connect(extra))
		}
	}), false)
	objects, _ := measure.Allocs(20, func() { buses[0].Disconnect(buses[0].Connect(extra)) })
	note(Allocs, objects, false)
	if n == 0 {
		return
	}

	start, ended, cut := time.Now(), 0, false
	for i, bus := range buses {
		for _, s := range subs[i] {
			bus.Disconnect(s)
			if ended++; ended%64 == 0 && time.Since(start) > plan.Limit/2 {
				cut = true
				break
			}
		}
		if cut {
			break
		}
	}
	took = time.Since(start)
	note(Disconnect, float64(took.Nanoseconds())/float64(ended), cut)
	if _, ok := buses[0].(peers.Grouper); !ok {
		note(Teardown, float64(took.Nanoseconds())/float64(reps), cut)
		return
	}
	if _, ok := fill(); !ok || cut {
		return
	}
	start = time.Now()
	for _, bus := range buses {
		bus.(peers.Grouper).DisconnectAll()
	}
	note(Teardown, float64(time.Since(start).Nanoseconds())/float64(reps), false)
}

// leakCell lets subscriptions come and go on one bus and looks at what each
// leaves behind.
func leakCell(_ Plan, who peers.Peer, n int, note noter) {
	bus := who.New(lifeCapacity)
	handlers := peers.Handlers(n)
	subs := make([]peers.Sub, n)
	cycle := func() {
		for i, h := range handlers {
			subs[i] = bus.Connect(h)
		}
		for i, s := range subs {
			bus.Disconnect(s)
			subs[i] = nil
		}
		measure.Settle(0, 5*time.Millisecond)
	}
	const cycles = 4
	for range cycles {
		cycle()
	}
	before := measure.Heap()
	for range cycles {
		cycle()
	}
	note(Leak, max(0, float64(measure.Heap())-float64(before))/float64(cycles*n), false)
	runtime.KeepAlive(bus)
}
