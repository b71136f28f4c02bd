//go:build tether_explore

package explore

import (
	"context"
	"runtime/debug"
	"strings"
	"sync/atomic"

	"github.com/seed-ec287111/tether"
)

// A finish is a Finish queue of app's with a connection of p's. It knows which values were
// accepted for certain: those whose Fire had returned before anybody began to end anything.
type finish struct {
	r      *Run
	app, p *probe
	s      tether.Signal[int]
	q      *tether.Queue
	c      *tether.Connection

	ending   atomic.Bool
	fired    int
	accepted int
}

func newFinish(r *Run, one bool, overflow tether.Overflow, connect func(f *finish, h func(int))) *finish {
	f := &finish{r: r, app: root(r, "app")}
	f.p = f.app
	if !one {
		f.p = root(r, "p")
	}
	f.q = tether.NewQueue(f.app.owner, 2, overflow, tether.Finish())
	h := inOrder(r, f.p)
	connect(f, func(v int) {
		if f.app != f.p {
			f.app.enter()
			defer f.app.leave()
		}
		h(v)
	})
	return f
}

// direct connects f's handler, and has it do something with the first value.
func direct(do func(f *finish)) func(f *finish, h func(int)) {
	return func(f *finish, h func(int)) {
		f.c = f.s.Connect(f.p.owner, func(v int) {
			h(v)
			if v == 0 && do != nil {
				do(f)
			}
		}, tether.On(f.q))
	}
}

func (f *finish) fire(n int) {
	for v := range n {
		f.s.Fire(v)
		f.fired++
		if !f.ending.Load() {
			f.accepted++
		}
	}
}

// end begins to end something.
func (f *finish) end(g func()) {
	f.ending.Store(true)
	g()
}

// over checks the end, when all has been destroyed.
func (f *finish) over() {
	f.p.destroy()
	f.app.destroy()
	f.p.ended()
	f.app.ended()
	empty(f.r, &f.s)
	n, d := int(f.p.calls.Load()), int(f.q.Dropped())
	if n < f.accepted || n+d > f.fired || f.q.Len() != 0 {
		f.r.Failf("%d values, %d accepted before the end: %d handled, %d dropped, %d left", f.fired, f.accepted, n, d, f.q.Len())
	}
	select {
	case <-f.c.Ended():
	default:
		f.r.Failf("the connection has not ended")
	}
}

