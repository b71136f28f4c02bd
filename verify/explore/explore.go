//go:build tether_explore

package explore

import (
	"bytes"
	"fmt"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-ec287111/tether/internal/yield"
)

// A Result says what an exploration did.
type Result struct {
	Schedules int
	Steps     int // from mark to mark, over all schedules
	Longest   int // marks in one schedule
	Diverged  int // runs that did not repeat the choices they were to repeat
	GaveUp    int // choices not explored because of that
	Time      time.Duration
	Failure   string // with the trace, "" if there was none
}

// A Run is one schedule of a scenario.
type Run struct {
	active  bool // between the set-up and the checks: marks park
	mu      sync.Mutex
	workers []*worker // by the order in which they came up
	trace   []string
	failure string
	check   func()
	pass    time.Duration // of the clock, 0 if there is none
	idle    int           // how often time has passed because nobody could go on
}

// A worker is a goroutine: one of the scenario's own, or one that the library
// started and that came to a mark.
type worker struct {
	name   string
	own    bool // of the scenario
	gid    uint64
	at     string // the mark where it is parked, "" if it is not
	done   bool
	resume chan struct{}

	pass  time.Duration // of a clock: how much time each of its steps lets pass; else 0
	times int           // that are left
}

// Go adds a worker, which begins parked.
func (r *Run) Go(name string, f func()) {
	w := &worker{name: name, own: true, resume: make(chan struct{})}
	r.mu.Lock()
	r.workers = append(r.workers, w)
	r.mu.Unlock()
	go func() {
		r.mu.Lock()
		w.gid = gid()
		r.mu.Unlock()
		defer func() {
			if p := recover(); p != nil {
				r.Failf("%s panics: %v", w.name, p)
			}
			r.mu.Lock()
			w.done = true
			r.mu.Unlock()
		}()
		r.park("start")
		f()
	}()
}

// Clock adds a worker that lets d pass, up to n times. In a schedule time stands still
// but for that: so it is a choice like any other when a timer fires. After a step of a
// clock all who can go on are equal.
func (r *Run) Clock(d time.Duration, n int) {
	r.mu.Lock()
	r.workers = append(r.workers, &worker{name: "clock", own: true, at: "time passes", pass: d, times: n})
	r.pass = d
	r.mu.Unlock()
}

// Check sets what is to be checked when everything has come to rest.
func (r *Run) Check(f func()) { r.check = f }

// Point is a mark of the scenario's own, in a handler for example.
func (r *Run) Point(name string) { yield.Point(name) }

// Failf records a broken invariant and the schedule so far.
func (r *Run) Failf(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failure == "" {
		r.failure = fmt.Sprintf(format, args...) + "\n\t" + strings.Join(r.trace, "\n\t")
	}
}

// park parks the caller, who has come to a mark.
func (r *Run) park(at string) {
	r.mu.Lock()
	if !r.active {
		r.mu.Unlock()
		return
	}
	id := gid()
	var w *worker
	for _, x := range r.workers {
		if x.gid == id && !x.done {
			w = x
		}
	}
	if w == nil {
		w = &worker{name: fmt.Sprintf("goroutine %d", len(r.workers)+1), gid: id, resume: make(chan struct{})}
		r.workers = append(r.workers, w)
	}
	w.at = at
	r.mu.Unlock()
	<-w.resume
}

// gid returns the caller's goroutine id.
func gid() uint64 {
	var buf [32]byte
	b := buf[len("goroutine "):runtime.Stack(buf[:], false)]
	if i := bytes.IndexByte(b, ' '); i > 0 {
		b = b[:i]
	}
	id, err := strconv.ParseUint(string(b), 10, 64)
	if err != nil {
		panic(err)
	}
	return id
}

// A choice is a point of a schedule where more than one goroutine could go on.
type choice struct {
	key  string // who could, and where they were
	n    int    // how many of them the bound admits
	pick int
}

