package tether_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
)

// A journal is what handlers have seen, in their order.
type journal[T any] struct {
	mu  sync.Mutex
	got []T
}

func (j *journal[T]) add(v T) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.got = append(j.got, v)
}

func (j *journal[T]) all() []T {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.got)
}

// inBubble runs f as a subtest in a synctest bubble.
func inBubble(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	t.Run(name, func(t *testing.T) { synctest.Test(t, f) })
}

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

func (w *queueWorld) destroy() {
	w.end()
	_ = w.parent.Destroy()
	_ = w.source.Destroy()
	_ = w.keeper.Destroy()
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

// Order.

func TestAQueueHandlesTheValuesOfSeveralSignalsInTheOrderOfFiring(t *testing.T) {
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
}

func TestAQueueSharedByConnectionsOfOneSignalKeepsTheirOrder(t *testing.T) {
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
}

func TestAQueueHandlesOneValueAtATimeUnderConcurrentFires(t *testing.T) {
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
}

func TestAQueueLeavesTheFiringGoroutineAlone(t *testing.T) {
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

// Belonging.

func TestAQueueDropsAndCountsTheValuesOfADeadConnection(t *testing.T) {
	for _, manual := range []bool{false, true} {
		for _, death := range queueDeaths {
			inBubble(t, fmt.Sprintf("%s/manual=%v", death.name, manual), func(t *testing.T) {
				var opts []tether.QueueOption
				if manual {
					opts = append(opts, tether.Manual())
				}
				w := newQueueWorld(8, tether.Block, opts...)
				defer w.destroy()
				bystander := tether.NewOwner("bystander")
				defer bystander.Destroy()
				var other tether.Signal[int]
				var others journal[int]
				other.Connect(bystander, others.add, tether.On(w.q))
				release := func() { w.q.Drain() }
				if !manual {
					release = holdQueue(w.q)
					defer release()
				}
				w.s.Fire(1)
				other.Fire(10)
				w.s.Fire(2)
				w.s.Fire(3)
				require.Equal(t, 4, w.q.Len())
				require.Zero(t, w.q.Dropped())

				killed := background(func() { death.kill(w) })
				synctest.Wait()
				dropped, left, rest := 3, 1, []int{10}
				if death.queue {
					dropped, left, rest = 4, 0, nil
				}
				assert.EqualValues(t, dropped, w.q.Dropped(), "Dropped at the death")
				assert.Equal(t, left, w.q.Len(), "Len at the death")
				assert.False(t, w.c.Connected(), "Connected")
				assert.Zero(t, w.owner.Stats().Connections, "connections in the owner's book")
				assert.Zero(t, w.s.Len(), "connections in the signal's book")
				w.s.Fire(4) // for nobody

				release()
				synctest.Wait()
				assert.True(t, killed(), "the killer has returned")
				assert.Empty(t, w.handled.all(), "values of the dead")
				assert.Equal(t, rest, others.all(), "values of the living")
				assert.EqualValues(t, dropped, w.q.Dropped(), "Dropped in the end")
			})
		}
	}
}

func TestAQueueHandlesOrCountsTheValueThatItTookWhenIdle(t *testing.T) {
	for _, death := range queueDeaths {
		t.Run(death.name, func(t *testing.T) {
			for round := range 60 {
				w := newQueueWorld(1, tether.Block)
				w.s.Fire(round)
				for range round % 4 {
					runtime.Gosched()
				}
				death.kill(w)
				require.NoError(t, w.q.Flush(t.Context()))
				handled, dropped := len(w.handled.all()), int(w.q.Dropped())
				require.Equal(t, 1, handled+dropped, "round %d: %d handled and %d dropped of 1 fired", round, handled, dropped)
				w.destroy()
			}
		})
	}
}

func TestAQueueEndsItsConnectionsWhenItEnds(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	keeper := tether.NewOwner("keeper")
	q := tether.NewQueue(keeper, 1, tether.Block)
	var s tether.Signal[int]
	c := s.Connect(app, func(int) {}, tether.On(q))
	once := s.Once(app, func(int) {}, tether.On(q))
	free := s.Connect(app, func(int) {})
	require.NoError(t, keeper.Destroy())
	assert.False(t, c.Connected(), "connection on the queue")
	assert.False(t, once.Connected(), "once on the queue")
	assert.True(t, free.Connected(), "connection without a queue")
	assert.Equal(t, 1, s.Len())
	assert.Equal(t, 1, app.Stats().Connections)
	assert.False(t, s.Connect(app, func(int) {}, tether.On(q)).Connected(), "a later connection")
	assert.False(t, s.Once(app, func(int) {}, tether.On(q)).Connected(), "a later once")
	assert.False(t, s.ConnectSelf(app, func(*tether.Connection, int) {}, tether.On(q)).Connected(), "a later ConnectSelf")
	assert.Equal(t, 1, s.Len())
	assert.Equal(t, 1, app.Stats().Connections)
}

func TestAQueueOfADeadOwnerIsDead(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	dead := tether.NewOwner("dead")
	require.NoError(t, dead.Destroy())
	for _, opts := range [][]tether.QueueOption{nil, {tether.Manual()}} {
		q := tether.NewQueue(dead, 1, tether.Block, opts...)
		var s tether.Signal[int]
		c := s.Connect(app, func(int) { t.Error("handled by a dead queue") }, tether.On(q))
		assert.False(t, c.Connected())
		assert.False(t, c.Disconnect())
		assert.Zero(t, s.Len())
		assert.Zero(t, app.Stats().Connections)
		s.Fire(1)
		s.Fire(2)
		s.Fire(3)
		assert.Zero(t, q.Len())
		assert.Zero(t, q.Dropped())
		assert.NoError(t, q.Flush(t.Context()))
		if opts != nil {
			assert.Zero(t, q.Drain())
		}
	}
}

// WhileActive says that the connection stands when its function panics; on a
// queue, then, it must be a whole one.
func TestAConnectionOnAQueueStandsWhenWhileActivePanics(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	keeper := tether.NewOwner("keeper")
	q := tether.NewQueue(keeper, 10, tether.Block)
	s := tether.NewSignal[int](app, tether.WhileActive(func(*tether.Owner) { panic("inactive") }))
	var handled journal[int]
	require.PanicsWithValue(t, "inactive", func() { s.Connect(app, handled.add, tether.On(q)) })
	require.Equal(t, 1, s.Len())
	s.Fire(1)
	require.NoError(t, q.Flush(t.Context()))
	assert.Equal(t, []int{1}, handled.all())
	require.NoError(t, keeper.Destroy())
	assert.Zero(t, s.Len(), "connections after the end of their queue")
}

func TestAQueueForgetsTheHandlerAndTheValuesOfADeadConnection(t *testing.T) {
	for _, death := range queueDeaths {
		t.Run(death.name, func(t *testing.T) {
			type big [1 << 10]byte
			w := newQueueWorld(10, tether.Block, tether.Manual())
			defer w.destroy()
			s := tether.NewSignal[*big](w.source)
			held, value := new(big), new(big)
			weakHeld, weakValue := weak.Make(held), weak.Make(value)
			c := func(b *big) *tether.Connection {
				return s.Connect(w.owner, func(v *big) { v[0] = b[0] }, tether.On(w.q))
			}(held)
			s.Fire(value)
			require.Equal(t, 1, w.q.Len())
			switch death.name {
			case "Disconnect":
				c.Disconnect()
			case "DisconnectAll":
				s.DisconnectAll()
			default:
				death.kill(w)
			}
			require.EqualValues(t, 1, w.q.Dropped())
			collect(t, "what the handler held", func() bool { return weakHeld.Value() == nil })
			collect(t, "what was pending", func() bool { return weakValue.Value() == nil })
			runtime.KeepAlive(w)
			runtime.KeepAlive(s)
			runtime.KeepAlive(c)
		})
	}
}

// The barrier.

func TestAQueuedHandlerRunsForBothOwners(t *testing.T) {
	for _, manual := range []bool{false, true} {
		for _, whose := range []string{"Connection", "Queue"} {
			inBubble(t, fmt.Sprintf("%s/manual=%v", whose, manual), func(t *testing.T) {
				owner, keeper := tether.NewOwner("owner"), tether.NewOwner("keeper")
				defer owner.Destroy()
				defer keeper.Destroy()
				var opts []tether.QueueOption
				if manual {
					opts = append(opts, tether.Manual())
				}
				q := tether.NewQueue(keeper, 10, tether.Block, opts...)
				var s tether.Signal[int]
				var story journal[string]
				gate := make(chan struct{})
				s.Connect(owner, func(v int) {
					<-gate
					story.add(fmt.Sprint("handled ", v))
				}, tether.On(q))
				victim, other := owner, keeper
				if whose == "Queue" {
					victim, other = keeper, owner
				}
				victim.Defer(func() { story.add("cleanup") })
				s.Fire(1)
				s.Fire(2)
				if manual {
					background(func() { q.Drain() })
				}
				synctest.Wait()
				ended := background(func() {
					assert.NoError(t, victim.Destroy())
					story.add("destroyed")
				})
				synctest.Wait()
				assert.False(t, ended(), "Destroy returned while the handler ran")
				close(gate)
				synctest.Wait()
				assert.True(t, ended(), "Destroy returned after the handler")
				assert.Equal(t, []string{"handled 1", "cleanup", "destroyed"}, story.all())
				assert.EqualValues(t, 1, q.Dropped(), "the pending value")
				assert.True(t, other.Alive())
			})
		}
	}
}

func TestDestroyIsABarrierForTheHandlersOfAQueue(t *testing.T) {
	for _, whose := range []string{"Connection", "Queue"} {
		t.Run(whose, func(t *testing.T) {
			for round := range 300 {
				owner, keeper := tether.NewOwner("owner"), tether.NewOwner("keeper")
				victim := owner
				if whose == "Queue" {
					victim = keeper
				}
				q := tether.NewQueue(keeper, 10, tether.Block)
				var s tether.Signal[int]
				n := 0 // plain: a handler beside Destroy's return is a race
				s.Connect(owner, func(int) {
					n++
					runtime.Gosched()
					n++
				}, tether.On(q))
				for range 4 {
					s.Fire(1)
				}
				for range round % 5 {
					runtime.Gosched()
				}
				require.NoError(t, victim.Destroy())
				n++
				require.Equal(t, 1, n%2, "n is %d after Destroy: a handler was in the middle", n)
				require.NoError(t, owner.Destroy())
				require.NoError(t, keeper.Destroy())
			}
		})
	}
}

func TestDestroyOfASignalsOwnerDoesNotWaitForHandlersOnAQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newQueueWorld(1, tether.Block)
		defer w.destroy()
		gate := make(chan struct{})
		defer close(gate)
		w.s.Connect(w.owner, func(int) { <-gate }, tether.On(w.q), tether.Priority(1))
		w.s.Fire(1)
		synctest.Wait()
		ended := background(func() { assert.NoError(t, w.source.Destroy()) })
		synctest.Wait()
		assert.True(t, ended(), "Destroy of the signal's owner returned")
	})
}

