package weakref_test

import (
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"weak"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/weakref"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// An object is what is watched: large enough to be tracked alone.
type object struct {
	id   int
	sum  atomic.Int64
	next any
	_    [64]byte
}

func (o *object) add(v int) { o.sum.Add(int64(v)) }

// collect runs the collector until done reports true, which it must.
func collect(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 200 {
		runtime.GC()
		if done() {
			return
		}
		runtime.Gosched()
	}
	t.Fatalf("%s was not collected after 200 collections", what)
}

// never checks that done stays false over some collections.
func never(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 5 {
		runtime.GC()
		require.False(t, done(), what)
	}
}

func newOwner(t *testing.T) *tether.Owner {
	o := tether.NewOwner("owner")
	t.Cleanup(func() { o.Destroy() })
	return o
}

func TestAMapsEntryIsGoneWithItsKey(t *testing.T) {
	m := weakref.NewMap[object, *object](newOwner(t))
	kept := new(object)
	value := weak.Make(attach(m, new(object)))
	require.True(t, m.Set(kept, &object{id: 2}))
	require.Equal(t, 2, m.Len())
	collect(t, "the entry", func() bool { return m.Len() == 1 })
	collect(t, "its value", func() bool { return value.Value() == nil })
	v, ok := m.Get(kept)
	require.True(t, ok)
	require.Equal(t, 2, v.id)
	require.True(t, m.Set(kept, &object{id: 3}))
	for k, v := range m.All() {
		require.Same(t, kept, k)
		require.Equal(t, 3, v.id)
		require.True(t, m.Set(k, &object{id: 4}), "no lock is held")
	}
	require.True(t, m.Delete(kept))
	require.False(t, m.Delete(kept))
	_, ok = m.Get(kept)
	require.False(t, ok)
	_, ok = m.Get(nil)
	require.False(t, ok)
	require.Zero(t, m.Len())
}

//go:noinline
func attach(m *weakref.Map[object, *object], key *object) *object {
	v := &object{id: 1}
	m.Set(key, v)
	return v
}

func TestAMapsValueThatRefersToItsKeyKeepsIt(t *testing.T) {
	m := weakref.NewMap[object, *object](newOwner(t))
	func() {
		key := new(object)
		m.Set(key, &object{next: key})
	}()
	never(t, "the entry is gone", func() bool { return m.Len() == 0 })
}

func TestACacheHasOneInstanceWhileItIsUsed(t *testing.T) {
	c := weakref.NewCache[string, object](newOwner(t))
	made := 0
	create := func() *object { made++; return &object{id: made} }
	a := c.Get("a", create)
	require.Same(t, a, c.Get("a", create))
	require.Same(t, a, c.Get("a", nil))
	require.Nil(t, c.Get("b", nil))
	require.Nil(t, c.Get("b", func() *object { return nil }))
	for k, v := range c.All() {
		require.Equal(t, "a", k)
		require.Same(t, a, v)
	}
	never(t, "it is gone", func() bool { return c.Len() == 0 })
	require.Equal(t, 1, a.id)
	runtime.KeepAlive(a)
	a = nil
	collect(t, "the entry", func() bool { return c.Len() == 0 })
	a = c.Get("a", create)
	require.Equal(t, 2, a.id)
	b := &object{id: 9}
	require.True(t, c.Set("a", b))
	require.Same(t, b, c.Get("a", create))
	require.True(t, c.Delete("a"))
	require.False(t, c.Delete("a"))
	runtime.KeepAlive(a)
	runtime.KeepAlive(b)
}

func TestCreateMayUseTheCacheAndPanic(t *testing.T) {
	c := weakref.NewCache[any, object](newOwner(t))
	v := c.Get("outer", func() *object {
		return &object{next: c.Get("inner", func() *object { return new(object) })}
	})
	require.Same(t, v.next, c.Get("inner", nil))
	same := c.Get("self", func() *object {
		return &object{next: c.Get("self", func() *object { return new(object) })}
	})
	require.Same(t, same, c.Get("self", nil))
	require.PanicsWithValue(t, "p", func() { c.Get("p", func() *object { panic("p") }) })
	require.Panics(t, func() { c.Get([]int{}, nil) }, "not comparable")
	require.Panics(t, func() { c.Set([]int{}, v) })
	require.Nil(t, c.Get("p", nil), "nothing is locked")
	runtime.KeepAlive(same)
}

// The old value is garbage, its cleanup pending; the new one is another object
// under the same key, perhaps at the same address.
func TestALateCleanupDoesNotDeleteANewEntry(t *testing.T) {
	c := weakref.NewCache[int, object](newOwner(t))
	for range 100 {
		c.Get(1, func() *object { return new(object) })
		runtime.GC() // its cleanup may run at any time from now on
		v := &object{id: 7}
		c.Set(1, v)
		runtime.Gosched()
		require.Same(t, v, c.Get(1, nil))
		runtime.GC()
		require.Same(t, v, c.Get(1, nil))
	}
}

func TestTheOwnersEndClosesTables(t *testing.T) {
	owner := tether.NewOwner("owner")
	m := weakref.NewMap[object, *object](owner)
	c := weakref.NewCache[int, object](owner)
	key, val := new(object), new(object)
	w := weak.Make(attach(m, key))
	c.Set(1, val)
	owner.Defer(func() {
		require.Equal(t, 1, m.Len(), "what was registered later may use it")
		require.Same(t, val, c.Get(1, nil))
	})
	owner.Destroy()
	dead := weakref.NewMap[object, *object](owner)
	for _, m := range []*weakref.Map[object, *object]{m, dead, new(weakref.Map[object, *object])} {
		require.False(t, m.Set(key, nil))
		require.Zero(t, m.Len())
		require.False(t, m.Delete(key))
		_, ok := m.Get(key)
		require.False(t, ok)
		for range m.All() {
			t.Error("not empty")
		}
	}
	for _, c := range []*weakref.Cache[int, object]{c, new(weakref.Cache[int, object])} {
		require.False(t, c.Set(1, val))
		require.Zero(t, c.Len())
		require.False(t, c.Delete(1))
		require.Equal(t, 5, c.Get(1, func() *object { return &object{id: 5} }).id)
		require.Zero(t, c.Len())
	}
	collect(t, "a closed map's value", func() bool { return w.Value() == nil })
	runtime.KeepAlive(key)
	runtime.KeepAlive(m)
}

func TestASubscriptionEndsWithItsTarget(t *testing.T) {
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
	collect(t, "the target", func() bool { return !c.Connected() && !c2.Connected() })
	require.Zero(t, s.Len())
	require.Equal(t, tether.Stats{Owners: 1}, owner.Stats())
	collect(t, "the entry", func() bool { return weakref.Watched() == 0 })
}

func TestADeadTargetIsFoundAtTheNextValue(t *testing.T) {
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

func TestAMethodThatCapturesTheTargetKeepsIt(t *testing.T) {
	owner := newOwner(t)
	var s tether.Signal[int]
	c := func() *tether.Connection {
		o := new(object)
		return weakref.Connect(owner, &s, o, func(_ *object, v int) { o.add(v) })
	}()
	never(t, "the connection has ended", func() bool { return !c.Connected() })
	c.Disconnect()
	collect(t, "the entry", func() bool { return weakref.Watched() == 0 })
}

func TestTheEndOfAConnectionLeavesNoTraceOnItsTarget(t *testing.T) {
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
			collect(t, "the entry", func() bool { return weakref.Watched() == 0 })
			owner = newOwner(t)
			c2 := weakref.Connect(owner, &s, o, (*object).add) // watched again
			require.Equal(t, 1, weakref.Watched())
			runtime.KeepAlive(o) // to here
			collect(t, "the target", func() bool { return !c2.Connected() })
			collect(t, "the entry", func() bool { return weakref.Watched() == 0 })
			runtime.KeepAlive(c)
		})
	}
	dead := tether.NewOwner("dead")
	dead.Destroy()
	var s tether.Signal[int]
	require.False(t, weakref.Connect(dead, &s, new(object), (*object).add).Connected())
	require.Zero(t, weakref.Watched())
}

