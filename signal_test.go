package tether_test

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

// Both kinds of signal are sources.
var (
	_ tether.Source[int]         = (*tether.Signal[int])(nil)
	_ tether.Source[tether.Tick] = (*tether.Heartbeat)(nil)
)

func TestSignal_FireCallsHandlersInOrderOfConnection(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		defer o.Destroy()
		var s tether.Signal[string]
		s.Fire("nobody listens")
		var log trace
		for i := range 20 {
			s.Connect(o, func(v string) { log.add("%s%d", v, i) })
		}
		s.Fire("a")
		var want []string
		for i := range 20 {
			want = append(want, fmt.Sprintf("a%d", i))
		}
		require.Equal(t, strings.Join(want, " "), log.String())
		require.Equal(t, 20, s.Len())
	})
}

func TestSignal_HigherPriorityComesFirstAndFirstConnectedWithinOne(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		defer o.Destroy()
		var s tether.Signal[int]
		var log trace
		for i, p := range []int{0, 5, -3, 5, 0, 7, -3, 1, 7} {
			s.Connect(o, func(int) { log.add("%d:%d", p, i) }, tether.Priority(p))
		}
		s.Fire(0)
		require.Equal(t, "7:5 7:8 5:1 5:3 1:7 0:0 0:4 -3:2 -3:6", log.String())
	})
}

func TestSignal_AConnectionMadeDuringAFireIsNotCalledByItButByLaterOnes(t *testing.T) {
	for _, p := range []int{-1, 0, 1} {
		t.Run(fmt.Sprintf("priority=%d", p), func(t *testing.T) {
			o := tether.NewOwner("o")
			defer o.Destroy()
			var s tether.Signal[int]
			var log trace
			s.Once(o, func(depth int) {
				log.add("outer")
				for i := range 10 { // enough to make new blocks
					s.Connect(o, func(depth int) { log.add("new%d.%d", i, depth) }, tether.Priority(p))
				}
				s.Fire(depth + 1)
				log.add("inner done")
			})
			s.Connect(o, func(depth int) { log.add("old.%d", depth) }, tether.Priority(-1))
			s.Fire(1)
			var inner []string
			for i := range 10 {
				inner = append(inner, fmt.Sprintf("new%d.2", i))
			}
			nested := strings.Join(inner, " ")
			if p == -1 {
				nested = "old.2 " + nested
			} else {
				nested += " old.2"
			}
			require.Equal(t, "outer "+nested+" inner done old.1", log.String())
		})
	}
}

// A connection of a lower priority, made during a Fire, stands in a block that
// the Fire comes by, all of which is too young for it.
func TestSignal_AConnectionOfALowerPriorityMadeDuringAFireIsNotCalledByIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var s tether.Signal[int]
		o := tether.NewOwner("o")
		defer o.Destroy()
		var calls []int
		s.Connect(o, func(v int) {
			if v == 1 {
				s.Connect(o, func(v int) { calls = append(calls, v) }, tether.Priority(-1))
			}
		})
		s.Fire(1)
		require.Empty(t, calls)
		s.Fire(2)
		require.Equal(t, []int{2}, calls)
	})
}

func TestSignal_AConnectionMadeBeforeIsCalledByEveryFireWhateverMovesItMeanwhile(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		defer o.Destroy()
		var s tether.Signal[int]
		var churned []*tether.Connection
		calls := [10]int{}
		s.Connect(o, func(int) { // makes the block be replaced, up and down
			for range 50 {
				churned = append(churned, s.Connect(o, func(int) { t.Error("called by the running Fire") }))
			}
			for _, c := range churned {
				require.True(t, c.Disconnect())
			}
			churned = nil
		})
		for i := range calls {
			s.Connect(o, func(int) { calls[i]++ })
		}
		for range 20 {
			s.Fire(1)
		}
		for i, n := range calls {
			require.Equal(t, 20, n, "handler %d", i)
		}
		require.Equal(t, 11, s.Len())
	})
}

func TestSignal_FireIsDepthFirstAndReentrant(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		defer o.Destroy()
		var s tether.Signal[int]
		var log trace
		s.Connect(o, func(v int) {
			log.add("a%d", v)
			if v < 3 {
				s.Fire(v + 1)
			}
		})
		s.Connect(o, func(v int) { log.add("b%d", v) })
		s.Fire(1)
		require.Equal(t, "a1 a2 a3 b3 b2 b1", log.String())
	})
}

func TestSignal_ConcurrentFiresRunConcurrently(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		defer o.Destroy()
		var s tether.Signal[int]
		var both sync.WaitGroup
		both.Add(2)
		s.Connect(o, func(int) { both.Done(); both.Wait() }) // deadlocks if one waits for the other
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() { s.Fire(1) })
		}
		wg.Wait()
	})
}

