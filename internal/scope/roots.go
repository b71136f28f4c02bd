package scope

import (
	"cmp"
	"iter"
	"slices"
	"sync"
	"time"
	"weak"
)

// A Root is an entry in the list of root scopes.
type Root struct {
	N     uint64 // counts the roots listed
	Name  string
	Site  uintptr // where it was made
	Lost  bool    // its owner is garbage; kept while somebody watches
	loose bool    // no Lose will come for it: dropped when its scope is collected

	scope weak.Pointer[Scope]
}

// roots has the roots that have not ended, by weak references: a list that kept
// them alive would hide the lost ones from the collector.
var roots struct {
	mu    sync.Mutex // guards the fields below
	last  uint64
	list  map[uint64]*Root
	sweep int        // len(list) at which entries of collected scopes are dropped
	watch int        // callers of WatchRoots
	lost  uint64     // how many were lost so far
	sites []LostSite // where these were made
}

// A LostSite is a call that has made roots which were lost.
type LostSite struct {
	Site        uintptr
	Name        string // of the last one
	Held        Count  // likewise
	Count       int
	First, Last time.Time
}

// MostLost is how many such sites are remembered; arbitrary, and more than anybody mends in
// a day.
const MostLost = 100

// LostSites returns the calls that have made roots which were lost, in the order in which
// these were found.
func LostSites() []LostSite {
	roots.mu.Lock()
	defer roots.mu.Unlock()
	return slices.Clone(roots.sites)
}

// rememberLocked remembers that a root was lost.
func rememberLocked(r *Root, held Count) {
	i := slices.IndexFunc(roots.sites, func(l LostSite) bool { return l.Site == r.Site })
	if i < 0 {
		if len(roots.sites) == MostLost {
			return
		}
		i = len(roots.sites)
		roots.sites = append(roots.sites, LostSite{Site: r.Site, First: time.Now()})
	}
	l := &roots.sites[i]
	l.Name, l.Held, l.Last = r.Name, held, time.Now()
	l.Count++
}

// List enters s, a root that nobody else knows yet, in the list of roots, until s has
// ended. It returns the number of the entry. watched says that the caller will call Lose if
// the owner of s becomes garbage.
func (s *Scope) List(watched bool) (n uint64) {
	if Observed() {
		tell(s, made)
	}
	r := &Root{Name: s.name, Site: s.site, loose: !watched, scope: weak.Make(s)}
	roots.mu.Lock()
	defer roots.mu.Unlock()
	roots.last++
	r.N = roots.last
	s.tree.entry = r.N
	if roots.list == nil {
		roots.list = make(map[uint64]*Root)
	}
	if len(roots.list) >= max(roots.sweep, 64) { // amortised O(1)
		sweepRootsLocked()
		roots.sweep = 2 * len(roots.list)
	}
	roots.list[r.N] = r
	return r.N
}

// sweepRootsLocked drops the entries of lost roots, unless WatchRoots keeps them, and of
// scopes that were collected without having ended, such as those bound to contexts that
// nobody ended.
func sweepRootsLocked() {
	for n, r := range roots.list {
		if r.Lost && roots.watch > 0 {
			continue
		}
		if r.Lost || r.loose && r.scope.Value() == nil {
			delete(roots.list, n)
		}
	}
}

// unlist drops the entry of a root that has ended.
func (t *tree) unlist() {
	if t.entry != 0 {
		roots.mu.Lock()
		delete(roots.list, t.entry)
		roots.mu.Unlock()
	}
}

// Scope returns the root, nil if it was collected.
func (r Root) Scope() *Scope { return r.scope.Value() }

// Roots returns the roots that have not ended, oldest first.
func Roots() iter.Seq[Root] {
	roots.mu.Lock()
	sweepRootsLocked()
	list := make([]Root, 0, len(roots.list))
	for _, r := range roots.list {
		list = append(list, *r)
	}
	roots.mu.Unlock()
	slices.SortFunc(list, func(a, b Root) int { return cmp.Compare(a.N, b.N) })
	return slices.Values(list)
}

// WatchRoots keeps the entries of lost roots until stop is called. since is the N of the
// last root listed before.
func WatchRoots() (since uint64, stop func()) {
	roots.mu.Lock()
	defer roots.mu.Unlock()
	roots.watch++
	return roots.last, sync.OnceFunc(func() {
		roots.mu.Lock()
		defer roots.mu.Unlock()
		if roots.watch--; roots.watch == 0 {
			sweepRootsLocked()
		}
	})
}

// Lose enters that the owner of root n is garbage. The root is lost if nobody has ended it
// and no goroutine of its own runs. held is what it still holds, which is nothing if that
// is garbage too.
func Lose(n uint64) (r Root, held Count, lost bool) {
	roots.mu.Lock()
	entry := roots.list[n]
	roots.mu.Unlock()
	if entry == nil {
		return r, held, false
	}
	lost = true
	if s := entry.scope.Value(); s != nil {
		held = s.Count()
		lost = s.Alive() && held.Goroutines == 0 && !s.ending()
	}
	roots.mu.Lock()
	defer roots.mu.Unlock()
	entry.Lost, entry.loose = lost, true
	if lost {
		roots.lost++
		rememberLocked(entry, held)
	}
	if lost && roots.watch == 0 {
		delete(roots.list, n)
	}
	return *entry, held, lost
}

// LostRoots returns how many roots were found lost so far.
func LostRoots() uint64 {
	roots.mu.Lock()
	defer roots.mu.Unlock()
	return roots.lost
}
