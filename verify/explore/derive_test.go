//go:build tether_explore

package explore

import (
	"slices"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/derive"
)

// derived is about chains of operators: who delivers for whom, and how each of the ends,
// from below and from above, meets a value that is on its way. The mutexes of package derive
// are modelled in the deep build.
var derived = []scenario{
	{"derive: merge fire fire destroy", 2, 1, func(r *Run) {
		var a, b tether.Signal[int]
		p := root(r, "app")
		derive.Merge[int](&a, &b).Connect(p.owner, p.handler())
		r.Go("fire a", func() { a.Fire(1) })
		r.Go("fire b", func() { b.Fire(2) })
		r.Go("destroy", p.destroy)
		r.Check(func() { p.ended(); empty(r, &a); empty(r, &b) })
	}},
	{"derive: merge of take, fire fire", 2, 1, func(r *Run) {
		// One source is over after its first value, whoever leaves what to whom; the other
		// one goes on.
		var a, b tether.Signal[int]
		p := root(r, "app")
		var got []int
		c := derive.Merge(derive.Take(&a, 1), derive.Scan(&b, 0, latter)).Connect(p.owner, func(v int) {
			p.handler()(v)
			got = append(got, v)
		})
		r.Go("fire 1", func() { a.Fire(1) })
		r.Go("fire 2", func() { a.Fire(2) })
		r.Check(func() {
			if len(got) != 1 {
				r.Failf("Take of 1 gives %v", got)
			}
			if empty(r, &a); !c.Connected() {
				r.Failf("the end of one source was taken for that of both")
			}
			p.destroy()
			p.ended()
			empty(r, &b)
		})
	}},
	{"derive: scan fire fire", 2, 1, func(r *Run) {
		var s tether.Signal[int]
		p := root(r, "app")
		var got []int
		derive.Scan(&s, 0, func(a, v int) int { return a + v }).Connect(p.owner, alone(p, &got))
		r.Go("fire 1", func() { s.Fire(1) })
		r.Go("fire 2", func() { s.Fire(2) })
		r.Check(func() {
			if len(got) != 2 || got[1] != 3 {
				r.Failf("the sums are %v", got)
			}
			p.destroy()
			p.ended()
			empty(r, &s)
		})
	}},
	{"derive: scan fire fire disconnect destroy", 1, 0, func(r *Run) {
		var s tether.Signal[int]
		p := root(r, "app")
		var got []int
		c := derive.Scan(&s, 0, func(a, v int) int { return a + v }).Connect(p.owner, alone(p, &got))
		r.Go("fire 1", func() { s.Fire(1) })
		r.Go("fire 2", func() { s.Fire(2) })
		r.Go("disconnect", func() {
			if c.Disconnect(); c.Connected() {
				r.Failf("it is connected after Disconnect")
			}
		})
		r.Go("destroy", p.destroy)
		r.Check(func() { p.ended(); empty(r, &s) })
	}},
	{"derive: scan fire fire, source ends", 2, 1, func(r *Run) {
		// What was fired before the end of the source comes, whoever it was left to.
		src, p := root(r, "src"), root(r, "app")
		s := tether.NewSignal[int](src.owner)
		var got []int
		var fired atomic.Int32
		c := derive.Scan(s, 0, latter).Connect(p.owner, alone(p, &got))
		before := 0
		r.Go("fire 1", func() { s.Fire(1); fired.Add(1) })
		r.Go("fire 2", func() { s.Fire(2); fired.Add(1) })
		r.Go("end", func() {
			before = int(fired.Load())
			src.owner.Cancel(nil)
		})
		r.Check(func() {
			if len(got) < before {
				r.Failf("%d were fired before the end, and %v came", before, got)
			}
			if c.Connected() {
				r.Failf("it has not ended with its source")
			}
			src.ended()
			p.destroy()
			p.ended()
		})
	}},
	{"derive: latest fire fire, one ends, destroy", 1, 0, func(r *Run) {
		src, p := root(r, "src"), root(r, "app")
		a := tether.NewSignal[int](src.owner)
		var b tether.Signal[int]
		var got []int
		derive.Latest(a, &b, func(a, b int) int { return 10*a + b }).Connect(p.owner, alone(p, &got))
		r.Go("fire a", func() { a.Fire(1) })
		r.Go("fire b", func() { b.Fire(2) })
		r.Go("end of a", func() { src.owner.Cancel(nil) })
		r.Go("destroy", p.destroy)
		r.Check(func() {
			if !slices.Equal(got, nil) && !slices.Equal(got, []int{12}) {
				r.Failf("it gives %v", got)
			}
			src.ended()
			p.ended()
			empty(r, &b)
		})
	}},
	{"derive: latest, one ends without a value", 2, 1, func(r *Run) {
		src, p := root(r, "src"), root(r, "app")
		a := tether.NewSignal[int](src.owner)
		var b tether.Signal[int]
		var got []int
		c := derive.Latest(a, &b, func(a, b int) int { return 10*a + b }).Connect(p.owner, alone(p, &got))
		var fired, before bool
		r.Go("fire a", func() { a.Fire(1); fired = true })
		r.Go("fire b", func() { b.Fire(2) })
		r.Go("end of a", func() { before = fired; src.owner.Cancel(nil) })
		r.Check(func() {
			if before && (!c.Connected() || !slices.Equal(got, []int{12})) {
				r.Failf("a had a value, but it gives %v, connected: %v", got, c.Connected())
			}
			if !c.Connected() {
				empty(r, &b)
			}
			src.ended()
			p.destroy()
			p.ended()
		})
	}},
	{"derive: until fire stop destroy", 2, 1, func(r *Run) {
		var s, stop tether.Signal[int]
		p := root(r, "app")
		var got []int
		c := derive.Until(&s, &stop).Connect(p.owner, alone(p, &got))
		stopped := false
		r.Go("fire", func() {
			late := stopped
			if s.Fire(1); late && len(got) > 0 {
				r.Failf("a value comes after the stop")
			}
		})
		r.Go("stop", func() { stop.Fire(1); stopped = true })
		r.Go("destroy", p.destroy)
		r.Check(func() {
			if c.Connected() {
				r.Failf("it has not ended")
			}
			p.ended()
			empty(r, &s)
			empty(r, &stop)
		})
	}},
	{"derive: once of a chain, fire fire destroy", 2, 1, func(r *Run) {
		var s tether.Signal[int]
		p := root(r, "app")
		derive.Map(derive.Scan(&s, 0, latter), func(v int) int { return v }).Once(p.owner, p.handler())
		r.Go("fire 1", func() { s.Fire(1) })
		r.Go("fire 2", func() { s.Fire(2) })
		r.Go("destroy", p.destroy)
		r.Check(func() {
			if n := p.calls.Load(); n > 1 {
				r.Failf("%d calls", n)
			}
			p.ended()
			empty(r, &s)
		})
	}},
	{"derive: once of merge connects, fire", 2, 1, func(r *Run) {
		// It may be spent between the connections to its sources.
		var a, b tether.Signal[int]
		p := root(r, "app")
		r.Go("connect", func() { derive.Merge[int](&a, &b).Once(p.owner, p.handler()) })
		r.Go("fire", func() { a.Fire(1); a.Fire(2) })
		r.Check(func() {
			spent := p.calls.Load() == 1
			if n := a.Len() + b.Len(); spent && n != 0 || !spent && n != 2 {
				r.Failf("after %d calls it has %d connections", p.calls.Load(), n)
			}
			p.destroy()
			p.ended()
		})
	}},
	{"derive: debounce fire fire tick", 2, 1, func(r *Run) {
		var s tether.Signal[int]
		p := root(r, "app")
		var got []int
		derive.Debounce(&s, time.Second).Connect(p.owner, alone(p, &got))
		s.Fire(1)
		r.Clock(500*time.Millisecond, 3)
		for v := 2; v < 4; v++ {
			r.Go("fire", func() { s.Fire(v) })
		}
		r.Check(func() {
			if n := p.owner.Stats().Timers; n > 1 {
				r.Failf("%d timers", n)
			}
			time.Sleep(5 * time.Second)
			synctest.Wait()
			if len(got) == 0 || slices.Contains(got[1:], 1) || len(got) > 3 {
				r.Failf("it gives %v", got)
			}
			if last := got[len(got)-1]; last == 1 {
				r.Failf("of 1 and two later values the last that comes is %d", last)
			}
			p.destroy()
			p.ended()
			empty(r, &s)
		})
	}},
	{"derive: debounce fire disconnect tick destroy", 1, 0, func(r *Run) {
		var s tether.Signal[int]
		p := root(r, "app")
		var got []int
		c := derive.Debounce(&s, time.Second).Connect(p.owner, alone(p, &got))
		s.Fire(1)
		r.Clock(500*time.Millisecond, 2)
		r.Go("fire", func() { s.Fire(2) })
		r.Go("disconnect", func() { c.Disconnect() })
		r.Go("destroy", p.destroy)
		r.Check(func() { p.ended(); empty(r, &s) })
	}},
	{"derive: debounce, source ends, tick", 2, 1, func(r *Run) {
		src, p := root(r, "src"), root(r, "app")
		s := tether.NewSignal[int](src.owner)
		var got []int
		c := derive.Debounce(s, time.Second).Connect(p.owner, alone(p, &got))
		s.Fire(1)
		r.Clock(500*time.Millisecond, 3)
		r.Go("end", func() { src.owner.Cancel(nil) })
		r.Check(func() {
			time.Sleep(5 * time.Second)
			synctest.Wait()
			if !slices.Equal(got, []int{1}) || c.Connected() {
				r.Failf("what it held at the end: %v; connected: %v", got, c.Connected())
			}
			src.ended()
			p.destroy()
			p.ended()
		})
	}},
	{"derive: switch, outer and inner fire, destroy", 1, 0, func(r *Run) {
		switching(r, true)
	}},
	{"derive: switch, outer and inner fire", 2, 1, func(r *Run) {
		switching(r, false)
	}},
	{"derive: switch fire disconnect", 2, 1, func(r *Run) {
		var s, in tether.Signal[int]
		p := root(r, "app")
		c := derive.Switch(&s, func(*tether.Owner, int) tether.Source[int] { return &in }).Connect(p.owner, p.handler())
		r.Go("fire", func() { s.Fire(1) })
		r.Go("disconnect", func() { c.Disconnect() })
		r.Check(func() {
			empty(r, &s)
			empty(r, &in)
			p.destroy()
			p.ended()
		})
	}},
	{"derive: share, one leaves and one comes, fire", 2, 1, func(r *Run) {
		var s tether.Signal[int]
		app, p := root(r, "app"), root(r, "p")
		shared := derive.Share(app.owner, derive.Scan(&s, 0, latter))
		c := shared.Connect(p.owner, func(int) { r.Point("in handler") })
		var connected atomic.Bool
		var got atomic.Int32
		r.Go("leave", func() { c.Disconnect() })
		r.Go("come", func() {
			shared.Connect(p.owner, func(int) { got.Add(1) })
			connected.Store(true)
		})
		r.Go("fire", func() {
			there := connected.Load()
			s.Fire(1)
			if there && got.Load() != 1 {
				r.Failf("a subscriber gets %d values of one", got.Load())
			}
		})
		r.Check(func() {
			if n := s.Len(); n != 1 {
				r.Failf("%d connections for all", n)
			}
			p.destroy()
			p.ended()
			synctest.Wait()
			empty(r, &s)
			app.destroy()
			app.ended()
		})
	}},
	{"derive: share, the source ends, one leaves and one comes", 2, 1, func(r *Run) {
		// The chain of the one that left is over. That of the one that comes is another one.
		var s tether.Signal[int]
		app, p := root(r, "app"), root(r, "p")
		shared := derive.Share(app.owner, derive.Take(&s, 1))
		c := shared.Connect(p.owner, func(int) {})
		got := 0
		var next *tether.Connection
		r.Go("fire", func() { s.Fire(1) })
		r.Go("leave and come", func() {
			c.Disconnect()
			next = shared.Connect(p.owner, func(int) { got++ })
		})
		r.Check(func() {
			if got == 0 && (!next.Connected() || s.Len() != 1) {
				r.Failf("the new subscriber ended with the chain of the one before")
			}
			p.destroy()
			p.ended()
			synctest.Wait()
			empty(r, &s)
			app.destroy()
			app.ended()
		})
	}},
	{"derive: buffer on a finish queue, fire destroy", 2, 1, func(r *Run) {
		// What was fired before the cut-off is handled before Destroy returns, as batches or as
		// the last one; also if a full batch is on its way to the queue then.
		var s tether.Signal[int]
		app, p := root(r, "app"), root(r, "p")
		q := tether.NewQueue(app.owner, 4, tether.Block, tether.Finish())
		var got []int
		derive.Buffer(&s, 2, 0).Connect(p.owner, func(vs []int) {
			p.enter()
			got = append(got, vs...)
			p.leave()
		}, tether.On(q))
		fired, before := 0, 0
		r.Go("fire", func() {
			for v := range 3 {
				s.Fire(v)
				fired++
			}
		})
		r.Go("destroy", func() {
			before = fired
			p.destroy()
			if len(got) < before {
				r.Failf("%d were fired before Destroy, which returns when %v are handled", before, got)
			}
		})
		r.Check(func() {
			for i, v := range got {
				if i != v {
					r.Failf("the values come as %v", got)
				}
			}
			if n := q.Dropped(); n != 0 {
				r.Failf("%d are counted as dropped", n)
			}
			p.ended()
			app.destroy()
			app.ended()
			empty(r, &s)
		})
	}},
}

