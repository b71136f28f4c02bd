//go:build tether_explore

package explore

import (
	"context"
	"errors"
	"sync/atomic"
	"testing/synctest"

	"github.com/seed-ec287111/tether"
)

// ending is about owners that end in stages, signals that close in their turn, closers
// at the cut-off, and goroutines that fail.
var ending = []scenario{
	{"staged destroy, child destroy, fire", 1, 1, func(r *Run) {
		var s tether.Signal[int]
		app, _, young := staged(r, &s)
		r.Go("destroy app", app.destroy)
		r.Go("destroy young", young.destroy)
		r.Go("fire", func() { s.Fire(1) })
		r.Check(func() { app.ended(); empty(r, &s) })
	}},
	{"staged destroy twice, fire", 1, 1, func(r *Run) {
		var s tether.Signal[int]
		app, _, _ := staged(r, &s)
		r.Go("destroy 1", app.destroy)
		r.Go("destroy 2", app.destroy)
		r.Go("fire", func() { s.Fire(1) })
		r.Check(func() { app.ended(); empty(r, &s) })
	}},
	{"staged destroy in a child's handler, destroy", 1, 0, func(r *Run) {
		var s tether.Signal[int]
		app, _, young := staged(r, &s)
		s.Connect(young.owner, young.handler(app.destroyInside))
		r.Go("fire", func() { s.Fire(1) })
		r.Go("destroy", app.destroy)
		r.Check(func() {
			s.Fire(2) // the handler may have come too late
			app.ended()
			empty(r, &s)
		})
	}},
	{"staged destroy, cancel, fire", 1, 0, func(r *Run) {
		var s tether.Signal[int]
		app := watch(r, tether.NewOwner("app", tether.Staged()))
		for _, name := range []string{"old", "young"} {
			c := app.child(name)
			s.Connect(c.owner, c.handler())
		}
		r.Go("destroy", app.destroy)
		r.Go("cancel", func() { app.owner.Cancel(nil) })
		r.Go("fire", func() { s.Fire(1) })
		r.Check(func() { app.ended(); empty(r, &s) })
	}},
	{"staged destroy in no time, destroy, fire", 1, 0, func(r *Run) {
		var s tether.Signal[int]
		app := watch(r, tether.NewOwner("app", tether.Staged()))
		for _, name := range []string{"old", "young"} {
			c := app.child(name)
			s.Connect(c.owner, c.handler())
		}
		ctx, cancel := context.WithCancel(context.Background())
		r.Go("destroy in no time", func() { app.destroyed(app.owner.DestroyContext(ctx), true) })
		r.Go("time ends", cancel)
		r.Go("fire", func() { s.Fire(1) })
		r.Check(func() {
			app.destroy()
			app.ended()
			empty(r, &s)
		})
	}},
	{"staged below a parent, both destroyed, fire", 1, 0, func(r *Run) {
		var s tether.Signal[int]
		root := root(r, "root")
		app := watch(r, root.owner.NewChild("app", tether.Staged()))
		root.children = append(root.children, app)
		c := app.child("child")
		s.Connect(c.owner, c.handler())
		r.Go("destroy root", root.destroy)
		r.Go("destroy app", app.destroy)
		r.Go("fire", func() { s.Fire(1) })
		r.Check(func() { root.ended(); empty(r, &s) })
	}},
	{"staged in staged, both destroyed, fire", 1, 0, func(r *Run) {
		var s tether.Signal[int]
		app := watch(r, tether.NewOwner("app", tether.Staged()))
		inner := watch(r, app.owner.NewChild("inner", tether.Staged()))
		app.children = append(app.children, inner)
		c := inner.child("child")
		s.Connect(c.owner, c.handler())
		r.Go("destroy app", app.destroy)
		r.Go("destroy inner", inner.destroy)
		r.Go("fire", func() { s.Fire(1) })
		r.Check(func() { app.ended(); empty(r, &s) })
	}},
	{"staged destroy, child made", 1, 1, func(r *Run) {
		app := watch(r, tether.NewOwner("app", tether.Staged()))
		var made *tether.Owner
		old := app.child("old")
		old.owner.Defer(func() {
			if app.owner.NewChild("late").Alive() {
				r.Failf("a child is made while the stages run")
			}
		})
		var gone atomic.Bool
		r.Go("destroy", app.destroy)
		r.Go("make", func() {
			made = app.owner.NewChild("made")
			made.Defer(func() { gone.Store(true) })
		})
		r.Check(func() {
			app.ended()
			if made.Alive() || !gone.Load() {
				r.Failf("the child that was made outlives its parent")
			}
		})
	}},
	{"staged, mutual destroy in goroutines", 1, 0, func(r *Run) {
		app := watch(r, tether.NewOwner("app", tether.Staged()))
		old, _, other := app.child("old"), app.child("young"), root(r, "other")
		owned(r, old, func() { other.destroyInside() })
		owned(r, other, func() { app.destroyInside() })
		r.Check(func() { app.ended(); other.ended() })
	}},
	{"staged, mutual destroy in goroutines, and from outside", 1, 0, func(r *Run) {
		app := watch(r, tether.NewOwner("app", tether.Staged()))
		old, other := app.child("old"), root(r, "other")
		owned(r, old, func() { other.destroyInside() })
		owned(r, other, func() { app.destroyInside() })
		r.Go("destroy app", app.destroy)
		r.Check(func() { app.ended(); other.ended() })
	}},
	{"goroutine fails in a child, parent destroy", 2, 1, func(r *Run) {
		reason := errors.New("reason")
		app := root(r, "app")
		child := app.child("child")
		begin := make(chan struct{})
		child.owner.GoErr(func(context.Context) error {
			child.enter()
			<-begin
			r.Point("goroutine fails")
			child.leave()
			return reason
		})
		var err error
		r.Go("begin", func() { close(begin) })
		r.Go("destroy app", func() { err = app.owner.Destroy() })
		r.Check(func() {
			app.ended()
			if cause := context.Cause(child.owner.Context()); cause != reason && err != reason {
				r.Failf("the error is lost: cause %v, Destroy %v", cause, err)
			}
			if e := child.owner.Destroy(); e != reason {
				r.Failf("Destroy of the child = %v", e)
			}
		})
	}},
	{"two goroutines fail, staged", 1, 0, func(r *Run) {
		app := watch(r, tether.NewOwner("app", tether.Staged()))
		app.child("child")
		begin := make(chan struct{})
		errs := []error{errors.New("first"), errors.New("second")}
		for _, err := range errs {
			app.owner.GoErr(func(context.Context) error {
				app.enter()
				<-begin
				r.Point("goroutine fails")
				app.leave()
				return err
			})
		}
		r.Go("begin", func() { close(begin) })
		r.Check(func() {
			app.ended()
			err := app.owner.Destroy()
			if !errors.Is(err, errs[0]) || !errors.Is(err, errs[1]) {
				r.Failf("Destroy = %v", err)
			}
		})
	}},
	{"own blocking, own, destroy, cancel", 1, 0, func(r *Run) {
		p := root(r, "app")
		open := make(chan struct{})
		var closed, after atomic.Int32
		tether.Own(p.owner, closing(func() { after.Add(1) }))
		tether.OwnBlocking(p.owner, closing(func() {
			r.Point("closing")
			closed.Add(1)
			close(open)
		}))
		owned(r, p, func() {
			<-open
			if after.Load() != 0 {
				r.Failf("closed in turn while a goroutine runs")
			}
		})
		r.Go("destroy", p.destroy)
		r.Go("cancel", func() { p.owner.Cancel(nil) })
		r.Check(func() {
			p.ended()
			if closed.Load() != 1 || after.Load() != 1 {
				r.Failf("closed %d and %d times", closed.Load(), after.Load())
			}
		})
	}},
	{"own blocking while it is destroyed", 2, 1, func(r *Run) {
		p := root(r, "app")
		var closed atomic.Int32
		r.Go("own", func() { tether.OwnBlocking(p.owner, closing(func() { closed.Add(1) })) })
		r.Go("destroy", p.destroy)
		r.Check(func() {
			p.ended()
			if closed.Load() != 1 {
				r.Failf("closed %d times", closed.Load())
			}
		})
	}},
	{"close in turn, connect, fire, destroy", 1, 0, func(r *Run) {
		hub, outside, s := inTurn(r)
		c := s.Connect(outside, func(int) {})
		synctest.Wait() // for the goroutine of active
		r.Go("leave and come", func() {
			c.Disconnect()
			s.Connect(outside, func(int) {})
		})
		r.Go("destroy", hub.destroy)
		r.Check(func() { hub.ended(); empty(r, s); _ = outside.Destroy() })
	}},
	{"close in turn, destroyed in a handler, and outside", 1, 0, func(r *Run) {
		hub, outside, s := inTurn(r)
		s.Connect(outside, func(int) {})
		synctest.Wait() // for the goroutine of active
		var quit tether.Signal[int]
		quit.Connect(hub.owner, hub.handler(hub.destroyInside))
		r.Go("fire", func() { quit.Fire(1) })
		r.Go("destroy", hub.destroy)
		r.Check(func() { hub.ended(); empty(r, s); _ = outside.Destroy() })
	}},
	{"close in turn, active and another destroy each other", 1, 0, func(r *Run) {
		hub, other := root(r, "hub"), root(r, "other")
		begin := make(chan struct{})
		s := tether.NewSignal[int](hub.owner, tether.CloseInTurn(), tether.WhileActive(func(o *tether.Owner) {
			o.Go(func(context.Context) {
				<-begin
				other.destroyInside()
			})
		}))
		outside := tether.NewOwner("outside")
		s.Connect(outside, func(int) {})
		owned(r, other, hub.destroyInside) // waits until the goroutine of active has begun
		r.Go("begin", func() { close(begin) })
		r.Go("destroy hub", hub.destroy)
		r.Check(func() { hub.ended(); other.ended(); _ = outside.Destroy() })
	}},
}

