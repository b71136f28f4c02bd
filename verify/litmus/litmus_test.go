package litmus

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	roundsFlag = flag.Int("litmus.rounds", 0, "rounds of each test; 0: a number for everyday use")
	limitFlag  = flag.Duration("litmus.limit", 0, "when a test ends with fewer rounds; 0: after 3 s, or 1 s with -short")
	stuckFlag  = flag.Duration("litmus.stuck", time.Minute, "how long a round may take before it counts as hanging")
)

// Pause lets other goroutines run.
func Pause() { runtime.Gosched() }

// tests are all there are. Each takes an owner that is its own.
var tests = []func(app *tether.Owner) *Test{
	fireDestroy, fireDestroyCrowd, fireDestroyNext, fireDestroySwitch, fireReplaceDestroy, fireFireDestroy,
	fireDisconnect, onceFireFire, fireMute,
	connectFire, connectDestroy, connectDisconnectAll, activeEdges, activeTurns,
	mutualDestroy, heldGoroutine, beatIdle, ringCancel,
	destroyDestroy, goDestroy, deferDestroy, stopTimer, timerDestroy, childParent, fireChildParent,
	func(app *tether.Owner) *Test { return fireRelieve(app, false) },
	func(app *tether.Owner) *Test { return fireRelieve(app, true) },
	func(app *tether.Owner) *Test { return queueDestroy(app, tether.Block, false, false) },
	func(app *tether.Owner) *Test { return queueDestroy(app, tether.Block, true, false) },
	func(app *tether.Owner) *Test { return queueDestroy(app, tether.DropOldest, false, false) },
	func(app *tether.Owner) *Test { return queueDestroy(app, tether.DropNewest, true, false) },
	func(app *tether.Owner) *Test { return queueDestroy(app, tether.Block, false, true) },
	func(app *tether.Owner) *Test { return queueDestroy(app, tether.Block, true, true) },
}

func plan() Plan {
	p := Plan{Rounds: *roundsFlag, Procs: min(runtime.GOMAXPROCS(0), runtime.NumCPU()), Limit: *limitFlag, Wait: *stuckFlag}
	if p.Rounds == 0 {
		p.Rounds = 200_000
		if testing.Short() {
			p.Rounds /= 10
		}
		if testkit.Race {
			p.Rounds /= 10
		}
	}
	if p.Limit == 0 {
		p.Limit = 3 * time.Second
		if testing.Short() {
			p.Limit = time.Second
		}
	}
	p.Most = 5 * p.Rounds
	return p
}

func TestLitmus(t *testing.T) {
	for _, make := range tests {
		app := tether.NewOwner("app")
		test := make(app)
		t.Run(test.Name, func(t *testing.T) {
			defer debug.SetGCPercent(debug.SetGCPercent(400)) // fewer pauses in the sweep
			p := plan()
			p.Stuck = func(round int) {
				fmt.Printf("FORBIDDEN: %s: round %d hangs\n", test.Name, round)
				debug.SetTraceback("all")
				if os.Getenv(bugVariable) != "" {
					os.Exit(1)
				}
				panic("a round hangs")
			}
			res := test.Run(p)
			t.Log(test.Table(&res))
			if verdict := test.Verdict(&res, p); verdict != "" {
				if os.Getenv(bugVariable) != "" { // the app may not be able to end any more
					fmt.Println(verdict)
					os.Exit(1)
				}
				t.Error(verdict)
			}
		})
		_ = app.Destroy()
	}
}
