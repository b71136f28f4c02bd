package litmus

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/seed-ec287111/tether"
)

// mutualDestroy: two owned goroutines destroy each other's owners, which are in two
// trees. Both may have begun before either is cut off: then exactly one of them may not
// wait, and nobody hangs.
func mutualDestroy(*tether.Owner) *Test {
	return &Test{
		Name: "Destroy of each other's owners, in two trees",
		Outcomes: []Outcome{
			{"one of them never began", Allowed},
			{"one gave in, the other waited", Interesting},
			{"both waited", Forbidden},
			{"both gave in", Forbidden},
			{"a call failed otherwise", Forbidden},
		},
		Share: 10, Polite: true,
		New: func() Round {
			a, b := tether.NewOwner("a"), tether.NewOwner("b")
			var errs [2]error
			var ran, ready atomic.Int32
			cross := func(i int, mine, other *tether.Owner) func() {
				return func() {
					mine.Go(func(context.Context) {
						ready.Add(1)
						for n := 0; n < 100 && ready.Load() < 2; n++ {
							Pause() // so that they meet
						}
						ran.Add(1)
						errs[i] = other.Destroy()
					})
				}
			}
			return Round{
				Parts: []func(){cross(0, a, b), cross(1, b, a)},
				Judge: func() string {
					for ran.Load() == 0 {
						Pause()
					}
					if ran.Load() == 1 { // the other was refused, or waits to begin
						_, _ = a.Destroy(), b.Destroy()
					}
					<-a.Ended()
					<-b.Ended()
					pending := 0
					for _, err := range errs {
						if errors.Is(err, tether.ErrPending) {
							pending++
						} else if err != nil {
							return "a call failed otherwise"
						}
					}
					switch {
					case ran.Load() < 2:
						return "one of them never began"
					case pending == 0:
						return "both waited"
					case pending == 2:
						return "both gave in"
					}
					return "one gave in, the other waited"
				},
			}
		},
	}
}

// heldGoroutine: an owned goroutine fires at a queue that its destroyer drains. The queue
// is full, so the goroutine is held; Destroy waits for it, and nobody drains meanwhile.
func heldGoroutine(app *tether.Owner) *Test {
	const values = 4
	return &Test{
		Name: "a goroutine that a queue holds, Destroy of its owner",
		Outcomes: []Outcome{
			{"all handled", Allowed},
			{"it let go of some", Interesting},
			{"never began", Allowed},
			{"fired = handled + dropped does not hold", Forbidden},
			{"wrong order", Forbidden},
		},
		Share: 100, Polite: true,
		New: func() Round {
			var s tether.Signal[int]
			main, o := app.NewChild("main"), app.NewChild("o")
			q := tether.NewQueue(main, 1, tether.Block, tether.Manual())
			handled, last, wrong := 0, -1, false
			s.Connect(main, func(v int) {
				handled++
				wrong = wrong || v <= last
				last = v
			}, tether.On(q))
			var fired atomic.Int32
			return Round{
				Parts: []func(){
					func() {
						o.Go(func(context.Context) {
							for v := range values {
								s.Fire(v)
								fired.Add(1)
							}
						})
					},
					func() {
						for n := 0; n < 100 && q.Len() == 0; n++ {
							Pause()
						}
						q.Drain()
						_ = o.Destroy()
					},
				},
				Judge: func() string {
					_ = o.Destroy() // it may have come too early to know of the goroutine
					q.Drain()
					n, dropped := int(fired.Load()), int(q.Dropped())
					_ = main.Destroy()
					switch {
					case n != 0 && n != values || handled+dropped != n:
						return "fired = handled + dropped does not hold"
					case wrong:
						return "wrong order"
					case n == 0:
						return "never began"
					case dropped > 0:
						return "it let go of some"
					}
					return "all handled"
				},
			}
		},
	}
}
