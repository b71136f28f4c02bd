package scope

import (
	"testing"

	"github.com/stretchr/testify/require"
)

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
