package report

import (
	"fmt"
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"

	"github.com/seed-ec287111/tether/bench/measure"
	"github.com/seed-ec287111/tether/bench/peers"
	"github.com/seed-ec287111/tether/bench/scenario"
)

// look gives each contestant its own colour among those of its kind: strong
// lines for tether, greys for what is written by hand.
func look(name string) (c color.Color, width vg.Length, dashes []vg.Length) {
	switch name {
	case peers.Ours:
		return blue, 2, nil
	case "tether (owner each)":
		return sky, 2, nil
	case "tether (queue each)":
		return blue, 2, nil
	case "bare loop":
		return ink, 1, []vg.Length{1, 2}
	case "RWMutex + slice":
		return dark, 1, nil
	case "RWMutex + map":
		return dark, 1, []vg.Length{5, 2}
	case "copy-on-write slice":
		return grey, 1, nil
	case "channel per subscriber":
		return dark, 1, nil
	case "asaskevich/EventBus", "go-ethereum FeedOf":
		return vermilion, 1, nil
	case "samber/ro", "libp2p eventbus":
		return green, 1, nil
	case "tailscale eventbus":
		return purple, 1, nil
	case "cskr/pubsub":
		return orange, 1, nil
	case "watermill gochannel":
		return vermilion, 1, []vg.Length{5, 2}
	case "moby/pubsub":
		return green, 1, []vg.Length{5, 2}
	case "docker/go-events":
		return purple, 1, []vg.Length{5, 2}
	default:
		return orange, 1, []vg.Length{5, 2}
	}
}

// curves returns the medians of the scenario for the contestants of a kind.
func curves(b *measure.Book, what string, kind peers.Kind, without ...string) []curve {
	var cs []curve
next:
	for _, p := range peers.Of(kind) {
		for _, w := range without {
			if p.Name == w {
				continue next
			}
		}
		v := curve{name: p.Name, points: b.Curve(what, p.Name)}
		v.color, v.width, v.dashes = look(p.Name)
		cs = append(cs, v)
	}
	return cs
}

// alter applies f to every point.
func alter(cs []curve, f func(measure.Point) measure.Point) []curve {
	for _, c := range cs {
		for i, p := range c.points {
			c.points[i] = f(p)
		}
	}
	return cs
}

// A Figure is a picture of the report.
type Figure struct{ File, Alt string }

// The pictures.
var (
	FigFire     = Figure{"fire.svg", "time of a Fire over that of a bare loop, against subscribers"}
	FigParallel = Figure{"parallel.svg", "fires a second against goroutines firing"}
	FigDeliver  = Figure{"deliver.svg", "time of a value against subscribers, asynchronous delivery"}
	FigChurn    = Figure{"churn.svg", "time of a connect and disconnect against the number of others"}
	FigTeardown = Figure{"teardown.svg", "time to end n subscriptions against n"}
	FigMemory   = Figure{"memory.svg", "memory of a subscription"}
	FigLatency  = Figure{"latency.svg", "latency of asynchronous delivery"}
	FigGrowth   = Figure{"growth.svg", "how tether's costs grow"}

	FigComplexity = Figure{"complexity.svg", "time for each of n things, against n"}
)

