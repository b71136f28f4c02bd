package tether_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
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
				testkit.Bubble(t, relation+", "+e.name+" from "+place, func(t *testing.T) {
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
		testkit.Bubble(t, e.name, func(t *testing.T) {
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

// A Finish queue that died woke the firers that it held by disconnecting their connections.
// One whose Connect had not returned, as the function of WhileActive fires, is not
// disconnected; and of the firers that it held only as many were let go as values were
// handled.
func TestFinish_OneThatDiesLetsGoOfFirersHeldInsideConnect(t *testing.T) {
	testkit.Procs(t, 1)
	synctest.Test(t, func(t *testing.T) {
		owner, dying := tether.NewOwner("owner"), tether.NewOwner("dying")
		q := tether.NewQueue(dying, 1, tether.Block, tether.Finish())
		gate := make(chan bool)
		var s *tether.Signal[int]
		s = tether.NewSignal[int](owner, tether.WhileActive(func(*tether.Owner) {
			s.Fire(1) // being handled
			s.Fire(2) // pending
			go s.Fire(3)
			time.Sleep(time.Second)
			s.Fire(4) // held, as is 3
		}))
		connected := make(chan bool)
		handled := 0
		go func() {
			s.Connect(owner, func(int) { <-gate; handled++ }, tether.On(q))
			close(connected)
		}()
		time.Sleep(time.Minute)
		dying.Cancel(nil)
		close(gate)
		select {
		case <-connected:
		case <-time.After(time.Hour):
			require.FailNow(t, "a firer is held by a dead queue")
		}
		endsInTime(t, dying)
		synctest.Wait()
		require.Equal(t, 2, handled)
		require.EqualValues(t, 2, q.Dropped())
		require.NoError(t, owner.Destroy())
	})
}

// While all are alive overflow is as ever, also for what a connection has left behind; and
// an owner does not wait for a value that was dropped.
func TestFinish_OverflowIsAsEver(t *testing.T) {
	for _, overflow := range []tether.Overflow{tether.DropOldest, tether.DropNewest} {
		testkit.Bubble(t, fmt.Sprint(overflow), func(t *testing.T) {
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

// Two queues that feed each other: what is accepted is handled, and what the handlers fire
// in the drain finds nobody, so that there is an end.
func TestFinish_TwoQueuesThatFeedEachOtherEnd(t *testing.T) {
	for _, capacity := range []int{1, 10} {
		for _, of := range []string{"root", "first", "second"} {
			testkit.Bubble(t, fmt.Sprintf("capacity=%d, %s", capacity, of), func(t *testing.T) {
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

// In a staged owner the queue further down the stream belongs to an older child: so what is
// fired in a younger one's drain, and by its last cleanup, is accepted and handled.
func TestFinish_BelowAStagedOwnerLastWordsAreHandled(t *testing.T) {
	for _, how := range []string{"Destroy", "context"} {
		testkit.Bubble(t, how, func(t *testing.T) {
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

func TestFinish_WithManualPanics(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		defer o.Destroy()
		for _, opts := range [][]tether.QueueOption{{tether.Finish(), tether.Manual()}, {tether.Manual(), tether.Finish()}} {
			require.PanicsWithValue(t, "tether: NewQueue with Finish and Manual", func() { tether.NewQueue(o, 1, tether.Block, opts...) })
		}
	})
}

func TestFinish_OfADeadOwnerIsDead(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
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
	})
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
