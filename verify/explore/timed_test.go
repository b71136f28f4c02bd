//go:build tether_explore

package explore

import (
	"context"
	"errors"
	"sync/atomic"
	"testing/synctest"
	"time"

	"github.com/seed-ec287111/tether"
)

// timed is about timers and the heartbeat. A clock lets the time pass, as one worker
// among others.
var timed = []scenario{
	{"timer, stop, destroy", 2, 2, func(r *Run) {
		p := root(r, "app")
		var stopped atomic.Bool
		stop := p.owner.AfterFunc(time.Second, func() {
			p.enter()
			r.Point("in the timer's function")
			if stopped.Load() {
				r.Failf("stop has said true, but the function runs")
			}
			p.leave()
		})
		r.Clock(time.Second, 1)
		r.Go("stop", func() {
			ran := p.calls.Load() > 0
			if stop() {
				if stopped.Store(true); ran || p.calls.Load() > 0 {
					r.Failf("stop says true, but the function has begun")
				}
			}
		})
		r.Go("destroy", p.destroy)
		r.Check(func() {
			p.ended()
			if n := p.calls.Load(); n > 1 {
				r.Failf("the function ran %d times", n)
			}
		})
	}},
	{"timer made, destroy", 2, 2, func(r *Run) {
		p := root(r, "app")
		r.Clock(time.Second, 1)
		r.Go("timer", func() {
			p.owner.AfterFunc(time.Second, func() { p.enter(); r.Point("in the timer's function"); p.leave() })
		})
		r.Go("destroy", p.destroy)
		r.Check(p.ended)
	}},
	{"destroy in too little time", 2, 1, func(r *Run) {
		p := root(r, "app")
		leave := make(chan struct{})
		owned(r, p, func() { <-leave })
		r.Clock(time.Second, 1)
		r.Go("destroy in time", func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			err := p.owner.DestroyContext(ctx)
			if err == nil {
				p.markOver()
			} else if !errors.Is(err, tether.ErrPending) {
				r.Failf("DestroyContext = %v", err)
			}
		})
		r.Go("leave", func() { close(leave) })
		r.Check(p.ended)
	}},
	{"heartbeat: disconnect, connect, tick", 2, 1, func(r *Run) {
		app, p := root(r, "app"), root(r, "p")
		h := tether.NewHeartbeat(app.owner, time.Second)
		c := h.Connect(p.owner, func(tether.Tick) { r.Point("in a tick") })
		time.Sleep(900 * time.Millisecond)
		b := beats{r: r}
		r.Go("leave and come", func() {
			c.Disconnect()
			time.Sleep(300 * time.Millisecond)
			b.connect(h, p)
		})
		r.Clock(500*time.Millisecond, 4)
		r.Check(func() {
			b.goOn()
			if early, late := b.last.Sub(b.after), b.last.Sub(b.before); b.sum < early || b.sum > late {
				r.Failf("the Deltas are %v in all, %v to %v after the Connect", b.sum, early, late)
			}
			p.destroy()
			app.destroy()
			p.ended()
			app.ended()
		})
	}},
	{"heartbeat: two come and go, tick", 1, 0, func(r *Run) {
		app, p := root(r, "app"), root(r, "p")
		h := tether.NewHeartbeat(app.owner, time.Second)
		b := beats{r: r}
		r.Go("come, go and come", func() {
			c := h.Connect(p.owner, func(tether.Tick) { r.Point("in a tick") })
			time.Sleep(time.Second)
			c.Disconnect()
			b.connect(h, p)
		})
		r.Go("come and go", func() {
			c := h.Connect(p.owner, func(tether.Tick) {})
			time.Sleep(1500 * time.Millisecond)
			c.Disconnect()
		})
		r.Clock(500*time.Millisecond, 3)
		r.Check(func() {
			b.goOn()
			p.destroy()
			app.destroy()
			p.ended()
			app.ended()
		})
	}},
	{"heartbeat: tick, destroy", 1, 1, func(r *Run) {
		app, p := root(r, "app"), root(r, "p")
		h := tether.NewHeartbeat(app.owner, time.Second)
		h.Connect(p.owner, func(tether.Tick) {
			p.enter()
			app.running.Add(1)
			r.Point("in a tick")
			app.running.Add(-1)
			p.leave()
		})
		r.Clock(time.Second, 2)
		r.Go("destroy app", app.destroy)
		r.Go("destroy p", p.destroy)
		r.Check(func() { app.ended(); p.ended() })
	}},
}

// beats watches the ticks that one connection gets.
type beats struct {
	r             *Run
	before, after time.Time // of Connect
	last          time.Time // of the last tick
	sum           time.Duration
	n             int
}

func (b *beats) connect(h *tether.Heartbeat, p *probe) {
	b.before = time.Now()
	h.Connect(p.owner, b.tick)
	b.after = time.Now()
}

func (b *beats) tick(t tether.Tick) {
	if t.Time.Before(b.before) {
		b.r.Failf("a tick of %v before the Connect", b.before.Sub(t.Time))
	}
	if t.Time.Sub(b.last) < 0 {
		b.r.Failf("a tick of before the last one")
	}
	b.n++
	b.last = t.Time
	b.sum += t.Delta
	b.r.Point("in a tick")
}

// goOn fails unless three more ticks come in three and a half seconds.
func (b *beats) goOn() {
	n := b.n
	time.Sleep(3500 * time.Millisecond)
	synctest.Wait() // a tick may be due at this very moment
	if b.n-n < 3 {
		b.r.Failf("%d ticks in 3.5 seconds, of a heartbeat of one second", b.n-n)
	}
}
