package litmus

import (
	"fmt"
	"sync/atomic"

	"github.com/seed-ec287111/tether"
)

// queueDestroy: five values are fired at a queue whose owner, or whose
// connection's, is destroyed meanwhile. Each value that was fired before the
// Destroy began was handled or dropped; later ones may be skipped; a firer that
// Block held is let go, or the round would not end. On a Finish queue each value that was
// fired before the Destroy began was handled.
func queueDestroy(app *tether.Owner, overflow tether.Overflow, queues, finish bool) *Test {
	const values = 5
	whose := "the connection's owner"
	if queues {
		whose = "the queue's owner"
	}
	kind, capacity := [...]string{"Block", "DropOldest", "DropNewest"}[overflow], 1
	var opts []tether.QueueOption
	if finish {
		kind += ", Finish"
		capacity = values // so that much is pending at the end
		opts = append(opts, tether.Finish())
	}
	return &Test{
		Name: fmt.Sprintf("queue, %s: Fire, Destroy of %s", kind, whose),
		Outcomes: []Outcome{
			{"all handled", Allowed},
			{"some dropped or skipped", Allowed},
			{"handled during Destroy, which waited", Interesting},
			{"fired = handled + dropped + skipped does not hold", Forbidden},
			{"accepted, but not handled", Forbidden},
			{"wrong order", Forbidden},
			{"entered after Destroy had returned", Forbidden},
			{"running when Destroy returned", Forbidden},
		},
		Share: 10, Polite: true,
		New: func() Round {
			var s tether.Signal[int]
			o, other := app.NewChild("o"), app.NewChild("other")
			mine, its := o, other
			if queues {
				mine, its = other, o
			}
			q := tether.NewQueue(its, capacity, overflow, opts...)
			p := new(probe)
			var last atomic.Int64
			var wrong atomic.Bool
			s.Connect(mine, func(v int) {
				if last.Swap(int64(v)) >= int64(v) {
					wrong.Store(true)
				}
				p.call()
			}, tether.On(q))
			before := 0 // values that were fired before Destroy began
			var over atomic.Bool
			return Round{
				Parts: []func(){
					func() {
						for v := 1; v <= values; v++ {
							s.Fire(v)
							if !p.ending.Load() {
								before = v
							}
							Pause() // the queue's goroutine needs a core
						}
						over.Store(true)
					},
					func() {
						for p.calls.Load() == 0 && !over.Load() {
							Pause()
						}
						p.destroy(o)
					},
				},
				Judge: func() string {
					_ = other.Destroy()
					handled := int(p.calls.Load())
					accounted := handled + int(q.Dropped())
					switch {
					case p.stands.Load():
						return "running when Destroy returned"
					case p.late.Load():
						return "entered after Destroy had returned"
					case wrong.Load():
						return "wrong order"
					case finish && handled < before:
						return "accepted, but not handled"
					case accounted < before || accounted > values:
						return "fired = handled + dropped + skipped does not hold"
					case p.during.Load():
						return "handled during Destroy, which waited"
					case handled == values:
						return "all handled"
					}
					return "some dropped or skipped"
				},
			}
		},
	}
}
