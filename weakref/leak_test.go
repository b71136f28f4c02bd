package weakref_test

import (
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"testing"
	"weak"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
	"github.com/seed-ec287111/tether/weakref"
)

// lost keeps the log of lost owners quiet.
func lost(t *testing.T) {
	before := slog.Default()
	slog.SetDefault(slog.New(slog.DiscardHandler))
	t.Cleanup(func() { slog.SetDefault(before) })
}

func TestLeak_PairsOnOneLivingObjectLeaveTheHeapFlat(t *testing.T) {
	owner := newOwner(t)
	var s tether.Signal[int]
	m := weakref.NewMap[object, int](owner)
	c := weakref.NewCache[int, object](owner)
	o := new(object)
	pair := func() {
		weakref.Connect(owner, &s, o, (*object).add).Disconnect()
		m.Set(o, 1)
		m.Delete(o)
		c.Set(1, o)
		c.Delete(1)
		child := owner.NewChild("child")
		short := weakref.NewMap[object, int](child)
		short.Set(o, 1)
		child.Destroy()
	}
	for range 1000 {
		pair()
	}
	testkit.Collect(t, "the entry", func() bool { return weakref.Watched() == 0 })
	before := testkit.Heap()
	for range 20_000 {
		pair()
	}
	testkit.Collect(t, "the entry", func() bool { return weakref.Watched() == 0 })
	require.Less(t, testkit.Heap()-before, int64(256<<10), "bytes grown")
	runtime.KeepAlive(o)
}

// That an owner's handle is collected is what it takes to have it reported.
func TestLeak_NothingHidesALostOwner(t *testing.T) {
	lost(t)
	key := new(object)
	var s tether.Signal[int]
	var m *weakref.Map[object, int]
	var c *weakref.Cache[int, object]
	w := func() weak.Pointer[tether.Owner] { // the tables, the objects and the signal are held
		o := tether.NewOwner("held")
		m = weakref.NewMap[object, int](o)
		m.Set(key, 1)
		c = weakref.NewCache[int, object](o)
		c.Set(1, key)
		weakref.Connect(o, &s, key, (*object).add)
		return weak.Make(o)
	}()
	testkit.Collect(t, "the lost owner", func() bool { return w.Value() == nil })
	w = func() weak.Pointer[tether.Owner] { // values and keys refer to the owner, objects are held
		o := tether.NewOwner("inside")
		weakref.NewMap[object, *tether.Owner](o).Set(key, o)
		weakref.NewCache[*tether.Owner, object](o).Set(o, key)
		return weak.Make(o)
	}()
	testkit.Collect(t, "the lost owner", func() bool { return w.Value() == nil })
	runtime.KeepAlive(m)
	runtime.KeepAlive(c)
	runtime.KeepAlive(key)
	s.DisconnectAll()
	testkit.Collect(t, "the entry", func() bool { return weakref.Watched() == 0 })
}

// With checkfinalizers=1 the runtime looks for cleanups that keep their own
// object, and ends the process if it finds one.
func TestLeak_TheRuntimeFindsNothingWrongWithTheCleanups(t *testing.T) {
	if os.Getenv("WEAKREF_CHECK") != "" {
		owner := newOwner(t)
		var s tether.Signal[int]
		m := weakref.NewMap[object, int](owner)
		c := weakref.NewCache[int, object](owner)
		o := new(object)
		m.Set(o, 1)
		c.Set(1, o)
		weakref.Connect(owner, &s, o, (*object).add)
		if os.Getenv("WEAKREF_CHECK") == "wrong" {
			runtime.AddCleanup(o, func(p *[]any) {}, &[]any{o})
		}
		for range 3 {
			runtime.GC()
		}
		runtime.KeepAlive(o)
		return
	}
	run := func(how string) ([]byte, error) {
		cmd := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
		cmd.Env = append(os.Environ(), "WEAKREF_CHECK="+how, "GODEBUG=checkfinalizers=1")
		return cmd.CombinedOutput()
	}
	out, err := run("right")
	require.NoError(t, err, "%s", out)
	if _, err := run("wrong"); err == nil {
		t.Skip("this runtime does not find it")
	}
}