// staged returns a staged owner with two children, which have handlers. When the younger
// one unwinds, the others must be alive.
func staged(r *Run, s *tether.Signal[int]) (app, old, young *probe) {
	app = watch(r, tether.NewOwner("app", tether.Staged()))
	old, young = app.child("old"), app.child("young")
	for _, c := range app.children {
		s.Connect(c.owner, c.handler())
		c.owner.Defer(func() {
			if !app.owner.Alive() || c == young && !old.owner.Alive() {
				r.Failf("%s unwinds when older ones have been cut off", c.owner.Name())
			}
		})
	}
	return app, old, young
}

// inTurn returns an owner with a signal that closes in its turn, and an owner of somebody
// who connects. What runs while the signal is active is watched as running in hub.
func inTurn(r *Run) (hub *probe, outside *tether.Owner, s *tether.Signal[int]) {
	hub, outside = root(r, "hub"), tether.NewOwner("outside")
	s = tether.NewSignal[int](hub.owner, tether.CloseInTurn(), tether.WhileActive(func(o *tether.Owner) {
		hub.running.Add(1)
		o.Defer(func() { hub.running.Add(-1) })
		o.Go(func(ctx context.Context) {
			<-ctx.Done()
			r.Point("active was told")
		})
	}))
	return hub, outside, s
}

type closing func()

func (c closing) Close() error { c(); return nil }
