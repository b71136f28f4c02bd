package tethertest

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/outline"
	"github.com/seed-ec287111/tether/internal/quote"
	"github.com/seed-ec287111/tether/internal/scope"
)

// maxLines bounds the lists in a message.
const maxLines = 100

// A report is a message in the making.
type report struct {
	b        strings.Builder
	lines    int
	dropped  int
	lost     map[*scope.Scope]bool
	handlers func() []goroutine.HandlerCall // that run; looked at once
	running  func() []string                // their functions
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
	r := report{lost: lost(), handlers: sync.OnceValue(goroutine.Handlers)}
	r.running = sync.OnceValue(func() (all []string) {
		for _, h := range r.handlers() {
			all = append(all, h.Outermost().String())
		}
		return all
	})
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
		r.head("    and %s", outline.Count(r.dropped, "more line"))
	}
	r.b.WriteString("To end an owner, with all that it holds: defer owner.Destroy(), or make it by tethertest.NewOwner.")
	return r.b.String()
}

func (r *report) entries(all []*entry) {
	type key struct {
		outline.Key
		kind          string
		garbage, lost bool
	}
	lines, rest := outline.Of(all, func(e *entry) key {
		s := e.scope.Value()
		return key{outline.MakeKey(e.site, e.name), e.kind, s == nil, r.lost[s]}
	})
	for _, l := range lines {
		switch e := l[0]; {
		case e.kind != "owner":
			r.line(1, "%s in progress, called by %s", numbered(len(l), e.kind), goroutine.Site(e.site))
		case e.scope.Value() == nil:
			r.line(1, "%s %s, lost: %s", numbered(len(l), "owner"), nameOf(l, e.name), becameGarbage)
			r.line(2, "made by %s", goroutine.Site(e.site))
		default:
			r.tree(1, scopes(l), nameOf(l, e.name))
		}
	}
	if len(rest) > 0 {
		r.line(1, "%s%s", outline.Count(len(rest), "more owner"), outline.Sum(scopes(rest)))
	}
}

const becameGarbage = "it became garbage without Destroy"

// nameOf returns the name of what is shown in one line.
func nameOf[T any](all []T, name string) string {
	if len(all) > 1 {
		name = outline.Fold(name)
	}
	return quote.Name(name)
}

func scopes(all []*entry) (roots []*scope.Scope) {
	for _, e := range all {
		if s := e.scope.Value(); s != nil {
			roots = append(roots, s)
		}
	}
	return roots
}

func (r *report) growths(all []growth) {
	type key struct {
		root uint64
		path *way
		thing
		site uintptr
	}
	lines, rest := outline.Of(all, func(g growth) key { return key{g.root, g.folded, g.thing, outline.Site(g.site)} })
	lines = slices.AppendSeq(lines, slices.Chunk(rest, 1))
	slices.SortStableFunc(lines, func(a, b []growth) int { return a[0].seq - b[0].seq })
	var owner *way
	for _, l := range lines {
		g, path := l[0], l[0].path
		if len(l) > 1 {
			path = g.folded
			for _, more := range l[1:] {
				g.n += more.n
			}
		}
		if path != owner {
			owner = path
			r.line(1, "owner %s", owner)
		}
		what := g.what()
		if g.kind == "owner" {
			what = "by this path, made by " + goroutine.Site(g.site)
		}
		r.line(2, "%s", strings.TrimSpace(outline.Count(g.n, "more "+g.kind)+" "+what))
	}
}

// numbered is for kinds of things, which may be two words: one has no number.
func numbered(n int, one string) string {
	if n == 1 {
		return one
	}
	return outline.Count(n, one)
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
