package fifo

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"weak"

	"github.com/stretchr/testify/require"
)

func contents(r *Buffer[int]) []int {
	all := []int{}
	for i := range r.Len() {
		all = append(all, *r.At(i))
	}
	return all
}

func TestBuffer_ARandomProgramAgreesWithASlice(t *testing.T) {
	for seed := range uint64(12) {
		rng := rand.New(rand.NewPCG(seed, 0))
		var r Buffer[int]
		model := []int{}
		grows := 5 + rng.IntN(4) // of 10: the size to which it tends
		for step := range 1000 {
			if step%250 == 0 {
				grows = 5 + rng.IntN(4)
			}
			switch op := rng.IntN(10); {
			case op < grows || len(model) == 0:
				r.Push(step)
				model = append(model, step)
			case op == 9 && rng.IntN(20) == 0:
				k := 2 + rng.IntN(5)
				keep := func(v int) bool { return v%k == 0 }
				seen := []int{}
				r.Filter(func(v int) bool { seen = append(seen, v); return keep(v) })
				require.Equal(t, model, seen, "seed %d, step %d: what Filter asked about", seed, step)
				model = slices.DeleteFunc(model, func(v int) bool { return !keep(v) })
			case op == 8:
				i := rng.IntN(len(model))
				r.Remove(i)
				model = slices.Delete(model, i, i+1)
			default:
				require.Equal(t, model[0], r.Pop(), "seed %d, step %d", seed, step)
				model = model[1:]
			}
			require.Equal(t, len(model), r.Len(), "seed %d, step %d", seed, step)
			if step%20 == 0 {
				require.Equal(t, model, contents(&r), "seed %d, step %d", seed, step)
			}
		}
		require.Equal(t, model, contents(&r), "seed %d", seed)
	}
}

func TestBuffer_RemoveAtEveryIndexOfEveryTurn(t *testing.T) {
	for turn := range 8 {
		for n := 1; n <= 8; n++ {
			for i := range n {
				var r Buffer[int]
				for range 8 { // a buffer of 8, its head at turn
					r.Push(-1)
				}
				for k := range 8 {
					r.Pop()
					if k < turn {
						r.Push(-1)
						r.Pop()
					}
				}
				var model []int
				for v := range n {
					r.Push(v)
					model = append(model, v)
				}
				r.Remove(i)
				require.Equal(t, slices.Delete(model, i, i+1), contents(&r)[:n-1:n-1], "turn %d, %d of %d", turn, i, n)
			}
		}
	}
}

func TestBuffer_RemoveLeavesNothingBehindItsLastValue(t *testing.T) {
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

func TestBuffer_WhatIsTakenOutIsGarbage(t *testing.T) {
	var r Buffer[*[100]int]
	var taken []weak.Pointer[[100]int]
	push := func() { r.Push(new([100]int)) }
	for range 7 {
		push()
	}
	take := func(i int) { taken = append(taken, weak.Make(*r.At(i))) }
	take(0)
	r.Pop()
	take(3)
	r.Remove(3)
	take(r.Len() - 1)
	r.Remove(r.Len() - 1)
	take(1)
	gone := *r.At(1)
	r.Filter(func(p *[100]int) bool { return p != gone })
	gone = nil
	require.Equal(t, 3, r.Len())
	for range 10 {
		runtime.GC()
		if !slices.ContainsFunc(taken, func(p weak.Pointer[[100]int]) bool { return p.Value() != nil }) {
			break
		}
	}
	for i, p := range taken {
		require.Nil(t, p.Value(), "the value taken out by step %d", i)
	}
	runtime.KeepAlive(&r)
}

func TestBuffer_AnEmptiedOneGivesItsMemoryBackUnlessItIsSmall(t *testing.T) {
	for n, want := range map[int]int{3: 4, keep: keep, keep + 1: 2 * keep, most: most, most + 1: 0, 10_000: 0} {
		var r Buffer[int]
		for v := range n {
			r.Push(v)
		}
		for range n {
			r.Pop()
		}
		require.Equal(t, want, len(r.buf), "capacity after %d values", n)
		r.Push(1)
		require.Equal(t, []int{1}, contents(&r))
	}
}

// How much was ever in a ring must not decide for ever what it keeps: only what
// was in it since it was last empty does.
func TestBuffer_ForgetsItsPeakWhenItIsEmpty(t *testing.T) {
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

func TestBuffer_ASteadyOneDoesNotAllocate(t *testing.T) {
	var r Buffer[int]
	r.Push(0)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		for v := range keep {
			r.Push(v)
		}
		for range keep {
			r.Pop()
		}
	}))
}
