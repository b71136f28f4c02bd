package scenario

import (
	"sync"

	"github.com/seed-ec287111/tether/bench/measure"
	"github.com/seed-ec287111/tether/bench/peers"
)

// fireAll measures Fire where it calls the handlers itself.
func (b *Bench) fireAll() {
	for _, n := range b.Handlers {
		b.compete(Fire, n, peers.Handlers(n), func(bus peers.Bus[int]) measure.Trial {
			return measure.Timed(func(k int) {
				for i := range k {
					bus.Fire(i)
				}
			})
		})
	}
}

// competeSlices is how many slices each contestant gets, in turn.
const competeSlices = 10

// compete notes what the contestants that call handlers directly cost by trial,
// with the same handlers: of each the median of slices that alternate.
func (b *Bench) compete(what string, n int, handlers []func(int), trial func(peers.Bus[int]) measure.Trial) {
	all := peers.Of(peers.Sync)
	trials := make([]measure.Trial, len(all))
	for i, p := range all {
		bus := p.New(1)
		defer connect(bus, handlers)()
		trials[i] = trial(bus)
	}
	quiet()
	for i, s := range measure.Alternate(competeSlices, b.Slice/competeSlices, trials...) {
		b.Book.Add(what, all[i].Name, n, s.Median())
	}
}

// asyncCapacity is what a subscriber's buffer holds in all scenarios of Fire.
const asyncCapacity = 1024

// An arrival counts what one asynchronous handler was called with, and tells
// when a burst is complete. It fills a cache line: handlers run at once.
type arrival struct {
	peers.Counter
	calls, burst int
	all          *sync.WaitGroup
	_            [96]byte
}

// arrivals returns n handlers, each of which takes one from all after every
// burst of calls.
func arrivals(n, burst int, all *sync.WaitGroup) []func(int) {
	fs := make([]func(int), n)
	for i := range fs {
		a := &arrival{burst: burst, all: all}
		fs[i] = func(v int) {
			a.Sum += v ^ i
			if a.calls++; a.calls == a.burst {
				a.calls = 0
				a.all.Done()
			}
		}
	}
	return fs
}

// burstOf returns how many values to fire before waiting for them: fewer for
// more subscribers, for what has no bound but memory.
func burstOf(n int) int { return max(8, min(256, 20_000/max(1, n))) }

// deliverAll measures Fire until the last subscriber has handled the value, in
// bursts, where handlers run on other goroutines.
func (b *Bench) deliverAll() {
	for _, n := range b.Handlers {
		for _, p := range peers.Of(peers.Async) {
			burst := burstOf(n)
			var all sync.WaitGroup
			bus := p.New(asyncCapacity)
			end := connect(bus, arrivals(n, burst, &all))
			quiet()
			ns := measure.PerOp(b.Slice, func(k int) {
				for range k {
					all.Add(n)
					for i := range burst {
						bus.Fire(i)
					}
					all.Wait()
				}
			})
			b.Book.Add(Deliver, p.Name, n, ns/float64(burst))
			end()
		}
	}
}

// parallelSubscribers is how many handlers the concurrent firers call.
const parallelSubscribers = 10

// parallelAll measures Fire of one bus by many goroutines at once, in wall clock
// time.
func (b *Bench) parallelAll() {
	for _, firers := range b.Firers {
		b.compete(Parallel, firers, peers.SharedHandlers(parallelSubscribers), func(bus peers.Bus[int]) measure.Trial {
			return measure.Timed(func(k int) { share(bus, firers, k) })
		})
		if firers > 2 {
			continue
		}
		for _, p := range peers.Of(peers.Async) {
			const burst = 256
			var all sync.WaitGroup
			bus := p.New(asyncCapacity)
			end := connect(bus, arrivals(parallelSubscribers, burst, &all))
			quiet()
			ns := measure.PerOp(b.Slice, func(k int) {
				for range k {
					all.Add(parallelSubscribers)
					share(bus, firers, burst)
					all.Wait()
				}
			})
			b.Book.Add(Parallel, p.Name, firers, ns/burst)
			end()
		}
	}
}

// share fires k values, shared out to goroutines.
func share(bus peers.Bus[int], firers, k int) {
	if firers == 1 {
		for i := range k {
			bus.Fire(i)
		}
		return
	}
	var wg sync.WaitGroup
	for g := range firers {
		part := k / firers
		if g == 0 {
			part += k % firers
		}
		wg.Go(func() {
			for i := range part {
				bus.Fire(i)
			}
		})
	}
	wg.Wait()
}
