package main

import (
	"sync/atomic"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/keyed"
)

// A Reading is what a device sends.
type Reading struct {
	Device string
	Value  float64
	At     time.Time
}

// An Alert is a reading over the limit.
type Alert struct {
	Reading
	Missed int // alerts of the device that were held back since the one before
}

// A Departure is the last word of a device.
type Departure struct {
	Last     Reading
	Readings int
}

// Config is what the gateway puts up with.
type Config struct {
	Silence time.Duration // that ends a device
	Limit   float64       // of a value
	Every   time.Duration // between two alerts of one device
}

// A Gateway has a device for each that is heard of. Its signals close in turn: so the
// readings that are under way when it ends are passed on, and the departures too.
type Gateway struct {
	Readings *tether.Signal[Reading]
	Alerts   *tether.Signal[Alert]
	Joined   *tether.Signal[string]
	Left     *tether.Signal[Departure]
	Devices  *keyed.Map[string, *Device]
	Refused  atomic.Int64 // readings that came when the gateway had ended

	owner   *tether.Owner
	beat    tether.Source[tether.Tick]
	conf    Config
	arrived tether.Signal[*arrival]
}

// NewGateway returns a gateway that ends with owner.
func NewGateway(owner *tether.Owner, beat tether.Source[tether.Tick], conf Config) *Gateway {
	g := &Gateway{
		Readings: tether.NewSignal[Reading](owner, tether.CloseInTurn()),
		Alerts:   tether.NewSignal[Alert](owner, tether.CloseInTurn()),
		Joined:   tether.NewSignal[string](owner, tether.CloseInTurn()),
		Left:     tether.NewSignal[Departure](owner, tether.CloseInTurn()),
		owner:    owner, beat: beat, conf: conf,
	}
	g.Devices = keyed.NewMap(owner, "devices", g.open)
	g.arrived.Connect(owner, g.take)
	return g
}

// An arrival is a reading, and whether it was taken.
type arrival struct {
	Reading
	taken bool
}

// Ingest gives a reading to its device, and reports whether that has taken it. It may be
// called by any goroutine.
//
// It is taken in a handler of the gateway's owner, whose end waits for that: so what was
// taken is passed on, and who sends what comes too late knows.
func (g *Gateway) Ingest(r Reading) bool {
	a := &arrival{Reading: r}
	if g.arrived.Fire(a); !a.taken {
		g.Refused.Add(1)
	}
	return a.taken
}

func (g *Gateway) take(a *arrival) {
	for !a.taken && g.owner.Alive() { // again where the device has just ended: a fresh one comes
		a.taken = g.Devices.Get(a.Device).take(a.Reading)
	}
}
