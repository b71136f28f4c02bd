package keyed_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/keyed"
)

func BenchmarkGet(b *testing.B) {
	b.Run("kind=map", func(b *testing.B) { // what Get can't be faster than
		var mu sync.Mutex
		m := map[int]*tether.Owner{}
		for i := range 1000 {
			m[i] = new(tether.Owner)
		}
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			mu.Lock()
			_ = m[i%1000]
			mu.Unlock()
		}
	})
	for _, keys := range []int{1, 1000} {
		b.Run(fmt.Sprintf("kind=keyed/keys=%d", keys), func(b *testing.B) {
			app := tether.NewOwner("app")
			defer app.Destroy()
			players := keyed.New[int](app, "players")
			for i := range keys {
				players.Get(i)
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				players.Get(i % keys)
			}
		})
	}
}

func BenchmarkMakeAndEnd(b *testing.B) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	b.Run("kind=child", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			app.NewChild("ann").Destroy()
		}
	})
	players := keyed.New[string](app, "players")
	b.Run("kind=keyed/verb=Destroy", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			players.Get("ann")
			players.Destroy("ann")
		}
	})
	b.Run("kind=keyed/verb=Replace", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			players.Replace("ann")
		}
	})
}

// BenchmarkEntry is what a key's owner costs that stays, beside a child.
func BenchmarkEntry(b *testing.B) {
	b.Run("kind=child", func(b *testing.B) {
		app := tether.NewOwner("app")
		b.ReportAllocs()
		for b.Loop() {
			app.NewChild("ann")
		}
		b.StopTimer()
		app.Destroy()
	})
	b.Run("kind=keyed", func(b *testing.B) {
		app := tether.NewOwner("app")
		players := keyed.New[int](app, "players")
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			players.Get(i)
		}
		b.StopTimer()
		app.Destroy()
	})
}
