// Package testkit has what the tests of several packages need. It imports the standard
// library alone, as it stands among the library's packages.
package testkit

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Bubble runs f as a subtest, in a bubble of its own.
func Bubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

// InAndOut runs f three times: outside of any bubble, as programs run, and in two bubbles,
// one after the other. What the library makes in one bubble and uses in another, a timer,
// channel or WaitGroup that it keeps, is a fatal error in the second.
//
// It is for every test that could run in a bubble and needs none. That is not one with
// bubbles or processes of its own, one that counts what is the whole process's, or one that
// waits for the network, a clock of the machine's, or a mutex.
func InAndOut(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	t.Run("outside", f)
	Bubble(t, "bubble", f)
	Bubble(t, "bubble", f)
}

// Procs has the test run with n processors.
func Procs(t *testing.T, n int) {
	before := runtime.GOMAXPROCS(n)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// OnProcs runs f as subtests with as many processors as a schedule may depend on.
func OnProcs(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	for _, n := range []int{1, 2, 8} {
		t.Run(fmt.Sprintf("procs=%d", n), func(t *testing.T) {
			Procs(t, n)
			f(t)
		})
	}
}

// Collect runs the collector until done reports true, which it must.
func Collect(t testing.TB, what string, done func() bool) {
	t.Helper()
	for range 200 {
		runtime.GC()
		if done() {
			return
		}
		runtime.Gosched() // for the runtime's goroutine that runs cleanups
	}
	t.Fatalf("%s was not collected after 200 collections", what)
}

// Heap returns the bytes of live objects. What has a cleanup goes with the second
// collection after it became garbage.
func Heap() int64 {
	for range 3 {
		runtime.GC()
		runtime.Gosched()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// Crash runs the calling test again in a process of its own, where it is to call f and be
// killed by it, and returns what that process printed.
func Crash(t *testing.T, f func()) string {
	t.Helper()
	if os.Getenv("TETHER_CRASH") == t.Name() {
		f()
		os.Exit(0) // it did not crash
	}
	cmd := exec.Command(os.Args[0], "-test.run=^"+strings.ReplaceAll(t.Name(), "/", "$/^")+"$")
	cmd.Env = append(os.Environ(), "TETHER_CRASH="+t.Name())
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Fatalf("the process did not crash; it printed:\n%s", out)
	}
	return string(out)
}

// CPU returns for how long f keeps processors busy, with what the collector does meanwhile.
// What other processes do does not count.
func CPU(f func()) time.Duration {
	before := processor()
	f()
	return processor() - before
}