func TestDestroyInsideAQueuedHandlerIsCompletedBeforeTheNextHandler(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		keeper, a, b := tether.NewOwner("keeper"), tether.NewOwner("a"), tether.NewOwner("b")
		defer keeper.Destroy()
		defer b.Destroy()
		q := tether.NewQueue(keeper, 10, tether.Block)
		var s tether.Signal[int]
		var story journal[string]
		a.Defer(func() { story.add("cleanup of a") })
		s.Connect(a, func(v int) {
			assert.Equal(t, tether.ErrPending, a.Destroy())
			story.add(fmt.Sprint("a ", v))
		}, tether.On(q))
		s.Connect(b, func(v int) { story.add(fmt.Sprint("b ", v)) }, tether.On(q))
		release := holdQueue(q)
		defer release()
		s.Fire(1)
		s.Fire(2)
		release()
		synctest.Wait()
		assert.Equal(t, []string{"a 1", "cleanup of a", "b 1", "b 2"}, story.all())
		assert.EqualValues(t, 1, q.Dropped(), "a's second value")
		assert.NoError(t, a.Destroy())
	})
}

func TestDestroyOfAQueuesOwnerInsideItsHandlerIsCompletedByTheQueue(t *testing.T) {
	for _, manual := range []bool{false, true} {
		inBubble(t, fmt.Sprintf("manual=%v", manual), func(t *testing.T) {
			keeper, app := tether.NewOwner("keeper"), tether.NewOwner("app")
			defer app.Destroy()
			var opts []tether.QueueOption
			if manual {
				opts = append(opts, tether.Manual())
			}
			q := tether.NewQueue(keeper, 10, tether.Block, opts...)
			var s tether.Signal[int]
			var story journal[string]
			keeper.Defer(func() { story.add("cleanup") })
			s.Connect(app, func(v int) {
				assert.Equal(t, tether.ErrPending, keeper.Destroy())
				story.add(fmt.Sprint("handled ", v))
			}, tether.On(q))
			s.Fire(1)
			s.Fire(2)
			if manual {
				assert.Equal(t, 1, q.Drain())
				assert.Equal(t, []string{"handled 1", "cleanup"}, story.all(), "when Drain has returned")
			}
			<-keeper.Ended()
			assert.Equal(t, []string{"handled 1", "cleanup"}, story.all())
			// The second value came too late where the queue was fast.
			assert.LessOrEqual(t, q.Dropped(), uint64(1))
			assert.Zero(t, s.Len())
		})
	}
}

func TestDestroyContextNamesAQueuedHandlerForBothOwners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		owner, keeper := tether.NewOwner("owner"), tether.NewOwner("keeper")
		q := tether.NewQueue(keeper, 10, tether.Block)
		var s tether.Signal[int]
		gate := make(chan struct{})
		s.Connect(owner, func(int) { <-gate }, tether.On(q))
		s.Fire(1)
		synctest.Wait()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for _, o := range []*tether.Owner{owner, keeper} {
			var pending *tether.PendingError
			if err := o.DestroyContext(ctx); assert.ErrorAs(t, err, &pending) && assert.Len(t, pending.Running, 1, o.Name()) {
				r := pending.Running[0]
				assert.Equal(t, o.Name(), r.Owner)
				assert.Equal(t, "handler", r.Kind)
				assert.Contains(t, r.Func, "queue_test.go")
			}
		}
		close(gate)
		<-owner.Ended()
		<-keeper.Ended()
	})
}

// A firer that a full queue holds stands in the middle of a Fire; the handlers
// that it has called before have long returned.
func TestAFireHeldByAFullQueueDoesNotHoldBackTheOwnersOfEarlierHandlers(t *testing.T) {
	for _, test := range []struct {
		name     string
		priority int
		connects []string
	}{
		{"ConnectedBefore", 0, []string{"free", "queued"}},
		{"HigherPriority", 1, []string{"queued", "free"}},
		{"BetweenTwo", 0, []string{"free", "queued", "late"}},
	} {
		inBubble(t, test.name, func(t *testing.T) {
			w := newQueueWorld(1, tether.Block)
			defer w.destroy()
			w.c.Disconnect()
			free, late := tether.NewOwner("free"), tether.NewOwner("late")
			defer late.Destroy()
			var calls journal[string]
			for _, what := range test.connects {
				switch what {
				case "free":
					w.s.Connect(free, func(int) { calls.add("free") }, tether.Priority(test.priority))
				case "late":
					w.s.Connect(late, func(int) { calls.add("late") })
				case "queued":
					w.s.Connect(w.owner, w.handled.add, tether.On(w.q))
				}
			}
			release := holdQueue(w.q)
			defer release()
			w.s.Fire(1)
			held := background(func() { w.s.Fire(2) })
			synctest.Wait()
			require.False(t, held(), "the firer is held")
			ended := background(func() { assert.NoError(t, free.Destroy()) })
			synctest.Wait()
			assert.True(t, ended(), "Destroy returned while the firer is held")
			assert.False(t, held(), "the firer is held still")
			release()
			synctest.Wait()
			assert.True(t, held(), "the firer has returned")
			assert.Equal(t, []int{1, 2}, w.handled.all())
			if len(test.connects) == 3 {
				assert.Equal(t, []string{"free", "late", "free", "late"}, calls.all())
			}
		})
	}
}

// Goroutines and capacity.

