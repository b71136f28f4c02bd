package main

import (
	"sync"
	"time"

	"github.com/seed-ec287111/tether"
)

// A Device is there for as long as it is heard of.
type Device struct {
	gateway *Gateway

	mu       sync.Mutex // guards the fields below
	last     Reading
	readings int
	alerted  time.Time
	missed   int  // alerts
	gone     bool // it takes nothing more
}

// open makes a device, which lives as long as o: it watches the clock, and has a last word.
// It counts as a handler of o, so that nobody leaves before having joined.
func (g *Gateway) open(o *tether.Owner, id string) *Device {
	d := &Device{gateway: g, last: Reading{Device: id, At: time.Now()}}
	if !o.Alive() { // the gateway has ended
		d.gone = true
		return d
	}
	g.Joined.Fire(id)
	o.Defer(func() { g.Left.Fire(d.leave()) })
	g.beat.Connect(o, func(t tether.Tick) {
		if t.Time.Sub(d.Last().At) > g.conf.Silence {
			_ = o.Destroy() // inside a handler: done when it returns
		}
	})
	return d
}

func (d *Device) leave() Departure {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.gone = true
	return Departure{d.last, d.readings}
}

// Last returns the last reading.
func (d *Device) Last() Reading {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last
}

// take takes a reading, and passes it on, unless the device has left.
func (d *Device) take(r Reading) bool {
	alert, due, ok := d.note(r)
	if due {
		d.gateway.Alerts.Fire(alert)
	}
	if ok {
		d.gateway.Readings.Fire(r)
	}
	return ok
}

// note notes a reading, and says whether an alert is due.
func (d *Device) note(r Reading) (alert Alert, due, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.gone {
		return Alert{}, false, false
	}
	d.last = r
	d.readings++
	switch {
	case r.Value <= d.gateway.conf.Limit:
		return Alert{}, false, true
	case !d.alerted.IsZero() && r.At.Sub(d.alerted) < d.gateway.conf.Every:
		d.missed++
		return Alert{}, false, true
	}
	alert = Alert{r, d.missed}
	d.alerted, d.missed = r.At, 0
	return alert, true, true
}
