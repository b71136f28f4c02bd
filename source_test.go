package tether_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

// evenOf is a Source of the even numbers of s.
func evenOf(s *tether.Signal[int]) tether.Source[int] {
	return tether.NewSource(func(owner *tether.Owner, f func(int), opts ...tether.ConnectOption) *tether.Connection {
		return s.Connect(owner, func(v int) {
			if v%2 == 0 {
				f(v)
			}
		}, opts...)
	})
}

func TestNewSource_OnceIsForTheFirstValueThatPasses(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		defer o.Destroy()
		var s tether.Signal[int]
		var got []int
		var c *tether.Connection
		c = evenOf(&s).Once(o, func(v int) {
			assert.False(t, c.Connected(), "inside the handler")
			assert.Zero(t, o.Stats().Connections, "what the owner holds inside the handler")
			assert.Zero(t, s.Len(), "what the signal holds inside the handler")
			got = append(got, v)
			s.Fire(4)
		})
		s.Fire(1)
		require.True(t, c.Connected())
		s.Fire(2)
		s.Fire(6)
		require.Equal(t, []int{2}, got)
	})
}

func TestNewSource_OnceIsCalledOnceUnderConcurrentFires(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		defer o.Destroy()
		var s tether.Signal[int]
		for range 300 {
			var n atomic.Int32
			evenOf(&s).Once(o, func(int) { n.Add(1) })
			var wg sync.WaitGroup
			for range 4 {
				wg.Go(func() { s.Fire(2) })
			}
			wg.Wait()
			require.EqualValues(t, 1, n.Load())
			require.Zero(t, s.Len())
		}
		require.Zero(t, o.Stats().Connections)
	})
}

// A source may fire, and more than once, before its connecting function has returned.
func TestNewSource_OnceOfASourceThatFiresWhileItConnects(t *testing.T) {
	for _, queued := range []bool{false, true} {
		testkit.Bubble(t, fmt.Sprintf("queued=%v", queued), func(t *testing.T) {
			o := tether.NewOwner("o")
			var s tether.Signal[int]
			eager := tether.NewSource(func(owner *tether.Owner, f func(int), opts ...tether.ConnectOption) *tether.Connection {
				f(1)
				var wg sync.WaitGroup
				wg.Go(func() { f(2) })
				wg.Wait()
				return s.Connect(owner, f, opts...)
			})
			var opts []tether.ConnectOption
			if queued {
				opts = append(opts, tether.On(tether.NewQueue(o, 1, tether.Block)))
			}
			var got journal[int]
			c := eager.Once(o, got.add, opts...)
			synctest.Wait()
			require.Equal(t, []int{1}, got.all())
			require.False(t, c.Connected())
			require.True(t, closed(c))
			require.Zero(t, s.Len(), "connections left at the source")
			require.Zero(t, o.Stats().Connections)
			o.Destroy()
		})
	}
}

func TestNewSource_EitherConnectionOfAOnceEndsTheOther(t *testing.T) {
	for name, end := range map[string]func(w *world, c *tether.Connection){
		"its own":         func(_ *world, c *tether.Connection) { c.Disconnect() },
		"all of a signal": func(w *world, _ *tether.Connection) { w.s.DisconnectAll() },
		"the signal":      func(w *world, _ *tether.Connection) { w.signals.Destroy() },
		"the owner":       func(w *world, _ *tether.Connection) { w.owner.Destroy() },
		"an ancestor":     func(w *world, _ *tether.Connection) { w.parent.Cancel(nil) },
	} {
		for _, queued := range []bool{false, true} {
			testkit.Bubble(t, fmt.Sprintf("%s, queued=%v", name, queued), func(t *testing.T) {
				w := newWorld()
				defer w.root.Destroy()
				var opts []tether.ConnectOption
				if queued {
					opts = append(opts, tether.On(tether.NewQueue(w.root, 1, tether.Block)))
				}
				calls := 0
				c := evenOf(w.s).Once(w.owner, func(int) { calls++ }, opts...)
				require.True(t, c.Connected())
				end(w, c)
				require.False(t, c.Connected())
				require.Zero(t, w.s.Len())
				require.Zero(t, w.root.Stats().Connections)
				w.s.Fire(2)
				synctest.Wait()
				require.Zero(t, calls)
			})
		}
	}
}