func heap() int64 {
	for range 4 {
		runtime.GC()
		runtime.Gosched()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestPairsOnOneLivingObjectLeaveTheHeapFlat(t *testing.T) {
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
	collect(t, "the entry", func() bool { return weakref.Watched() == 0 })
	before := heap()
	for range 20_000 {
		pair()
	}
	collect(t, "the entry", func() bool { return weakref.Watched() == 0 })
	require.Less(t, heap()-before, int64(256<<10), "bytes grown")
	runtime.KeepAlive(o)
}

// In a bubble the runtime's goroutine must not end a connection: that would wake,
// from outside, the firer that the queue holds here, and be fatal.
func TestInABubbleATargetIsFoundDeadAtTheNextValue(t *testing.T) {
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

func TestConnectOnAWrapperAndOnlyOnce(t *testing.T) {
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
	collect(t, "the target", func() bool { return s.Len() == 0 })
	collect(t, "the entry", func() bool { return weakref.Watched() == 0 })
}

// evens is a user's wrapper of a source.
type evens struct{ tether.Source[int] }

func (e evens) Connect(owner *tether.Owner, handler func(int), opts ...tether.ConnectOption) *tether.Connection {
	return e.Source.Connect(owner, func(v int) {
		if v%2 == 0 {
			handler(v)
		}
	}, opts...)
}

// lost keeps the log of lost owners quiet.
func lost(t *testing.T) {
	before := slog.Default()
	slog.SetDefault(slog.New(slog.DiscardHandler))
	t.Cleanup(func() { slog.SetDefault(before) })
}

// That an owner's handle is collected is what it takes to have it reported.
func TestNothingHidesALostOwner(t *testing.T) {
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
	collect(t, "the lost owner", func() bool { return w.Value() == nil })
	w = func() weak.Pointer[tether.Owner] { // values and keys refer to the owner, objects are held
		o := tether.NewOwner("inside")
		weakref.NewMap[object, *tether.Owner](o).Set(key, o)
		weakref.NewCache[*tether.Owner, object](o).Set(o, key)
		return weak.Make(o)
	}()
	collect(t, "the lost owner", func() bool { return w.Value() == nil })
	runtime.KeepAlive(m)
	runtime.KeepAlive(c)
	runtime.KeepAlive(key)
	s.DisconnectAll()
	collect(t, "the entry", func() bool { return weakref.Watched() == 0 })
}

// cores runs f on 1, 2 and 8 processors while the collector runs all the time.
func cores(t *testing.T, f func(t *testing.T)) {
	defer debug.SetGCPercent(debug.SetGCPercent(1))
	for _, n := range []int{1, 2, 8} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(n))
			f(t)
		})
	}
}