// run runs one schedule: the given choices, then always the first one. It
// returns all choices made.
func (r *Run) run(scenario func(*Run), path []choice, bound int, res *Result) (made []choice, diverged bool) {
	r.active = true
	yield.Hook(nil)
	scenario(r)
	yield.Hook(r.park)
	defer yield.Hook(nil)
	var last *worker
	preemptions := 0
	for steps := 0; ; steps++ {
		synctest.Wait()
		r.mu.Lock()
		ready, lastReady := r.ready(last)
		if len(ready) == 0 && r.sleeps() {
			r.idle++
			r.mu.Unlock()
			time.Sleep(r.pass)
			continue
		}
		if len(ready) == 0 || steps > 5000 {
			r.mu.Unlock()
			break
		}
		n := len(ready)
		if lastReady && preemptions == bound {
			n = 1
		}
		pick := 0
		if n > 1 {
			c := choice{key: key(ready), n: n}
			if i := len(made); i < len(path) {
				if path[i].key != c.key {
					r.mu.Unlock()
					r.release()
					return made, true
				}
				c.pick = path[i].pick
			}
			pick = c.pick
			made = append(made, c)
		}
		if pick > 0 && lastReady {
			preemptions++
		}
		w := ready[pick]
		mark := "  "
		if last != nil && w != last && lastReady {
			mark = "* " // a preemption
		}
		r.trace = append(r.trace, mark+w.name+" goes on from: "+w.at)
		res.Steps++
		res.Longest = max(res.Longest, len(r.trace))
		if w.pass > 0 {
			if w.times--; w.times == 0 {
				w.at, w.done = "", true
			}
			last = nil
			r.mu.Unlock()
			time.Sleep(w.pass)
			continue
		}
		w.at = ""
		last = w
		r.mu.Unlock()
		w.resume <- struct{}{}
	}
	yield.Hook(nil)
	for _, w := range r.workers {
		if w.own && !w.done {
			r.Failf("deadlock: %s never ends", w.name)
		}
	}
	if r.failure != "" {
		r.release()
		return made, false
	}
	if r.check != nil {
		r.check()
		synctest.Wait()
	}
	return made, false
}

// sleeps reports whether somebody may be waiting for the time to pass, which it does of
// its own accord when nobody can go on and the clock has run out.
func (r *Run) sleeps() bool {
	return r.pass > 0 && r.idle < 10 && slices.ContainsFunc(r.workers, func(w *worker) bool { return w.own && !w.done })
}

// ready returns the parked workers, last first if it is one of them.
func (r *Run) ready(last *worker) (ready []*worker, lastReady bool) {
	for _, w := range r.workers {
		if w.at == "" {
			continue
		}
		if w == last {
			ready = slices.Insert(ready, 0, w)
			lastReady = true
		} else {
			ready = append(ready, w)
		}
	}
	return ready, lastReady
}

func key(ready []*worker) string {
	var b strings.Builder
	for _, w := range ready {
		b.WriteString(w.name)
		b.WriteByte('@')
		b.WriteString(w.at)
		b.WriteByte(';')
	}
	return b.String()
}

// release lets everybody run to their end, after a failure or when a schedule can't be
// repeated: one after the other, as the scenarios' own books have no locks.
func (r *Run) release() {
	yield.Hook(nil)
	r.mu.Lock()
	r.active = false
	parked := slices.DeleteFunc(slices.Clone(r.workers), func(w *worker) bool { return w.at == "" || w.pass > 0 })
	r.mu.Unlock()
	for _, w := range parked {
		w.resume <- struct{}{}
		synctest.Wait()
	}
}

// Explore runs the scenario under every schedule with at most bound preemptions,
// until one fails or until there were limit of them, if that is not 0.
func Explore(t *testing.T, bound, limit int, scenario func(*Run)) (res Result) {
	start := time.Now()
	defer func() { res.Time = time.Since(start) }()
	var path []choice
	for tries := 0; ; {
		r := new(Run)
		var made []choice
		diverged := false
		func() {
			defer func() {
				// The bubble's own verdict: goroutines remain, all blocked.
				if p := recover(); p != nil {
					r.Failf("%v", p)
				}
			}()
			synctest.Test(t, func(*testing.T) { made, diverged = r.run(scenario, path, bound, &res) })
		}()
		if r.failure != "" {
			res.Schedules++
			res.Failure = r.failure
			return res
		}
		if diverged {
			res.Diverged++
			if tries++; tries < 5 {
				continue // the same again: some other order of two wake-ups
			}
			res.GaveUp++
			path = path[:len(made)] // go on beside it
		} else {
			res.Schedules++
			path = made
		}
		tries = 0
		for len(path) > 0 && path[len(path)-1].pick+1 >= path[len(path)-1].n {
			path = path[:len(path)-1]
		}
		if len(path) == 0 || limit > 0 && res.Schedules >= limit {
			return res
		}
		path[len(path)-1].pick++
	}
}
