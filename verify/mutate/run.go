package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A suite is one test binary. A mutant meets the suites in the order of suites,
// but the slow tests of each only when the quick ones of all have passed.
type suite struct {
	name, dir string
	only      string // a mutant of files below this alone; "" for all, see meets
	core      bool   // and those of the core
	tags      string
	bin       string
	tests     []*test
}

// A test is one test function, and what it costs and reaches when it runs alone.
type test struct {
	Name    string
	Seconds float64 // of processor time
	Reached []byte  // by number of mutant
}

func suites(root string) []*suite {
	all := []*suite{{name: "root", dir: root}}
	inside, _ := filepath.Glob(filepath.Join(root, "internal", "*"))
	for _, dir := range inside {
		if found, _ := filepath.Glob(filepath.Join(dir, "*_test.go")); len(found) > 0 {
			name := "internal/" + filepath.Base(dir)
			all = append(all, &suite{name: name, dir: dir, only: name + "/"})
		}
	}
	for _, p := range above {
		// bus and derive use what the core has for its own packages alone.
		all = append(all, &suite{name: p, dir: filepath.Join(root, p), only: p + "/", core: p == "bus" || p == "derive"})
	}
	all = append(all, &suite{name: "verify/state", dir: filepath.Join(root, "verify", "state"), only: "state/"})
	for _, p := range []string{"inspect", "tethertest", "verify/faults", "verify/linear", "verify/model"} {
		all = append(all, &suite{name: p, dir: filepath.Join(root, filepath.FromSlash(p))})
	}
	if *explore {
		all = append(all, &suite{name: "verify/explore", dir: filepath.Join(root, "verify", "explore"), tags: "tether_explore"})
	}
	return all
}

// meets reports whether mutants of a file are for the suite: those of a package above
// the core are for its own tests alone.
func (s *suite) meets(file string) bool {
	if s.only != "" && strings.HasPrefix(file, s.only) {
		return true
	}
	dir, _, _ := strings.Cut(file, "/")
	return (s.only == "" || s.core) && !slices.Contains(above, dir)
}

// build compiles the suite with all mutants in it.
func (s *suite) build(sch *schema, dir string) error {
	s.bin = filepath.Join(dir, strings.ReplaceAll(s.name, "/", "_")+".test")
	cmd := exec.Command("go", "test", "-c", "-vet=off", "-overlay="+sch.overlay, "-tags="+s.tags, "-o", s.bin, ".")
	cmd.Dir = s.dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", s.name, err, out)
	}
	return nil
}

// left are tests that say nothing about the library, but about the checkers, and some that
// do not always pass with mutants that are off.
var left = map[string]bool{"TestPlantedBugs": true, "TestDeep": true,
	"TestOwnerInfo_KeepsNothingAlive": true, // the questions keep what it waits for alive
	"TestComplexity_IsLinear":         true, // it goes by the clock, which the questions and a busy machine upset
}

// list returns the names of the suite's tests, examples included.
func (s *suite) list() ([]string, error) {
	cmd := exec.Command(s.bin, "-test.list=^(Test|Example|Fuzz)")
	cmd.Dir = s.dir
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("listing %s: %w", s.name, err)
	}
	return slices.DeleteFunc(strings.Fields(string(out)), func(name string) bool { return left[name] }), nil
}

// An outcome is that of one run of some tests.
type outcome struct {
	status string // "passed", "failed" or "hung"
	by     string // the test that failed, where that is known
	cpu    time.Duration
	output []byte
}

// stopped is done when the user has had enough.
var stopped = context.Background()

var failing = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

// idle is how long a process may stand still before it counts as hung. No test
// sleeps so long outside of a bubble, whose clock takes no time.
const idle = 2 * time.Second

