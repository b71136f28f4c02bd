package inspect

import (
	"maps"
	"time"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/quote"
)

// Stuck counts the handlers that have run for long, and the teardowns that have not
// completed for long.
type Stuck struct{ Handlers, Drains int }

// WatchStuck is [Watch] for numbers. now returns what was slow at the last look and has
// been so for longer than d, by the names of owners, as [OwnerInfo.ByName] has them. The
// map belongs to the caller. It has no names for which nothing is slow. It is empty after
// stop, and when owner has ended or is garbage.
//
// WatchStuck prints no stacks. So it does not see handlers that found no free slot, for
// which Watch compares stacks. Otherwise it looks as Watch does, its stop does the same,
// and it costs as much for each owner and look. WatchStuck panics if owner is nil or d is
// not positive.
func WatchStuck(owner *tether.Owner, d time.Duration) (now func() map[string]Stuck, stop func()) {
	s := handle.Scope("inspect: WatchStuck", owner)
	if d <= 0 {
		panic("inspect: WatchStuck with duration " + d.String())
	}
	w := newWatch(s, d, nil)
	w.numbers = true
	w.scope.AfterFunc(w.period, w.look)
	now = func() map[string]Stuck {
		s, found := w.watched.Value(), w.stuck.Load()
		if s != nil && !s.Over() && found != nil && w.scope.Alive() {
			return maps.Clone(*found)
		}
		return map[string]Stuck{}
	}
	return now, func() { _ = w.scope.Destroy() } // nothing is closed
}

// count publishes what this look has found stuck.
func (w *watch) count() {
	found := make(map[string]Stuck)
	for k, e := range w.known {
		if !e.seen || !e.reported {
			continue
		}
		name := quote.Name(e.name)
		n := found[name]
		if _, drains := k.(draining); drains {
			n.Drains++
		} else {
			n.Handlers++
		}
		found[name] = n
	}
	w.stuck.Store(&found)
}
