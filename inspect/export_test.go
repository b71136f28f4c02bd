package inspect

import (
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/handle"
)

// KindsMadeBy returns how many folds there are below one if owners like o are made by n calls,
// without the rest.
func KindsMadeBy(o *tether.Owner, n int) (folds int) {
	s, f, v := handle.Scope("KindsMadeBy", o), new(fold), new(surveyor)
	for i := range n {
		v.pc, v.same = s.Site(), uintptr(i+1) // as if another call had made it
		v.child(f, s)
	}
	for _, c := range f.below {
		for ; c != nil; c = c.twin {
			folds++
		}
	}
	return folds
}

// Looker returns a watch's look, for a watch without a timer.
func Looker(owner *tether.Owner, d time.Duration, report func(Slow)) (look func() bool) {
	return newWatch(handle.Scope("Looker", owner), d, report).once
}
