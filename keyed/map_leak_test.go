package keyed_test

import (
	"fmt"
	"runtime"
	"testing"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
	"github.com/seed-ec287111/tether/keyed"
)

func TestMap_AValueIsGarbageWhenItsOwnerHasEnded(t *testing.T) {
	_, m := sessions(t, nil)
	m.Get("bob")
	ann := weak.Make(m.Get("ann"))
	m.Destroy("ann")
	testkit.Collect(t, "the value", func() bool { return ann.Value() == nil })
	runtime.KeepAlive(m)
}

func TestMap_KeysThatComeAndGoLeaveNoTrace(t *testing.T) {
	app, m := sessions(t, nil)
	round := func(i int) {
		key := fmt.Sprint(i)
		m.Get(key)
		m.Replace(key)
		m.Destroy(key)
		o := m.Get("x").owner
		m.Replace("y") // a key that stays
		o.Cancel(nil)
		<-o.Ended()
	}
	for i := range 1000 {
		round(i)
	}
	before := testkit.Heap()
	for i := range 5000 {
		round(1000 + i)
	}
	require.Less(t, testkit.Heap()-before, int64(64<<10), "bytes grown")
	require.Equal(t, 1, m.Entries())
	require.Equal(t, tether.Stats{Owners: 3, Cleanups: 1}, app.Stats())
}

// A Map's values refer to their owners, and so to the root.
func TestMap_ValuesDoNotHideALostRoot(t *testing.T) {
	var root weak.Pointer[tether.Owner]
	func() {
		app := tether.NewOwner("forgotten", tether.WithPanicHandler(func(*tether.PanicError) {}))
		root = weak.Make(app)
		m := keyed.NewMap(app, "m", func(o *tether.Owner, _ string) *session { return &session{owner: o} })
		for i := range 10 {
			m.Get(fmt.Sprint(i)).owner.Defer(func() {})
			m.Replace(fmt.Sprint(i))
		}
	}()
	testkit.Collect(t, "the lost root", func() bool { return root.Value() == nil })
}
