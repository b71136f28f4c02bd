package inspect

import (
	"runtime/pprof"

	"github.com/seed-ec287111/tether/internal/scope"
)

// Label has the goroutines that [tether.Owner.Go] starts from now on, until stop is
// called, labelled for profiles with "tether.owner", the path of their owner as [tether.Owner.String] has it: in
// go tool pprof, -tagfocus=tether.owner=app/lobby or the command tags. Labels
// stand beside each goroutine in the text of a goroutine profile, too.
//
// They replace labels that the starting goroutine had; those in the context that
// the owner is bound to stay. Handlers run on their firer's goroutine, with its
// labels. Calling stop again does nothing. Cost: about a microsecond for each Go.
func Label() (stop func()) {
	return scope.Observe(&scope.Observer{Started: func(s *scope.Scope) {
		ctx := pprof.WithLabels(s.Context(), pprof.Labels("tether.owner", s.String()))
		pprof.SetGoroutineLabels(ctx)
	}})
}
