//go:build tether_explore

package explore

import (
	"context"
	"errors"
	"sync/atomic"
	"testing/synctest"

	"github.com/seed-ec287111/tether"
)

// trees is about teardowns within teardowns, and about those that wait for each other.
var trees = []scenario{
	{"three nested destroy", 1, 1, func(r *Run) {
		// The cleanups of grand run under whoever comes last; the probes see that
		// no parent unwinds before its child.
		var s tether.Signal[int]
		app := root(r, "app")
		child := app.child("child")
		grand := child.child("grand")
		s.Connect(grand.owner, grand.handler())
		r.Go("destroy app", app.destroy)
		r.Go("destroy child", child.destroy)
		r.Go("destroy grand", grand.destroy)
		r.Go("fire", func() { s.Fire(1) })
		r.Check(func() { app.ended(); empty(r, &s) })
	}},
	{"destroyed under a draining parent", 1, 0, func(r *Run) {
		// app is destroyed first, so that it drains when child and grand are.
		app := root(r, "app")
		child := app.child("child")
		grand := child.child("grand")
		leave := make(chan struct{})
		owned(r, grand, func() { <-leave })
		r.Go("destroy app", func() {
			app.owner.Cancel(nil)
			app.destroy()
		})
		r.Go("destroy child", child.destroy)
		r.Go("destroy grand", func() {
			close(leave)
			grand.destroy()
		})
		r.Check(app.ended)
	}},
	{"cancel, destroy, destroy in time, interrupt", 1, 0, func(r *Run) {
		p := root(r, "app")
		stop := make(chan struct{})
		var interrupts atomic.Int32
		p.owner.Interrupt(func() {
			interrupts.Add(1)
			r.Point("interrupt")
			close(stop)
		})
		owned(r, p, func() { <-stop })
		r.Go("cancel", func() { p.owner.Cancel(nil) })
		r.Go("destroy", p.destroy)
		r.Go("destroy in time", func() { p.destroyed(p.owner.DestroyContext(context.Background()), false) })
		r.Check(func() {
			p.ended()
			if n := interrupts.Load(); n != 1 {
				r.Failf("the interrupt ran %d times", n)
			}
		})
	}},
	{"interrupt panics, destroy, fire", 2, 1, func(r *Run) {
		var s tether.Signal[int]
		p := root(r, "app")
		s.Connect(p.owner, p.handler())
		interrupts := 0
		p.owner.Interrupt(func() { interrupts++ })
		p.owner.Interrupt(func() { panic("interrupt") })
		var panics atomic.Int32
		destroy := func() {
			defer func() {
				if v := recover(); v != nil {
					panics.Add(1)
					p.markOver() // a barrier all the same
				}
			}()
			p.destroy()
		}
		r.Go("destroy 1", destroy)
		r.Go("destroy 2", destroy)
		r.Go("fire", func() { s.Fire(1) })
		r.Check(func() {
			p.ended()
			empty(r, &s)
			if n := panics.Load(); n != 1 || interrupts != 1 {
				r.Failf("%d panics, and the other interrupt ran %d times", n, interrupts)
			}
		})
	}},
	{"mutual destroy, two trees", 2, 1, func(r *Run) { ring(r, "a", "b") }},
	{"destroy in a ring of three trees", 1, 1, func(r *Run) { ring(r, "a", "b", "c") }},
	{"mutual destroy, two trees, and from outside", 1, 1, func(r *Run) {
		all := ring(r, "a", "b")
		r.Go("destroy a", all[0].destroy)
	}},
}

// owned starts a goroutine of p's, which runs f when a worker of its has gone on.
func owned(r *Run, p *probe, f func()) {
	begin := make(chan struct{})
	p.owner.Go(func(context.Context) {
		p.enter()
		<-begin
		r.Point("goroutine of " + p.owner.Name())
		f()
		p.leave()
	})
	synctest.Wait() // it has got so far before the schedule begins
	r.Go("begin "+p.owner.Name(), func() { close(begin) })
}

// ring has a goroutine of each root destroy the next one. One of them is not to wait.
func ring(r *Run, names ...string) (all []*probe) {
	for _, name := range names {
		all = append(all, root(r, name))
	}
	errs := make([]error, len(all))
	for i, p := range all {
		next := all[(i+1)%len(all)]
		owned(r, p, func() {
			errs[i] = next.owner.Destroy()
			if errs[i] == nil {
				next.markOver()
			}
		})
	}
	r.Check(func() {
		pending := 0
		for _, err := range errs {
			if errors.Is(err, tether.ErrPending) {
				pending++
			} else if err != nil {
				r.Failf("Destroy = %v", err)
			}
		}
		if pending != 1 {
			r.Failf("%d of %d calls returned ErrPending, want 1: %v", pending, len(errs), errs)
		}
		for _, p := range all {
			p.ended()
		}
	})
	return all
}
