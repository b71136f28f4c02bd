//go:build tether_explore

package explore

import (
	"context"

	"github.com/seed-ec287111/tether/hook"
)

// hooks is about the walk that packages hook and bus go from handler to handler by.
var hooks = []scenario{
	{"hook: ask ask destroy", 2, 1, func(r *Run) {
		var v hook.Veto[int]
		p := root(r, "app")
		v.Handle(p.owner, func(context.Context, int) error { p.handler()(1); return nil })
		ask := func() {
			if err := v.Ask(context.Background(), 1); err != nil {
				r.Failf("an objection: %v", err)
			}
		}
		r.Go("ask 1", ask)
		r.Go("ask 2", ask)
		r.Go("destroy", p.destroy)
		r.Check(func() { p.ended(); none(r, v.Len()) })
	}},
	{"hook: ask destroy, two owners", 2, 2, func(r *Run) {
		var v hook.Veto[int]
		a, b := root(r, "a"), root(r, "b")
		for _, p := range []*probe{a, b, a} {
			v.Handle(p.owner, func(context.Context, int) error { p.handler()(1); return nil })
		}
		r.Go("ask", func() { _ = v.Ask(context.Background(), 1) })
		r.Go("destroy", a.destroy)
		r.Check(func() {
			a.ended()
			if n := b.calls.Load(); n != 1 {
				r.Failf("the handler of the other owner was called %d times", n)
			}
			b.destroy()
			b.ended()
			none(r, v.Len())
		})
	}},
	{"hook: run destroy destroy", 2, 1, func(r *Run) {
		var c hook.Chain[int, int]
		a, b := root(r, "a"), root(r, "b")
		for _, p := range []*probe{a, b} {
			c.Use(p.owner, func(ctx context.Context, in int, next func(context.Context, int) (int, error)) (int, error) {
				p.enter()
				defer p.leave()
				return next(context.WithoutCancel(ctx), in)
			})
		}
		r.Go("run", func() {
			ran := false
			_, _ = c.Run(context.Background(), 1, func(context.Context, int) (int, error) { ran = true; return 1, nil })
			if !ran {
				r.Failf("the action was not run")
			}
		})
		r.Go("destroy a", a.destroy)
		r.Go("destroy b", b.destroy)
		r.Check(func() { a.ended(); b.ended(); none(r, c.Len()) })
	}},
	{"hook: a context ends twice", 2, 1, func(r *Run) {
		var v hook.Veto[int]
		p := root(r, "app")
		ctx, cancel := context.WithCancel(context.WithValue(context.Background(), r, 1))
		v.Handle(p.owner, func(ctx context.Context, _ int) error {
			p.enter()
			defer p.leave()
			<-ctx.Done()
			if ctx.Err() == nil || context.Cause(ctx) == nil {
				r.Failf("a context that has ended has no error")
			}
			return nil
		})
		r.Go("ask", func() { _ = v.Ask(ctx, 1) })
		r.Go("cancel", cancel)
		r.Go("destroy", p.destroy)
		r.Check(func() { p.ended(); none(r, v.Len()) })
	}},
}

func none(r *Run, handlers int) {
	if handlers != 0 {
		r.Failf("%d handlers are left", handlers)
	}
}
