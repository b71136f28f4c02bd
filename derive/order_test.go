package derive_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/derive"
)

const (
	firers = 4
	each   = 300
)

// together has as many goroutines fire 1 to each, into s.
func together(s *tether.Signal[int]) {
	var wg sync.WaitGroup
	for range firers {
		wg.Go(func() {
			for v := 1; v <= each; v++ {
				s.Fire(v)
			}
		})
	}
	wg.Wait()
}

// Nothing of these is synchronised but by the operator: the race detector sees an overlap
// of calls, and the sums a value that was lost or came twice.
func TestStatefulOperators_SeeOneOrder(t *testing.T) {
	const total = firers * each * (each + 1) / 2
	cases := map[string]func(t *testing.T, app *tether.Owner, s *tether.Signal[int]) (done func()){
		"Scan": func(t *testing.T, app *tether.Owner, s *tether.Signal[int]) func() {
			last, calls := 0, 0
			derive.Scan(s, 0, func(a, v int) int { return a + v }).Connect(app, func(v int) {
				calls++
				if v <= last {
					t.Errorf("%d after %d", v, last)
				}
				last = v
			})
			return func() {
				require.Equal(t, total, last)
				require.Equal(t, firers*each, calls)
			}
		},
		"Distinct": func(t *testing.T, app *tether.Owner, s *tether.Signal[int]) func() {
			last := 0
			derive.Distinct(s).Connect(app, func(v int) {
				if v == last {
					t.Errorf("%d twice", v)
				}
				last = v
			})
			return func() { require.NotZero(t, last) }
		},
		"Take": func(t *testing.T, app *tether.Owner, s *tether.Signal[int]) func() {
			calls := 0
			c := derive.Take(s, 100).Connect(app, func(int) { calls++ })
			return func() {
				require.Equal(t, 100, calls)
				require.False(t, c.Connected())
			}
		},
		"Buffer": func(t *testing.T, app *tether.Owner, s *tether.Signal[int]) func() {
			sum, calls := 0, 0
			derive.Buffer(s, 3, 0).Connect(app, func(vs []int) {
				calls++
				for _, v := range vs {
					sum += v
				}
			})
			return func() {
				require.Equal(t, firers*each/3, calls)
				require.Equal(t, total, sum)
			}
		},
		"Latest": func(t *testing.T, app *tether.Owner, s *tether.Signal[int]) func() {
			calls := 0
			derive.Latest(s, s, func(a, b int) int { return a + b }).Connect(app, func(int) { calls++ })
			return func() { // nothing comes before the first of b, which each firer brings
				require.LessOrEqual(t, calls, 2*firers*each-1)
				require.GreaterOrEqual(t, calls, 2*firers*each-firers)
			}
		},
		"Sample": func(t *testing.T, app *tether.Owner, s *tether.Signal[int]) func() {
			calls := 0
			derive.Sample(s, s).Connect(app, func(int) { calls++ })
			return func() {
				require.Positive(t, calls)
				require.LessOrEqual(t, calls, firers*each)
			}
		},
		"Until": func(t *testing.T, app *tether.Owner, s *tether.Signal[int]) func() {
			calls := 0
			stop := derive.Filter(s, func(v int) bool { return v == each })
			derive.Until(s, stop).Connect(app, func(v int) {
				calls++
			})
			return func() {
				require.GreaterOrEqual(t, calls, each-1)
				require.Zero(t, s.Len())
			}
		},
		"Switch": func(t *testing.T, app *tether.Owner, s *tether.Signal[int]) func() {
			calls := 0
			derive.Switch(s, func(*tether.Owner, int) tether.Source[int] {
				return derive.Map(s, ten)
			}).Connect(app, func(int) { calls++ })
			return func() {
				require.Equal(t, 2, s.Len(), "src and the last inner one")
				require.Equal(t, 2, app.Stats().Owners, "and its owner")
			}
		},
		"chain of three": func(t *testing.T, app *tether.Owner, s *tether.Signal[int]) func() {
			sum, calls := 0, 0
			derive.Map(derive.Scan(derive.Filter(s, func(v int) bool { return v%3 == 0 }), 0,
				func(_, v int) int { return v }), ten).Connect(app, func(v int) { calls++; sum += v })
			return func() { require.Equal(t, firers*(each/3), calls) }
		},
	}
	for name, build := range cases {
		t.Run(name, func(t *testing.T) {
			app := tether.NewOwner("app")
			defer app.Destroy()
			var s tether.Signal[int]
			done := build(t, app, &s)
			together(&s)
			done()
		})
	}
}

