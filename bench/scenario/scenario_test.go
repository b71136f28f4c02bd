package scenario

import (
	"bytes"
	"io"
	"os"
	"strings"
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
		b.spawn("life", p, 3)
		b.spawn("left", p, 1)
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
	b.spawn("life", p, 1000)
	assert.True(t, b.Book.Get(Connect, p.Name, 1000).Cut())
	assert.True(t, b.wasCut("life", p, 1000))
}

func TestACellThatFailsIsNotedAndNotTriedAgain(t *testing.T) {
	b := tiny(t)
	b.self = "/nowhere"
	p := peers.ByName(peers.Ours)
	b.spawn("life", p, 3)
	assert.Equal(t, 1.0, b.Book.Get(Hung, p.Name, 3).Median())
	assert.True(t, b.wasCut("life", p, 3))
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

func TestBudgetsAreJudgedByTheirMedians(t *testing.T) {
	s := measure.Sample{Values: []float64{1, 2, 9}}
	assert.True(t, Budget{Limit: 2, Got: s}.Met())
	assert.False(t, Budget{Limit: 1.9, Got: s}.Met())
	assert.True(t, Budget{Limit: 2, Floor: true, Got: s}.Met())
	assert.False(t, Budget{Limit: 2.1, Floor: true, Got: s}.Met())
	assert.False(t, Budget{}.Measured())
	assert.False(t, Budget{}.Met())
}

func TestTheListOfBudgetsIsComplete(t *testing.T) {
	b := tiny(t)
	b.RunBudgets()
	var names bytes.Buffer
	for _, x := range b.Budgets {
		names.WriteString(x.Name + "\n")
		if !strings.Contains(x.Name, "10^6") && !strings.Contains(x.Name, " others") {
			assert.True(t, x.Measured(), x.Name)
		}
	}
	for _, want := range []string{
		"Fire at 1 handler", "100 handlers, one", "100 handlers, an owner each", "1000 handlers", "without handlers", "Allocations of a Fire",
		"Two goroutines", "with 0 others", "with 10^6 others", "Memory", "Destroy of 10^6", "Child owner", "Queue", "idle queues",
	} {
		assert.Contains(t, names.String(), want)
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
