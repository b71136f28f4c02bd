package derive_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/derive"
)

// What a Buffer holds at the cut-off is the last batch of a Finish queue, whoever is cut
// off, also if the queue is full.
func TestBuffer_GivesItsLastBatchToAFinishQueue(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(w *world)
		want string
	}{
		"owner":         {func(w *world) { w.sub.Destroy() }, "[1,2]@0 [3]@0"},
		"ancestor":      {func(w *world) { w.ancestor.Destroy() }, "[1,2]@0 [3]@0"},
		"canceled":      {func(w *world) { w.sub.Cancel(nil) }, "[1,2]@0 [3]@0"},
		"queue's owner": {func(w *world) { w.queues.Destroy() }, "[1,2]@0 [3]@0"},
		"Disconnect":    {func(w *world) { w.conn.Disconnect() }, "[1,2]@0"},
		"source":        {func(w *world) { w.do("a|") }, "[1,2]@0 [3]@0"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.end()
				q := tether.NewQueue(w.queues, 1, tether.DropNewest, tether.Finish())
				w.conn = of(derive.Buffer(w.a, 2, time.Hour)).connect(w, false, tether.On(q))
				for _, token := range strings.Fields("a1 a2 a3") {
					w.do(token)
				}
				c.end(w)
				synctest.Wait()
				require.Equal(t, c.want, join(w.log))
				require.Zero(t, q.Dropped())
				w.do("a4")
				w.requireNothing()
			})
		})
	}
}

// Batches that the queue has no room for, and those with which a Fire is held, are among the
// last words: none is lost, and none is counted.
func TestBuffer_GivesWhatAFireIsHeldWithToAFinishQueue(t *testing.T) {
	for _, cut := range []string{"owner", "queue's owner"} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			defer w.end()
			q := tether.NewQueue(w.queues, 1, tether.Block, tether.Finish())
			gate := make(chan bool)
			var got [][]int
			w.conn = derive.Buffer(w.a, 2, 0).Connect(w.sub, func(vs []int) { <-gate; got = append(got, vs) }, tether.On(q))
			go func() {
				for v := range 9 {
					w.a.Fire(v)
				}
			}()
			synctest.Wait()
			go w.a.Fire(9) // of a batch of its own
			synctest.Wait()
			if cut == "owner" {
				go w.sub.Destroy()
			} else {
				go w.queues.Destroy()
			}
			synctest.Wait()
			close(gate)
			synctest.Wait()
			require.Equal(t, [][]int{{0, 1}, {2, 3}, {4, 5}, {9}}, got, "of the goroutine that is held the rest finds nobody")
			require.Zero(t, q.Dropped())
			w.requireNothing()
		})
	}
}

// Whatever was fired before Destroy is handled when that returns, once and in batches.
func TestBuffer_OnAFinishQueueConserves(t *testing.T) {
	rounds := 500
	if testing.Short() {
		rounds = 50
	}
	for round := range rounds {
		app, queues := tether.NewOwner("app"), tether.NewOwner("queues")
		var s tether.Signal[int]
		q := tether.NewQueue(queues, 2, tether.Block, tether.Finish())
		got := map[int]int{}
		derive.Buffer(&s, 3, 0).Connect(app, func(vs []int) {
			for _, v := range vs {
				got[v]++
			}
		}, tether.On(q))
		const n = 40
		var fired [2][n]atomic.Bool
		var wg sync.WaitGroup
		for i := range fired {
			wg.Go(func() {
				for v := range n {
					s.Fire(i*n + v)
					fired[i][v].Store(true)
				}
			})
		}
		for range round % 50 {
			runtime.Gosched()
		}
		var before []int
		for i := range fired {
			for v := range n {
				if fired[i][v].Load() {
					before = append(before, i*n+v)
				}
			}
		}
		if round%2 == 0 {
			require.NoError(t, app.Destroy())
		} else {
			require.NoError(t, queues.Destroy())
		}
		for _, v := range before {
			require.Equal(t, 1, got[v], "round %d: %d was fired before", round, v)
		}
		for v, times := range got {
			require.Equal(t, 1, times, "round %d: %d", round, v)
		}
		wg.Wait()
		require.Zero(t, q.Dropped(), "round %d", round)
		app.Destroy()
		queues.Destroy()
	}
}

