package history_test

import (
	"fmt"
	"testing"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/history"
)

// BenchmarkFire is what a value costs: with the handlers on a signal, and on a
// ring of it.
func BenchmarkFire(b *testing.B) {
	for _, kind := range []string{"signal", "ring"} {
		for _, n := range []int{0, 1, 10, 100} {
			b.Run(fmt.Sprintf("kind=%s/handlers=%d", kind, n), func(b *testing.B) {
				app := tether.NewOwner("app")
				defer app.Destroy()
				var s tether.Signal[int]
				src := tether.Source[int](&s)
				if kind == "ring" {
					src = history.Record(app, src, 10)
				}
				sum := 0
				for range n {
					src.Connect(app, func(v int) { sum += v })
				}
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					s.Fire(i)
				}
			})
		}
	}
}

// BenchmarkConnectDisconnect includes the replay.
func BenchmarkConnectDisconnect(b *testing.B) {
	for _, n := range []int{1, 100} {
		b.Run(fmt.Sprintf("values=%d", n), func(b *testing.B) {
			app := tether.NewOwner("app")
			defer app.Destroy()
			var s tether.Signal[int]
			r := history.Record(app, &s, n)
			for i := range n {
				s.Fire(i)
			}
			sum := 0
			h := func(v int) { sum += v }
			b.ReportAllocs()
			for b.Loop() {
				r.Connect(app, h).Disconnect()
			}
		})
	}
}

func BenchmarkAll(b *testing.B) {
	const n = 1000
	b.Run(fmt.Sprintf("values=%d", n), func(b *testing.B) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		var s tether.Signal[int]
		r := history.Record(app, &s, n)
		for i := range n {
			s.Fire(i)
		}
		b.ReportAllocs()
		for b.Loop() {
			for range r.All() {
			}
		}
	})
}

// BenchmarkRecord is what a ring costs that stays.
func BenchmarkRecord(b *testing.B) {
	app := tether.NewOwner("app")
	var s tether.Signal[int]
	b.ReportAllocs()
	for b.Loop() {
		history.Record(app, &s, 1)
	}
	b.StopTimer()
	app.Destroy()
}
