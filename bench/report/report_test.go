package report

import (
	"bytes"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"gonum.org/v1/plot/vg"

	"github.com/seed-ec287111/tether/bench/measure"
	"github.com/seed-ec287111/tether/bench/peers"
	"github.com/seed-ec287111/tether/bench/scenario"
)

func TestLabelsKeepTheirDistanceAndTheirOrder(t *testing.T) {
	at := []vg.Length{0, 1, 1, 50, 98, 99, 100}
	spread(at, 10, 0, 100)
	for i := 1; i < len(at); i++ {
		assert.GreaterOrEqual(t, float64(at[i]-at[i-1]), 9.999, "%v", at)
	}
	assert.GreaterOrEqual(t, float64(at[0]), 0.0)
	assert.LessOrEqual(t, float64(at[len(at)-1]), 100.0)
	assert.InDelta(t, 50, float64(at[3]), 1e-9, "%v: one with room was moved", at)

	spread(nil, 10, 0, 100)
}

func TestTwoThatAreLevelSpreadAroundTheirMiddle(t *testing.T) {
	at := []vg.Length{50, 50}
	spread(at, 10, 0, 100)
	assert.Equal(t, []vg.Length{45, 55}, at)
}

func TestUnitsFollowTheSize(t *testing.T) {
	assert.Equal(t, "12.3 ns", duration(12.34))
	assert.Equal(t, "1.23 µs", duration(1234))
	assert.Equal(t, "12.3 ms", duration(12.34e6))
	assert.Equal(t, "2 s", duration(2e9))
	assert.Equal(t, "10k", count(10_000))
	assert.Equal(t, "1M", count(1e6))
	assert.Equal(t, "160 B", size(160))
	assert.Equal(t, "2.05 kB", size(2048))
}

func TestACellShowsMedianAndSpread(t *testing.T) {
	s := measure.Sample{Values: []float64{900, 1000, 1100}}
	assert.Equal(t, "1 µs (900 ns..1.1 µs)", cell(s, duration))
	assert.Equal(t, "1000 (900..1100)", cell(s, trim))
	s.Cuts = 3
	assert.Equal(t, "> 1.1 µs", cell(s, duration))
	assert.Equal(t, "-", cell(measure.Sample{}, duration))
	assert.Equal(t, "5 ns", cell(measure.Sample{Values: []float64{5, 5}}, duration))
}

func TestTicksAreNamedAtDecades(t *testing.T) {
	var names []string
	for _, tick := range (decades{name: count}).Ticks(1, 1000) {
		if tick.Label != "" {
			names = append(names, tick.Label)
		}
	}
	assert.Equal(t, []string{"1", "10", "100", "1k"}, names)
	low, high := widen(3.4, 720)
	assert.Equal(t, []float64{2, 1000}, []float64{low, high})
}

// book returns a book in which who costs what the map says.
func book(costs map[string][]float64) *measure.Book {
	var b measure.Book
	for who, values := range costs {
		for _, v := range values {
			b.Add(scenario.Fire, who, 10, v)
		}
	}
	return &b
}

func words(costs map[string][]float64) string {
	return standing(book(costs), scenario.Fire, peers.Ours, peers.Sync, []int{10}, "subscriber", delivery)
}

func TestWhoIsAheadIsSaidWithTheReason(t *testing.T) {
	got := words(map[string][]float64{peers.Ours: {100}, "copy-on-write slice": {50}, "samber/ro": {300}, "bare loop": {10}})
	assert.Contains(t, got, "10 subscribers: ahead of tether: copy-on-write slice by 2x.")
	assert.Contains(t, got, "copy-on-write slice loads one pointer")
	assert.NotContains(t, got, "bare loop")
	assert.NotContains(t, got, "first")
}

func TestTetherIsFirstOnlyIfNobodyIsAheadOrLevel(t *testing.T) {
	assert.Contains(t, words(map[string][]float64{peers.Ours: {100}, "samber/ro": {300}, "asaskevich/EventBus": {900}}),
		"**tether is first**, 3x before samber/ro.")
	got := words(map[string][]float64{peers.Ours: {100}, "samber/ro": {300}, "RWMutex + slice": {99}})
	assert.Contains(t, got, "nobody is ahead of tether. Level with it: RWMutex + slice.")
}

