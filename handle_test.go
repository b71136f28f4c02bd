package tether_test

import (
	"fmt"
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/testkit"
)

// orphaned returns a signal of a child at the given depth below root whose handles, but
// for root's, are garbage when it returns, and what its WhileActive was given.
func orphaned(t *testing.T, root *tether.Owner, depth int) (s *tether.Signal[int], active **tether.Owner) {
	active = new(*tether.Owner)
	gone := make(chan bool, 1)
	func() {
		o := root
		for i := range depth {
			o = o.NewChild(fmt.Sprint(i + 1))
		}
		runtime.AddCleanup(o, func(c chan bool) { c <- true }, gone)
		s = tether.NewSignal[int](o, tether.WhileActive(func(a *tether.Owner) { *active = a }))
	}()
	testkit.Collect(t, "the handle of the child", func() bool { return len(gone) == 1 })
	return s, active
}

// The parent of an active owner got a new handle if its own was garbage, but that had no
// parent: it looked like a root, and who went up from it to the top stopped too early.
func TestOwner_TheAncestorsOfAnActiveOwnerGoUpToTheRootAlsoIfTheirHandlesAreGarbage(t *testing.T) {
	for _, depth := range []int{1, 2, 3, 50} {
		root := tether.NewOwner("root")
		s, active := orphaned(t, root, depth)
		s.Connect(root, func(int) {})
		path := (*active).Path()
		n := 0
		top := *active
		for top.Parent() != nil {
			top = top.Parent()
			n++
			require.Less(t, len(top.Path()), len(path))
			path = top.Path()
		}
		require.Equal(t, depth+1, n)
		require.Same(t, root, top, "the root has a handle, which is the one to be found")
		require.NoError(t, (*active).Parent().Destroy())
		require.False(t, (*active).Alive())
		require.True(t, root.Alive())
		require.NoError(t, top.Destroy())
		require.False(t, root.Alive())
	}
}

// Who has an active owner can destroy the root, and so the root is not lost, whatever
// became of the handles between.
func TestOwner_TheRootOfAnActiveOwnerThatSomebodyHasIsNotLost(t *testing.T) {
	logs := captureLogs(t)
	s, active := func() (*tether.Signal[int], **tether.Owner) {
		root := tether.NewOwner("reachable")
		s, active := orphaned(t, root, 2)
		s.Connect(root, func(int) {})
		return s, active
	}()
	func() { tether.NewOwner("marker") }()
	testkit.Collect(t, "the marker", func() bool { return logs.contains("owner=marker") })
	for range 5 {
		runtime.GC()
	}
	require.False(t, logs.contains("owner=reachable"))
	root := (*active).Parent().Parent().Parent()
	require.Equal(t, "reachable", root.Path())
	require.NoError(t, root.Destroy())
	s.Fire(1)
}

// A root that was found lost stays known by its signals. Who gets to it by way of an
// active owner can end it, and the report, which was right when it was made, is the only
// one.
func TestOwner_ALostRootCanBeEndedByWayOfAnActiveOwner(t *testing.T) {
	logs := captureLogs(t)
	var active *tether.Owner
	s := func() *tether.Signal[int] {
		o := tether.NewOwner("lost at first").NewChild("child")
		return tether.NewSignal[int](o, tether.WhileActive(func(a *tether.Owner) { active = a }))
	}()
	testkit.Collect(t, "the root", func() bool { return logs.contains("lost at first") })
	other := tether.NewOwner("other")
	defer other.Destroy()
	s.Connect(other, func(int) {})
	root := active.Parent().Parent()
	require.Equal(t, "lost at first", root.Path())
	require.Nil(t, root.Parent())
	require.NoError(t, root.Destroy())
	require.False(t, active.Alive())
	active, root = nil, nil
	for range 5 {
		runtime.GC()
	}
	require.Equal(t, 1, logs.count("lost at first"))
	s.Fire(1)
}

// What WhileActive remembers of its owner does not keep it from being found lost.
func TestOwner_ASignalWithWhileActiveDoesNotHideALostRoot(t *testing.T) {
	logs := captureLogs(t)
	s, _ := orphaned(t, tether.NewOwner("not hidden"), 2)
	testkit.Collect(t, "the root", func() bool { return logs.contains("not hidden") })
	s.Fire(1)
}

// A signal keeps nobody from finding its owner lost. If it is used thereafter,
// an activity has a parent all the same.
func TestOwner_AnActivityOfALostOwnersSignalHasAParent(t *testing.T) {
	captureLogs(t)
	var parent *tether.Owner
	s := func() *tether.Signal[int] {
		return tether.NewSignal[int](tether.NewOwner("lost"), tether.WhileActive(func(a *tether.Owner) { parent = a.Parent() }))
	}()
	for range 3 {
		runtime.GC()
	}
	o := tether.NewOwner("o")
	s.Connect(o, func(int) {})
	require.NotNil(t, parent)
	require.Equal(t, "lost", parent.Name())
	require.NoError(t, o.Destroy())
	require.NoError(t, parent.Destroy())
}

func TestHandle_TellsThePriorityOfAnOptionAndOfNoOther(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		p, ok := handle.Priority(tether.Priority(-7))
		require.True(t, ok)
		require.Equal(t, -7, p)
		q := tether.NewOwner("o")
		defer q.Destroy()
		_, ok = handle.Priority(tether.On(tether.NewQueue(q, 1, tether.Block)))
		require.False(t, ok)
	})
}
