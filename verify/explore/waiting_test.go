//go:build tether_explore

package explore

import (
	"context"
	"errors"

	"github.com/seed-ec287111/tether"
)

// waiting is about those who wait for values, and firers that wait for them.
var waiting = []scenario{
	{"values holds whom its loop destroys", 2, 1, func(r *Run) {
		s := new(tether.Signal[int])
		consumer, producer := root(r, "consumer"), root(r, "producer")
		done, last := consumer.owner.Context(), 0
		owned(r, consumer, func() {
			for v := range tether.Values(done, s, 1, tether.Block) {
				if v <= last {
					r.Failf("value %d comes after %d", v, last)
				}
				last = v
				producer.destroy() // which may be held by this loop
			}
		})
		owned(r, producer, func() {
			for v := 1; v <= 3; v++ {
				s.Fire(v)
			}
		})
		r.Check(func() {
			if last == 0 { // the loop began when all had been fired
				producer.destroy()
			}
			producer.ended()
			consumer.destroy()
			consumer.ended()
			empty(r, s)
		})
	}},
	{"manual queue holds whom its loop destroys", 2, 1, func(r *Run) {
		var s tether.Signal[int]
		app, producer := root(r, "app"), root(r, "producer")
		q := tether.NewQueue(app.owner, 1, tether.Block, tether.Manual())
		s.Connect(app.owner, inOrder(r, app), tether.On(q))
		owned(r, producer, func() {
			for v := range 3 {
				s.Fire(v)
			}
		})
		r.Go("main loop", func() {
			q.Drain()
			producer.destroy()
			q.Drain()
		})
		r.Check(func() {
			producer.ended()
			if n, d := int(app.calls.Load()), int(q.Dropped()); n+d != 3 || q.Len() != 0 {
				r.Failf("3 values: %d handled, %d dropped, %d left", n, d, q.Len())
			}
			app.destroy()
			app.ended()
			empty(r, &s)
		})
	}},
	{"wait fire destroy", 2, 1, func(r *Run) {
		app := root(r, "app")
		s := tether.NewSignal[int](app.owner)
		wait := func() {
			v, err := tether.Wait(context.Background(), s)
			if err == nil && v != 1 && v != 2 || err != nil && !errors.Is(err, tether.ErrDestroyed) {
				r.Failf("Wait = %d, %v", v, err)
			}
		}
		r.Go("wait", wait)
		r.Go("fire", func() { s.Fire(1); s.Fire(2) })
		r.Go("destroy", app.destroy)
		r.Check(func() { app.ended(); empty(r, s) })
	}},
	{"wait fire cancel", 2, 1, func(r *Run) {
		s := new(tether.Signal[int])
		cause := errors.New("cause")
		ctx, cancel := context.WithCancelCause(context.Background())
		r.Go("wait", func() {
			if v, err := tether.Wait(ctx, s); err == nil && v != 1 || err != nil && err != cause {
				r.Failf("Wait = %d, %v", v, err)
			}
		})
		r.Go("fire", func() { s.Fire(1) })
		r.Go("cancel", func() { cancel(cause) })
		r.Check(func() { empty(r, s) })
	}},
	{"values fire cancel", 2, 1, func(r *Run) {
		s := new(tether.Signal[int])
		ctx, cancel := context.WithCancel(context.Background())
		last := 0
		r.Go("values", func() {
			for v := range tether.Values(ctx, s, 1, tether.Block) {
				if last != 0 && v != last+1 {
					r.Failf("value %d comes after %d", v, last)
				}
				last = v
				r.Point("in the loop")
			}
		})
		r.Go("fire", func() {
			for v := 1; v <= 3; v++ {
				s.Fire(v)
			}
		})
		r.Go("cancel", cancel)
		r.Check(func() { empty(r, s) })
	}},
	{"values fire destroy", 2, 1, func(r *Run) {
		app := root(r, "app")
		s := tether.NewSignal[int](app.owner)
		last := 0
		r.Go("values", func() { // the loop ends with the signal
			for v := range tether.Values(context.Background(), s, 2, tether.Block) {
				if v <= last {
					r.Failf("value %d comes after %d", v, last)
				}
				last = v
				r.Point("in the loop")
			}
		})
		r.Go("fire", func() {
			s.Fire(1)
			s.Fire(2)
		})
		r.Go("destroy", app.destroy)
		r.Check(func() {
			app.ended()
			empty(r, s)
		})
	}},
}