func TestAnIdleQueueHasNoGoroutine(t *testing.T) {
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

func TestAnIdleQueueTakesItsFirstValueBesidesItsCapacity(t *testing.T) {
	for _, test := range []struct {
		name     string
		overflow tether.Overflow
		handled  []int
	}{
		{"DropOldest", tether.DropOldest, []int{1, 4, 5}},
		{"DropNewest", tether.DropNewest, []int{1, 2, 3}},
	} {
		inBubble(t, test.name, func(t *testing.T) {
			app := tether.NewOwner("app")
			defer app.Destroy()
			q := tether.NewQueue(app, 2, test.overflow)
			var s tether.Signal[int]
			var handled journal[int]
			gate := make(chan struct{})
			s.Connect(app, func(v int) {
				<-gate
				handled.add(v)
			}, tether.On(q))
			s.Fire(1) // without synctest.Wait: in hand whether or not it has begun
			assert.Equal(t, 0, q.Len(), "Len with one value, in hand")
			s.Fire(2)
			assert.Equal(t, 1, q.Len(), "Len with one pending")
			s.Fire(3)
			assert.Equal(t, 2, q.Len(), "Len with two pending")
			assert.EqualValues(t, 0, q.Dropped(), "Dropped at capacity")
			s.Fire(4)
			assert.EqualValues(t, 1, q.Dropped(), "Dropped with one too many")
			s.Fire(5)
			assert.EqualValues(t, 2, q.Dropped(), "Dropped with two too many")
			assert.Equal(t, 2, q.Len(), "Len when full")
			close(gate)
			synctest.Wait()
			assert.Equal(t, test.handled, handled.all())
			assert.Equal(t, 0, q.Len())
			assert.EqualValues(t, 2, q.Dropped())
		})
	}
}

func TestAManualQueueHoldsItsCapacityAndNoMore(t *testing.T) {
	for _, test := range []struct {
		name     string
		overflow tether.Overflow
		handled  []int
	}{
		{"DropOldest", tether.DropOldest, []int{2, 3}},
		{"DropNewest", tether.DropNewest, []int{1, 2}},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newQueueWorld(2, test.overflow, tether.Manual())
			defer w.destroy()
			w.s.Fire(1)
			w.s.Fire(2)
			assert.Equal(t, 2, w.q.Len())
			w.s.Fire(3)
			assert.Equal(t, 2, w.q.Len())
			assert.EqualValues(t, 1, w.q.Dropped())
			assert.Equal(t, 2, w.q.Drain())
			assert.Equal(t, test.handled, w.handled.all())
		})
	}
}

func TestAQueueThatDropsNeverHoldsAFirer(t *testing.T) {
	const fires, capacity = 1000, 7
	for _, test := range []struct {
		name     string
		overflow tether.Overflow
		first    int // of the values that were kept
	}{
		{"DropOldest", tether.DropOldest, fires - capacity},
		{"DropNewest", tether.DropNewest, 0},
	} {
		inBubble(t, test.name, func(t *testing.T) {
			w := newQueueWorld(capacity, test.overflow)
			defer w.destroy()
			release := holdQueue(w.q)
			defer release()
			for i := range fires {
				w.s.Fire(i)
			}
			assert.Equal(t, capacity, w.q.Len())
			assert.EqualValues(t, fires-capacity, w.q.Dropped())
			release()
			synctest.Wait()
			var want []int
			for i := range capacity {
				want = append(want, test.first+i)
			}
			assert.Equal(t, want, w.handled.all())
		})
	}
}

func TestAQueueThatDropsTheOldestDropsItOfWhateverSignal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		q := tether.NewQueue(app, 3, tether.DropOldest)
		var a, b tether.Signal[int]
		var handled journal[string]
		first := a.Connect(app, func(v int) { handled.add(fmt.Sprint("dead", v)) }, tether.On(q))
		a.Connect(app, func(v int) { handled.add(fmt.Sprint("a", v)) }, tether.On(q))
		b.Connect(app, func(v int) { handled.add(fmt.Sprint("b", v)) }, tether.On(q))
		release := holdQueue(q)
		defer release()
		a.Fire(1) // two values
		b.Fire(2)
		first.Disconnect() // drops one
		assert.EqualValues(t, 1, q.Dropped())
		b.Fire(3)
		assert.Equal(t, 3, q.Len())
		b.Fire(4) // instead of a1
		a.Fire(5) // instead of b2
		assert.EqualValues(t, 3, q.Dropped())
		release()
		synctest.Wait()
		assert.Equal(t, []string{"b3", "b4", "a5"}, handled.all())
	})
}

// The dead must not fill a queue: many connections come and go while it is held.
func TestDeadConnectionsTakeNoRoomInAQueue(t *testing.T) {
	for _, o := range overflows {
		inBubble(t, o.name, func(t *testing.T) {
			w := newQueueWorld(4, o.overflow)
			defer w.destroy()
			release := holdQueue(w.q)
			defer release()
			w.s.Fire(1)
			for i := range 500 {
				var s tether.Signal[int]
				c := s.Connect(w.owner, func(int) { t.Error("handled a value of the dead") }, tether.On(w.q))
				s.Fire(1)
				s.Fire(2)
				s.Fire(3)
				require.Equal(t, 4, w.q.Len(), "round %d", i)
				c.Disconnect()
				require.Equal(t, 1, w.q.Len(), "round %d", i)
				require.EqualValues(t, 3*(i+1), w.q.Dropped(), "round %d", i)
			}
			w.s.Fire(2)
			release()
			synctest.Wait()
			assert.Equal(t, []int{1, 2}, w.handled.all())
			assert.EqualValues(t, 1500, w.q.Dropped())
		})
	}
}

// Block.

func TestABlockQueueHoldsTheFirerUntilThereIsRoom(t *testing.T) {
	for _, manual := range []bool{false, true} {
		inBubble(t, fmt.Sprintf("manual=%v", manual), func(t *testing.T) {
			app := tether.NewOwner("app")
			defer app.Destroy()
			var opts []tether.QueueOption
			if manual {
				opts = append(opts, tether.Manual())
			}
			q := tether.NewQueue(app, 2, tether.Block, opts...)
			var s tether.Signal[int]
			var handled journal[int]
			step := make(chan struct{})
			s.Connect(app, func(v int) {
				<-step
				handled.add(v)
			}, tether.On(q))
			var drained func() bool
			if manual {
				s.Fire(1)
				drained = background(func() { assert.Equal(t, 1, q.Drain()) })
				synctest.Wait()
			} else {
				s.Fire(1)
			}
			s.Fire(2)
			s.Fire(3)
			returned := background(func() { s.Fire(4) })
			synctest.Wait()
			assert.False(t, returned(), "Fire returned without room")
			assert.Equal(t, 2, q.Len())
			step <- struct{}{}
			synctest.Wait()
			if manual {
				assert.True(t, drained())
				assert.False(t, returned(), "Fire returned before the next Drain")
				drained = background(func() { assert.Equal(t, 2, q.Drain()) })
				synctest.Wait()
			}
			assert.True(t, returned(), "Fire returned with room")
			assert.Equal(t, 2, q.Len())
			if manual {
				close(step)
				synctest.Wait()
				assert.True(t, drained())
				assert.Equal(t, 1, q.Drain(), "the value that was held comes after what was pending")
			} else {
				close(step)
				synctest.Wait()
			}
			assert.Equal(t, []int{1, 2, 3, 4}, handled.all())
			assert.Zero(t, q.Dropped())
		})
	}
}

func TestABlockQueueLetsGoOfAFirerWhoseConnectionEnds(t *testing.T) {
	const firers = 3
	for _, manual := range []bool{false, true} {
		for _, death := range queueDeaths {
			inBubble(t, fmt.Sprintf("%s/manual=%v", death.name, manual), func(t *testing.T) {
				var opts []tether.QueueOption
				if manual {
					opts = append(opts, tether.Manual())
				}
				w := newQueueWorld(2, tether.Block, opts...)
				defer w.destroy()
				if !manual {
					release := holdQueue(w.q)
					defer release()
				}
				w.s.Fire(1)
				w.s.Fire(2)
				var held [firers]func() bool
				for i := range held {
					held[i] = background(func() { w.s.Fire(3) })
				}
				synctest.Wait()
				for i := range held {
					require.False(t, held[i](), "firer %d is held", i)
				}
				background(func() { death.kill(w) })
				synctest.Wait()
				for i := range held {
					assert.True(t, held[i](), "firer %d was let go", i)
				}
				assert.EqualValues(t, 2+firers, w.q.Dropped(), "two were pending, %d held", firers)
				assert.Zero(t, w.q.Len())
			})
		}
	}
}

func TestTheEndOfOneConnectionMakesRoomForTheOthersOfABlockQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newQueueWorld(2, tether.Block)
		defer w.destroy()
		var other tether.Signal[int]
		c := other.Connect(w.parent, func(int) { t.Error("handled a value of the dead") }, tether.On(w.q))
		release := holdQueue(w.q)
		defer release()
		other.Fire(1)
		other.Fire(2)
		a, b := background(func() { w.s.Fire(1) }), background(func() { w.s.Fire(1) })
		third := background(func() { other.Fire(3) })
		synctest.Wait()
		require.False(t, a() || b() || third(), "all are held")
		c.Disconnect()
		synctest.Wait()
		assert.True(t, a(), "there is room for one")
		assert.True(t, b(), "and for another")
		assert.True(t, third(), "the third is let go")
		assert.EqualValues(t, 3, w.q.Dropped())
		release()
		synctest.Wait()
		assert.Equal(t, []int{1, 1}, w.handled.all())
	})
}

