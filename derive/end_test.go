package derive_test

import (
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/derive"
	"github.com/seed-ec287111/tether/history"
	"github.com/seed-ec287111/tether/internal/goroutine"
)

// Functions run on the goroutine that fires, and what they refuse takes no room in the
// queue: of ten values the one that is wanted came, on a queue for one.
func TestQueue_OperatorsWorkBeforeIt(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var s tether.Signal[int]
	q := tether.NewQueue(app, 1, tether.DropNewest, tether.Manual())
	asked, got := 0, []int(nil)
	derive.Filter(&s, func(v int) bool { asked++; return v == 9 }).Connect(app,
		func(v int) { got = append(got, v) }, tether.On(q))
	for v := range 10 {
		s.Fire(v)
	}
	require.Equal(t, 10, asked)
	q.Drain()
	require.Equal(t, []int{9}, got)
	require.Zero(t, q.Dropped())
}

func TestPriority_AppliesUpstream(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var s tether.Signal[int]
	log := ""
	add := func(what string) func(int) { return func(int) { log += what } }
	s.Connect(app, add("b"))
	derive.Map(&s, ten).Connect(app, add("a"), tether.Priority(5))
	derive.Scan(&s, 0, sum).Connect(app, add("c"), tether.Priority(5), tether.Priority(-1))
	derive.Take(derive.Merge(&s), 1).Once(app, add("0"), tether.Priority(7))
	s.Fire(1)
	require.Equal(t, "0abc", log)
}

func TestMute_LetsTheFunctionsRun(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var s tether.Signal[int]
	ran, got := 0, []int(nil)
	c := derive.Map(&s, func(v int) int { ran++; return v }).Connect(app, func(v int) { got = append(got, v) })
	unmute := c.Mute()
	s.Fire(1)
	unmute()
	s.Fire(2)
	require.Equal(t, 2, ran)
	require.Equal(t, []int{2}, got)
}

// On a queue the connection ends when that has handled what it has accepted, while the
// source is let go of at once.
func TestQueue_TheEndComesAfterWhatItHasAccepted(t *testing.T) {
	for name, build := range map[string]func(w *world) tether.Source[int]{
		"Take": func(w *world) tether.Source[int] { return derive.Take(w.a, 3) },
		"Until": func(w *world) tether.Source[int] {
			return derive.Until(w.a, derive.Filter(w.a, func(v int) bool { return v == 4 }))
		},
		"source": func(w *world) tether.Source[int] { return derive.Map(w.a, func(v int) int { return v }) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.end()
				q := tether.NewQueue(w.queues, 10, tether.Block, tether.Manual())
				calls := 0
				w.conn = build(w).Connect(w.sub, func(int) { calls++ }, tether.On(q))
				for v := range 3 {
					w.a.Fire(v + 1)
				}
				if name == "Until" {
					w.a.Fire(4)
				}
				if name == "source" {
					w.owners[0].Destroy()
				}
				synctest.Wait()
				require.Zero(t, w.a.Len())
				require.True(t, w.conn.Connected())
				q.Drain()
				synctest.Wait()
				require.Equal(t, 3, calls)
				require.Zero(t, q.Dropped())
				w.requireNothing()
			})
		})
	}
}

// While it waits for that, all other ends are as ever, and leave nothing.
func TestQueue_AnEndThatWaitsForItCanBeEnded(t *testing.T) {
	for name, end := range map[string]func(w *world){
		"Disconnect": func(w *world) { w.conn.Disconnect() },
		"owner":      func(w *world) { w.sub.Destroy() },
		"queue":      func(w *world) { w.queues.Destroy() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.end()
				q := tether.NewQueue(w.queues, 10, tether.Block, tether.Manual())
				w.b.Connect(w.ancestor, func(int) {}, tether.On(q)) // somebody else's, which stays
				w.conn = derive.Map(w.a, ten).Connect(w.sub, func(int) { t.Error("called") }, tether.On(q))
				w.do("a1")
				w.b.Fire(1)
				w.do("a|")
				require.True(t, w.conn.Connected())
				end(w)
				synctest.Wait()
				w.b.DisconnectAll()
				w.requireNothing()
			})
		})
	}
}

