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

// BenchmarkMap is what a value with an owner costs: to find it, to make and end it, and to
// have it.
func BenchmarkMap(b *testing.B) {
	value := new(int)
	open := func(*tether.Owner, int) *int { return value }
	b.Run("op=Get", func(b *testing.B) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		m := keyed.NewMap(app, "m", open)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			m.Get(i % 1000)
		}
	})
	b.Run("op=GetDestroy", func(b *testing.B) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		m := keyed.NewMap(app, "m", open)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			m.Get(i)
			m.Destroy(i)
		}
	})
	b.Run("op=Replace", func(b *testing.B) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		m := keyed.NewMap(app, "m", open)
		b.ReportAllocs()
		for b.Loop() {
			m.Replace(1)
		}
	})
	b.Run("op=GetMany", func(b *testing.B) {
		app := tether.NewOwner("app")
		m := keyed.NewMap(app, "m", open)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			m.Get(i)
		}
		b.StopTimer()
		app.Destroy()
	})
}
