package scenario

import (
	"fmt"
	"math"
	"time"

	"github.com/seed-ec287111/tether/bench/measure"
)

// A Curve is a cost of tether's, measured at growing n.
type Curve struct {
	Name  string
	Short string // in the picture
	Group string // which picture
	Each  bool   // the cost of one operation beside n others, else of all n
	Max   int    // the largest n that memory and goroutines allow, 0: any

	// run does it once and returns how long that took, without what prepares it.
	run func(n int) time.Duration
}

// Want returns the exponent of n that tether means to have.
func (c Curve) Want() float64 {
	if c.Each {
		return 0
	}
	return 1
}

// growAll measures the curves, each point in a process of its own: it may run out
// of stack, or of time. A curve ends where a point takes too long or would, by the
// ones before it.
func (b *Bench) growAll() {
	for _, c := range Curves {
		var times, walls []measure.Point // what was measured, and the whole process
		for _, n := range b.Sizes {
			if c.Max > 0 && n > c.Max {
				break
			}
			if forecast(times, n) > b.Patience || forecast(walls, n) > 2*b.Patience {
				b.Book.Cut(Growth, c.Name, n, float64(b.Patience.Nanoseconds()))
				break
			}
			began := time.Now()
			err := b.spawn("growth", c.Name, n, 4*b.Patience)
			took := time.Since(began)
			if err != nil {
				if took >= 4*b.Patience {
					b.Book.Cut(Growth, c.Name, n, float64(b.Patience.Nanoseconds()))
				}
				break
			}
			times = append(times, measure.Point{X: float64(n), Y: b.Book.Get(Growth, c.Name, n).Min()})
			walls = append(walls, measure.Point{X: float64(n), Y: float64(took.Nanoseconds())})
		}
	}
}

// forecast returns how long n would take if the last two points lie on a power of
// n, at least linear; with fewer points, linear.
func forecast(ps []measure.Point, n int) time.Duration {
	if len(ps) == 0 {
		return 0
	}
	last, exponent := ps[len(ps)-1], 1.0
	if len(ps) > 1 {
		exponent = max(1, measure.Fit(ps[len(ps)-2:]).Exponent)
	}
	ns := last.Y * math.Pow(float64(n)/last.X, exponent)
	return time.Duration(min(ns, math.MaxInt64/2))
}

// growthCell measures one point: the least of some runs, for as long as they are
// short.
func growthCell(_ Plan, who string, n int, note noter) {
	for _, c := range Curves {
		if c.Name != who {
			continue
		}
		least, began := math.Inf(1), time.Now()
		for i := 0; i < 10 && time.Since(began) < 50*time.Millisecond; i++ {
			quiet()
			least = min(least, float64(c.run(n).Nanoseconds()))
		}
		if c.Each {
			least /= eachOf
		}
		note(Growth, least, false)
		return
	}
	panic(fmt.Sprintf("scenario: no curve %q", who))
}

// eachOf is how many operations stand for one.
const eachOf = 500
