package weakref_test

import (
	"runtime"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
	"github.com/seed-ec287111/tether/weakref"
)

// evens is a user's wrapper of a source.
type evens struct{ tether.Source[int] }

func (e evens) Connect(owner *tether.Owner, handler func(int), opts ...tether.ConnectOption) *tether.Connection {
	return e.Source.Connect(owner, func(v int) {
		if v%2 == 0 {
			handler(v)
		}
	}, opts...)
}

func TestConnect_EndsWithItsTarget(t *testing.T) {
	owner := newOwner(t)
	var s tether.Signal[int]
	o := new(object)
	c := weakref.Connect(owner, &s, o, (*object).add)
	c2 := weakref.Connect(owner, &s, o, (*object).add, tether.Priority(1))
	s.Fire(3)
	never(t, "the connection has ended", func() bool { return !c.Connected() })
	require.Equal(t, int64(6), o.sum.Load())
	require.Equal(t, 1, weakref.Watched(), "one entry a target")
	runtime.KeepAlive(o)
	o = nil
	testkit.Collect(t, "the target", func() bool { return !c.Connected() && !c2.Connected() })
	require.Zero(t, s.Len())
	require.Equal(t, tether.Stats{Owners: 1}, owner.Stats())
	testkit.Collect(t, "the entry", func() bool { return weakref.Watched() == 0 })
}

func TestConnect_ADeadTargetIsFoundAtTheNextValue(t *testing.T) {
	owner := newOwner(t)
	var s tether.Signal[int]
	called := false
	var c *tether.Connection
	weakref.WithoutCleanups(func() {
		c = weakref.Connect(owner, &s, new(object), func(*object, int) { called = true })
	})
	runtime.GC()
	runtime.GC()
	require.True(t, c.Connected())
	s.Fire(1)
	require.False(t, c.Connected())
	require.False(t, called)
	require.Zero(t, s.Len())
}

func TestConnect_AMethodThatCapturesTheTargetKeepsIt(t *testing.T) {
	owner := newOwner(t)
	var s tether.Signal[int]
	c := func() *tether.Connection {
		o := new(object)
		return weakref.Connect(owner, &s, o, func(_ *object, v int) { o.add(v) })
	}()
	never(t, "the connection has ended", func() bool { return !c.Connected() })
	c.Disconnect()
	testkit.Collect(t, "the entry", func() bool { return weakref.Watched() == 0 })
}

func TestConnect_TheEndLeavesNoTraceOnTheTarget(t *testing.T) {
	for name, end := range map[string]func(*tether.Owner, *tether.Signal[int], *tether.Connection){
		"Disconnect":    func(_ *tether.Owner, _ *tether.Signal[int], c *tether.Connection) { c.Disconnect() },
		"DisconnectAll": func(_ *tether.Owner, s *tether.Signal[int], _ *tether.Connection) { s.DisconnectAll() },
		"Destroy":       func(o *tether.Owner, _ *tether.Signal[int], _ *tether.Connection) { o.Destroy() },
	} {
		t.Run(name, func(t *testing.T) {
			owner := newOwner(t)
			var s tether.Signal[int]
			o := new(object)
			c := weakref.Connect(owner, &s, o, (*object).add)
			q := tether.NewQueue(owner, 1, tether.DropOldest, tether.Manual())
			weakref.Connect(owner, &s, o, (*object).add, tether.On(q)).Disconnect()
			never(t, "the entry is gone", func() bool { return weakref.Watched() == 0 })
			end(owner, &s, c)
			testkit.Collect(t, "the entry", func() bool { return weakref.Watched() == 0 })
			owner = newOwner(t)
			c2 := weakref.Connect(owner, &s, o, (*object).add) // watched again
			require.Equal(t, 1, weakref.Watched())
			runtime.KeepAlive(o) // to here
			testkit.Collect(t, "the target", func() bool { return !c2.Connected() })
			testkit.Collect(t, "the entry", func() bool { return weakref.Watched() == 0 })
			runtime.KeepAlive(c)
		})
	}
	dead := tether.NewOwner("dead")
	dead.Destroy()
	var s tether.Signal[int]
	require.False(t, weakref.Connect(dead, &s, new(object), (*object).add).Connected())
	require.Zero(t, weakref.Watched())
}

// In a bubble the runtime's goroutine must not end a connection: that would wake,
// from outside, the firer that the queue holds here, and be fatal.
func TestConnect_InABubbleATargetIsFoundDeadAtTheNextValue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		owner := tether.NewOwner("owner")
		defer owner.Destroy()
		var s tether.Signal[int]
		q := tether.NewQueue(owner, 1, tether.Block, tether.Manual())
		c := weakref.Connect(owner, &s, new(object), (*object).add, tether.On(q))
		done := make(chan bool)
		go func() {
			s.Fire(1)
			s.Fire(2) // held
			close(done)
		}()
		synctest.Wait()
		for range 20 {
			runtime.GC()
		}
		require.True(t, c.Connected())
		require.Zero(t, weakref.Watched())
		require.Equal(t, 1, q.Drain())
		<-done
		require.False(t, c.Connected())
	})
}

func TestConnect_OnAWrapperAndOnlyOnce(t *testing.T) {
	owner := newOwner(t)
	var s tether.Signal[int]
	o := new(object)
	weakref.Connect(owner, evens{&s}, o, (*object).add)
	for i := range 5 {
		s.Fire(i)
	}
	require.Equal(t, int64(6), o.sum.Load())
	runtime.KeepAlive(o)
	o = nil
	testkit.Collect(t, "the target", func() bool { return s.Len() == 0 })
	testkit.Collect(t, "the entry", func() bool { return weakref.Watched() == 0 })
}

// forgetful is a Source whose Connect forgets to return.
type forgetful struct{ tether.Source[int] }

func (forgetful) Connect(*tether.Owner, func(int), ...tether.ConnectOption) *tether.Connection {
	return nil
}

func TestConnect_NamesASourceThatReturnsNoConnection(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	require.PanicsWithValue(t, "weakref: Connect of a Source returned nil", func() {
		weakref.Connect(app, forgetful{}, new([2]*int), func(*[2]*int, int) {})
	})
}

// The connection stood, but nobody had it, and it did not know its target: it stayed for good
// when the target was collected.
func TestConnect_ToASourceThatPanicsWhenItBecomesActiveLeavesNothing(t *testing.T) {
	app := newOwner(t)
	s := tether.NewSignal[int](app, tether.WhileActive(func(*tether.Owner) { panic("inactive") }))
	q := tether.NewQueue(app, 1, tether.Block)
	for _, opts := range [][]tether.ConnectOption{nil, {tether.On(q)}} {
		require.PanicsWithValue(t, "inactive", func() { weakref.Connect(app, s, new(object), (*object).add, opts...) })
		require.Zero(t, s.Len())
	}
}
