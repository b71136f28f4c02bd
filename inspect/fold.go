package inspect

import (
	"cmp"
	"slices"
	"strings"
	"weak"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/outline"
	"github.com/seed-ec287111/tether/internal/scope"
)

// Bounds of a [Survey], all of them arbitrary, and more than anybody reads.
const (
	mostFolds   = 10_000 // folds in all
	mostKinds   = 100    // folds below one
	mostDepth   = 100    // deeper owners belong to the fold at that depth
	mostHolds   = 100    // holds of one fold
	longestName = 200    // bytes of a name
	mostSampled = 16     // of the oldest owners of a fold, and of the newest, that are remembered
)

// A Fold is a set of owners that a reader need not tell apart: their parents are of one
// fold, one call made them, and their names differ in digits only. All sessions of a server
// are an example. If the call is not known, see [RecordSites], the name alone counts.
//
// A program has few folds, however many owners it has. A fold has at most a hundred folds
// below it. All further owners there are in one more fold, which has Rest set.
type Fold struct {
	Key  uint64 // differs from that of other folds, and is the same in every survey
	Name string // quoted; if Owners is not 1, digits are "#"; "" if Rest is set
	Note string // what is unusual about a single owner, as in a [Dump]; "" for several
	Made Place
	Rest bool

	Owners   int // in this fold itself
	Dead     int // how many of these owners are not alive
	Handlers int // calls of handlers of these owners that run
	Held     int // calls of Fire that wait for room in the queues of these owners

	Holds []Hold // what these owners hold, by kind and place
	Total Totals // of these owners and all below
	Below []*Fold

	oldest, newest []weak.Pointer[scope.Scope]
}

// A Hold is what the owners of a fold hold of one kind by one function.
type Hold struct {
	Kind  string // "connection", "goroutine", "timer", "cleanup", "interrupt", "queue"
	Func  Place  // the function; for queues the call that made them, if that is known
	What  string // for connections the type of the signal, for queues capacity and overflow; if "" with no Func, these were not looked at
	Count int
	About bool // Count is an estimate from those that were looked at

	Queue Queue // what these queues are and count together; has an ID if there is only one
}

// Sample returns some of the fold's owners: those that were the newest and those that were
// the oldest, in the order of their registration, at most 32. It leaves out owners that
// have become garbage. all says that the fold had no others.
func (f *Fold) Sample() (briefs []Brief, all bool) {
	for _, w := range slices.Concat(f.oldest, f.newest) {
		if s := w.Value(); s != nil {
			briefs = append(briefs, brief(s))
		}
	}
	return briefs, f.Owners <= 2*mostSampled
}

// A fold is a Fold that is being made. Owners come to it newest first.
type fold struct {
	Fold
	depth  int
	hash   uint64
	site   uintptr
	seen   int            // owners of all folds that had come when the last of this fold came
	last   *scope.Scope   // the owner that came last
	old    []*scope.Scope // a ring of those that came last
	own    scope.Sizes    // what the owners of this fold hold, without those below
	told   scope.Sizes    // of these members, how many were described
	opened int            // owners whose members were described
	holds  map[groupKey]*Hold
	young  []*scope.Scope // the owners that came first
	below  map[uint64]*fold
	kinds  int // folds in below, twins included
	rest   *fold
	before *fold // the child that came last
	twin   *fold // the next fold with the same name, made by another call
}

// sum adds b to a.
func sum(a *scope.Sizes, b scope.Sizes) {
	a.Connections += b.Connections
	a.Goroutines += b.Goroutines
	a.Timers += b.Timers
	a.Cleanups += b.Cleanups
	a.Interrupts += b.Interrupts
	a.Resources += b.Resources
	a.Children += b.Children
}

// field returns the field of a that counts members of kind k.
func field(a *scope.Sizes, k scope.Kind) *int {
	switch k {
	case scope.Connection:
		return &a.Connections
	case scope.Goroutine:
		return &a.Goroutines
	case scope.Timer:
		return &a.Timers
	case scope.Cleanup:
		return &a.Cleanups
	case scope.Interrupt:
		return &a.Interrupts
	}
	return &a.Resources
}

// Hashes are FNV-1a, so a reader sees the same keys after a restart.
const offset, prime = 14695981039346656037, 1099511628211

func mix(h uint64, text string) uint64 {
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * prime
	}
	return (h ^ 0xff) * prime
}

// hashName is the hash of [outline.Fold] of a name.
func hashName(name string) (h uint64) {
	h = offset
	digits := false
	for i := range len(name) {
		c := name[i]
		if '0' <= c && c <= '9' {
			if digits {
				continue
			}
			digits, c = true, '#'
		} else {
			digits = false
		}
		h = (h ^ uint64(c)) * prime
	}
	return h
}

