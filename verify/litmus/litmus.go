package litmus

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// A Kind is what to think of an outcome.
type Kind int

// The kinds of outcomes.
const (
	Allowed     Kind = iota
	Interesting      // allowed, and evidence that the parts overlapped
	Forbidden
)

func (k Kind) String() string { return [...]string{"allowed", "interesting", "FORBIDDEN"}[k] }

// An Outcome is one way for a round to end.
type Outcome struct {
	Name string
	Kind Kind
}

// A Round is run once. Its parts run at the same time; when all have returned,
// Judge is called and returns the name of the outcome.
type Round struct {
	Parts []func()
	Judge func() string
}

// A Test is a kind of round, and the outcomes that it can have.
type Test struct {
	Name     string
	Outcomes []Outcome // a name that is not among them is a forbidden outcome

	// New makes a round. It runs on one goroutine, between two rounds, as Judge
	// does, and may prepare what the rounds share.
	New func() Round

	// Share is how many of 10 000 rounds must have interesting outcomes, at the
	// least. It is set far below what a quiet machine reaches, so that a busy one
	// reaches it as well.
	Share int

	// Polite has goroutines yield while they spin: what the parts do goes on in
	// further goroutines, which need a core.
	Polite bool
}

// A Plan says how long to run.
type Plan struct {
	Rounds int           // that are enough if there are enough interesting ones
	Most   int           // that are run in search for interesting ones
	Limit  time.Duration // after which fewer rounds will do, on a busy machine
	Procs  int           // how many parts can run at once; if 1, no share is asked for
	Stuck  func(r int)   // called if a round does not end
	Wait   time.Duration // after that long
}

// A Result is the outcome of many rounds.
type Result struct {
	Rounds     int
	Overlapped int // rounds in which the parts overlapped pairwise, somewhere
	Elapsed    time.Duration
	Count      map[string]int
	Bad        string // the first forbidden outcome, which ends the run; else ""
}

// chunk is how many rounds are run before it is asked whether they are enough.
const chunk = 1000

// minInteresting is how many rounds must have an interesting outcome in any case.
const minInteresting = 5

// Run runs rounds of t until there were enough, or a forbidden one.
func (t *Test) Run(p Plan) Result {
	res := Result{Count: make(map[string]int)}
	a := newArena(len(t.New().Parts), p.Procs, t.Polite)
	defer a.close()
	defer a.watch(p)()
	began := time.Now()
	enough := func() bool {
		n, took := res.Rounds, time.Since(began)
		if t.convincing(&res, p) {
			return n >= p.Rounds || n > 0 && took > p.Limit
		}
		return n >= p.Most || n > 0 && took > 5*p.Limit
	}
	for res.Bad == "" && !enough() {
		for range chunk {
			r := t.New()
			if a.play(r.Parts) {
				res.Overlapped++
			}
			name := r.Judge()
			res.Rounds++
			res.Count[name]++
			if t.Kind(name) == Forbidden {
				res.Bad = name
				break
			}
		}
	}
	res.Elapsed = time.Since(began)
	return res
}

// Kind returns the kind of the outcome with the given name.
func (t *Test) Kind(name string) Kind {
	for _, o := range t.Outcomes {
		if o.Name == name {
			return o.Kind
		}
	}
	return Forbidden
}

// Interesting returns how many rounds had an interesting outcome.
func (t *Test) Interesting(res *Result) (n int) {
	for name, times := range res.Count {
		if t.Kind(name) == Interesting {
			n += times
		}
	}
	return n
}

func (t *Test) convincing(res *Result, p Plan) bool {
	n := t.Interesting(res)
	return p.Procs == 1 || n >= minInteresting && n*10_000 >= t.Share*res.Rounds
}

// Verdict returns what is wrong with the result, "" if nothing.
func (t *Test) Verdict(res *Result, p Plan) string {
	switch {
	case res.Bad != "":
		return fmt.Sprintf("FORBIDDEN after %d rounds: %s", res.Rounds, res.Bad)
	case !t.convincing(res, p):
		return fmt.Sprintf("only %d of %d rounds were interesting, and not %d in 10 000: this has shown nothing",
			t.Interesting(res), res.Rounds, t.Share)
	}
	return ""
}

