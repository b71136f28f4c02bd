package inspect

import (
	"runtime/pprof"

	"github.com/seed-ec287111/tether/internal/scope"
)

// Label arranges for goroutines to be labelled for profiles, if [tether.Owner.Go] starts
// them between now and the call of stop. The label is "tether.owner", with the path of
// their owner as [tether.Owner.String] has it. In go tool pprof use
// -tagfocus=tether.owner=app/lobby, or the command tags. In the text of a goroutine profile
// the labels stand beside each goroutine, too.
//
// The label replaces those that the starting goroutine had. Labels in the context that the
// owner is bound to stay. A handler runs on the goroutine that called Fire, with the labels
// of that goroutine. Calling stop again does nothing. Cost: about a microsecond for each
// Go.
func Label() (stop func()) {
	return scope.Observe(&scope.Observer{Started: func(s *scope.Scope) {
		ctx := pprof.WithLabels(s.Context(), pprof.Labels("tether.owner", s.String()))
		pprof.SetGoroutineLabels(ctx)
	}})
}
