package report

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/seed-ec287111/tether/bench/measure"
	"github.com/seed-ec287111/tether/bench/scenario"
)

// Marks of the lines in README.md that a run writes.
const (
	costsFrom = "<!-- costs: written by make bench -->\n"
	costsTo   = "<!-- /costs -->\n"
)

// Refresh writes the lines of costs into the file, between their marks.
func Refresh(file string, b *measure.Book, m Machine) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, from := strings.Cut(string(data), costsFrom)
	_, after, to := strings.Cut(rest, costsTo)
	if !from || !to {
		return errors.New(file + " has no place for the costs")
	}
	return os.WriteFile(file, []byte(before+costsFrom+costs(b, m)+costsTo+after), 0o644)
}

// costs are the three lines, and where they come from.
func costs(b *measure.Book, m Machine) string {
	quiet := func(what, who string, n int) float64 { return b.Get(what, who, n).Min() }
	over := func(who string, n int) string {
		return scenario.Number(quiet(scenario.CostFire, who, n) / quiet(scenario.CostFire, scenario.Bare, n))
	}
	day, _, _ := strings.Cut(m.Date, " ")
	return fmt.Sprintf(`- A Fire takes %s at 1 handler; at 100 it is %s times a bare loop over the same handlers,
  %s with an owner each. It allocates nothing.
- A connection made and ended takes %s, beside a million others too, and holds %s;
  Destroy ends a million in %s.
- A child owner, connected and destroyed, takes %s and holds %s while it lives; a value
  on an idle queue is handled within %s.

These are the quiet times of %s, %d cores, %s, %s.
`,
		duration(quiet(scenario.CostFire, scenario.One, 1)), over(scenario.One, 100), over(scenario.Each, 100),
		duration(quiet(scenario.CostPair, scenario.One, scenario.Million)), size(quiet(scenario.ManyBytes, scenario.One, scenario.Million)),
		duration(scenario.Million*quiet(scenario.CostMany, scenario.One, scenario.Million)),
		duration(quiet(scenario.CostMade, scenario.Child, 1)), size(quiet(scenario.AliveBytes, scenario.Child, scenario.Lives)),
		duration(quiet(scenario.CostIdle, scenario.One, 1)), m.CPU, m.Cores, m.Go, day)
}
