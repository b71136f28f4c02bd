//go:build tether_explore

package explore

import (
	"context"

	"github.com/seed-ec287111/tether"
)

// queues is what queues do.
var queues = []scenario{
	{"queue block destroy", 2, 1, func(r *Run) {
		var s tether.Signal[int]
		app, p := root(r, "app"), root(r, "p")
		q := tether.NewQueue(app.owner, 1, tether.Block)
		s.Connect(p.owner, inOrder(r, p), tether.On(q))
		r.Go("fire", func() {
			for v := range 3 {
				s.Fire(v)
			}
		})
		r.Go("destroy", p.destroy)
		r.Check(func() {
			p.ended()
			empty(r, &s)
			if n, d := int(p.calls.Load()), int(q.Dropped()); n+d > 3 {
				r.Failf("3 values: %d handled, %d dropped", n, d)
			}
			app.destroy()
			app.ended()
		})
	}},
	{"queue's owner destroyed", 2, 1, func(r *Run) {
		var s tether.Signal[int]
		app, p := root(r, "app"), root(r, "p")
		q := tether.NewQueue(app.owner, 1, tether.Block)
		h := inOrder(r, p)
		s.Connect(p.owner, func(v int) { app.enter(); h(v); app.leave() }, tether.On(q))
		r.Go("fire", func() {
			for v := range 3 {
				s.Fire(v)
			}
		})
		r.Go("destroy", app.destroy)
		r.Check(func() {
			app.ended()
			empty(r, &s)
			if n, d := int(p.calls.Load()), int(q.Dropped()); n+d > 3 {
				r.Failf("3 values: %d handled, %d dropped", n, d)
			}
			p.destroy()
			p.ended()
		})
	}},
	{"queue conserves", 2, 1, func(r *Run) {
		var s tether.Signal[int]
		p := root(r, "p")
		q := tether.NewQueue(p.owner, 1, tether.DropOldest)
		s.Connect(p.owner, inOrder(r, p), tether.On(q))
		r.Go("fire", func() {
			for v := range 3 {
				s.Fire(v)
			}
		})
		r.Go("flush", func() {
			if err := q.Flush(context.Background()); err != nil {
				r.Failf("Flush = %v", err)
			}
		})
		r.Check(func() {
			if n, d := int(p.calls.Load()), int(q.Dropped()); n+d != 3 || q.Len() != 0 {
				r.Failf("3 values: %d handled, %d dropped, %d left", n, d, q.Len())
			}
			p.destroy()
			p.ended()
		})
	}},
	{"queue fire from own handler", 2, 1, func(r *Run) {
		var s tether.Signal[int]
		p := root(r, "p")
		q := tether.NewQueue(p.owner, 1, tether.Block)
		s.Connect(p.owner, p.handler(), tether.On(q))
		again := true
		s.Connect(p.owner, func(int) {
			if again {
				again = false
				s.Fire(2)
				s.Fire(3)
			}
		}, tether.On(q))
		r.Go("fire", func() { s.Fire(1) })
		r.Go("destroy", p.destroy)
		r.Check(func() { p.ended(); empty(r, &s) })
	}},
	{"queue flush", 2, 1, func(r *Run) {
		var s tether.Signal[int]
		p := root(r, "p")
		q := tether.NewQueue(p.owner, 2, tether.Block)
		s.Connect(p.owner, p.handler(), tether.On(q))
		r.Go("fire, flush", func() {
			s.Fire(1)
			if err := q.Flush(context.Background()); err != nil {
				r.Failf("Flush = %v", err)
			}
			if p.calls.Load() == 0 || p.calls.Load() == 1 && p.running.Load() == 1 {
				r.Failf("Flush returned before the value was handled")
			}
		})
		r.Go("fire", func() { s.Fire(2) })
		r.Check(func() {
			if n := p.calls.Load(); n != 2 {
				r.Failf("%d calls for 2 values", n)
			}
			p.destroy()
			p.ended()
		})
	}},
	{"queue once destroy fire", 2, 1, func(r *Run) {
		var s tether.Signal[int]
		app, p := root(r, "app"), root(r, "p")
		q := tether.NewQueue(app.owner, 1, tether.Block)
		s.Once(p.owner, p.handler(), tether.On(q))
		r.Go("fire 1", func() { s.Fire(1) })
		r.Go("fire 2", func() { s.Fire(2) })
		r.Go("destroy", app.destroy)
		r.Check(func() {
			app.ended()
			empty(r, &s)
			if n := p.calls.Load(); n > 1 {
				r.Failf("%d calls of a Once", n)
			}
			if n := p.owner.Stats().Connections; n != 0 {
				r.Failf("the owner holds %d connections", n)
			}
			p.destroy()
			p.ended()
		})
	}},
}
