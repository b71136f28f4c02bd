package report

import (
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/seed-ec287111/tether/bench/scenario"
)

// PrintBudgets prints each budget with what was measured and "ok" or "WARN", and
// says how many want looking at. Noise is no failure.
func PrintBudgets(w io.Writer, budgets []scenario.Budget) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	warned := 0
	for _, b := range budgets {
		word := "ok"
		if !b.Measured() || !b.Met() && !b.MetAtBest() {
			word = "WARN"
			warned++
		}
		best := ""
		if len(b.Least.Values) > 0 {
			best = "at best " + cell(b.Least, withUnit(b.Unit))
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", word, b.Name, limit(b), cell(b.Got, withUnit(b.Unit)), best, b.Note)
	}
	_ = t.Flush()
	fmt.Fprintf(w, "%d of %d budgets are not met\n", warned, len(budgets))
}
