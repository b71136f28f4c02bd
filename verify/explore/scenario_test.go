//go:build tether_explore

package explore

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/seed-ec287111/tether"
)

// A scenario is what a few goroutines do at the same time. bound is the number
// of preemptions in the short form, deep that in the deep build; one of -1 is not run
// there.
type scenario struct {
	name        string
	bound, deep int
	f           func(*Run)
}

var scenarios = slices.Concat(core, queues, active, trees, waiting, timed, ending, finishing, packages, reactive, hooks, buses, derived)

// core is what handlers and owners do.
var core = []scenario{
	{"fire fire destroy", 2, 1, func(r *Run) {
		var s tether.Signal[int]
		p := root(r, "app")
		s.Connect(p.owner, p.handler())
		r.Go("fire 1", func() { s.Fire(1) })
		r.Go("fire 2", func() { s.Fire(2) })
		r.Go("destroy", p.destroy)
		r.Check(func() { p.ended(); empty(r, &s) })
	}},
	{"fire destroy, two owners", 2, 2, func(r *Run) {
		var s tether.Signal[int]
		a, b := root(r, "a"), root(r, "b")
		s.Connect(a.owner, a.handler())
		s.Connect(b.owner, b.handler())
		s.Connect(a.owner, a.handler())
		r.Go("fire", func() { s.Fire(1) })
		r.Go("destroy", a.destroy)
		r.Check(func() {
			a.ended()
			if n := b.calls.Load(); n != 1 {
				r.Failf("the handler of the other owner was called %d times", n)
			}
			b.destroy()
			b.ended()
			empty(r, &s)
		})
	}},
	{"connect destroy fire", 2, 1, func(r *Run) {
		var s tether.Signal[int]
		p := root(r, "app")
		var destroying atomic.Bool
		r.Go("connect", func() {
			c := s.Connect(p.owner, p.handler())
			if !c.Connected() && !destroying.Load() {
				r.Failf("a dead Connection, but nobody has called Destroy")
			}
		})
		r.Go("destroy", func() { destroying.Store(true); p.destroy() })
		r.Go("fire", func() { s.Fire(1) })
		r.Check(func() { p.ended(); empty(r, &s) })
	}},
	{"disconnect fire compact", 2, 1, func(r *Run) {
		var s tether.Signal[int]
		p := root(r, "app")
		var got [4]string
		var over, overBefore atomic.Bool // conns[1] has been disconnected; before handler 0 ended
		conns := make([]*tether.Connection, 4)
		last := make(map[int]int)
		for i := range conns {
			conns[i] = s.Connect(p.owner, func(v int) {
				p.enter()
				defer p.leave()
				if last[v] > i {
					r.Failf("handler %d is called after handler %d", i, last[v])
				}
				last[v] = i
				if i == 0 && v == 1 {
					overBefore.Store(over.Load())
				}
				if i == 1 && v == 1 && overBefore.Load() {
					r.Failf("handler 1 is called though it was dead before its turn came")
				}
				got[i] += fmt.Sprint(v)
			})
		}
		r.Go("disconnect and fire", func() {
			if !conns[1].Disconnect() {
				r.Failf("Disconnect = false")
			}
			over.Store(true)
			s.Fire(2)
		})
		r.Go("fire", func() { s.Fire(1) })
		r.Go("compact", func() {
			s.Connect(p.owner, func(int) {}) // replaces the full block
			conns[2].Disconnect()
		})
		r.Check(func() {
			for i, want := range [][]string{{"12", "21"}, {"1", ""}, {"", "1", "2", "12", "21"}, {"12", "21"}} {
				ok := false
				for _, w := range want {
					ok = ok || got[i] == w
				}
				if !ok {
					r.Failf("handler %d got %q, want one of %q", i, got[i], want)
				}
			}
			if n := s.Len(); n != 3 {
				r.Failf("Len = %d, want 3", n)
			}
			p.destroy()
			p.ended()
			empty(r, &s)
		})
	}},
	{"mute fire compact", 2, 1, func(r *Run) {
		var s tether.Signal[int]
		p := root(r, "app")
		conns := make([]*tether.Connection, 4)
		var calls [4]atomic.Int32
		for i := range conns {
			conns[i] = s.Connect(p.owner, func(int) { calls[i].Add(1) })
		}
		r.Go("mute", func() { conns[1].Mute()() })
		r.Go("fire", func() { s.Fire(1) })
		r.Go("compact", func() { s.Connect(p.owner, func(int) {}) })
		r.Check(func() {
			for i := range calls {
				if n := calls[i].Load(); n != 1 && (i != 1 || n > 1) {
					r.Failf("handler %d was called %d times", i, n)
				}
			}
			s.Fire(2)
			if n := calls[1].Load(); n == 0 {
				r.Failf("unmute did not bring the handler back")
			}
			p.destroy()
			p.ended()
		})
	}},
	{"destroy destroy fire", 2, 1, func(r *Run) {
		var s tether.Signal[int]
		p := root(r, "app")
		s.Connect(p.owner, p.handler())
		r.Go("destroy 1", p.destroy)
		r.Go("destroy 2", p.destroy)
		r.Go("fire", func() { s.Fire(1) })
		r.Check(func() { p.ended(); empty(r, &s) })
	}},
	{"self-destroy destroy fire", 2, 1, func(r *Run) {
		var s tether.Signal[int]
		p := root(r, "app")
		s.Connect(p.owner, p.handler(p.destroyInside))
		r.Go("fire 1", func() { s.Fire(1) })
		r.Go("destroy", p.destroy)
		r.Go("fire 2", func() { s.Fire(2) })
		r.Check(func() { p.ended(); empty(r, &s) })
	}},
	{"self-destroy, next owner", 2, 2, func(r *Run) {
		// With nothing else running, the teardown completes before the handler
		// of another owner runs.
		var s tether.Signal[int]
		a, b := root(r, "a"), root(r, "b")
		s.Connect(a.owner, a.handler(a.destroyInside))
		s.Connect(b.owner, b.handler(func() {
			if a.running.Load() == 0 && a.cleanups.Load() == 0 {
				r.Failf("the next owner's handler runs before the teardown")
			}
		}))
		r.Go("fire", func() { s.Fire(1) })
		r.Go("destroy b", b.destroy)
		r.Check(func() { a.ended(); b.ended(); empty(r, &s) })
	}},
	{"mutual destroy in handlers", 2, 1, func(r *Run) {
		var s1, s2 tether.Signal[int]
		a, b := root(r, "a"), root(r, "b")
		s1.Connect(a.owner, a.handler(b.destroyInside))
		s2.Connect(b.owner, b.handler(a.destroyInside))
		r.Go("fire a", func() { s1.Fire(1) })
		r.Go("fire b", func() { s2.Fire(2) })
		r.Check(func() {
			// One of them may have been cut off before its handler ran.
			if a.calls.Load() == 0 {
				a.ended()
				b.destroy()
			}
			if b.calls.Load() == 0 {
				b.ended()
				a.destroy()
			}
			a.ended()
			b.ended()
			empty(r, &s1)
			empty(r, &s2)
		})
	}},
	{"mutual destroy in goroutines", 2, 1, func(r *Run) {
		a, b := root(r, "a"), root(r, "b")
		other := func(p, q *probe) func(context.Context) {
			return func(context.Context) {
				p.enter()
				defer p.leave()
				q.destroyInside()
			}
		}
		r.Go("start a", func() { a.owner.Go(other(a, b)) })
		r.Go("start b", func() { b.owner.Go(other(b, a)) })
		r.Check(func() {
			if a.calls.Load() == 0 {
				a.ended()
				b.destroy()
			}
			if b.calls.Load() == 0 {
				b.ended()
				a.destroy()
			}
			a.ended()
			b.ended()
		})
	}},
	{"session destroy in app destroy", 2, 1, func(r *Run) {
		var s tether.Signal[int]
		app := root(r, "app")
		session := app.child("session")
		s.Connect(session.owner, session.handler())
		app.owner.Go(func(context.Context) {
			app.running.Add(1)
			defer app.running.Add(-1)
			session.destroy() // the server pattern: a full barrier
		})
		r.Go("fire", func() { s.Fire(1) })
		r.Go("destroy", app.destroy)
		r.Check(func() { app.ended(); empty(r, &s) })
	}},
	{"cancel destroy fire", 2, 1, func(r *Run) {
		var s tether.Signal[int]
		p := root(r, "app")
		cause := errors.New("cause")
		s.Connect(p.owner, p.handler())
		r.Go("cancel", func() { p.owner.Cancel(cause) })
		r.Go("destroy", p.destroy)
		r.Go("fire", func() { s.Fire(1) })
		r.Check(func() {
			p.ended()
			empty(r, &s)
			if err := context.Cause(p.owner.Context()); err != cause && err != tether.ErrDestroyed {
				r.Failf("cause = %v", err)
			}
		})
	}},
	{"destroy in time, destroy, fire", 2, 1, func(r *Run) {
		var s tether.Signal[int]
		p := root(r, "app")
		s.Connect(p.owner, p.handler())
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		r.Go("destroy in time", func() {
			err := p.owner.DestroyContext(ctx)
			if err == nil {
				p.markOver()
			} else if !errors.Is(err, tether.ErrPending) {
				r.Failf("DestroyContext = %v", err)
			}
		})
		r.Go("destroy", p.destroy)
		r.Go("fire", func() { s.Fire(1) })
		r.Check(func() { p.ended(); empty(r, &s) })
	}},
	{"child destroy parent destroy fire", 2, 1, func(r *Run) {
		var s tether.Signal[int]
		app := root(r, "app")
		child := app.child("child")
		s.Connect(child.owner, child.handler())
		r.Go("destroy child", child.destroy)
		r.Go("destroy app", app.destroy)
		r.Go("fire", func() { s.Fire(1) })
		r.Check(func() { app.ended(); empty(r, &s) })
	}},
	{"child destroyed in handler, parent destroy", 2, 1, func(r *Run) {
		var s tether.Signal[int]
		app := root(r, "app")
		child := app.child("child")
		s.Connect(app.owner, app.handler(child.destroyInside))
		s.Connect(child.owner, child.handler())
		r.Go("destroy app", app.destroy)
		r.Go("fire 1", func() { s.Fire(1) })
		r.Go("fire 2", func() { s.Fire(2) })
		r.Check(func() { app.ended(); empty(r, &s) })
	}},
	{"child made, parent destroy", 2, 2, func(r *Run) {
		var s tether.Signal[int]
		app := root(r, "app")
		made := false
		r.Go("child", func() {
			o := app.owner.NewChild("child")
			c := &probe{r: r, owner: o}
			o.Defer(func() {
				made = true
				c.quiet("the cleanup of a new child runs")
			})
			s.Connect(o, c.handler())
			o.Go(func(context.Context) { c.enter(); r.Point("goroutine"); c.leave() })
			s.Fire(1)
		})
		r.Go("destroy", app.destroy)
		r.Check(func() {
			app.ended()
			if !made {
				r.Failf("a cleanup was lost")
			}
			empty(r, &s)
		})
	}},
	{"destroy in a cleanup, destroy", 2, 1, func(r *Run) {
		app := root(r, "app")
		child := app.child("child")
		app.owner.Defer(func() { child.destroyInside() })
		r.Go("destroy app", app.destroy)
		r.Go("destroy child", child.destroy)
		r.Go("goroutine", func() {
			child.owner.Go(func(context.Context) { child.enter(); r.Point("goroutine"); child.leave() })
		})
		r.Check(app.ended)
	}},
	{"interrupt destroy go", 2, 1, func(r *Run) {
		p := root(r, "app")
		var interrupts, interrupted atomic.Int32
		stop := make(chan struct{})
		p.owner.Interrupt(func() {
			if interrupts.Add(1) == 1 {
				close(stop)
			}
		})
		r.Go("go", func() {
			p.owner.Go(func(context.Context) { p.enter(); <-stop; r.Point("goroutine"); p.leave() })
		})
		r.Go("destroy", p.destroy)
		r.Go("interrupt", func() {
			p.owner.Interrupt(func() { interrupted.Add(1); r.Point("late interrupt") })
		})
		r.Check(func() {
			p.ended()
			if a, b := interrupts.Load(), interrupted.Load(); a != 1 || b != 1 {
				r.Failf("the interrupts ran %d and %d times", a, b)
			}
		})
	}},
	{"once fire fire", 2, 1, func(r *Run) {
		var s tether.Signal[int]
		p := root(r, "app")
		var c *tether.Connection
		c = s.Once(p.owner, func(int) {
			p.enter()
			defer p.leave()
			if c.Connected() || p.owner.Stats().Connections != 0 {
				r.Failf("the connection lives, or is held, in its only call")
			}
			r.Point("in the only call")
		})
		r.Go("fire 1", func() { s.Fire(1) })
		r.Go("fire 2", func() { s.Fire(2) })
		r.Check(func() {
			if n := p.calls.Load(); n != 1 {
				r.Failf("%d calls of a Once", n)
			}
			p.destroy()
			p.ended()
			empty(r, &s)
		})
	}},
	{"once fire destroy", 2, 2, func(r *Run) {
		var s tether.Signal[int]
		p := root(r, "app")
		s.Once(p.owner, p.handler())
		r.Go("fire", func() { s.Fire(1) })
		r.Go("destroy", p.destroy)
		r.Check(func() { p.ended(); empty(r, &s) })
	}},
	{"last leaves, first comes", 2, 1, func(r *Run) {
		app, p := root(r, "app"), root(r, "p")
		var actives []*tether.Owner
		var cleanups atomic.Int32
		s := tether.NewSignal[int](app.owner, tether.WhileActive(func(active *tether.Owner) {
			for _, a := range actives {
				if a.Alive() {
					r.Failf("two edges overlap")
				}
			}
			actives = append(actives, active)
			active.Defer(func() { cleanups.Add(1) })
			r.Point("in WhileActive")
		}))
		c := s.Connect(p.owner, func(int) {})
		r.Go("leave", func() { c.Disconnect() })
		r.Go("come", func() { s.Connect(p.owner, func(int) {}) })
		r.Go("come and leave", func() { s.Connect(p.owner, func(int) {}).Disconnect() })
		r.Check(func() {
			n := 0
			for _, a := range actives {
				if a.Alive() {
					n++
				}
			}
			if s.Len() != 1 || n != 1 {
				r.Failf("%d connections, %d live actives", s.Len(), n)
			}
			p.destroy()
			app.destroy()
			p.ended()
			app.ended()
			if int(cleanups.Load()) != len(actives) {
				r.Failf("%d actives, %d cleanups of them", len(actives), cleanups.Load())
			}
		})
	}},
	{"while active, destroy", 2, 1, func(r *Run) {
		app, p := root(r, "app"), root(r, "p")
		s := tether.NewSignal[int](app.owner, tether.WhileActive(func(active *tether.Owner) {
			app.enter()
			r.Point("in WhileActive")
			app.leave()
		}))
		r.Go("come and leave", func() { s.Connect(p.owner, func(int) {}).Disconnect() })
		r.Go("come", func() { s.Connect(p.owner, func(int) {}) })
		r.Go("destroy", app.destroy)
		r.Check(func() {
			app.ended()
			empty(r, s)
			p.destroy()
			p.ended()
		})
	}},
}

// inOrder returns a handler that is never to see a smaller value, nor to run
// twice at the same time.
func inOrder(r *Run, p *probe) func(int) {
	last := -1
	return func(v int) {
		p.enter()
		defer p.leave()
		if p.running.Load() != 1 {
			r.Failf("two values of a queue are handled at once")
		}
		if v <= last {
			r.Failf("value %d is handled after %d", v, last)
		}
		last = v
		r.Point("in handler of " + p.owner.Name())
	}
}