func TestNewSource_OnceOnAQueueFiltersBeforeIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		var s tether.Signal[int]
		q := tether.NewQueue(o, 1, tether.DropNewest, tether.Manual())
		var options [][]tether.ConnectOption
		src := tether.NewSource(func(owner *tether.Owner, f func(int), opts ...tether.ConnectOption) *tether.Connection {
			options = append(options, opts)
			return s.Connect(owner, func(v int) {
				if v > 1 {
					f(v)
				}
			}, opts...)
		})
		var got []int
		c := src.Once(o, func(v int) { got = append(got, v) }, tether.Priority(7), tether.On(q))
		require.Len(t, options, 1)
		require.Contains(t, options[0], tether.Priority(7))
		require.NotContains(t, options[0], tether.On(q))
		s.Fire(1)
		require.Zero(t, q.Len(), "a value that was filtered out takes no room")
		s.Fire(2)
		s.Fire(3)
		require.False(t, c.Connected())
		require.Zero(t, s.Len())
		require.Equal(t, 1, q.Len())
		require.Equal(t, 1, q.Drain())
		require.Equal(t, []int{2}, got)
		require.Zero(t, q.Dropped())
		o.Destroy()
	})
}

func TestNewSource_OnceIsNotSpentOnAFullQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		var s, other tether.Signal[int]
		q := tether.NewQueue(o, 1, tether.DropNewest, tether.Manual())
		other.Connect(o, func(int) {}, tether.On(q))
		other.Fire(0)
		var got []int
		c := evenOf(&s).Once(o, func(v int) { got = append(got, v) }, tether.On(q))
		s.Fire(2)
		require.True(t, c.Connected())
		q.Drain()
		s.Fire(4)
		q.Drain()
		require.Equal(t, []int{4}, got)
		o.Destroy()
	})
}

// A Once ends before its handler is called. Who took that end for the end of the values lost
// the one that was on its way: NewSource's own Once, Wait and Values, of a source whose
// connections are Onces.
func TestNewSource_TheValueOfASourceWhoseConnectionsAreOnces(t *testing.T) {
	var s tether.Signal[int]
	first := tether.NewSource(s.Once)
	src := first
	for _, connect := range []func(*tether.Owner, func(int), ...tether.ConnectOption) *tether.Connection{
		first.Once, tether.NewSource(first.Once).Once, tether.NewSource(first.Once).Connect,
	} {
		owner := tether.NewOwner("owner")
		calls := 0
		var c *tether.Connection
		c = connect(owner, func(v int) {
			calls++
			require.Equal(t, 7, v)
			require.False(t, c.Connected())
		})
		s.Fire(7)
		s.Fire(8)
		require.Equal(t, 1, calls)
		require.False(t, c.Connected())
		require.Zero(t, s.Len())
		require.Equal(t, tether.Stats{Owners: 1}, owner.Stats())
		c = connect(owner, func(int) { t.Error("called") })
		require.NoError(t, owner.Destroy())
		require.Zero(t, s.Len())
	}
	synctest.Test(t, func(t *testing.T) {
		for range 100 {
			go func() { time.Sleep(time.Second); s.Fire(7) }()
			v, err := tether.Wait(context.Background(), src)
			require.NoError(t, err)
			require.Equal(t, 7, v)
			go func() { time.Sleep(time.Second); s.Fire(7) }()
			require.Equal(t, []int{7}, slices.Collect(tether.Values(context.Background(), src, 1, tether.Block)))
		}
	})
}

// The same where the value comes while NewSource's Once still connects.
func TestNewSource_TheValueOfASourceOfOncesThatComesWhileItConnects(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s tether.Signal[int]
		src := tether.NewSource(func(o *tether.Owner, handler func(int), opts ...tether.ConnectOption) *tether.Connection {
			c := s.Once(o, func(v int) {
				time.Sleep(2 * time.Second)
				handler(v)
			}, opts...)
			go s.Fire(7)
			time.Sleep(time.Second)
			return c
		})
		owner := tether.NewOwner("owner")
		var got []int
		src.Once(owner, func(v int) { got = append(got, v) })
		time.Sleep(time.Minute)
		synctest.Wait()
		require.Equal(t, []int{7}, got)
		require.NoError(t, owner.Destroy())
	})
}

func TestNewSource_ConnectPassesItsOptionsOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		var s tether.Signal[int]
		q := tether.NewQueue(o, 1, tether.Block)
		want := []tether.ConnectOption{tether.Priority(3), tether.On(q)}
		var made *tether.Connection
		src := tether.NewSource(func(owner *tether.Owner, f func(int), opts ...tether.ConnectOption) *tether.Connection {
			require.Equal(t, want, opts)
			made = s.Connect(owner, f, opts...)
			return made
		})
		require.Same(t, src.Connect(o, func(int) {}, want...), made)
		o.Destroy()
	})
}

func TestNewSource_IfConnectingFailsNothingIsLeft(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		defer o.Destroy()
		failing := tether.NewSource(func(*tether.Owner, func(int), ...tether.ConnectOption) *tether.Connection { panic("no") })
		require.PanicsWithValue(t, "no", func() { failing.Once(o, func(int) {}) })
		none := tether.NewSource(func(*tether.Owner, func(int), ...tether.ConnectOption) *tether.Connection { return nil })
		require.PanicsWithValue(t, "tether: Once of a Source whose function returned nil", func() { none.Once(o, func(int) {}) })
		require.PanicsWithValue(t, "tether: Connect of a Source whose function returned nil", func() { none.Connect(o, func(int) {}) })
		require.Equal(t, tether.Stats{Owners: 1}, o.Stats())
	})
}

// The function of WhileActive panics out of Connect, and the connection stands. Once had no
// Connection to end by then, and so left one that served nobody.
func TestNewSource_IfTheFunctionOfWhileActivePanicsNothingOfAOnceIsLeft(t *testing.T) {
	for name, connect := range map[string]func(*tether.Signal[int], *tether.Owner, func(int), ...tether.ConnectOption) *tether.Connection{
		"Connect": (*tether.Signal[int]).Connect,
		"Once":    (*tether.Signal[int]).Once,
		"ConnectSelf": func(s *tether.Signal[int], o *tether.Owner, h func(int), opts ...tether.ConnectOption) *tether.Connection {
			return s.ConnectSelf(o, func(_ *tether.Connection, v int) { h(v) }, opts...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := tether.NewOwner("o")
			defer o.Destroy()
			s := tether.NewSignal[int](o, tether.WhileActive(func(*tether.Owner) { panic("active") }))
			src := tether.NewSource(func(o *tether.Owner, h func(int), opts ...tether.ConnectOption) *tether.Connection {
				return connect(s, o, h, opts...)
			})
			require.PanicsWithValue(t, "active", func() { src.Once(o, func(int) {}) })
			require.Zero(t, s.Len())
			require.Zero(t, o.Stats().Connections)
		})
	}
}

func TestNewSource_MisusePanicsBeforeTheFunctionIsCalled(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		defer o.Destroy()
		require.PanicsWithValue(t, "tether: NewSource with nil function", func() { tether.NewSource[int](nil) })
		src := tether.NewSource(func(*tether.Owner, func(int), ...tether.ConnectOption) *tether.Connection {
			t.Error("called")
			return nil
		})
		for want, call := range map[string]func(){
			"tether: Connect with nil Owner":   func() { src.Connect(nil, func(int) {}) },
			"tether: Connect with nil handler": func() { src.Connect(o, nil) },
			"tether: Connect with nil option":  func() { src.Connect(o, func(int) {}, nil) },
			"tether: Once with nil Owner":      func() { src.Once(nil, func(int) {}) },
			"tether: Once with nil handler":    func() { src.Once(o, nil) },
			"tether: Once with nil option":     func() { src.Once(o, func(int) {}, nil) },
		} {
			require.PanicsWithValue(t, want, call)
		}
	})
}

// What ends leaves nothing at what lives on, at either side.
func TestNewSource_OncesThatComeAndGoLeaveNothing(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		defer o.Destroy()
		var s tether.Signal[int]
		src := evenOf(&s)
		for range 1000 {
			src.Once(o, func(int) {}).Disconnect()
			src.Once(o, func(int) {})
			s.Fire(2)
		}
		require.Zero(t, s.Len())
		require.Equal(t, tether.Stats{Owners: 1}, o.Stats())
	})
}
