package scenario

import (
	"io"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-ec287111/tether/bench/measure"
	"github.com/seed-ec287111/tether/bench/peers"
)

// tiny measures next to nothing.
func tiny(t *testing.T) *Bench {
	self, err := os.Executable()
	require.NoError(t, err)
	p := Quick(io.Discard)
	p.Slice, p.Limit = 20*time.Microsecond, 20*time.Millisecond
	p.Handlers, p.Firers, p.SyncLives, p.Lives = []int{0, 3}, []int{1, 2}, []int{0, 3}, []int{3}
	p.Pings, p.Cycles = 4, 3
	p.Sizes, p.Patience = []int{20, 40}, 5*time.Second
	return New(p, self)
}

func TestEveryContestantIsMeasuredInEveryScenarioOfItsKind(t *testing.T) {
	b := tiny(t)
	b.fireAll()
	b.deliverAll()
	b.parallelAll()
	b.latencyAll()
	for _, p := range peers.All() {
		scenarios := []string{Fire, Parallel}
		if p.Kind == peers.Async {
			scenarios = []string{Deliver, Parallel}
			assert.Positive(t, b.Book.Get(PingP99, p.Name, 1).Median(), p.Name)
			assert.GreaterOrEqual(t, b.Book.Get(BurstP99, p.Name, 1).Median(), b.Book.Get(BurstP50, p.Name, 1).Median(), p.Name)
		}
		for _, s := range scenarios {
			for _, n := range b.Book.Sizes(s, p.Name) {
				assert.Len(t, b.Book.Get(s, p.Name, n).Values, 1)
			}
			assert.Len(t, b.Book.Sizes(s, p.Name), 2, "%s of %s", s, p.Name)
		}
	}
}

func TestACellTellsItsParentWhatItMeasured(t *testing.T) {
	b := tiny(t)
	for _, name := range []string{peers.Ours, "RWMutex + slice", "channel per subscriber"} {
		p := peers.ByName(name)
		b.spawnPeer("life", p, 3)
		b.spawnPeer("left", p, 1)
		for _, s := range []string{Connect, Disconnect, Teardown, Bytes, Churn, Allocs} {
			assert.Len(t, b.Book.Get(s, name, 3).Values, 1, "%s of %s", s, name)
		}
		assert.Zero(t, b.Book.Get(LeftLater, name, 1).Median(), name)
		assert.Empty(t, b.Book.Sizes(Hung, name))
	}
	assert.Equal(t, 1.0, b.Book.Get(Goroutines, "channel per subscriber", 3).Median())
}

// EventBus removes from the front of a slice, which a limit of nothing does not
// let it finish.
func TestWhatTakesTooLongIsALowerBound(t *testing.T) {
	b := tiny(t)
	b.Limit = 1
	p := peers.ByName("asaskevich/EventBus")
	b.spawnPeer("life", p, 1000)
	assert.True(t, b.Book.Get(Connect, p.Name, 1000).Cut())
	b.spawnPeer("life", p, 1000)
	assert.Len(t, b.Book.Get(Connect, p.Name, 1000).Values, 1, "tried again")
}

func TestACellThatFailsIsNotedAndNotTriedAgain(t *testing.T) {
	b := tiny(t)
	b.self = "/nowhere"
	p := peers.ByName(peers.Ours)
	b.spawnPeer("life", p, 3)
	assert.Equal(t, 1.0, b.Book.Get(Hung, p.Name, 3).Median())
	b.spawnPeer("life", p, 3)
	assert.Len(t, b.Book.Get(Hung, p.Name, 3).Values, 1, "tried again")
}

func TestACellRefusesArgumentsThatAreNone(t *testing.T) {
	for _, args := range [][]string{{}, {CellFlag}, {CellFlag, "none", peers.Ours, "1", "{}"}, {CellFlag, "life", peers.Ours, "x", "{}"}, {CellFlag, "life", peers.Ours, "1", "{"}} {
		assert.Error(t, Cell(args, io.Discard), "%q", args)
	}
}

// A handler counts as late if it begins after the end was announced, and as
// running if that came while it ran.
func TestATallyTellsStartedFromRunning(t *testing.T) {
	var counts tally
	over, live, ending := new(watch), new(watch), new(watch)
	over.ended.Store(true)
	counts.handler(over)(1)
	counts.handler(live)(1)
	assert.EqualValues(t, 1, counts.started.Load())
	assert.EqualValues(t, 0, counts.running.Load())

	done := make(chan bool)
	go func() {
		for counts.running.Load() == 0 {
			ending.ended.Store(false)
			counts.handler(ending)(1)
		}
		close(done)
	}()
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
			ending.ended.Store(true)
		}
	}
	assert.EqualValues(t, 1, counts.running.Load())
}

