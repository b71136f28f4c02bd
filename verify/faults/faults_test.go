package faults_test

import (
	"context"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
)

// A world is what one cell plays in: root > parent > o, and below root the
// owner of the signal and that of another handler, which comes last.
type world struct {
	root, parent, o, source, other *tether.Owner
	self                           *tether.Owner // what the function belongs to
	signalOwner                    *tether.Owner // of the signal that matters to the column
	signal, active                 *tether.Signal[int]
	conn                           *tether.Connection
	ctx                            context.Context // of Wait and Values
	release                        chan bool
	within                         time.Duration // what interrupts, cleanups and closers get by DestroyContext; 0: Destroy

	ran, others, ticks, reports atomic.Int32
	cleanups                    []*atomic.Int32
	owners                      []*tether.Owner

	// Written by the goroutine that makes the function run, read after done.
	done    chan struct{}
	end     string // "returned", "Goexit" or "panic ..."
	ended   bool   // o had ended by then
	result  any    // of Go, and the error of Wait and Destroy
	first   int32  // calls when the registration had returned
	took    time.Duration
	destroy error // of the Destroy in the function

	mu       sync.Mutex // guards destroy
	late     [2]atomic.Int32
	observed string // by the function
}

func newWorld(t *testing.T, supervised bool) *world {
	w := &world{release: make(chan bool), done: make(chan struct{})}
	var opts []tether.OwnerOption
	if supervised {
		opts = append(opts, tether.WithPanicHandler(func(p *tether.PanicError) {
			if p.Value == "boom" {
				w.reports.Add(1)
			}
		}))
	}
	w.root = tether.NewOwner("root", opts...)
	w.parent = w.root.NewChild("parent")
	w.o = w.parent.NewChild("o")
	w.source = w.root.NewChild("source")
	w.other = w.root.NewChild("other")
	w.self, w.signalOwner = w.o, w.source
	for _, o := range []*tether.Owner{w.root, w.parent, w.o, w.source, w.other} {
		n := new(atomic.Int32)
		w.cleanups = append(w.cleanups, n)
		w.owners = append(w.owners, o)
		o.Defer(func() { n.Add(1) })
	}
	w.signal = tether.NewSignal[int](w.source)
	w.signal.Connect(w.other, func(int) { w.others.Add(1) }, tether.Priority(-1))
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	w.ctx = ctx
	return w
}

func ended(o *tether.Owner) bool {
	select {
	case <-o.Ended():
		return true
	default:
		return false
	}
}

func requireEnded(t *testing.T, owners ...*tether.Owner) {
	t.Helper()
	for _, o := range owners {
		require.True(t, ended(o), "%v has ended", o)
	}
}

// finish checks what must hold after every fault.
func (w *world) finish(t *testing.T) {
	t.Helper()
	<-w.done // stuck: the bubble's deadlock panic says so

	// Not poisoned: the signal still works, for owners whose Destroy waits for nobody.
	if w.source.Alive() {
		fresh, n := tether.NewOwner("fresh"), 0
		again := w.ran.Load()
		if w.conn != nil && w.conn.Connected() && w.ticks.Load() == 0 {
			again++ // the handler at fault, too, on its queue or not
		}
		w.signal.Connect(fresh, func(int) { n++ })
		w.signal.Fire(3)
		synctest.Wait()
		require.Equal(t, again, w.ran.Load(), "calls of the function at fault after a further Fire")
		require.Equal(t, 1, n, "calls of a handler connected after the fault")
		now := time.Now()
		require.NoError(t, fresh.Destroy())
		require.Zero(t, time.Since(now), "an uninvolved owner waited")
	}

	// Not stuck, nothing lost, nothing twice, nothing leaked.
	require.NoError(t, w.root.Destroy())
	requireEnded(t, w.owners...)
	for i, n := range w.cleanups {
		require.EqualValues(t, 1, n.Load(), "runs of the cleanup of %v", w.owners[i])
	}
	require.Zero(t, w.root.Stats())
	require.Zero(t, w.signal.Len())
	if w.active != nil {
		require.Zero(t, w.active.Len())
	}
	ran, others := w.ran.Load(), w.others.Load()
	w.signal.Fire(4)
	settle()
	require.Equal(t, ran, w.ran.Load(), "calls after the end")
	require.Equal(t, others, w.others.Load(), "calls after the end")
}

// healthy runs the same place once more without a fault.
func healthy(t *testing.T, c column) {
	t.Helper()
	w := newWorld(t, false)
	w.launch(c, func() {})
	settle()
	require.EqualValues(t, 1, w.ran.Load(), "calls of the function that comes after the fault")
	require.Equal(t, "returned", w.end)
	w.finish(t)
}

func TestMatrix_EveryFaultInEveryPlace(t *testing.T) {
	for _, r := range rows {
		t.Run(r.name, func(t *testing.T) {
			require.Len(t, expected[r.name], len(columns))
			for i, c := range columns {
				want := expected[r.name][i]
				if strings.HasPrefix(want, "n/a: ") {
					continue
				}
				t.Run(c.name, func(t *testing.T) {
					if want == crashes && !crash(t, "panic: boom") {
						return
					}
					synctest.Test(t, func(t *testing.T) {
						w := newWorld(t, r.name == "panics, supervised")
						require.Equal(t, want, r.observe(t, w, c))
						if r.name != "fires" && r.name != "dead owner" && r.name != "closed signal" {
							require.EqualValues(t, 1, w.ran.Load(), "calls of the function at fault")
						}
						w.finish(t)
						healthy(t, c)
					})
				})
			}
		})
	}
}

// crash runs the calling test again in a process of its own, which must be
// killed by what it prints. There, it reports true: go ahead.
func crash(t *testing.T, by string) bool {
	t.Helper()
	if os.Getenv("TETHER_FAULT") == t.Name() {
		return true
	}
	var parts []string
	for _, p := range strings.Split(t.Name(), "/") {
		parts = append(parts, "^"+regexp.QuoteMeta(p)+"$")
	}
	cmd := exec.Command(os.Args[0], "-test.run="+strings.Join(parts, "/"))
	cmd.Env = append(os.Environ(), "TETHER_FAULT="+t.Name())
	out, err := cmd.CombinedOutput()
	require.Error(t, err, "the process did not crash; it printed:\n%s", out)
	require.Contains(t, string(out), by)
	require.NotContains(t, string(out), "--- FAIL", "it failed instead")
	return false
}