// Table formats the result.
func (t *Test) Table(res *Result) string {
	var b strings.Builder
	per := float64(res.Rounds) / res.Elapsed.Seconds()
	fmt.Fprintf(&b, "%s: %d rounds, %.0f k/s, parts overlapped in %.1f %%\n",
		t.Name, res.Rounds, per/1000, 100*float64(res.Overlapped)/float64(res.Rounds))
	rows := slices.Clone(t.Outcomes)
	if res.Bad != "" && !slices.ContainsFunc(rows, func(o Outcome) bool { return o.Name == res.Bad }) {
		rows = append(rows, Outcome{res.Bad, Forbidden})
	}
	for _, o := range rows {
		fmt.Fprintf(&b, "  %12d  %-11s  %s\n", res.Count[o.Name], o.Kind, o.Name)
	}
	return b.String()
}

// A line is a word with a cache line of its own.
type line struct {
	_ [64]byte
	v atomic.Int64
	_ [56]byte
}

// An arena has the goroutines that run the parts. The caller of play runs the
// first part, so that what makes and judges a round runs on one of them too.
type arena struct {
	parts []func()
	idle  []uint32 // for how long each part idles once released
	rude  bool     // hardly ever yields: there is a core for each part

	open    line   // number of the round whose parts can be fetched
	ready   line   // arrivals, of all rounds together
	release line   // number of the round that was released
	begun   []line // number of the round that this part has begun
	done    line   // returns, of all rounds together
	saw     []bool // that all others had begun when this part was over
	round   int64

	others sync.WaitGroup
}

func newArena(parts, procs int, polite bool) *arena {
	a := &arena{
		idle: make([]uint32, parts), begun: make([]line, parts), saw: make([]bool, parts),
		rude: procs >= parts && !polite,
	}
	for i := 1; i < parts; i++ {
		a.others.Go(func() { a.serve(i) })
	}
	return a
}

func (a *arena) close() {
	a.open.v.Store(-1)
	a.others.Wait()
}

// play runs the parts once and reports whether they overlapped: each one had
// begun before any of them was over.
func (a *arena) play(parts []func()) (overlapped bool) {
	a.parts = parts
	// Windows are a few nanoseconds wide or some hundreds, and parts take from
	// 20 ns to microseconds: so the range is drawn as well.
	width := uint32(1)<<rand.N[uint32](12) - 1
	for i := range a.idle {
		a.idle[i] = rand.Uint32() & width
	}
	a.round++
	n := int64(len(parts) - 1)
	a.open.v.Store(a.round)
	a.await(&a.ready, n*a.round)
	a.release.v.Store(a.round)
	a.run(0, a.round, parts[0], a.idle[0])
	a.await(&a.done, n*a.round)
	for _, saw := range a.saw {
		if !saw {
			return false
		}
	}
	return true
}

// serve runs part i of every round. All that it needs is fetched before it says
// that it spins.
func (a *arena) serve(i int) {
	for round := int64(1); a.await(&a.open, round); round++ {
		part, idle := a.parts[i], a.idle[i]
		a.ready.v.Add(1)
		a.await(&a.release, round)
		a.run(i, round, part, idle)
		a.done.v.Add(1)
	}
}

// await spins until l has reached n, or is -1.
func (a *arena) await(l *line, n int64) (ok bool) {
	for spins := 0; ; spins++ {
		v := l.v.Load()
		if v >= n || v < 0 {
			return v >= 0
		}
		if !a.rude && spins%64 == 0 || spins%(1<<14) == 1<<14-1 {
			runtime.Gosched()
		}
	}
}

func (a *arena) run(i int, round int64, part func(), idle uint32) {
	Idle(idle)
	a.begun[i].v.Store(round)
	part()
	saw := true
	for j := range a.begun {
		saw = saw && a.begun[j].v.Load() == round
	}
	a.saw[i] = saw
}

// Idle passes some time, about a nanosecond or less for each of n.
//
//go:noinline
func Idle(n uint32) {
	for range n { // the compiler keeps empty loops
	}
}

// watch calls p.Stuck if a round does not end, until stop is called.
func (a *arena) watch(p Plan) (stop func()) {
	if p.Stuck == nil {
		return func() {}
	}
	end := make(chan struct{})
	var watcher sync.WaitGroup
	watcher.Go(func() {
		tick := time.NewTicker(p.Wait)
		defer tick.Stop()
		for last := int64(-1); ; {
			select {
			case <-end:
				return
			case <-tick.C:
			}
			now := a.done.v.Load() + a.open.v.Load()
			if now == last {
				p.Stuck(int(a.open.v.Load()))
			}
			last = now
		}
	})
	return func() { close(end); watcher.Wait() }
}