func TestABlockQueueLetsHeldFirersInOneByOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		q := tether.NewQueue(app, 1, tether.Block)
		var s tether.Signal[int]
		step := make(chan struct{})
		var handled journal[int]
		s.Connect(app, func(v int) {
			<-step
			handled.add(v)
		}, tether.On(q))
		s.Fire(0)
		s.Fire(1)
		const firers = 20
		var returned atomic.Int32
		for i := range firers {
			go func() {
				s.Fire(2 + i)
				returned.Add(1)
			}()
		}
		for i := range firers {
			synctest.Wait()
			require.EqualValues(t, i, returned.Load(), "firers let in after %d values", i)
			require.Equal(t, 1, q.Len())
			step <- struct{}{}
		}
		close(step)
		synctest.Wait()
		got := handled.all()
		slices.Sort(got)
		var want []int
		for i := range firers + 2 {
			want = append(want, i)
		}
		assert.Equal(t, want, got)
		assert.Zero(t, q.Dropped())
	})
}

// A firer that was held and then finds the queue idle has its value taken in
// hand at once: it uses up no room. If only room that was used up and given back
// woke the next firer, that one would be held by an idle queue, for ever.
func TestAnIdleBlockQueueHoldsNobody(t *testing.T) {
	for _, firers := range []int{2, 3, 20} {
		for _, capacity := range []int{1, 2, 5} {
			inBubble(t, fmt.Sprintf("firers=%d/capacity=%d", firers, capacity), func(t *testing.T) {
				w := newQueueWorld(capacity, tether.Block)
				defer w.destroy()
				release := holdQueue(w.q)
				defer release()
				for range capacity {
					w.s.Fire(0)
				}
				var held atomic.Int32
				for range firers {
					held.Add(1)
					go func() {
						w.s.Fire(1)
						held.Add(-1)
					}()
				}
				synctest.Wait()
				require.EqualValues(t, firers, held.Load(), "firers held by a full queue")
				release()
				synctest.Wait()
				assert.Zero(t, held.Load(), "firers held by an idle queue")
				assert.Len(t, w.handled.all(), capacity+firers, "values handled")
				assert.Zero(t, w.q.Len())
			})
		}
	}
}

func TestAFireFromAHandlerOfTheSameBlockQueueGoesOverCapacity(t *testing.T) {
	for _, manual := range []bool{false, true} {
		for _, after := range []string{"Start", "Goexit", "Idle"} {
			if manual && after == "Goexit" {
				continue // it ends the caller of Drain
			}
			inBubble(t, fmt.Sprintf("manual=%v/after=%s", manual, after), func(t *testing.T) {
				app := tether.NewOwner("app")
				defer app.Destroy()
				var opts []tether.QueueOption
				if manual {
					opts = append(opts, tether.Manual())
				}
				q := tether.NewQueue(app, 1, tether.Block, opts...)
				var s, via tether.Signal[int]
				var handled journal[int]
				via.Connect(app, func(v int) { s.Fire(v) }) // not on the queue, but in its handler
				s.Connect(app, func(v int) {
					handled.add(v)
					switch v {
					case -1:
						runtime.Goexit()
					case 1:
						s.Fire(2)
						s.Fire(3)
						via.Fire(4)
						via.Fire(5)
						assert.Equal(t, 4, q.Len(), "Len over capacity")
					}
				}, tether.On(q))
				var want []int
				switch after {
				case "Goexit":
					s.Fire(-1)
					want = []int{-1}
				case "Idle":
					s.Fire(0)
					if manual {
						q.Drain()
					}
					synctest.Wait()
					want = []int{0}
				}
				s.Fire(1)
				for manual && q.Drain() > 0 {
				}
				synctest.Wait()
				assert.Equal(t, append(want, 1, 2, 3, 4, 5), handled.all())
				assert.Zero(t, q.Dropped())
			})
		}
	}
}

func TestOtherFirersWaitUntilABlockQueueIsBelowItsCapacityAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		q := tether.NewQueue(app, 1, tether.Block)
		var s tether.Signal[int]
		var handled journal[int]
		step := make(chan struct{})
		s.Connect(app, func(v int) {
			handled.add(v)
			if v == 1 {
				s.Fire(2)
				s.Fire(3)
				s.Fire(4)
			}
			<-step
		}, tether.On(q))
		s.Fire(1)
		synctest.Wait()
		returned := background(func() { s.Fire(5) })
		for n := range 3 {
			synctest.Wait()
			require.False(t, returned(), "Fire returned with %d pending", q.Len())
			require.Equal(t, 3-n, q.Len())
			step <- struct{}{}
		}
		synctest.Wait()
		assert.True(t, returned())
		close(step)
		synctest.Wait()
		assert.Equal(t, []int{1, 2, 3, 4, 5}, handled.all())
	})
}

func TestAFireFromAHandlerOfADroppingQueueDrops(t *testing.T) {
	for _, test := range []struct {
		name     string
		overflow tether.Overflow
		handled  []int
	}{
		{"DropOldest", tether.DropOldest, []int{1, 4, 5}},
		{"DropNewest", tether.DropNewest, []int{1, 2, 3}},
	} {
		inBubble(t, test.name, func(t *testing.T) {
			app := tether.NewOwner("app")
			defer app.Destroy()
			q := tether.NewQueue(app, 2, test.overflow)
			var s tether.Signal[int]
			var handled journal[int]
			s.Connect(app, func(v int) {
				handled.add(v)
				for i := 2; v == 1 && i <= 5; i++ {
					s.Fire(i)
				}
			}, tether.On(q))
			s.Fire(1)
			synctest.Wait()
			assert.Equal(t, test.handled, handled.all())
			assert.EqualValues(t, 2, q.Dropped())
		})
	}
}

// Mute.

func TestAQueueSkipsTheValuesWhoseTurnComesWhileTheirConnectionIsMuted(t *testing.T) {
	for _, manual := range []bool{false, true} {
		inBubble(t, fmt.Sprintf("manual=%v", manual), func(t *testing.T) {
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

func TestDrainDoesNotCountSkippedValuesOfAQueue(t *testing.T) {
	w := newQueueWorld(10, tether.Block, tether.Manual())
	defer w.destroy()
	var other tether.Signal[int]
	other.Connect(w.parent, func(int) {}, tether.On(w.q))
	w.s.Fire(1)
	other.Fire(1)
	w.s.Fire(2)
	defer w.c.Mute()()
	assert.Equal(t, 1, w.q.Drain(), "calls made, of 3 values, 2 of which are muted")
	assert.EqualValues(t, 2, w.q.Dropped())
	assert.Zero(t, w.q.Len())
}

// Goexit and panics.

func TestGoexitInAQueuedHandlerEndsThatCallOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		q := tether.NewQueue(app, 10, tether.Block)
		var s tether.Signal[int]
		var handled, others journal[int]
		s.Connect(app, func(v int) {
			handled.add(v)
			if v%2 == 0 {
				runtime.Goexit()
			}
		}, tether.On(q))
		s.Connect(app, others.add, tether.On(q))
		release := holdQueue(q)
		for i := range 5 {
			s.Fire(i)
		}
		go release()
		require.NoError(t, q.Flush(t.Context()))
		assert.Equal(t, []int{0, 1, 2, 3, 4}, handled.all())
		assert.Equal(t, []int{0, 1, 2, 3, 4}, others.all())
		synctest.Wait()
		assertGoroutines(t, 0, "after the Goexits")
		s.Fire(6)
		synctest.Wait()
		s.Fire(7)
		synctest.Wait()
		assert.Equal(t, []int{0, 1, 2, 3, 4, 6, 7}, handled.all())
		assert.Zero(t, q.Dropped())
		require.NoError(t, app.Destroy())
	})
}

func TestASupervisedPanicInAQueuedHandlerIsReportedAndTheQueueGoesOn(t *testing.T) {
	boom := errors.New("boom")
	for _, manual := range []bool{false, true} {
		inBubble(t, fmt.Sprintf("manual=%v", manual), func(t *testing.T) {
			keeper := tether.NewOwner("keeper")
			defer keeper.Destroy()
			var reports journal[*tether.PanicError]
			app := tether.NewOwner("app", tether.WithPanicHandler(reports.add))
			defer app.Destroy()
			child := app.NewChild("child")
			var opts []tether.QueueOption
			if manual {
				opts = append(opts, tether.Manual())
			}
			q := tether.NewQueue(keeper, 10, tether.Block, opts...)
			var s tether.Signal[int]
			var handled journal[int]
			s.Connect(child, func(v int) {
				handled.add(v)
				if v == 2 {
					panic(boom)
				}
			}, tether.On(q))
			for i := range 4 {
				s.Fire(i)
			}
			if manual {
				assert.Equal(t, 4, q.Drain(), "calls, the one that panicked included")
			}
			require.NoError(t, q.Flush(t.Context()))
			assert.Equal(t, []int{0, 1, 2, 3}, handled.all())
			assert.Zero(t, q.Dropped())
			if got := reports.all(); assert.Len(t, got, 1, "reports") {
				assert.Equal(t, boom, got[0].Value)
				assert.ErrorIs(t, got[0], boom)
				assert.Equal(t, "app/child", got[0].Owner)
				assert.Contains(t, got[0].Func, "queue_test.go")
				assert.Contains(t, string(got[0].Stack), "queue_test.go")
			}
			assert.NoError(t, child.Destroy())
			assert.NoError(t, keeper.Destroy())
		})
	}
}

func TestAPanicInAQueuedHandlerCrashesTheProgram(t *testing.T) {
	out := crash(t, func() {
		app := tether.NewOwner("app")
		q := tether.NewQueue(app, 10, tether.Block)
		var s tether.Signal[int]
		s.Connect(app, func(int) { panic("boom in a queue") }, tether.On(q))
		s.Fire(1)
		_ = q.Flush(t.Context())
		_ = app.Destroy()
		select {} // the other goroutine crashes
	})
	assert.Contains(t, out, "panic: boom in a queue")
}

// Flush.

func TestFlushOfAQueueCoversEveryFireThatHadReturned(t *testing.T) {
	for _, o := range overflows {
		t.Run(o.name, func(t *testing.T) {
			app := tether.NewOwner("app")
			defer app.Destroy()
			q := tether.NewQueue(app, 100, o.overflow)
			var s tether.Signal[int]
			n := 0 // plain: the race detector looks, too
			s.Connect(app, func(int) {
				runtime.Gosched()
				n++
			}, tether.On(q))
			for round := range 100 {
				for range round % 5 {
					s.Fire(1)
				}
				s.Fire(1)
				require.NoError(t, q.Flush(t.Context()))
				n += 1000
			}
			assert.Equal(t, 100_000+300, n)
		})
	}
}

func TestFlushOfAQueueWaitsForTheHandlerAndForNothingLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		q := tether.NewQueue(app, 100, tether.Block)
		var s tether.Signal[int]
		step := make(chan struct{})
		defer close(step)
		s.Connect(app, func(int) { <-step }, tether.On(q))
		var flushed [4]func() bool // flushed[i] covers i values
		for i := range flushed {
			flushed[i] = background(func() { assert.NoError(t, q.Flush(t.Context())) })
			synctest.Wait()
			s.Fire(i)
		}
		for handled := range flushed {
			synctest.Wait()
			for i, f := range flushed {
				assert.Equal(t, i <= handled, f(), "with %d values handled, the Flush of %d has returned", handled, i)
			}
			step <- struct{}{}
		}
	})
}

