package tether_test

import (
	"context"
	"fmt"
	"runtime"
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

// A finishing is a Finish queue whose handler is held with the first value until the gate
// is opened.
type finishing struct {
	root, signals, conns, queues *tether.Owner // conns and queues are the owners of c and q

	s    *tether.Signal[int]
	q    *tether.Queue
	c    *tether.Connection
	gate chan struct{}
	log  journal[string]
}

// The ways in which the owners of connection and queue may be related.
var relations = []string{"one owner", "queue's above", "connection's above", "siblings"}

func newFinishing(relation string, overflow tether.Overflow, capacity int) *finishing {
	f := &finishing{root: tether.NewOwner("root"), gate: make(chan struct{})}
	f.signals = f.root.NewChild("signals")
	f.s = tether.NewSignal[int](f.signals)
	switch relation {
	case "one owner":
		f.conns = f.root.NewChild("owner")
		f.queues = f.conns
	case "queue's above":
		f.queues = f.root.NewChild("queues")
		f.conns = f.queues.NewChild("conns")
	case "connection's above":
		f.conns = f.root.NewChild("conns")
		f.queues = f.conns.NewChild("queues")
	case "siblings":
		f.conns, f.queues = f.root.NewChild("conns"), f.root.NewChild("queues")
	}
	f.conns.Defer(func() { f.log.add("cleanup of conns") })
	if f.queues != f.conns {
		f.queues.Defer(func() { f.log.add("cleanup of queues") })
	}
	f.q = tether.NewQueue(f.queues, capacity, overflow, tether.Finish())
	f.c = f.s.Connect(f.conns, f.handle, tether.On(f.q))
	return f
}

func (f *finishing) handle(v int) {
	if v == 0 {
		<-f.gate
	}
	f.log.add(fmt.Sprint(v))
}

// fire fires 0, which is held, and n-1 more that are pending then.
func (f *finishing) fire(n int) {
	for v := range n {
		f.s.Fire(v)
		synctest.Wait()
	}
}

func (f *finishing) handled() (all []string) {
	for _, l := range f.log.all() {
		if !strings.HasPrefix(l, "cleanup") {
			all = append(all, l)
		}
	}
	return all
}

// finishingEnds are the ways to end, and the owners whose teardowns have to wait then.
var finishingEnds = []struct {
	name string
	do   func(f *finishing)
	of   func(f *finishing) []*tether.Owner
}{
	{"Disconnect", func(f *finishing) { f.c.Disconnect() }, nobody},
	{"DisconnectAll", func(f *finishing) { f.s.DisconnectAll() }, nobody},
	{"signal's end", func(f *finishing) { f.signals.Destroy() }, nobody},
	{"owner's Destroy", func(f *finishing) { f.conns.Destroy() }, func(f *finishing) []*tether.Owner { return []*tether.Owner{f.conns} }},
	{"owner's Cancel", func(f *finishing) { f.conns.Cancel(nil) }, func(f *finishing) []*tether.Owner { return []*tether.Owner{f.conns} }},
	{"queue's Destroy", func(f *finishing) { f.queues.Destroy() }, func(f *finishing) []*tether.Owner { return []*tether.Owner{f.queues} }},
	{"queue's Cancel", func(f *finishing) { f.queues.Cancel(nil) }, func(f *finishing) []*tether.Owner { return []*tether.Owner{f.queues} }},
	{"root's Destroy", func(f *finishing) { f.root.Destroy() }, func(f *finishing) []*tether.Owner { return []*tether.Owner{f.root, f.conns, f.queues} }},
	{"Disconnect, then owner's Destroy", func(f *finishing) { f.c.Disconnect(); f.conns.Destroy() }, func(f *finishing) []*tether.Owner { return []*tether.Owner{f.conns} }},
	{"signal's end, then owner's Destroy", func(f *finishing) { f.signals.Destroy(); f.conns.Destroy() }, func(f *finishing) []*tether.Owner { return []*tether.Owner{f.conns} }},
	{"queue's Cancel, then owner's Destroy", func(f *finishing) { f.queues.Cancel(nil); f.conns.Destroy() }, func(f *finishing) []*tether.Owner { return []*tether.Owner{f.queues, f.conns} }},
}

func nobody(*finishing) []*tether.Owner { return nil }

// Every way to end, from every place, with the owners related in every way: what was
// accepted is handled, in order, before any cleanup, and whoever has to wait does.
func TestFinish_WhatWasAcceptedIsHandled(t *testing.T) {
	places := []string{"outside", "the handler", "another handler", "an owned goroutine", "a cleanup"}
	for _, relation := range relations {
		for _, e := range finishingEnds {
			for _, place := range places {
				inBubble(t, relation+", "+e.name+" from "+place, func(t *testing.T) {
					f := newFinishing(relation, tether.Block, 10)
					others := tether.NewOwner("others")
					end := func() {
						e.do(f)
						for _, o := range e.of(f) {
							cancelled := o != f.conns && strings.Contains(e.name, "Cancel")
							if place == "outside" && strings.HasSuffix(e.name, "Destroy") && !cancelled {
								assert.True(t, ended(o), "%v: what Destroy is for", o)
							}
						}
					}
					inHandler := false
					if place == "the handler" {
						inHandler = true
						first := f.gate
						f.gate = make(chan struct{})
						close(f.gate)
						f.c.Disconnect()
						f.c = f.s.Connect(f.conns, func(v int) {
							if v == 0 {
								<-first
								end()
							}
							f.handle(v)
						}, tether.On(f.q))
						f.fire(4)
						close(first)
						synctest.Wait()
					} else {
						f.fire(4)
					}
					switch place {
					case "outside":
						go end()
					case "another handler":
						var other tether.Signal[int]
						other.Connect(others, func(int) { end() })
						other.Fire(0)
					case "an owned goroutine":
						others.Go(func(context.Context) { end() })
					case "a cleanup":
						others.Defer(end)
						go others.Destroy()
					}
					synctest.Wait()
					f.s.Fire(9)
					assert.False(t, f.c.Connected())
					assert.True(t, closed(f.c), "Ended of the connection")
					if !inHandler {
						assert.Empty(t, f.log.all(), "while the handler is held")
						for _, o := range e.of(f) {
							assert.False(t, ended(o), "%v has pending values", o)
						}
						close(f.gate)
						synctest.Wait()
					}
					assert.Equal(t, []string{"0", "1", "2", "3"}, f.handled())
					for _, o := range e.of(f) {
						assert.True(t, ended(o), "%v", o)
					}
					for i, l := range f.log.all() {
						if strings.HasPrefix(l, "cleanup") {
							assert.GreaterOrEqual(t, i, 4, "%s before the last value", l)
						}
					}
					assert.Zero(t, f.q.Dropped())
					assert.Zero(t, f.q.Len())
					require.NoError(t, others.Destroy())
					require.NoError(t, f.root.Destroy())
				})
			}
		}
	}
}

// A connection's owner waits for its own values alone, though others are pending behind them.
func TestFinish_AnOwnerIsLetGoWhenItsOwnValuesAreHandled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFinishing("siblings", tether.Block, 10)
		var s tether.Signal[int]
		gate := make(chan struct{})
		other := f.root.NewChild("other")
		s.Connect(other, func(int) { <-gate }, tether.On(f.q))
		f.fire(2)
		s.Fire(1)
		over := background(func() { f.conns.Destroy() })
		synctest.Wait()
		require.False(t, over())
		close(f.gate)
		synctest.Wait()
		require.True(t, over(), "while the handler of another owner runs")
		require.Equal(t, []string{"0", "1", "cleanup of conns"}, f.log.all())
		gone := background(func() { f.queues.Destroy() })
		synctest.Wait()
		require.False(t, gone())
		close(gate)
		synctest.Wait()
		require.True(t, gone())
		f.root.Destroy()
	})
}

