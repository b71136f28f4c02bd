package scope

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// Who waits for whom is of no interest when the wait is over: an entry that
// stays would let a later teardown see a circle that is none, and one that went
// too early hide one that is.
func TestWait_EachIsForgottenWhenItIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := New("a", Config{}), New("b", Config{})
		waiting := func() int {
			b.tree.mu.Lock()
			defer b.tree.mu.Unlock()
			return len(b.down.waits)
		}
		hold := make(chan bool)
		b.Go(func(context.Context) { <-hold })
		ctx, cancel := context.WithCancel(context.Background())
		for i := range 3 {
			a.Go(func(context.Context) {
				if i == 0 {
					b.Destroy()
				} else {
					b.DestroyContext(ctx)
				}
			})
		}
		synctest.Wait()
		require.Equal(t, 3, waiting())
		cancel()
		synctest.Wait()
		require.Equal(t, 1, waiting())
		close(hold)
		synctest.Wait()
		require.Zero(t, waiting())
		require.NoError(t, a.Destroy())
	})
}

// draining returns a scope whose teardown waits until leave is called.
func draining(t *testing.T, name string) (s *Scope, leave func()) {
	s = New(name, Config{})
	require.True(t, s.Enter())
	s.Cancel(nil)
	return s, func() {
		s.Leave()
		<-s.Ended()
	}
}

func TestWait_EachEdgeTakesOutItselfInWhateverOrder(t *testing.T) {
	for _, order := range [][]int{{0, 1, 2}, {0, 2, 1}, {1, 0, 2}, {1, 2, 0}, {2, 0, 1}, {2, 1, 0}} {
		s, leave := draining(t, "s")
		var all []*wait
		for range 3 {
			w := &wait{t: s.down}
			w.enter()
			all = append(all, w)
		}
		left := map[*wait]bool{all[0]: true, all[1]: true, all[2]: true}
		for _, i := range order {
			all[i].remove()
			delete(left, all[i])
			got := map[*wait]bool{} // by identity, as one edge looks like the other
			for _, w := range s.down.waits {
				got[w] = true
			}
			require.Equal(t, left, got, "order %v", order)
			for _, w := range s.down.waits[len(s.down.waits):3] {
				require.Nil(t, w, "an edge that is over is held")
			}
		}
		leave()
	}
}

// Of two goroutines that are about to wait for each other the younger one gives in, unless
// it waits already.
func TestWait_OfACircleTheYoungestThatIsUndecidedGivesIn(t *testing.T) {
	a, leaveA := draining(t, "a")
	b, leaveB := draining(t, "b")
	c, leaveC := draining(t, "c")
	// The goroutine of a waits for b, that of b for c, that of c for a.
	older := &wait{of: []*Scope{a}, t: b.down, n: 1}
	middle := &wait{of: []*Scope{b}, t: c.down, n: 2}
	younger := &wait{of: []*Scope{c}, t: a.down, n: 3}
	older.enter()
	middle.enter()
	_, circle := older.search()
	require.False(t, circle, "nobody waits for a yet")
	younger.enter()
	ask := func(w, want *wait) {
		t.Helper()
		found, circle := w.search()
		require.True(t, circle)
		require.Same(t, want, found)
	}
	got, circle := younger.search()
	require.True(t, circle)
	require.Nil(t, got, "nobody is younger")
	ask(middle, younger)
	found, circle := older.search()
	require.True(t, circle)
	require.Contains(t, []*wait{middle, younger}, found)
	younger.settled.Store(true)
	ask(older, middle)
	middle.settled.Store(true)
	got, circle = older.search()
	require.True(t, circle)
	require.Nil(t, got, "all others wait")
	for _, w := range []*wait{older, middle, younger} {
		w.remove()
	}
	leaveA()
	leaveB()
	leaveC()
}

// A goroutine that waits has settled, and is not asked to give in.
func TestWait_WhoMayWaitHasSettledUntilItIsDone(t *testing.T) {
	a, leaveA := draining(t, "a")
	b := New("b", Config{})
	done := make(chan bool)
	b.Host(0, func() {}, func() {
		ok, over := a.down.mayWait(func() bool { return false })
		require.True(t, ok)
		require.Len(t, a.down.waits, 1)
		require.True(t, a.down.waits[0].settled.Load())
		<-a.down.waits[0].decided
		over()
		require.Empty(t, a.down.waits)
		close(done)
	})
	<-done
	leaveA()
	require.NoError(t, b.Destroy())
}