func figures(dir string, b *measure.Book, growth []Growth) error {
	base := make(map[float64]float64)
	for _, p := range b.Curve(scenario.Fire, "bare loop") {
		base[p.X] = p.Y
	}
	fire := alter(curves(b, scenario.Fire, peers.Sync, "bare loop"), func(p measure.Point) measure.Point {
		return measure.Point{X: p.X, Y: p.Y / base[p.X]}
	})
	persecond := func(p measure.Point) measure.Point { return measure.Point{X: p.X, Y: 1e3 / p.Y} }
	parallel := alter(curves(b, scenario.Parallel, peers.Sync), persecond)
	var firers []plot.Tick
	for _, n := range b.Sizes(scenario.Parallel, peers.Ours) {
		firers = append(firers, plot.Tick{Value: float64(n), Label: count(float64(n))})
	}
	perValue := func(p measure.Point) measure.Point { return measure.Point{X: p.X, Y: p.Y / p.X} }

	var grown []curve
	for i, g := range of(growth, "") {
		if g.Plot {
			c := curve{name: fmt.Sprintf("%s: n^%.2f", g.Short, g.Fit.Exponent), points: g.points, width: 1.5}
			c.color = palette[i%len(palette)]
			grown = append(grown, c)
		}
	}
	var complexity []picture
	for _, group := range scenario.Groups {
		c := chart{title: group, x: "n", y: "time for each of n: level where the cost is linear", xs: count, ys: duration}
		for i, g := range of(growth, group) {
			c.curves = append(c.curves, curve{name: g.Short, points: g.each(), width: 1.5, color: palette[i%len(palette)]})
		}
		complexity = append(complexity, c.draw())
	}

	memory := dots{title: "Memory of a subscription", note: "with 1000 on one bus; heap and stacks, besides the closure", x: "bytes", xs: size}
	latency := dots{title: "From Fire to the handler", note: "median (ring) .. 99th percentile (disc), one value at a time", x: "time", xs: duration}
	for _, p := range peers.All() {
		c, _, _ := look(p.Name)
		if m := b.Get(scenario.Bytes, p.Name, 1000).Median(); m > 0 && p.Name != "bare loop" {
			memory.rows = append(memory.rows, dot{p.Name, m, m, c})
		}
		if p50 := b.Get(scenario.PingP50, p.Name, 1).Median(); !math.IsNaN(p50) {
			latency.rows = append(latency.rows, dot{p.Name, p50, b.Get(scenario.PingP99, p.Name, 1).Median(), c})
		}
	}

	pair := func(what, title, x, y string) []picture {
		left := chart{title: title + ", handlers called directly", x: x, y: y, xs: count, ys: duration, curves: curves(b, what, peers.Sync, "bare loop")}
		right := chart{title: title + ", handlers elsewhere", x: x, y: y, xs: count, ys: duration, curves: curves(b, what, peers.Async)}
		return []picture{left.draw(), right.draw()}
	}
	const w, h = vg.Length(560), vg.Length(340)
	for _, s := range []struct {
		Figure
		height   vg.Length
		columns  int
		pictures []picture
	}{
		{FigFire, h, 1, []picture{chart{
			title: "What Fire costs over a bare loop", x: "subscribers", y: "times the bare loop, with as many handlers", xs: count, ys: times, curves: fire,
		}.draw()}},
		{FigParallel, h, 1, []picture{chart{
			title: "Goroutines firing one signal at 10 subscribers", x: "goroutines firing", y: "million fires a second, all goroutines together", xs: count, ys: trim, curves: parallel, at: firers,
		}.draw()}},
		{FigDeliver, h, 1, []picture{chart{
			title: "Asynchronous delivery, until the handlers have returned", x: "subscribers", y: "time for each value and subscriber", xs: count, ys: duration,
			curves: alter(curves(b, scenario.Deliver, peers.Async), perValue),
		}.draw()}},
		{FigChurn, h, 2, pair(scenario.Churn, "Connect and disconnect", "others connected", "time of one connect and one disconnect")},
		{FigTeardown, h, 2, pair(scenario.Teardown, "Ending n subscriptions", "n", "time for all n")},
		{FigMemory, h, 1, []picture{memory.draw()}},
		{FigLatency, 240, 1, []picture{latency.draw()}},
		{FigGrowth, h, 1, []picture{chart{
			title: "How tether's costs grow", x: "n: handlers, or others connected", y: "time; exponents are fitted from n = 1000 on", xs: count, ys: duration, curves: grown,
		}.draw()}},
		{FigComplexity, h, 2, complexity},
	} {
		if err := save(dir, s.File, w, s.height, s.columns, s.pictures...); err != nil {
			return err
		}
	}
	return nil
}
