package load

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

// A canary is what a handler's closure holds. A closure that the collector has
// freed too early has lost its own: the memory is another object's by then, or
// has been overwritten (clobberfree).
type canary struct {
	song  [4]uint64
	other *canary // another object, which only this one refers to
}

const song = 0x5eed_0fca_a71e_5000

func hatch(freed *atomic.Int64) *canary {
	c := &canary{other: new(canary)}
	for i := range c.song {
		c.song[i], c.other.song[i] = song, ^uint64(song)
	}
	runtime.AddCleanup(c, func(int) { freed.Add(1) }, 0)
	return c
}

func (c *canary) sings() bool {
	for i := range c.song {
		if c.song[i] != song || c.other.song[i] != ^uint64(song) {
			return false
		}
	}
	return true
}

// storm connects, mutes, fires and disconnects on four goroutines, while another
// one does nothing but collect, at GOGC=1. Handler words are pointers that only
// atomic operations touch: the collector must see them all the same, and must
// not see those of the dead.
func storm(t *testing.T, rounds int) {
	t.Helper()
	defer debug.SetGCPercent(debug.SetGCPercent(1))
	app := tether.NewOwner("storm")
	var s tether.Signal[int]
	var made, freed, calls, dead atomic.Int64
	app.Go(func(ctx context.Context) {
		for ctx.Err() == nil {
			runtime.GC()
		}
	})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			o := app.NewChild("worker")
			q := tether.NewQueue(o, 4, tether.DropOldest)
			handler := func() func(int) {
				c := hatch(&freed)
				made.Add(1)
				return func(int) {
					calls.Add(1)
					if !c.sings() {
						dead.Add(1)
					}
				}
			}
			var conns []*tether.Connection
			for range rounds {
				switch n := rand.IntN(10); {
				case n < 4 || len(conns) == 0:
					conns = append(conns, s.Connect(o, handler(), tether.Priority(rand.IntN(3))))
				case n < 5:
					conns = append(conns, s.Once(o, handler()))
				case n < 6:
					conns = append(conns, s.Connect(o, handler(), tether.On(q)))
				case n < 7:
					unmute := conns[rand.IntN(len(conns))].Mute()
					s.Fire(1)
					unmute()
				default:
					i := rand.IntN(len(conns))
					conns[i].Disconnect()
					conns[i] = conns[len(conns)-1]
					conns = conns[:len(conns)-1]
				}
				s.Fire(1)
				if len(conns) > 40 {
					_ = o.Destroy()
					o, conns = app.NewChild("worker"), nil
					q = tether.NewQueue(o, 4, tether.DropOldest)
				}
			}
			_ = o.Destroy()
			runtime.KeepAlive(conns)
		})
	}
	wg.Wait()
	_ = app.Destroy()
	for range 1000 {
		if freed.Load() == made.Load() {
			break
		}
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	t.Logf("%d closures made, %d freed, %d calls, %d collections", made.Load(), freed.Load(), calls.Load(), m.NumGC)
	if n := dead.Load(); n > 0 {
		t.Errorf("%d calls of closures that had been freed", n)
	}
	if calls.Load() == 0 {
		t.Error("no calls")
	}
	if made.Load() != freed.Load() {
		t.Errorf("%d closures are still alive", made.Load()-freed.Load())
	}
	runtime.KeepAlive(&s)
}

func stormRounds() int {
	if testing.Short() || testkit.Race {
		return 2000
	}
	return 20_000
}

func TestStorm_HandlersWhileCollecting(t *testing.T) { storm(t, stormRounds()) }

// TestStorm_HandlersWhileCollectingAndClobbering has the runtime overwrite what it frees.
func TestStorm_HandlersWhileCollectingAndClobbering(t *testing.T) {
	out, err, child := again(t, "GODEBUG=clobberfree=1")
	if child {
		storm(t, stormRounds())
		return
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestStorm_FinalizersAndCleanupsAreSound loses roots, runs the mixed program and rides
// out a storm under checkfinalizers=1: a cleanup that can never run is fatal then.
func TestStorm_FinalizersAndCleanupsAreSound(t *testing.T) {
	out, err, child := again(t, "GODEBUG=checkfinalizers=1")
	if child {
		for range 100 {
			tether.NewOwner("lost").NewChild("child").Defer(func() {})
		}
		w := newWorld() // whose functions refer to their owners
		w.run(2, 10, func(i int) bool { return i < 100 })
		w.settle(t)
		storm(t, 300)
		return
	}
	if err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	out, err = once(t, "TestStorm_ACleanupThatCannotRun", "GODEBUG=checkfinalizers=1")
	if err == nil || !strings.Contains(out, "is reachable from cleanup") {
		t.Errorf("a cleanup that holds what it is for was not found: %v\n%s", err, out)
	}
}

// TestStorm_ACleanupThatCannotRun is what the test above must find.
func TestStorm_ACleanupThatCannotRun(t *testing.T) {
	if os.Getenv("TETHER_LOAD_AGAIN") != t.Name() {
		t.Skip("for another test")
	}
	c, holder := new(canary), new(canary)
	holder.other = c
	runtime.AddCleanup(c, func(h *canary) { h.other = nil }, holder)
	runtime.GC()
}

// TestStorm_FindsWordsThatTheCollectorMissed moves the words into a new block
// without the write barrier, as plain integers.
func TestStorm_FindsWordsThatTheCollectorMissed(t *testing.T) {
	if testkit.Race {
		t.Skip("its build has no race detector")
	}
	bin := buildWith(t, map[string][2]string{"internal/connlist/block.go": {
		"\t\t\tnb.append(Entry{atomic.LoadPointer(&e.word), e.id, e.conn})\n\t\t\tatomic.StorePointer(&e.word, nil)\n",
		`			at, word := nb.n.Load(), atomic.LoadUintptr((*uintptr)(unsafe.Pointer(&e.word)))
			nb.append(Entry{nil, e.id, e.conn})
			atomic.StoreUintptr((*uintptr)(unsafe.Pointer(&nb.entries[at].word)), word)
			atomic.StoreUintptr((*uintptr)(unsafe.Pointer(&e.word)), 0)
`,
	}})
	cmd := exec.Command(bin, "-test.run=^TestStorm_HandlersWhileCollecting$", "-test.timeout=2m")
	cmd.Env = append(os.Environ(), "GODEBUG=clobberfree=1")
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Errorf("it found nothing\n%s", out)
	}
	t.Logf("%v: %.200s", err, out)
}

// buildWith compiles this package's tests with text of the library replaced by
// other text. A text that does not stand there exactly once makes it fail.
func buildWith(t *testing.T, patches map[string][2]string) (bin string) {
	t.Helper()
	top, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	overlay := struct{ Replace map[string]string }{make(map[string]string)}
	for file, p := range patches {
		raw, err := os.ReadFile(filepath.Join(top, file))
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(raw), p[0]); n != 1 {
			t.Fatalf("%s has %d times, not once, the text below; bring the patch up to date:\n%s", file, n, p[0])
		}
		path := filepath.Join(dir, filepath.Base(file))
		if err := os.WriteFile(path, []byte(strings.Replace(string(raw), p[0], p[1], 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		overlay.Replace[filepath.Join(top, file)] = path
	}
	b, err := json.Marshal(overlay)
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(list, b, 0o600); err != nil {
		t.Fatal(err)
	}
	bin = filepath.Join(dir, "load.test")
	if out, err := exec.Command("go", "test", "-c", "-overlay", list, "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	return bin
}
