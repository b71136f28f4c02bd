package tethertest_test

import (
	"fmt"
	"testing"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/tethertest"
)

// BenchmarkVerifyNone is what a verification costs a test that does nothing, by
// how many owners with a connection each are older.
func BenchmarkVerifyNone(b *testing.B) {
	for _, older := range []int{0, 10, 1000} {
		b.Run(fmt.Sprintf("older=%d", older), func(b *testing.B) {
			var said tether.Signal[string]
			hub := tether.NewOwner("hub")
			defer hub.Destroy()
			for i := range older {
				said.Connect(hub.NewChild(fmt.Sprint(i)), hear)
			}
			b.ReportAllocs()
			for b.Loop() {
				f := &fake{name: "TestNothing"}
				f.here(func(t *fake) { tethertest.VerifyNone(t) })
				if len(f.text) > 0 {
					b.Fatal(f.text)
				}
			}
		})
	}
}

// BenchmarkUnderVerification is how much longer things take in a test that
// verifies.
func BenchmarkUnderVerification(b *testing.B) {
	var said tether.Signal[string]
	app := tether.NewOwner("app")
	defer app.Destroy()
	for _, c := range []struct {
		name string
		f    func()
	}{
		{"root", func() { tether.NewOwner("short").Destroy() }},
		{"rootInGoroutine", func() { inGoroutine(func() { tether.NewOwner("short").Destroy() }) }},
		{"child", func() { app.NewChild("short").Destroy() }},
		{"connection", func() { said.Connect(app, hear).Disconnect() }},
	} {
		for _, verified := range []bool{false, true} {
			b.Run(fmt.Sprintf("make=%s/verified=%t", c.name, verified), func(b *testing.B) {
				if verified {
					tethertest.VerifyNone(b)
				}
				b.ReportAllocs()
				for b.Loop() {
					c.f()
				}
			})
		}
	}
}

func BenchmarkRecorder(b *testing.B) {
	var said tether.Signal[string]
	r := tethertest.Record(b, &said)
	b.ReportAllocs()
	for b.Loop() {
		said.Fire("hello")
		r.Next()
	}
}
