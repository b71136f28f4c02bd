package scope_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether/internal/scope"
)

func names(all []*scope.Scope) (names []string) {
	for _, s := range all {
		names = append(names, s.Name())
	}
	return names
}

func TestOlderChildrenComeInPages(t *testing.T) {
	top := scope.New("top", scope.Config{})
	defer top.Destroy()
	var all []*scope.Scope
	for i := range 10 {
		all = append(all, top.NewChild(fmt.Sprint(i), scope.Config{}))
		top.Defer(func() {})
	}
	first, ok := top.Older(nil, 4)
	require.True(t, ok)
	require.Equal(t, []string{"9", "8", "7", "6"}, names(first))
	second, _ := top.Older(first, 4)
	require.Equal(t, []string{"5", "4", "3", "2"}, names(second))
	third, _ := top.Older(second, 4)
	require.Equal(t, []string{"1", "0"}, names(third))
	fourth, ok := top.Older(third, 4)
	require.True(t, ok)
	require.Empty(t, fourth)

	// Where the oldest of a page have left, it goes on after those that have not.
	_ = all[6].Destroy()
	_ = all[7].Destroy()
	_ = all[5].Destroy()
	top.NewChild("new", scope.Config{})
	second, ok = top.Older(first, 4)
	require.True(t, ok)
	require.Equal(t, []string{"4", "3", "2", "1"}, names(second))
	_ = all[8].Destroy()
	_ = all[9].Destroy()
	_, ok = top.Older(first, 4)
	require.False(t, ok, "nobody knows where it was")
}

func TestSizesAreThoseOfTheMembers(t *testing.T) {
	top := scope.New("top", scope.Config{})
	defer top.Destroy()
	top.NewChild("a", scope.Config{})
	top.Defer(func() {})
	top.Defer(func() {})
	top.Interrupt(func() {})
	require.Equal(t, scope.Sizes{Cleanups: 2, Interrupts: 1, Children: 1}, top.Sizes())
	n := top.Number()
	require.NotZero(t, n)
	require.Equal(t, n, top.Number())
	require.NotEqual(t, n, scope.New("other", scope.Config{}).Number())

	seen := 0
	top.Newest(2, func(scope.Kind) bool { return true }, func(scope.Detail) bool { seen++; return true })
	require.Equal(t, 2, seen)
	seen = 0
	top.Newest(10, func(scope.Kind) bool { return true }, func(scope.Detail) bool { seen++; return false })
	require.Equal(t, 1, seen)
}
