// Arena is a game that nobody watches: players join, fight and leave for an hour
// of simulated time, and whatever they had is gone with them.
//
//	go run ./examples/arena                # an hour, in seconds
//	go run ./examples/arena -minutes 5     # less of it
//	go run ./examples/arena -leak lease    # with a planted leak: it is found
//
// It shows the sub-packages at work together:
//
//   - keyed: an owner for each player, by name. Who joins a second time replaces
//     the first; whatever ends a player ends all that was made for it.
//   - pool: bodies and shots are costly, so they are lent out, to the owners of
//     players and of single shots, and come back with these.
//   - state: two springs move a player; while they rest, they cost nothing. Its
//     energy is a value, whether it is hurt is computed from that, and an effect tells the
//     others. A board has a line for each player, by ForEach.
//   - history: the last events are kept, so who joins learns what has happened.
//   - weakref: loot is labelled and skins are shared by weak tables, and ghosts
//     listen for as long as somebody remembers them. Nobody announces the end of
//     any of these.
//
// Time is a Signal[Tick] that the program fires, ten times a simulated second.
//
// After every simulated minute the program collects garbage, compares what the
// library has with what the game knows, to the last connection, and prints a
// line: the numbers follow the players, and stay flat. In the end everything is
// destroyed and must be zero. It exits with 1, and says why, if anything is not
// as it should be.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/seed-ec287111/tether"
)

// Options are those of one run.
type Options struct {
	Minutes int
	Seed    uint64
	Leak    string // one of leaks, or none
}

func main() {
	var o Options
	flag.IntVar(&o.Minutes, "minutes", 60, "simulated `minutes`")
	flag.Uint64Var(&o.Seed, "seed", 1, "of the random `numbers`")
	flag.StringVar(&o.Leak, "leak", "", fmt.Sprintf("plant a leak: one of %v", leaks))
	flag.Parse()
	if o.Minutes < 1 || !o.valid() {
		flag.Usage()
		os.Exit(2)
	}
	if len(run(os.Stdout, o)) > 0 {
		os.Exit(1)
	}
}

// ticks is how many there are in a simulated second.
const ticks = 10

// run plays, and says what is wrong, if anything is.
func run(out io.Writer, o Options) (problems []string) {
	before := Measure()
	_, problems = play(out, o)
	after := Measure() // the game is garbage now
	if after.Goroutines > before.Goroutines {
		problems = append(problems, fmt.Sprintf("%d goroutines are left", after.Goroutines-before.Goroutines))
	}
	if grown := int64(after.Bytes) - int64(before.Bytes); grown > 2*slack {
		problems = append(problems, fmt.Sprintf("%d KiB of heap are left", grown>>10))
	}
	for _, p := range problems {
		fmt.Fprintln(out, "WRONG:", p)
	}
	if len(problems) == 0 {
		fmt.Fprintln(out, "flat all the time, and everything zero at the end")
	}
	return problems
}

// play plays until the time is over or something is wrong.
func play(out io.Writer, o Options) (rows []Row, problems []string) {
	start := time.Now()
	app := tether.NewOwner("arena")
	tick := tether.NewSignal[tether.Tick](app)
	a := NewArena(app, tick, o)

	rows = make([]Row, 0, o.Minutes) // now, as it is in the heap too
	fmt.Fprint(out, heading)
	t := tether.Tick{Delta: time.Second / ticks}
	for len(rows) < o.Minutes && len(problems) == 0 {
		for range 60 * ticks {
			t.N++
			t.Time = time.Unix(0, 0).Add(time.Duration(t.N) * t.Delta)
			a.Arrive(t)
			tick.Fire(t)
		}
		row := a.Row(len(rows) + 1)
		rows = append(rows, row)
		fmt.Fprintln(out, row)
		problems = append(a.Check(row), flat(rows)...)
	}

	if err := app.Destroy(); err != nil {
		problems = append(problems, fmt.Sprintf("Destroy: %v", err))
	}
	problems = append(problems, a.Zero()...)
	if tick.Len() > 0 {
		problems = append(problems, "somebody still listens to the ticks")
	}
	fmt.Fprintf(out, "\n%d ticks, %d players came and went, %d shots, %d events, in %v\n",
		t.N, a.joined, a.shot, a.told, time.Since(start).Round(10*time.Millisecond))
	return rows, problems
}
