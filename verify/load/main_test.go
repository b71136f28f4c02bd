package load

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

var (
	soakFor   = flag.Duration("soak", 3*time.Second, "how long the soak runs")
	roundsFor = flag.Int("rounds", 300_000, "rounds of each litmus test; a tenth under -race, -short or both")
)

// TestMain asks two witnesses for leaked goroutines: goleak and, if the
// experiment is on, the runtime's own profile.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(witness{m})
}

type witness struct{ m *testing.M }

func (w witness) Run() int {
	code := w.m.Run()
	p := pprof.Lookup("goroutineleak")
	if p == nil {
		return code
	}
	var b bytes.Buffer
	for range 2 { // the second one sees what the first one's collection found
		b.Reset()
		if err := p.WriteTo(&b, 1); err != nil {
			fmt.Println(err)
			return 1
		}
	}
	fmt.Println(strings.SplitN(b.String(), "\n", 2)[0])
	if !strings.Contains(b.String(), "total 0\n") {
		fmt.Println(b.String())
		return 1
	}
	return code
}

// again runs the calling test in a process of its own, with env, and returns
// what it printed. child is true in that process.
func again(t *testing.T, env ...string) (out string, err error, child bool) {
	t.Helper()
	if os.Getenv("TETHER_LOAD_AGAIN") == t.Name() {
		return "", nil, true
	}
	args := []string{"-test.v", "-test.run=^" + strings.ReplaceAll(t.Name(), "/", "$/^") + "$"}
	if testing.Short() {
		args = append(args, "-test.short")
	}
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(append(os.Environ(), "TETHER_LOAD_AGAIN="+t.Name(), "GORACE=atexit_sleep_ms=0"), env...)
	b, err := cmd.CombinedOutput()
	return string(b), err, false
}

// goroutinesBack fails t unless there are no more goroutines than before.
func goroutinesBack(t *testing.T, before int) {
	t.Helper()
	for range 2000 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(time.Millisecond)
	}
	t.Errorf("got %d goroutines, want the %d of before", runtime.NumGoroutine(), before)
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
