package history

import (
	"math"
	"sync"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/ordered"
)

// slack is how many ended subscribers the book may hold besides as many as there
// are live ones; arbitrary, and small.
const slack = 8

// An audience is a ring's book of subscribers. The ring's mutex guards it.
//
// Nobody tells a ring that a connection has ended. Those that have are swept out
// when they may be more than half of the book, which is amortised O(1) for a
// connect, but for O(log p) among p priorities; and a round that finds many has
// the book swept.
type audience[T any] struct {
	levels ordered.Map[*level[T]] // none is empty
	size   int                    // subscribers in the book
	limit  int                    // the size at which to sweep
}

// A level has the subscribers of one priority, in order of connection. The slice
// is appended to in place and otherwise replaced: a copy of its header remains a
// valid list without the lock.
type level[T any] struct {
	priority int
	subs     []*subscriber[T]
}

func (a *audience[T]) enterLocked(s *subscriber[T], priority int) {
	if a.size >= a.limit {
		a.sweepLocked()
	}
	l := a.levels.Get(priority)
	if l == nil {
		l = &level[T]{priority: priority}
		a.levels.Set(priority, l)
	}
	l.subs = append(l.subs, s)
	a.size++
}

// firstLocked returns the level of the highest priority, nil if there is none.
func (a *audience[T]) firstLocked() *level[T] {
	if l := a.levels.Get(math.MaxInt); l != nil { // below which the others are
		return l
	}
	return a.levels.Below(math.MaxInt)
}

func (a *audience[T]) sweepLocked() {
	a.size = 0
	for l := a.firstLocked(); l != nil; l = a.levels.Below(l.priority) {
		var live []*subscriber[T]
		for _, s := range l.subs {
			if s.conn.Connected() {
				live = append(live, s)
			}
		}
		l.subs = live
		a.size += len(live)
		if live == nil {
			a.levels.Delete(l.priority)
		}
	}
	a.limit = 2*a.size + slack
}

// A round walks the audience once. It comes by everybody who was in the book
// when it began, and may come by others: they find nothing to deliver.
//
// It holds the level where it is, not its place in the book: that may be swept
// meanwhile.
type round[T any] struct {
	level      *level[T] // nil at the end
	subs       []*subscriber[T]
	live, dead int
}

func (a *audience[T]) roundLocked() (r round[T]) {
	if r.level = a.firstLocked(); r.level != nil {
		r.subs = r.level.subs
	}
	return r
}

// next returns the next live subscriber, nil at the end. An ended one loses what
// it holds. mu is the ring's.
func (r *round[T]) next(a *audience[T], mu *sync.Mutex) *subscriber[T] {
	for r.level != nil {
		for len(r.subs) > 0 {
			s := r.subs[0]
			r.subs = r.subs[1:]
			if s.conn.Connected() {
				r.live++
				return s
			}
			r.dead++
			s.wake()
		}
		mu.Lock()
		if r.level = a.levels.Below(r.level.priority); r.level != nil {
			r.subs = r.level.subs
		}
		mu.Unlock()
	}
	return nil
}

// thin reports whether the round has met so many ended ones that a sweep pays.
func (r *round[T]) thin() bool { return r.dead > r.live+slack }

// priority returns the priority among opts: as in tether, the last one counts.
func priority(opts []tether.ConnectOption) (p int) {
	for _, opt := range opts {
		if q, ok := handle.Priority(opt); ok {
			p = q
		}
	}
	return p
}
