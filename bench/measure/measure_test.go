package measure

import (
	"encoding/json"
	"math"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestAQuantileLiesBetweenItsNeighbours(t *testing.T) {
	values := []float64{5, 1, 3, 2, 4}
	assert.Equal(t, 1.0, Quantile(values, 0))
	assert.Equal(t, 3.0, Quantile(values, 0.5))
	assert.Equal(t, 4.5, Quantile(values, 0.875))
	assert.Equal(t, 5.0, Quantile(values, 1))
	assert.Equal(t, []float64{5, 1, 3, 2, 4}, values, "the values were moved")
	assert.Equal(t, 1.5, Quantile([]float64{2, 1}, 0.5))
	assert.True(t, math.IsNaN(Quantile(nil, 0.5)))
}

func TestASampleKnowsItsMiddleAndItsEnds(t *testing.T) {
	s := Sample{Values: []float64{30, 10, 20, 1000}}
	assert.Equal(t, 25.0, s.Median())
	assert.Equal(t, 10.0, s.Min())
	assert.Equal(t, 1000.0, s.Max())
	assert.Equal(t, []float64{3, 1, 2, 100}, s.Map(func(v float64) float64 { return v / 10 }).Values)
}

func TestRatiosAreTakenRoundByRound(t *testing.T) {
	r := Sample{Values: []float64{10, 200, 30}}.Over(Sample{Values: []float64{5, 100}})
	assert.Equal(t, []float64{2, 2}, r.Values)
}

func TestFitFindsThePowerThatMadeThePoints(t *testing.T) {
	for _, want := range []Power{{Exponent: 1, Factor: 3}, {Exponent: 2, Factor: 0.5}, {Exponent: -0.5, Factor: 7}} {
		var ps []Point
		for _, x := range []float64{1, 10, 100, 1000} {
			ps = append(ps, Point{x, want.At(x)})
		}
		got := Fit(ps)
		assert.InDelta(t, want.Exponent, got.Exponent, 1e-9)
		assert.InDelta(t, want.Factor, got.Factor, 1e-9)
		assert.InDelta(t, 1, got.R2, 1e-9)
	}
}

func TestFitIsTheLeastOfSquares(t *testing.T) {
	ps := []Point{{1, 1.2}, {10, 8}, {100, 130}, {1000, 900}}
	squares := func(p Power) (sum float64) {
		for _, q := range ps {
			d := math.Log(q.Y) - math.Log(p.At(q.X))
			sum += d * d
		}
		return sum
	}
	best := Fit(ps)
	for _, e := range []float64{-0.01, 0.01} {
		assert.Greater(t, squares(Power{Exponent: best.Exponent + e, Factor: best.Factor}), squares(best))
		assert.Greater(t, squares(Power{Exponent: best.Exponent, Factor: best.Factor * (1 + e)}), squares(best))
	}
	assert.Less(t, best.R2, 1.0)
}

func TestFitOfALevelLineIsZeroAndOfTooLittleIsNothing(t *testing.T) {
	assert.InDelta(t, 0, Fit([]Point{{1, 5}, {10, 5}, {100, 5}}).Exponent, 1e-9)
	for _, ps := range [][]Point{nil, {{1, 1}}, {{10, 1}, {10, 2}}, {{1, 1}, {10, 0}}, {{0, 1}, {10, 1}}} {
		assert.True(t, math.IsNaN(Fit(ps).Exponent), "%v", ps)
	}
}

func TestTailLeavesOutWhatIsSmall(t *testing.T) {
	ps := []Point{{1, 1}, {10, 2}, {100, 3}}
	assert.Equal(t, []Point{{10, 2}, {100, 3}}, Tail(ps, 10))
	assert.Len(t, ps, 3)
}

func TestABookKeepsRoundsApart(t *testing.T) {
	var b Book
	b.Add("fire", "a", 10, 1)
	b.Add("fire", "a", 10, 3)
	b.Add("fire", "a", 1, 1)
	b.Add("fire", "b", 10, 7)
	b.Cut("fire", "a", 100, 9)
	assert.Equal(t, 2.0, b.Get("fire", "a", 10).Median())
	assert.Equal(t, []int{1, 10, 100}, b.Sizes("fire", "a"))
	assert.Equal(t, []Point{{1, 1}, {10, 2}}, b.Curve("fire", "a"), "with what was cut")
	assert.Equal(t, Sample{Values: []float64{9}, Cuts: 1}, b.Get("fire", "a", 100))
	assert.Empty(t, b.Get("fire", "c", 1).Values)
}

func TestPerOpTellsOneOperation(t *testing.T) {
	done := 0
	PerOp(time.Millisecond, func(n int) {
		for range n {
			done++
		}
	})
	assert.Positive(t, done)
	assert.GreaterOrEqual(t, PerOp(time.Microsecond, func(n int) { time.Sleep(time.Duration(n) * time.Millisecond) }), 1e6)
}

func TestAMedianIsABoundOnlyIfHalfTheRoundsWereCut(t *testing.T) {
	assert.False(t, Sample{Values: []float64{1}}.Cut())
	assert.True(t, Sample{Values: []float64{1}, Cuts: 1}.Cut())
	assert.True(t, Sample{Values: []float64{1, 2}, Cuts: 1}.Cut())
	assert.False(t, Sample{Values: []float64{1, 2, 3}, Cuts: 1}.Cut())
}

func TestABookSurvivesAFile(t *testing.T) {
	var b, c Book
	b.Add("fire", "a", 10, 1)
	b.Cut("fire", "b", 100, 9)
	data, err := json.Marshal(&b)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(data, &c))
	assert.Equal(t, b, c)
}

var escaped *[64]byte

func TestAllocsCounts(t *testing.T) {
	objects, bytes := Allocs(100, func() { escaped = new([64]byte) })
	assert.Equal(t, []float64{1, 64}, []float64{objects, bytes})
	objects, bytes = Allocs(100, func() {})
	assert.Zero(t, objects+bytes)
}

// The trials count operations, and a clock of their own says that each takes 1 or 3
// ns: what is measured is the ratio, whoever calibrates to what.
func TestTrialsAlternateAndEachHasAValueARound(t *testing.T) {
	var turns []string
	trial := func(name string, ns time.Duration) Trial {
		return func(n int) time.Duration {
			turns = append(turns, name)
			return time.Duration(n) * ns
		}
	}
	got := Alternate(3, 1000, trial("a", 1), trial("b", 3))
	assert.Equal(t, []Sample{{Values: []float64{1, 1, 1}}, {Values: []float64{3, 3, 3}}}, got)
	assert.Equal(t, []string{"a", "b", "a", "b", "a", "b"}, turns[len(turns)-6:])
}

func TestSettleReturnsHowManyAreLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	stop := make(chan bool)
	go func() { <-stop }()
	assert.Positive(t, Settle(0, time.Millisecond), "this one is left, at least")
	close(stop)
	assert.LessOrEqual(t, Settle(before, 10*time.Second), before)
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
