package report

import (
	"math"

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
	Want        float64 // the exponent that theory has
	Plot        bool    // in the picture: it is a time against n
	Fit         measure.Power

	points []measure.Point
	unit   func(float64) string
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
	return gs
}

// growthTable shows the curves and their exponents.
func growthTable(gs []Growth) string {
	sizes := []float64{1, 10, 100, 1000, 10_000, 100_000, 1_000_000}
	t := table{head: []string{"cost"}}
	for _, n := range sizes {
		t.head = append(t.head, "n = "+count(n))
	}
	t.head = append(t.head, "fitted exponent", "in theory", "R²")
	for _, g := range gs {
		row := []string{g.Name}
		for _, n := range sizes {
			cell := "-"
			for _, p := range g.points {
				if p.X == n {
					cell = g.unit(p.Y)
				}
			}
			row = append(row, cell)
		}
		t.rows = append(t.rows, append(row, exponent(g.Fit), trim(g.Want), r2(g.Fit)))
	}
	return t.String()
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
