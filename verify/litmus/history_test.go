package litmus

import (
	"sync/atomic"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/history"
)

// ringCancel: a ring closes with its owner, as signals do. Whoever sees the owner dead
// finds its connections dead, and can make none.
func ringCancel(app *tether.Owner) *Test {
	return &Test{
		Name: "history: Connect, Cancel",
		Outcomes: []Outcome{
			{"connected, then cut", Allowed},
			{"dead from the first", Allowed},
			{"connected while Cancel was running", Interesting},
			{"a connection outlives Cancel", Forbidden},
			{"a dead ring connects", Forbidden},
		},
		Share: 10,
		New: func() Round {
			var s tether.Signal[int]
			o, other := app.NewChild("o"), app.NewChild("other")
			ring := history.Record(o, &s, 2)
			s.Fire(1)
			first := ring.Connect(other, func(int) {})
			var c *tether.Connection
			var dead, outlives, met bool
			var cancelling, cancelled atomic.Bool
			return Round{
				Parts: []func(){
					func() {
						dead = !o.Alive()
						c = ring.Connect(other, func(int) {})
						dead = dead && c.Connected()
						met = cancelling.Load() && !cancelled.Load()
					},
					func() {
						cancelling.Store(true)
						o.Cancel(nil)
						outlives = first.Connected()
						cancelled.Store(true)
					},
				},
				Judge: func() string {
					outlives = outlives || c.Connected()
					_, _ = o.Destroy(), other.Destroy()
					switch {
					case outlives:
						return "a connection outlives Cancel"
					case dead:
						return "a dead ring connects"
					case met:
						return "connected while Cancel was running"
					}
					return "connected, then cut"
				},
			}
		},
	}
}
