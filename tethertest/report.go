package tethertest

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/quote"
	"github.com/seed-ec287111/tether/internal/scope"
)

// maxLines bounds the lists in a message.
const maxLines = 100

// A report is a message in the making.
type report struct {
	b       strings.Builder
	lines   int
	dropped int
	lost    map[*scope.Scope]bool
}

// head writes a line of text.
func (r *report) head(format string, args ...any) { fmt.Fprintf(&r.b, format+"\n", args...) }

// line writes a line of a list, if there is room for it.
func (r *report) line(depth int, format string, args ...any) {
	if r.lines++; r.lines > maxLines {
		r.dropped++
		return
	}
	r.b.WriteString(strings.Repeat("    ", depth))
	fmt.Fprintf(&r.b, format+"\n", args...)
}

// String is the message, "" if there are no findings.
func (f *findings) String() string {
	if f.empty() {
		return ""
	}
	r := report{lost: lost()}
	r.head("tethertest: VerifyNone: %s has ended, but not all that was made in it.", f.t)
	others := f.others()
	if len(f.mine) > 0 {
		r.head("It made, and left:")
		r.entries(f.mine)
	}
	if len(f.shared) > 0 {
		if others == "" {
			r.head("Made while it ran, by a goroutine that may be another's, and left:")
		} else {
			r.head("Made by it or by a test that ran at the same time (%s), and left:", others)
		}
		r.entries(f.shared)
	}
	if len(f.grown) > 0 {
		if others == "" {
			r.head("Owners that are older than the test hold more than before:")
		} else {
			r.head("Owners that are older hold more than before it and the tests that ran at the same time (%s):", others)
		}
		r.growths(f.grown)
	}
	if r.dropped > 0 {
		r.head("    and %s", plural(r.dropped, "more line"))
	}
	r.b.WriteString("To end an owner, with all that it holds: defer owner.Destroy(), or make it by tethertest.NewOwner.")
	return r.b.String()
}

func (r *report) entries(all []*entry) {
	for _, e := range all {
		switch s := e.scope.Value(); {
		case e.kind != "owner":
			r.line(1, "%s in progress, called by %s", e.kind, goroutine.Site(e.site))
		case s == nil:
			r.line(1, "owner %s, lost: it became garbage without Destroy", quote.Name(e.name))
			r.line(2, "made by %s", goroutine.Site(e.site))
		default:
			r.tree(1, s)
		}
	}
}

// tree describes an owner and what is below it.
func (r *report) tree(depth int, s *scope.Scope) {
	shot := s.Snapshot()
	state := ""
	switch {
	case r.lost[s]:
		state = ", lost: it became garbage without Destroy, but what it holds lives"
	case shot.State == "unwinding" && shot.Unwinds != "":
		state = ", unwinding: its end waits for the cleanup " + shot.Unwinds
	case shot.State != "alive":
		state = ", " + shot.State + ": its end waits for what still runs"
	}
	r.line(depth, "owner %s%s", s, state)
	r.line(depth+1, "made by %s", goroutine.Site(s.Site()))
	for _, name := range runningHandlers(s, shot) {
		r.line(depth+1, "running handler %s", name)
	}
	counts := map[thing]int{}
	var order []thing
	for _, m := range shot.Members {
		th, n := describe(m)
		if n > 0 && counts[th] == 0 {
			order = append(order, th)
		}
		counts[th] += n
	}
	for _, th := range order {
		if n := counts[th]; n > 1 {
			r.line(depth+1, "%s %s", plural(n, th.kind), th.what())
		} else {
			r.line(depth+1, "%s %s", th.kind, th.what())
		}
	}
	for _, child := range shot.Children {
		r.tree(depth+1, child)
	}
}

// runningHandlers names the handlers of s that run, as far as that is certain:
// stacks tell which handlers run, but not whose they are.
func runningHandlers(s *scope.Scope, shot scope.Snapshot) (names []string) {
	if shot.Handlers == 0 {
		return nil
	}
	for _, c := range s.Running() { // where s is cut off
		if c.Kind == "handler" && c.Owner == s.String() {
			names = append(names, c.Func)
		}
	}
	if len(names) == shot.Handlers {
		return names
	}
	own := map[string]bool{}
	for _, m := range shot.Members {
		if f := runtime.FuncForPC(m.PC); f != nil && m.Kind == scope.Connection {
			own[f.Name()] = true
		}
	}
	names = slices.DeleteFunc(goroutine.RunningHandlers(), func(h string) bool {
		name, _, _ := strings.Cut(h, " ")
		return !own[name]
	})
	if len(names) == shot.Handlers {
		return names
	}
	return slices.Repeat([]string{"unknown"}, shot.Handlers)
}

func (r *report) growths(all []growth) {
	owner := ""
	for _, g := range all {
		if g.path != owner {
			owner = g.path
			r.line(1, "owner %s", owner)
		}
		what := g.what()
		if g.kind == "owner" {
			what = "by this path, made by " + goroutine.Site(g.site)
		}
		r.line(2, "%s", strings.TrimSpace(plural(g.n, "more "+g.kind)+" "+what))
	}
}

// plural is for kinds of things, which may be two words.
func plural(n int, one string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %ss", n, one)
}

// others names the tests of the round but the one that reports.
func (f *findings) others() string {
	names := slices.DeleteFunc(slices.Clone(f.round), func(name string) bool { return name == f.t })
	slices.Sort(names)
	names = slices.Compact(names)
	if n := len(names) - 10; n > 0 {
		names = append(names[:10], fmt.Sprintf("%d more", n))
	}
	return strings.Join(names, ", ")
}

// lost returns the roots that the collector finds to be garbage, though what they
// hold is not. It helps the message only: they are reported anyway.
func lost() map[*scope.Scope]bool {
	for range 2 {
		// The runtime tells what it has found on a goroutine of its own, in its own
		// time. It tells this, too.
		told := new(atomic.Bool)
		runtime.AddCleanup(new([4]*int), func(told *atomic.Bool) { told.Store(true) }, told)
		runtime.GC()
		for i := 0; i < 10_000 && !told.Load(); i++ { // no sleep: in a bubble that takes no time
			runtime.Gosched()
		}
	}
	all := map[*scope.Scope]bool{}
	for r := range scope.Roots() {
		if s := r.Scope(); s != nil && r.Lost {
			all[s] = true
		}
	}
	return all
}