func TestFlushOfAnIdleQueueReturnsAtOnce(t *testing.T) {
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	app := tether.NewOwner("app")
	defer app.Destroy()
	for _, opts := range [][]tether.QueueOption{nil, {tether.Manual()}} {
		q := tether.NewQueue(app, 1, tether.Block, opts...)
		assert.NoError(t, q.Flush(ended), "of a new queue")
		var s tether.Signal[int]
		s.Connect(app, func(int) {}, tether.On(q))
		s.Fire(1)
		if opts != nil {
			q.Drain()
		}
		require.NoError(t, q.Flush(t.Context()))
		assert.NoError(t, q.Flush(ended), "of a queue that has worked")
	}
}

func TestFlushOfAQueueReturnsTheContextsCause(t *testing.T) {
	late := errors.New("too late")
	for _, test := range []struct {
		name string
		ctx  func(context.Context) (context.Context, func())
		want error
	}{
		{"Cancelled", func(ctx context.Context) (context.Context, func()) { return context.WithCancel(ctx) }, context.Canceled},
		{"WithCause", func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithCancelCause(ctx)
			return ctx, func() { cancel(late) }
		}, late},
		{"Deadline", func(ctx context.Context) (context.Context, func()) {
			ctx, cancel := context.WithTimeout(ctx, time.Hour)
			return ctx, func() {
				<-ctx.Done()
				cancel()
			}
		}, context.DeadlineExceeded},
	} {
		inBubble(t, test.name, func(t *testing.T) {
			w := newQueueWorld(10, tether.Block)
			defer w.destroy()
			release := holdQueue(w.q)
			defer release()
			w.s.Fire(1)
			ctx, cancel := test.ctx(t.Context())
			var err error
			returned := background(func() { err = w.q.Flush(ctx) })
			synctest.Wait()
			require.False(t, returned(), "Flush returned early")
			cancel()
			synctest.Wait()
			require.True(t, returned(), "Flush returned when its context had ended")
			assert.Equal(t, test.want, err)
			assert.Equal(t, test.want, w.q.Flush(ctx), "with a context that has ended before")
			release()
			assert.NoError(t, w.q.Flush(t.Context()))
			assert.Equal(t, []int{1}, w.handled.all())
		})
	}
}

func TestFlushOfAQueueReturnsWhenTheValuesAreDropped(t *testing.T) {
	for _, death := range queueDeaths {
		inBubble(t, death.name, func(t *testing.T) {
			w := newQueueWorld(10, tether.Block, tether.Manual())
			defer w.destroy()
			w.s.Fire(1)
			w.s.Fire(2)
			var flushed [3]func() bool
			for i := range flushed {
				flushed[i] = background(func() { assert.NoError(t, w.q.Flush(t.Context())) })
			}
			synctest.Wait()
			require.False(t, flushed[0]() || flushed[1]() || flushed[2](), "Flush returned early")
			death.kill(w)
			synctest.Wait()
			assert.True(t, flushed[0]() && flushed[1]() && flushed[2](), "Flush returned")
		})
	}
	inBubble(t, "OfASpentOnce", func(t *testing.T) {
		w := newQueueWorld(10, tether.Block, tether.Manual())
		defer w.destroy()
		w.c.Disconnect()
		w.s.Once(w.owner, w.handled.add, tether.On(w.q))
		w.s.Fire(1)
		flushed := background(func() { assert.NoError(t, w.q.Flush(t.Context())) })
		synctest.Wait()
		require.False(t, flushed(), "Flush returned early")
		require.NoError(t, w.keeper.Destroy())
		synctest.Wait()
		assert.True(t, flushed(), "Flush returned")
	})
	inBubble(t, "DropOldest", func(t *testing.T) {
		w := newQueueWorld(1, tether.DropOldest, tether.Manual())
		defer w.destroy()
		w.s.Fire(1)
		flushed := background(func() { assert.NoError(t, w.q.Flush(t.Context())) })
		synctest.Wait()
		require.False(t, flushed(), "Flush returned early")
		w.s.Fire(2)
		synctest.Wait()
		assert.True(t, flushed(), "Flush returned")
	})
}

func TestFlushOfADyingQueueWaitsForTheValueInHand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newQueueWorld(10, tether.Block)
		defer w.destroy()
		release := holdQueue(w.q)
		defer release()
		w.s.Fire(1)
		flushed := background(func() { assert.NoError(t, w.q.Flush(t.Context())) })
		synctest.Wait()
		w.keeper.Cancel(nil)
		synctest.Wait()
		assert.False(t, flushed(), "Flush returned while a value was handled")
		release()
		synctest.Wait()
		assert.True(t, flushed(), "Flush returned")
	})
}

func TestFlushInsideAHandlerReturnsErrPendingWhereAQueueWouldMakeItWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		busy := tether.NewQueue(app, 10, tether.Block)
		idle := tether.NewQueue(app, 10, tether.Block)
		manual := tether.NewQueue(app, 10, tether.Block, tether.Manual())
		var s, direct, drained tether.Signal[int]
		calls := 0
		s.Connect(app, func(int) {
			calls++
			assert.Equal(t, tether.ErrPending, busy.Flush(t.Context()), "its own queue, in the handler")
			assert.NoError(t, idle.Flush(t.Context()), "an idle queue, in a queued handler")
		}, tether.On(busy))
		drained.Connect(app, func(int) {
			calls++
			assert.Equal(t, tether.ErrPending, manual.Flush(t.Context()), "its own queue, in Drain")
		}, tether.On(manual))
		direct.Connect(app, func(int) {
			calls++
			assert.Equal(t, tether.ErrPending, busy.Flush(t.Context()), "another queue, in a signal's handler")
			assert.NoError(t, idle.Flush(t.Context()), "an idle queue, in a signal's handler")
		})
		s.Fire(1)
		synctest.Wait()
		drained.Fire(1)
		manual.Drain()
		release := holdQueue(busy)
		defer release()
		direct.Fire(1)
		child := app.NewChild("child")
		child.Defer(func() {
			calls++
			assert.Equal(t, tether.ErrPending, busy.Flush(t.Context()), "in a cleanup")
		})
		require.NoError(t, child.Destroy())
		release()
		flushed := make(chan error)
		app.Go(func(ctx context.Context) { flushed <- busy.Flush(ctx) })
		assert.NoError(t, <-flushed, "in an owned goroutine")
		assert.Equal(t, 4, calls)
	})
}

// Drain.

