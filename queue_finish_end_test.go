package tether_test

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

func TestFinish_WhatIsPendingWhenAMutedConnectionEndsIsSkippedAndCounted(t *testing.T) {
	for _, e := range finishingEnds {
		testkit.Bubble(t, e.name, func(t *testing.T) {
			f := newFinishing("siblings", tether.Block, 10)
			f.fire(3)
			unmute := f.c.Mute()
			go e.do(f)
			synctest.Wait()
			unmute() // too late
			require.EqualValues(t, 2, f.q.Dropped(), "what was pending")
			close(f.gate)
			synctest.Wait()
			require.Equal(t, []string{"0"}, f.handled())
			require.EqualValues(t, 2, f.q.Dropped())
			require.NoError(t, f.root.Destroy())
		})
	}
}

// A handler that is called in the drain is listed like any other.
func TestFinish_AHandlerThatBeganInTheDrainIsInThePendingError(t *testing.T) {
	for _, relation := range relations {
		testkit.Bubble(t, relation, func(t *testing.T) {
			f := newFinishing(relation, tether.Block, 10)
			f.s.Fire(1) // handled before
			synctest.Wait()
			f.c.Disconnect()
			gates := []chan struct{}{make(chan struct{}), make(chan struct{})}
			f.s.Connect(f.conns, func(v int) { <-gates[v] }, tether.On(f.q))
			f.fire(2)
			go f.root.Destroy()
			synctest.Wait()
			close(gates[0])
			synctest.Wait()
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			for range 2 {
				var pending *tether.PendingError
				require.ErrorAs(t, f.root.DestroyContext(ctx), &pending)
				require.Len(t, pending.Running, 1, "%v", pending)
				require.Equal(t, "handler", pending.Running[0].Kind)
				require.Equal(t, f.conns.String(), pending.Running[0].Owner)
			}
			close(gates[1])
			synctest.Wait()
			require.True(t, ended(f.root))
			require.Zero(t, f.q.Dropped())
		})
	}
}

// A Once is spent when its value is queued, and the value is handled whatever ends then.
func TestFinish_TheValueOfAOnceIsHandled(t *testing.T) {
	for _, relation := range relations {
		for _, e := range finishingEnds {
			testkit.Bubble(t, relation+", "+e.name, func(t *testing.T) {
				f := newFinishing(relation, tether.Block, 10)
				f.s.Fire(0)
				synctest.Wait()
				f.c.Disconnect()
				f.c = f.s.Once(f.conns, func(v int) { f.log.add(fmt.Sprint("once ", v)) }, tether.On(f.q))
				f.s.Fire(1)
				f.s.Fire(2)
				require.True(t, closed(f.c))
				go e.do(f)
				synctest.Wait()
				close(f.gate)
				synctest.Wait()
				require.Equal(t, []string{"0", "once 1"}, f.handled())
				require.Zero(t, f.q.Dropped())
				for _, o := range e.of(f) {
					assert.True(t, ended(o), "%v", o)
				}
				require.NoError(t, f.root.Destroy())
			})
		}
	}
}

func TestFinish_AOnceThatIsNotSpentEndsLikeAnyOther(t *testing.T) {
	for _, e := range finishingEnds {
		testkit.Bubble(t, e.name, func(t *testing.T) {
			f := newFinishing("siblings", tether.Block, 10)
			f.c.Disconnect()
			f.c = f.s.Once(f.conns, func(int) { t.Error("called") }, tether.On(f.q))
			e.do(f)
			synctest.Wait()
			f.s.Fire(1)
			require.Zero(t, f.q.Dropped())
			require.NoError(t, f.root.Destroy())
		})
	}
}

// In the drain too a panic is reported, and Goexit ends that call alone.
func TestFinish_PanicsAndGoexitInTheDrain(t *testing.T) {
	for _, how := range []string{"panic", "Goexit"} {
		for _, relation := range relations {
			testkit.Bubble(t, how+", "+relation, func(t *testing.T) {
				var reports journal[*tether.PanicError]
				app := tether.NewOwner("app", tether.WithPanicHandler(reports.add))
				owner, queues := app.NewChild("owner"), app
				if relation == "one owner" {
					queues = owner
				}
				q := tether.NewQueue(queues, 10, tether.Block, tether.Finish())
				var s tether.Signal[int]
				gate := make(chan struct{})
				var handled journal[int]
				s.Connect(owner, func(v int) {
					<-gate
					handled.add(v)
					if v == 3 {
						return
					}
					if how == "panic" {
						panic(v)
					}
					runtime.Goexit()
				}, tether.On(q))
				for v := range 4 {
					s.Fire(v)
				}
				over := background(func() { owner.Destroy() })
				synctest.Wait()
				require.False(t, over())
				close(gate)
				synctest.Wait()
				require.True(t, over())
				require.Equal(t, []int{0, 1, 2, 3}, handled.all())
				if how == "panic" {
					require.Len(t, reports.all(), 3)
					require.Equal(t, 1, reports.all()[1].Fired)
				}
				require.NoError(t, app.Destroy())
			})
		}
	}
}

