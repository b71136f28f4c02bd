package litmus

import (
	"sync/atomic"

	"github.com/seed-ec287111/tether"
)

// connectFire: a Fire that begins after Connect has returned calls the handler.
// One that runs meanwhile may, and calls the four others once each, although the
// fifth connection replaces the block that they stand in.
func connectFire(app *tether.Owner) *Test {
	return &Test{
		Name: "Connect then Fire, Fire",
		Outcomes: []Outcome{
			{"the other Fire did not call it", Allowed},
			{"the other Fire called it", Allowed},
			{"the other Fire called it before Connect returned", Interesting},
			{"the other Fire was running when Connect was, and did not call it", Interesting},
			{"not called by the Fire after Connect", Forbidden},
			{"an old handler was not called exactly once", Forbidden},
		},
		Share: 100,
		New: func() Round {
			var s tether.Signal[int]
			o := app.NewChild("o")
			var old [3]atomic.Int32 // by value
			for range 4 {
				s.Connect(o, func(v int) { old[v].Add(1); Idle(16) })
			}
			var calls [3]atomic.Int32
			var connected, firing, met, early atomic.Bool
			return Round{
				Parts: []func(){
					func() {
						met.Store(firing.Load())
						s.Connect(o, func(v int) {
							if v == 1 && !connected.Load() {
								early.Store(true)
							}
							calls[v].Add(1)
						})
						connected.Store(true)
						s.Fire(2)
					},
					func() {
						firing.Store(true)
						s.Fire(1)
						firing.Store(false)
					},
				},
				Judge: func() string {
					_ = o.Destroy()
					switch {
					case calls[2].Load() != 1:
						return "not called by the Fire after Connect"
					case old[1].Load() != 4 || old[2].Load() != 4:
						return "an old handler was not called exactly once"
					case calls[1].Load() > 1:
						return "called twice"
					case early.Load():
						return "the other Fire called it before Connect returned"
					case calls[1].Load() == 1:
						return "the other Fire called it"
					case met.Load():
						return "the other Fire was running when Connect was, and did not call it"
					}
					return "the other Fire did not call it"
				},
			}
		},
	}
}

// connectDestroy: whoever loses, the connection is dead, and nothing runs when
// Destroy has returned.
func connectDestroy(app *tether.Owner) *Test {
	return &Test{
		Name: "Connect then Fire, Destroy",
		Outcomes: append([]Outcome{
			{"Connect returned a dead Connection", Allowed},
			{"connected, cut before the Fire", Interesting},
			{"alive after all", Forbidden},
			{"called after all", Forbidden},
		}, barrierOutcomes...),
		Share: 100,
		New: func() Round {
			var s tether.Signal[int]
			o, p := app.NewChild("o"), new(probe)
			var c *tether.Connection
			var was bool
			return Round{
				Parts: []func(){
					func() {
						c = s.Connect(o, p.handle)
						was = c.Connected()
						s.Fire(1)
					},
					func() { p.destroy(o) },
				},
				Judge: func() string {
					name := p.outcome()
					n := p.calls.Load()
					s.Fire(2)
					switch {
					case c.Connected() || s.Len() != 0:
						return "alive after all"
					case p.calls.Load() != n:
						return "called after all"
					case name != "not called":
						return name
					case was:
						return "connected, cut before the Fire"
					}
					return "Connect returned a dead Connection"
				},
			}
		},
	}
}

// connectDisconnectAll: the connection is one of those that DisconnectAll ended,
// or it is there, in all books.
func connectDisconnectAll(app *tether.Owner) *Test {
	return &Test{
		Name: "Connect, DisconnectAll",
		Outcomes: []Outcome{
			{"ended", Allowed},
			{"ended while Connect was running", Interesting},
			{"alive", Allowed},
			{"alive, Connect returned while DisconnectAll was running", Interesting},
			{"alive, but not called", Forbidden},
			{"dead, but called", Forbidden},
			{"a book is wrong", Forbidden},
		},
		Share: 100,
		New: func() Round {
			var s tether.Signal[int]
			o := app.NewChild("o")
			for range 3 {
				s.Connect(o, func(int) {})
			}
			calls := 0
			var c *tether.Connection
			var ending, ended, connecting, during, met atomic.Bool
			return Round{
				Parts: []func(){
					func() {
						connecting.Store(true)
						c = s.Connect(o, func(int) { calls++ })
						connecting.Store(false)
						during.Store(ending.Load() && !ended.Load())
					},
					func() {
						ending.Store(true)
						s.DisconnectAll()
						ended.Store(true)
						met.Store(connecting.Load())
					},
				},
				Judge: func() string {
					defer o.Destroy()
					alive, n := c.Connected(), 0
					if alive {
						n = 1
					}
					s.Fire(1)
					switch {
					case s.Len() != n || o.Stats().Connections != n:
						return "a book is wrong"
					case calls < n:
						return "alive, but not called"
					case calls > n:
						return "dead, but called"
					case alive && during.Load():
						return "alive, Connect returned while DisconnectAll was running"
					case alive:
						return "alive"
					case met.Load():
						return "ended while Connect was running"
					}
					return "ended"
				},
			}
		},
	}
}

// activeEdges: one goroutine ends the last connection and makes another, the
// other does the opposite. There may be one active owner at a time.
func activeEdges(app *tether.Owner) *Test {
	return &Test{
		Name: "WhileActive: last leaves, first comes",
		Outcomes: []Outcome{
			{"stayed active", Allowed},
			{"an active owner began", Interesting},
			{"two active owners at once", Forbidden},
			{"connected, but not active", Forbidden},
			{"active without connections", Forbidden},
			{"a handler was lost", Forbidden},
		},
		Share: 100,
		New: func() Round {
			o := app.NewChild("o")
			var cur atomic.Pointer[tether.Owner]
			var began atomic.Int32
			var two, none atomic.Bool
			s := tether.NewSignal[int](o, tether.WhileActive(func(active *tether.Owner) {
				began.Add(1)
				if old := cur.Swap(active); old != nil && old.Alive() {
					two.Store(true)
				}
			}))
			var calls atomic.Int32
			handler := func(int) { calls.Add(1) }
			first := s.Connect(o, handler)
			var c *tether.Connection
			return Round{
				Parts: []func(){
					func() { first.Disconnect() },
					func() {
						c = s.Connect(o, handler)
						if !cur.Load().Alive() {
							none.Store(true)
						}
					},
				},
				Judge: func() string {
					defer o.Destroy()
					s.Fire(1)
					active := cur.Load()
					switch {
					case two.Load():
						return "two active owners at once"
					case none.Load() || !active.Alive():
						return "connected, but not active"
					case calls.Load() != 1:
						return "a handler was lost"
					}
					c.Disconnect()
					switch {
					case active.Alive():
						return "active without connections"
					case began.Load() == 2:
						return "an active owner began"
					}
					return "stayed active"
				},
			}
		},
	}
}
