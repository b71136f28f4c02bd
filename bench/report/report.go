// Package report writes what was measured: tables, pictures, and sentences, all
// of which come from the figures.
package report

import (
	"bytes"
	_ "embed"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strings"
	"text/template"
	"time"

	"github.com/seed-ec287111/tether/bench/measure"
	"github.com/seed-ec287111/tether/bench/peers"
	"github.com/seed-ec287111/tether/bench/scenario"
)

//go:embed report.md.tmpl
var page string

// absent are libraries that belong here, but that the module proxy does not
// have: it answers that no version is available.
var absent = []string{"kelindar/event", "maniartech/signals", "gookit/event", "mustafaturan/bus/v3"}

// A Machine is what the figures were measured on, and of.
type Machine struct {
	CPU       string
	Cores     int
	OS        string
	Go        string
	Date      string
	Commit    string // with "-dirty" where the tree is
	Took      time.Duration
	Plan      scenario.Plan
	ModulesOf map[string]string // versions by module path
}

// Here describes this machine and this program.
func Here(plan scenario.Plan, took time.Duration) Machine {
	m := Machine{
		CPU: cpu(), Cores: runtime.NumCPU(), OS: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(),
		Date: time.Now().UTC().Format("2006-01-02 15:04 UTC"), Commit: commit(), Took: took.Round(time.Second), Plan: plan,
		ModulesOf: make(map[string]string),
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, d := range info.Deps {
			m.ModulesOf[d.Path] = d.Version
		}
	}
	return m
}

// cpu returns the model's name, if the system tells it.
func cpu() string {
	data, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(data)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown CPU"
}

// commit returns the commit of the tree, which is dirty if anything but what this
// program writes is.
func commit() string {
	git := func(args ...string) string {
		out, err := exec.Command("git", append([]string{"--no-optional-locks"}, args...)...).Output()
		if err != nil {
			return ""
		}
		return strings.TrimSpace(string(out))
	}
	head := git("rev-parse", "--short=12", "HEAD")
	if head == "" {
		return "unknown"
	}
	if git("status", "--porcelain", "--", ":/", ":(exclude,top)bench/REPORT.md", ":(exclude,top)bench/*.svg", ":(exclude,top)README.md") != "" {
		head += "-dirty"
	}
	return head
}

// Write writes REPORT.md and its pictures to dir.
func Write(dir string, b *measure.Book, m Machine) error {
	growth := growths(b)
	if err := figures(dir, b, growth); err != nil {
		return err
	}
	t, err := template.New("report").Funcs(functions(b, growth, m)).Parse(page)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	if err := t.Execute(&out, m); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "REPORT.md"), out.Bytes(), 0o644)
}

