package scope

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A cleanup that destroys a scope before its turn: meanwhile what is above that is
// pending, and after that it is not.
func TestUnwind_WhatIsAboveAScopeThatIsUnwoundBeforeItsTurnIsPending(t *testing.T) {
	var log []string
	root := New("root", Config{})
	mid := root.NewChild("mid", Config{})
	low := mid.NewChild("low", Config{})
	side := mid.NewChild("side", Config{})
	mid.Defer(func() { log = append(log, "mid") })
	side.Defer(func() { log = append(log, "side") })
	low.Defer(func() {
		require.ErrorIs(t, mid.Destroy(), ErrPending)
		require.ErrorIs(t, root.Destroy(), ErrPending)
		require.NoError(t, side.Destroy(), "is not above")
		log = append(log, "low")
	})
	root.Defer(func() {
		require.NoError(t, low.Destroy())
		require.True(t, low.Over())
		require.NoError(t, mid.Destroy())
		require.True(t, mid.Over())
		log = append(log, "root")
	})
	require.NoError(t, root.Destroy())
	require.Equal(t, []string{"side", "low", "mid", "root"}, log)
}

func TestErrors_TheTextHasALineForEachOfTheFirstTenAndACount(t *testing.T) {
	for _, n := range []int{2, 10, 11, 30} {
		s := New("s", Config{})
		var want []string
		for i := range n {
			s.NewChild("child", Config{}).Own(closer(func() error { return fmt.Errorf("close %d", i) }))
			if n-1-i < 10 {
				want = append([]string{fmt.Sprint("close ", i)}, want...)
			}
		}
		if n > 10 {
			want = append(want, fmt.Sprintf("and %d more", n-10))
		}
		err := s.Destroy()
		require.EqualError(t, err, strings.Join(want, "\n"))
		var all *Errors
		require.ErrorAs(t, err, &all)
		require.Len(t, all.Unwrap(), n)
	}
}

func TestErrors_ThoseAfterTheEndAreKeptUpToABoundAndCounted(t *testing.T) {
	s := New("s", Config{})
	require.NoError(t, s.Destroy())
	last := errors.New("last")
	for i := range maxLate + 5 {
		if i == maxLate-1 {
			s.Own(closer(func() error { return last }))
		} else {
			s.Own(closer(func() error { return errors.New("x") }))
		}
	}
	err := s.Err()
	require.ErrorIs(t, err, last)
	require.True(t, strings.HasSuffix(err.Error(), fmt.Sprintf("\nand %d more", maxLate+5-10)), err.Error())
}

// A late interrupt counts in the scope that it is given to, so a Destroy of that, which
// an ancestor's teardown has cut off, waits for it.
func TestInterrupt_ALateOneIsWaitedForThoughItsScopeIsDestroyedMeanwhile(t *testing.T) {
	root := New("root", Config{})
	child := root.NewChild("child", Config{})
	require.True(t, root.Enter())
	root.Cancel(nil)
	cleaned := false
	child.Defer(func() { cleaned = true })
	child.Interrupt(func() {
		require.ErrorIs(t, child.Destroy(), ErrPending)
		require.False(t, cleaned, "a cleanup runs beside an interrupt")
	})
	require.True(t, cleaned)
	require.True(t, child.Over())
	require.False(t, root.Over())
	root.Leave()
	<-root.Ended()
}

func TestCancel_TheBlameIsKeptThoughTheScopeEndsAtOnce(t *testing.T) {
	for _, idle := range []bool{true, false} {
		s, plain := New("s", Config{}), New("plain", Config{})
		if !idle {
			s.Defer(func() {})
		}
		require.NoError(t, s.Blame())
		err := errors.New("blame")
		s.Cancel(err)
		late := s.NewChild("late", Config{})
		plain.Cancel(nil)
		<-s.Ended()
		<-plain.Ended()
		require.Same(t, err, s.Blame())
		require.NoError(t, late.Blame(), "that is its parent's")
		require.NoError(t, plain.Blame())
	}
}

// The common case of scopes that come and go needs no teardown, again and again.
func TestDestroy_ScopesThatComeAndGoEndWithoutATeardown(t *testing.T) {
	root := New("root", Config{})
	for range 3 {
		child := root.NewChild("child", Config{})
		require.NoError(t, child.Destroy())
		require.Same(t, &atOnce, child.down)
	}
	require.NoError(t, root.Destroy())
}

// A scope that is destroyed while an ancestor drains takes the teardowns along that have
// begun below it: the ancestor waits for it alone, and it for them.
func TestDestroy_UnderADrainingAncestorTakesTheTeardownsBelowAlong(t *testing.T) {
	root := New("root", Config{})
	mid := root.NewChild("mid", Config{})
	var lows []*Scope
	for range 3 {
		low := mid.NewChild("low", Config{})
		require.True(t, low.Enter())
		lows = append(lows, low)
	}
	require.True(t, root.Enter())
	require.True(t, mid.Enter())
	lows[0].Cancel(nil)
	lows[1].Cancel(nil)
	root.Cancel(nil)
	mid.Cancel(nil)
	require.Equal(t, 2, root.down.pending, "its own call, and mid")
	require.Equal(t, 4, mid.down.pending, "its own call, that of the third below, and two teardowns")
	for _, low := range lows {
		low.Leave()
	}
	require.False(t, mid.Over())
	mid.Leave()
	<-mid.Ended()
	require.False(t, root.Over())
	root.Leave()
	<-root.Ended()
}