// A panic of a function counts as one of the handler: it goes on to who fires, or is
// reported; the chain goes on.
func TestPanic_OfFunctions(t *testing.T) {
	bad := func(v int) int {
		if v == 2 {
			panic("bad")
		}
		return v
	}
	for name, op := range map[string]func(tether.Source[int]) tether.Source[int]{
		"Map": func(s tether.Source[int]) tether.Source[int] { return derive.Map(s, bad) },
		"Filter": func(s tether.Source[int]) tether.Source[int] {
			return derive.Filter(s, func(v int) bool { bad(v); return true })
		},
		"FilterMap": func(s tether.Source[int]) tether.Source[int] {
			return derive.FilterMap(s, func(v int) (int, bool) { return bad(v), true })
		},
		"Scan": func(s tether.Source[int]) tether.Source[int] {
			return derive.Scan(s, 0, func(_, v int) int { return bad(v) })
		},
		"DistinctFunc": func(s tether.Source[int]) tether.Source[int] {
			return derive.DistinctFunc(s, func(_, v int) bool { bad(v); return false })
		},
		"Latest": func(s tether.Source[int]) tether.Source[int] {
			return derive.Latest(derive.Take(s, 1), s, func(_, v int) int { return bad(v) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			for _, supervised := range []bool{false, true} {
				var reported []any
				var opts []tether.OwnerOption
				if supervised {
					opts = append(opts, tether.WithPanicHandler(func(p *tether.PanicError) { reported = append(reported, p.Value) }))
				}
				app := tether.NewOwner("app", opts...)
				var s tether.Signal[int]
				var got []int
				op(&s).Connect(app, func(v int) { got = append(got, v) })
				s.Fire(1)
				if supervised {
					s.Fire(2)
					require.Equal(t, []any{"bad"}, reported)
				} else {
					require.PanicsWithValue(t, "bad", func() { s.Fire(2) })
				}
				s.Fire(3)
				require.Equal(t, []int{1, 3}, got)
				app.Destroy()
				require.Zero(t, s.Len())
			}
		})
	}
}

// A Goexit in a function ends that goroutine, and nobody else is left behind.
func TestPanic_GoexitOfAFunction(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var s tether.Signal[int]
	total := 0
	derive.Scan(&s, 0, func(a, v int) int {
		if v == 1 {
			runtime.Goexit()
		}
		return a + v
	}).Connect(app, func(v int) { total = v })
	done := make(chan bool)
	go func() {
		defer close(done)
		s.Fire(1)
	}()
	<-done
	s.Fire(5)
	require.Equal(t, 5, total)
}

// Destroy of the subscriber's owner is a barrier for functions and handler, whoever delivers.
func TestDestroy_IsABarrier(t *testing.T) {
	for name, op := range map[string]func(tether.Source[int], *int) tether.Source[int]{
		"Map": func(s tether.Source[int], x *int) tether.Source[int] {
			return derive.Map(s, func(v int) int { *x++; return v })
		},
		"Scan": func(s tether.Source[int], x *int) tether.Source[int] {
			return derive.Scan(s, 0, func(_, v int) int { *x++; return v })
		},
	} {
		t.Run(name, func(t *testing.T) {
			for range 200 {
				app := tether.NewOwner("app")
				var s tether.Signal[int]
				var x, y int // not atomic: the race detector is the judge
				op(&s, &x).Connect(app, func(int) { y++ })
				n := 3
				if name == "Map" {
					n = 1 // calls of its function overlap
				}
				var wg sync.WaitGroup
				for range n {
					wg.Go(func() { s.Fire(1) })
				}
				app.Destroy()
				x++
				y++
				wg.Wait()
			}
		})
	}
}

// A handler destroys its owner, or the source, or disconnects itself, in the middle of what
// is left to it.
func TestEnd_FromInside(t *testing.T) {
	for name, end := range map[string]func(w *world){
		"Disconnect": func(w *world) { w.conn.Disconnect() },
		"owner":      func(w *world) { w.sub.Destroy() },
		"ancestor":   func(w *world) { w.ancestor.Destroy() },
		"source":     func(w *world) { w.owners[0].Destroy() },
	} {
		for _, m := range marbles {
			if m.name == "Share" && name == "source" {
				continue
			}
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.end()
				src := m.build(w)
				w.conn = src.connect(w, false)
				w.onValue = func() { end(w) }
				for _, token := range m.tokens() {
					w.do(token)
				}
				time.Sleep(time.Hour)
				if all := values(strings.Fields(m.out)); name != "source" && len(all) > 0 {
					require.Equal(t, all[:1], values(w.log), "%s, %s", m.name, name)
					w.requireNothing(m.name, name)
				}
			})
		}
	}
}

