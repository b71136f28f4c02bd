package derive_test

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/derive"
	"github.com/seed-ec287111/tether/history"
)

func TestShare_HasOneUpstreamForAll(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var s tether.Signal[int]
	calls := 0
	shared := derive.Share(app, derive.Scan(&s, 0, func(a, v int) int { calls++; return a + v }))
	require.Zero(t, s.Len())
	var a, b []int
	ca := shared.Connect(app, func(v int) { a = append(a, v) })
	cb := shared.Connect(app, func(v int) { b = append(b, v) })
	require.Equal(t, 1, s.Len())
	s.Fire(1)
	ca.Disconnect()
	s.Fire(2)
	require.Equal(t, []int{1}, a)
	require.Equal(t, []int{1, 3}, b)
	require.Equal(t, 2, calls)
	cb.Disconnect()
	require.Zero(t, s.Len())
	shared.Once(app, func(v int) { a = append(a, v) })
	s.Fire(5)
	require.Equal(t, []int{1, 5}, a, "a state of its own")
	require.Zero(t, s.Len())
}

func TestShare_EndsWithItsSourceAndItsOwner(t *testing.T) {
	for _, how := range []string{"source", "owner"} {
		src, owner, app := tether.NewOwner("src"), tether.NewOwner("owner"), tether.NewOwner("app")
		s := tether.NewSignal[int](src)
		shared := derive.Share(owner, derive.Map(s, ten))
		var conns []*tether.Connection
		for range 3 {
			conns = append(conns, shared.Connect(app, func(int) {}))
		}
		if how == "source" {
			src.Destroy()
		} else {
			owner.Destroy()
		}
		for _, c := range conns {
			require.False(t, c.Connected())
		}
		require.Equal(t, tether.Stats{Owners: 1}, app.Stats())
		require.False(t, shared.Connect(app, func(int) {}).Connected())
		require.Zero(t, s.Len())
		for _, o := range []*tether.Owner{src, owner, app} {
			o.Destroy()
		}
	}
}

// Take is over after two: who comes then begins anew.
func TestShare_BeginsAnew(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var s tether.Signal[int]
	shared := derive.Share(app, derive.Take(&s, 2))
	for range 3 {
		var got []int
		c := shared.Connect(app, func(v int) { got = append(got, v) })
		for v := range 4 {
			s.Fire(v)
		}
		require.Equal(t, []int{0, 1}, got)
		require.False(t, c.Connected())
		require.Zero(t, s.Len())
	}
}

type broken struct{ tether.Source[int] }

func (broken) Connect(*tether.Owner, func(int), ...tether.ConnectOption) *tether.Connection {
	panic("broken")
}

func TestPanic_OfASourceLeavesNothing(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var s tether.Signal[int]
	for _, src := range []tether.Source[int]{
		derive.Map[int](broken{}, ten),
		derive.Merge[int](&s, broken{}),
		derive.Debounce[int](broken{}, time.Second),
		derive.Share[int](app, broken{}),
	} {
		require.PanicsWithValue(t, "broken", func() { src.Connect(app, func(int) {}) })
		require.PanicsWithValue(t, "broken", func() { src.Once(app, func(int) {}) })
		require.Zero(t, s.Len())
	}
	require.PanicsWithValue(t, "broken", func() { derive.Chan[int](app, broken{}, 1, tether.Block) })
	require.PanicsWithValue(t, "broken", func() { derive.Send[int](app, broken{}, make(chan int)) })
	waitFor(t, func() bool { return app.Stats() == tether.Stats{Owners: 1} })
}

// What is done to the slice afterwards is nobody's business but the caller's.
func TestMerge_KeepsItsSources(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var a, b tether.Signal[int]
	srcs := []tether.Source[int]{&a, &b}
	merged := derive.Merge(srcs...)
	srcs[0], srcs[1] = nil, nil
	var got []int
	merged.Connect(app, func(v int) { got = append(got, v) })
	a.Fire(1)
	b.Fire(2)
	require.Equal(t, []int{1, 2}, got)
}