// Once, where many fire at the same time.
func TestOnce_IsRightUnderConcurrentFires(t *testing.T) {
	for range 100 {
		app := tether.NewOwner("app")
		var s tether.Signal[int]
		var calls atomic.Int64
		for _, src := range []tether.Source[int]{
			derive.Map(&s, ten), derive.Scan(&s, 0, sum), derive.Merge(&s, &s), derive.Take(&s, 3),
		} {
			src.Once(app, func(int) { calls.Add(1) })
		}
		var wg sync.WaitGroup
		for range firers {
			wg.Go(func() { s.Fire(1) })
		}
		wg.Wait()
		require.EqualValues(t, 4, calls.Load())
		require.Zero(t, s.Len())
		require.Equal(t, tether.Stats{Owners: 1}, app.Stats())
		app.Destroy()
	}
}

// A Fire from inside a function or the handler is delivered after the value that it is in:
// stateless operators nest, as Fire does.
func TestOrder_OfReentrantFires(t *testing.T) {
	for name, c := range map[string]struct {
		op   func(s *tether.Signal[int]) tether.Source[int]
		want []int
	}{
		"Map nests": {func(s *tether.Signal[int]) tether.Source[int] { return derive.Map(s, func(v int) int { return v }) }, []int{1, 2, 3, -3, -2, -1}},
		"Scan waits": {func(s *tether.Signal[int]) tether.Source[int] {
			return derive.Scan(s, 0, func(_, v int) int { return v })
		}, []int{1, -1, 2, -2, 3, -3}},
		"Take waits": {func(s *tether.Signal[int]) tether.Source[int] { return derive.Take(s, 2) }, []int{1, -1, 2, -2}},
	} {
		t.Run(name, func(t *testing.T) {
			app := tether.NewOwner("app")
			defer app.Destroy()
			var s tether.Signal[int]
			var got []int
			c.op(&s).Connect(app, func(v int) {
				got = append(got, v)
				if v < 3 {
					s.Fire(v + 1)
				}
				got = append(got, -v)
			})
			s.Fire(1)
			require.Equal(t, c.want, got)
		})
	}
}

// The function of Scan fires: its value comes after the one that is being made.
func TestOrder_AFireFromWithinAFunctionComesAfterIt(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var s tether.Signal[int]
	var got []int
	derive.Scan(&s, 0, func(a, v int) int {
		if v < 3 {
			s.Fire(v + 1)
		}
		return a + v
	}).Connect(app, func(v int) { got = append(got, v) })
	s.Fire(1)
	require.Equal(t, []int{1, 3, 6}, got)
}

// Where the one who delivers is held by a full queue, so are the others: nothing piles up
// but one value for each of them.
func TestHold_AFirerIsHeldBehindAHeldOne(t *testing.T) {
	for name, op := range map[string]func(tether.Source[int]) tether.Source[int]{
		"Scan":     func(s tether.Source[int]) tether.Source[int] { return derive.Scan(s, 0, sum) },
		"Distinct": func(s tether.Source[int]) tether.Source[int] { return derive.Scan(derive.Distinct(s), 0, sum) },
		"Buffer": func(s tether.Source[int]) tether.Source[int] {
			return derive.Map(derive.Buffer(s, 1, 0), func(vs []int) int { return vs[0] })
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app := tether.NewOwner("app")
				defer app.Destroy()
				var s tether.Signal[int]
				q := tether.NewQueue(app, 1, tether.Block, tether.Manual())
				calls := 0
				op(&s).Connect(app, func(int) { calls++ }, tether.On(q))
				s.Fire(1)
				var returned atomic.Int64
				for i := range 3 {
					go func() {
						s.Fire(2 + i)
						returned.Add(1)
					}()
					synctest.Wait()
				}
				require.Zero(t, returned.Load(), "all are held")
				for calls < 4 {
					q.Drain()
					synctest.Wait()
				}
				require.EqualValues(t, 3, returned.Load())
				require.EqualValues(t, 0, q.Dropped())
			})
		})
	}
}