// What was left to the one who delivers is dropped with the subscription: no function is
// called for it.
func TestEnd_NoFunctionIsCalledAfterIt(t *testing.T) {
	for name, op := range map[string]func(s tether.Source[int], f func(int) int) tether.Source[int]{
		"Scan": func(s tether.Source[int], f func(int) int) tether.Source[int] {
			return derive.Scan(s, 0, func(_, v int) int { return f(v) })
		},
		"Buffer": func(s tether.Source[int], f func(int) int) tether.Source[int] {
			return derive.Map(derive.Buffer(s, 1, 0), func(vs []int) int { return f(vs[0]) })
		},
	} {
		app := tether.NewOwner("app")
		var s tether.Signal[int]
		calls := 0
		var c *tether.Connection
		c = op(&s, func(v int) int { calls++; return v }).Connect(app, func(int) {
			s.Fire(2) // left
			c.Disconnect()
		})
		s.Fire(1)
		require.Equal(t, 1, calls, name)
		app.Destroy()
	}
}

// The end of a source may be brought about under a lock that the handler takes: nothing is
// delivered inside it.
func TestEnd_NothingIsDeliveredInsideThatOfASource(t *testing.T) {
	for name, end := range map[string]func(src *tether.Owner, s *tether.Signal[int]){
		"Cancel":        func(src *tether.Owner, _ *tether.Signal[int]) { src.Cancel(nil) },
		"DisconnectAll": func(_ *tether.Owner, s *tether.Signal[int]) { s.DisconnectAll() },
	} {
		synctest.Test(t, func(t *testing.T) {
			src, app := tether.NewOwner("src"), tether.NewOwner("app")
			defer app.Destroy()
			defer src.Destroy()
			s := tether.NewSignal[int](src)
			var by uint64
			derive.Buffer(s, 5, 0).Connect(app, func([]int) { by = goroutine.ID() })
			s.Fire(1)
			end(src, s)
			synctest.Wait()
			require.NotZero(t, by, name)
			require.NotEqual(t, goroutine.ID(), by, name)
		})
	}
}

// Each connection has a state of its own.
func TestChain_ConnectionsShareNothing(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var s tether.Signal[int]
	src := derive.Take(derive.Scan(&s, 0, sum), 2)
	var a, b []int
	src.Connect(app, func(v int) { a = append(a, v) })
	s.Fire(1)
	src.Connect(app, func(v int) { b = append(b, v) })
	s.Fire(2)
	s.Fire(3)
	require.Equal(t, []int{1, 3}, a)
	require.Equal(t, []int{2, 5}, b)
}

// What an operator in the middle of a chain needs no more it lets go of, though the chain
// goes on.
func TestEnd_OperatorsInAMergeLetGoOfTheirSources(t *testing.T) {
	for name, c := range map[string]struct {
		op     func(w *world) tether.Source[int]
		script string
	}{
		"Take":  {func(w *world) tether.Source[int] { return derive.Take(w.a, 1) }, "a1"},
		"Until": {func(w *world) tether.Source[int] { return derive.Until(w.a, w.b) }, "a1 b1"},
		"Latest": {func(w *world) tether.Source[int] {
			return derive.Latest(w.a, w.b, sum)
		}, "a1 b|"},
		"Sample":      {func(w *world) tether.Source[int] { return derive.Sample(w.a, w.b) }, "a1 b|"},
		"Sample, dry": {func(w *world) tether.Source[int] { return derive.Sample(w.b, w.a) }, "b1 a1 b|"},
		"Switch": {func(w *world) tether.Source[int] {
			return derive.Switch(derive.Take(w.a, 1), func(*tether.Owner, int) tether.Source[int] { return w.b })
		}, "a1 b1 b|"},
		"Debounce": {func(w *world) tether.Source[int] { return derive.Debounce(derive.Take(w.a, 1), 5*ms) }, "a1 +9"},
		"Buffer":   {func(w *world) tether.Source[int] { return of1(derive.Buffer(derive.Take(w.a, 1), 5, 0)) }, "a1"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			defer w.end()
			var other tether.Signal[int]
			got := 0
			w.conn = derive.Merge(c.op(w), &other).Connect(w.sub, func(v int) { got = v })
			for _, token := range strings.Fields(c.script) {
				w.do(token)
			}
			require.Zero(t, w.a.Len(), name)
			require.Zero(t, w.b.Len(), name)
			synctest.Wait()
			require.Equal(t, tether.Stats{Owners: 1, Connections: 2}, w.sub.Stats(), "%s: the handler's and that to the other source", name)
			other.Fire(77)
			require.Equal(t, 77, got, name)
		})
	}
}

func of1(src tether.Source[[]int]) tether.Source[int] {
	return derive.Map(src, func(vs []int) int { return vs[0] })
}