// functions are what the template calls.
func functions(b *measure.Book, growth []Growth, m Machine) template.FuncMap {
	sync, async, all := peers.Of(peers.Sync), peers.Of(peers.Async), peers.All()
	verdicts := scenario.Judge(b)
	const ours, queue = peers.Ours, "tether (queue each)"
	standingOf := func(what string, sizes []int, noun string, why reason) string {
		return standing(b, what, ours, peers.Sync, sizes, noun, why)
	}
	return template.FuncMap{
		"budgets":    func() string { return budgetTable(verdicts).String() },
		"met":        func() string { return met(verdicts) },
		"state":      func() string { return stateTable(b).String() },
		"stateBytes": func() string { return stateBytes(b) },
		"honest":     func() string { return honest(b, m.Plan) },
		"fire":       func() string { return compare(b, scenario.Fire, sync, m.Plan.Handlers, "subscriber", duration) },
		"fireWords":  func() string { return standingOf(scenario.Fire, m.Plan.Handlers, "subscriber", delivery) },
		"fireBare":   func() string { return bareNote(b, scenario.Fire, m.Plan.Handlers) },
		"deliver":    func() string { return compare(b, scenario.Deliver, async, m.Plan.Handlers, "subscriber", duration) },
		"deliverWords": func() string {
			return standing(b, scenario.Deliver, queue, peers.Async, m.Plan.Handlers, "subscriber", delivery)
		},
		"parallel": func() string {
			return several(b, all, []column{{"1 goroutine fires", scenario.Parallel, 1, duration}, {"2 goroutines fire", scenario.Parallel, 2, duration}})
		},
		"parallelWords": func() string { return standingOf(scenario.Parallel, []int{1, 2}, "goroutine", delivery) },
		"payload": func() string {
			columns := make([]column, 0, len(scenario.Payloads))
			for i, name := range scenario.Payloads {
				columns = append(columns, column{name, scenario.Payload, i, duration})
			}
			return several(b, sync, columns)
		},
		"payloadHandlers": func() int { return scenario.PayloadHandlers },
		"churn":           func() string { return compare(b, scenario.Churn, all, churn, "other", duration) },
		"churnWords":      func() string { return standingOf(scenario.Churn, churn, "other", ending) },
		"churnAsyncWords": func() string { return standing(b, scenario.Churn, queue, peers.Async, churn, "other", ending) },
		"teardown":        func() string { return compare(b, scenario.Teardown, all, bulk, "subscription", duration) },
		"teardownWords":   func() string { return standingOf(scenario.Teardown, bulk, "subscription", ending) },
		"teardownAsyncWords": func() string {
			return standing(b, scenario.Teardown, queue, peers.Async, bulk, "subscription", ending)
		},
		"memory": func() string {
			return several(b, all, []column{
				{"bytes, of 1000", scenario.Bytes, 1000, size}, {"bytes, of 100 000", scenario.Bytes, 100_000, size},
				{"goroutines", scenario.Goroutines, 1000, trim}, {"allocations of both", scenario.Allocs, 0, trim},
				{"left behind", scenario.Leak, 1000, size},
			})
		},
		"latency": func() string {
			return several(b, async, []column{
				{"alone, p50", scenario.PingP50, 1, duration}, {"alone, p99", scenario.PingP99, 1, duration},
				{"in bursts of 64, p50", scenario.BurstP50, 1, duration}, {"in bursts of 64, p99", scenario.BurstP99, 1, duration},
			})
		},
		"latencyWords": func() string {
			return standing(b, scenario.PingP50, queue, peers.Async, []int{1}, "subscriber", delivery)
		},
		"late": func() string {
			return several(b, all, []column{
				{"start after unsubscribe", scenario.LateStart, 1, trim}, {"run after unsubscribe", scenario.LateRun, 1, trim},
				{"start after close", scenario.CloseStart, 1, trim}, {"run after close", scenario.CloseRun, 1, trim},
				{"firers held for ever", scenario.CloseHeld, 1, trim},
				{"goroutines left at close", scenario.LeftNow, 1, trim}, {"300 ms later", scenario.LeftLater, 1, trim},
			})
		},
		"lateWords":  func() string { return lateNote(b, scenario.LateStart, scenario.LateRun) },
		"closeWords": func() string { return lateNote(b, scenario.CloseStart, scenario.CloseRun) },
		"growth":     func() string { return growthTable(of(growth, ""), decadesOf) },
		"complexity": func() string { return complexityTables(growth, m.Plan.Sizes) },
		"firers":     func() string { return firersTable(b) },
		"exponents":  func() string { return exponentTable(b) },
		"tailFrom":   func() int { return tailFrom },
		"claims":     claimsTable,
		"why": func() string {
			var out strings.Builder
			for _, p := range all {
				out.WriteString("- **" + p.Name + "** " + p.Why + ". It " + p.Ends + ".\n")
			}
			return out.String()
		},
		"versions": func() string {
			t := table{head: []string{"contestant", "module", "version"}}
			for _, p := range all {
				if !p.ByHand && !strings.HasPrefix(p.Name, ours) {
					t.rows = append(t.rows, []string{p.Name, "`" + p.Module + "`", m.ModulesOf[p.Module]})
				}
			}
			return strings.ReplaceAll(t.String(), "---:", "---")
		},
		"absent": func() string { return strings.Join(absent, ", ") },
		"figure": func(name string) string {
			for _, f := range []Figure{FigFire, FigParallel, FigDeliver, FigChurn, FigTeardown, FigMemory, FigLatency, FigGrowth, FigComplexity} {
				if f.File == name {
					return "![" + f.Alt + "](" + f.File + ")"
				}
			}
			panic("no figure " + name)
		},
		"duration": func(d time.Duration) string { return duration(float64(d.Nanoseconds())) },
	}
}
