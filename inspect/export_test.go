package inspect

import (
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/handle"
)

// Looker returns a watch's look, for a watch without a timer.
func Looker(owner *tether.Owner, d time.Duration, report func(Slow)) (look func() bool) {
	return newWatch(handle.Scope("Looker", owner), d, report).once
}
