package load

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

// size is n, or less where that would take long.
func size(n int) int {
	if testkit.Race {
		return n / 20
	}
	if testing.Short() {
		return n / 4
	}
	return n
}

// TestLarge_AMillionLiveConnections: each takes at most 160 bytes, and none when it is
// over, whether it was disconnected or its owner destroyed.
func TestLarge_AMillionLiveConnections(t *testing.T) {
	n := size(1_000_000)
	app := tether.NewOwner("app")
	defer app.Destroy()
	var s tether.Signal[int]
	var calls int
	handler := func(int) { calls++ }
	conns := make([]*tether.Connection, n)
	empty := heap()
	connect := func(o *tether.Owner) (each float64) {
		t.Helper()
		began := time.Now()
		for i := range conns {
			conns[i] = s.Connect(o, handler)
		}
		took := time.Since(began)
		each = float64(heap()-empty) / float64(n)
		began = time.Now()
		calls = 0
		s.Fire(1)
		t.Logf("%d connections: %.0f B and %.0f ns each; a Fire %.1f ns each", n, each,
			float64(took.Nanoseconds())/float64(n), float64(time.Since(began).Nanoseconds())/float64(n))
		if calls != n || s.Len() != n {
			t.Errorf("%d calls, Len %d", calls, s.Len())
		}
		return each
	}
	flat := func(what string, took time.Duration) {
		t.Helper()
		clear(conns)
		left := heap() - empty
		t.Logf("%s: %.0f ns each; %d KiB are left", what, float64(took.Nanoseconds())/float64(n), left>>10)
		if left > 256<<10 {
			t.Error("the heap is not flat")
		}
		if s.Len() != 0 {
			t.Errorf("Len is %d", s.Len())
		}
	}

	o := app.NewChild("one by one")
	if each := connect(o); each > 160 && !testkit.Race {
		t.Errorf("%.0f bytes a connection", each)
	}
	rand.Shuffle(n, func(i, j int) { conns[i], conns[j] = conns[j], conns[i] })
	began := time.Now()
	for _, c := range conns {
		c.Disconnect()
	}
	flat("disconnected in random order", time.Since(began))
	if st := o.Stats(); st != (tether.Stats{Owners: 1}) {
		t.Errorf("the owner holds %+v", st)
	}

	o = app.NewChild("at once")
	connect(o)
	began = time.Now()
	_ = o.Destroy()
	flat("their owner destroyed", time.Since(began))
	runtime.KeepAlive(conns)
}

// TestLarge_AHundredThousandOwnersAndAFiringStorm: three deep, ended by one call while
// all cores fire at them. Each cleanup runs once, after those of its children,
// and no handler runs after its owner's cleanup.
func TestLarge_AHundredThousandOwnersAndAFiringStorm(t *testing.T) {
	for _, storm := range []bool{false, true} {
		name := "in silence"
		if storm {
			name = "in a firing storm"
		}
		t.Run(name, func(t *testing.T) { ownersThreeDeep(t, storm) })
	}
}

func ownersThreeDeep(t *testing.T, storm bool) {
	before, empty := runtime.NumGoroutine(), heap()
	leaves := size(2000)
	root := tether.NewOwner("root")
	signals := make([]tether.Signal[int], 64)
	var late, early, calls, fires, cleanups atomic.Int64
	owners := 1
	plant := func(parent *tether.Owner, below *atomic.Int64, size int64) (o *tether.Owner, under *atomic.Int64) {
		o, under = parent.NewChild("o"), new(atomic.Int64)
		var over atomic.Bool
		o.Defer(func() {
			over.Store(true)
			cleanups.Add(1)
			below.Add(1)
			if under.Load() != size {
				early.Add(1)
			}
		})
		signals[owners%len(signals)].Connect(o, func(int) {
			calls.Add(1)
			if over.Load() {
				late.Add(1)
			}
		})
		owners++
		return o, under
	}
	var tops atomic.Int64
	for range 10 {
		top, under := plant(root, &tops, 5)
		for range 5 {
			mid, below := plant(top, under, int64(leaves))
			for range leaves {
				plant(mid, below, 0)
			}
		}
	}
	if st := root.Stats(); st.Owners != owners || st.Connections != owners-1 {
		t.Errorf("%d owners made: %+v", owners, st)
	}
	var stop atomic.Bool
	var firers sync.WaitGroup
	if storm {
		for k := range 2 * runtime.GOMAXPROCS(0) {
			firers.Go(func() {
				for i := k; !stop.Load(); i++ {
					signals[i%len(signals)].Fire(i)
					fires.Add(1)
				}
			})
		}
		for fires.Load() < 100 {
			runtime.Gosched()
		}
	}
	began := time.Now()
	err := root.Destroy()
	took := time.Since(began)
	after := calls.Load()
	for n := fires.Load(); storm && fires.Load() < n+1000; {
		runtime.Gosched() // whoever calls now is caught
	}
	stop.Store(true)
	firers.Wait()
	t.Logf("%d owners, %d Fires, %d calls: destroyed in %v, %.0f ns each",
		owners, fires.Load(), calls.Load(), took.Round(time.Millisecond), float64(took.Nanoseconds())/float64(owners))
	if err != nil {
		t.Error(err)
	}
	if calls.Load() != after || late.Load() != 0 {
		t.Errorf("%d calls after Destroy, %d after a cleanup", calls.Load()-after, late.Load())
	}
	if cleanups.Load() != int64(owners-1) || early.Load() != 0 || tops.Load() != 10 {
		t.Errorf("%d cleanups of %d, %d before those of a child", cleanups.Load(), owners-1, early.Load())
	}
	if st := root.Stats(); st != (tether.Stats{}) {
		t.Errorf("left over: %+v", st)
	}
	for i := range signals {
		if signals[i].Len() != 0 {
			t.Fatal("a signal has connections")
		}
	}
	if n := goroutines(before); n > before {
		t.Errorf("%d goroutines before, %d after", before, n)
	}
	if left := heap() - empty; left > 256<<10 {
		t.Errorf("%d KiB are left", left>>10)
	}
	runtime.KeepAlive(signals)
}
