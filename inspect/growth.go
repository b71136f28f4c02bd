package inspect

import (
	"cmp"
	"log/slog"
	"slices"
	"sync"
	"weak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/check"
	"github.com/seed-ec287111/tether/internal/finally"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/outline"
	"github.com/seed-ec287111/tether/internal/quote"
	"github.com/seed-ec287111/tether/internal/scope"
)

// Beats is the number of beats in a row at which a group has to grow for [WatchGrowth] to
// report it. Three is arbitrary: a program that starts, or gets busier, often grows for one
// or two.
const Beats = 3

// A Group is what one owner holds of one kind by one function. Its connections with one
// handler are a group, and so are the children that one call has made. The usual leak of a
// system of owners is a group that grows and grows: a handler connects to an owner that
// outlives it, again at every value.
type Group struct {
	Owner string // path, as [tether.Owner.String] has it
	Kind  string // "connection", "child", "goroutine", "timer", "cleanup", "interrupt"; in a [Survey] also "queue"
	Func  Place  // the handler or function; for children, and for queues, the call that made them
	What  string // for connections the type of the signal; for children their name with digits as "#", quoted as in a path; for queues capacity and overflow
	Count int
	Grown int // by how much it grew in the beats of [WatchGrowth], or in the looks of a [Monitor]; 0 for [Growth]
}

// LogValue implements [slog.LogValuer].
func (g Group) LogValue() slog.Value {
	return slog.GroupValue(
		slog.String("owner", g.Owner), slog.String("kind", g.Kind), slog.String("func", g.Func.String()),
		slog.String("what", g.What), slog.Int("count", g.Count), slog.Int("grown", g.Grown),
	)
}

// Growth returns the groups of owner, and of all below it, that count more than limit. The
// largest come first. It panics if owner is nil.
//
// Children are grouped by the call that made them if [RecordSites] was on. Otherwise they
// are grouped by their names with digits folded: "player-17" and "player-4" are "player-#".
//
// Cost: nothing on Connect. A call takes some 200 ns for each thing that the owners hold,
// each owner under its lock.
func Growth(owner *tether.Owner, limit int) []Group {
	return growth(handle.Scope("inspect: Growth", owner), limit)
}

// Growth is the function [Growth] for the owner that i describes. With [Roots] it covers
// the whole program.
func (i OwnerInfo) Growth(limit int) []Group {
	s := i.scope.Value()
	if s == nil {
		return nil
	}
	return growth(s, limit)
}

func growth(s *scope.Scope, limit int) (found []Group) {
	for p := range subtree(s) {
		for _, g := range groups(p) {
			if g.count > limit {
				found = append(found, g.group(p))
			}
		}
	}
	slices.SortStableFunc(found, func(a, b Group) int { return cmp.Compare(b.Count, a.Count) })
	return found
}

// A groupKey tells the groups of one owner apart.
type groupKey struct {
	kind scope.Kind
	pc   uintptr
	what string
}

type group struct {
	groupKey
	count int
}

// groups returns the groups of s in the order of their oldest members, those of children last.
func groups(s *scope.Scope) []group {
	list := members(s)
	lines := make(map[groupKey]int)
	for _, c := range s.Children() {
		k := groupKey{scope.Child, outline.Site(c.Site()), outline.Fold(c.Name())}
		n, ok := lines[k]
		if !ok {
			n = len(list)
			lines[k] = n
			list = append(list, group{groupKey: k})
		}
		list[n].count++
	}
	return list
}

// members returns the groups of s without those of children.
func members(s *scope.Scope) []group {
	index := make(map[groupKey]int)
	var list []group
	var age []int // of the oldest member known, counted from the newest
	n := 0
	s.Each(grouped, func(d scope.Detail) {
		what := d.Name
		if d.Kind == scope.Connection {
			what = typeName(d.Signal)
		}
		k := groupKey{d.Kind, d.PC, what}
		i, ok := index[k]
		if !ok {
			i = len(list)
			index[k] = i
			list, age = append(list, group{groupKey: k}), append(age, 0)
		}
		n++
		list[i].count++
		age[i] = n
	})
	slices.SortFunc(list, func(a, b group) int { return age[index[b.groupKey]] - age[index[a.groupKey]] })
	return list
}

