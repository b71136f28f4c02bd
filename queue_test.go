package tether_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
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

// background calls f on a goroutine and returns a function that reports whether
// f has returned, or otherwise ended.
func background(f func()) (over func() bool) {
	var done atomic.Bool
	go func() {
		defer done.Store(true)
		f()
	}()
	return done.Load
}

// assertGoroutines asserts how many goroutines of the caller's bubble are inside
// the library, or were started by it. It reads a dump of the stacks because
// runtime.NumGoroutine counts those of other tests that are on their way out.
func assertGoroutines(t *testing.T, want int, when string) {
	t.Helper()
	synctest.Wait()
	buf := make([]byte, 1<<20)
	dump := strings.Split(string(buf[:runtime.Stack(buf, true)]), "\n\n")
	_, bubble, ok := strings.Cut(dump[0], "synctest bubble ") // the caller comes first
	require.True(t, ok, "not in a bubble: %s", dump[0])
	bubble, _, _ = strings.Cut(bubble, "]")
	got := 0
	for _, g := range dump {
		head, frames, _ := strings.Cut(g, "\n")
		frames = strings.ReplaceAll(frames, "tether/internal/testkit.", "") // which began the bubble
		mine := strings.Contains(head, "synctest bubble "+bubble+"]") || strings.Contains(head, "synctest bubble "+bubble+",")
		if mine && (strings.Contains(frames, "seed-ec287111/tether.") || strings.Contains(frames, "seed-ec287111/tether/internal/")) {
			got++
		}
	}
	assert.Equal(t, want, got, "goroutines %s:\n%s", when, strings.Join(dump, "\n\n"))
}

// holdQueue makes the goroutine of q stand in a handler until release is called.
// Owner, signal and connection of that handler are nobody else's. For bubbles.
func holdQueue(q *tether.Queue) (release func()) {
	holder := tether.NewOwner("holder")
	gate := make(chan struct{})
	var s tether.Signal[int]
	s.Connect(holder, func(int) { <-gate }, tether.On(q))
	s.Fire(0)
	synctest.Wait()
	return sync.OnceFunc(func() {
		close(gate)
		_ = holder.Destroy()
	})
}

// A queueWorld has one connection on a queue, and an owner for each thing that
// it depends on.
type queueWorld struct {
	parent, owner *tether.Owner // of the connection
	end           func()        // of the context that owner is bound to
	source        *tether.Owner // of the signal
	keeper        *tether.Owner // of the queue
	s             *tether.Signal[int]
	q             *tether.Queue
	c             *tether.Connection
	handled       journal[int]
}

func (w *queueWorld) destroy() {
	w.end()
	_ = w.parent.Destroy()
	_ = w.source.Destroy()
	_ = w.keeper.Destroy()
}

func newQueueWorld(capacity int, overflow tether.Overflow, opts ...tether.QueueOption) *queueWorld {
	w := &queueWorld{
		parent: tether.NewOwner("parent"),
		source: tether.NewOwner("source"),
		keeper: tether.NewOwner("keeper"),
	}
	ctx, end := context.WithCancel(context.Background())
	w.end = end
	w.owner = w.parent.NewChild("owner", tether.WithContext(ctx))
	w.s = tether.NewSignal[int](w.source)
	w.q = tether.NewQueue(w.keeper, capacity, overflow, opts...)
	w.c = w.s.Connect(w.owner, w.handled.add, tether.On(w.q))
	return w
}

// queueDeaths are all the ways in which the connection of a queueWorld can end.
var queueDeaths = []struct {
	name  string
	kill  func(w *queueWorld)
	queue bool // the queue ends with it
}{
	{"Disconnect", func(w *queueWorld) { w.c.Disconnect() }, false},
	{"DisconnectAll", func(w *queueWorld) { w.s.DisconnectAll() }, false},
	{"OwnerDestroyed", func(w *queueWorld) { _ = w.owner.Destroy() }, false},
	{"OwnerCancelled", func(w *queueWorld) { w.owner.Cancel(nil) }, false},
	{"OwnersContextEnded", func(w *queueWorld) { w.end(); <-w.owner.Ended() }, false},
	{"AncestorDestroyed", func(w *queueWorld) { _ = w.parent.Destroy() }, false},
	{"AncestorCancelled", func(w *queueWorld) { w.parent.Cancel(nil) }, false},
	{"SignalsOwnerDestroyed", func(w *queueWorld) { _ = w.source.Destroy() }, false},
	{"SignalsOwnerCancelled", func(w *queueWorld) { w.source.Cancel(nil) }, false},
	{"QueuesOwnerDestroyed", func(w *queueWorld) { _ = w.keeper.Destroy() }, true},
	{"QueuesOwnerCancelled", func(w *queueWorld) { w.keeper.Cancel(nil) }, true},
}

