package scope

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTask_OneInsideAnotherIsCurrentWithTheOuterOneAndForgottenAfterIt(t *testing.T) {
	outer, inner := New("outer", Config{}), New("inner", Config{})
	require.Empty(t, current())
	done := make(chan bool)
	require.True(t, outer.Go(func(context.Context) {
		defer close(done)
		require.Equal(t, []*Scope{outer}, current())
		inner.Host(0, func() {}, func() {
			require.Equal(t, []*Scope{inner, outer}, current())
		})
		require.Equal(t, []*Scope{outer}, current())
	}))
	<-done
	timed := make(chan []*Scope)
	outer.AfterFunc(0, func() { timed <- current() })
	require.Equal(t, []*Scope{outer}, <-timed, "in a timer function")
	require.NoError(t, outer.Destroy())
	require.NoError(t, inner.Destroy())
}

// Goroutines share the parts of the book, and each is forgotten when it is over.
func TestTask_APartOfTheBookKeepsAllItsGoroutinesUntilTheirEnd(t *testing.T) {
	a, b := New("a", Config{}), New("b", Config{})
	n := uint64(1) << 40 // of no goroutine's
	part := &owned[n%uint64(len(owned))]
	a.enter(n)
	b.enter(n + uint64(len(owned)))
	require.Same(t, a, part.by[n])
	require.Same(t, b, part.by[n+uint64(len(owned))])
	leave(n)
	require.NotContains(t, part.by, n)
	require.Same(t, b, part.by[n+uint64(len(owned))])
	leave(n + uint64(len(owned)))
	require.NotContains(t, part.by, n+uint64(len(owned)))
}
