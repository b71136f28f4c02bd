package litmus

import (
	"sync/atomic"
	"time"

	"github.com/seed-ec287111/tether"
)

// beatIdle: the last connection of a heartbeat ends while ticks are delivered, and
// another one is made after an idle time. It gets no tick of before, and the ticks go on.
func beatIdle(app *tether.Owner) *Test {
	const interval = 20 * time.Microsecond
	return &Test{
		Name: "Heartbeat: tick, last leaves and first comes",
		Outcomes: []Outcome{
			{"between two ticks", Allowed},
			{"while ticks were delivered", Interesting},
			{"a tick with a Time before the Connect", Forbidden},
			{"no more ticks", Forbidden},
		},
		Share: 100, Polite: true,
		New: func() Round {
			o := app.NewChild("o")
			h := tether.NewHeartbeat(o, interval, tether.FixedStep(8))
			var inside, ticks atomic.Int32
			var early, met atomic.Bool
			slow := func(tether.Tick) {
				inside.Add(1)
				for range 8 {
					Idle(1024)
					Pause()
				}
				inside.Add(-1)
			}
			c := h.Connect(o, slow)
			over := new(atomic.Bool)
			return Round{
				Parts: []func(){
					func() {
						for n := 0; n < 1000 && inside.Load() == 0; n++ {
							Pause()
						}
						met.Store(inside.Load() > 0)
						c.Disconnect()
						Idle(256)
						before := time.Now()
						h.Connect(o, func(t tether.Tick) {
							if t.Time.Before(before) {
								early.Store(true)
							}
							ticks.Add(1)
						})
						over.Store(true)
					},
					func() { // timers are looked at by who yields
						for !over.Load() {
							Pause()
						}
					},
				},
				Judge: func() string {
					defer o.Destroy()
					for since := time.Now(); ticks.Load() < 2; Pause() {
						if time.Since(since) > 10*time.Second {
							return "no more ticks"
						}
					}
					switch {
					case early.Load():
						return "a tick with a Time before the Connect"
					case met.Load():
						return "while ticks were delivered"
					}
					return "between two ticks"
				},
			}
		},
	}
}
