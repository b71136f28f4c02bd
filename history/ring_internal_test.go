package history

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// The count went to 0 with the value after the 2^32-1st one. From then on the ring forgot
// nothing until it had as many again, and Len was wrong.
func TestRing_TheCountOfTheGreatestOneDoesNotOverflow(t *testing.T) {
	r := &Ring[int]{n: math.MaxUint32, oldest: new(cell[int])}
	r.appendLocked(1)
	r.count = r.n // as if there were so many
	r.appendLocked(2)
	require.EqualValues(t, math.MaxUint32, r.count)
	require.Equal(t, 2, r.oldest.v)
}