func latter(_, v int) int { return v }

// alone is a handler that is never to be called on two goroutines at once.
func alone(p *probe, got *[]int) func(int) {
	return p.handlerOf(func(v int) {
		if n := p.running.Load(); n != 1 {
			p.r.Failf("%d calls at the same time", n)
		}
		*got = append(*got, v)
	})
}

// switching has the outer source of a Switch move on while the inner one fires: of a source
// that was moved on from nothing comes after that, nor is it subscribed to.
func switching(r *Run, destroy bool) {
	var s tether.Signal[int]
	var in [2]tether.Signal[int]
	p := root(r, "app")
	moved := false
	derive.Switch(&s, func(_ *tether.Owner, v int) tether.Source[int] {
		moved = v == 1
		r.Point("in function")
		return &in[v]
	}).Connect(p.owner, p.handlerOf(func(v int) {
		if moved && v == 0 {
			r.Failf("a value of the source that was moved on from")
		}
	}))
	s.Fire(0)
	r.Go("fire outer", func() { s.Fire(1) })
	r.Go("fire inner", func() { in[0].Fire(0) })
	if destroy {
		r.Go("destroy", p.destroy)
	}
	r.Check(func() {
		if !destroy {
			if empty(r, &in[0]); in[1].Len() != 1 {
				r.Failf("%d connections to the source that was moved on to", in[1].Len())
			}
			p.destroy()
		}
		p.ended()
		empty(r, &s)
		empty(r, &in[0])
		empty(r, &in[1])
	})
}
