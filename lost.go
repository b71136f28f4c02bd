package tether

import (
	"log/slog"
	"slices"
	"sync"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/quote"
	"github.com/seed-ec287111/tether/internal/scope"
)

// Lost describes a root owner that became garbage without having been destroyed. That is a
// bug: nobody can end any more what the owner holds.
type Lost struct {
	Name string // as it was given to NewOwner
	Site string // where it was made, a function with file and line
	Held Stats  // what it and its descendants still hold, if that is not garbage too
}

// OnLost arranges for f to be called for every lost owner, in place of a default that logs
// the first lost owner of each site by [slog.Warn]. A nil f silences the reports. restore
// takes f back, as in a test:
//
//	defer tether.OnLost(f)()
//
// Functions may be taken back in any order: the last one given that was not taken back is
// called. So tests that overlap do not get each other's functions back. A second call of the
// same restore does nothing. When restore has returned, f may still be running, or be called
// by a report that is under way.
//
// OnLost is a backstop. The garbage collector finds a lost owner some time after the last
// reference to it is gone. It does not find an owner
//
//   - while a goroutine of the owner runs;
//   - if a handler or cleanup of its tree refers to the owner, and something that lives,
//     such as a signal, refers to a connection of the tree;
//   - that is bound to a context which can end: it ends with that.
//
// Nothing is cleaned up: no cleanup runs, no channel is closed. f runs on a goroutine of the
// runtime's, on which the cleanups of [runtime.AddCleanup] wait for their turn, so it should
// return soon. Cost: [NewOwner] takes about a microsecond longer, so that the collector can
// find the owner. Children cost nothing more.
func OnLost(f func(Lost)) (restore func()) {
	mine := &f
	lost.mu.Lock()
	defer lost.mu.Unlock()
	lost.told = append(lost.told, mine)
	return func() {
		lost.mu.Lock()
		defer lost.mu.Unlock()
		if i := slices.Index(lost.told, mine); i >= 0 {
			lost.told = slices.Delete(lost.told, i, i+1)
			f = nil // the caller may keep restore
		}
	}
}

// lost has the functions that get lost owners. It holds no owner.
var lost struct {
	mu     sync.Mutex    // guards the fields below
	told   []*func(Lost) // by OnLost; the last one is called, or logLost if there is none
	logged map[string]bool
}

// reportLost runs when the owner of root n is garbage: at any time, on a goroutine of the
// runtime's, outside of any test's bubble. It gets a number and not the scope, because the
// scope may hold a cleanup that refers to the owner.
func reportLost(n uint64) {
	root, held, ok := scope.Lose(n)
	if !ok {
		return
	}
	f := logLost
	lost.mu.Lock()
	if n := len(lost.told); n > 0 {
		f = *lost.told[n-1]
	}
	lost.mu.Unlock()
	if f != nil {
		f(Lost{Name: root.Name, Site: goroutine.Site(root.Site), Held: Stats(held)})
	}
}

// logLost logs the first lost owner of each site.
func logLost(l Lost) {
	lost.mu.Lock()
	known := lost.logged[l.Site]
	if !known {
		if lost.logged == nil {
			lost.logged = make(map[string]bool)
		}
		lost.logged[l.Site] = true
	}
	lost.mu.Unlock()
	if !known {
		slog.Warn("tether: an owner became garbage without Destroy",
			"owner", quote.Name(l.Name), "created", l.Site, "connections", l.Held.Connections, "cleanups", l.Held.Cleanups)
	}
}
