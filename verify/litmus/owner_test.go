package litmus

import (
	"context"
	"math/rand/v2"
	"sync/atomic"

	"github.com/seed-ec287111/tether"
)

// destroyDestroy: both wait for the one cleanup.
func destroyDestroy(app *tether.Owner) *Test {
	return &Test{
		Name: "Destroy, Destroy",
		Outcomes: []Outcome{
			{"one after the other", Allowed},
			{"the cleanup ran while both were running", Interesting},
			{"one returned before the cleanup had", Forbidden},
			{"the cleanup did not run once", Forbidden},
		},
		Share: 100,
		New: func() Round {
			o := app.NewChild("o")
			var began, finished, destroying atomic.Int32
			var both, early atomic.Bool
			o.Defer(func() {
				began.Add(1)
				Idle(64)
				both.Store(destroying.Load() == 2)
				finished.Add(1)
			})
			destroy := func() {
				destroying.Add(1)
				_ = o.Destroy()
				if finished.Load() == 0 {
					early.Store(true)
				}
				destroying.Add(-1)
			}
			return Round{
				Parts: []func(){destroy, destroy},
				Judge: func() string {
					switch {
					case early.Load():
						return "one returned before the cleanup had"
					case began.Load() != 1:
						return "the cleanup did not run once"
					case both.Load():
						return "the cleanup ran while both were running"
					}
					return "one after the other"
				},
			}
		},
	}
}

// goDestroy: Go says false and starts nothing, or Destroy waits for it.
func goDestroy(app *tether.Owner) *Test {
	return &Test{
		Name: "Go, Destroy",
		Outcomes: append([]Outcome{
			{"Go said false", Allowed},
			{"Go said false, but it ran", Forbidden},
			{"Go said true, but it did not run", Forbidden},
		}, barrierOutcomes[:2]...),
		Share: 20, Polite: true,
		New: func() Round {
			o, p := app.NewChild("o"), new(probe)
			var ok bool
			return Round{
				Parts: []func(){
					func() { ok = o.Go(func(context.Context) { p.call() }) },
					func() { p.destroy(o) },
				},
				Judge: func() string {
					name := p.outcome()
					switch {
					case ok && name == "not called":
						return "Go said true, but it did not run"
					case !ok && name == "not called":
						return "Go said false"
					case !ok:
						return "Go said false, but it ran"
					}
					return name
				},
			}
		},
	}
}

// deferDestroy: the cleanup runs once, in the unwinding or by Defer itself.
func deferDestroy(app *tether.Owner) *Test {
	return &Test{
		Name: "Defer, Destroy",
		Outcomes: []Outcome{
			{"ran in the unwinding, Defer was over", Allowed},
			{"ran in Defer, Destroy was over", Allowed},
			{"ran while both were running", Interesting},
			{"lost", Forbidden},
			{"ran twice", Forbidden},
			{"stop said that it took it back", Forbidden},
		},
		Share: 100,
		New: func() Round {
			o := app.NewChild("o")
			var calls, running atomic.Int32
			var both, deferred atomic.Bool
			var stop func() bool
			o.Defer(func() { Idle(64) })
			return Round{
				Parts: []func(){
					func() {
						running.Add(1)
						stop = o.Defer(func() {
							both.Store(running.Load() == 2)
							calls.Add(1)
						})
						deferred.Store(calls.Load() > 0)
						running.Add(-1)
					},
					func() {
						running.Add(1)
						_ = o.Destroy()
						running.Add(-1)
					},
				},
				Judge: func() string {
					switch {
					case stop():
						return "stop said that it took it back"
					case calls.Load() == 0:
						return "lost"
					case calls.Load() > 1:
						return "ran twice"
					case both.Load():
						return "ran while both were running"
					case deferred.Load():
						return "ran in Defer, Destroy was over"
					}
					return "ran in the unwinding, Defer was over"
				},
			}
		},
	}
}