// A Once gets one batch, also where several are ready, behind one that is held.
func TestBuffer_GivesOneLastBatchToAOnce(t *testing.T) {
	for _, cut := range []string{"owner", "queue's owner"} {
		for _, fired := range []int{1, 5} {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t)
				defer w.end()
				q := tether.NewQueue(w.queues, 1, tether.Block, tether.Finish())
				gate := make(chan bool)
				for range 2 {
					w.b.Connect(w.queues, func(int) { <-gate }, tether.On(q))
				}
				w.b.Fire(0) // the queue is full
				var got []int
				w.conn = derive.Buffer(w.a, 2, 0).Once(w.sub, func(vs []int) { got = append(got, vs...) }, tether.On(q))
				for v := range fired {
					go w.a.Fire(v)
					synctest.Wait()
				}
				if cut == "owner" {
					go w.sub.Destroy()
				} else {
					go w.queues.Destroy()
				}
				synctest.Wait()
				close(gate)
				synctest.Wait()
				require.LessOrEqual(t, len(got), 2, "%s, %d", cut, fired)
				require.NotEmpty(t, got)
				w.b.DisconnectAll()
				w.requireNothing()
			})
		}
	}
}

// A busy Finish queue gets the last batch behind what it has; and only a Buffer that is the
// last of its chain has last words, as functions after it cannot run at the cut-off.
func TestBuffer_LastBatchComesLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		q := tether.NewQueue(w.queues, 2, tether.Block, tether.Finish())
		gate := make(chan bool)
		var got [][]int
		derive.Buffer(w.a, 2, 0).Connect(w.sub, func(vs []int) { <-gate; got = append(got, vs) }, tether.On(q))
		derive.Map(derive.Buffer(w.a, 9, 0), func(vs []int) []int { return append(vs, 99) }).Connect(w.sub,
			func(vs []int) { got = append(got, vs) }, tether.On(q))
		for v := range 7 {
			w.a.Fire(v)
		}
		synctest.Wait()
		go w.sub.Destroy()
		synctest.Wait()
		require.Equal(t, 3, q.Len())
		close(gate)
		synctest.Wait()
		require.Equal(t, [][]int{{0, 1}, {2, 3}, {4, 5}, {6}}, got)
		require.Zero(t, q.Dropped())
		require.Equal(t, tether.Stats{}, w.sub.Stats())
	})
}

// A slow handler: what is due meanwhile comes when it has returned, and not before.
func TestTimedOperators_DoNotOverlap(t *testing.T) {
	for name, c := range map[string]struct {
		op   func(tether.Source[int]) source
		want string
	}{
		"Debounce": {func(s tether.Source[int]) source { return of(derive.Debounce(s, 10*ms)) }, "1@10 3@40"},
		"Throttle": {func(s tether.Source[int]) source { return of(derive.Throttle(s, 10*ms, derive.Trailing)) }, "1@10 3@40"},
		"Leading":  {func(s tether.Source[int]) source { return of(derive.Throttle(s, 10*ms, derive.Leading)) }, "1@0 2@30"},
		"Both":     {func(s tether.Source[int]) source { return of(derive.Throttle(s, 10*ms, derive.Both)) }, "1@0 3@30"},
		"Buffer":   {func(s tether.Source[int]) source { return of(derive.Buffer(s, 9, 10*ms)) }, "[1]@10 [2,3]@40"},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			defer w.end()
			w.onValue = func() { time.Sleep(30 * ms) }
			w.conn = c.op(w.a).connect(w, false)
			go w.a.Fire(1)
			time.Sleep(22 * ms)
			w.do("a2")
			time.Sleep(7 * ms)
			w.do("a3")
			time.Sleep(time.Second)
			synctest.Wait()
			require.Equal(t, c.want, join(w.log), name)
		})
	}
}

// There is one timer where a value is held, and none where there is not.
func TestTimedOperators_HaveOneTimer(t *testing.T) {
	for name, op := range map[string]func(tether.Source[int]) source{
		"Debounce": func(s tether.Source[int]) source { return of(derive.Debounce(s, 10*ms)) },
		"Throttle": func(s tether.Source[int]) source { return of(derive.Throttle(s, 10*ms, derive.Trailing)) },
		"Buffer":   func(s tether.Source[int]) source { return of(derive.Buffer(s, 9, 10*ms)) },
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t)
			defer w.end()
			w.conn = op(w.a).connect(w, false)
			for range 3 {
				require.Zero(t, w.sub.Stats().Timers, name)
				for range 5 {
					w.do("a1")
					require.Equal(t, 1, w.sub.Stats().Timers, name)
				}
				time.Sleep(time.Second)
				synctest.Wait()
			}
		})
	}
}