func TestAStormOfCollections(t *testing.T) {
	cores(t, func(t *testing.T) {
		rounds := 400
		if testing.Short() {
			rounds = 50
		}
		owner := tether.NewOwner("owner")
		m := weakref.NewMap[object, *object](owner)
		c := weakref.NewCache[int, object](owner)
		var s tether.Signal[int]
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				var kept [8]*object
				var conns [8]*tether.Connection
				for i := range rounds {
					o := &object{id: g*rounds + i}
					m.Set(o, &object{id: o.id})
					v, ok := m.Get(o)
					if !ok || v.id != o.id {
						t.Errorf("a living key %d has %v", o.id, v)
					}
					key := i % 5
					shared := c.Get(key, func() *object { return &object{id: key} })
					if again := c.Get(key, nil); again != shared {
						t.Errorf("a second instance of %d", key)
					}
					if shared.id != key {
						t.Errorf("key %d has value %d", key, shared.id)
					}
					slot := i % len(kept)
					if old := kept[slot]; old != nil {
						if !conns[slot].Connected() && i%3 != 0 {
							t.Error("a living target was disconnected")
						}
						if w, ok := m.Get(old); !ok || w.id != old.id {
							t.Error("a living key has lost its value")
						}
					}
					kept[slot] = o
					conns[slot] = weakref.Connect(owner, &s, o, (*object).add)
					switch i % 7 {
					case 0:
						s.Fire(1)
					case 1:
						m.Delete(o)
						m.Set(o, &object{id: o.id})
					case 2:
						for k, v := range m.All() {
							if k.id != v.id {
								t.Errorf("key %d has value %d", k.id, v.id)
							}
						}
					case 3:
						for k, v := range c.All() {
							if k != v.id {
								t.Errorf("key %d has value %d", k, v.id)
							}
						}
					}
					runtime.KeepAlive(shared)
				}
			})
		}
		wg.Wait()
		collect(t, "all", func() bool { return m.Len() == 0 && c.Len() == 0 && s.Len() == 0 })
		collect(t, "the entries", func() bool { return weakref.Watched() == 0 })
		require.NoError(t, owner.Destroy())
	})
}

func TestConcurrentGetsAgreeOnOneInstance(t *testing.T) {
	cores(t, func(t *testing.T) {
		for range 50 {
			c := weakref.NewCache[int, object](newOwner(t))
			var got [6]*object
			var wg sync.WaitGroup
			for i := range got {
				wg.Go(func() { got[i] = c.Get(1, func() *object { runtime.Gosched(); return new(object) }) })
			}
			wg.Wait()
			for _, v := range got {
				require.Same(t, got[0], v)
			}
			runtime.KeepAlive(&got)
		}
	})
}

func TestTheOwnerIsDestroyedInTheStorm(t *testing.T) {
	cores(t, func(t *testing.T) {
		for range 30 {
			owner := tether.NewOwner("owner")
			m := weakref.NewMap[object, int](owner)
			c := weakref.NewCache[int, object](owner)
			var s tether.Signal[int]
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() {
					for i := range 30 {
						o := new(object)
						m.Set(o, i)
						c.Set(i, o)
						weakref.Connect(owner, &s, o, (*object).add)
					}
				})
			}
			wg.Go(func() { runtime.Gosched(); owner.Destroy() })
			wg.Wait()
			require.Zero(t, m.Len())
			require.Zero(t, c.Len())
			require.Zero(t, s.Len())
		}
		collect(t, "the entries", func() bool { return weakref.Watched() == 0 })
	})
}

// With checkfinalizers=1 the runtime looks for cleanups that keep their own
// object, and ends the process if it finds one.
func TestTheRuntimeFindsNothingWrongWithTheCleanups(t *testing.T) {
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