// stopTimer: stop and the function agree on who was first. A timer is looked for
// when a goroutine yields, so the second part does.
func stopTimer(app *tether.Owner) *Test {
	return &Test{
		Name: "AfterFunc: stop, firing",
		Outcomes: []Outcome{
			{"stopped", Allowed},
			{"fired before stop", Allowed},
			{"fired during stop, or stop just missed it", Interesting},
			{"stopped, but it ran", Forbidden},
			{"ran twice", Forbidden},
		},
		Share: 1, Polite: true,
		New: func() Round {
			o := app.NewChild("o")
			var calls, over atomic.Int32
			var stopping, during atomic.Bool
			var stopped, before bool
			yields := rand.IntN(4)
			var stop func() bool
			return Round{
				Parts: []func(){
					func() {
						stop = o.AfterFunc(0, func() {
							during.Store(stopping.Load())
							calls.Add(1)
						})
						for range yields {
							Idle(256)
							Pause()
						}
						before = calls.Load() > 0
						stopping.Store(true)
						stopped = stop()
						over.Store(1)
					},
					func() {
						for over.Load() == 0 {
							Pause()
						}
					},
				},
				Judge: func() string {
					for !stopped && calls.Load() == 0 {
						Pause() // it has started: it will come
					}
					_ = o.Destroy()
					switch {
					case stopped && calls.Load() > 0:
						return "stopped, but it ran"
					case calls.Load() > 1:
						return "ran twice"
					case stopped:
						return "stopped"
					case during.Load() || !before:
						return "fired during stop, or stop just missed it"
					}
					return "fired before stop"
				},
			}
		},
	}
}

// timerDestroy: a timer that fires during Destroy runs before it returns, or not
// at all.
func timerDestroy(app *tether.Owner) *Test {
	rounds := 0
	return &Test{
		Name: "AfterFunc, Destroy", Outcomes: barrierOutcomes, Share: 10, Polite: true,
		New: func() Round {
			o, p := app.NewChild("o"), new(probe)
			var over atomic.Bool
			rounds++
			wait := rounds%2 == 0 // until it runs
			return Round{
				Parts: []func(){
					func() {
						o.AfterFunc(0, func() { p.call(); Idle(1024); p.call() })
						for wait && p.calls.Load() == 0 {
							Pause()
						}
						p.destroy(o)
						over.Store(true)
					},
					func() {
						for !over.Load() {
							Pause()
						}
					},
				},
				Judge: p.outcome,
			}
		},
	}
}

// childParent: cleanups run once, the child's before the parent's, newest first,
// and before the Destroy of their owner returns.
func childParent(app *tether.Owner) *Test {
	return &Test{
		Name: "Destroy of child, Destroy of parent",
		Outcomes: []Outcome{
			{"one after the other", Allowed},
			{"unwound while both were running", Interesting},
			{"wrong order, or not once", Forbidden},
			{"one returned before its cleanups had", Forbidden},
		},
		Share: 100,
		New: func() Round {
			parent := app.NewChild("parent")
			var order, destroying atomic.Int32
			var both, early, wrong atomic.Bool
			cleanup := func(place int32) func() {
				return func() {
					if order.Load() != place-1 {
						wrong.Store(true)
					}
					if destroying.Load() == 2 {
						both.Store(true)
					}
					Idle(64)
					order.Add(1)
				}
			}
			parent.Defer(cleanup(3)) // registered before the child, so it runs after it
			child := parent.NewChild("child")
			child.Defer(cleanup(2))
			child.Defer(cleanup(1))
			destroy := func(o *tether.Owner, places int32) func() {
				return func() {
					destroying.Add(1)
					_ = o.Destroy()
					if order.Load() < places {
						early.Store(true)
					}
					destroying.Add(-1)
				}
			}
			return Round{
				Parts: []func(){destroy(child, 2), destroy(parent, 3)},
				Judge: func() string {
					switch {
					case early.Load():
						return "one returned before its cleanups had"
					case wrong.Load() || order.Load() != 3:
						return "wrong order, or not once"
					case both.Load():
						return "unwound while both were running"
					}
					return "one after the other"
				},
			}
		},
	}
}

// fireChildParent is the barrier of both, with a handler of the child's.
func fireChildParent(app *tether.Owner) *Test {
	return &Test{
		Name: "Fire, Destroy of child, Destroy of parent", Outcomes: barrierOutcomes, Share: 20,
		New: func() Round {
			var s tether.Signal[int]
			parent := app.NewChild("parent")
			child := parent.NewChild("child")
			p, q := new(probe), new(probe)
			s.Connect(child, func(int) {
				p.call()
				q.call()
			})
			return Round{
				Parts: []func(){
					func() { s.Fire(1) },
					func() { p.destroy(child) },
					func() { q.destroy(parent) },
				},
				Judge: func() string {
					if name := q.outcome(); q.stands.Load() || q.late.Load() {
						return name
					}
					return p.outcome()
				},
			}
		},
	}
}
