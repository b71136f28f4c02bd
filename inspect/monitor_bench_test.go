package inspect_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/inspect"
)

func BenchmarkMonitor(b *testing.B) {
	for _, n := range []int{1000, 100_000, 1_000_000} {
		b.Run(fmt.Sprintf("owners=%d", n), func(b *testing.B) {
			app := newOwner(b, "app")
			var s tether.Signal[string]
			var group *tether.Owner
			for i := range n {
				if i%10_000 == 0 {
					group = app.NewChild(fmt.Sprint("lobby-", i))
				}
				o := group.NewChild(fmt.Sprint("player-", i))
				s.Connect(o, hear)
				o.Defer(sweep)
			}
			m := inspect.NewMonitor(time.Second)
			b.ReportAllocs()
			for b.Loop() {
				m.Look()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/owner")
		})
	}
}

// What a Fire takes while nobody looks, and while somebody does all the time, at a million
// owners. The longest of a batch says how long anybody waits.
func BenchmarkFireWhileLooking(b *testing.B) {
	app := newOwner(b, "app")
	var crowd tether.Signal[string]
	for i := range 1_000_000 {
		crowd.Connect(app.NewChild(fmt.Sprint("player-", i)), hear)
	}
	var s tether.Signal[int]
	s.Connect(app, count)
	for _, looking := range []bool{false, true} {
		b.Run(fmt.Sprintf("looking=%v", looking), func(b *testing.B) {
			ctx, stop := context.WithCancel(b.Context())
			var done sync.WaitGroup
			if looking {
				m := inspect.NewMonitor(time.Second)
				done.Go(func() {
					for ctx.Err() == nil {
						m.Look()
					}
				})
			}
			var longest time.Duration
			for b.Loop() {
				start := time.Now()
				s.Fire(1)
				longest = max(longest, time.Since(start))
			}
			stop()
			done.Wait()
			b.ReportMetric(float64(longest.Microseconds()), "us-longest")
		})
	}
}
