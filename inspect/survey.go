package inspect

import (
	"math"
	"strconv"
	"time"

	"github.com/seed-ec287111/tether/internal/outline"
	"github.com/seed-ec287111/tether/internal/scope"
)

const (
	// mostOwners is how many owners a survey looks at.
	mostOwners = 2_000_000
	// fewOwners is of how many owners of a fold the members are described. The members of
	// owners that hold manyMembers or more are described in any case.
	fewOwners, manyMembers = 256, 64
	// mostPassed is how many of one owner's members, children included, a survey passes while
	// the owner is locked: a few milliseconds.
	mostPassed = 200_000
	// mostMembers is how many of one owner's members are described, the newest ones: 2 ms.
	mostMembers = 10_000
	// mostDescribed is how many members one survey describes, before it only counts: 50 ms.
	mostDescribed = 250_000
)

// A Survey is what one look at all owners of the program has found. See [Monitor.Look].
type Survey struct {
	At      time.Time
	Took    time.Duration
	Total   Totals
	Heap    uint64    // bytes of objects in the whole program, garbage not yet found included
	Looked  int       // owners looked at
	Partial bool      // there are, or were, more owners
	Roots   []*Fold   // the trees of owners, folded
	Groups  []Group   // the largest groups, by folds: their Owner is a path of folds
	Trouble []Trouble // what is wrong, the gravest first
}

// A surveyor makes a survey.
type surveyor struct {
	top       fold
	folds     int
	seen      int
	described int
	partial   bool
	lost      bool           // some owners were missed, see everything
	calls     map[uint64]int // running handlers that are announced, by owner
	queue     func(f *fold, s *scope.Scope, d scope.Detail)

	pc, same uintptr // the argument and result of the last site
}

// site is [outline.Site]. It remembers the last result, because most calls have the same
// argument as the call before.
func (v *surveyor) site(pc uintptr) uintptr {
	if pc != v.pc {
		v.pc, v.same = pc, outline.Site(pc)
	}
	return v.same
}

// walk looks at all owners, and calls visit for each, with its root.
func (v *surveyor) walk(visit func(s, top *scope.Scope)) {
	at := []*fold{&v.top}
	var top *scope.Scope
	for depth, s := range everything(&v.lost) {
		if v.seen++; v.seen > mostOwners {
			v.partial = true
			return
		}
		if depth == 0 {
			top = s
		}
		f := v.child(at[depth], s)
		at = append(at[:depth+1], f)
		f.come(s, v.seen)
		v.members(f, s)
		visit(s, top)
	}
}

// members counts what s, which belongs to f, holds.
func (v *surveyor) members(f *fold, s *scope.Scope) {
	sizes := s.Sizes()
	sum(&f.own, sizes)
	if !s.Alive() {
		f.Dead++
	}
	f.Handlers += sizes.Calls
	if len(v.calls) > 0 {
		f.Handlers += v.calls[s.ID()]
	}
	if sizes.Resources > 0 {
		v.queues(f, s, sizes.Resources)
	}
	left := sizes.Connections + sizes.Goroutines + sizes.Timers + sizes.Cleanups + sizes.Interrupts
	if left == 0 || v.described >= mostDescribed || f.opened >= fewOwners && left < manyMembers {
		return
	}
	f.opened++
	left = min(left, mostMembers)
	s.Newest(mostPassed, grouped, func(d scope.Detail) bool {
		v.described++
		*field(&f.told, d.Kind)++
		what := d.Name
		if d.Kind == scope.Connection {
			what = typeName(d.Signal)
		}
		f.hold(groupKey{d.Kind, d.PC, what})
		left--
		return left > 0
	})
}

// hold counts one more thing of group k. It returns the group's Hold, nil if f has too many.
func (f *fold) hold(k groupKey) *Hold {
	if f.holds == nil {
		f.holds = make(map[groupKey]*Hold)
	}
	h := f.holds[k]
	if h == nil {
		if len(f.holds) >= mostHolds {
			return nil
		}
		h = new(Hold)
		f.holds[k] = h
	}
	h.Count++
	return h
}

// queues counts the queues among the n signals and queues of s.
func (v *surveyor) queues(f *fold, s *scope.Scope, n int) {
	s.Newest(mostPassed, resources, func(d scope.Detail) bool {
		n--
		if isQueue(d) {
			f.Total.Queues++
			f.Total.Queued += d.Len
			f.Total.Taken += d.Taken
			f.Total.Dropped += d.Dropped
			f.Held += d.Held
			if h := f.hold(groupKey{scope.Resource, d.Site, capacity(d.Capacity) + " " + d.Overflow}); h != nil {
				h.Queue = h.Queue.plus(queueOf(d))
			}
			if v.queue != nil {
				v.queue(f, s, d)
			}
		}
		return n > 0
	})
}

func (q Queue) plus(r Queue) Queue {
	if q.Overflow == "" {
		return r
	}
	r.ID, r.Running = 0, Place{}
	r.Len += q.Len
	r.Held += q.Held
	r.Taken += q.Taken
	r.Dropped += q.Dropped
	r.Connections += q.Connections
	return r
}

func capacity(n int) string {
	if n == math.MaxInt {
		return "unbounded"
	}
	return strconv.Itoa(n)
}

// groups calls visit for each group of f and of all below it, parents first. The owners
// themselves are a Hold of kind "child". What they hold follows. path is the path of the
// group's owner, with digits folded.
func (f *Fold) groups(path string, visit func(f *Fold, h Hold, path string)) {
	name := f.Name
	if f.Rest {
		name = "…"
	}
	visit(f, Hold{Kind: "child", Func: f.Made, What: name, Count: f.Owners}, path)
	if path != "" {
		path += "/"
	}
	path += name
	for _, h := range f.Holds {
		visit(f, h, path)
	}
	for _, c := range f.Below {
		c.groups(path, visit)
	}
}

// key tells the groups of the program apart.
func (h Hold) key(f *Fold) uint64 {
	if h.Kind == "child" {
		return f.Key
	}
	k := mix(mix(mix(mix(f.Key, h.Kind), h.What), h.Func.Name), h.Func.File)
	return (k ^ uint64(h.Func.Line)) * prime
}
