package report

import (
	"fmt"
	"io"
	"math"
	"strings"
	"text/tabwriter"

	"github.com/seed-ec287111/tether/bench/measure"
	"github.com/seed-ec287111/tether/bench/scenario"
)

// budgetTable shows each budget with what was measured.
func budgetTable(vs []scenario.Verdict) table {
	t := table{head: []string{"", "budget", "quiet", "busy", "", "quiet times, and beside it"}}
	for _, v := range vs {
		unit, busy, word := unitOf(v.Unit), "", "met"
		if v.Unit == "x" || v.Unit == "ns" {
			busy = unit(v.Busy)
		}
		if !v.Met() {
			word = "**not met**"
		}
		t.rows = append(t.rows, []string{v.Name, limit(v.Budget), unit(v.Quiet), busy, word, beside(v)})
	}
	return t
}

func unitOf(unit string) func(float64) string {
	switch unit {
	case "ns":
		return duration
	case "B":
		return size
	}
	return func(v float64) string { return scenario.Number(v) + unit }
}

func limit(x scenario.Budget) string {
	sign, unit := "<= ", unitOf(x.Unit)
	if x.Floor {
		sign = ">= "
	}
	if x.Busy == 0 {
		return sign + unit(x.Limit)
	}
	return sign + unit(x.Limit) + ", busy " + sign + unit(x.Busy)
}

// beside shows what a ratio was made from, and whose stands beside it.
func beside(v scenario.Verdict) string {
	if v.Unit != "x" {
		return ""
	}
	s := duration(v.Cost) + " over " + duration(v.Over)
	for _, o := range v.Beside {
		if !math.IsNaN(o.Ratio) { // it was measured
			s += "; " + o.Who + " " + scenario.Number(o.Ratio) + "x"
		}
	}
	return s
}

func met(vs []scenario.Verdict) string {
	n := 0
	for _, v := range vs {
		if v.Met() {
			n++
		}
	}
	return fmt.Sprintf("%d of %d budgets are met", n, len(vs))
}

// PrintBudgets prints the budgets as the report has them. Noise is no failure, so
// it is for whoever looks to judge.
func PrintBudgets(w io.Writer, b *measure.Book, m Machine) {
	vs := scenario.Judge(b)
	budgetTable(vs).print(w, m, "make guard")
	fmt.Fprintf(w, "\n%s\n", met(vs))
}

// PrintState writes the costs of package state, for a terminal.
func PrintState(w io.Writer, b *measure.Book, m Machine) {
	stateTable(b).print(w, m, "bench -state")
	fmt.Fprintf(w, "\n%s\n", stateBytes(b))
}

// print writes t for a terminal, below what says where it comes from.
func (t table) print(w io.Writer, m Machine, by string) {
	fmt.Fprintf(w, "%s, %d cores, %s, %s, %s, commit %s, by %s in %v\n\n", m.CPU, m.Cores, m.OS, m.Go, m.Date, m.Commit, by, m.Took)
	tabs := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range append([][]string{t.head}, t.rows...) {
		fmt.Fprintln(tabs, strings.Join(row, "\t"))
	}
	_ = tabs.Flush()
}