// As does one whose WhileActive panics when an operator connects: that connection, too, is
// ended, with those before it.
func TestPanic_OfASourceThatBecomesActiveLeavesNothing(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var s tether.Signal[int]
	for name, op := range map[string]func(bad tether.Source[int]) tether.Source[int]{
		"Map":      func(bad tether.Source[int]) tether.Source[int] { return derive.Map(bad, ten) },
		"Merge":    func(bad tether.Source[int]) tether.Source[int] { return derive.Merge(&s, bad) },
		"Until":    func(bad tether.Source[int]) tether.Source[int] { return derive.Until(bad, &s) },
		"Take":     func(bad tether.Source[int]) tether.Source[int] { return derive.Take(bad, 1) },
		"Latest":   func(bad tether.Source[int]) tether.Source[int] { return derive.Latest(&s, bad, sum) },
		"Debounce": func(bad tether.Source[int]) tether.Source[int] { return derive.Debounce(bad, time.Second) },
		"Share":    func(bad tether.Source[int]) tether.Source[int] { return derive.Share(app, bad) },
		"NewSource": func(bad tether.Source[int]) tether.Source[int] {
			return derive.Map(tether.NewSource(bad.Connect), ten)
		},
	} {
		for _, priority := range []int{0, 3} {
			active := app.NewChild("source")
			bad := tether.NewSignal[int](active, tether.WhileActive(func(*tether.Owner) { panic("not now") }))
			src := op(bad)
			require.PanicsWithValue(t, "not now", func() { src.Connect(app, func(int) {}, tether.Priority(priority)) }, name)
			require.Zero(t, bad.Len(), name)
			require.PanicsWithValue(t, "not now", func() { src.Once(app, func(int) {}) }, name)
			require.Zero(t, bad.Len(), name)
			require.Zero(t, s.Len(), name)
			active.Destroy()
		}
	}
	waitFor(t, func() bool { return app.Stats().Connections == 0 })
}

// Destroy of the owner of a Share is a barrier for its subscribers' handlers.
func TestShare_IsABarrier(t *testing.T) {
	for range 100 {
		owner, app := tether.NewOwner("owner"), tether.NewOwner("app")
		var s tether.Signal[int]
		x := 0 // not atomic: the race detector is the judge
		derive.Share(owner, &s).Connect(app, func(int) { x++ })
		var wg sync.WaitGroup
		wg.Go(func() { s.Fire(1) })
		owner.Destroy()
		x++
		wg.Wait()
		app.Destroy()
	}
}

func TestFromChan_ReadsOnlyWhileSomebodyIsConnected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		ch := make(chan int, 10)
		src := derive.FromChan(app, ch)
		for v := range 4 {
			ch <- v
		}
		synctest.Wait()
		require.Len(t, ch, 4)
		require.Equal(t, tether.Stats{Owners: 1}, app.Stats())
		var got []int
		src.Once(app, func(v int) { got = append(got, v) })
		synctest.Wait()
		c := src.Connect(app, func(v int) { got = append(got, v) })
		synctest.Wait()
		require.Equal(t, []int{0, 1, 2, 3}, got, "none was lost between the two")
		c.Disconnect()
		synctest.Wait()
		require.Equal(t, tether.Stats{Owners: 1}, app.Stats())
		ch <- 4
		synctest.Wait()
		require.Len(t, ch, 1)
		close(ch)
		c = src.Connect(app, func(v int) { got = append(got, v) })
		<-c.Ended()
		require.Equal(t, []int{0, 1, 2, 3, 4}, got)
		c = src.Connect(app, func(int) { t.Error("called") })
		<-c.Ended()
		synctest.Wait()
		require.Equal(t, tether.Stats{Owners: 1}, app.Stats())
	})
}

// Each value is taken by a subscriber that leaves with it: the next one gets the next.
func TestFromChan_LosesNothingBetweenTwoSubscribers(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	ch := make(chan int, 3)
	src := derive.FromChan(app, ch)
	go func() {
		for v := range 300 {
			ch <- v
		}
	}()
	for want := range 300 {
		got := make(chan int, 1)
		src.Once(app, func(v int) { got <- v })
		require.Equal(t, want, <-got)
	}
}

