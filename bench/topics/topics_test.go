// Package topics measures package bus beside what the module proxy has of its kind: by the
// name and by the type of what is published, to 0 to 100 handlers, with no patterns and
// with 100 000 that do not match. Where handlers run elsewhere, a Publish is measured until
// all have returned.
//
//	go test -bench . ./topics
package topics

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/asaskevich/EventBus"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/bench/peers"
	"github.com/seed-ec287111/tether/bus"
)

var (
	bg    = context.Background()
	sizes = []int{0, 1, 10, 100}
)

const (
	name  = "orders.eu.placed"
	many  = 100_000
	burst = 64 // values in flight, where handlers run elsewhere
)

// newBus returns a bus with n patterns and n topics that have nothing to do with name.
func newBus(b *testing.B, n int) (*tether.Owner, *bus.Bus) {
	app := tether.NewOwner("app")
	b.Cleanup(func() { _ = app.Destroy() })
	events := bus.New(app, "bus")
	for i := range n {
		bus.Matching[int](events, fmt.Sprintf("devices.%d.*.%d", i%1000, i)).Connect(app, func(bus.Message[int]) {})
		bus.Named[int](events, fmt.Sprintf("devices.%d.%d", i%1000, i)).Connect(app, func(int) {})
	}
	return app, events
}

func BenchmarkPublish(b *testing.B) {
	for _, n := range sizes {
		b.Run(fmt.Sprintf("n=%d/by=hand", n), func(b *testing.B) {
			var mu sync.RWMutex
			topics := map[string][]func(int){}
			for range n {
				topics[name] = append(topics[name], func(int) {})
			}
			measure(b, func() {
				mu.RLock()
				fs := topics[name] // edited by copying
				mu.RUnlock()
				for _, f := range fs {
					f(1)
				}
			})
		})
		b.Run(fmt.Sprintf("n=%d/by=EventBus", n), func(b *testing.B) {
			events := EventBus.New()
			for range n {
				if err := events.Subscribe(name, func(int) {}); err != nil {
					b.Fatal(err)
				}
			}
			measure(b, func() { events.Publish(name, 1) })
		})
		for _, others := range []int{0, many} {
			b.Run(fmt.Sprintf("n=%d/by=bus/what=type/others=%d", n, others), func(b *testing.B) {
				app, events := newBus(b, others)
				topic := bus.For[int](events)
				for range n {
					topic.Connect(app, func(int) {})
				}
				measure(b, func() { _ = topic.Publish(bg, 1) })
			})
			for _, kept := range []bool{true, false} {
				b.Run(fmt.Sprintf("n=%d/by=bus/what=name/kept=%v/others=%d", n, kept, others), func(b *testing.B) {
					app, events := newBus(b, others)
					topic := bus.Named[int](events, name)
					for range n {
						topic.Connect(app, func(int) {})
					}
					if kept {
						measure(b, func() { _ = topic.Publish(bg, 1) })
					} else {
						measure(b, func() { _ = bus.Named[int](events, name).Publish(bg, 1) })
					}
				})
			}
			b.Run(fmt.Sprintf("n=%d/by=bus/what=pattern/others=%d", n, others), func(b *testing.B) {
				app, events := newBus(b, others)
				topic := bus.Named[int](events, name)
				for i := range n { // every other one is connected to the pattern
					if i%2 == 0 {
						bus.Matching[int](events, "orders.*.placed").Connect(app, func(bus.Message[int]) {})
					} else {
						topic.Connect(app, func(int) {})
					}
				}
				measure(b, func() { _ = topic.Publish(bg, 1) })
			})
		}
	}
}

func BenchmarkPublishUntilHandled(b *testing.B) {
	for _, n := range sizes[1:] {
		for _, who := range []string{"cskr/pubsub", "tailscale eventbus", "watermill gochannel"} {
			b.Run(fmt.Sprintf("n=%d/by=%s", n, who), func(b *testing.B) {
				events := peers.ByName(who).New(1024)
				defer events.Close()
				var all sync.WaitGroup
				for range n {
					events.Connect(func(int) { all.Done() })
				}
				inBursts(b, n, &all, func() { events.Fire(1) })
			})
		}
		b.Run(fmt.Sprintf("n=%d/by=bus, on a queue each", n), func(b *testing.B) {
			app, events := newBus(b, 0)
			topic := bus.Named[int](events, name)
			var all sync.WaitGroup
			for range n {
				topic.Connect(app, func(int) { all.Done() }, tether.On(tether.NewQueue(app, 1024, tether.Block)))
			}
			inBursts(b, n, &all, func() { _ = topic.Publish(bg, 1) })
		})
	}
}

func BenchmarkAsk(b *testing.B) {
	for _, on := range []bool{false, true} {
		b.Run(fmt.Sprintf("queue=%v", on), func(b *testing.B) {
			app, events := newBus(b, 0)
			var opts []tether.ConnectOption
			if on {
				opts = append(opts, tether.On(tether.NewQueue(app, 1024, tether.Block)))
			}
			if _, err := bus.Reply(app, events, func(_ context.Context, q string) (int, error) { return len(q), nil }, opts...); err != nil {
				b.Fatal(err)
			}
			measure(b, func() { _, _ = bus.Ask[int](bg, events, "q") })
		})
	}
}

func BenchmarkConnectAndDisconnect(b *testing.B) {
	for _, others := range []int{0, many} {
		b.Run(fmt.Sprintf("what=name/others=%d", others), func(b *testing.B) {
			app, events := newBus(b, others)
			topic := bus.Named[int](events, name)
			measure(b, func() { topic.Connect(app, func(int) {}).Disconnect() })
		})
		b.Run(fmt.Sprintf("what=pattern/others=%d", others), func(b *testing.B) {
			app, events := newBus(b, others)
			pattern := bus.Matching[int](events, "orders.*.placed")
			measure(b, func() { pattern.Connect(app, func(bus.Message[int]) {}).Disconnect() })
		})
	}
}

func measure(b *testing.B, f func()) {
	b.ReportAllocs()
	for b.Loop() {
		f()
	}
}

// inBursts measures publish until n handlers have returned, by the value.
func inBursts(b *testing.B, n int, all *sync.WaitGroup, publish func()) {
	b.ReportAllocs()
	for left := b.N; left > 0; left -= burst {
		now := min(left, burst)
		all.Add(now * n)
		for range now {
			publish()
		}
		all.Wait()
	}
}
