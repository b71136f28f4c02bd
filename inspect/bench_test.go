package inspect_test

import (
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/inspect"
)

// tools are what may be on while a program runs; each returns how to stop it.
var tools = []struct {
	name  string
	start func(app *tether.Owner) (stop func())
}{
	{"none", func(*tether.Owner) func() { return func() {} }},
	{"stopped", func(*tether.Owner) func() {
		inspect.RecordSites()()
		inspect.Profile()()
		inspect.Label()()
		return func() {}
	}},
	{"sites", func(*tether.Owner) func() { return inspect.RecordSites() }},
	{"profile", func(*tether.Owner) func() { return inspect.Profile() }},
	{"label", func(*tether.Owner) func() { return inspect.Label() }},
	{"watch", func(app *tether.Owner) func() {
		return inspect.Watch(app, time.Second, func(inspect.Slow) {})
	}},
}

func each(b *testing.B, f func(b *testing.B, app *tether.Owner)) {
	for _, tool := range tools {
		b.Run("tool="+tool.name, func(b *testing.B) {
			app := newOwner(b, "app")
			defer tool.start(app)()
			b.ReportAllocs()
			f(b, app)
		})
	}
}

func BenchmarkConnectDisconnect(b *testing.B) {
	each(b, func(b *testing.B, app *tether.Owner) {
		var s tether.Signal[int]
		for b.Loop() {
			s.Connect(app, func(int) {}).Disconnect()
		}
	})
}

func BenchmarkFire(b *testing.B) {
	each(b, func(b *testing.B, app *tether.Owner) {
		var s tether.Signal[int]
		n := 0
		for range 10 {
			s.Connect(app, func(v int) { n += v })
		}
		for b.Loop() {
			s.Fire(1)
		}
	})
}

func BenchmarkChild(b *testing.B) {
	each(b, func(b *testing.B, app *tether.Owner) {
		for b.Loop() {
			app.NewChild("child").Destroy()
		}
	})
}

// The cost of a look, for an app of many players.
func BenchmarkLook(b *testing.B) {
	for _, players := range []int{100, 10_000} {
		app := newOwner(b, "app")
		var s tether.Signal[int]
		for i := range players {
			p := app.NewChild(fmt.Sprint("player-", i))
			for range 5 {
				s.Connect(p, func(int) {})
			}
		}
		look := inspect.Looker(app, time.Second, func(inspect.Slow) {})
		for _, op := range []struct {
			name string
			f    func()
		}{
			{"dump", func() { inspect.Of(app).Dump(io.Discard) }},
			{"growth", func() { inspect.Growth(app, players) }},
			{"total", func() { inspect.Of(app).Total() }},
			{"watch", func() { look() }},
		} {
			b.Run(fmt.Sprintf("op=%s/players=%d", op.name, players), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					op.f()
				}
			})
		}
		app.Destroy()
	}
}