func TestFinish_AnUnsupervisedPanicInTheDrainCrashes(t *testing.T) {
	out := testkit.Crash(t, func() {
		f := tether.NewOwner("o")
		q := tether.NewQueue(f, 10, tether.Block, tether.Finish())
		var s tether.Signal[int]
		gate := make(chan struct{})
		s.Connect(f, func(v int) {
			<-gate
			if v == 1 {
				panic("in the drain")
			}
		}, tether.On(q))
		s.Fire(0)
		s.Fire(1)
		f.Cancel(nil)
		close(gate)
		<-f.Ended()
		select {}
	})
	require.Contains(t, out, "in the drain")
}

// A handler may end its own connection, and goes on to get what was pending.
func TestFinish_DisconnectFromInsideTheHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		q := tether.NewQueue(o, 10, tether.Block, tether.Finish())
		var s tether.Signal[int]
		gate := make(chan struct{})
		var handled journal[int]
		s.ConnectSelf(o, func(self *tether.Connection, v int) {
			<-gate
			handled.add(v)
			assert.Equal(t, v == 0, self.Disconnect())
		}, tether.On(q))
		for v := range 3 {
			s.Fire(v)
		}
		close(gate)
		synctest.Wait()
		require.Equal(t, []int{0, 1, 2}, handled.all())
		require.Equal(t, 1, o.Stats().Owners)
		require.Zero(t, o.Stats().Connections)
		require.NoError(t, o.Destroy())
	})
}

func TestFinish_ClosuresLiveUntilTheirValuesAreHandledAndNoLonger(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFinishing("siblings", tether.Block, 10)
		connect := func() (*tether.Connection, weak.Pointer[[1 << 10]int]) {
			big := new([1 << 10]int)
			return f.s.Connect(f.conns, func(int) { big[0]++ }, tether.On(f.q)), weak.Make(big)
		}
		idle, garbage := connect()
		idle.Disconnect()
		runtime.GC()
		require.Nil(t, garbage.Value(), "nothing was pending")
		c, kept := connect()
		f.fire(2)
		c.Disconnect()
		runtime.GC()
		require.NotNil(t, kept.Value())
		close(f.gate)
		synctest.Wait()
		runtime.GC()
		require.Nil(t, kept.Value())
		runtime.KeepAlive(c)
		require.NoError(t, f.root.Destroy())
	})
}

func TestFinish_WhatComesAndGoesLeavesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		q := tether.NewQueue(o, 10, tether.Block, tether.Finish())
		dead := tether.NewOwner("dead")
		dead.Destroy()
		closedSignal := tether.NewSignal[int](dead)
		var s tether.Signal[int]
		n := 0
		var before, after runtime.MemStats
		for i := range 2000 {
			if i == 1000 {
				runtime.GC()
				runtime.ReadMemStats(&before)
			}
			c := s.Connect(o, func(int) { n++ }, tether.On(q))
			s.Once(o, func(int) { n++ }, tether.On(q))
			s.Fire(1)
			c.Disconnect()
			closedSignal.Connect(o, func(int) {}, tether.On(q))
			s.Connect(dead, func(int) {}, tether.On(q))
			synctest.Wait()
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
		require.Equal(t, 4000, n)
		require.Less(t, int64(after.HeapAlloc)-int64(before.HeapAlloc), int64(100<<10))
		require.NoError(t, o.Destroy())
	})
}

// Values are conserved whatever comes at once: each that was fired while the connection
// lived is handled or counted, and after Destroy has returned nothing is handled.
func TestFinish_ConservesUnderConcurrency(t *testing.T) {
	for _, overflow := range []tether.Overflow{tether.Block, tether.DropOldest, tether.DropNewest} {
		for _, relation := range relations {
			for _, e := range finishingEnds {
				testkit.Bubble(t, fmt.Sprintf("%v, %s, %s", overflow, relation, e.name), func(t *testing.T) {
					for range 5 {
						f := newFinishing(relation, overflow, 3)
						close(f.gate)
						var wg sync.WaitGroup
						var mu sync.Mutex
						accepted := 0
						for range 3 {
							wg.Go(func() {
								for v := 1; v < 50; v++ {
									alive := f.c.Connected()
									f.s.Fire(v)
									mu.Lock()
									if alive && f.c.Connected() {
										accepted++ // before and after: it was taken in, or dropped and counted
									}
									mu.Unlock()
								}
							})
						}
						wg.Go(func() {
							for range 20 {
								runtime.Gosched()
							}
							e.do(f)
						})
						wg.Wait()
						synctest.Wait()
						require.NoError(t, f.root.Destroy())
						n := len(f.handled())
						require.GreaterOrEqual(t, n+int(f.q.Dropped()), accepted)
						last := f.log.all()
						require.True(t, strings.HasPrefix(last[len(last)-1], "cleanup"))
						require.Zero(t, f.q.Len())
					}
				})
			}
		}
	}
}