// Fires that are on their way in a function when the chain ends come to an operator that
// has ended. It holds nothing of them, and sets no timer.
func TestEnd_AnOperatorDropsWhatComesAfterIt(t *testing.T) {
	for name, op := range map[string]func(tether.Source[int]) source{
		"Debounce":        func(s tether.Source[int]) source { return of(derive.Debounce(s, 10*ms)) },
		"Throttle":        func(s tether.Source[int]) source { return of(derive.Throttle(s, 10*ms, derive.Trailing)) },
		"Buffer":          func(s tether.Source[int]) source { return of(derive.Buffer(s, 2, 10*ms)) },
		"Buffer of three": func(s tether.Source[int]) source { return of(derive.Buffer(s, 9, 10*ms)) },
	} {
		for how, c := range map[string]struct {
			before func(tether.Source[int], func(int) int) tether.Source[int]
			end    func(w *world)
		}{
			"source, in a Map":     {derive.Map[int, int], func(w *world) { w.a.DisconnectAll() }},
			"Disconnect, in a Map": {derive.Map[int, int], func(w *world) { w.conn.Disconnect() }},
			"Disconnect, in a Scan": {func(s tether.Source[int], f func(int) int) tether.Source[int] {
				return derive.Scan(s, 0, func(_, v int) int { return f(v) })
			}, func(w *world) { w.conn.Disconnect() }},
		} {
			t.Run(name+", "+how, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					w := newWorld(t)
					defer w.end()
					gate := make(chan bool)
					w.conn = op(c.before(w.a, func(v int) int { <-gate; return v })).connect(w, false)
					for v := range 3 {
						go w.a.Fire(v)
					}
					synctest.Wait()
					c.end(w)
					require.False(t, w.conn.Connected())
					close(gate)
					synctest.Wait()
					w.requireNothing()
					time.Sleep(time.Second)
					require.Empty(t, w.log)
				})
			})
		}
	}
}

func TestUntil_DoesNotConnectToItsSourceIfItStopsAtOnce(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var stop tether.Signal[int]
	sticky := history.Record(app, &stop, 1)
	stop.Fire(1)
	src := connector(func(*tether.Owner, func(int), ...tether.ConnectOption) *tether.Connection {
		t.Error("connected")
		return nil
	})
	c := derive.Until(src, sticky).Connect(app, func(int) {})
	require.False(t, c.Connected())
}

// A source need not pass the options on. Then the chain learns of the connection when
// Connect has returned.
func TestChain_EndsAConnectionThatTakesNoOptions(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var s tether.Signal[int]
	src := connector(func(owner *tether.Owner, handler func(int), _ ...tether.ConnectOption) *tether.Connection {
		return s.Connect(owner, handler)
	})
	c := derive.Map(src, ten).Connect(app, func(int) {})
	require.Equal(t, 1, s.Len())
	c.Disconnect()
	require.Zero(t, s.Len())
}

// The operator ends while its source connects: what the source connects after that ends at
// once.
func TestChain_EndsWhileASourceConnects(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var stop, one, two tether.Signal[int]
	src := connector(func(owner *tether.Owner, handler func(int), opts ...tether.ConnectOption) *tether.Connection {
		stop.Fire(1)
		one.Connect(owner, handler, opts...)
		return two.Connect(owner, handler, opts...)
	})
	c := derive.Until(src, &stop).Connect(app, func(int) { t.Error("called") })
	require.False(t, c.Connected())
	require.Zero(t, one.Len())
	require.Zero(t, two.Len())
	require.Equal(t, tether.Stats{Owners: 1}, app.Stats())
}

// The end of one source lets go of the other, and that end counts too: the chain ends twice,
// and waits for its queue once.
func TestQueue_IsWaitedForOnceThoughAChainEndsTwice(t *testing.T) {
	for name, op := range map[string]func(w *world) tether.Source[int]{
		"Sample": func(w *world) tether.Source[int] { return derive.Sample(w.a, w.b) },
		"Latest": func(w *world) tether.Source[int] { return derive.Latest(w.b, w.a, sum) },
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			defer w.end()
			q := tether.NewQueue(w.queues, 10, tether.Block, tether.Manual())
			var other tether.Signal[int]
			other.Connect(w.ancestor, func(int) {}, tether.On(q))
			w.conn = op(w).Connect(w.sub, func(int) {}, tether.On(q))
			other.Fire(1)
			w.do("b|")
			require.Equal(t, 1, w.sub.Stats().Goroutines, name)
			require.True(t, w.conn.Connected(), name)
			q.Drain()
			synctest.Wait()
			other.DisconnectAll()
			w.requireNothing(name)
		})
	}
}
