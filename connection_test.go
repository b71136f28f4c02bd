package tether_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/testkit"
)

func nothing(context.Context) {}

func TestConnection_TheZeroOneIsDead(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		var c tether.Connection
		require.False(t, c.Connected())
		require.False(t, c.Disconnect())
		c.Mute()()
	})
}

func TestConnection_DisconnectIsTrueForTheCallThatDidIt(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		defer o.Destroy()
		var s tether.Signal[int]
		for range 300 {
			c := s.Connect(o, func(int) {})
			var won [4]bool
			var wg sync.WaitGroup
			for i := range won {
				wg.Go(func() { won[i] = c.Disconnect() })
			}
			wg.Wait()
			n := 0
			for _, w := range won {
				if w {
					n++
				}
			}
			require.Equal(t, 1, n)
			require.False(t, c.Connected())
		}
		require.Zero(t, s.Len())
	})
}

func TestConnection_NoFireThatBeginsAfterDisconnectCallsTheHandler(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		defer o.Destroy()
		var s tether.Signal[int]
		for i := range 500 {
			var mu sync.Mutex
			over := false
			c := s.Connect(o, func(v int) {
				mu.Lock()
				defer mu.Unlock()
				if over && v == 2 {
					t.Error("called by a Fire that began after Disconnect")
				}
			})
			var wg sync.WaitGroup
			wg.Go(func() { s.Fire(1) })
			for range i % 7 {
				s.Connect(o, func(int) {}).Disconnect()
			}
			wg.Go(func() {
				c.Disconnect() // true for one of two; the rule holds for both
				mu.Lock()
				over = true
				mu.Unlock()
				s.Fire(2)
			})
			c.Disconnect()
			wg.Wait()
		}
	})
}

func TestConnection_TwoAreToldApartThoughTheirHandlersAreTheSame(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		defer o.Destroy()
		var s tether.Signal[int]
		n := 0
		h := func(int) { n++ }
		a, b := s.Connect(o, h), s.Connect(o, h)
		require.True(t, a.Disconnect())
		s.Fire(1)
		require.Equal(t, 1, n)
		require.True(t, b.Connected())
	})
}

// An end is a way to end, or mute, the connection c of owner to s.
type end struct {
	name string
	do   func(w *world)
	mute bool
}

// A world is a signal of an owner's, with a victim connection to be ended.
type world struct {
	root, signals, parent, owner *tether.Owner
	s                            *tether.Signal[int]
	victim                       *tether.Connection
	cancel                       context.CancelFunc
}

func newWorld() *world {
	w := &world{root: tether.NewOwner("root")}
	w.signals = w.root.NewChild("signals")
	w.s = tether.NewSignal[int](w.signals)
	var ctx context.Context
	ctx, w.cancel = context.WithCancel(context.Background())
	w.parent = w.root.NewChild("parent", tether.WithContext(ctx))
	w.owner = w.parent.NewChild("owner")
	return w
}

var ends = []end{
	{"Disconnect", func(w *world) { w.victim.Disconnect() }, false},
	{"DisconnectAll", func(w *world) { w.s.DisconnectAll() }, false},
	{"Mute", func(w *world) { w.victim.Mute() }, true},
	{"owner's Destroy", func(w *world) { w.owner.Destroy() }, false},
	{"owner's Cancel", func(w *world) { w.owner.Cancel(nil) }, false},
	{"ancestor's Destroy", func(w *world) { w.parent.Destroy() }, false},
	{"ancestor's Cancel", func(w *world) { w.parent.Cancel(nil) }, false},
	{"signal's end", func(w *world) { w.signals.Destroy() }, false},
	{"context's end", func(w *world) { w.cancel(); <-w.owner.Context().Done() }, false},
}