// A firer that is held behind another is let go of by all that lets that one go, and by the
// cut-off of its own owner, whose Destroy may be called by the one who is to make room.
func TestHold_AHeldFirerLetsGo(t *testing.T) {
	for name, end := range map[string]func(c *tether.Connection, app, queues, firer *tether.Owner){
		"Disconnect":    func(c *tether.Connection, _, _, _ *tether.Owner) { c.Disconnect() },
		"owner":         func(_ *tether.Connection, app, _, _ *tether.Owner) { app.Destroy() },
		"queue":         func(_ *tether.Connection, _, queues, _ *tether.Owner) { queues.Destroy() },
		"firers' owner": func(_ *tether.Connection, _, _, firer *tether.Owner) { firer.Destroy() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app, queues, firer := tether.NewOwner("app"), tether.NewOwner("queues"), tether.NewOwner("firer")
				defer app.Destroy()
				defer queues.Destroy()
				var s tether.Signal[int]
				q := tether.NewQueue(queues, 1, tether.Block, tether.Manual())
				c := derive.Scan(&s, 0, sum).Connect(app, func(int) {}, tether.On(q))
				s.Fire(1)
				for range 3 {
					firer.Go(func(context.Context) { s.Fire(2) })
					synctest.Wait()
				}
				require.Equal(t, 3, firer.Stats().Goroutines)
				end(c, app, queues, firer)
				synctest.Wait()
				require.Zero(t, firer.Stats().Goroutines)
				firer.Destroy()
			})
		})
	}
}

// A handler of the same queue is never held: it goes over capacity.
func TestHold_AHandlerOfTheQueueIsNotHeldBehindAHeldFirer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		var s, outer tether.Signal[int]
		q := tether.NewQueue(app, 1, tether.Block)
		calls, gate := 0, make(chan bool)
		outer.Connect(app, func(int) {
			<-gate
			s.Fire(100)
		}, tether.On(q))
		derive.Scan(&s, 0, sum).Connect(app, func(int) { calls++ }, tether.On(q))
		outer.Fire(0)                        // its handler runs
		go func() { s.Fire(1); s.Fire(2) }() // the second one is held
		synctest.Wait()
		close(gate)
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, 3, calls)
	})
}

// What was left to the one who delivers before the last value, or before the stop, comes too
// late.
func TestTakeAndUntil_DropWhatWasLeft(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var s, stop tether.Signal[int]
	var taken, before []int
	derive.Take(&s, 2).Connect(app, func(v int) {
		taken = append(taken, v)
		if v == 1 {
			s.Fire(2)
			s.Fire(3)
			require.Equal(t, 1, s.Len())
		} else {
			require.Zero(t, s.Len(), "let go of before the last value is handled")
		}
	})
	s.Fire(1)
	require.Equal(t, []int{1, 2}, taken)
	derive.Until(&s, &stop).Connect(app, func(v int) {
		before = append(before, v)
		if v == 1 {
			s.Fire(2)
			stop.Fire(0)
			s.Fire(3)
		}
	})
	s.Fire(1)
	require.Equal(t, []int{1, 2}, before)
	require.Zero(t, s.Len()+stop.Len())
}

// The one who delivers is somebody else's, and stays held: who is held behind him lets go at
// the cut-off of his own owner all the same.
func TestHold_AFirerHeldBehindAnotherLetsGoForItsOwnOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, firer := tether.NewOwner("app"), tether.NewOwner("firer")
		defer app.Destroy()
		var s tether.Signal[int]
		q := tether.NewQueue(app, 1, tether.Block, tether.Manual())
		calls := 0
		derive.Scan(&s, 0, sum).Connect(app, func(int) { calls++ }, tether.On(q))
		s.Fire(1)
		go s.Fire(2)
		synctest.Wait()
		firer.Go(func(context.Context) { s.Fire(3) })
		synctest.Wait()
		require.Equal(t, 1, firer.Stats().Goroutines)
		firer.Destroy()
		require.Zero(t, calls)
		for range 3 {
			q.Drain()
			synctest.Wait()
		}
		require.Equal(t, 3, calls, "what it has left is delivered")
	})
}