// Whatever fires when, and however slow the handler is: no two values come within the time,
// they come in order, and where there is a trailing one, the last value is among them.
func TestThrottle_NeverGivesTwoWithinTheTime(t *testing.T) {
	for seed := range uint64(300) {
		for _, edges := range []derive.Edges{derive.Leading, derive.Trailing, derive.Both} {
			synctest.Test(t, func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 2))
				app := tether.NewOwner("app")
				defer app.Destroy()
				var s tether.Signal[int]
				every := time.Duration(1+r.IntN(10)) * ms
				slow := r.IntN(3) == 0
				pause := rand.New(rand.NewPCG(seed, 3)) // the handler's own
				var last time.Time
				lastValue := 0
				derive.Throttle(&s, every, edges).Connect(app, func(v int) {
					if !last.IsZero() && time.Since(last) < every {
						t.Errorf("seed %d, %v: %v after %v", seed, edges, time.Since(last), every)
					}
					if v <= lastValue {
						t.Errorf("seed %d, %v: %d after %d", seed, edges, v, lastValue)
					}
					last, lastValue = time.Now(), v
					if slow {
						time.Sleep(time.Duration(pause.IntN(15)) * ms)
					}
				})
				n := 0
				for range 40 {
					time.Sleep(time.Duration(r.IntN(6)) * ms)
					n++
					go s.Fire(n)
					synctest.Wait()
				}
				time.Sleep(time.Second)
				synctest.Wait()
				if edges != derive.Leading {
					require.Equal(t, n, lastValue, "seed %d, %v", seed, edges)
				}
			})
		}
	}
}

// A batch is full in the moment in which it is due: the timer that comes too late leaves the
// next one alone.
func TestBuffer_ALateTimerLeavesTheNextBatchAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t)
		defer w.end()
		w.conn = of(derive.Buffer(w.a, 2, 10*ms)).connect(w, false)
		for range 500 {
			start := w.now()
			w.take()
			w.a.Fire(1)
			time.Sleep(10 * ms)
			w.a.Fire(2) // it may be that the timer's function has begun
			w.a.Fire(3)
			time.Sleep(5 * ms)
			synctest.Wait()
			for _, b := range w.take() {
				require.NotContains(t, b, fmt.Sprintf("[3]@%d", start+10), "too early: it came just now")
			}
			time.Sleep(20 * ms)
			synctest.Wait()
		}
	})
}

// Last words go over capacity, so one Fire dropped values of several connections that had
// ended, and let go of the owner of one of them: the Destroy of the other never returned.
func TestBuffer_ADropThatMakesRoomForOneLetsGoOfAllWhoseValuesWereDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := tether.NewOwner("root")
		plain, buffered := root.NewChild("plain"), root.NewChild("buffered")
		q := tether.NewQueue(root, 1, tether.DropOldest, tether.Finish())
		var s, ofPlain, ofBuffered tether.Signal[int]
		gate := make(chan bool)
		s.Connect(root, func(int) { <-gate }, tether.On(q))
		ofPlain.Connect(plain, func(int) { t.Error("handled") }, tether.On(q))
		derive.Buffer(&ofBuffered, 10, 0).Connect(buffered, func([]int) { t.Error("handled") }, tether.On(q))
		s.Fire(1)
		ofPlain.Fire(1)
		ofBuffered.Fire(1)
		plain.Cancel(nil)
		buffered.Cancel(nil)
		synctest.Wait()
		require.Equal(t, 2, q.Len())
		s.Fire(2)
		require.EqualValues(t, 2, q.Dropped())
		<-plain.Ended()
		<-buffered.Ended()
		close(gate)
		require.NoError(t, root.Destroy())
	})
}

// The end of the chain had dropped the batch that the held Fire then took, which crashed the
// program.
func TestBuffer_MayEndWhileAFullFinishQueueHoldsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		root := tether.NewOwner("root")
		q := tether.NewQueue(root, 1, tether.Block, tether.Finish())
		var s, batches tether.Signal[int]
		gate := make(chan bool)
		s.Connect(root, func(int) { <-gate }, tether.On(q))
		c := derive.Buffer(&batches, 2, time.Second).Connect(root, func([]int) { t.Error("handled") }, tether.On(q))
		s.Fire(1)
		s.Fire(2)
		batches.Fire(3)
		time.Sleep(2 * time.Second)
		c.Disconnect()
		synctest.Wait()
		require.EqualValues(t, 1, q.Dropped())
		close(gate)
		require.NoError(t, root.Destroy())
	})
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
		got := make(chan int, 1)
		derive.Debounce(&s, 1).Connect(app, func(v int) { got <- v })
		s.Fire(7)
		require.Empty(t, got)
		require.Equal(t, 7, <-got)
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