// run runs the tests with the given names, or all, with mutant n on; -1 is none. They
// may use so much processor time, and a large multiple of that by the clock: in a bubble a
// hang may look like sleep, with some work now and then.
func (s *suite) run(names []string, n int, cpu time.Duration, env ...string) outcome {
	args := []string{"-test.short", "-test.failfast", "-test.timeout=0", "-test.count=1"}
	if names != nil {
		args = append(args, "-test.run=^("+strings.Join(names, "|")+")$")
	}
	cmd := exec.Command(s.bin, args...)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "TETHER_MUTANT="+strconv.Itoa(n))
	cmd.Env = append(cmd.Env, env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = time.Second
	if err := cmd.Start(); err != nil {
		return outcome{status: "failed", output: []byte(err.Error())}
	}
	ended := make(chan struct{})
	var failed error // set before ended is closed
	go func() {
		defer close(ended)
		failed = cmd.Wait()
	}()
	o := outcome{status: "passed"}
	group := cmd.Process.Pid
	var since time.Time // when it was last seen to run
	var last int64
	tick := time.NewTicker(250 * time.Millisecond)
	defer tick.Stop()
	start := time.Now()
	since = start
loop:
	for {
		select {
		case <-ended:
			if failed != nil {
				o.status = "failed"
			}
			break loop
		case <-stopped.Done():
			o.status = "hung"
		case <-tick.C:
			u := usage(group)
			if u.running || u.ticks > last+1 {
				since, last = time.Now(), u.ticks
			}
			if time.Since(since) > idle || time.Since(start) > 10*time.Second+20*cpu || time.Duration(u.ticks)*10*time.Millisecond > cpu || u.bytes > 3<<30 {
				o.status = "hung"
			}
		}
		if o.status == "hung" {
			// Its group: itself and its children. If it is over by now there is none.
			_ = syscall.Kill(-group, syscall.SIGKILL)
			<-ended
			break
		}
	}
	if cmd.ProcessState != nil {
		o.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	o.output = out.Bytes()
	if m := failing.FindSubmatch(o.output); m != nil {
		o.by = string(m[1])
	}
	return o
}

// A use is what processes have used, and whether any thread of them runs or
// wants to.
type use struct {
	running bool
	ticks   int64 // of processor time, 10 ms each
	bytes   int64
}

// usage asks about a process and its descendants.
func usage(pid int) (u use) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	fields := stat(filepath.Join(dir, "stat"))
	if len(fields) < 22 {
		return u
	}
	for _, i := range []int{11, 12, 13, 14} { // its own time, and its dead children's
		t, _ := strconv.ParseInt(fields[i], 10, 64)
		u.ticks += t
	}
	pages, _ := strconv.ParseInt(fields[21], 10, 64)
	u.bytes = pages * int64(os.Getpagesize())
	threads, _ := filepath.Glob(filepath.Join(dir, "task", "*"))
	for _, t := range threads {
		if f := stat(filepath.Join(t, "stat")); len(f) > 0 && (f[0] == "R" || f[0] == "D") {
			u.running = true
		}
		children, _ := os.ReadFile(filepath.Join(t, "children"))
		for _, c := range strings.Fields(string(children)) {
			child, _ := strconv.Atoi(c)
			v := usage(child)
			u.running = u.running || v.running
			u.ticks += v.ticks
			u.bytes += v.bytes
		}
	}
	return u
}

// stat returns the fields of a stat file after the name, which may have spaces.
func stat(name string) []string {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil
	}
	return strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
}

// record runs one test alone, and notes what it reaches. A test that fails is
// left out.
func (s *suite) record(name, dir string, mutants int) (*test, error) {
	file := filepath.Join(dir, "reached."+strings.ReplaceAll(s.name, "/", "_")+"."+name)
	if err := os.WriteFile(file, make([]byte, mutants), 0o644); err != nil {
		return nil, err
	}
	defer os.Remove(file)
	var o outcome
	for range 3 { // the machine may be busy
		o = s.run([]string{name}, -1, 10*time.Minute, "TETHER_REACHED="+file)
		if o.status == "passed" || stopped.Err() != nil {
			break
		}
	}
	if o.status != "passed" { // nor does it say anything with one
		if stopped.Err() == nil {
			fmt.Printf("left out: %s of %s %s without a mutant:\n%s\n", name, s.name, o.status, o.output)
		}
		return &test{Name: name, Reached: make([]byte, mutants)}, stopped.Err()
	}
	reached, err := os.ReadFile(file)
	return &test{name, o.cpu.Seconds(), reached}, err
}

// A batch is some tests of one suite that run in one process.
type batch struct {
	s     *suite
	names []string
	cpu   float64
}

// quick bounds the processor time of the tests that run first.
const quick = 0.7

// batches returns the tests that reach m, in the order in which to ask them.
func batches(all []*suite, m *Mutant, full bool) []batch {
	var first, second []batch
	for _, s := range all {
		if !s.meets(m.File) {
			continue
		}
		var reach []*test
		for _, t := range s.tests {
			if t.Reached[m.N] != 0 {
				reach = append(reach, t)
			}
		}
		slices.SortStableFunc(reach, func(a, b *test) int {
			return int(1e6 * (a.Seconds - b.Seconds))
		})
		a, b := batch{s: s}, batch{s: s}
		for _, t := range reach {
			to := &a
			if a.cpu+t.Seconds > quick && len(a.names) > 0 {
				to = &b
			}
			to.names = append(to.names, t.Name)
			to.cpu += t.Seconds
		}
		if len(a.names) > 0 {
			first = append(first, a)
		}
		if len(b.names) > 0 {
			second = append(second, b)
		}
	}
	slices.SortStableFunc(first, func(a, b batch) int { return len(b.s.only) - len(a.s.only) }) // its own package's first
	if !full {
		return first
	}
	return append(first, second...)
}

// try asks the tests that reach m whether they notice it.
// If not full, only the quick ones. The killer, "suite: test", is asked first if
// that is known.
func try(all []*suite, m *Mutant, full bool, killer string) result {
	r := result{Key: m.Key(), ID: m.ID(), File: m.File, Status: survived}
	list := batches(all, m, full)
	if name, test, ok := strings.Cut(killer, ": "); ok {
		for _, s := range all {
			if s.name == name {
				list = slices.Insert(list, 0, batch{s: s, names: []string{test}, cpu: quick})
			}
		}
	}
	if len(list) == 0 {
		r.Status = unreached
	}
	start := time.Now()
	for _, b := range list {
		limit := time.Duration((1 + 3*b.cpu) * float64(time.Second))
		if o := b.s.run(b.names, m.N, limit); o.status != "passed" {
			r.Status, r.By = killed, b.s.name+": "+o.by
			if o.status == "hung" {
				r.Status = hung
			}
			break
		}
	}
	r.Seconds = time.Since(start).Seconds()
	return r
}
