package fifo

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The tests of this file each kill mutants of the package that all other tests
// let live, see verify/MUTANTS.md.

// How much was ever in a ring must not decide for ever what it keeps: only what
// was in it since it was last empty does.
func TestARingForgetsItsPeakWhenItIsEmpty(t *testing.T) {
	var r Buffer[int]
	fill := func(n int) {
		for i := range n {
			r.Push(i)
		}
		for range n {
			r.Pop()
		}
	}
	fill(512)
	require.Len(t, r.buf, 512, "it was full just now")
	fill(129)
	require.Len(t, r.buf, 512, "more than a quarter was of use")
	fill(128)
	require.Nil(t, r.buf, "a quarter is not enough")
	fill(keep)
	fill(1)
	require.Len(t, r.buf, keep, "so much is always kept")
	fill(512)
	r.Push(0)
	r.Remove(0)
	require.Nil(t, r.buf, "whatever way the last one goes")
}

func TestRemoveLeavesNothingBehindItsLastValue(t *testing.T) {
	var r Buffer[*int]
	for i := range 4 {
		r.Push(&i)
	}
	r.Remove(1)
	r.Remove(2)
	held := 0
	for _, p := range r.buf {
		if p != nil {
			held++
		}
	}
	require.Equal(t, 2, held)
	require.Equal(t, 2, r.Len())
}
