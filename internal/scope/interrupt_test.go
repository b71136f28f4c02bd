package scope

import (
	"testing"

	"github.com/stretchr/testify/require"
)

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
