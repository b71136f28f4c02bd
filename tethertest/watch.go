package tethertest

import (
	"cmp"
	"slices"
	"sync"
	"weak"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/scope"
)

// watch knows what the verifications have to. It observes the library while there
// are any, and keeps nothing alive.
var watch watcher

// A watcher attributes what is made to verifications. Verifications that overlap
// form a round: from the beginning of the first to the end of the last.
type watcher struct {
	// gate orders beginnings and ends. Lock order: gate, the library's locks, mu:
	// the library calls ended with locks of its own held.
	gate   sync.Mutex
	since  uint64 // the last root that is older than the round; guarded by gate
	before census // what older roots held when the round began; guarded by gate
	ways   ways   // of the censuses of the round; guarded by gate
	stop   []func()

	mu      sync.Mutex // guards the fields below
	active  []*verification
	ends    int      // verifications that have ended
	tests   []string // names of the verifications of this round
	origins map[uint64]*verification
	made    uint64 // roots and waits seen
	roots   map[weak.Pointer[scope.Scope]]*entry
	waits   map[*entry]struct{}
	calls   map[callers]call                     // see connected
	kept    map[weak.Pointer[scope.Scope]]string // see keep; outlives rounds
}

// An entry is something made in this round that has not ended: a root, or a
// call of Wait or Values.
type entry struct {
	n        uint64
	by       *verification
	reported bool

	kind  string // "owner", "Wait" or "Values"
	name  string
	site  uintptr
	scope weak.Pointer[scope.Scope] // of a root

	unattended bool // a root that nobody can be asked to end
}

// keep exempts a root that the end of a test destroys, until unkeep.
func (w *watcher) keep(s *scope.Scope, test string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.kept == nil {
		w.kept = make(map[weak.Pointer[scope.Scope]]string)
	}
	w.kept[weak.Make(s)] = test
}

// unkeep ends what keep began, if the root has ended. If not, the root has failed its
// test, and there is no more to say about it.
func (w *watcher) unkeep(s *scope.Scope) {
	if s.Over() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.kept, weak.Make(s))
	}
}

// prune forgets the kept roots that have ended since they failed their tests.
func (w *watcher) prune() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for p := range w.kept {
		if s := p.Value(); s == nil || s.Over() {
			delete(w.kept, p)
		}
	}
}

// begin enters a verification.
func (w *watcher) begin(v *verification) {
	w.gate.Lock()
	defer w.gate.Unlock()
	first := w.idle()
	if first {
		w.start()
	} else if outer := w.origin(); outer != foreign && outer != unknown {
		v.outer = outer
	}
	w.forget()
	w.mu.Lock()
	w.origins[goroutine.ID()] = v
	w.active = append(w.active, v)
	w.tests = append(w.tests, v.t.Name())
	w.mu.Unlock()
	if first {
		w.ways = ways{}
		w.before = w.count()
	}
}

// start begins a round. It observes before it asks for the last root: what is made
// between belongs to the round, see exempt.
func (w *watcher) start() {
	w.prune()
	w.mu.Lock()
	w.origins = make(map[uint64]*verification)
	w.roots = make(map[weak.Pointer[scope.Scope]]*entry)
	w.waits = make(map[*entry]struct{})
	w.calls = make(map[callers]call)
	w.mu.Unlock()
	unobserve := scope.Observe(&scope.Observer{Made: w.rootMade, Ended: w.rootEnded, Connected: w.connected})
	since, unwatch := scope.WatchRoots() // keeps what is lost on the list
	w.since, w.stop = since, []func(){unobserve, unwatch}
}

// end takes out a verification that reports f. last says how f was found: as the
// only one left, or not. If that has changed since, it does nothing and returns
// false. It also does if others have come and gone since, and left it what f does
// not have.
func (w *watcher) end(v *verification, f *findings, last bool) bool {
	w.gate.Lock()
	defer w.gate.Unlock()
	w.mu.Lock()
	if last != (len(w.active) == 1) || last && f.ends != w.ends {
		w.mu.Unlock()
		return false
	}
	i := slices.Index(w.active, v)
	w.active = slices.Delete(w.active, i, i+1)
	v.ended = true
	w.ends++
	for _, e := range slices.Concat(f.mine, f.shared) {
		e.reported = true // by nobody else
	}
	if last {
		w.tests, w.origins, w.roots, w.waits, w.calls = nil, nil, nil, nil, nil
	}
	w.mu.Unlock()
	if last {
		for _, stop := range w.stop {
			stop()
		}
		w.stop, w.before, w.ways = nil, nil, nil
	}
	return true
}

func (w *watcher) idle() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.active) == 0
}

// known returns what is known of a goroutine, nil for nothing.
func (w *watcher) known(id uint64) *verification {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.origins[id]
}

func (w *watcher) learn(v *verification, ids ...uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, id := range ids {
		if w.origins != nil && w.origins[id] == nil {
			w.origins[id] = v
		}
	}
}

// forget drops what is not so any more if one of those on the way now verifies.
func (w *watcher) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for id, v := range w.origins {
		if v == foreign || v == unknown {
			delete(w.origins, id)
		}
	}
}

// of enters in f what v answers for, oldest first: what is its own, and if v is the last one
// active, what may be its own. It also enters the tests of this round.
func (w *watcher) of(v *verification, f *findings) (last bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	last = len(w.active) == 1
	f.round, f.ends = slices.Clone(w.tests), w.ends
	take := func(e *entry) {
		by := e.by
		for by != nil && by.ended {
			by = by.outer
		}
		_, kept := w.kept[e.scope]
		switch {
		case kept || e.reported:
		case by == v:
			f.mine = append(f.mine, e)
		case last && (by == nil || by == unknown):
			f.shared = append(f.shared, e)
		}
	}
	for _, e := range w.roots {
		take(e)
	}
	for e := range w.waits {
		take(e)
	}
	order := func(a, b *entry) int { return cmp.Compare(a.n, b.n) }
	slices.SortFunc(f.mine, order)
	slices.SortFunc(f.shared, order)
	return last
}
