package load

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

// barriers start something of o's that calls write, a plain write to memory. It
// returns what waits for foreign goroutines, after the test's own write.
var barriers = []struct {
	name  string
	start func(o *tether.Owner, write func()) (join func())
}{
	{"handler", func(o *tether.Owner, write func()) func() {
		var s tether.Signal[int]
		s.Connect(o, func(int) { write() })
		done := make(chan struct{})
		go func() { s.Fire(1); close(done) }()
		return func() { <-done }
	}},
	{"goroutine", func(o *tether.Owner, write func()) func() {
		o.Go(func(context.Context) { write() })
		return func() {}
	}},
	{"timer", func(o *tether.Owner, write func()) func() {
		o.AfterFunc(time.Nanosecond, write)
		return func() {}
	}},
	{"queue", func(o *tether.Owner, write func()) func() {
		var s tether.Signal[int]
		s.Connect(o, func(int) { write() }, tether.On(tether.NewQueue(o, 1, tether.Block)))
		s.Fire(1)
		return func() {}
	}},
	{"tick", func(o *tether.Owner, write func()) func() {
		tether.NewHeartbeat(o, time.Microsecond).Connect(o, func(tether.Tick) { write() })
		return func() {}
	}},
}

// TestBarrier_DestroyIsOneToTheRaceDetector: the write of the test after Destroy is
// ordered after the write of what ran, by nothing but Destroy.
func TestBarrier_DestroyIsOneToTheRaceDetector(t *testing.T) {
	rounds := 10_000
	if testing.Short() {
		rounds /= 5
	}
	for _, b := range barriers {
		t.Run(b.name, func(t *testing.T) {
			ran := prove(t, b.start, rounds, func(o *tether.Owner) { _ = o.Destroy() })
			t.Logf("%d rounds, it ran in %d", rounds, ran)
			if ran == 0 {
				t.Error("it never ran, so this has shown nothing")
			}
		})
	}
}

// TestBarrier_CancelIsNoneToTheRaceDetector shows that the proof can fail.
func TestBarrier_CancelIsNoneToTheRaceDetector(t *testing.T) {
	if !testkit.Race {
		t.Skip("needs -race")
	}
	for _, b := range barriers {
		t.Run(b.name, func(t *testing.T) {
			out, err, child := again(t)
			if child {
				prove(t, b.start, 2000, func(o *tether.Owner) { o.Cancel(nil) })
				return
			}
			if err == nil || !strings.Contains(out, "WARNING: DATA RACE") {
				t.Errorf("no race was reported: %v\n%s", err, out)
			}
		})
	}
}

func prove(t *testing.T, start func(*tether.Owner, func()) func(), rounds int, end func(*tether.Owner)) (ran int) {
	t.Helper()
	app := tether.NewOwner("app")
	for i := range rounds {
		x := 0
		o := app.NewChild("o")
		join := start(o, func() { runtime.Gosched(); x = 1 })
		for range i % 4 {
			runtime.Gosched()
		}
		end(o)
		ran += x
		x = 2
		join()
	}
	_ = app.Destroy()
	return ran
}