func TestFinish_InsideAHandlerDestroyIsPendingWhereSomethingIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFinishing("siblings", tether.Block, 10)
		var s tether.Signal[int]
		answers := map[string]error{}
		f.fire(2)
		s.Connect(f.root, func(int) {
			answers["connection's owner"] = f.conns.Destroy()
			answers["queue's owner"] = f.queues.Destroy()
			answers["nobody's"] = f.root.NewChild("nobody").Destroy()
		})
		s.Fire(1)
		require.Equal(t, map[string]error{
			"connection's owner": tether.ErrPending, "queue's owner": tether.ErrPending, "nobody's": nil,
		}, answers)
		close(f.gate)
		synctest.Wait()
		require.True(t, ended(f.conns))
		require.True(t, ended(f.queues))
		require.NoError(t, f.root.Destroy())
	})
}

// What a firer is held with when the end comes was not accepted: it lets go, and it counts.
func TestFinish_AHeldFirerLetsGoAndIsCounted(t *testing.T) {
	for _, e := range finishingEnds {
		inBubble(t, e.name, func(t *testing.T) {
			f := newFinishing("siblings", tether.Block, 2)
			f.fire(3)
			held := background(func() { f.s.Fire(3) })
			synctest.Wait()
			require.False(t, held())
			go e.do(f)
			synctest.Wait()
			require.True(t, held(), "it lets go at the end, not when there is room")
			require.EqualValues(t, 1, f.q.Dropped())
			close(f.gate)
			synctest.Wait()
			require.Equal(t, []string{"0", "1", "2"}, f.handled())
			require.EqualValues(t, 1, f.q.Dropped())
			require.NoError(t, f.root.Destroy())
		})
	}
}

