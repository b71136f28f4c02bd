package state

import (
	"testing"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/stretchr/testify/require"
)

// Springs and tweens of owners that end while they move: the source knows none of them any
// more, whether or not it ticks again.
func TestMover_OneWhoseOwnerEndsLeavesItsGroup(t *testing.T) {
	app := tether.NewOwner("app")
	defer app.Destroy()
	var beat tether.Signal[tether.Tick]
	stays := NewSpring(app, &beat, 0, SpringConfig{Frequency: 1})
	stays.SetTarget(1e6)
	for range 10 {
		o := app.NewChild("o")
		s := NewSpring(o, &beat, 0, SpringConfig{Frequency: 1})
		beat.Once(o, func(tether.Tick) { o.Cancel(nil) }, tether.Priority(-1))
		other := NewSpring(o, &beat, 0, SpringConfig{Frequency: 1})
		s.SetTarget(1e6)
		other.SetTarget(1e6)
		NewTween(o, &beat, 0, 1, time.Hour, Linear)
		beat.Fire(tether.Tick{Delta: time.Millisecond})
		o.Destroy()
	}
	require.Len(t, stays.mover.group.awake, 1)
}
