package goroutine_test

import (
	"context"
	"iter"
	"reflect"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/scope"
)

func TestID_LivingGoroutinesHaveDifferentOnes(t *testing.T) {
	const n = 200
	ids := make(chan uint64, n)
	hold := make(chan bool)
	var wg sync.WaitGroup
	for range n {
		wg.Go(func() {
			ids <- goroutine.ID()
			<-hold // lives on
		})
	}
	seen := map[uint64]bool{goroutine.ID(): true}
	for range n {
		id := <-ids
		require.NotZero(t, id)
		require.False(t, seen[id], "two goroutines with the id %d", id)
		seen[id] = true
	}
	close(hold)
	wg.Wait()
}

func deep(n int, f func()) {
	if n > 0 {
		deep(n-1, f)
		return
	}
	f()
}

func TestID_Stays(t *testing.T) {
	id := goroutine.ID()
	for depth := range 100 {
		deep(depth*20, func() { require.Equal(t, id, goroutine.ID(), "%d calls down", depth*20) })
		runtime.Gosched()
	}
	func() {
		defer func() { require.Equal(t, id, goroutine.ID(), "while it panics"); recover() }()
		panic(1)
	}()
	require.NotContains(t, []uint64{0}, id)
}

func TestInside_NothingOfTheLibrarys(t *testing.T) {
	nothing := func() {
		assert.False(t, goroutine.MustNotWait())
		assert.False(t, goroutine.InsideCleanup())
	}
	nothing()
	deep(200, nothing)
	done := make(chan bool)
	go func() { defer close(done); nothing() }()
	<-done
	defer func() {
		nothing()
		assert.Equal(t, 1, recover())
	}()
	panic(1)
}

func TestInside_CallsOfTheLibrary(t *testing.T) {
	s := scope.New("s", scope.Config{})
	type answer struct{ mustNotWait, cleanup bool }
	got := make(chan answer, 1)
	ask := func() {
		deep(100, func() { // the marks are further up than one buffer
			got <- answer{goroutine.MustNotWait(), goroutine.InsideCleanup()}
		})
	}
	require.True(t, s.Go(func(context.Context) { ask() }))
	require.Equal(t, answer{false, false}, <-got, "in an owned goroutine")
	require.True(t, s.Enter())
	s.Call(ask)
	require.Equal(t, answer{true, false}, <-got, "in a call")
	s.AfterFunc(0, ask)
	require.Equal(t, answer{true, false}, <-got, "in a timer function")
	s.Interrupt(ask)
	go s.Cancel(nil)
	require.Equal(t, answer{true, true}, <-got, "in an interrupt")
	<-s.Ended()
	s.Defer(ask)
	require.Equal(t, answer{true, true}, <-got, "in a cleanup")
	s.Own(closer(ask))
	require.Equal(t, answer{true, true}, <-got, "in a closer")
}

type closer func()

func (c closer) Close() error { c(); return nil }

// What an iterator's puller is in the middle of is on another stack.
func TestInside_AnIteratorThatIsPulledMustNotWait(t *testing.T) {
	var in bool
	next, stop := iter.Pull(func(func(int) bool) { in = goroutine.MustNotWait() })
	defer stop()
	next()
	require.True(t, in)
	require.False(t, goroutine.MustNotWait(), "the puller itself")
	for range func(yield func(int) bool) { yield(1) } {
		require.False(t, goroutine.MustNotWait(), "a loop is no coroutine")
	}
}

type runner func()

func (r runner) Run() { r() }

func TestSpelled_FindsEachNumberOnTheStackAndNoOther(t *testing.T) {
	numbers := []uint64{1, 2, 15, 16, 17, 0x10, 0x100, 0x123456789abcdef, 1<<64 - 1}
	for _, n := range numbers {
		require.False(t, goroutine.Spelled(n))
		goroutine.Handle(n, runner(func() {
			for _, m := range numbers {
				require.Equal(t, m == n, goroutine.Spelled(m), "%x inside %x", m, n)
			}
			require.True(t, goroutine.MustNotWait())
			goroutine.Spell(5, runner(func() { require.Equal(t, []uint64{5, n}, goroutine.Numbers()) }))
			goroutine.Handle(3, runner(func() {
				deep(100, func() {
					require.True(t, goroutine.Spelled(3))
					require.True(t, goroutine.Spelled(n), "%x further out", n)
					require.False(t, goroutine.Spelled(n<<4|3), "not one number of two")
				})
			}))
			done := make(chan bool)
			go func() { done <- goroutine.Spelled(n) }()
			require.False(t, <-done, "on another goroutine")
		}))
		require.False(t, goroutine.Spelled(n))
	}
}

func TestHolding_AlsoSaysWhetherThereAreOtherNumbers(t *testing.T) {
	type answer struct{ yes, others bool }
	ask := func(n uint64) answer {
		yes, others := goroutine.Holding(n)
		return answer{yes, others}
	}
	require.Equal(t, answer{false, false}, ask(7))
	goroutine.Spell(0, runner(func() { require.Equal(t, answer{false, false}, ask(7)) }))
	goroutine.Spell(7, runner(func() {
		require.True(t, ask(7).yes)
		require.Equal(t, answer{false, true}, ask(8))
		require.False(t, goroutine.MustNotWait(), "a number alone is no handler")
	}))
}

// The read of a stack of 40 000 frames took seconds, as each part of it was read
// from the top. Now twice the depth takes twice the time; eight times is the limit, as
// machines are busy.
func TestInside_TakesLinearTimeOnADeepStack(t *testing.T) {
	least := func(depth int) (d time.Duration) {
		for range 5 {
			deep(depth, func() {
				start := time.Now()
				goroutine.MustNotWait()
				if took := time.Since(start); d == 0 || took < d {
					d = took
				}
			})
		}
		return d
	}
	small, large := least(10_000), least(80_000)
	require.Less(t, large, 8*8*small, "10 000 deep: %v, 80 000: %v", small, large)
}

//go:noinline
func fails() { panic("fails") }

func TestFuncAt_NamesAFunctionWithItsFileAndLine(t *testing.T) {
	name := goroutine.FuncAt(reflect.ValueOf(fails).Pointer())
	require.True(t, strings.HasSuffix(name, ")"), name)
	require.Contains(t, name, "goroutine_test.fails (")
	require.Contains(t, name, "goroutine_test.go:")
	require.Equal(t, "unknown", goroutine.FuncAt(0))
}
