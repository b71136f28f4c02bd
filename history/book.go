package history

import (
	"math"
	"sync"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/ordered"
)

// slack is how many more ended subscribers than live ones the book may hold; arbitrary, and
// small.
const slack = 8

// A book has the subscribers of a ring. The ring's mutex guards it.
//
// A ring does not learn that a connection has ended. enterLocked sweeps out the ended
// subscribers when they may be more than half of the book. That is amortised O(1) for a
// connect, apart from O(log p) among p priorities. A pass that finds many ended subscribers
// sweeps the book too.
type book[T any] struct {
	levels ordered.Map[*priorityLevel[T]] // none is empty
	size   int                            // subscribers in the book
	limit  int                            // the size at which to sweep
}

// A priorityLevel has the subscribers of one priority, in order of connection. The slice is
// only appended to in place, and otherwise replaced. So a copy of its header remains a valid
// list without the lock.
type priorityLevel[T any] struct {
	priority int
	subs     []*subscriber[T]
}

func (b *book[T]) enterLocked(s *subscriber[T], priority int) {
	if b.size >= b.limit {
		b.sweepLocked()
	}
	l := b.levels.Get(priority)
	if l == nil {
		l = &priorityLevel[T]{priority: priority}
		b.levels.Set(priority, l)
	}
	l.subs = append(l.subs, s)
	b.size++
}

// firstLocked returns the level of the highest priority, nil if there is none.
func (b *book[T]) firstLocked() *priorityLevel[T] {
	if l := b.levels.Get(math.MaxInt); l != nil { // below which the others are
		return l
	}
	return b.levels.Below(math.MaxInt)
}

func (b *book[T]) sweepLocked() {
	b.size = 0
	for l := b.firstLocked(); l != nil; l = b.levels.Below(l.priority) {
		var live []*subscriber[T]
		for _, s := range l.subs {
			if s.conn.Connected() {
				live = append(live, s)
			}
		}
		l.subs = live
		b.size += len(live)
		if live == nil {
			b.levels.Delete(l.priority)
		}
	}
	b.limit = 2*b.size + slack
}

// A pass walks the book once. It comes by all subscribers that were in the book when it
// began. It may come by others, which find nothing to deliver.
//
// It holds the level where it is, and not a place in the book, because the book may be swept
// meanwhile.
type pass[T any] struct {
	level      *priorityLevel[T] // nil at the end
	subs       []*subscriber[T]
	live, dead int
}

// passLocked begins a pass. b may be nil.
func (b *book[T]) passLocked() (p pass[T]) {
	if b == nil {
		return p
	}
	if p.level = b.firstLocked(); p.level != nil {
		p.subs = p.level.subs
	}
	return p
}

// next returns the next live subscriber, nil at the end. It makes ended ones let go of the
// values. mu is the ring's.
func (p *pass[T]) next(b *book[T], mu *sync.Mutex) *subscriber[T] {
	for p.level != nil {
		for len(p.subs) > 0 {
			s := p.subs[0]
			p.subs = p.subs[1:]
			if s.conn.Connected() {
				p.live++
				return s
			}
			p.dead++
			s.wake()
		}
		mu.Lock()
		if p.level = b.levels.Below(p.level.priority); p.level != nil {
			p.subs = p.level.subs
		}
		mu.Unlock()
	}
	return nil
}

// sparse reports whether the pass has met so many ended subscribers that a sweep pays.
func (p *pass[T]) sparse() bool { return p.dead > p.live+slack }

// priority returns the priority among opts: as in tether, the last one counts.
func priority(opts []tether.ConnectOption) (p int) {
	for _, opt := range opts {
		if q, ok := handle.Priority(opt); ok {
			p = q
		}
	}
	return p
}
