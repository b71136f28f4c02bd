package scenario

import (
	"sync"
	"time"

	"github.com/seed-ec287111/tether/bench/measure"
	"github.com/seed-ec287111/tether/bench/peers"
)

// burstLength is how many values come at once where latency is measured in
// bursts.
const burstLength = 64

// latencyAll measures the time from Fire to the beginning of the handler's call,
// with one subscriber: of single values, where the firer waits for each, and in
// bursts. Both times are of the monotonic clock.
func (b *Bench) latencyAll() {
	for _, p := range peers.Of(peers.Async) {
		b.latency(p, 1, PingP50, PingP99)
	}
	for _, p := range peers.Of(peers.Async) {
		b.latency(p, burstLength, BurstP50, BurstP99)
	}
}

func (b *Bench) latency(p peers.Peer, burst int, p50, p99 string) {
	base := time.Now()
	var all sync.WaitGroup
	took := make([]float64, 0, b.Pings+burst)
	bus := p.New(asyncCapacity)
	end := connect(bus, []func(int){func(sent int) {
		took = append(took, float64(time.Since(base).Nanoseconds()-int64(sent)))
		all.Done()
	}})
	quiet()
	fire := func() {
		all.Add(burst)
		for range burst {
			bus.Fire(int(time.Since(base).Nanoseconds()))
		}
		all.Wait()
	}
	for range 32 { // warm up
		fire()
	}
	took = took[:0]
	for len(took) < b.Pings {
		fire()
	}
	end()
	b.Book.Add(p50, p.Name, 1, measure.Quantile(took, 0.50))
	b.Book.Add(p99, p.Name, 1, measure.Quantile(took, 0.99))
}
