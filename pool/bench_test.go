package pool_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/pool"
)

type page [4096]byte

func BenchmarkAcquireRelease(b *testing.B) {
	b.Run("kind=sync.Pool", func(b *testing.B) {
		p := sync.Pool{New: func() any { return new(page) }}
		b.ReportAllocs()
		for b.Loop() {
			p.Put(p.Get())
		}
	})
	b.Run("kind=channel", func(b *testing.B) {
		p := make(chan *page, 4)
		for range cap(p) {
			p <- new(page)
		}
		b.ReportAllocs()
		for b.Loop() {
			p <- <-p
		}
	})
	b.Run("kind=tether", func(b *testing.B) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		p := pool.New(app, func() (*page, error) { return new(page), nil }, pool.Limit(4))
		ctx := b.Context()
		b.ReportAllocs()
		for b.Loop() {
			l, err := p.Acquire(ctx, app)
			if err != nil {
				b.Fatal(err)
			}
			l.Release()
		}
	})
}

// More users than items: most of them wait, and are woken in turn.
func BenchmarkContended(b *testing.B) {
	for _, limit := range []int{1, 4} {
		b.Run(fmt.Sprintf("kind=channel/limit=%d", limit), func(b *testing.B) {
			p := make(chan *page, limit)
			for range limit {
				p <- new(page)
			}
			b.SetParallelism(8)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					p <- <-p
				}
			})
		})
		b.Run(fmt.Sprintf("kind=tether/limit=%d", limit), func(b *testing.B) {
			app := tether.NewOwner("app")
			defer app.Destroy()
			p := pool.New(app, func() (*page, error) { return new(page), nil }, pool.Limit(limit))
			ctx := b.Context()
			b.SetParallelism(8)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					l, err := p.Acquire(ctx, app)
					if err != nil {
						b.Error(err)
						return
					}
					l.Release()
				}
			})
		})
	}
}
