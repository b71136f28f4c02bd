package report

import (
	"bytes"
	"io"
	"math"
	"os"
	"path/filepath"
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

func TestTheGuardPrintsBudgetsWithTheMachine(t *testing.T) {
	var b measure.Book
	b.Add(scenario.CostFire, scenario.One, 0, 2, 4)
	b.Add(scenario.CostFire, scenario.One, 1, 30)
	b.Add(scenario.CostFire, scenario.Bare, 1, 10)
	b.Add(scenario.AliveBytes, scenario.Child, scenario.Lives, 300)
	var out bytes.Buffer
	PrintBudgets(&out, &b, Machine{CPU: "a CPU", Commit: "abc"})
	page := out.String()
	assert.Contains(t, page, "a CPU")
	assert.Contains(t, page, "commit abc")
	assert.Regexp(t, `Fire, 1 handler +<= 2.70x +3x +3x +\*\*not met\*\* +30 ns over 10 ns`, page)
	assert.Regexp(t, `Fire without handlers +<= 3 ns +2 ns +3 ns +met`, page)
	assert.Regexp(t, `child owner, alive +<= 280 B +300 B +\*\*not met`, page)
	assert.Contains(t, page, "1 of ")
}

// stand returns the honest line for costs of Fire.
func stand(at map[int]map[string]float64) string {
	var b measure.Book
	for n, costs := range at {
		for who, v := range costs {
			b.Add(scenario.Fire, who, n, v)
		}
	}
	return honest(&b, scenario.Plan{Handlers: []int{1, 10, 100}})
}

func TestTheHonestLineClaimsWhatTheFiguresSay(t *testing.T) {
	const hand, cow = "RWMutex + slice", "copy-on-write slice"
	best := stand(map[int]map[string]float64{
		1: {peers.Ours: 10, hand: 10.1, cow: 5}, 10: {peers.Ours: 10, hand: 20}, 100: {peers.Ours: 10, hand: 20},
	})
	assert.Contains(t, best, "First in every synchronous scenario from 10 handlers on, level with RWMutex + slice at one")
	assert.NotContains(t, best, "Ahead")

	worse := stand(map[int]map[string]float64{
		1: {peers.Ours: 10, hand: 5}, 10: {peers.Ours: 10, hand: 20}, 100: {peers.Ours: 10, hand: 20, cow: 5},
	})
	assert.Contains(t, worse, "First in 1 of 2 synchronous scenarios from 10 handlers on, behind (by 2x) RWMutex + slice at one.")
	assert.Contains(t, worse, "- Fire at 100 handlers: copy-on-write slice by 2x.")
	assert.Contains(t, worse, "copy-on-write slice loads one pointer")

	even := stand(map[int]map[string]float64{1: {peers.Ours: 10, hand: 10}, 10: {peers.Ours: 10, hand: 10.1}})
	assert.Contains(t, even, "First or level in every")
}

func TestTheReadmeIsRefreshedBetweenItsMarks(t *testing.T) {
	var b measure.Book
	b.Add(scenario.CostFire, scenario.One, 1, 12.3, 99)
	b.Add(scenario.CostFire, scenario.One, 100, 150)
	b.Add(scenario.CostFire, scenario.Each, 100, 200)
	b.Add(scenario.CostFire, scenario.Bare, 100, 100)
	file := filepath.Join(t.TempDir(), "README.md")
	require.NoError(t, os.WriteFile(file, []byte("before\n"+costsFrom+"of last year\n"+costsTo+"after\n"), 0o600))
	for range 2 {
		require.NoError(t, Refresh(file, &b, Machine{CPU: "a CPU"}))
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Regexp(t, `(?s)^before\n.*takes 12.3 ns at 1 handler.* 1.50 times.* 2 with an owner each.*a CPU.*after\n$`, string(text))
		assert.NotContains(t, string(text), "of last year")
	}
	require.NoError(t, os.WriteFile(file, []byte("nothing"), 0o600))
	assert.Error(t, Refresh(file, &b, Machine{}))
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
	for _, c := range scenario.Curves {
		for _, n := range plan.Sizes[:3] {
			b.Add(scenario.Growth, c.Name, n, math.Pow(float64(n), 1.25+c.Want()))
		}
		b.Cut(scenario.Growth, c.Name, plan.Sizes[3], 2e9)
	}
	b.Add(scenario.CostFire, scenario.One, 0, 4)
	require.NoError(t, Write(dir, &b, Here(plan, 0)))

	text, err := os.ReadFile(filepath.Join(dir, "REPORT.md"))
	require.NoError(t, err)
	page := string(text)
	assert.Contains(t, page, "0 of 1 budgets are met")
	assert.Contains(t, page, "| Fire without handlers | <= 3 ns | 4 ns | 4 ns | **not met** |")
	assert.Contains(t, page, "n^1.50")
	assert.Contains(t, page, "First in every synchronous scenario")
	assert.Contains(t, page, "| > 2 s | - | - | n^2.25 | 1 | 1.00 |")
	assert.NotContains(t, page, "NaN")
	assert.NotContains(t, page, "<no value>")
	for _, p := range peers.All() {
		assert.Contains(t, page, p.Why)
	}
	pictures, err := filepath.Glob(filepath.Join(dir, "*.svg"))
	require.NoError(t, err)
	assert.Len(t, pictures, 9)
	for _, f := range pictures {
		assert.Contains(t, page, "("+filepath.Base(f)+")")
	}
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
