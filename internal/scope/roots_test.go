package scope

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"
)

// listed returns the entries of roots with a name.
func listed(name string) (found []Root) {
	for r := range Roots() {
		if r.Name == name {
			found = append(found, r)
		}
	}
	return found
}

func TestRoots_OneIsListedUntilItHasEnded(t *testing.T) {
	s := newRoot("listed")
	require.Len(t, listed("listed"), 1)
	require.Same(t, s, listed("listed")[0].Scope())
	require.NoError(t, s.NewChild("child", Config{}).Destroy())
	require.Len(t, listed("listed"), 1, "a child's end is not the root's")
	require.NoError(t, s.Destroy())
	require.Empty(t, listed("listed"))
}

func TestRoots_TheListKeepsNoneAlive(t *testing.T) {
	roots.mu.Lock()
	roots.sweep = 0 // from the runs before
	roots.mu.Unlock()
	for range 1000 {
		newRoot("dropped")
	}
	for range 3 {
		runtime.GC()
	}
	var kept []*Scope
	for range 3000 { // entries of the dead are dropped as others come
		kept = append(kept, newRoot("kept"))
	}
	roots.mu.Lock()
	n := len(roots.list)
	roots.mu.Unlock()
	require.Less(t, n, 4000)
	require.Empty(t, listed("dropped"))
	for _, s := range kept {
		require.NoError(t, s.Destroy())
	}
}

func TestRoots_AWatchKeepsTheEntriesOfTheLost(t *testing.T) {
	since, stop := WatchRoots()
	n := New("lost", Config{}).List(true)
	for range 3 {
		runtime.GC()
	}
	_, held, lost := Lose(n)
	require.True(t, lost)
	require.Zero(t, held, "it was garbage")
	for range 300 {
		require.NoError(t, newRoot("other").Destroy())
	}
	found := listed("lost")
	require.Len(t, found, 1)
	require.True(t, found[0].Lost)
	require.Greater(t, found[0].N, since)
	stop()
	stop()
	require.Empty(t, listed("lost"))
}

// Each loss once swept the whole list, so that many took quadratic time.
func TestRoots_ALossTakesItsOwnEntryOutAndNoOther(t *testing.T) {
	n := New("lost", Config{}).List(true)
	other := New("loose", Config{})
	m := other.List(false)
	other = nil
	_ = other
	runtime.GC()
	_, _, lost := Lose(n)
	require.True(t, lost)
	roots.mu.Lock()
	defer roots.mu.Unlock()
	require.NotContains(t, roots.list, n)
	require.Contains(t, roots.list, m, "which is for the next sweep")
}

func TestRoots_ComeInTheOrderOfTheirMaking(t *testing.T) {
	var made []*Scope
	for range 50 {
		made = append(made, newRoot("ordered"))
	}
	for i, r := range listed("ordered") {
		require.Same(t, made[i], r.Scope())
		require.NoError(t, made[i].Destroy())
	}
}

func TestRoots_TheLastWatchToStopDropsTheLost(t *testing.T) {
	_, stop := WatchRoots()
	_, other := WatchRoots()
	n := New("lost", Config{}).List(true)
	_, _, lost := Lose(n)
	require.True(t, lost)
	has := func() bool {
		roots.mu.Lock()
		defer roots.mu.Unlock()
		return roots.list[n] != nil
	}
	require.True(t, has())
	stop()
	require.True(t, has(), "the other one watches still")
	other()
	require.False(t, has())
}

func TestRoots_OneThatWasDestroyedIsNotLost(t *testing.T) {
	s := New("destroyed", Config{})
	n := s.List(true)
	require.NoError(t, s.Destroy())
	_, _, lost := Lose(n)
	require.False(t, lost)
}

// Roots that were collected without an end, as those that a context was to end, are
// not listed, and their entries do not pile up.
func TestRoots_EntriesOfTheCollectedDoNotPileUp(t *testing.T) {
	length := func() int {
		roots.mu.Lock()
		defer roots.mu.Unlock()
		return len(roots.list)
	}
	runtime.GC()
	for range Roots() { // sweeps
	}
	roots.mu.Lock()
	roots.sweep = 0 // whatever the tests before have left
	roots.mu.Unlock()
	before := length()
	for i := range 1000 {
		New("loose", Config{}).List(false)
		if i%100 == 99 {
			runtime.GC()
		}
	}
	require.Less(t, length(), before+500)
	runtime.GC()
	for r := range Roots() {
		require.NotEqual(t, "loose", r.Name)
	}
	require.LessOrEqual(t, length(), before)
}