// What comes out of a channel, and back into one, is the same.
func TestFromChan_ToChan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		in := make(chan int)
		out := derive.Chan(app, derive.Map(derive.FromChan(app, in), ten), 2, tether.Block)
		go func() {
			for v := range 100 {
				in <- v
			}
			close(in)
		}()
		var got []int
		for v := range out {
			got = append(got, v)
		}
		require.Len(t, got, 100)
		require.True(t, slices.IsSorted(got))
	})
}

func TestChan_Overflows(t *testing.T) {
	for overflow, want := range map[tether.Overflow][]int{
		tether.DropOldest: {3, 4},
		tether.DropNewest: {0, 1},
	} {
		app := tether.NewOwner("app")
		var s tether.Signal[int]
		ch := derive.Chan(app, &s, 2, overflow)
		for v := range 5 {
			s.Fire(v)
		}
		app.Destroy()
		s.Fire(9)
		var got []int
		for v := range ch { // readable after the end
			got = append(got, v)
		}
		require.Equal(t, want, got)
	}
}

func TestChan_ClosesAfterHeldFirersWereTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, src := tether.NewOwner("app"), tether.NewOwner("src")
		defer app.Destroy()
		s := tether.NewSignal[int](src)
		ch := derive.Chan(app, s, 1, tether.Block)
		for v := range 3 {
			go s.Fire(v)
			synctest.Wait()
		}
		src.Cancel(nil)
		synctest.Wait()
		n := 0
		for range ch {
			n++
		}
		require.Equal(t, 3, n)
		require.Equal(t, tether.Stats{Owners: 1}, app.Stats(), "not even a cleanup")
	})
}

func TestChan_LetsGoAtTheCutOffAndClosesAtTheUnwinding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		var s tether.Signal[int]
		app.Defer(func() { t.Log("older") })
		ch := derive.Chan(app, &s, 1, tether.Block)
		app.Defer(func() {
			select {
			case v, ok := <-ch:
				require.True(t, ok, "it is open still")
				require.Equal(t, 1, v)
			default:
				t.Error("the channel has lost its value")
			}
		})
		s.Fire(1)
		go s.Fire(2)
		synctest.Wait()
		app.Destroy()
		_, ok := <-ch
		require.False(t, ok)
	})
}

// Nobody can receive before Chan has returned.
func TestChan_HasRoomForWhatComesBeforeItReturns(t *testing.T) {
	for overflow, want := range map[tether.Overflow][]int{
		tether.Block: {1, 2, 3, 4, 5}, tether.DropOldest: {4, 5}, tether.DropNewest: {1, 2},
	} {
		synctest.Test(t, func(t *testing.T) {
			app := tether.NewOwner("app")
			var s tether.Signal[int]
			last := history.Record(app, &s, 5)
			for v := range 5 {
				s.Fire(v + 1)
			}
			o := app.NewChild("o")
			ch := derive.Chan(o, last, 2, overflow)
			require.Len(t, ch, len(want))
			held := false
			go func() { held = true; s.Fire(6); held = false }()
			synctest.Wait()
			require.Equal(t, overflow == tether.Block, held, "the room is for what came before")
			switch overflow {
			case tether.Block:
				want = append(want, 6)
			case tether.DropOldest:
				want = []int{5, 6}
			}
			for _, v := range want {
				require.Equal(t, v, <-ch)
			}
			synctest.Wait()
			require.False(t, held)
			app.Destroy()
			_, open := <-ch
			require.False(t, open)
		})
	}
}

// The owner may end, or the source, before Chan returns.
func TestChan_ThatEndsBeforeItReturnsIsClosed(t *testing.T) {
	for _, early := range []int{1, 2, 5} {
		for _, how := range []string{"owner", "source"} {
			app := tether.NewOwner("app")
			o := app.NewChild("o")
			var s tether.Signal[int]
			last := history.Record(app, &s, 5)
			for v := range early {
				s.Fire(v + 1)
			}
			src := derive.Map(last, func(v int) int {
				if v == early && how == "owner" {
					o.Cancel(nil)
				}
				return v
			})
			if how == "source" {
				src = derive.Take(src, early)
			}
			got := 0
			for range derive.Chan(o, src, 2, tether.Block) {
				got++
			}
			require.InDelta(t, early, got, 1)
			app.Destroy()
		}
	}
}

