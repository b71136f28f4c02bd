package scenario

import (
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-ec287111/tether/bench/measure"
	"github.com/seed-ec287111/tether/bench/peers"
)

// closeCycles is how many buses are closed under fire, and leftSize how many
// subscribers a bus has whose goroutines are looked for.
const (
	closeCycles = 50
	leftSize    = 100
)

// lateAll counts what goes on after it was ended.
func (b *Bench) lateAll() {
	for _, name := range []string{"late", "close", "left"} {
		for _, p := range peers.All() {
			if p.Name == "bare loop" || name != "late" && p.NoClose {
				continue
			}
			b.spawnPeer(name, p, 1)
		}
	}
}

// A watch is what one handler knows of its end.
type watch struct {
	ended   atomic.Bool // Disconnect or Close has returned
	entered atomic.Bool
}

// A tally counts calls that were late.
type tally struct{ started, running atomic.Int64 }

// handler returns a handler that takes a moment, and gives others the processor
// while it runs.
func (t *tally) handler(w *watch) func(int) {
	return func(v int) {
		late := w.ended.Load()
		w.entered.Store(true)
		for range 100 {
			v++
		}
		keep(v)
		runtime.Gosched()
		switch {
		case late:
			t.started.Add(1)
		case w.ended.Load():
			t.running.Add(1)
		}
	}
}

//go:noinline
func keep(int) {}

// awaitCall waits until the handler was called, but not for ever.
func (w *watch) awaitCall() {
	for deadline := time.Now().Add(5 * time.Millisecond); !w.entered.Load() && time.Now().Before(deadline); {
		runtime.Gosched()
	}
}

// fireUntil fires at a pace that no queue without bound grows from.
func fireUntil(bus peers.Bus[int], stop *atomic.Bool) {
	for i := 0; !stop.Load(); i++ {
		bus.Fire(i)
		for next := time.Now().Add(5 * time.Microsecond); time.Now().Before(next); {
			runtime.Gosched()
		}
	}
}

// lateCell connects and disconnects while two goroutines fire, and counts the
// calls that begin, or still run, after Disconnect has returned.
func lateCell(plan Plan, who peers.Peer, _ int, note noter) {
	var t tally
	var stop atomic.Bool
	var firers sync.WaitGroup
	bus := who.New(lifeCapacity)
	for range 2 {
		firers.Go(func() { fireUntil(bus, &stop) })
	}
	cycles := 0
	for start := time.Now(); cycles < plan.Cycles && time.Since(start) < time.Second; cycles++ {
		w := new(watch)
		sub := bus.Connect(t.handler(w))
		w.awaitCall()
		bus.Disconnect(sub)
		w.ended.Store(true)
	}
	stop.Store(true)
	firers.Wait()
	time.Sleep(20 * time.Millisecond) // for what is late
	per := 1000 / float64(cycles)
	note(LateStart, float64(t.started.Load())*per, false)
	note(LateRun, float64(t.running.Load())*per, false)
}

// closeCell closes buses while a goroutine fires, and counts the calls that
// begin, or still run, after Close has returned, and the firers that never
// return.
func closeCell(plan Plan, who peers.Peer, _ int, note noter) {
	var t tally
	cycles, held := 0, 0
	for start := time.Now(); cycles < closeCycles && time.Since(start) < time.Second; cycles++ {
		w := new(watch)
		bus := who.New(lifeCapacity)
		bus.Connect(t.handler(w))
		var stop atomic.Bool
		fired := make(chan bool)
		go func() {
			fireUntil(bus, &stop)
			close(fired)
		}()
		w.awaitCall()
		bus.Close()
		w.ended.Store(true)
		time.Sleep(200 * time.Microsecond) // for what is late
		stop.Store(true)
		select {
		case <-fired:
		case <-time.After(100 * time.Millisecond):
			held++
		}
	}
	note(CloseStart, float64(t.started.Load())*1000/float64(cycles), false)
	note(CloseRun, float64(t.running.Load())*1000/float64(cycles), false)
	note(CloseHeld, float64(held)*100/float64(cycles), false)
}

// leftCell closes a bus with subscribers and counts the goroutines that are left.
func leftCell(_ Plan, who peers.Peer, _ int, note noter) {
	before := runtime.NumGoroutine()
	bus := who.New(lifeCapacity)
	var all sync.WaitGroup
	for _, h := range arrivals(leftSize, 10, &all) {
		bus.Connect(h)
	}
	all.Add(leftSize)
	for i := range 10 {
		bus.Fire(i)
	}
	all.Wait()
	bus.Close()
	note(LeftNow, float64(runtime.NumGoroutine()-before), false)
	note(LeftLater, float64(measure.Settle(before, 300*time.Millisecond)-before), false)
	runtime.KeepAlive(bus)
}
