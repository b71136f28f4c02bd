package load

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

// TestHeldFire_KeepsNothingOfWhatComesAndGoes: a main loop may run inside a handler for
// days, while clients connect and disconnect. Whatever handler the Fire is held in, the
// first, a middle or the last one, of one priority or of several, the heap stays flat,
// and in the end the Fire calls exactly the handlers that are left.
func TestHeldFire_KeepsNothingOfWhatComesAndGoes(t *testing.T) {
	pairs := 400_000
	if testing.Short() || testkit.Race {
		pairs /= 10
	}
	const handlers = 9
	for _, priorities := range []int{1, 3} {
		for at, where := range map[int]string{0: "the first", handlers / 2: "a middle", handlers - 1: "the last"} {
			for _, own := range []bool{false, true} { // the clients' priority is one of those
				t.Run(fmt.Sprintf("%d priorities, held in %s handler, clients there=%v", priorities, where, own), func(t *testing.T) {
					var s tether.Signal[int]
					app := tether.NewOwner("app")
					defer app.Destroy()
					called := 0
					for i := range handlers {
						p := tether.Priority(-10 * (i * priorities / handlers))
						s.Connect(app, func(int) {
							called++
							if i != at {
								return
							}
							client := p
							if !own {
								client = tether.Priority(-5)
							}
							churn(&s, app, pairs/10, client)
							before := heap()
							churn(&s, app, pairs, client)
							if grown := heap() - before; grown > 256<<10 {
								t.Errorf("%d pairs of Connect and Disconnect left %d KiB", pairs, grown>>10)
							}
						}, p)
					}
					s.Fire(1)
					if called != handlers {
						t.Errorf("%d of %d handlers were called", called, handlers)
					}
				})
			}
		}
	}
}

// TestHeldFire_FindsBlocksThatKeepTheNext shows that the test above can fail.
func TestHeldFire_FindsBlocksThatKeepTheNext(t *testing.T) {
	if testkit.Race {
		t.Skip("its build has no race detector")
	}
	bin := buildWith(t, map[string][2]string{"internal/connlist/block.go": {
		"\tb.replaced.Store(true)\n\tb.next.Store(nil)\n\tb.prev = nil\n\tswitch {\n",
		"\tb.replaced.Store(true)\n\tb.prev = nil\n\tswitch {\n",
	}})
	out, err := exec.Command(bin, "-test.short", "-test.run=^TestHeldFire_Keeps/1_priorities,_held_in_the_first_handler").CombinedOutput()
	if err == nil || !strings.Contains(string(out), "pairs of Connect and Disconnect left") {
		t.Errorf("it found nothing: %v\n%s", err, out)
	}
}

// churn has clients come and go, twenty at a time.
func churn(s *tether.Signal[int], app *tether.Owner, pairs int, priority tether.ConnectOption) {
	var conns [20]*tether.Connection
	for i := range pairs {
		if c := conns[i%len(conns)]; c != nil {
			c.Disconnect()
		}
		conns[i%len(conns)] = s.Connect(app, func(int) {}, priority)
	}
	for _, c := range conns {
		if c != nil {
			c.Disconnect()
		}
	}
}
