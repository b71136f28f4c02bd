package history

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
)

// Where a handler panicked with each value, the sweep after the pass was left out. Then each value
// went by all subscribers that there had ever been at once.
func TestRing_EndedSubscribersAreSweptThoughAHandlerPanics(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var s tether.Signal[int]
	r := Record(app, &s, 1)
	r.Connect(app, func(int) { panic("boom") })
	gone := app.NewChild("gone")
	for range 100 {
		r.Connect(gone, func(int) {})
	}
	require.NoError(t, gone.Destroy())
	require.Equal(t, 101, r.book.size)
	require.PanicsWithValue(t, "boom", func() { s.Fire(1) })
	require.Equal(t, 1, r.book.size)
}

// The count went to 0 with the value after the 2^32-1st one. From then on the ring forgot
// nothing until it had as many again, and Len was wrong.
func TestRing_TheCountOfTheGreatestOneDoesNotOverflow(t *testing.T) {
	r := &Ring[int]{n: math.MaxUint32, oldest: new(cell[int])}
	r.appendLocked(1)
	r.count = r.n // as if there were so many
	r.appendLocked(2)
	require.Equal(t, uint32(math.MaxUint32), r.count)
	require.Equal(t, 2, r.oldest.v)
}
