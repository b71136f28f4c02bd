//go:build tether_explore

package explore

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/seed-ec287111/tether"
)

// A probe watches one owner from outside and knows what must hold of it.
type probe struct {
	r        *Run
	owner    *tether.Owner
	children []*probe

	running  atomic.Int32 // handlers and goroutines
	calls    atomic.Int32
	cleanups atomic.Int32
	over     atomic.Bool // a Destroy has returned nil
	ctx      context.Context
}

// root returns an owner with a cleanup, watched.
func root(r *Run, name string) *probe { return watch(r, tether.NewOwner(name)) }

func (p *probe) child(name string) *probe {
	c := watch(p.r, p.owner.NewChild(name))
	p.children = append(p.children, c)
	return c
}

func watch(r *Run, o *tether.Owner) *probe {
	p := &probe{r: r, owner: o, ctx: o.Context()}
	o.Defer(p.cleanup)
	return p
}

// cleanup is the one that runs last, as the first one registered.
func (p *probe) cleanup() {
	if n := p.cleanups.Add(1); n != 1 {
		p.r.Failf("the cleanup of %s runs for the %d. time", p.owner.Path(), n)
	}
	p.quiet("the cleanup of " + p.owner.Path() + " runs")
	if p.ctx.Err() == nil {
		p.r.Failf("the cleanup of %s runs before its context has ended", p.owner.Path())
	}
	p.r.Point("in cleanup of " + p.owner.Name())
	p.quiet("the cleanup of " + p.owner.Path() + " runs")
	for _, c := range p.children {
		if c.cleanups.Load() != 1 {
			p.r.Failf("%s unwinds before its child %s", p.owner.Path(), c.owner.Name())
		}
	}
}

// quiet fails if anything of the subtree runs.
func (p *probe) quiet(when string) {
	if n := p.running.Load(); n != 0 {
		p.r.Failf("%s while %d calls of %s run", when, n, p.owner.Path())
	}
	for _, c := range p.children {
		c.quiet(when)
	}
}

// enter and leave frame whatever runs in the owner.
func (p *probe) enter() {
	p.may("begins")
	p.running.Add(1)
	p.calls.Add(1)
}

func (p *probe) leave() {
	p.running.Add(-1)
	p.may("ends")
}

func (p *probe) may(what string) {
	if p.over.Load() {
		p.r.Failf("a call of %s %s after Destroy has returned nil", p.owner.Path(), what)
	}
	if p.cleanups.Load() != 0 {
		p.r.Failf("a call of %s %s after its cleanup", p.owner.Path(), what)
	}
}

// handler returns a handler that has a mark in it, and may do something then.
func (p *probe) handler(do ...func()) func(int) {
	return p.handlerOf(func(int) {
		for _, f := range do {
			f()
		}
	})
}

// handlerOf is handler of a function that looks at the value.
func (p *probe) handlerOf(do func(int)) func(int) {
	return func(v int) {
		p.enter()
		defer p.leave()
		p.r.Point("in handler of " + p.owner.Name())
		do(v)
	}
}

// destroy destroys the owner from outside of any handler: a full barrier.
func (p *probe) destroy() {
	p.destroyed(p.owner.Destroy(), false)
}

// destroyInside destroys from inside a handler, where ErrPending may come.
func (p *probe) destroyInside() {
	p.destroyed(p.owner.Destroy(), true)
}

func (p *probe) destroyed(err error, mayPend bool) {
	switch {
	case err == nil:
		p.markOver()
	case !mayPend || !errors.Is(err, tether.ErrPending):
		p.r.Failf("Destroy of %s = %v", p.owner.Path(), err)
	}
}

func (p *probe) markOver() {
	p.quiet("Destroy of " + p.owner.Path() + " returns nil")
	if n := p.cleanups.Load(); n != 1 {
		p.r.Failf("Destroy of %s returns nil after %d cleanups", p.owner.Path(), n)
	}
	p.over.Store(true)
	for _, c := range p.children {
		c.markOver()
	}
}

// ended fails unless the owner has ended and left nothing behind.
func (p *probe) ended() {
	select {
	case <-p.owner.Ended():
	default:
		p.r.Failf("%s has not ended", p.owner.Path())
	}
	p.quiet("all is over")
	if n := p.cleanups.Load(); n != 1 {
		p.r.Failf("%s has ended after %d cleanups", p.owner.Path(), n)
	}
	if s := p.owner.Stats(); s != (tether.Stats{}) {
		p.r.Failf("%s has ended and holds %+v", p.owner.Path(), s)
	}
	for _, c := range p.children {
		c.ended()
	}
}

// empty fails if the signal has connections.
func empty(r *Run, s *tether.Signal[int]) {
	if n := s.Len(); n != 0 {
		r.Failf("the signal holds %d connections", n)
	}
}
