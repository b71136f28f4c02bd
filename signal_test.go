package tether_test

import (
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
)

// Both kinds of signal are sources.
var (
	_ tether.Source[int]         = (*tether.Signal[int])(nil)
	_ tether.Source[tether.Tick] = (*tether.Heartbeat)(nil)
)

func TestFireCallsHandlersInOrderOfConnection(t *testing.T) {
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
}

func TestHigherPriorityComesFirstAndFirstConnectedWithinOne(t *testing.T) {
	o := tether.NewOwner("o")
	defer o.Destroy()
	var s tether.Signal[int]
	var log trace
	for i, p := range []int{0, 5, -3, 5, 0, 7, -3, 1, 7} {
		s.Connect(o, func(int) { log.add("%d:%d", p, i) }, tether.Priority(p))
	}
	s.Fire(0)
	require.Equal(t, "7:5 7:8 5:1 5:3 1:7 0:0 0:4 -3:2 -3:6", log.String())
}

func TestAConnectionMadeDuringAFireIsNotCalledByItButByLaterOnes(t *testing.T) {
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

func TestAConnectionMadeBeforeIsCalledByEveryFireWhateverMovesItMeanwhile(t *testing.T) {
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
}

func TestFireIsDepthFirstAndReentrant(t *testing.T) {
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
}

func TestConcurrentFiresRunConcurrently(t *testing.T) {
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
}

func TestFireDoesNotAllocate(t *testing.T) {
	o := tether.NewOwner("o")
	defer o.Destroy()
	for name, fire := range map[string]func() func(){
		"no handlers": func() func() { var s tether.Signal[int]; return func() { s.Fire(1) } },
		"int": func() func() {
			var s tether.Signal[int]
			sum := 0
			for i := range 10 {
				s.Connect(o.NewChild("c"), func(v int) { sum += v }, tether.Priority(i%3))
			}
			return func() { s.Fire(1) }
		},
		"256 bytes": func() func() {
			var s tether.Signal[[256]byte]
			sum := 0
			s.Connect(o, func(v [256]byte) { sum += int(v[3]) })
			s.ConnectSelf(o, func(_ *tether.Connection, v [256]byte) { sum += int(v[3]) })
			return func() { s.Fire([256]byte{}) }
		},
		"interface": func() func() {
			var s tether.Signal[error]
			n := 0
			s.Connect(o, func(err error) { n++ })
			return func() { s.Fire(tether.ErrPending) }
		},
		"queue": func() func() {
			var s tether.Signal[int]
			sum := 0
			q := tether.NewQueue(o, 8, tether.DropOldest, tether.Manual())
			s.Connect(o, func(v int) { sum += v }, tether.On(q))
			return func() { s.Fire(1) }
		},
		"nested": func() func() {
			var s tether.Signal[int]
			s.Connect(o, func(v int) {
				if v > 0 {
					s.Fire(v - 1)
				}
			})
			return func() { s.Fire(3) }
		},
	} {
		f := fire()
		for range 100 {
			f()
		}
		require.Zero(t, testing.AllocsPerRun(100, f), name)
	}
}

func TestConnectAndDisconnectAllocateTwiceAtMost(t *testing.T) {
	o := tether.NewOwner("o")
	defer o.Destroy()
	var s tether.Signal[int]
	h := func(int) {}
	for _, others := range []int{0, 1000} {
		for s.Len() < others {
			s.Connect(o, h)
		}
		require.LessOrEqual(t, testing.AllocsPerRun(10_000, func() { s.Connect(o, h).Disconnect() }), 2.0, "others=%d", others)
	}
}

func TestOnceIsCalledExactlyOnceUnderConcurrentAndNestedFires(t *testing.T) {
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
}

func TestInsideAOnceItsOwnerHoldsNothingOfItAnyMore(t *testing.T) {
	o := tether.NewOwner("o")
	defer o.Destroy()
	var s tether.Signal[int]
	s.Once(o, func(int) { require.Equal(t, tether.Stats{Owners: 1}, o.Stats()) })
	s.Fire(1)
}

func TestAClosedSignalIsDead(t *testing.T) {
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
}

func TestDestroyingASignalsOwnerDoesNotWaitForForeignHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o, other := tether.NewOwner("o"), tether.NewOwner("other")
		s := tether.NewSignal[int](o)
		entered, leave := make(chan bool), make(chan bool)
		s.Connect(other, func(int) { close(entered); <-leave })
		go s.Fire(1)
		<-entered
		require.NoError(t, o.Destroy())
		close(leave)
		require.NoError(t, other.Destroy())
	})
}