var overflows = []struct {
	name     string
	overflow tether.Overflow
}{{"Block", tether.Block}, {"DropOldest", tether.DropOldest}, {"DropNewest", tether.DropNewest}}

func TestQueue_HandlesTheValuesOfSeveralSignalsInTheOrderOfFiring(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		type message struct{ text string }
		var (
			joined tether.Signal[string]
			said   tether.Signal[message]
			left   tether.Signal[int]
			got    []string // by one handler at a time
			want   []string
		)
		q := tether.NewQueue(app, 1000, tether.Block)
		joined.Connect(app.NewChild("joined"), func(v string) { got = append(got, "joined "+v) }, tether.On(q))
		said.Connect(app.NewChild("said"), func(v message) { got = append(got, "said "+v.text) }, tether.On(q))
		left.Connect(app.NewChild("left"), func(v int) { got = append(got, fmt.Sprint("left ", v)) }, tether.On(q))
		rnd := rand.New(rand.NewPCG(1, 2))
		for i := range 500 {
			s := fmt.Sprint(i)
			switch rnd.IntN(3) {
			case 0:
				joined.Fire(s)
				want = append(want, "joined "+s)
			case 1:
				said.Fire(message{s})
				want = append(want, "said "+s)
			case 2:
				left.Fire(i)
				want = append(want, "left "+s)
			}
		}
		require.NoError(t, q.Flush(t.Context()))
		assert.Equal(t, want, got)
		assert.Zero(t, q.Dropped())
	})
}

func TestQueue_SharedByConnectionsOfOneSignalKeepsTheirOrder(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		var s tether.Signal[int]
		var got []string
		q := tether.NewQueue(app, 100, tether.Block)
		add := func(name string) func(int) {
			return func(v int) { got = append(got, fmt.Sprint(name, v)) }
		}
		s.Connect(app, add("low"), tether.On(q), tether.Priority(-1))
		s.Connect(app, add("first"), tether.On(q))
		s.Connect(app, add("second"), tether.On(q))
		s.ConnectSelf(app, func(_ *tether.Connection, v int) { add("high")(v) }, tether.Priority(1), tether.On(q))
		s.Fire(1)
		s.Fire(2)
		require.NoError(t, q.Flush(t.Context()))
		assert.Equal(t, []string{"high1", "first1", "second1", "low1", "high2", "first2", "second2", "low2"}, got)
	})
}

func TestQueue_HandlesOneValueAtATimeUnderConcurrentFires(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		const firers, each = 4, 200
		type value struct{ firer, n int }
		signals := make([]tether.Signal[value], 2)
		q := tether.NewQueue(app, 8, tether.Block)
		var running atomic.Int32
		last := make([]int, firers) // plain: the race detector looks, too
		handled := 0
		for i := range signals {
			signals[i].Connect(app, func(v value) {
				assert.EqualValues(t, 1, running.Add(1), "handlers at a time")
				assert.Equal(t, last[v.firer]+1, v.n, "firer %d: next value", v.firer)
				last[v.firer] = v.n
				handled++
				if v.n%16 == 0 {
					runtime.Gosched()
				}
				running.Add(-1)
			}, tether.On(q))
		}
		var wg sync.WaitGroup
		for f := range firers {
			wg.Go(func() {
				for n := range each {
					signals[n%len(signals)].Fire(value{f, n + 1})
				}
			})
		}
		wg.Wait()
		require.NoError(t, q.Flush(t.Context()))
		assert.Equal(t, firers*each, handled)
		assert.Zero(t, q.Dropped())
	})
}

func TestQueue_LeavesTheFiringGoroutineAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newQueueWorld(10, tether.Block)
		defer w.destroy()
		release := holdQueue(w.q)
		defer release()
		w.s.Fire(1) // returns
		synctest.Wait()
		assert.Empty(t, w.handled.all(), "handled while an earlier value is")
		release()
		synctest.Wait()
		assert.Equal(t, []int{1}, w.handled.all())
	})
}

func TestQueue_HasNoGoroutineWhenIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		q := tether.NewQueue(app, 10, tether.Block)
		assertGoroutines(t, 0, "with a new queue")
		var s tether.Signal[int]
		gate := make(chan struct{})
		s.Connect(app, func(int) { <-gate }, tether.On(q))
		assertGoroutines(t, 0, "with a connection")
		for round := range 3 {
			s.Fire(1)
			synctest.Wait()
			assertGoroutines(t, 1, fmt.Sprint("while a value is handled, round ", round))
			s.Fire(2)
			s.Fire(3)
			synctest.Wait()
			assertGoroutines(t, 1, fmt.Sprint("with two values pending, round ", round))
			for range 3 {
				gate <- struct{}{}
			}
			synctest.Wait()
			assertGoroutines(t, 0, fmt.Sprint("idle again, round ", round))
		}
		m := tether.NewQueue(app, 10, tether.Block, tether.Manual())
		s.DisconnectAll()
		s.Connect(app, func(int) {}, tether.On(m))
		s.Fire(1)
		assertGoroutines(t, 0, "with a value in a manual queue")
		assert.Equal(t, 1, m.Drain())
		assertGoroutines(t, 0, "after Drain")
		require.NoError(t, app.Destroy())
		assertGoroutines(t, 0, "after the end")
	})
}

func TestQueue_SkipsTheValuesWhoseTurnComesWhileTheirConnectionIsMuted(t *testing.T) {
	for _, manual := range []bool{false, true} {
		testkit.Bubble(t, fmt.Sprintf("manual=%v", manual), func(t *testing.T) {
			var opts []tether.QueueOption
			if manual {
				opts = append(opts, tether.Manual())
			}
			w := newQueueWorld(10, tether.Block, opts...)
			defer w.destroy()
			var unmuted journal[int]
			w.s.Connect(w.parent, unmuted.add, tether.On(w.q))
			hold := func() (release func()) {
				if manual {
					return func() { w.q.Drain() }
				}
				return holdQueue(w.q)
			}

			release := hold()
			w.s.Fire(1)
			w.s.Fire(2)
			unmute := w.c.Mute()
			assert.Equal(t, 4, w.q.Len(), "values of a muted connection are pending until their turn")
			assert.Zero(t, w.q.Dropped())
			w.s.Fire(3) // is not queued for w.c
			assert.Equal(t, 5, w.q.Len())
			release()
			synctest.Wait()
			assert.Empty(t, w.handled.all())
			assert.Equal(t, []int{1, 2, 3}, unmuted.all())
			assert.EqualValues(t, 2, w.q.Dropped(), "skipped values")
			assert.True(t, w.c.Connected())

			unmute()
			release = hold()
			w.s.Fire(4)
			unmute = w.c.Mute()
			again := w.c.Mute()
			unmute()
			unmute()
			again() // in time
			release()
			synctest.Wait()
			assert.Equal(t, []int{4}, w.handled.all(), "unmuted before its turn")
			assert.Equal(t, []int{1, 2, 3, 4}, unmuted.all())
			assert.EqualValues(t, 2, w.q.Dropped())
		})
	}
}

func TestQueue_AHandlerMayDisconnectItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newQueueWorld(10, tether.Block)
		defer w.destroy()
		release := holdQueue(w.q)
		defer release()
		var handled journal[int]
		w.s.ConnectSelf(w.owner, func(self *tether.Connection, v int) {
			handled.add(v)
			if v == 2 {
				assert.True(t, self.Disconnect())
			}
		}, tether.On(w.q))
		for v := range 5 {
			w.s.Fire(v)
		}
		release()
		synctest.Wait()
		assert.Equal(t, []int{0, 1, 2}, handled.all())
		assert.Equal(t, []int{0, 1, 2, 3, 4}, w.handled.all())
		assert.EqualValues(t, 2, w.q.Dropped())
	})
}
