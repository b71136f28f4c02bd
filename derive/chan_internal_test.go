package derive

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
)

// A handler that had begun before the end of the source may come to the channel after it.
func TestChan_DropsAValueThatComesAfterTheClose(t *testing.T) {
	for _, overflow := range []tether.Overflow{tether.Block, tether.DropOldest, tether.DropNewest} {
		o := &outlet[int]{ch: make(chan int, 1), overflow: overflow, ctx: t.Context()}
		o.put(1)
		o.close()
		o.put(2)
		require.Equal(t, 1, <-o.ch, overflow)
		_, open := <-o.ch
		require.False(t, open, overflow)
	}
}

// All subscribers may have left between the receive and the Fire.
func TestFromChan_KeepsAValueThatNobodyTakes(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	r := &receiver[int]{signal: tether.NewSignal[int](app), kept: []int{1}}
	r.fire()
	require.Equal(t, []int{1}, r.kept)
}