func TestDrainHandlesWhatIsPendingInTheQueueWhenItIsCalled(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	q := tether.NewQueue(app, 10, tether.Block, tether.Manual())
	var s tether.Signal[int]
	var handled []int
	s.Connect(app, func(v int) {
		handled = append(handled, v)
		if v < 10 {
			s.Fire(v + 10)
		}
	}, tether.On(q))
	assert.Equal(t, 0, q.Drain(), "of an empty queue")
	s.Fire(1)
	s.Fire(2)
	assert.Empty(t, handled, "handled before Drain")
	assert.Equal(t, 2, q.Len())
	assert.Equal(t, 2, q.Drain(), "first Drain")
	assert.Equal(t, []int{1, 2}, handled)
	assert.Equal(t, 2, q.Drain(), "second Drain")
	assert.Equal(t, []int{1, 2, 11, 12}, handled)
	assert.Equal(t, 0, q.Drain(), "third Drain")
}

func TestDrainRunsAQueuesHandlersOnItsCaller(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	q := tether.NewQueue(app, 10, tether.Block, tether.Manual())
	var s tether.Signal[int]
	s.Connect(app, func(int) { runtime.Goexit() }, tether.On(q))
	s.Fire(1)
	ended := make(chan bool)
	go func() {
		returned := false
		defer func() { ended <- !returned }()
		q.Drain()
		returned = true
	}()
	assert.True(t, <-ended, "Goexit of a handler ended the goroutine that called Drain")
}

func TestConcurrentDrainsOfAQueueTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		q := tether.NewQueue(app, 100, tether.Block, tether.Manual())
		var s tether.Signal[int]
		var handled journal[int]
		step := make(chan struct{})
		s.Connect(app, func(v int) {
			<-step
			handled.add(v)
		}, tether.On(q))
		s.Fire(1)
		s.Fire(2)
		var counts journal[int]
		drain := func() { counts.add(q.Drain()) }
		first := background(drain)
		synctest.Wait()
		s.Fire(3)
		var rest [3]func() bool
		for i := range rest {
			rest[i] = background(drain)
		}
		synctest.Wait()
		assert.False(t, first() || rest[0]() || rest[1]() || rest[2](), "a Drain returned early")
		step <- struct{}{}
		step <- struct{}{}
		synctest.Wait()
		assert.Equal(t, []int{1, 2}, handled.all())
		assert.Equal(t, []int{2}, counts.all(), "what the first Drain returned")
		close(step)
		synctest.Wait()
		assert.Equal(t, []int{1, 2, 3}, handled.all())
		got := counts.all()
		slices.Sort(got)
		assert.Equal(t, []int{0, 0, 1, 2}, got, "what all Drains returned")
	})
}

func TestConcurrentDrainsOfAQueueHandleEachValueOnce(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	const drainers, firers, each = 3, 3, 200
	q := tether.NewQueue(app, 16, tether.Block, tether.Manual())
	var s tether.Signal[[2]int]
	last := make([]int, firers) // plain: the race detector looks, too
	s.Connect(app, func(v [2]int) {
		assert.Equal(t, last[v[0]]+1, v[1], "next value of firer %d", v[0])
		last[v[0]] = v[1]
	}, tether.On(q))
	var fire, drain sync.WaitGroup
	for f := range firers {
		fire.Go(func() {
			for n := range each {
				s.Fire([2]int{f, n + 1})
			}
		})
	}
	var calls atomic.Int64
	var done atomic.Bool
	for range drainers {
		drain.Go(func() {
			for !done.Load() {
				calls.Add(int64(q.Drain()))
				runtime.Gosched()
			}
		})
	}
	fire.Wait()
	done.Store(true)
	drain.Wait()
	calls.Add(int64(q.Drain()))
	assert.EqualValues(t, firers*each, calls.Load())
	assert.Equal(t, slices.Repeat([]int{each}, firers), last)
}

func TestDrainInsideAHandlerOfTheSameQueueReturnsZero(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		a := tether.NewQueue(app, 10, tether.Block, tether.Manual())
		b := tether.NewQueue(app, 10, tether.Block, tether.Manual())
		var sa, sb tether.Signal[int]
		var handled journal[string]
		sa.Connect(app, func(v int) {
			handled.add(fmt.Sprint("a", v))
			assert.Equal(t, 0, a.Drain(), "its own queue")
			if v == 1 {
				assert.Equal(t, 1, b.Drain(), "another queue")
			}
		}, tether.On(a))
		sb.Connect(app, func(v int) {
			handled.add(fmt.Sprint("b", v))
			assert.Equal(t, 0, a.Drain(), "the outer queue")
		}, tether.On(b))
		sa.Fire(1)
		sa.Fire(2)
		sb.Fire(1)
		assert.Equal(t, 2, a.Drain())
		assert.Equal(t, []string{"a1", "b1", "a2"}, handled.all())
	})
}

func TestAPanicGoesOnToTheCallerOfDrainWhenTheRestOfTheQueueIsHandled(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	q := tether.NewQueue(app, 10, tether.Block, tether.Manual())
	var s tether.Signal[int]
	var handled []int
	s.Connect(app, func(v int) {
		handled = append(handled, v)
		if v == 2 || v == 3 {
			panic(fmt.Sprint("boom ", v))
		}
	}, tether.On(q))
	for round := range 2 { // nothing is poisoned
		handled = nil
		for v := range 5 {
			s.Fire(v)
		}
		require.PanicsWithValue(t, "boom 3", func() { q.Drain() }, "round %d", round)
		assert.Equal(t, []int{0, 1, 2, 3, 4}, handled)
		assert.Zero(t, q.Len())
		s.Fire(7)
		assert.Equal(t, 1, q.Drain())
	}
	assert.Zero(t, q.Dropped())
	assert.NoError(t, app.Destroy())
}

func TestAGoexitGoesOnToTheCallerOfDrainWhenTheRestOfTheQueueIsHandled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		q := tether.NewQueue(app, 10, tether.Block, tether.Manual())
		var s tether.Signal[int]
		var handled journal[int]
		s.Connect(app, func(v int) {
			handled.add(v)
			if v == 1 || v == 2 {
				runtime.Goexit()
			}
		}, tether.On(q))
		for v := range 5 {
			s.Fire(v)
		}
		returned := false
		over := background(func() {
			q.Drain()
			returned = true
		})
		synctest.Wait()
		require.True(t, over())
		assert.False(t, returned, "Drain returned, instead of ending its goroutine")
		assert.Equal(t, []int{0, 1, 2, 3, 4}, handled.all())
		s.Fire(5)
		assert.Equal(t, 1, q.Drain(), "afterwards")
		assert.NoError(t, app.Destroy())
	})
}

func TestDrainsThatWaitForTheirTurnReturnWhenTheQueueDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newQueueWorld(10, tether.Block, tether.Manual())
		defer w.destroy()
		gate := make(chan struct{})
		var s tether.Signal[int]
		s.Connect(w.parent, func(int) { <-gate }, tether.On(w.q))
		s.Fire(1)
		w.s.Fire(2)
		first := background(func() { assert.Equal(t, 1, w.q.Drain(), "the first Drain") })
		synctest.Wait()
		w.s.Fire(3)
		second := background(func() { assert.Equal(t, 0, w.q.Drain(), "the second Drain") })
		third := background(func() { assert.Equal(t, 0, w.q.Drain(), "the third Drain") })
		synctest.Wait()
		w.keeper.Cancel(nil)
		synctest.Wait()
		assert.False(t, first())
		close(gate)
		synctest.Wait()
		assert.True(t, first() && second() && third(), "all have returned")
		assert.EqualValues(t, 2, w.q.Dropped())
		assert.Equal(t, 0, w.q.Drain(), "of a dead queue")
	})
}

// Once.

func TestAOnceOnAQueueIsSpentWhenItsValueIsQueued(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newQueueWorld(10, tether.Block)
		defer w.destroy()
		w.c.Disconnect()
		release := holdQueue(w.q)
		defer release()
		c := w.s.Once(w.owner, w.handled.add, tether.On(w.q))
		assert.True(t, c.Connected())
		assert.Equal(t, 1, w.owner.Stats().Connections)
		w.s.Fire(1)
		assert.False(t, c.Connected(), "once the value is queued")
		assert.False(t, c.Disconnect(), "Disconnect of a spent one")
		assert.Zero(t, w.s.Len())
		assert.Zero(t, w.owner.Stats().Connections)
		w.s.Fire(2)
		w.s.DisconnectAll()
		release()
		synctest.Wait()
		assert.Equal(t, []int{1}, w.handled.all())
		assert.Zero(t, w.q.Dropped())
	})
}

func TestAOnceOnAnIdleQueueIsCalled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newQueueWorld(10, tether.Block)
		defer w.destroy()
		w.c.Disconnect()
		var c *tether.Connection
		c = w.s.Once(w.owner, func(v int) {
			assert.False(t, c.Connected(), "inside the handler")
			w.handled.add(v)
			w.s.Fire(2)
		}, tether.On(w.q))
		w.s.Fire(1)
		w.s.Fire(2)
		synctest.Wait()
		assert.Equal(t, []int{1}, w.handled.all())
	})
}

