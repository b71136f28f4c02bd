//go:build tether_explore

package explore

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/bus"
)

// buses is about the books of a bus, which topics and patterns enter and leave, and about
// answers. Its lock is for many readers, which the deep build has no model of.
var buses = []scenario{
	{"bus: publish publish once", 2, -1, func(r *Run) {
		app := root(r, "app")
		b := bus.New(app.owner, "bus")
		topic := bus.Named[int](b, "a")
		var handled, dead atomic.Int64
		b.Dead().Connect(app.owner, func(bus.Letter) { dead.Add(1) })
		topic.Once(app.owner, func(int) { handled.Add(1) })
		for _, name := range []string{"publish 1", "publish 2"} {
			r.Go(name, func() { _ = topic.Publish(context.Background(), 1) })
		}
		r.Check(func() {
			if handled.Load() != 1 || dead.Load() != 1 {
				r.Failf("of two values %d were handled, %d are letters", handled.Load(), dead.Load())
			}
			app.destroy()
			app.ended()
		})
	}},
	{"bus: publish connect destroy", 2, -1, func(r *Run) {
		app := root(r, "app")
		b := bus.New(app.owner, "bus")
		p := app.child("p")
		topic := bus.Named[int](b, "a.b")
		var connected, dead atomic.Bool
		b.Dead().Connect(app.owner, func(bus.Letter) { dead.Store(true) })
		topic.Connect(p.owner, p.handler()) // its end is about to take the name out of the books
		r.Go("publish", func() {
			_ = topic.Publish(context.Background(), 1)
			there := connected.Load()
			got := false
			if there {
				dead.Store(false)
				_ = topic.Publish(context.Background(), 2)
				got = !dead.Load()
			}
			if there && !got {
				r.Failf("the second value is a letter, though somebody had connected")
			}
		})
		r.Go("connect", func() {
			topic.Connect(app.owner, func(int) {})
			connected.Store(true)
		})
		r.Go("destroy", p.destroy)
		r.Check(func() {
			p.ended()
			topics := 0
			for range b.Topics() {
				topics++
			}
			if topics != 1 {
				r.Failf("%d topics", topics)
			}
			if !topic.Wanted() {
				r.Failf("nobody is there")
			}
			app.destroy()
			app.ended()
		})
	}},
	{"bus: publish, a pattern comes and goes", 2, -1, func(r *Run) {
		app := root(r, "app")
		b := bus.New(app.owner, "bus")
		p, q := app.child("p"), app.child("q")
		topic, pattern := bus.Named[int](b, "a.b"), bus.Matching[int](b, "a.*")
		handler := p.handler()
		pattern.Connect(p.owner, func(bus.Message[int]) { handler(1) })
		_ = topic.Publish(context.Background(), 1)
		var connected atomic.Bool
		var calls atomic.Int64
		r.Go("publish", func() {
			there := connected.Load()
			before := calls.Load()
			_ = topic.Publish(context.Background(), 1)
			if there && calls.Load() == before {
				r.Failf("the pattern was connected, and is not called")
			}
		})
		r.Go("connect", func() {
			pattern.Connect(q.owner, func(bus.Message[int]) { calls.Add(1) })
			connected.Store(true)
		})
		r.Go("destroy", p.destroy)
		r.Check(func() {
			p.ended()
			app.destroy()
			app.ended()
		})
	}},
	{"bus: ask on a queue, disconnect, destroy", 2, -1, func(r *Run) {
		app := root(r, "app")
		b := bus.New(app.owner, "bus")
		p, ofQueue := app.child("p"), app.child("queue")
		q := tether.NewQueue(ofQueue.owner, 1, tether.Block)
		handler := p.handler()
		c, err := bus.Reply(p.owner, b, func(_ context.Context, n int) (int, error) { handler(1); return n, nil }, tether.On(q))
		if err != nil {
			r.Failf("%v", err)
		}
		r.Go("ask", func() {
			n, err := bus.Ask[int](context.Background(), b, 5)
			if err == nil && n != 5 || err != nil && !errors.Is(err, bus.ErrNobody) {
				r.Failf("the answer is %d, %v", n, err)
			}
		})
		r.Go("disconnect", func() { c.Disconnect() })
		r.Go("destroy", ofQueue.destroy)
		r.Check(func() {
			app.destroy()
			app.ended()
		})
	}},
	{"bus: ask reply reply destroy", 2, -1, func(r *Run) {
		app := root(r, "app")
		b := bus.New(app.owner, "bus")
		p := app.child("p")
		reply := func(o *tether.Owner) {
			c, err := bus.Reply(o, b, func(_ context.Context, n int) (int, error) { return n, nil })
			if err != nil && (!errors.Is(err, bus.ErrTaken) || c.Connected()) {
				r.Failf("a responder: %v", err)
			}
		}
		r.Go("reply", func() { reply(app.owner) })
		r.Go("reply, for a time", func() { reply(p.owner) })
		r.Go("destroy", p.destroy)
		r.Check(func() {
			p.ended()
			if _, err := bus.Ask[int](context.Background(), b, 1); err != nil && !errors.Is(err, bus.ErrNobody) {
				r.Failf("the answer is %v", err)
			}
			app.destroy()
			app.ended()
		})
	}},
}
