package report

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/seed-ec287111/tether/bench/measure"
	"github.com/seed-ec287111/tether/bench/peers"
	"github.com/seed-ec287111/tether/bench/scenario"
)

// tailFrom is the size from which on exponents are fitted: below, what is
// constant rules.
const tailFrom = 1000

// tail returns the points to fit: from tailFrom on, or the last three where there
// are fewer.
func tail(ps []measure.Point) []measure.Point {
	if t := measure.Tail(ps, tailFrom); len(t) >= 3 {
		return t
	}
	return ps[max(0, len(ps)-3):]
}

// A Growth is how one cost of tether's grows.
type Growth struct {
	Name, Short string
	Group       string  // of the scenarios' curves, "" for the others
	Want        float64 // the exponent that theory has
	Plot        bool    // in the picture: it is a time against n
	Fit         measure.Power

	points []measure.Point
	unit   func(float64) string
	last   map[float64]string // what stands at an n that was given up
}

// each returns the time for each of n.
func (g Growth) each() []measure.Point {
	ps := slices.Clone(g.points)
	for i := range ps {
		ps[i].Y /= math.Pow(ps[i].X, g.Want)
	}
	return ps
}

// of returns those of one group.
func of(gs []Growth, group string) []Growth {
	return slices.DeleteFunc(slices.Clone(gs), func(g Growth) bool { return g.Group != group })
}

// growths fits tether's costs over their tails.
func growths(b *measure.Book) []Growth {
	total := func(ps []measure.Point) []measure.Point {
		for i := range ps {
			ps[i].Y *= ps[i].X
		}
		return ps
	}
	gs := []Growth{
		{Name: "Fire at n handlers", Short: "Fire", Want: 1, Plot: true, points: b.Curve(scenario.LifeFire, peers.Ours), unit: duration},
		{Name: "Destroy of n connections", Short: "Destroy", Want: 1, Plot: true, points: b.Curve(scenario.Teardown, peers.Ours), unit: duration},
		{Name: "Connect, each of n", Short: "Connect", Want: 0, Plot: true, points: b.Curve(scenario.Connect, peers.Ours), unit: duration},
		{Name: "Disconnect, each of n", Short: "Disconnect", Want: 0, Plot: true, points: b.Curve(scenario.Disconnect, peers.Ours), unit: duration},
		{Name: "Connect and Disconnect with n others", Short: "Both, with n others", Want: 0, Plot: true, points: b.Curve(scenario.Churn, peers.Ours), unit: duration},
		{Name: "Memory of n connections", Want: 1, points: total(b.Curve(scenario.Bytes, peers.Ours)), unit: size},
	}
	for i := range gs {
		gs[i].Fit = measure.Fit(tail(gs[i].points))
	}
	for _, c := range scenario.Curves {
		g := Growth{Name: c.Name, Short: c.Short, Group: c.Group, Want: c.Want(), points: b.Curve(scenario.Growth, c.Name), unit: duration, last: make(map[float64]string)}
		g.Fit = measure.Fit(g.points[max(0, len(g.points)-3):])
		for _, n := range b.Sizes(scenario.Hung, c.Name) {
			g.last[float64(n)] = "*failed*"
		}
		for _, n := range b.Sizes(scenario.Growth, c.Name) {
			if s := b.Get(scenario.Growth, c.Name, n); s.Cut() {
				g.last[float64(n)] = cell(s, duration)
			}
		}
		gs = append(gs, g)
	}
	return gs
}

// decadesOf are the sizes of the lives.
var decadesOf = []int{1, 10, 100, 1000, 10_000, 100_000, 1_000_000}

// growthTable shows the curves and their exponents.
func growthTable(gs []Growth, sizes []int) string {
	t := table{head: []string{"cost"}}
	for _, n := range sizes {
		t.head = append(t.head, "n = "+count(float64(n)))
	}
	t.head = append(t.head, "fitted exponent", "in theory", "R²")
	for _, g := range gs {
		row := []string{g.Name}
		for _, n := range sizes {
			cell := cmp.Or(g.last[float64(n)], "-")
			for _, p := range g.points {
				if p.X == float64(n) {
					cell = g.unit(p.Y)
				}
			}
			row = append(row, cell)
		}
		t.rows = append(t.rows, append(row, exponent(g.Fit), trim(g.Want), r2(g.Fit)))
	}
	return t.String()
}

// complexityTables shows the groups of curves, each under its name.
func complexityTables(gs []Growth, sizes []int) string {
	var out strings.Builder
	for _, group := range scenario.Groups {
		out.WriteString("**" + group + "**\n\n" + growthTable(of(gs, group), sizes) + "\n")
	}
	return out.String()
}

// firersTable shows how Fire fares with the number of goroutines that fire.
func firersTable(b *measure.Book) string {
	sizes := b.Sizes(scenario.Parallel, peers.Ours)
	t := table{head: []string{"million fires a second"}}
	for _, n := range sizes {
		t.head = append(t.head, plural(n, "goroutine"))
	}
	t.head = append(t.head, "exponent from "+plural(parallelism(), "goroutine")+" on")
	for _, p := range peers.Of(peers.Sync) {
		row := []string{p.Name}
		for _, n := range sizes {
			row = append(row, cell(b.Get(scenario.Parallel, p.Name, n).Map(func(v float64) float64 { return 1e3 / v }), trim))
		}
		fit := measure.Fit(measure.Tail(b.Curve(scenario.Parallel, p.Name), float64(parallelism())))
		fit.Exponent = -fit.Exponent // of the throughput, not of the time
		t.rows = append(t.rows, append(row, exponent(fit)))
	}
	return t.String()
}

// exponentTable fits all contestants.
func exponentTable(b *measure.Book) string {
	whats := []struct{ name, scenario string }{
		{"Fire at n", scenario.LifeFire},
		{"connect, each of n", scenario.Connect},
		{"disconnect, each of n", scenario.Disconnect},
		{"both, with n others", scenario.Churn},
		{"end all n", scenario.Teardown},
	}
	t := table{head: []string{""}}
	for _, w := range whats {
		t.head = append(t.head, w.name)
	}
	for _, p := range peers.All() {
		row := []string{p.Name}
		for _, w := range whats {
			row = append(row, exponent(measure.Fit(tail(b.Curve(w.scenario, p.Name)))))
		}
		t.rows = append(t.rows, row)
	}
	return t.String()
}

func exponent(p measure.Power) string {
	if math.IsNaN(p.Exponent) {
		return "-"
	}
	return "n^" + fixed(p.Exponent)
}

func r2(p measure.Power) string {
	if math.IsNaN(p.R2) || p.Exponent < 0.3 && p.Exponent > -0.3 {
		return "-" // says nothing of a level line
	}
	return fixed(p.R2)
}