// child returns the fold below f that s belongs to.
func (v *surveyor) child(f *fold, s *scope.Scope) *fold {
	if f.depth >= mostDepth {
		return f
	}
	h := hashName(s.Name())
	site := v.site(s.Site())
	if b := f.before; b != nil && b.hash == h && (b.site == site || site == 0 && b.twin == nil) {
		return b
	}
	first := f.below[h]
	for c := first; c != nil; c = c.twin {
		if c.site == site || c.site == 0 || site == 0 {
			if c.site == 0 {
				c.site = site
			}
			f.before = c
			return c
		}
	}
	if v.folds >= mostFolds || f.kinds >= mostKinds {
		if f.rest == nil {
			f.rest = &fold{Fold: Fold{Rest: true}, depth: f.depth + 1}
		}
		return f.rest
	}
	v.folds++
	f.kinds++
	c := &fold{hash: h, site: site, depth: f.depth + 1, twin: first}
	if f.below == nil {
		f.below = make(map[uint64]*fold)
	}
	f.below[h], f.before = c, c
	return c
}

// cut bounds the length of a name.
func cut(name string) string {
	if len(name) <= longestName {
		return name
	}
	return strings.ToValidUTF8(name[:longestName], "") + "…"
}

// finish makes the exported part of f and of all below it.
func (f *fold) finish() *Fold {
	if f.last != nil {
		switch {
		case f.Rest:
		case f.Owners == 1:
			f.Name = cut(name(f.last.Name()))
			f.Note = notes(f.last, false, false)
		default:
			f.Name = cut(name(outline.Fold(f.last.Name())))
		}
	}
	f.Total.Stats = tether.Stats{
		Owners: f.Owners, Connections: f.own.Connections, Goroutines: f.own.Goroutines,
		Timers: f.own.Timers, Cleanups: f.own.Cleanups,
	}
	f.Total.Handlers = f.Handlers
	f.finishHolds()
	f.sample()
	var all []*fold
	for _, c := range f.below { // with its twins
		for ; c != nil; c = c.twin {
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b *fold) int { return cmp.Compare(b.seen, a.seen) }) // oldest first
	if f.rest != nil {
		all = append(all, f.rest)
	}
	for _, c := range all {
		c.Made = callAt(c.site)
		c.Key = (f.Key ^ c.hash) * prime
		if c.twin != nil || f.below[c.hash] != c {
			c.Key = mix(c.Key, c.Made.String())
		}
		f.Below = append(f.Below, c.finish())
		f.Total = f.Total.plus(c.Total)
	}
	return &f.Fold
}

func (t Totals) plus(u Totals) Totals {
	t.Owners += u.Owners
	t.Connections += u.Connections
	t.Goroutines += u.Goroutines
	t.Timers += u.Timers
	t.Cleanups += u.Cleanups
	t.Handlers += u.Handlers
	t.Queues += u.Queues
	t.Queued += u.Queued
	t.Taken += u.Taken
	t.Dropped += u.Dropped
	return t
}

// finishHolds lists what f holds, in an order that does not depend on numbers.
func (f *fold) finishHolds() {
	for k, h := range f.holds {
		switch k.kind {
		case scope.Resource:
			h.Kind, h.What, h.Func = "queue", k.what, callAt(k.pc)
		case scope.Connection:
			h.What = k.what
			fallthrough
		default:
			h.Kind, h.Func = kindName(k.kind), group{groupKey: k}.place()
			if exact, told := *field(&f.own, k.kind), *field(&f.told, k.kind); told < exact {
				h.Count, h.About = int(float64(h.Count)*float64(exact)/float64(told)), true
			}
		}
		f.Holds = append(f.Holds, *h)
	}
	for k := scope.Connection; k < scope.Resource; k++ {
		if exact := *field(&f.own, k); k != scope.Child && exact > 0 && *field(&f.told, k) == 0 {
			f.Holds = append(f.Holds, Hold{Kind: kindName(k), Count: exact})
		}
	}
	slices.SortFunc(f.Holds, func(a, b Hold) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Func.File, b.Func.File),
			cmp.Compare(a.Func.Line, b.Func.Line), cmp.Compare(a.Func.Name, b.Func.Name), cmp.Compare(a.What, b.What))
	})
	f.Holds = merge(f.Holds)
}

// merge makes one of those next to each other that a reader can't tell apart: a call in a
// function that was inlined, or a function in a generic one, is in several places of the code.
func merge(all []Hold) (merged []Hold) {
	for _, h := range all {
		n := len(merged) - 1
		if n < 0 || merged[n].Kind != h.Kind || merged[n].Func != h.Func || merged[n].What != h.What {
			merged = append(merged, h)
			continue
		}
		merged[n].Count += h.Count
		merged[n].About = merged[n].About || h.About
		merged[n].Queue = merged[n].Queue.plus(h.Queue)
	}
	return merged
}

// sample remembers the oldest and the newest owners of f, weakly.
func (f *fold) sample() {
	for _, s := range slices.Backward(f.young) {
		f.newest = append(f.newest, weak.Make(s))
	}
	n := f.Owners - len(f.young) // the owners that came after young; the ring has the last of them
	for i := range min(n, mostSampled) {
		f.oldest = append(f.oldest, weak.Make(f.old[(n-1-i)%mostSampled]))
	}
	f.young, f.old, f.last = nil, nil, nil
}

// come enters s as an owner of f. n counts the owners of all folds.
func (f *fold) come(s *scope.Scope, n int) {
	f.seen, f.last = n, s
	if len(f.young) < mostSampled {
		f.young = append(f.young, s)
	} else if k := f.Owners - mostSampled; k < mostSampled {
		f.old = append(f.old, s)
	} else {
		f.old[k%mostSampled] = s
	}
	f.Owners++
}
