package derive_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/derive"
	"github.com/seed-ec287111/tether/history"
)

// connector is a Source that somebody else has written.
type connector func(owner *tether.Owner, handler func(int), opts ...tether.ConnectOption) *tether.Connection

func (f connector) Connect(owner *tether.Owner, handler func(int), opts ...tether.ConnectOption) *tether.Connection {
	return f(owner, handler, opts...)
}

func (f connector) Once(owner *tether.Owner, handler func(int), opts ...tether.ConnectOption) *tether.Connection {
	return f(owner, handler, opts...)
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

// What is held while the handler runs goes with the chain that the handler ends.
func TestEnd_NoTimerIsSetForWhatWasHeld(t *testing.T) {
	for name, op := range map[string]func(tether.Source[int]) source{
		"Debounce": func(s tether.Source[int]) source { return of(derive.Debounce(s, 10*ms)) },
		"Throttle": func(s tether.Source[int]) source { return of(derive.Throttle(s, 10*ms, derive.Both)) },
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			defer w.end()
			w.onValue = func() {
				w.a.Fire(2)
				w.conn.Disconnect()
			}
			w.conn = op(w.a).connect(w, false)
			w.do("a1")
			time.Sleep(10 * ms)
			synctest.Wait()
			require.Len(t, w.take(), 1, name)
			w.requireNothing(name)
		})
	}
}

// The shortest time there is is a time too.
func TestDebounce_WaitsForANanosecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		var s tether.Signal[int]
		got := 0
		derive.Debounce(&s, 1).Connect(app, func(v int) { got = v })
		s.Fire(7)
		require.Zero(t, got)
		time.Sleep(1)
		synctest.Wait()
		require.Equal(t, 7, got)
	})
}

// A batch that was skipped, because the connection was muted, is not kept for later.
func TestBuffer_ABatchThatAMuteSkipsIsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		q := tether.NewQueue(w.queues, 4, tether.Block, tether.Finish())
		w.conn = of(derive.Buffer(w.a, 2, 0)).connect(w, false, tether.On(q))
		unmute := w.conn.Mute()
		w.do("a1")
		w.do("a2")
		unmute()
		w.do("a3")
		w.do("a4")
		require.Equal(t, "[3,4]@0", join(w.take()))
		w.sub.Destroy()
		require.Empty(t, w.log)
		require.Zero(t, q.Dropped())
	})
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

// The function of an inner source is not called for what waits in it when Switch moves on.
func TestSwitch_CallsNoFunctionOfAnInnerSourceThatItHasLeft(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var pick, in tether.Signal[int]
	var called []int
	derive.Switch(&pick, func(_ *tether.Owner, v int) tether.Source[int] {
		if v == 2 {
			return new(tether.Signal[int])
		}
		return derive.Scan(&in, 0, func(_, u int) int {
			called = append(called, u)
			in.Fire(u + 1) // waits in Scan
			pick.Fire(2)
			return u
		})
	}).Connect(app, func(int) { t.Error("a value of the old one") })
	pick.Fire(1)
	in.Fire(10)
	require.Equal(t, []int{10}, called)
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
			var c *tether.Connection
			c = src.Connect(app, func(int) { c.Disconnect() })
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