// A ratio is that of the least times, or of the medians, and never of one to the
// other.
func TestBudgetsAreJudgedByTheirQuietTimesAndTheBusyOnesWhereTheySaySo(t *testing.T) {
	var b measure.Book
	b.Add(CostFire, Bare, 100, 100, 200, 900)
	b.Add(CostFire, One, 100, 110, 260, 300)
	b.Add(CostFire, locked, 100, 150, 150, 150)
	vs := Judge(&b)
	require.Len(t, vs, 1, "budgets of which nothing was measured")
	v := vs[0]
	assert.Equal(t, "Fire, 100 handlers, one owner", v.Name)
	assert.InDelta(t, 1.1, v.Quiet, 1e-9)
	assert.InDelta(t, 1.3, v.Busy, 1e-9)
	assert.Equal(t, Beside{locked, 1.5}, v.Beside[0])
	for _, c := range []struct {
		quiet, busy float64
		floor, want bool
	}{
		{1.1, 1.3, false, true}, {1, 1.3, false, false}, {1.1, 1.2, false, false}, {1.1, 0, false, true},
		{1.1, 0, true, true}, {1.2, 0, true, false},
	} {
		v.Limit, v.Budget.Busy, v.Floor = c.quiet+1e-9, c.busy, c.floor
		if c.floor {
			v.Limit -= 2e-9
		}
		if c.busy > 0 {
			v.Budget.Busy += 1e-9
		}
		assert.Equal(t, c.want, v.Met(), "%+v", c)
	}
}

func TestEveryBudgetIsMeasured(t *testing.T) {
	b := tiny(t)
	b.Costs()
	assert.Len(t, Judge(&b.Book), len(budgets))
}

// Both compute the same, or the ratio would be of different work.
func TestTheNaivePushComputesWhatStateDoes(t *testing.T) {
	first := new(pushed)
	second := first.user()
	third := second.user()
	third.watched()
	told := 0
	count := third.watch
	third.watch = func(old, new int) {
		told += new - old
		count(old, new)
	}
	first.set(5)
	first.set(5)
	assert.Equal(t, []int{5, 6, 7}, []int{first.value, second.value, third.value})
	assert.Equal(t, 5, told)
}

func TestTheGuardedPushComputesWhatStateDoes(t *testing.T) {
	first := &guarded{mu: new(sync.Mutex)}
	second := first.user()
	third := second.user()
	told := 0
	third.watch = func(old, new int) { told += new - old }
	first.set(5)
	first.set(5)
	assert.Equal(t, []int64{5, 6, 7}, []int64{first.value.Load(), second.value.Load(), third.value.Load()})
	assert.Equal(t, 5, told)
	assert.False(t, second.dirty || third.dirty)
}

func TestStreamsComputeWhatStateDoes(t *testing.T) {
	for name, slope := range map[string]int{chain: 1, fan: fanWidth, "diamond": 100, "broad": 50} {
		set, told, end := streamed(name)
		set(3)
		before := told.Sum
		set(7)
		assert.Equal(t, 4*slope, told.Sum-before, name)
		end()
	}
	set, _, _ := streamed("grid")
	assert.Nil(t, set)
}

func TestEveryCurveIsMeasured(t *testing.T) {
	b := tiny(t)
	b.growAll()
	for _, c := range Curves {
		assert.Equal(t, []int{20, 40}, b.Book.Sizes(Growth, c.Name), c.Name)
		assert.Contains(t, Groups, c.Group, c.Name)
		assert.Empty(t, b.Book.Sizes(Hung, c.Name), c.Name)
	}
}

// Curves that are quadratic would take hours at the end.
func TestACurveEndsBeforeWhatTakesTooLong(t *testing.T) {
	line := []measure.Point{{X: 10, Y: 10}, {X: 100, Y: 100}}
	square := []measure.Point{{X: 10, Y: 10}, {X: 100, Y: 1000}}
	assert.Zero(t, forecast(nil, 1000))
	assert.InDelta(t, 100, forecast(line[:1], 100), 1)
	assert.InDelta(t, 1000, forecast(line, 1000), 1)
	assert.InDelta(t, 100_000, forecast(square, 1000), 1)

	b := tiny(t)
	b.Patience = 1
	b.growAll()
	for _, c := range Curves {
		assert.Less(t, len(b.Book.Sizes(Growth, c.Name)), 2, c.Name)
	}
}

func TestNumbersHaveThreeDigits(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 1: "1", 1.234: "1.23", 12.34: "12.3", 123.4: "123", 12345.6: "12346"} {
		assert.Equal(t, want, Number(v))
	}
}

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == CellFlag {
		if err := Cell(os.Args[1:], os.Stdout); err != nil {
			panic(err)
		}
		return
	}
	goleak.VerifyTestMain(m)
}
