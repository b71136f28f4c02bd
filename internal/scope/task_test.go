package scope

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestTask_AfterOneInsideAnotherTheOuterOneIsCurrentAgain(t *testing.T) {
	outer, inner := New("outer", Config{}), New("inner", Config{})
	done := make(chan bool)
	require.True(t, outer.Go(func(context.Context) {
		defer close(done)
		first := current()
		require.Same(t, outer, first.s)
		inner.Host(0, func() {}, func() {
			require.Same(t, inner, current().s)
			require.Same(t, first, current().outer)
		})
		require.Same(t, first, current())
	}))
	<-done
	require.NoError(t, outer.Destroy())
	require.NoError(t, inner.Destroy())
}

// Goroutines share the parts of the book, and each is forgotten when it is over.
func TestTask_APartOfTheBookKeepsAllItsGoroutinesUntilTheirEnd(t *testing.T) {
	var part tasks
	a, b, inner := new(Task), new(Task), new(Task)
	require.Nil(t, part.swap(1, a))
	require.Nil(t, part.swap(65, b))
	require.Equal(t, map[uint64]*Task{1: a, 65: b}, part.by)
	require.Same(t, a, part.swap(1, inner))
	require.Same(t, inner, part.swap(1, a))
	require.Same(t, a, part.swap(1, nil))
	require.Equal(t, map[uint64]*Task{65: b}, part.by)
	require.Same(t, b, part.swap(65, nil))
	require.Empty(t, part.by)
}
