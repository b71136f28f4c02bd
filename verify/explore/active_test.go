//go:build tether_explore

package explore

import (
	"sync/atomic"

	"github.com/seed-ec287111/tether"
)

// active is about WhileActive, and about a Fire whose blocks are replaced under it.
var active = []scenario{
	{"while active, come and go", 1, 0, func(r *Run) {
		app, p := root(r, "app"), root(r, "p")
		a := watchActives(r, app)
		r.Go("come and go 1", func() { a.signal.Connect(p.owner, func(int) {}).Disconnect() })
		r.Go("come and go 2", func() { a.signal.Connect(p.owner, func(int) {}).Disconnect() })
		r.Go("go and come", func() {
			a.signal.Connect(p.owner, func(int) {}).Disconnect()
			a.signal.Connect(p.owner, func(int) {})
		})
		r.Check(func() {
			a.check(1)
			p.destroy()
			app.destroy()
			p.ended()
			app.ended()
			a.ended()
		})
	}},
	{"while active, all leave and one comes", 2, 2, func(r *Run) {
		app, p := root(r, "app"), root(r, "p")
		a := watchActives(r, app)
		r.Go("come", func() { a.signal.Connect(p.owner, func(int) {}) })
		r.Go("all leave, one comes", func() {
			a.signal.DisconnectAll()
			a.signal.Connect(p.owner, func(int) {})
		})
		r.Check(func() {
			if n := a.signal.Len(); n == 0 || n > 2 {
				r.Failf("Len = %d", n)
			}
			a.check(a.signal.Len())
			p.destroy()
			app.destroy()
			p.ended()
			app.ended()
			a.ended()
		})
	}},
	{"while active, come and go, destroy", 1, 1, func(r *Run) {
		app, p := root(r, "app"), root(r, "p")
		a := watchActives(r, app)
		a.runs = true
		r.Go("come and go", func() { a.signal.Connect(p.owner, func(int) {}).Disconnect() })
		r.Go("go and come", func() {
			a.signal.Connect(p.owner, func(int) {}).Disconnect()
			a.signal.Connect(p.owner, func(int) {})
		})
		r.Go("destroy", app.destroy)
		r.Check(func() {
			app.ended()
			empty(r, a.signal)
			a.ended()
			p.destroy()
			p.ended()
		})
	}},
	{"fire held while blocks are replaced", 2, 1, heldFire},
}

// actives watches the calls of one WhileActive function.
type actives struct {
	r        *Run
	app      *probe
	runs     bool // a call counts as running in app
	signal   *tether.Signal[int]
	all      []*tether.Owner // in the order of the calls
	running  atomic.Int32
	cleanups atomic.Int32
}

func watchActives(r *Run, app *probe) *actives {
	a := &actives{r: r, app: app}
	a.signal = tether.NewSignal[int](app.owner, tether.WhileActive(a.call))
	return a
}

func (a *actives) call(o *tether.Owner) {
	if a.running.Add(1) != 1 {
		a.r.Failf("two calls at once")
	}
	defer a.running.Add(-1)
	if !o.Alive() { // the step before was to ask
		a.r.Failf("a call for a stretch that has ended")
	}
	if n := len(a.all); n > 0 && a.all[n-1].Alive() {
		a.r.Failf("a call while an earlier stretch lives")
	}
	if a.runs {
		a.app.enter()
		defer a.app.leave()
	}
	a.all = append(a.all, o)
	o.Defer(func() { a.cleanups.Add(1) })
	a.r.Point("in WhileActive")
}

// check fails unless the last owner, and no other, lives as long as somebody is connected.
func (a *actives) check(conns int) {
	if n := a.signal.Len(); n != conns {
		a.r.Failf("Len = %d, want %d", n, conns)
	}
	for i, o := range a.all {
		if want := conns > 0 && i == len(a.all)-1; o.Alive() != want {
			a.r.Failf("%d connections, but owner %d of %d lives: %v", conns, i, len(a.all), o.Alive())
		}
	}
	if conns > 0 && len(a.all) == 0 {
		a.r.Failf("connected, but not active")
	}
}

func (a *actives) ended() {
	if n := int(a.cleanups.Load()); n != len(a.all) {
		a.r.Failf("%d calls, %d cleanups of their owners", len(a.all), n)
	}
}

// heldFire is a Fire that is held in its first handler, the first one of two with a high
// priority, while others replace its blocks: one takes that block out, another makes
// more of the block that follows, and thins it. After that exactly those are called that
// were connected before the Fire and live.
func heldFire(r *Run) {
	var s tether.Signal[int]
	p := root(r, "app")
	const n = 6
	var conns [n]*tether.Connection
	var gone, goneBefore [n]atomic.Bool // disconnected; before the first handler ended
	var calls [n]atomic.Int32
	var held atomic.Bool
	last := -1
	for i := range conns {
		var prio int
		if i < 2 {
			prio = 1
		}
		conns[i] = s.Connect(p.owner, func(int) {
			p.enter()
			defer p.leave()
			calls[i].Add(1)
			if i <= last {
				r.Failf("handler %d is called after handler %d", i, last)
			}
			last = i
			if goneBefore[i].Load() {
				r.Failf("handler %d is called though it was dead before its turn came", i)
			}
			if i == 0 {
				held.Store(true)
				r.Point("held in the first handler")
				for j := range gone {
					goneBefore[j].Store(gone[j].Load())
				}
			}
		}, tether.Priority(prio))
	}
	disconnect := func(i int) {
		conns[i].Disconnect()
		gone[i].Store(true)
	}
	connect := func() *tether.Connection {
		late := held.Load()
		return s.Connect(p.owner, func(int) {
			if late {
				r.Failf("a handler is called that was connected after the Fire had begun")
			}
		})
	}
	r.Go("fire", func() { s.Fire(1) })
	r.Go("take out", func() {
		disconnect(0)
		disconnect(1) // the last one of its block
	})
	r.Go("replace", func() {
		connect() // the block is full: it is copied
		disconnect(3)
		connect().Disconnect()
	})
	r.Check(func() {
		for i := range calls {
			if c := calls[i].Load(); c > 1 || c == 0 && !gone[i].Load() {
				r.Failf("handler %d, disconnected: %v, was called %d times", i, gone[i].Load(), c)
			}
		}
		if n := s.Len(); n != 4 {
			r.Failf("Len = %d, want 4", n)
		}
		p.destroy()
		p.ended()
		empty(r, &s)
	})
}