func TestChan_OfTheDeadIsClosed(t *testing.T) {
	app, dead := tether.NewOwner("app"), tether.NewOwner("dead")
	defer app.Destroy()
	dead.Destroy()
	var s tether.Signal[int]
	_, ok := <-derive.Chan(dead, &s, 1, tether.Block)
	require.False(t, ok)
	_, ok = <-derive.Chan(app, tether.NewSignal[int](dead), 1, tether.Block)
	require.False(t, ok)
	require.Equal(t, tether.Stats{Owners: 1}, app.Stats())
}

// Many fire, one reads, the source ends: no value that was sent is lost, none comes twice,
// and the channel is closed once.
func TestChan_Conservation(t *testing.T) {
	for range 20 {
		app, src := tether.NewOwner("app"), tether.NewOwner("src")
		s := tether.NewSignal[int](src)
		ch := derive.Chan(app, s, 3, tether.Block)
		go func() {
			together(s)
			src.Destroy()
		}()
		n, sum := 0, 0
		for v := range ch {
			n++
			sum += v
		}
		require.Equal(t, firers*each, n)
		require.Equal(t, firers*each*(each+1)/2, sum)
		app.Destroy()
	}
}

func TestSend_LetsGoByEveryEnd(t *testing.T) {
	for name, end := range map[string]func(c *tether.Connection, app, firer *tether.Owner){
		"Disconnect":    func(c *tether.Connection, _, _ *tether.Owner) { c.Disconnect() },
		"owner":         func(_ *tether.Connection, app, _ *tether.Owner) { app.Destroy() },
		"firer's owner": func(_ *tether.Connection, _, firer *tether.Owner) { firer.Destroy() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				app, firer := tether.NewOwner("app"), tether.NewOwner("firer")
				defer app.Destroy()
				var s tether.Signal[int]
				ch := make(chan int, 1)
				c := derive.Send(app, &s, ch)
				s.Fire(1)
				firer.Go(func(context.Context) { s.Fire(2) })
				synctest.Wait()
				require.Equal(t, 1, firer.Stats().Goroutines)
				end(c, app, firer)
				synctest.Wait()
				require.Zero(t, firer.Stats().Goroutines)
				require.Equal(t, 1, <-ch)
				require.Empty(t, ch, "and not closed")
				firer.Destroy()
			})
		})
	}
}

// A handler that panics, or ends its goroutine, does not end the flow.
func TestFromChan_GoesOnAfterAPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reported := 0
		app := tether.NewOwner("app", tether.WithPanicHandler(func(*tether.PanicError) { reported++ }))
		sub := tether.NewOwner("sub") // which is not supervised
		defer app.Destroy()
		defer sub.Destroy()
		ch := make(chan int, 10)
		var got []int
		derive.FromChan(app, ch).Connect(sub, func(v int) {
			got = append(got, v)
			switch v {
			case 1:
				panic("one")
			case 2:
				runtime.Goexit()
			}
		})
		for v := range 5 {
			ch <- v
		}
		synctest.Wait()
		require.Equal(t, []int{0, 1, 2, 3, 4}, got)
		require.Equal(t, 1, reported)
		require.Equal(t, 1, app.Stats().Goroutines)
	})
}

