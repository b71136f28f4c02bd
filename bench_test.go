package tether_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"

	"github.com/seed-ec287111/tether"
)

// handlers returns n closures, each with state of its own.
func handlers(n int) []func(int) {
	fs := make([]func(int), n)
	for i := range fs {
		sum := new(int)
		fs[i] = func(v int) { *sum += v ^ i }
	}
	return fs
}

func BenchmarkFire(b *testing.B) {
	for _, n := range []int{0, 1, 10, 100, 1000} {
		b.Run(fmt.Sprintf("kind=bare/handlers=%d", n), func(b *testing.B) {
			fs := handlers(n)
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				for _, f := range fs {
					f(i)
				}
			}
		})
		for _, owners := range []string{"one", "each"} {
			b.Run(fmt.Sprintf("kind=tether/owners=%s/handlers=%d", owners, n), func(b *testing.B) {
				app := tether.NewOwner("app")
				defer app.Destroy()
				var s tether.Signal[int]
				for _, f := range handlers(n) {
					owner := app
					if owners == "each" {
						owner = app.NewChild("child")
					}
					s.Connect(owner, f)
				}
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					s.Fire(i)
				}
			})
		}
	}
}

func BenchmarkFireParallel(b *testing.B) {
	for _, procs := range []int{1, 2} {
		b.Run(fmt.Sprintf("cores=%d", procs), func(b *testing.B) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
			app := tether.NewOwner("app")
			defer app.Destroy()
			var s tether.Signal[int]
			for range 10 {
				s.Connect(app, func(v int) {
					for i := range 10 {
						v += i
					}
					sink(v)
				})
			}
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					s.Fire(1)
				}
			})
		})
	}
}

//go:noinline
func sink(int) {}

func BenchmarkConnectDisconnect(b *testing.B) {
	for _, others := range []int{0, 1_000_000} {
		b.Run(fmt.Sprintf("others=%d", others), func(b *testing.B) {
			app := tether.NewOwner("app")
			defer app.Destroy()
			var s tether.Signal[int]
			h := func(int) {}
			for range others {
				s.Connect(app, h)
			}
			runtime.GC() // what the others cost is not what is measured
			b.ReportAllocs()
			for b.Loop() {
				s.Connect(app, h).Disconnect()
			}
		})
	}
}

func BenchmarkDestroyConnections(b *testing.B) {
	const n = 1_000_000
	b.Run(fmt.Sprintf("connections=%d", n), func(b *testing.B) {
		h := func(int) {}
		var before, after runtime.MemStats
		bytes := 0.0
		for b.Loop() {
			b.StopTimer()
			app := tether.NewOwner("app")
			var s tether.Signal[int]
			runtime.GC()
			runtime.ReadMemStats(&before)
			for range n {
				s.Connect(app, h)
			}
			runtime.GC()
			runtime.ReadMemStats(&after)
			bytes = float64(after.HeapAlloc-before.HeapAlloc) / n
			b.StartTimer()
			if err := app.Destroy(); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/connection")
		b.ReportMetric(bytes, "B/connection")
	})
}

func BenchmarkOwner(b *testing.B) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var s tether.Signal[int]
	h := func(int) {}
	for _, conns := range []int{0, 1} {
		b.Run(fmt.Sprintf("connections=%d", conns), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				o := app.NewChild("child")
				for range conns {
					s.Connect(o, h)
				}
				o.Destroy()
			}
		})
	}
}

func BenchmarkGo(b *testing.B) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	b.ReportAllocs()
	for b.Loop() {
		o := app.NewChild("child")
		o.Go(func(context.Context) {})
		o.Destroy()
	}
}

func BenchmarkQueue(b *testing.B) {
	const capacity = 1024
	b.Run("kind=channel", func(b *testing.B) {
		ch := make(chan int, capacity)
		done := make(chan int)
		go func() {
			sum := 0
			for v := range ch {
				sum += v
			}
			done <- sum
		}()
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			ch <- i
		}
		close(ch)
		<-done
	})
	b.Run("kind=tether", func(b *testing.B) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		var s tether.Signal[int]
		sum := 0
		s.Connect(app, func(v int) { sum += v }, tether.On(tether.NewQueue(app, capacity, tether.Block)))
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			s.Fire(i)
		}
	})
}