// finishing is what a Finish queue does, against all that may end it.
var finishing = []scenario{
	{"finish, connection's owner destroyed", 2, 1, func(r *Run) {
		f := newFinish(r, false, tether.Block, direct(nil))
		r.Go("fire", func() { f.fire(2) })
		r.Go("destroy", func() { f.end(f.p.destroy) })
		r.Check(f.over)
	}},
	{"finish, queue's owner destroyed", 2, 1, func(r *Run) {
		f := newFinish(r, false, tether.Block, direct(nil))
		r.Go("fire", func() { f.fire(2) })
		r.Go("destroy", func() { f.end(f.app.destroy) })
		r.Check(f.over)
	}},
	{"finish, one owner destroyed", 2, 1, func(r *Run) {
		f := newFinish(r, true, tether.Block, direct(nil))
		r.Go("fire", func() { f.fire(2) })
		r.Go("destroy", func() { f.end(f.app.destroy) })
		r.Check(f.over)
	}},
	{"finish, both owners destroyed", 2, 1, func(r *Run) {
		f := newFinish(r, false, tether.Block, direct(nil))
		r.Go("fire", func() { f.fire(2) })
		r.Go("destroy", func() { f.end(f.p.destroy) })
		r.Go("destroy the queue's", func() { f.end(f.app.destroy) })
		r.Check(f.over)
	}},
	{"finish, destroyed in its handler", 2, 1, func(r *Run) {
		f := newFinish(r, false, tether.Block, direct(func(f *finish) { f.end(f.p.destroyInside) }))
		r.Go("fire", func() { f.fire(2) })
		r.Go("destroy the queue's", func() { f.end(f.app.destroy) })
		r.Check(f.over)
	}},
	{"finish, destroyed in another handler", 2, 1, func(r *Run) {
		f := newFinish(r, false, tether.Block, direct(nil))
		other := root(r, "other")
		var t tether.Signal[int]
		t.Connect(other.owner, func(int) { f.end(f.p.destroyInside); f.app.destroyInside() })
		r.Go("fire", func() { f.fire(2) })
		r.Go("destroy", func() { t.Fire(0) })
		r.Check(func() { f.over(); other.destroy() })
	}},
	{"finish, destroyed in an owned goroutine", 2, 1, func(r *Run) {
		f := newFinish(r, false, tether.Block, direct(nil))
		other := root(r, "other")
		r.Go("fire", func() { f.fire(2) })
		r.Go("go", func() { other.owner.Go(func(context.Context) { f.end(f.p.destroy) }) })
		r.Check(func() { other.destroy(); f.over() })
	}},
	{"finish, disconnect, destroy", 2, 1, func(r *Run) {
		f := newFinish(r, false, tether.Block, direct(nil))
		r.Go("fire", func() { f.fire(2) })
		r.Go("disconnect", func() { f.end(func() { f.c.Disconnect() }) })
		r.Go("destroy", func() { f.end(f.p.destroy) })
		r.Check(f.over)
	}},
	{"finish, disconnect, destroyed in another handler", 3, 2, func(r *Run) {
		f := newFinish(r, false, tether.Block, direct(nil))
		f.p.owner.Defer(func() {
			if s := string(debug.Stack()); strings.Contains(s, ").Disconnect(") {
				r.Failf("a cleanup runs inside Disconnect, which may be called under any lock")
			}
		})
		other := root(r, "other")
		var t tether.Signal[int]
		t.Connect(other.owner, func(int) { f.end(f.p.destroyInside) })
		r.Go("fire", func() { f.fire(1); t.Fire(0) }) // nobody waits for the end
		r.Go("disconnect", func() { f.end(func() { f.c.Disconnect() }) })
		r.Check(func() { f.over(); other.destroy() })
	}},
	{"finish, disconnected in its handler, destroy", 2, 1, func(r *Run) {
		f := newFinish(r, false, tether.Block, direct(func(f *finish) { f.end(func() { f.c.Disconnect() }) }))
		r.Go("fire", func() { f.fire(2) })
		r.Go("destroy", func() { f.end(f.p.destroy) })
		r.Check(f.over)
	}},
	{"finish, connect, destroy both", 2, 1, func(r *Run) {
		f := newFinish(r, false, tether.Block, func(f *finish, h func(int)) { f.c = new(tether.Connection) })
		h := inOrder(r, f.p)
		r.Go("connect, fire", func() {
			f.c = f.s.Connect(f.p.owner, h, tether.On(f.q))
			f.s.Fire(0)
		})
		r.Go("destroy", f.p.destroy)
		r.Go("destroy the queue's", f.app.destroy)
		r.Check(func() { f.fired = 1; f.over() })
	}},
	{"finish, once, destroy both", 2, 1, func(r *Run) {
		f := newFinish(r, false, tether.Block, func(f *finish, h func(int)) {
			f.c = f.s.Once(f.p.owner, h, tether.On(f.q))
		})
		r.Go("fire", func() {
			f.s.Fire(0)
			f.fired = 1
			if !f.ending.Load() {
				f.accepted = 1
			}
		})
		r.Go("destroy", func() { f.end(f.p.destroy) })
		r.Go("destroy the queue's", func() { f.end(f.app.destroy) })
		r.Check(f.over)
	}},
	{"finish, a value dropped for another's, destroy", 1, 0, func(r *Run) {
		f := newFinish(r, false, tether.DropOldest, direct(nil))
		var t tether.Signal[int]
		t.Connect(f.app.owner, f.app.handler(), tether.On(f.q))
		r.Go("fire", func() { f.s.Fire(0) })
		r.Go("fire others", func() {
			for range 4 {
				t.Fire(0)
			}
		})
		r.Go("destroy", f.p.destroy)
		r.Check(func() {
			f.fired = 5
			f.over()
		})
	}},
	{"finish, given up, destroy", 1, 1, func(r *Run) {
		f := newFinish(r, false, tether.Block, direct(nil))
		gone, cancel := context.WithCancel(context.Background())
		cancel()
		r.Go("fire", func() { f.s.Fire(0); f.s.Fire(1) })
		r.Go("give up", func() {
			if f.app.owner.DestroyContext(gone) == nil {
				f.app.markOver()
			}
		})
		r.Go("destroy", f.p.destroy)
		r.Check(func() { f.fired = 2; f.over() })
	}},
}