func TestFinish_WhatIsPendingWhenAMutedConnectionEndsIsSkippedAndCounted(t *testing.T) {
	for _, e := range finishingEnds {
		inBubble(t, e.name, func(t *testing.T) {
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

// A DestroyContext that gives up drops the rest, but not the call that runs.
func TestFinish_DestroyContextThatGivesUpDropsTheRest(t *testing.T) {
	for _, of := range []string{"conns", "queues", "root"} {
		for _, relation := range relations {
			for _, begun := range []bool{false, true} {
				inBubble(t, fmt.Sprintf("of %s, %s, begun=%v", of, relation, begun), func(t *testing.T) {
					f := newFinishing(relation, tether.Block, 10)
					f.fire(4)
					o := map[string]*tether.Owner{"conns": f.conns, "queues": f.queues, "root": f.root}[of]
					if begun {
						go o.Destroy()
						synctest.Wait()
					}
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					err := o.DestroyContext(ctx)
					var pending *tether.PendingError
					require.ErrorAs(t, err, &pending)
					kinds := map[string]int{}
					owners := map[string]bool{}
					for _, r := range pending.Running {
						kinds[r.Kind]++
						if r.Kind == "queue" {
							assert.False(t, owners[r.Owner], "%s twice", r.Owner)
							owners[r.Owner] = true
						}
						assert.Contains(t, r.Func, "finishing).handle", "%s of %s", r.Kind, r.Owner)
					}
					want := map[string]bool{}
					for _, p := range []*tether.Owner{f.conns, f.queues} {
						if !p.Alive() {
							want[p.String()] = true
						}
					}
					assert.Equal(t, want, owners)
					assert.Equal(t, 1, kinds["handler"], "%v", pending)
					assert.Len(t, kinds, 2)
					assert.EqualValues(t, 3, f.q.Dropped())
					assert.Zero(t, f.q.Len())
					close(f.gate)
					synctest.Wait()
					assert.True(t, ended(o))
					assert.Equal(t, []string{"0"}, f.handled())
					assert.EqualValues(t, 3, f.q.Dropped())
					require.NoError(t, f.root.Destroy())
				})
			}
		}
	}
}

// An owner whose values were dropped is let go at once, though the queue is busy with a
// handler of another owner; and its cleanups, which may block, are not run by the one who
// has given up.
func TestFinish_GivingUpLetsGoOfOwnersBehindAnothersHandler(t *testing.T) {
	for _, of := range []string{"conns", "queues", "root"} {
		inBubble(t, of, func(t *testing.T) {
			f := newFinishing("siblings", tether.Block, 10)
			others := tether.NewOwner("others")
			var s, inside tether.Signal[int]
			s.Connect(others, func(int) { <-f.gate }, tether.On(f.q))
			s.Fire(0)
			synctest.Wait()
			f.s.Fire(1)
			f.s.Fire(2)
			leave := make(chan struct{})
			f.conns.Defer(func() { <-leave })
			inside.Connect(others, func(int) { assert.ErrorIs(t, f.conns.Destroy(), tether.ErrPending) })
			inside.Fire(0) // nobody waits for its end
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			o := map[string]*tether.Owner{"conns": f.conns, "queues": f.queues, "root": f.root}[of]
			require.ErrorIs(t, o.DestroyContext(ctx), tether.ErrPending)
			require.EqualValues(t, 2, f.q.Dropped())
			require.False(t, ended(f.conns))
			close(leave)
			synctest.Wait()
			require.True(t, ended(f.conns), "while the handler of another owner runs")
			close(f.gate)
			synctest.Wait()
			require.Empty(t, f.handled())
			require.NoError(t, f.root.Destroy())
			require.NoError(t, others.Destroy())
		})
	}
}

// A handler that is called in the drain is listed like any other.
func TestFinish_AHandlerThatBeganInTheDrainIsInThePendingError(t *testing.T) {
	for _, relation := range relations {
		inBubble(t, relation, func(t *testing.T) {
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

func TestFinish_RunWhoseGraceIsOverDropsTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		var q *tether.Queue
		handled := 0
		err := tether.Run(t.Context(), "app", func(app *tether.Owner) error {
			var s tether.Signal[int]
			q = tether.NewQueue(app, 10, tether.Block, tether.Finish())
			s.Connect(app, func(int) { <-gate; handled++ }, tether.On(q))
			for v := range 3 {
				s.Fire(v)
			}
			synctest.Wait()
			return nil
		}, tether.WithGrace(time.Second))
		require.ErrorIs(t, err, tether.ErrPending)
		require.EqualValues(t, 2, q.Dropped())
		close(gate)
		synctest.Wait()
		require.Equal(t, 1, handled)
	})
}

func TestFinish_DestroyContextInTimeDropsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFinishing("one owner", tether.Block, 10)
		f.fire(4)
		time.AfterFunc(time.Second, func() { close(f.gate) })
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.NoError(t, f.root.DestroyContext(ctx))
		require.Equal(t, []string{"0", "1", "2", "3"}, f.handled())
		require.Zero(t, f.q.Dropped())
	})
}

// A Once is spent when its value is queued, and the value is handled whatever ends then.
func TestFinish_TheValueOfAOnceIsHandled(t *testing.T) {
	for _, relation := range relations {
		for _, e := range finishingEnds {
			inBubble(t, relation+", "+e.name, func(t *testing.T) {
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
		inBubble(t, e.name, func(t *testing.T) {
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

// While all are alive overflow is as ever, also for what a connection has left behind; and
// an owner does not wait for a value that was dropped.
func TestFinish_OverflowIsAsEver(t *testing.T) {
	for _, overflow := range []tether.Overflow{tether.DropOldest, tether.DropNewest} {
		inBubble(t, fmt.Sprint(overflow), func(t *testing.T) {
			f := newFinishing("siblings", overflow, 2)
			other := f.root.NewChild("other")
			var s tether.Signal[int]
			s.Connect(other, func(v int) { f.log.add(fmt.Sprint("other ", v)) }, tether.On(f.q))
			s.Connect(other, func(int) {})
			blocked := make(chan struct{})
			s.Once(other, func(int) { <-blocked }, tether.On(f.q), tether.Priority(1))
			s.Fire(0) // the Once is held, and one value pending
			synctest.Wait()
			f.s.Fire(1)
			over := background(func() { f.conns.Destroy() })
			synctest.Wait()
			require.False(t, over())
			s.Fire(2)
			require.EqualValues(t, 1, f.q.Dropped())
			s.Fire(3)
			require.EqualValues(t, 2, f.q.Dropped())
			synctest.Wait()
			require.Equal(t, overflow == tether.DropOldest, over(), "its value was dropped")
			close(blocked)
			synctest.Wait()
			require.True(t, over())
			if overflow == tether.DropOldest {
				require.Equal(t, []string{"other 2", "other 3"}, f.handled())
			} else {
				require.Equal(t, []string{"other 0", "1"}, f.handled())
			}
			require.NoError(t, f.root.Destroy())
		})
	}
}

func TestFinish_FlushWaitsForWhatIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFinishing("siblings", tether.Block, 10)
		f.fire(3)
		go f.queues.Destroy()
		synctest.Wait()
		require.Equal(t, 2, f.q.Len())
		over := background(func() { assert.NoError(t, f.q.Flush(t.Context())) })
		synctest.Wait()
		require.False(t, over())
		close(f.gate)
		synctest.Wait()
		require.True(t, over())
		require.NoError(t, f.root.Destroy())
	})
}

func TestFinish_FlushIsLetGoByADrop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFinishing("siblings", tether.Block, 10)
		f.fire(3)
		over := background(func() { assert.NoError(t, f.q.Flush(t.Context())) })
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.Error(t, f.root.DestroyContext(ctx))
		close(f.gate)
		synctest.Wait()
		require.True(t, over())
	})
}

// In the drain too a panic is reported, and Goexit ends that call alone.
func TestFinish_PanicsAndGoexitInTheDrain(t *testing.T) {
	for _, how := range []string{"panic", "Goexit"} {
		for _, relation := range relations {
			inBubble(t, how+", "+relation, func(t *testing.T) {
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
	out := crash(t, func() {
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

// Two queues that feed each other: what is accepted is handled, and what the handlers fire
// in the drain finds nobody, so that there is an end.
func TestFinish_TwoQueuesThatFeedEachOtherEnd(t *testing.T) {
	for _, capacity := range []int{1, 10} {
		for _, of := range []string{"root", "first", "second"} {
			inBubble(t, fmt.Sprintf("capacity=%d, %s", capacity, of), func(t *testing.T) {
				root := tether.NewOwner("root")
				owners := map[string]*tether.Owner{"root": root, "first": root.NewChild("first"), "second": root.NewChild("second")}
				var ping, pong tether.Signal[int]
				a := tether.NewQueue(owners["first"], capacity, tether.DropNewest, tether.Finish())
				b := tether.NewQueue(owners["second"], capacity, tether.DropNewest, tether.Finish())
				var handled atomic.Int64
				ping.Connect(owners["first"], func(v int) { handled.Add(1); time.Sleep(time.Second); pong.Fire(v) }, tether.On(a))
				pong.Connect(owners["second"], func(v int) { handled.Add(1); time.Sleep(time.Second); ping.Fire(v) }, tether.On(b))
				ping.Fire(1)
				ping.Fire(2)
				time.Sleep(time.Minute + time.Millisecond)
				require.NoError(t, owners[of].Destroy())
				before := handled.Load()
				time.Sleep(time.Minute)
				require.LessOrEqual(t, handled.Load(), before+2*int64(capacity)+2, "they go on")
				require.NoError(t, root.Destroy())
				require.Zero(t, a.Len()+b.Len())
			})
		}
	}
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
				inBubble(t, fmt.Sprintf("%v, %s, %s", overflow, relation, e.name), func(t *testing.T) {
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

func TestFinish_WithManualPanics(t *testing.T) {
	o := tether.NewOwner("o")
	defer o.Destroy()
	for _, opts := range [][]tether.QueueOption{{tether.Finish(), tether.Manual()}, {tether.Manual(), tether.Finish()}} {
		require.PanicsWithValue(t, "tether: NewQueue with Finish and Manual", func() { tether.NewQueue(o, 1, tether.Block, opts...) })
	}
}

func TestFinish_OfADeadOwnerIsDead(t *testing.T) {
	o, live := tether.NewOwner("o"), tether.NewOwner("live")
	defer live.Destroy()
	o.Destroy()
	var s tether.Signal[int]
	q := tether.NewQueue(o, 1, tether.Block, tether.Finish())
	c := s.Connect(live, func(int) { t.Error("called") }, tether.On(q))
	require.False(t, c.Connected())
	s.Fire(1)
	require.Zero(t, s.Len())
	require.Zero(t, q.Dropped())
}

// A log that is closed after its last line was written.
func ExampleFinish() {
	app := tether.NewOwner("app")
	var events tether.Signal[string]
	app.Defer(func() { fmt.Println("file closed") })
	log := tether.NewQueue(app, 100, tether.Block, tether.Finish())
	events.Connect(app, func(line string) { fmt.Println("written:", line) }, tether.On(log))

	for _, line := range []string{"started", "worked", "stopped"} {
		events.Fire(line)
	}
	app.Destroy() // at once, whatever is pending
	// Output:
	// written: started
	// written: worked
	// written: stopped
	// file closed
}

// In a staged owner the queue further down the stream belongs to an older child: so what is
// fired in a younger one's drain, and by its last cleanup, is accepted and handled.
func TestFinish_BelowAStagedOwnerLastWordsAreHandled(t *testing.T) {
	for _, how := range []string{"Destroy", "context"} {
		inBubble(t, how, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			app := tether.NewOwner("app", tether.Staged(), tether.WithContext(ctx))
			var jobs, events tether.Signal[string]
			var log journal[string]
			sink := app.NewChild("sink")
			sink.Defer(func() { log.add("sink closed") })
			events.Connect(sink, log.add, tether.On(tether.NewQueue(sink, 10, tether.Block, tether.Finish())))
			workers := app.NewChild("workers")
			workers.Defer(func() { events.Fire("workers gone") })
			jobs.Connect(workers, func(job string) {
				time.Sleep(time.Second)
				events.Fire(job + " done")
			}, tether.On(tether.NewQueue(workers, 10, tether.Block, tether.Finish())))
			for _, job := range []string{"a", "b", "c"} {
				jobs.Fire(job)
			}
			if how == "Destroy" {
				require.NoError(t, app.Destroy())
			} else {
				cancel()
				<-app.Ended()
			}
			require.Equal(t, []string{"a done", "b done", "c done", "workers gone", "sink closed"}, log.all())
		})
	}
}

// Giving up on a staged owner cuts off all that is left, and drops what is pending there.
func TestFinish_GivingUpOnAStagedOwnerDropsTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		app := tether.NewOwner("app", tether.Staged())
		var s tether.Signal[int]
		gate := make(chan struct{})
		var queues []*tether.Queue
		for _, name := range []string{"old", "young"} {
			child := app.NewChild(name)
			q := tether.NewQueue(child, 10, tether.Block, tether.Finish())
			s.Connect(child, func(int) { <-gate }, tether.On(q))
			queues = append(queues, q)
		}
		for v := range 3 {
			s.Fire(v)
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		var pending *tether.PendingError
		require.ErrorAs(t, app.DestroyContext(ctx), &pending)
		kinds := map[string]int{}
		for _, r := range pending.Running {
			kinds[r.Kind]++
		}
		require.Equal(t, map[string]int{"queue": 2, "handler": 2}, kinds)
		for _, q := range queues {
			require.EqualValues(t, 2, q.Dropped())
		}
		close(gate)
		synctest.Wait()
		require.True(t, ended(app))
	})
}

// Who drops another owner's last value, by a Fire, has nothing to do with that owner, and may
// hold a lock that its cleanups take: so they run elsewhere.
func TestFinish_ADropRunsNoCleanupsInsideTheFire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFinishing("siblings", tether.DropOldest, 1)
		lock := make(chan struct{}, 1) // a lock that a bubble can wait for
		f.conns.Defer(func() {
			lock <- struct{}{}
			<-lock
		})
		other := f.root.NewChild("other")
		var s, inside tether.Signal[int]
		s.Connect(other, func(int) { <-f.gate }, tether.On(f.q))
		s.Fire(0)
		synctest.Wait()
		f.s.Fire(1)
		inside.Connect(other, func(int) { assert.ErrorIs(t, f.conns.Destroy(), tether.ErrPending) })
		inside.Fire(0) // nobody waits for its end
		lock <- struct{}{}
		s.Fire(1)
		require.EqualValues(t, 1, f.q.Dropped())
		<-lock
		synctest.Wait()
		require.True(t, ended(f.conns))
		close(f.gate)
		require.NoError(t, f.root.Destroy())
	})
}
