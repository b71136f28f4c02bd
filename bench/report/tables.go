package report

import (
	"fmt"
	"math"
	"runtime"
	"strconv"
	"strings"

	"github.com/seed-ec287111/tether/bench/measure"
	"github.com/seed-ec287111/tether/bench/peers"
	"github.com/seed-ec287111/tether/bench/scenario"
)

// A table is one of Markdown.
type table struct {
	head []string
	rows [][]string
}

func (t table) String() string {
	var b strings.Builder
	line := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	line(t.head)
	rule := []string{"---"}
	for range t.head[1:] {
		rule = append(rule, "---:")
	}
	line(rule)
	for _, r := range t.rows {
		line(r)
	}
	return b.String()
}

// cell writes a sample: the median, and from where to where it went.
func cell(s measure.Sample, unit func(float64) string) string {
	switch {
	case len(s.Values) == 0:
		return "-"
	case s.Cut():
		return "> " + unit(s.Max())
	case len(s.Values) == 1 || s.Min() == s.Max():
		return unit(s.Median())
	}
	return fmt.Sprintf("%s (%s..%s)", unit(s.Median()), strings.Fields(unit(s.Min()))[0]+differs(unit(s.Min()), unit(s.Max())), unit(s.Max()))
}

// differs returns the unit of a where that of b is another.
func differs(a, b string) string {
	x, y := strings.Fields(a), strings.Fields(b)
	if len(x) < 2 || x[1] == y[len(y)-1] {
		return ""
	}
	return " " + x[1]
}

func fixed(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func parallelism() int { return runtime.GOMAXPROCS(0) }

// compare shows a scenario: contestants against sizes, the best of each size in
// bold. The bare loop does not compete.
func compare(b *measure.Book, what string, who []peers.Peer, sizes []int, noun string, unit func(float64) string) string {
	t := table{head: []string{""}}
	best := make([]float64, len(sizes))
	for i, n := range sizes {
		t.head = append(t.head, plural(n, noun))
		best[i] = math.Inf(1)
		for _, p := range who {
			if s := b.Get(what, p.Name, n); len(s.Values) > 0 && !s.Cut() && p.Name != "bare loop" {
				best[i] = min(best[i], s.Median())
			}
		}
	}
	for _, p := range who {
		row := []string{p.Name}
		any := false
		for i, n := range sizes {
			s := b.Get(what, p.Name, n)
			c := cell(s, unit)
			if fill := b.Get(scenario.Connect, p.Name, n); fill.Cut() && len(s.Values) == 0 {
				c = "*not filled*" // in the time there is for that
			}
			if any = any || c != "-"; s.Median() == best[i] && !s.Cut() {
				c = "**" + c + "**"
			}
			row = append(row, c)
		}
		if any {
			t.rows = append(t.rows, row)
		}
	}
	return t.String()
}

// several shows scenarios side by side at one size.
func several(b *measure.Book, who []peers.Peer, columns []column) string {
	t := table{head: []string{""}}
	for _, c := range columns {
		t.head = append(t.head, c.head)
	}
	for _, p := range who {
		row := []string{p.Name}
		any := false
		for _, c := range columns {
			text := cell(b.Get(c.what, p.Name, c.n), c.unit)
			switch c.what {
			case scenario.CloseStart, scenario.CloseRun, scenario.CloseHeld, scenario.LeftNow, scenario.LeftLater:
				if p.NoClose {
					text = "no close"
				}
			}
			any = any || text != "-"
			row = append(row, text)
		}
		if any {
			t.rows = append(t.rows, row)
		}
	}
	return t.String()
}

type column struct {
	head, what string
	n          int
	unit       func(float64) string
}

func claimsTable() string {
	yes := func(b bool) string {
		if b {
			return "yes"
		}
		return "no"
	}
	t := table{head: []string{"", "handlers run on", "a slow subscriber", "in order", "ends that very one", "end is a barrier", "handlers may call back", "typed", "ends a group"}}
	for _, p := range peers.All() {
		reenter := yes(p.Reenter)
		if p.Kind == peers.Async && !p.Reenter {
			reenter = "not asked"
		}
		t.rows = append(t.rows, []string{
			p.Name, p.Runs, p.Full, yes(p.Ordered), yes(p.Exact), yes(p.Barrier), reenter, yes(p.Typed), yes(p.Group),
		})
	}
	return strings.ReplaceAll(t.String(), "---:", "---")
}

// stateTable shows what a Set of each shape of a graph costs beside the naive one, that one with
// what no graph for many goroutines can be without, and streams. Quiet times.
func stateTable(b *measure.Book) table {
	t := table{head: []string{"a Set of", "tether", "naive", "ratio", "naive, for many goroutines", scenario.Streams}}
	for _, name := range scenario.Shapes {
		ours, naive, safe := scenario.StateCost(b, name)
		if len(ours.Values) == 0 || len(naive.Values) == 0 {
			continue
		}
		streams, guarded := "", ""
		if len(safe.Values) > 0 {
			guarded = duration(safe.Min())
		}
		if s := b.Get(scenario.CostState, scenario.Streams+name, 1); len(s.Values) > 0 {
			streams = duration(s.Min())
		}
		t.rows = append(t.rows, []string{name, duration(ours.Min()), duration(naive.Min()), fixed(ours.Min()/naive.Min()) + "x", guarded, streams})
	}
	return t
}

// stateBytes says what a value and a computed value hold, watched or not.
func stateBytes(b *measure.Book) string {
	if len(b.Get(scenario.AliveBytes, scenario.Value, scenario.Lives).Values) == 0 {
		return ""
	}
	of := func(who string) string { return size(b.Get(scenario.AliveBytes, who, scenario.Lives).Min()) }
	return fmt.Sprintf("A `%s` holds %s, a `%s` %s, and %s more if it is watched by a handler.",
		scenario.Value, of(scenario.Value), scenario.Computed, of(scenario.Computed), of(scenario.Watched))
}
