//go:build tether_explore

package explore

import (
	"context"
	"errors"
	"slices"
	"sync/atomic"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/history"
	"github.com/seed-ec287111/tether/keyed"
	"github.com/seed-ec287111/tether/pool"
)

// packages is about what is built on the core. These packages have no marks of their own:
// in the deep build their mutexes are modelled. Tables of weak references are not here,
// as their entries end when the collector runs, which no schedule can decide.
var packages = []scenario{
	{"history: connect fire cancel", 2, 1, func(r *Run) {
		var s tether.Signal[int]
		app, p := root(r, "app"), root(r, "p")
		h := history.Record(app.owner, &s, 2)
		s.Fire(1)
		var got []int
		var c *tether.Connection
		r.Go("connect", func() {
			c = h.Connect(p.owner, func(v int) {
				got = append(got, v)
				r.Point("in handler")
			})
		})
		r.Go("fire", func() {
			s.Fire(2)
			s.Fire(3)
		})
		r.Go("cancel", func() { app.owner.Cancel(nil) })
		r.Check(func() {
			app.ended()
			for i, v := range got {
				if v != got[0]+i {
					r.Failf("the subscriber gets %v", got)
				}
			}
			if c.Connected() {
				r.Failf("a connection outlives its ring")
			}
			p.destroy()
			p.ended()
			empty(r, &s)
		})
	}},
	{"history: connect connect fire", 2, 1, func(r *Run) {
		var s tether.Signal[int]
		app := root(r, "app")
		h := history.Record(app.owner, &s, 3)
		s.Fire(1)
		var got [2][]int
		for i := range got {
			r.Go([]string{"connect 1", "connect 2"}[i], func() {
				h.Connect(app.owner, func(v int) {
					got[i] = append(got[i], v)
					r.Point("in handler")
				})
			})
		}
		r.Go("fire", func() { s.Fire(2); s.Fire(3) })
		r.Check(func() {
			for i := range got {
				if !slices.Equal(got[i], []int{1, 2, 3}) {
					r.Failf("subscriber %d gets %v", i+1, got[i])
				}
			}
			app.destroy()
			app.ended()
			empty(r, &s)
		})
	}},
	{"history: cancel closes", 2, 1, func(r *Run) {
		// Who sees the owner dead is given nothing; when Cancel returns, the
		// connections are dead.
		var s tether.Signal[int]
		app, p := root(r, "app"), root(r, "p")
		h := history.Record(app.owner, &s, 2)
		var dead atomic.Bool
		c := h.Connect(p.owner, func(int) {
			if dead.Load() {
				r.Failf("the owner was seen dead, but its ring delivers")
			}
		})
		r.Go("cancel", func() {
			if app.owner.Cancel(nil); c.Connected() {
				r.Failf("Cancel has returned, but a connection of the ring lives")
			}
		})
		r.Go("look", func() {
			dead.Store(!app.owner.Alive())
			s.Fire(1)
		})
		r.Go("connect", func() {
			dead := !app.owner.Alive()
			if c := h.Connect(p.owner, func(int) {}); dead && c.Connected() {
				r.Failf("a ring of a dead owner connects")
			}
		})
		r.Check(func() { app.ended(); p.destroy(); p.ended() })
	}},
	{"keyed: get get destroy replace", 1, 1, func(r *Run) {
		app := root(r, "app")
		k := keyed.New[string](app.owner, "sessions")
		live := make(map[*tether.Owner]bool)
		seen := func(o *tether.Owner) {
			for other := range live {
				if other != o && other.Alive() && o.Alive() {
					r.Failf("two live owners of one key")
				}
			}
			live[o] = true
		}
		seen(k.Get("a"))
		var cleanups atomic.Int32
		get := func() {
			o := k.Get("a")
			seen(o)
			o.Defer(func() { cleanups.Add(1) })
		}
		r.Go("get 1", get)
		r.Go("get 2", get)
		r.Go("destroy", func() {
			if err := k.Destroy("a"); err != nil {
				r.Failf("Destroy = %v", err)
			}
		})
		r.Go("replace", func() {
			before := k.Get("a")
			seen(before)
			o := k.Replace("a")
			seen(o)
			if o == before || before.Alive() {
				r.Failf("Replace returned, but the owner of before lives")
			}
			select {
			case <-before.Ended():
			default:
				r.Failf("Replace returned, but the owner of before has not ended")
			}
		})
		r.Check(func() {
			n := 0
			for o := range live {
				if o.Alive() {
					n++
				}
			}
			if n > 1 || k.Len() > 1 {
				r.Failf("%d live owners of one key, Len = %d", n, k.Len())
			}
			app.destroy()
			app.ended()
			if n := cleanups.Load(); n != 2 {
				r.Failf("%d of 2 cleanups ran", n)
			}
		})
	}},
	{"keyed: destroy destroy replace", 2, 1, func(r *Run) {
		app := root(r, "app")
		k := keyed.New[string](app.owner, "sessions")
		before := k.Get("a")
		ended := func(what string) {
			select {
			case <-before.Ended():
			default:
				r.Failf("%s returned, but the owner of before has not ended", what)
			}
		}
		for _, name := range []string{"destroy 1", "destroy 2"} {
			r.Go(name, func() {
				k.Destroy("a")
				ended("Destroy")
			})
		}
		r.Go("replace", func() {
			k.Replace("a")
			ended("Replace")
		})
		r.Check(func() {
			app.destroy()
			app.ended()
		})
	}},
	{"keyed map: get get destroy", 2, 1, func(r *Run) {
		app := root(r, "app")
		v := newValues(r, app)
		v.get("get 1", v.m.Get)
		v.get("get 2", v.m.Get)
		r.Go("destroy", func() {
			if err := v.m.Destroy("a"); err != nil {
				r.Failf("Destroy = %v", err)
			}
		})
		r.Check(v.over)
	}},
	{"keyed map: replace get destroy", 2, 1, func(r *Run) {
		app := root(r, "app")
		v := newValues(r, app)
		before := v.m.Get("a")
		v.get("replace", func(key string) *probe {
			p := v.m.Replace(key)
			before.quiet("Replace has returned")
			if before.cleanups.Load() != 1 {
				r.Failf("Replace returned, but the cleanup of before has not run")
			}
			return p
		})
		v.get("get", v.m.Get)
		r.Go("destroy", func() { _ = v.m.Destroy("a") })
		r.Check(v.over)
	}},
	{"keyed map: replace replace cancel", 2, 1, func(r *Run) {
		app := root(r, "app")
		v := newValues(r, app)
		before := v.m.Get("a")
		v.turns = true
		var got [2]*probe
		for i := range got {
			v.get([]string{"replace 1", "replace 2"}[i], func(key string) *probe {
				got[i] = v.m.Replace(key)
				return got[i]
			})
		}
		r.Go("cancel", func() { before.owner.Cancel(nil) })
		r.Check(func() {
			if got[0] == got[1] {
				r.Failf("two Replaces return one value")
			}
			v.over()
		})
	}},
	{"keyed map: open ends its owner", 2, 1, func(r *Run) {
		app := root(r, "app")
		v := newValues(r, app)
		v.inside = func(_ string, o *tether.Owner) {
			if v.opened.Load() == 1 {
				if err := o.Destroy(); !errors.Is(err, tether.ErrPending) {
					r.Failf("Destroy inside open = %v", err)
				}
			}
		}
		for _, name := range []string{"get 1", "get 2"} {
			r.Go(name, func() { v.m.Get("a") })
		}
		r.Go("get later", func() {
			dead := v.opened.Load() == 1 && v.first.Load() != nil && !v.first.Load().owner.Alive()
			if p := v.m.Get("a"); dead && p == v.first.Load() {
				r.Failf("Get returned what was dead before")
			}
		})
		r.Check(v.over)
	}},
	{"keyed map: open panics", 2, 1, func(r *Run) {
		app := root(r, "app")
		v := newValues(r, app)
		v.inside = func(string, *tether.Owner) {
			if v.opened.Load() == 1 {
				panic("ouch")
			}
		}
		for _, name := range []string{"get 1", "get 2", "get 3"} {
			r.Go(name, func() {
				defer func() {
					if p := recover(); p != nil && p != "ouch" {
						panic(p)
					}
				}()
				if v.m.Get("a") == nil {
					r.Failf("Get has returned the value of an open that has panicked")
				}
			})
		}
		r.Check(v.over)
	}},
	{"keyed map: a circle", 1, 0, func(r *Run) {
		app := root(r, "app")
		v := newValues(r, app)
		next := map[string]string{"a": "b", "b": "c", "c": "a"}
		v.inside = func(key string, _ *tether.Owner) { v.m.Get(next[key]) }
		var panics atomic.Int32
		for _, key := range []string{"a", "b", "c"} {
			r.Go("get "+key, func() {
				defer func() {
					if recover() != nil {
						panics.Add(1)
					}
				}()
				v.m.Get(key)
			})
		}
		r.Check(func() {
			if n := panics.Load(); n != 3 || v.m.Len() != 0 {
				r.Failf("%d of 3 panic, and %d values are there", n, v.m.Len())
			}
			v.over()
		})
	}},
	{"pool: acquire acquire destroy holder", 2, 1, func(r *Run) { lend(r, false) }},
	{"pool: acquire acquire destroy pool", 2, 1, func(r *Run) { lend(r, true) }},
}