func TestASpentOnceOnAQueueIsDroppedWhenItsOwnerQueueOrSignalDies(t *testing.T) {
	for _, death := range queueDeaths {
		if death.name == "Disconnect" || death.name == "DisconnectAll" {
			continue // of the living; see above
		}
		inBubble(t, death.name, func(t *testing.T) {
			w := newQueueWorld(10, tether.Block)
			defer w.destroy()
			w.c.Disconnect()
			release := holdQueue(w.q)
			defer release()
			w.s.Once(w.owner, w.handled.add, tether.On(w.q))
			w.s.Fire(1)
			killed := background(func() { death.kill(w) })
			synctest.Wait()
			assert.EqualValues(t, 1, w.q.Dropped(), "Dropped at the death")
			assert.Zero(t, w.q.Len(), "Len at the death")
			release()
			synctest.Wait()
			assert.True(t, killed())
			assert.Empty(t, w.handled.all())
			assert.EqualValues(t, 1, w.q.Dropped(), "Dropped in the end")
			assert.Zero(t, w.q.Len())
		})
	}
}

// It is owed one call, and no later Fire can make up for it.
func TestAQueueThatDropsTheOldestKeepsTheValueOfASpentOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newQueueWorld(2, tether.DropOldest)
		defer w.destroy()
		release := holdQueue(w.q)
		defer release()
		w.s.Once(w.owner, func(v int) { w.handled.add(100 + v) }, tether.On(w.q), tether.Priority(1))
		for v := 1; v <= 5; v++ {
			w.s.Fire(v)
		}
		assert.EqualValues(t, 4, w.q.Dropped(), "Dropped, of the once and five values for two places")
		assert.Equal(t, 2, w.q.Len())
		for range 3 { // now the queue fills with spent ones
			w.s.Once(w.owner, func(v int) { w.handled.add(100 + v) }, tether.On(w.q))
		}
		w.s.Fire(6)
		assert.Equal(t, 2, w.q.Len(), "capacity bounds them too")
		release()
		synctest.Wait()
		assert.Equal(t, []int{101, 106}, w.handled.all(), "calls of the spent ones")
		assert.EqualValues(t, 1+5+1+3-2, w.q.Dropped(), "the rest of what was fired")
		w.s.Fire(7)
		synctest.Wait()
		got := w.handled.all()
		slices.Sort(got)
		assert.Contains(t, got, 107, "a Once whose value was dropped gets the next one; all: %v", got)
	})
}

func TestAOnceOnAQueueIsCalledOnceUnderConcurrentFires(t *testing.T) {
	for _, o := range overflows {
		t.Run(o.name, func(t *testing.T) {
			for range 100 {
				app := tether.NewOwner("app")
				q := tether.NewQueue(app, 100, o.overflow)
				var s tether.Signal[int]
				calls := 0 // plain
				s.Once(app, func(int) { calls++ }, tether.On(q))
				var wg sync.WaitGroup
				for range 4 {
					wg.Go(func() {
						s.Fire(1)
						s.Fire(2)
					})
				}
				wg.Wait()
				require.NoError(t, q.Flush(t.Context()))
				require.Equal(t, 1, calls)
				require.Zero(t, q.Dropped())
				require.NoError(t, app.Destroy())
			}
		})
	}
}

func TestFirersHeldForAOnceOnABlockQueueAreLetGoWhenItIsSpent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app")
		defer app.Destroy()
		q := tether.NewQueue(app, 1, tether.Block)
		var s, filler tether.Signal[int]
		var handled journal[int]
		step := make(chan struct{})
		handler := func(v int) {
			<-step
			handled.add(v)
		}
		filler.Connect(app, handler, tether.On(q))
		filler.Fire(10)
		filler.Fire(11)
		c := s.Once(app, handler, tether.On(q))
		var held [3]func() bool
		for i := range held {
			held[i] = background(func() { s.Fire(2) })
		}
		synctest.Wait()
		require.False(t, held[0]() || held[1]() || held[2](), "all are held")
		assert.True(t, c.Connected(), "not spent before its value is queued")
		step <- struct{}{}
		synctest.Wait()
		assert.False(t, c.Connected(), "spent")
		assert.Equal(t, 1, q.Len(), "the queue is full again")
		assert.True(t, held[0]() && held[1]() && held[2](), "all were let go")
		assert.EqualValues(t, 2, q.Dropped(), "two were held for nothing")
		close(step)
		synctest.Wait()
		assert.Equal(t, []int{10, 11, 2}, handled.all())
	})
}

func TestAOnceThatFindsNoRoomInAQueueIsNotSpent(t *testing.T) {
	w := newQueueWorld(1, tether.DropNewest, tether.Manual())
	defer w.destroy()
	w.s.Fire(1)
	w.c.Disconnect()
	var filler tether.Signal[int]
	filler.Connect(w.owner, func(int) {}, tether.On(w.q))
	filler.Fire(10)
	c := w.s.Once(w.owner, w.handled.add, tether.On(w.q))
	w.s.Fire(2)
	assert.True(t, c.Connected())
	assert.EqualValues(t, 1+1, w.q.Dropped())
	assert.Equal(t, 1, w.q.Drain())
	w.s.Fire(3)
	assert.False(t, c.Connected())
	assert.Equal(t, 1, w.q.Drain())
	assert.Equal(t, []int{3}, w.handled.all())
}

// Handlers that change things.

func TestAQueuedHandlerMayDisconnectItself(t *testing.T) {
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

// Conservation: what was fired was handled or is counted.

func TestAQueueLosesNoValueUncountedUnderConcurrentFires(t *testing.T) {
	for _, o := range overflows {
		for _, manual := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/manual=%v", o.name, manual), func(t *testing.T) {
				const firers, each = 4, 200
				var opts []tether.QueueOption
				if manual {
					opts = append(opts, tether.Manual())
				}
				w := newQueueWorld(3, o.overflow, opts...)
				defer w.destroy()
				w.c.Disconnect()
				handled := 0 // plain
				last := make([]int, firers)
				signals := make([]tether.Signal[int], firers)
				for f := range signals {
					signals[f].Connect(w.owner.NewChild("firer"), func(v int) {
						assert.Greater(t, v, last[f], "firer %d: out of order or twice", f)
						last[f] = v
						handled++
						if v%8 == 0 {
							runtime.Gosched()
						}
					}, tether.On(w.q))
				}
				var wg sync.WaitGroup
				for f := range firers {
					wg.Go(func() {
						for n := range each {
							signals[f].Fire(n + 1)
							if n%8 == 0 {
								runtime.Gosched()
							}
						}
					})
				}
				if manual {
					var done atomic.Bool
					go func() {
						wg.Wait()
						done.Store(true)
					}()
					for !done.Load() {
						w.q.Drain()
						runtime.Gosched()
					}
					w.q.Drain()
				}
				wg.Wait()
				require.NoError(t, w.q.Flush(t.Context()))
				assert.EqualValues(t, firers*each, uint64(handled)+w.q.Dropped(), "%d handled and %d dropped", handled, w.q.Dropped())
				assert.Zero(t, w.q.Len())
				if o.overflow == tether.Block {
					assert.Zero(t, w.q.Dropped(), "of a queue that blocks")
				}
			})
		}
	}
}

// Here the connection dies when all Fires have returned but the queue is at
// work, so that the numbers must match exactly.
func TestAQueueLosesNoValueUncountedWhenAConnectionDiesWhileItWorks(t *testing.T) {
	rounds := 150
	if testing.Short() {
		rounds = 20
	}
	for _, death := range queueDeaths {
		t.Run(death.name, func(t *testing.T) {
			for round := range rounds {
				w := newQueueWorld(10, tether.Block)
				const fires = 8
				alive := true // plain
				handled := 0
				w.c.Disconnect()
				w.c = w.s.Connect(w.owner, func(int) {
					if !alive {
						t.Error("handled after the end of its owner")
					}
					handled++
				}, tether.On(w.q))
				start := make(chan struct{})
				var wg sync.WaitGroup
				wg.Go(func() {
					<-start
					for range round % 7 {
						runtime.Gosched()
					}
					death.kill(w)
				})
				for range fires {
					w.s.Fire(round)
				}
				close(start)
				wg.Wait()
				_ = w.owner.Destroy()
				alive = false
				require.NoError(t, w.q.Flush(t.Context()))
				require.EqualValues(t, fires, uint64(handled)+w.q.Dropped(),
					"round %d: %d handled and %d dropped", round, handled, w.q.Dropped())
				w.destroy()
			}
		})
	}
}