func TestSignal_OnceIsCalledExactlyOnceUnderConcurrentAndNestedFires(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		for range 200 {
			o := tether.NewOwner("o")
			var s tether.Signal[int]
			var calls [4]atomic.Int32
			for i := range calls {
				var c *tether.Connection
				c = s.Once(o, func(int) {
					calls[i].Add(1)
					assert.False(t, c.Connected(), "dead in the handler already")
					assert.False(t, c.Disconnect())
					s.Fire(0)
				})
			}
			var wg sync.WaitGroup
			for range 3 {
				wg.Go(func() { s.Fire(1) })
			}
			wg.Wait()
			for i := range calls {
				require.Equal(t, int32(1), calls[i].Load())
			}
			require.Zero(t, s.Len())
			require.Equal(t, tether.Stats{Owners: 1}, o.Stats())
			require.NoError(t, o.Destroy())
		}
	})
}

func TestSignal_InsideAOnceItsOwnerHoldsNothingOfItAnyMore(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		defer o.Destroy()
		var s tether.Signal[int]
		s.Once(o, func(int) { require.Equal(t, tether.Stats{Owners: 1}, o.Stats()) })
		s.Fire(1)
	})
}

func TestSignal_ConnectSelfHandsTheHandlerItsConnection(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		defer o.Destroy()
		var s tether.Signal[int]
		var c *tether.Connection
		n := 0
		c = s.ConnectSelf(o, func(self *tether.Connection, v int) {
			require.Same(t, c, self)
			if n += v; n == 3 {
				require.True(t, self.Disconnect())
			}
		})
		for range 5 {
			s.Fire(1)
		}
		require.Equal(t, 3, n)

		q := tether.NewQueue(o, 5, tether.Block, tether.Manual())
		c = s.ConnectSelf(o, func(self *tether.Connection, v int) {
			require.Same(t, c, self)
			n = 100
		}, tether.On(q))
		s.Fire(1)
		require.Equal(t, 1, q.Drain())
		require.Equal(t, 100, n)
	})
}

func TestSignal_AClosedOneIsDead(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o, other := tether.NewOwner("o"), tether.NewOwner("other")
		defer other.Destroy()
		s := tether.NewSignal[int](o)
		n := 0
		c := s.Connect(other, func(int) { n++ })
		s.Fire(1)
		require.NoError(t, o.Destroy())
		require.False(t, c.Connected())
		require.Equal(t, tether.Stats{Owners: 1}, other.Stats())
		s.Fire(1)
		require.False(t, s.Connect(other, func(int) { n++ }).Connected())
		require.False(t, s.Once(other, func(int) { n++ }).Connected())
		s.Fire(1)
		s.DisconnectAll()
		require.Zero(t, s.Len())
		require.Equal(t, 1, n)
		require.Equal(t, tether.Stats{Owners: 1}, other.Stats())
	})
}

func TestSignal_ManyNestedFiresUseMoreThanTheInflightTable(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		var s tether.Signal[int]
		deepest := 0
		s.Connect(o, func(v int) {
			deepest = max(deepest, v)
			if v < 500 {
				s.Fire(v + 1)
				return
			}
			assert.ErrorIs(t, o.Destroy(), tether.ErrPending)
		})
		cleaned := false
		o.Defer(func() { cleaned = true })
		s.Fire(1)
		require.Equal(t, 500, deepest)
		require.True(t, cleaned)
		require.True(t, ended(o))
	})
}

func TestSignal_ManyParkedHandlersUseMoreThanTheInflightTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		var s tether.Signal[int]
		leave := make(chan bool)
		var out atomic.Int32
		s.Connect(o, func(int) { <-leave; out.Add(1) })
		for range 300 {
			go s.Fire(1)
		}
		synctest.Wait()
		done := make(chan error)
		go func() { done <- o.Destroy() }()
		synctest.Wait()
		require.False(t, ended(o))
		close(leave)
		require.NoError(t, <-done)
		require.Equal(t, int32(300), out.Load())
	})
}

func TestSignal_ConnectDisconnectAndFireFromAllSidesKeepTheBooks(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		defer o.Destroy()
		var s tether.Signal[int]
		var steady atomic.Int64
		s.Connect(o, func(int) { steady.Add(1) })
		var wg sync.WaitGroup
		const fires = 300
		for g := range 4 {
			wg.Go(func() {
				child := o.NewChild("c")
				for i := range fires {
					a := s.Connect(child, func(int) {}, tether.Priority(i%3-1))
					b := s.Connect(child, func(int) {})
					s.Fire(i)
					assert.True(t, a.Disconnect())
					unmute := b.Mute()
					if g == 0 && i%50 == 0 {
						assert.NoError(t, child.Destroy())
						child = o.NewChild("c")
					} else {
						assert.True(t, b.Disconnect())
					}
					unmute()
				}
				assert.NoError(t, child.Destroy())
			})
		}
		wg.Wait()
		require.Equal(t, int64(4*fires), steady.Load())
		require.Equal(t, 1, s.Len())
		require.Equal(t, tether.Stats{Owners: 1, Connections: 1}, o.Stats())
	})
}