// values is a Map whose values are watched: nothing of one runs when it is over, each
// owner is opened once, and of a key one lives at most.
type values struct {
	r      *Run
	app    *probe
	m      *keyed.Map[string, *probe]
	inside func(key string, o *tether.Owner) // open's, if not nil

	opened atomic.Int32 // calls of open
	first  atomic.Pointer[probe]
	last   atomic.Pointer[probe]
	turns  bool // each owner has ended before the next one is opened
}

func newValues(r *Run, app *probe) *values {
	v := &values{r: r, app: app}
	v.m = keyed.NewMap(app.owner, "values", func(o *tether.Owner, key string) *probe {
		p := watch(r, o)
		v.opened.Add(1)
		v.first.CompareAndSwap(nil, p)
		before := v.last.Swap(p)
		if v.turns && (before.running.Load() != 0 || before.cleanups.Load() != 1) {
			r.Failf("open of a Replace runs, and what was before has not ended")
		}
		p.enter()
		r.Point("in open")
		if v.inside != nil {
			defer p.leave()
			v.inside(key, o)
			return p
		}
		p.leave()
		return p
	})
	return v
}

// get has a call of f, which returns a value of key "a".
func (v *values) get(name string, f func(key string) *probe) {
	v.r.Go(name, func() {
		p := f("a")
		if p == nil || p.running.Load() != 0 {
			v.r.Failf("%s has returned a value that is being opened", name)
		}
	})
}

