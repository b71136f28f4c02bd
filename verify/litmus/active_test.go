package litmus

import (
	"sync/atomic"

	"github.com/seed-ec287111/tether"
)

// activeTurns: one goroutine makes the first connection; the other one ends whatever
// there is and makes another. The function is never called twice at once, and what it
// was called for last lives as long as somebody is connected.
func activeTurns(app *tether.Owner) *Test {
	return &Test{
		Name: "WhileActive: first comes, all leave and another comes",
		Outcomes: []Outcome{
			{"one call", Allowed},
			{"two calls, each by who connected", Allowed},
			{"a call was left to the other", Interesting},
			{"one was over before its call", Interesting},
			{"two calls at once", Forbidden},
			{"connected, but not active", Forbidden},
			{"an owner of before lives", Forbidden},
			{"a cleanup was lost", Forbidden},
		},
		Share: 10,
		New: func() Round {
			o := app.NewChild("o")
			var inside, calls, cleanups, connects atomic.Int32
			var two, left atomic.Bool
			var here atomic.Int32 // parts that are in a Connect
			var all [4]*tether.Owner
			s := tether.NewSignal[int](o, tether.WhileActive(func(active *tether.Owner) {
				if inside.Add(1) > 1 {
					two.Store(true)
				}
				n := calls.Add(1)
				all[(n-1)%4] = active
				active.Defer(func() { cleanups.Add(1) })
				if n == 2 && here.Load() == 1 && connects.Load() == 1 {
					left.Store(true)
				}
				Idle(256)
				inside.Add(-1)
			}))
			connect := func() {
				here.Add(1)
				s.Connect(o, func(int) {})
				here.Add(-1)
				connects.Add(1)
			}
			return Round{
				Parts: []func(){
					connect,
					func() {
						s.DisconnectAll()
						connect()
					},
				},
				Judge: func() string {
					n, conns := int(calls.Load()), s.Len()
					defer o.Destroy()
					for i, active := range all[:min(n, 4)] {
						switch last := i == n-1; {
						case last && !active.Alive():
							return "connected, but not active"
						case !last && active.Alive():
							return "an owner of before lives"
						}
					}
					_ = o.Destroy()
					switch {
					case two.Load():
						return "two calls at once"
					case n == 0:
						return "connected, but not active"
					case int(cleanups.Load()) != n:
						return "a cleanup was lost"
					case left.Load():
						return "a call was left to the other"
					case n == 1 && conns == 1:
						return "one was over before its call"
					case n == 1:
						return "one call"
					}
					return "two calls, each by who connected"
				},
			}
		},
	}
}
