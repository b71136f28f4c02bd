package model

import (
	"testing"

	"github.com/seed-ec287111/tether"
)

// The random programs found that Interrupt on an ended and supervised owner
// returned a nil stop when its function panicked: the result was not assigned
// before the panic was recovered, other than in Defer.
func TestInterrupt_OneThatPanicsAtOnceLeavesAStop(t *testing.T) {
	o := tether.NewOwner("o", tether.WithPanicHandler(func(*tether.PanicError) {}))
	o.Destroy()
	stop := o.Interrupt(func() { panic("at once") })
	if stop == nil {
		t.Fatal("Interrupt returned a nil stop, want one that returns false")
	}
	if stop() {
		t.Error("stop() of an interrupt that ran = true, want false")
	}
}