// Operators are sources like any other, for all that takes one.
func TestSource_OperatorsAreSourcesLikeAnyOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		beat := tether.NewHeartbeat(app, time.Second)
		ticks := derive.Scan(beat, 0, func(n int, _ tether.Tick) int { return n + 1 })
		v, err := tether.Wait(t.Context(), derive.Debounce(derive.Take(ticks, 3), time.Minute))
		require.NoError(t, err)
		require.Equal(t, 3, v)
		require.Zero(t, beat.Len())
		var got []int
		for v := range tether.Values(t.Context(), derive.Take(ticks, 4), 10, tether.Block) {
			got = append(got, v)
		}
		require.Equal(t, []int{1, 2, 3, 4}, got)
		_, err = tether.Wait(t.Context(), derive.Until(derive.Filter(ticks, func(int) bool { return false }), derive.Take(ticks, 2)))
		require.ErrorIs(t, err, tether.ErrDestroyed)
		require.Zero(t, beat.Len())

		last := history.Record(app, derive.Map(ticks, ten), 3)
		time.Sleep(10*time.Second + 1)
		synctest.Wait()
		replayed := []int(nil)
		c := derive.Take(last, 2).Connect(app, func(v int) { replayed = append(replayed, v) })
		require.Equal(t, []int{80, 90}, replayed)
		require.False(t, c.Connected(), "before Connect has returned")
		for _, src := range []tether.Source[int]{derive.Map(last, ten), derive.Scan(last, 0, sum), derive.Share(app, last)} {
			n := 0
			require.False(t, src.Once(app, func(int) { n++ }).Connected())
			require.Equal(t, 1, n)
		}
	})
}

// A source that panics may have brought in another subscriber, who would be left with
// nothing.
func TestShare_ASourceThatPanicsEndsThoseWhoCameMeanwhile(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var shared tether.Source[int]
	var second *tether.Connection
	shared = derive.Share(app, connector(func(*tether.Owner, func(int), ...tether.ConnectOption) *tether.Connection {
		second = shared.Connect(app, func(int) {})
		require.True(t, second.Connected())
		panic("not now")
	}))
	require.PanicsWithValue(t, "not now", func() { shared.Connect(app, func(int) {}) })
	require.False(t, second.Connected())
	waitFor(t, func() bool { return app.Stats() == tether.Stats{Owners: 1} })
}

// Who leaves while he waits for his turn leaves it to those who have it and who wait.
func TestFromChan_AGoroutineThatWaitsForItsTurnGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		ch := make(chan int, 2)
		src := derive.FromChan(app, ch)
		gate := make(chan bool)
		var got []int
		var first *tether.Connection
		first = src.Connect(app, func(v int) {
			first.Disconnect()
			<-gate
			got = append(got, v)
		})
		ch <- 1
		synctest.Wait()
		second := src.Connect(app, func(int) { t.Error("called") })
		synctest.Wait()
		second.Disconnect()
		synctest.Wait()
		src.Connect(app, func(v int) { got = append(got, v) })
		ch <- 2
		synctest.Wait()
		require.Empty(t, got, "the first one is still at it")
		close(gate)
		synctest.Wait()
		require.Equal(t, []int{1, 2}, got)
	})
}

// The goroutine of subscribers who have left takes nothing more, though its context ends a
// little later than they do.
func TestFromChan_LeavesInTheChannelWhatNobodyWants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		for range 100 {
			ch := make(chan int, 2)
			ch <- 1
			ch <- 2
			src := derive.FromChan(app, ch)
			ready := make(chan bool)
			var c *tether.Connection
			c = src.Connect(app, func(int) { <-ready; c.Disconnect() })
			close(ready)
			synctest.Wait()
			require.Len(t, ch, 1)
		}
	})
}

// The owner of the goroutine that fires is dead already: a Fire is not held at all.
func TestSend_AFirerWhoseOwnerIsDeadIsNotHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app, firer := tether.NewOwner("app"), tether.NewOwner("firer")
		defer app.Destroy()
		var s tether.Signal[int]
		derive.Send(app, &s, make(chan int))
		full := derive.Chan(app, &s, 1, tether.Block)
		returned := false
		firer.Go(func(ctx context.Context) {
			<-ctx.Done()
			s.Fire(1)
			s.Fire(2)
			returned = true
		})
		synctest.Wait()
		firer.Destroy()
		require.True(t, returned)
		require.Equal(t, 1, <-full)
		require.Empty(t, full)
	})
}