func (v *values) over() {
	if n := v.m.Len(); n > 1 {
		v.r.Failf("%d live values of one key", n)
	}
	v.app.destroy()
	v.app.ended()
	if n := v.m.Len(); n != 0 {
		v.r.Failf("%d values live when all is over", n)
	}
}

// lend has two acquire the one item of a pool. One of them is destroyed meanwhile, or the
// owner of the pool is.
func lend(r *Run, closing bool) {
	app, a, b := root(r, "app"), root(r, "a"), root(r, "b")
	var holder atomic.Pointer[probe]
	var disposed atomic.Int32
	items := pool.New(app.owner, func() (int, error) { return 1, nil },
		pool.Limit(1), pool.Dispose(func(int) { disposed.Add(1) }))
	acquire := func(p *probe) func() {
		return func() {
			l, err := items.Acquire(context.Background(), p.owner)
			if err != nil {
				if p.owner.Alive() && app.owner.Alive() || !errors.Is(err, pool.ErrClosed) && !errors.Is(err, tether.ErrDestroyed) {
					r.Failf("Acquire = %v", err)
				}
				return
			}
			if other := holder.Swap(p); other != nil && other.owner.Alive() {
				r.Failf("the one item is lent twice") // the dead have given it back
			}
			r.Point("has the item")
			holder.CompareAndSwap(p, nil)
			l.Release()
		}
	}
	r.Go("acquire a", acquire(a))
	r.Go("acquire b", acquire(b))
	if closing {
		r.Go("destroy", app.destroy)
	} else {
		r.Go("destroy", b.destroy)
	}
	r.Check(func() {
		if s := items.Stats(); s.Leased != 0 || s.Making != 0 || s.Waiting != 0 || s.Idle > 1 {
			r.Failf("all is over, and the pool has %+v", s)
		}
		a.destroy()
		b.destroy()
		app.destroy()
		a.ended()
		b.ended()
		app.ended()
		if s := items.Stats(); s.Idle != 0 || s.Made != s.Disposed || s.Disposed != uint64(disposed.Load()) {
			r.Failf("the pool has ended with %+v, %d disposed of", s, disposed.Load())
		}
	})
}
