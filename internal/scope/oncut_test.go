package scope

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOnCut_WhoeverSeesTheScopeDeadFindsItDone(t *testing.T) {
	s := New("s", Config{})
	var log []string
	require.True(t, s.OnCut(func() {
		require.True(t, s.Alive())
		log = append(log, "cut")
	}, func() {
		require.False(t, s.Alive())
		log = append(log, "then")
	}))
	s.Interrupt(func() { log = append(log, "interrupt") })
	s.Defer(func() { log = append(log, "cleanup") })
	require.NoError(t, s.Destroy())
	require.Equal(t, []string{"cut", "then", "interrupt", "cleanup"}, log)
	require.Nil(t, s.last, "what holds it")
	require.Zero(t, s.counts[Internal])
	require.False(t, s.OnCut(func() { t.Error("cut of a dead scope") }, func() { t.Error("then of a dead scope") }))
}

func TestHoldBack_LetsGoAtTheCutOffOfEachOwnerOfTheGoroutine(t *testing.T) {
	for _, which := range []string{"outer", "inner", "neither"} {
		outer, inner := New("outer", Config{}), New("inner", Config{})
		var told int
		done := make(chan bool)
		require.True(t, outer.Go(func(context.Context) {
			defer close(done)
			inner.Host(0, func() {}, func() {
				release, ok := HoldBack(func() { told++ })
				require.True(t, ok)
				switch which {
				case "outer":
					outer.Cancel(nil)
				case "inner":
					inner.Cancel(nil)
				}
				release()
				require.Zero(t, outer.counts[Internal]+inner.counts[Internal], "what is left in the owners")
				require.Equal(t, which != "neither", told == 1, "told %d times", told)
				outer.Cancel(nil)
				inner.Cancel(nil)
				require.Equal(t, which != "neither", told == 1, "told after the release")
				_, ok = HoldBack(func() { told++ })
				require.False(t, ok, "the owners are cut off")
			})
		}))
		<-done
		<-outer.Ended()
		<-inner.Ended()
	}
}

// What one owner of the goroutine has taken is given back if another is dead.
func TestHoldBack_NothingIsLeftWhereOneOwnerIsDead(t *testing.T) {
	outer, inner := New("outer", Config{}), New("inner", Config{})
	done := make(chan bool)
	require.True(t, outer.Go(func(context.Context) {
		defer close(done)
		inner.Host(0, func() {}, func() {
			outer.Cancel(nil)
			release, ok := HoldBack(func() { t.Error("told") })
			require.False(t, ok)
			require.Nil(t, release)
			require.Zero(t, inner.counts[Internal])
		})
	}))
	<-done
	<-outer.Ended()
	require.NoError(t, inner.Destroy())
}