func TestAHandlersPanicGoesOnToTheCallerOfFireWhenTheRestHasRun(t *testing.T) {
	o := tether.NewOwner("o")
	var s tether.Signal[int]
	var log trace
	s.Connect(o, func(int) { log.add("1") })
	s.Connect(o, func(int) { log.add("2"); panic("two") })
	s.Connect(o.NewChild("c"), func(int) { log.add("3") })
	s.Connect(o, func(int) { log.add("4"); panic("four") }, tether.Priority(-1))
	s.Connect(o, func(int) { log.add("5") }, tether.Priority(-2))
	require.PanicsWithValue(t, "four", func() { s.Fire(1) }, "recover sees the last one")
	require.Equal(t, "1 2 3 4 5", log.String())
	require.Panics(t, func() { s.Fire(1) }, "nothing is poisoned")
	require.NoError(t, o.Destroy(), "no presence is left")
}

func TestGoexitInAHandlerEndsTheFirersGoroutineWhenTheRestHasRun(t *testing.T) {
	for _, also := range []bool{false, true} {
		o := tether.NewOwner("o")
		var s tether.Signal[int]
		var log trace
		s.Connect(o, func(int) {
			if also {
				panic("before")
			}
		})
		s.Connect(o, func(int) { runtime.Goexit() })
		s.Connect(o, func(int) { log.add("rest") })
		out := make(chan any)
		go func() {
			defer func() { out <- recover() }()
			s.Fire(1)
			out <- "Fire returned"
		}()
		require.Nil(t, <-out, "a Goexit after a panic wins")
		require.Equal(t, "rest", log.String())
		require.NoError(t, o.Destroy())
	}
}

func TestACrashByAHandlerShowsAllPanicsWithTheirStacks(t *testing.T) {
	out := crash(t, func() {
		o := tether.NewOwner("o")
		var s tether.Signal[int]
		s.Connect(o, func(int) { panicOne() })
		s.Connect(o, func(int) { panic("two") })
		s.Fire(1)
	})
	require.Contains(t, out, "panic: one")
	require.Contains(t, out, "panic: two")
	require.Contains(t, out, "panicOne", "the first panic's own stack")
}

func panicOne() { panic("one") }

func TestATeardownInsideAFireMayPanicAndTheRestStillRuns(t *testing.T) {
	a, b := tether.NewOwner("a"), tether.NewOwner("b")
	var s tether.Signal[int]
	var log trace
	a.Defer(func() { log.add("cleanup"); panic("from the cleanup") })
	s.Connect(a, func(int) { log.add("a"); a.Destroy() })
	s.Connect(b, func(int) { log.add("b1") })
	s.Connect(b, func(int) { log.add("b2") })
	require.PanicsWithValue(t, "from the cleanup", func() { s.Fire(1) })
	require.Equal(t, "a cleanup b1 b2", log.String())
	require.True(t, ended(a))
	require.NoError(t, b.Destroy())
}

func TestAPanicHandlerThatPanicsDoesNotStopTheRest(t *testing.T) {
	o := tether.NewOwner("o", tether.WithPanicHandler(func(p *tether.PanicError) { panic(fmt.Sprint("again ", p.Value)) }))
	var s tether.Signal[int]
	rest := 0
	s.Connect(o, func(int) { panic(1) })
	s.Connect(o, func(int) { rest++ })
	require.PanicsWithValue(t, "again 1", func() { s.Fire(1) })
	require.Equal(t, 1, rest)
	require.NoError(t, o.Destroy())
}

func TestManyNestedFiresUseMoreThanThePresenceTable(t *testing.T) {
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
}

func TestManyParkedHandlersUseMoreThanThePresenceTable(t *testing.T) {
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

func TestDestroyIsABarrierWhileAllCoresFire(t *testing.T) {
	for _, procs := range []int{1, 2, 8} {
		t.Run(fmt.Sprintf("procs=%d", procs), func(t *testing.T) {
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(procs))
			var s tether.Signal[int]
			stop := make(chan bool)
			var firers sync.WaitGroup
			for range 3 {
				firers.Go(func() {
					for {
						select {
						case <-stop:
							return
						default:
							s.Fire(1)
							runtime.Gosched()
						}
					}
				})
			}
			for range 1000 {
				o := tether.NewOwner("o")
				var mu sync.Mutex // keeps handlers from racing with each other, not with what follows Destroy
				plain := 0
				for i := range 3 {
					s.Connect(o, func(int) {
						mu.Lock()
						plain++
						mu.Unlock()
						if i == 0 {
							runtime.Gosched()
						}
					})
				}
				runtime.Gosched()
				require.NoError(t, o.Destroy())
				plain = -1 // a race, if a handler still runs
				_ = plain
			}
			close(stop)
			firers.Wait()
			require.Zero(t, s.Len())
		})
	}
}

func TestConnectDisconnectAndFireFromAllSidesKeepTheBooks(t *testing.T) {
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
}

func TestWhileActiveFollowsTheConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		var log trace
		n := 0
		var last *tether.Owner
		s := tether.NewSignal[int](o, tether.WhileActive(func(active *tether.Owner) {
			n++
			id := n
			log.add("up%d", id)
			active.Interrupt(func() { log.add("cut%d", id) })
			active.Defer(func() { log.add("down%d", id) })
			assert.Same(t, o, active.Parent())
			assert.Equal(t, "o/active", active.Path())
			if last != nil {
				assert.False(t, last.Alive(), "edges never overlap")
			}
			last = active
		}))
		a := s.Connect(o, func(int) {})
		require.Equal(t, "up1", log.String(), "before Connect returns")
		b := s.Connect(o, func(int) {})
		a.Disconnect()
		require.True(t, last.Alive())
		var mu sync.Mutex
		mu.Lock() // Disconnect is safe under any lock
		b.Disconnect()
		mu.Unlock()
		require.False(t, last.Alive(), "cut off at once")
		synctest.Wait()
		spent := false
		s.Once(o, func(int) { spent = true }) // active 2 ends beside it, on a goroutine of its own
		s.Fire(1)
		require.True(t, spent)
		synctest.Wait()
		s.Connect(o, func(int) {})
		s.DisconnectAll()
		synctest.Wait()
		child := o.NewChild("child")
		s.Connect(child, func(int) {})
		require.NoError(t, child.Destroy())
		synctest.Wait()
		require.Equal(t, 1, o.Stats().Owners, "nothing is left of former edges")
		s.Connect(o, func(int) {})
		require.NoError(t, o.Destroy())
		require.True(t, ended(last))
		require.Equal(t, "up1 cut1 down1 up2 cut2 down2 up3 cut3 down3 up4 cut4 down4 up5 cut5 down5", log.String())
		require.False(t, s.Connect(o, func(int) {}).Connected())
		require.Equal(t, 5, n)
	})
}

func TestInsideWhileActiveDestroyAndReconnectAreSafe(t *testing.T) {
	o := tether.NewOwner("o")
	var s *tether.Signal[int]
	depth := 0
	s = tether.NewSignal[int](o, tether.WhileActive(func(active *tether.Owner) {
		if depth++; depth == 1 {
			s.DisconnectAll() // ends the very edge
			assert.False(t, active.Alive())
			s.Connect(o, func(int) {}) // and begins the next
			return
		}
		assert.ErrorIs(t, active.Destroy(), tether.ErrPending)
	}))
	c := s.Connect(o, func(int) {})
	require.False(t, c.Connected())
	require.Equal(t, 2, depth)
	require.Equal(t, 1, s.Len())
	require.NoError(t, o.Destroy())
}

func TestWhileActiveNeverOverlapsUnderConcurrency(t *testing.T) {
	o := tether.NewOwner("o")
	var alive, edges atomic.Int32
	s := tether.NewSignal[int](o, tether.WhileActive(func(active *tether.Owner) {
		edges.Add(1)
		active.Go(nothing)
	}))
	var mu sync.Mutex
	var actives []*tether.Owner
	s2 := tether.NewSignal[int](o, tether.WhileActive(func(active *tether.Owner) {
		mu.Lock()
		defer mu.Unlock()
		for _, a := range actives {
			assert.False(t, a.Alive(), "two at once")
		}
		actives = append(actives, active)
	}))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 200 {
				a, b := s.Connect(o, func(int) {}), s2.Connect(o, func(int) {})
				a.Disconnect()
				b.Disconnect()
			}
		})
	}
	wg.Wait()
	for _, a := range actives {
		require.False(t, a.Alive())
	}
	require.NoError(t, o.Destroy())
	require.Zero(t, alive.Load())
	require.NotZero(t, edges.Load())
}

func TestMisuseOfSignalsPanicsBeforeAnythingChanges(t *testing.T) {
	o := tether.NewOwner("o")
	defer o.Destroy()
	var s tether.Signal[int]
	h := func(int) {}
	for want, f := range map[string]func(){
		"tether: Connect with nil Owner":       func() { s.Connect(nil, h) },
		"tether: Connect with nil Owner ":      func() { s.Connect(new(tether.Owner), h) },
		"tether: Connect with nil handler":     func() { s.Connect(o, nil) },
		"tether: Connect with nil option":      func() { s.Connect(o, h, nil) },
		"tether: Once with nil Owner":          func() { s.Once(nil, h) },
		"tether: Once with nil handler":        func() { s.Once(o, nil) },
		"tether: ConnectSelf with nil Owner":   func() { s.ConnectSelf(nil, func(*tether.Connection, int) {}) },
		"tether: ConnectSelf with nil handler": func() { s.ConnectSelf(o, nil) },
		"tether: On with nil Queue":            func() { tether.On(nil) },
		"tether: On with nil Queue ":           func() { tether.On(new(tether.Queue)) },
	} {
		require.PanicsWithValue(t, strings.TrimSpace(want), f)
	}
	require.Zero(t, s.Len())
	require.Equal(t, tether.Stats{Owners: 1}, o.Stats())
}
