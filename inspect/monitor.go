package inspect

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/inflight"
	"github.com/seed-ec287111/tether/internal/outline"
	"github.com/seed-ec287111/tether/internal/scope"
)

const (
	// mostGroups is how many groups a survey lists, and mostTrouble how many troubles;
	// arbitrary.
	mostGroups, mostTrouble = 1000, 100
	// mostGoroutines is with how many goroutines stacks are still printed: that stops the
	// program, for some 10 us for each goroutine.
	mostGoroutines = 10_000
	// mostQueues is how many queues that have dropped values are remembered.
	mostQueues = 10_000
)

// A Monitor looks at all owners of the program, again and again, and says what is wrong.
// The page of package inspectweb uses one. What it remembers from one look to the next is
// bounded, and keeps nothing alive.
type Monitor struct {
	mu     sync.Mutex // guards the fields below
	watch  *watch
	trends map[uint64]*rise // of groups
	queues map[uint64]*strain
	looks  int
	now    time.Time // when the look began
}

// NewMonitor returns a monitor that counts a handler or teardown as stuck if it takes
// longer than stuck. It panics if stuck is not positive.
func NewMonitor(stuck time.Duration) *Monitor {
	if stuck <= 0 {
		panic("inspect: NewMonitor with duration " + stuck.String())
	}
	return &Monitor{
		watch:  &watch{limit: stuck, known: make(map[any]*episode), few: true},
		trends: make(map[uint64]*rise),
		queues: make(map[uint64]*strain),
	}
}

// Look looks at all owners. Looks of one monitor wait for each other. What grows, drops or
// is stuck shows when one look follows another, so look every few seconds or more often.
//
// Look looks at up to two million owners. To list by function what owners hold, it looks at
// some 250 owners of most folds, and at the newest 10 000 things of an owner that holds
// very much. It only counts the rest. Numbers by function are estimates then.
//
// Cost: 200 ns or so for each owner. No Fire waits for a look. An owner is locked for
// milliseconds at the most, and that only if it holds a hundred thousand things. Look
// prints the stacks of all goroutines when a handler has taken half of the time after which
// it is stuck, and when a handler or teardown has taken all of it. That stops the program
// for as long as it takes. With more than ten thousand goroutines Look does not do so, and
// names what is stuck by its owner, and by the functions that a teardown waits for.
func (m *Monitor) Look() *Survey {
	m.mu.Lock()
	defer m.mu.Unlock()
	start := time.Now()
	m.now = start
	m.looks++
	v := &surveyor{calls: make(map[uint64]int)}
	for _, id := range inflight.Announced(nil) {
		v.calls[id]++
	}
	full := make(tension)
	v.queue = func(f *fold, s *scope.Scope, d scope.Detail) { m.queueSeen(full, f, s, d) }
	l := m.watch.begin()
	v.walk(l.visit)
	m.watch.forget()

	top := v.top.finish()
	r := &Survey{
		At: start, Total: top.Total, Heap: heap(), Looked: min(v.seen, mostOwners), Partial: v.partial || v.lost, Roots: top.Below,
	}
	r.Trouble = slices.Concat(lost(), m.stuck(), m.strained(full, v.lost), m.growing(r, v.lost))
	slices.SortStableFunc(r.Trouble, func(a, b Trouble) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Key, b.Key))
	})
	r.Trouble = r.Trouble[:min(len(r.Trouble), mostTrouble)]
	r.Took = time.Since(start)
	return r
}

// A rise is the history of one group.
type rise struct {
	look  int       // the last look at which it was there
	count int       // at that look
	from  int       // its count when it was last smaller than before, or first seen
	since time.Time // when that was
	rises int       // looks since then at which it was larger than before
}

// few is the size from which on a group may be reported; arbitrary.
const few = 8

// tell enters the count of the next look, and reports whether the group grows: it was larger
// than before at [Beats] looks, and smaller at none. An estimate counts as smaller only if it
// has fallen by more than it may be wrong. If the look has lost sight of owners, no group
// counts as smaller.
func (t *rise) tell(h Hold, lost bool, now time.Time) bool {
	floor := t.count
	if h.About {
		floor -= floor / 50
	}
	if lost {
		floor = 0
	}
	switch {
	case h.Count > t.count:
		t.rises++
	case h.Count < floor:
		t.rises, t.from, t.since = 0, h.Count, now
	default:
		h.Count = max(h.Count, t.count)
	}
	t.count = h.Count
	return t.rises >= Beats && h.Count >= few
}

