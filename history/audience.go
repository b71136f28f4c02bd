package history

import (
	"cmp"
	"slices"
	"sync"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/handle"
)

// slack is how many ended subscribers the book may hold besides as many as there
// are live ones; arbitrary, and small.
const slack = 8

// An audience is a ring's book of subscribers. The ring's mutex guards it.
//
// Nobody tells a ring that a connection has ended. Those that have are swept out
// when they may be more than half of the book, which is amortised O(1) for a
// connect; and a round that finds many has the book swept.
type audience[T any] struct {
	levels []*level[T] // by descending priority; copied on write
	size   int         // subscribers in the book
	limit  int         // the size at which to sweep
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
	i, found := slices.BinarySearchFunc(a.levels, priority, func(l *level[T], p int) int {
		return cmp.Compare(p, l.priority)
	})
	if !found {
		a.levels = slices.Insert(slices.Clone(a.levels), i, &level[T]{priority: priority})
	}
	l := a.levels[i]
	l.subs = append(l.subs, s)
	a.size++
}

func (a *audience[T]) sweepLocked() {
	old := a.levels
	a.levels, a.size = nil, 0
	for _, l := range old {
		var live []*subscriber[T]
		for _, s := range l.subs {
			if s.conn.Connected() {
				live = append(live, s)
			}
		}
		l.subs = live
		if live != nil {
			a.levels = append(a.levels, l)
			a.size += len(live)
		}
	}
	a.limit = 2*a.size + slack
}

// A round walks the audience once. It comes by everybody who was in the book
// when it began, and may come by others: they find nothing to deliver.
type round[T any] struct {
	levels     []*level[T]
	subs       []*subscriber[T]
	live, dead int
}

func (a *audience[T]) round() round[T] { return round[T]{levels: a.levels} }

// next returns the next live subscriber, nil at the end. An ended one loses what
// it holds. mu is the ring's.
func (r *round[T]) next(mu *sync.Mutex) *subscriber[T] {
	for {
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
		if len(r.levels) == 0 {
			return nil
		}
		mu.Lock()
		r.subs = r.levels[0].subs
		mu.Unlock()
		r.levels = r.levels[1:]
	}
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