func grouped(k scope.Kind) bool { return k != scope.Resource }

func (g group) group(s *scope.Scope) Group {
	what := g.what
	if g.kind == scope.Child {
		what = quote.Name(what)
	}
	return Group{Owner: s.String(), Kind: kindName(g.kind), Func: g.place(), What: what, Count: g.count}
}

func (g group) place() Place {
	switch {
	case g.kind == scope.Child:
		return callAt(g.pc)
	case g.pc == 0:
		return Place{Name: g.what}
	}
	return funcAt(g.pc)
}

func kindName(k scope.Kind) string {
	switch k {
	case scope.Connection:
		return "connection"
	case scope.Goroutine:
		return "goroutine"
	case scope.Timer:
		return "timer"
	case scope.Cleanup:
		return "cleanup"
	case scope.Interrupt:
		return "interrupt"
	}
	return "child"
}

// WatchGrowth looks at owner and all below it at each beat. It calls report for every group
// that has grown at [Beats] beats in a row, and for every group that counts more than
// limit. With a limit of 0 there is no limit. A group is reported once, and again only
// after it has become smaller.
//
// report runs in the handler of the beat, on a connection of owner, and may do what
// handlers may. The watch ends with owner, or with the Connection that it returns. It does
// not keep owner from being found lost, but what report captures may. It panics if owner,
// beats or report is nil. Cost: that of [Growth] at each beat.
func WatchGrowth(owner *tether.Owner, beats tether.Source[tether.Tick], limit int, report func(Group)) *tether.Connection {
	s := handle.Scope("inspect: WatchGrowth", owner)
	if check.Nil(beats) {
		panic("inspect: WatchGrowth with nil Source")
	}
	if report == nil {
		panic("inspect: WatchGrowth with nil function")
	}
	w := &growthWatch{scope: weak.Make(s), limit: limit}
	return beats.Connect(owner, func(tether.Tick) {
		found := w.beat() // is told once, so also if report panics
		finally.Each(func() bool {
			if len(found) == 0 {
				return false
			}
			g := found[0]
			found = found[1:]
			report(g)
			return true
		})
	})
}

// A growthWatch remembers the groups of the beat before.
type growthWatch struct {
	scope weak.Pointer[scope.Scope]
	limit int

	mu    sync.Mutex // guards the fields below: several goroutines may fire beats
	known map[watchKey]*trend
	beats int
}

type watchKey struct {
	scope weak.Pointer[scope.Scope]
	groupKey
}

// A trend is the history of one group.
type trend struct {
	beat     int // the last beat at which it was there
	count    int // at that beat
	rises    int // beats in a row, up to that beat, at which it was larger than before
	from     int // its count before these
	reported bool
}

// beat enters the counts of a beat, and returns the groups to report.
func (w *growthWatch) beat() (found []Group) {
	s := w.scope.Value()
	if s == nil {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.known == nil {
		w.known = make(map[watchKey]*trend)
	}
	w.beats++
	for p := range subtree(s) {
		at := weak.Make(p)
		for _, g := range groups(p) {
			k := watchKey{at, g.groupKey}
			t := w.known[k]
			if t == nil {
				t = &trend{count: g.count, from: g.count}
				w.known[k] = t
			}
			t.beat = w.beats
			if t.next(g.count, w.limit) {
				r := g.group(p)
				if t.rises > 0 {
					r.Grown = g.count - t.from
				}
				found = append(found, r)
			}
		}
	}
	for k, t := range w.known {
		if t.beat != w.beats {
			delete(w.known, k)
		}
	}
	return found
}

// next enters the count of the next beat, and reports whether to report the group.
func (t *trend) next(count, limit int) bool {
	switch {
	case count > t.count:
		t.rises++
	case count < t.count:
		t.reported = false
		fallthrough
	default:
		t.rises, t.from = 0, count
	}
	t.count = count
	if t.reported || t.rises < Beats && (limit <= 0 || count <= limit) {
		return false
	}
	t.reported = true
	return true
}
