package tether_test

import (
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

func TestSignal_AHandlersPanicGoesOnToTheCallerOfFireWhenTheRestHasRun(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		var s tether.Signal[int]
		var log trace
		s.Connect(o, func(int) { log.add("1") })
		s.Connect(o, func(int) { log.add("2"); panic("two") })
		s.Connect(o.NewChild("c"), func(int) { log.add("3") })
		s.Connect(o, func(int) { log.add("4"); panic("four") }, tether.Priority(-1))
		s.Connect(o, func(int) { log.add("5") }, tether.Priority(-2))
		require.PanicsWithValue(t, "four", func() { s.Fire(1) }, "recover sees the last one")
		require.Equal(t, "1 2 3 4 5", log.String())
		require.Panics(t, func() { s.Fire(1) }, "nothing is poisoned")
		require.NoError(t, o.Destroy(), "no presence is left")
	})
}

func TestSignal_GoexitInAHandlerEndsTheFirersGoroutineWhenTheRestHasRun(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		for _, also := range []bool{false, true} {
			o := tether.NewOwner("o")
			var s tether.Signal[int]
			var log trace
			s.Connect(o, func(int) {
				if also {
					panic("before")
				}
			})
			s.Connect(o, func(int) { runtime.Goexit() })
			s.Connect(o, func(int) { log.add("rest") })
			out := make(chan any)
			go func() {
				defer func() { out <- recover() }()
				s.Fire(1)
				out <- "Fire returned"
			}()
			require.Nil(t, <-out, "a Goexit after a panic wins")
			require.Equal(t, "rest", log.String())
			require.NoError(t, o.Destroy())
		}
	})
}

func TestSignal_ACrashByAHandlerShowsAllPanicsWithTheirStacks(t *testing.T) {
	out := testkit.Crash(t, func() {
		o := tether.NewOwner("o")
		var s tether.Signal[int]
		s.Connect(o, func(int) { panicOne() })
		s.Connect(o, func(int) { panic("two") })
		s.Fire(1)
	})
	require.Contains(t, out, "panic: one")
	require.Contains(t, out, "panic: two")
	require.Contains(t, out, "panicOne", "the first panic's own stack")
}

func panicOne() { panic("one") }

func TestSignal_ATeardownInsideAFireMayPanicAndTheRestStillRuns(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		a, b := tether.NewOwner("a"), tether.NewOwner("b")
		var s tether.Signal[int]
		var log trace
		a.Defer(func() { log.add("cleanup"); panic("from the cleanup") })
		s.Connect(a, func(int) { log.add("a"); a.Destroy() })
		s.Connect(b, func(int) { log.add("b1") })
		s.Connect(b, func(int) { log.add("b2") })
		require.PanicsWithValue(t, "from the cleanup", func() { s.Fire(1) })
		require.Equal(t, "a cleanup b1 b2", log.String())
		require.True(t, ended(a))
		require.NoError(t, b.Destroy())
	})
}

// The last handler's owner is torn down before the next handler runs, by when the
// walk had moved on to that one's owner. Its panic handler then got the panic of
// a cleanup that was none of its business, and the caller of Fire got nothing.
func TestSignal_APanicOfATeardownInsideAFireIsNotTheNextOwnersToSupervise(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		for _, destroyedToo := range []bool{false, true} {
			a := tether.NewOwner("a")
			var log trace
			b := tether.NewOwner("b", tether.WithPanicHandler(func(p *tether.PanicError) { log.add("b got %v", p.Value) }))
			a.Defer(func() {
				if destroyedToo {
					b.Destroy()
				}
				panic("cleanup")
			})
			var s tether.Signal[int]
			s.Connect(a, func(int) { a.Destroy() })
			s.Connect(b, func(int) { log.add("called") })
			require.PanicsWithValue(t, "cleanup", func() { s.Fire(1) })
			if destroyedToo {
				require.Empty(t, log.String())
			} else {
				require.Equal(t, "called", log.String())
			}
			require.True(t, ended(a))
			require.NoError(t, b.Destroy())
		}
	})
}

// What a panicking handler had connected was called by the rest of its own Fire,
// where both stood in one block.
func TestSignal_AFireThatGoesOnAfterAPanicKeepsItsSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s tether.Signal[int]
		o := tether.NewOwner("o")
		defer o.Destroy()
		var calls []string
		s.Once(o, func(int) {
			s.Connect(o, func(int) { calls = append(calls, "late") })
			panic("p")
		})
		s.Connect(o, func(int) { calls = append(calls, "rest") })
		require.PanicsWithValue(t, "p", func() { s.Fire(1) })
		require.Equal(t, []string{"rest"}, calls)
	})
}