// The same for Drain, which also must not count calls that it did not make.
func TestDrainOfAQueueCountsTheCallsThatItMadeWhenAConnectionDiesMeanwhile(t *testing.T) {
	rounds := 2000
	if testing.Short() {
		rounds = 200
	}
	app := tether.NewOwner("app")
	defer app.Destroy()
	q := tether.NewQueue(app, 10, tether.Block, tether.Manual())
	dropped := uint64(0)
	for round := range rounds {
		var s tether.Signal[int]
		const fires = 6
		calls := 0
		c := s.Connect(app, func(int) { calls++ }, tether.On(q))
		for range fires {
			s.Fire(1)
		}
		var wg sync.WaitGroup
		wg.Go(func() {
			for range round % 5 {
				runtime.Gosched()
			}
			c.Disconnect()
		})
		got := q.Drain()
		wg.Wait()
		require.Equal(t, calls, got, "round %d: Drain's count of calls", round)
		require.EqualValues(t, fires, uint64(calls)+q.Dropped()-dropped, "round %d: %d calls", round, calls)
		dropped = q.Dropped()
	}
}

// Here the connection dies while it is fired at. A Fire that overlaps the death
// may come to nothing; all others must be accounted for.
func TestAQueueLosesNoValueUncountedWhenAConnectionDiesWhileItIsFiredAt(t *testing.T) {
	rounds := 25
	if testing.Short() {
		rounds = 5
	}
	for _, o := range overflows {
		for _, death := range queueDeaths {
			t.Run(o.name+"/"+death.name, func(t *testing.T) {
				for round := range rounds {
					w := newQueueWorld(2, o.overflow)
					const firers, each = 3, 10
					w.c.Disconnect()
					last := 0 // plain
					handled := 0
					w.c = w.s.Connect(w.owner, func(v int) {
						handled++
						last = v
						runtime.Gosched()
					}, tether.On(w.q))
					var begun, returned atomic.Int64
					var wg sync.WaitGroup
					for range firers {
						wg.Go(func() {
							for range each {
								w.s.Fire(int(begun.Add(1)))
								returned.Add(1)
							}
						})
					}
					for range 1 + round%9 {
						runtime.Gosched()
					}
					least := returned.Load()
					death.kill(w)
					most := begun.Load()
					wg.Wait()
					_ = w.owner.Destroy()
					require.NoError(t, w.q.Flush(t.Context()))
					got := int64(handled) + int64(w.q.Dropped())
					require.True(t, least <= got && got <= most, "round %d: %d handled and %d dropped, want %d to %d in all, last value %d",
						round, handled, w.q.Dropped(), least, most, last)
					require.Zero(t, w.q.Len())
					w.destroy()
				}
			})
		}
	}
}

// Misuse.

func TestMisuseOfAQueuePanics(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	q := tether.NewQueue(app, 1, tether.Block)
	manual := tether.NewQueue(app, 1, tether.Block, tether.Manual())
	var s tether.Signal[int]
	var none *tether.Queue
	for want, f := range map[string]func(){
		"tether: NewQueue with nil Owner":             func() { tether.NewQueue(nil, 1, tether.Block) },
		"tether: NewQueue with capacity 0":            func() { tether.NewQueue(app, 0, tether.Block) },
		"tether: NewQueue with capacity -3":           func() { tether.NewQueue(app, -3, tether.DropNewest) },
		"tether: NewQueue with unknown Overflow -1":   func() { tether.NewQueue(app, 1, -1) },
		"tether: NewQueue with unknown Overflow 3":    func() { tether.NewQueue(app, 1, 3) },
		"tether: NewQueue with nil option":            func() { tether.NewQueue(app, 1, tether.Block, nil) },
		"tether: On with nil Queue":                   func() { tether.On(nil) },
		"tether: Connect with nil Owner":              func() { s.Connect(nil, func(int) {}, tether.On(q)) },
		"tether: Connect with nil handler":            func() { s.Connect(app, nil, tether.On(q)) },
		"tether: Once with nil handler":               func() { s.Once(app, nil, tether.On(q)) },
		"tether: ConnectSelf with nil handler":        func() { s.ConnectSelf(app, nil, tether.On(q)) },
		"tether: Flush with nil context":              func() { _ = q.Flush(noContext) },
		"tether: Drain of a Queue that is not Manual": func() { q.Drain() },
		"tether: Drain on a nil or zero Queue":        func() { none.Drain() },
		"tether: Flush on a nil or zero Queue":        func() { _ = none.Flush(t.Context()) },
		"tether: Len on a nil or zero Queue":          func() { none.Len() },
		"tether: Dropped on a nil or zero Queue":      func() { none.Dropped() },
	} {
		assert.PanicsWithValue(t, want, f)
	}
	assert.PanicsWithValue(t, "tether: NewQueue with nil Owner", func() { tether.NewQueue(new(tether.Owner), 1, tether.Block) }, "a zero Owner")
	assert.PanicsWithValue(t, "tether: On with nil Queue", func() { tether.On(new(tether.Queue)) }, "a zero Queue")
	assert.PanicsWithValue(t, "tether: Drain on a nil or zero Queue", func() { new(tether.Queue).Drain() }, "a zero Queue")
	assert.Zero(t, s.Len(), "connections made by misuse")
	assert.Zero(t, app.Stats().Connections, "connections made by misuse")
	assert.Zero(t, manual.Drain())
}

// After a Goexit another goroutine goes on, and counts like the first: the queue's owner,
// which is not that of the connection, waits for what it handles.
func TestQueue_AfterAGoexitItsOwnerWaitsForTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		owner, other := tether.NewOwner("owner"), tether.NewOwner("other")
		q := tether.NewQueue(owner, 8, tether.Block)
		var s tether.Signal[int]
		hold := make(chan bool)
		s.Connect(other, func(v int) {
			if v < 3 {
				runtime.Goexit()
			}
			<-hold
		}, tether.On(q))
		for v := range 4 {
			s.Fire(v)
		}
		synctest.Wait()
		destroyed := false
		go func() {
			assert.NoError(t, owner.Destroy())
			destroyed = true
		}()
		synctest.Wait()
		require.False(t, destroyed, "a handler of the queue runs")
		close(hold)
		synctest.Wait()
		require.True(t, destroyed)
		require.NoError(t, other.Destroy())
	})
}

// A Flush that was given up on leaves nothing in the queue.
func TestQueue_AFlushThatWasGivenUpOnIsForgotten(t *testing.T) {
	const n = 10000
	owner := tether.NewOwner("owner")
	q := tether.NewQueue(owner, 1, tether.DropOldest, tether.Manual())
	var s tether.Signal[int]
	s.Connect(owner, func(int) {}, tether.On(q))
	s.Fire(1)
	over, cancel := context.WithCancel(context.Background())
	cancel()
	require.ErrorIs(t, q.Flush(over), context.Canceled)
	before := heap()
	for range n {
		require.ErrorIs(t, q.Flush(over), context.Canceled)
	}
	require.Less(t, heap(), before+n*50)
	require.Equal(t, 1, q.Drain())
	require.NoError(t, owner.Destroy())
}

// Only a Fire from a handler of the same queue goes over capacity. One from a handler of
// another queue is held like any.
func TestQueue_AFireFromAnotherQueuesHandlerIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		defer o.Destroy()
		from := tether.NewQueue(o, 4, tether.Block)
		to := tether.NewQueue(o, 1, tether.Block, tether.Manual())
		var s, next tether.Signal[int]
		returned := 0
		s.Connect(o, func(v int) {
			next.Fire(v)
			returned++
		}, tether.On(from))
		handled := 0
		next.Connect(o, func(int) { handled++ }, tether.On(to))
		for v := range 3 {
			s.Fire(v)
		}
		for i := range 3 {
			synctest.Wait()
			require.Equal(t, 1, to.Len(), "the capacity")
			require.Equal(t, i+1, returned)
			require.Equal(t, 1, to.Drain())
		}
		synctest.Wait()
		require.Equal(t, 3, handled)
	})
}

// The same where neither queue is Manual.
func TestQueue_AFireFromAnotherQueuesHandlerIsHeldByAGoroutinesQueueToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		defer o.Destroy()
		from := tether.NewQueue(o, 4, tether.Block)
		to := tether.NewQueue(o, 1, tether.Block)
		var s, next tether.Signal[int]
		returned := 0
		s.Connect(o, func(v int) {
			next.Fire(v)
			returned++
		}, tether.On(from))
		room := make(chan bool)
		next.Connect(o, func(int) { <-room }, tether.On(to))
		for v := range 4 {
			s.Fire(v)
		}
		synctest.Wait()
		require.Equal(t, 2, returned, "one is handled, one pending")
		require.Equal(t, 1, to.Len())
		room <- true
		synctest.Wait()
		require.Equal(t, 3, returned)
		close(room)
		synctest.Wait()
		require.Equal(t, 4, returned)
	})
}