// growing enters the counts of all groups in r, and returns those that grow. If owners grow
// in number, what they hold grows too. That is not reported again.
func (m *Monitor) growing(r *Survey, lost bool) (found []Trouble) {
	under := make(map[*Fold]bool)
	var mark func(f *Fold)
	mark = func(f *Fold) {
		under[f] = true
		for _, c := range f.Below {
			mark(c)
		}
	}
	visit := func(f *Fold, h Hold, path string) {
		k := h.key(f)
		t := m.trends[k]
		if t == nil {
			t = &rise{count: h.Count, from: h.Count, since: m.now}
			m.trends[k] = t
		}
		t.look = m.looks
		grows := t.tell(h, lost, m.now)
		g := Group{Owner: path, Kind: h.Kind, Func: h.Func, What: h.What, Count: h.Count}
		if t.rises > 0 {
			g.Grown = t.count - t.from
		}
		r.Groups = append(r.Groups, g)
		if !grows || under[f] {
			return
		}
		if h.Kind == "child" {
			mark(f)
		}
		found = append(found, Trouble{
			Kind: "grows", Owner: path, Where: h.Func, Count: h.Count, Grown: g.Grown, What: h.what(), Since: t.since,
			Grave: m.now.Sub(t.since) >= long, Key: k,
		})
	}
	for _, f := range r.Roots {
		f.groups("", visit)
	}
	for k, t := range m.trends {
		if t.look != m.looks {
			delete(m.trends, k)
		}
	}
	slices.SortStableFunc(r.Groups, func(a, b Group) int { return cmp.Compare(b.Count, a.Count) })
	r.Groups = r.Groups[:min(len(r.Groups), mostGroups)]
	return found
}

func (h Hold) what() string {
	if h.What == "" {
		return h.Kind
	}
	return h.Kind + " " + h.What
}

// stuck returns what the watch has reported and is still stuck.
func (m *Monitor) stuck() (found []Trouble) {
	at := make(map[uint64]int) // in found
	add := func(slow Slow, since time.Time) {
		t := Trouble{
			Kind: "stuck", Owner: slow.Owner, Where: slow.Func, Count: 1, What: "handler", Since: since,
			Stack: slow.Stack, Running: slow.Running, Grave: true,
		}
		t.Key = mix(mix(offset, slow.Kind), slow.Func.String())
		if slow.Kind == "drain" {
			t.Kind, t.What = "teardown", "teardown"
			if len(slow.Running) > 0 {
				t.Where = parsePlace(slow.Running[0].Func)
			}
		}
		if slow.Kind == "drain" || slow.Func == (Place{}) {
			t.Key = mix(t.Key, slow.Owner)
		}
		if i, ok := at[t.Key]; ok {
			found[i].Count++
			if since.Before(found[i].Since) {
				t.Count = found[i].Count
				found[i] = t
			}
			return
		}
		at[t.Key] = len(found)
		found = append(found, t)
	}
	for _, e := range m.watch.known {
		if e.reported {
			add(e.slow, e.since)
		}
		for _, slow := range e.told {
			add(slow, e.since.Add(-slow.For))
		}
	}
	return found
}

// lost returns the roots that were lost since the program began. A call in a function that was
// inlined is several sites, and one place.
func lost() (found []Trouble) {
	at := make(map[uint64]int) // in found
	for _, l := range scope.LostSites() {
		t := Trouble{
			Kind: "lost", Owner: name(l.Name), Where: callAt(l.Site), Count: l.Count, What: "owner", Since: l.First, Last: l.Last,
			Text: held(l.Held), Grave: true,
			Key: mix(mix(offset, "lost"), goroutine.Site(l.Site)),
		}
		i, ok := at[t.Key]
		if !ok {
			at[t.Key] = len(found)
			found = append(found, t)
			continue
		}
		t.Count += found[i].Count
		t.Since = found[i].Since // sites come in the order of their first
		if found[i].Last.After(t.Last) {
			t.Owner, t.Text, t.Last = found[i].Owner, found[i].Text, found[i].Last
		}
		found[i] = t
	}
	return found
}

// held says what a lost owner holds for ever.
func held(c scope.Count) string {
	var parts []string
	for _, p := range []struct {
		n    int
		what string
	}{{c.Connections, "connection"}, {c.Timers, "timer"}, {c.Cleanups, "cleanup"}} {
		if p.n > 0 {
			parts = append(parts, outline.Count(p.n, p.what))
		}
	}
	if parts == nil {
		return ""
	}
	return "held " + strings.Join(parts, ", ")
}
