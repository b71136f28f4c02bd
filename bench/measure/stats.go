// Package measure has the clock, the statistics and the book of the
// measurements.
package measure

import (
	"math"
	"slices"
)

// A Sample is what the rounds measured of one thing.
type Sample struct {
	Values []float64 // one a round, in their order
	Cuts   int       // how many of them are lower bounds, given up for taking too long
}

// Cut reports whether the median is a lower bound only.
func (s Sample) Cut() bool { return s.Cuts > 0 && 2*s.Cuts >= len(s.Values) }

// Median returns the middle value, or the mean of the middle two; NaN if there
// is none.
func (s Sample) Median() float64 { return Quantile(s.Values, 0.5) }

// Min returns the least value, NaN if there is none.
func (s Sample) Min() float64 { return Quantile(s.Values, 0) }

// Max returns the greatest value, NaN if there is none.
func (s Sample) Max() float64 { return Quantile(s.Values, 1) }

// Map returns the sample with f applied to each value.
func (s Sample) Map(f func(float64) float64) Sample {
	t := Sample{Cuts: s.Cuts}
	for _, v := range s.Values {
		t.Values = append(t.Values, f(v))
	}
	return t
}

// Over returns the ratios of s to t, round by round: what disturbs a round
// disturbs both.
func (s Sample) Over(t Sample) Sample {
	n := min(len(s.Values), len(t.Values))
	r := Sample{Cuts: s.Cuts}
	for i := range n {
		r.Values = append(r.Values, s.Values[i]/t.Values[i])
	}
	return r
}

// Quantile returns the q-quantile of values, 0 <= q <= 1, with linear
// interpolation; NaN if there is none. It leaves values as they are.
func Quantile(values []float64, q float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i+1 == len(sorted) {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// A Point is a cost at a size.
type Point struct{ X, Y float64 }

// A Power is the curve y = Factor * x^Exponent.
type Power struct {
	Exponent, Factor float64
	R2               float64 // 1 where the points lie on the curve; NaN where they are level
}

// At returns the curve's height at x.
func (p Power) At(x float64) float64 { return p.Factor * math.Pow(x, p.Exponent) }

// Fit returns the curve with the least squares of distances in logarithms. It
// needs two points of different X, all positive; else the Power is all NaN.
func Fit(points []Point) Power {
	nan := Power{math.NaN(), math.NaN(), math.NaN()}
	var n, sx, sy, sxx, sxy, syy float64
	for _, p := range points {
		if p.X <= 0 || p.Y <= 0 {
			return nan
		}
		x, y := math.Log(p.X), math.Log(p.Y)
		n, sx, sy, sxx, sxy, syy = n+1, sx+x, sy+y, sxx+x*x, sxy+x*y, syy+y*y
	}
	vx, vy, cov := n*sxx-sx*sx, n*syy-sy*sy, n*sxy-sx*sy
	if n < 2 || vx <= 1e-12*n*sxx {
		return nan
	}
	b := cov / vx
	return Power{Exponent: b, Factor: math.Exp((sy - b*sx) / n), R2: cov * cov / (vx * vy)}
}

// Tail returns the points with an X of from or more.
func Tail(points []Point, from float64) []Point {
	return slices.DeleteFunc(slices.Clone(points), func(p Point) bool { return p.X < from })
}
