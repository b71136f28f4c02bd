package testkit

import (
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bubbled reports whether the caller is in a bubble, where time takes no time.
func bubbled() bool {
	start := time.Now()
	time.Sleep(time.Nanosecond)
	return time.Since(start) == time.Nanosecond
}

func TestBubble_RunsInABubble(t *testing.T) {
	ran := ""
	Bubble(t, "name", func(t *testing.T) {
		require.True(t, bubbled())
		synctest.Wait()
		ran = t.Name()
	})
	require.Equal(t, t.Name()+"/name", ran)
}

// Three times, and the two bubbles are not one.
func TestInAndOut_RunsOutsideAndInTwoBubbles(t *testing.T) {
	var in []bool
	var names []string
	bubbles := map[string]bool{}
	InAndOut(t, func(t *testing.T) {
		in = append(in, bubbled())
		names = append(names, strings.TrimPrefix(t.Name(), "TestInAndOut_RunsOutsideAndInTwoBubbles/"))
		buf := make([]byte, 1<<10)
		head, _, _ := strings.Cut(string(buf[:runtime.Stack(buf, false)]), "\n")
		_, bubble, _ := strings.Cut(head, "synctest bubble ")
		bubbles[bubble] = true
	})
	require.Equal(t, []bool{false, true, true}, in)
	require.Equal(t, []string{"outside", "bubble", "bubble#01"}, names)
	require.Len(t, bubbles, 3, "%v", bubbles)
}

func TestProcs_IsTakenBack(t *testing.T) {
	before := runtime.GOMAXPROCS(0)
	t.Run("procs", func(t *testing.T) {
		Procs(t, before+1)
		require.Equal(t, before+1, runtime.GOMAXPROCS(0))
	})
	require.Equal(t, before, runtime.GOMAXPROCS(0))
	var got []int
	OnProcs(t, func(*testing.T) { got = append(got, runtime.GOMAXPROCS(0)) })
	require.Equal(t, []int{1, 2, 8}, got)
	require.Equal(t, before, runtime.GOMAXPROCS(0))
}

// A failing is a test that notes whether it has failed.
type failing struct {
	testing.TB
	failed bool
}

func (f *failing) Helper()               {}
func (f *failing) Fatalf(string, ...any) { f.failed = true }

func TestCollect_FailsForWhatIsHeld(t *testing.T) {
	held, gone := new([100]byte), new([100]byte)
	h, g := weak.Make(held), weak.Make(gone)
	f := &failing{}
	Collect(f, "garbage", func() bool { return g.Value() == nil })
	require.False(t, f.failed)
	Collect(f, "what is held", func() bool { return h.Value() == nil })
	require.True(t, f.failed)
	runtime.KeepAlive(held)
}

func TestHeap_CountsWhatIsHeldAlone(t *testing.T) {
	before := Heap()
	_ = make([]byte, 1<<20)
	require.Less(t, Heap()-before, int64(1<<19))
	held := make([]byte, 1<<20)
	require.Greater(t, Heap()-before, int64(1<<19))
	runtime.KeepAlive(held)
}

func TestCrash_ReturnsWhatTheProcessPrinted(t *testing.T) {
	out := Crash(t, func() { panic("it crashes") })
	require.Contains(t, out, "it crashes")
	t.Run("also in a subtest", func(t *testing.T) {
		out := Crash(t, func() { os.Stderr.WriteString("the name: " + t.Name() + "\n"); panic("it crashes") })
		require.Contains(t, out, "the name: "+t.Name())
	})
}

func TestBrokenContext_PanicsOnceItIsBroken(t *testing.T) {
	ctx := NewBrokenContext(t, false)
	require.Nil(t, ctx.Value("key"))
	ctx.Broken = true
	require.PanicsWithValue(t, "broken", func() { ctx.Value("key") })
	require.NoError(t, ctx.Err())
}
