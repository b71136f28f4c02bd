//go:build tether_explore

package explore

import (
	"cmp"
	"flag"
	"fmt"
	"regexp"
	"strings"
	"testing"
)

var (
	long   = flag.Bool("explore.long", false, "one preemption more")
	limit  = flag.Int("explore.limit", 0, "stop a scenario after so many schedules; 0: never")
	bound  = flag.Int("explore.bound", -1, "the number of preemptions; -1: each scenario's own")
	keep   = flag.String("explore.keep", "", "where to leave the binary of the deep build, to run it by hand")
	isDeep = flag.Bool("explore.deep", false, "set by TestDeep and TestPlantedBugs for the binaries that they run")
)

// Every schedule of every scenario, up to the bound, keeps what Tether promises.
//
// The three tests are parallel: the schedules of this one are all that uses the library in
// this process, and the other two start processes of their own.
func TestExplore(t *testing.T) {
	t.Parallel()
	warmUp()
	var all Result
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) {
			n := s.bound
			if *isDeep {
				n = s.deep
			}
			if n < 0 {
				t.Skip("not in this build")
			}
			if *long {
				n++
			}
			if *bound >= 0 {
				n = *bound
			}
			res := Explore(t, n, *limit, s.f)
			t.Logf("bound=%d schedules=%d steps=%d longest=%d diverged=%d gave-up=%d time=%v",
				n, res.Schedules, res.Steps, res.Longest, res.Diverged, res.GaveUp, res.Time.Round(1e6))
			all.Schedules += res.Schedules
			all.Time += res.Time
			if res.Failure != "" {
				t.Errorf("schedule %d: %s", res.Schedules, res.Failure)
			}
		})
	}
	t.Logf("all: schedules=%d time=%v", all.Schedules, all.Time.Round(1e6))
}

// The same in a build whose mutexes are modelled, with marks inside critical
// sections too.
func TestDeep(t *testing.T) {
	if *isDeep {
		t.Skip("this is the deep build")
	}
	t.Parallel()
	var args []string
	if *long {
		args = append(args, "-explore.long")
	}
	args = append(args, fmt.Sprintf("-explore.limit=%d", *limit))
	bin := deepBuild(t)
	for _, with := range []string{"", noSlots} {
		t.Run(cmp.Or(with, "slots"), func(t *testing.T) {
			t.Parallel()
			out, err := exploreDeep(bin, "", with, args...)
			if err != nil {
				t.Fatalf("%v:\n%s", err, out)
			}
			for _, line := range regexp.MustCompile(`(?m)^=== RUN +TestExplore/(.*)\n.*(bound=.*)$|(all: .*)$`).FindAllStringSubmatch(out, -1) {
				t.Log(line[1], line[2], line[3])
			}
		})
	}
}

// A proof technique that finds no planted bug proves nothing.
func TestPlantedBugs(t *testing.T) {
	if *isDeep {
		t.Skip("this is the deep build")
	}
	t.Parallel()
	bin := deepBuild(t)
	for _, b := range bugs {
		t.Run(b.name, func(t *testing.T) {
			t.Parallel()
			for n := range 3 {
				out, err := exploreDeep(bin, b.scenario, b.name, fmt.Sprintf("-explore.bound=%d", n))
				if err == nil {
					continue
				}
				found := regexp.MustCompile(`schedule (\d+): (.*)`).FindStringSubmatch(out)
				if found == nil {
					t.Fatalf("%v, without a trace:\n%s", err, out)
				}
				t.Logf("found with %d preemptions in schedule %s: %s", n, found[1], found[2])
				if testing.Verbose() && strings.Contains(out, "goes on from") {
					t.Log(out[strings.Index(out, "schedule "+found[1]):])
				}
				return
			}
			t.Errorf("%q does not find it with up to 2 preemptions", b.scenario)
		})
	}
}
