package bus

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// A copy at each deletion would make the deletion of all keys quadratic.
func TestTable_IsCopiedWhenMostKeysHaveGoneAndNotBefore(t *testing.T) {
	const n = 1000
	keys := make([]string, n)
	var tb table[int]
	for i := range keys {
		keys[i] = fmt.Sprint(i)
		tb.set(keys[i], i)
	}
	remove := func(from, to int) {
		for _, key := range keys[from:to] {
			tb.delete(key)
		}
	}
	remove(0, 3*n/4)
	require.Equal(t, n, tb.most, "not copied yet")
	remove(3*n/4, 3*n/4+2)
	require.Less(t, tb.most, n/4, "copied")
	require.LessOrEqual(t, tb.len(), tb.most)
	for i := 3*n/4 + 2; i < n; i++ {
		require.Equal(t, i, tb.get(keys[i]))
	}
	remove(3*n/4+2, n)
	require.Zero(t, tb.len())
	require.LessOrEqual(t, tb.most, roomy, "and so on, but a small one stays as it is")
}