// Every verb that ends a connection, from every place: the rule is the same.
func TestConnection_WhatIsDeadWhenItsTurnComesIsSkipped(t *testing.T) {
	for _, e := range ends {
		for _, where := range []string{"itself", "an earlier handler", "a later handler", "a nested Fire", "another goroutine", "a block replaced meanwhile"} {
			t.Run(e.name+" from "+where, func(t *testing.T) {
				w := newWorld()
				calls := 0
				act := func(int) {}
				helper := func(int) { act(0) }
				if where == "an earlier handler" || where == "a nested Fire" || where == "another goroutine" || where == "a block replaced meanwhile" {
					w.s.Connect(w.root, helper)
				}
				w.victim = w.s.Connect(w.owner, func(v int) {
					calls++
					if where == "itself" && v == 0 {
						e.do(w)
					}
				})
				if where == "a later handler" {
					w.s.Connect(w.root, helper)
				}
				others := 0
				w.s.Connect(w.root, func(int) { others++ })
				wantCalls := 0
				var once sync.Once
				switch where {
				case "an earlier handler":
					act = func(int) { once.Do(func() { e.do(w) }) }
				case "another goroutine":
					act = func(int) {
						once.Do(func() {
							done := make(chan bool)
							go func() { e.do(w); close(done) }()
							<-done
						})
					}
				case "a nested Fire":
					var inner tether.Signal[int]
					inner.Connect(w.root, func(int) { e.do(w) })
					act = func(int) { once.Do(func() { inner.Fire(1) }) }
				case "a block replaced meanwhile":
					act = func(int) {
						once.Do(func() {
							var cs []*tether.Connection
							for range 30 {
								cs = append(cs, w.s.Connect(w.root, func(int) {}))
							}
							e.do(w)
							for _, c := range cs {
								c.Disconnect()
							}
						})
					}
				case "itself":
					wantCalls = 1
				case "a later handler":
					wantCalls = 1
					act = func(int) { once.Do(func() { e.do(w) }) }
				}
				w.s.Fire(0)
				w.s.Fire(0)
				require.Equal(t, wantCalls, calls)
				require.Equal(t, e.mute, w.victim.Connected())
				switch e.name {
				case "DisconnectAll", "signal's end":
					require.Zero(t, w.s.Len())
				default:
					require.Equal(t, 2, others, "others are called all the same")
				}
				require.NoError(t, w.root.Destroy())
				w.cancel()
			})
		}
	}
}

func TestConnection_MuteCountsAndNeverRevives(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		defer o.Destroy()
		var s tether.Signal[int]
		var log trace
		a := s.Connect(o, func(v int) { log.add("a%d", v) })
		s.Connect(o, func(v int) { log.add("b%d", v) })
		u1, u2 := a.Mute(), a.Mute()
		require.True(t, a.Connected())
		require.Equal(t, 2, s.Len(), "muted ones count")
		s.Fire(1)
		u1()
		u1() // idempotent
		s.Fire(2)
		for range 20 { // moves the muted connection to another block
			s.Connect(o, func(int) {})
		}
		u2()
		s.Fire(3)
		require.Equal(t, "b1 b2 a3 b3", log.String(), "back in its old place")
		u3 := a.Mute()
		a.Disconnect()
		u3()
		a.Mute()()
		s.Fire(4)
		require.Equal(t, "b1 b2 a3 b3 b4", log.String())
	})
}

func TestConnection_AMutedOnceIsNotSpent(t *testing.T) {
	testkit.InAndOut(t, func(t *testing.T) {
		o := tether.NewOwner("o")
		defer o.Destroy()
		var s tether.Signal[int]
		n := 0
		c := s.Once(o, func(v int) { n += v })
		unmute := c.Mute()
		s.Fire(1)
		require.True(t, c.Connected())
		unmute()
		s.Fire(10)
		s.Fire(100)
		require.Equal(t, 10, n)
	})
}

func ExampleConnection_Disconnect() {
	var temperature tether.Signal[int]
	owner := tether.NewOwner("owner")
	defer owner.Destroy()
	c := temperature.Connect(owner, func(v int) { fmt.Println(v) })
	temperature.Fire(20)
	fmt.Println(c.Disconnect(), c.Disconnect())
	temperature.Fire(21)
	// Output:
	// 20
	// true false
}