func TestSpreadsThatOverlapAreLevel(t *testing.T) {
	got := words(map[string][]float64{peers.Ours: {90, 100, 110}, "RWMutex + slice": {80, 88, 95}})
	assert.Contains(t, got, "Level with it: RWMutex + slice")
	got = words(map[string][]float64{peers.Ours: {99, 100, 101}, "RWMutex + slice": {80, 88, 95}})
	assert.Contains(t, got, "ahead of tether: RWMutex + slice by 1.14x")
}

func TestLatecomersAreNamed(t *testing.T) {
	var b measure.Book
	b.Add(scenario.LateStart, peers.Ours, 1, 0)
	b.Add(scenario.LateRun, peers.Ours, 1, 0)
	b.Add(scenario.LateStart, "samber/ro", 1, 0)
	b.Add(scenario.LateRun, "samber/ro", 1, 2)
	assert.Equal(t, "seen with samber/ro; not seen with tether.", lateNote(&b, scenario.LateStart, scenario.LateRun))
}

func TestTheGuardPrintsEveryBudget(t *testing.T) {
	var out bytes.Buffer
	PrintBudgets(&out, []scenario.Budget{
		{Name: "good", Limit: 2, Unit: "x", Got: measure.Sample{Values: []float64{1}}},
		{Name: "bad", Limit: 2, Unit: "x", Got: measure.Sample{Values: []float64{3}}},
		{Name: "none", Limit: 2, Unit: "ns"},
	})
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	require.Len(t, lines, 4)
	assert.Regexp(t, `^ok +good +<= 2x +1x`, lines[0])
	assert.Regexp(t, `^WARN +bad +<= 2x +3x`, lines[1])
	assert.Regexp(t, `^WARN +none +<= 2 ns +-`, lines[2])
	assert.Equal(t, "2 of 3 budgets are not met", lines[3])
}

// The report is made from figures that follow a known law, and says so.
func TestAReportIsWrittenFromWhatWasMeasured(t *testing.T) {
	dir := t.TempDir()
	plan := scenario.Full(io.Discard)
	var b measure.Book
	for i, p := range peers.All() {
		cost := float64(i + 1)
		for _, n := range plan.SyncLives {
			for _, s := range []string{scenario.Connect, scenario.Disconnect, scenario.Churn, scenario.Bytes} {
				b.Add(s, p.Name, n, 10*cost)
			}
			b.Add(scenario.LifeFire, p.Name, n, cost*float64(max(n, 1)))
			b.Add(scenario.Teardown, p.Name, n, cost*math.Pow(float64(max(n, 1)), 1.5))
		}
		for _, n := range plan.Handlers {
			b.Add(scenario.Fire, p.Name, n, cost*float64(n+1))
			b.Add(scenario.Deliver, p.Name, n, cost*float64(n+1))
		}
		for _, n := range plan.Firers {
			b.Add(scenario.Parallel, p.Name, n, cost)
		}
		b.Add(scenario.PingP50, p.Name, 1, cost)
		b.Add(scenario.PingP99, p.Name, 1, 3*cost)
	}
	budgets := []scenario.Budget{{Name: "a promise", Limit: 1, Unit: "x", Got: measure.Sample{Values: []float64{2}}}}
	require.NoError(t, Write(dir, &b, budgets, Here(plan, 0)))

	text, err := os.ReadFile(filepath.Join(dir, "REPORT.md"))
	require.NoError(t, err)
	page := string(text)
	assert.Contains(t, page, "0 of 1 are met")
	assert.Contains(t, page, "| a promise | <= 1x | 2x |  | **not met** |")
	assert.Contains(t, page, "n^1.50")
	assert.NotContains(t, page, "NaN")
	assert.NotContains(t, page, "<no value>")
	for _, p := range peers.All() {
		assert.Contains(t, page, p.Why)
	}
	pictures, err := filepath.Glob(filepath.Join(dir, "*.svg"))
	require.NoError(t, err)
	assert.Len(t, pictures, 8)
	for _, f := range pictures {
		assert.Contains(t, page, "("+filepath.Base(f)+")")
	}
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
