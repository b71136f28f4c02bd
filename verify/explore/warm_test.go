//go:build tether_explore

package explore

import (
	"time"

	"github.com/seed-ec287111/tether"
)

// warmUp has done what the library does once for each type of values, and once in the
// life of a program: a schedule must find the same marks in its first run as in all
// others.
func warmUp() {
	o := tether.NewOwner("warm")
	defer o.Destroy()
	warm[int](o)
	warm[tether.Tick](o)
	tether.NewHeartbeat(o, time.Hour).Connect(o, func(tether.Tick) {})
	var s tether.Signal[int]
	s.Connect(o, func(int) { _ = o.NewChild("inside").Destroy() })
	s.Fire(1)
}

// warm connects and fires, by priority and on a queue too.
func warm[T any](o *tether.Owner) {
	var s tether.Signal[T]
	s.Connect(o, func(T) {})
	s.Connect(o, func(T) {}, tether.Priority(1))
	q := tether.NewQueue(o, 1, tether.Block, tether.Manual())
	s.Connect(o, func(T) {}, tether.On(q))
	s.Fire(*new(T))
	q.Drain()
}
