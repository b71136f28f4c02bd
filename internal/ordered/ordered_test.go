package ordered

import (
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// depth checks the order of keys and weights below n and returns the height.
func depth(t *testing.T, n *node[int]) int {
	if n == nil {
		return 0
	}
	for _, c := range []*node[int]{n.left, n.right} {
		if c != nil {
			require.LessOrEqual(t, c.weight, n.weight)
		}
	}
	return 1 + max(depth(t, n.left), depth(t, n.right))
}

func keys(n *node[int]) []int {
	if n == nil {
		return nil
	}
	return append(append(keys(n.left), n.key), keys(n.right)...)
}

func TestMap_AgreesWithASortedSlice(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	var m Map[int]
	model := map[int]int{}
	for i := range 20000 {
		key := rnd.IntN(300) - 150
		switch rnd.IntN(3) {
		case 0:
			m.Set(key, i+1)
			model[key] = i + 1
		case 1:
			m.Delete(key)
			delete(model, key)
		}
		sorted := slices.Sorted(maps.Keys(model))
		at, found := slices.BinarySearch(sorted, key)
		require.Equal(t, model[key], m.Get(key))
		below, above := 0, 0
		if at > 0 {
			below = model[sorted[at-1]]
		}
		if found {
			at++
		}
		if at < len(sorted) {
			above = model[sorted[at]]
		}
		require.Equal(t, below, m.Below(key))
		require.Equal(t, above, m.Above(key))
		if i%500 == 0 {
			slices.Reverse(sorted)
			require.Equal(t, sorted, keys(m.root))
			depth(t, m.root)
		}
	}
}

// The height of a treap of a million keys is about 50; 120 does not happen.
func TestMap_IsFlatInWhateverOrderKeysCome(t *testing.T) {
	const n = 1 << 14
	for name, key := range map[string]func(i int) int{
		"up":   func(i int) int { return i },
		"down": func(i int) int { return -i },
		"out":  func(i int) int { return (i%2*2 - 1) * i },
	} {
		var m Map[int]
		for i := range n {
			m.Set(key(i), i)
		}
		require.Less(t, depth(t, m.root), 100, name)
		for i := range n {
			require.Equal(t, i, m.Get(key(i)))
			m.Delete(key(i))
		}
		require.Nil(t, m.root)
	}
}
