package scope

import (
	"math"
	"reflect"
	"slices"

	"github.com/seed-ec287111/tether/internal/inflight"
)

// A Detail describes a member of a scope.
type Detail struct {
	Kind Kind
	PC   uintptr // of the user's function; 0: there is none
	Name string  // of the member's type, if there is no function

	// Of a connection or a signal.
	Signal   reflect.Type // of the values; nil: unknown
	Priority int
	Muted    bool
	Queued   bool

	// Of a signal, the connections; of a queue, the values pending.
	Len int

	// Of a queue, for which Overflow is not "".
	Number   uint64 // differs from that of every other queue
	Site     uintptr
	Capacity int
	Overflow string
	Taken    uint64 // values let in so far
	Dropped  uint64
	Held     int // firers that wait for room
	Manual   bool
	Finish   bool
	Queue    *QueueDetail
}

// A QueueDetail has what takes a while to find out about a queue. A [Snapshot] has it for
// all queues, [Scope.Newest] for some.
type QueueDetail struct {
	Conns    int
	Handlers []uintptr // of connections, each function once; at most [MostHandlers]
	Running  uintptr   // the function that handles a value; 0: none
}

// MostHandlers is how many handlers of a queue are described.
const MostHandlers = 8

// A QueueDescriber is a queue, as a member. It is called as a [Describer] is.
type QueueDescriber interface{ DescribeQueue() *QueueDetail }

// A Describer is a member that can say more about itself than its Kind. It is
// called with the scope's mutex held.
type Describer interface{ Describe() Detail }

// A Snapshot is what a scope is and holds at one moment.
type Snapshot struct {
	Scope    *Scope
	State    string   // "alive", "cut off", "unwinding" or "ended"
	Members  []Detail // except children; oldest first
	Children []*Scope // oldest first
	Handlers int      // calls of handlers that run
	Unwinds  string   // the cleanup that runs, if any
	Sealed   bool     // it is alive, and its stages have begun
}

// Snapshot describes s, but not its descendants.
func (s *Scope) Snapshot() Snapshot {
	shot := Snapshot{Scope: s}
	if id := s.id.Load(); id != 0 {
		shot.Handlers = inflight.Count(id)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	shot.State = s.State()
	shot.Sealed = s.sealed && s.Alive()
	shot.Handlers += int(s.calls)
	if s.now != nil {
		shot.Unwinds = s.now.name()
	}
	if s.last == nil {
		return shot
	}
	first := s.last
	for first.prev != nil {
		first = first.prev
	}
	for n := first; n != nil; n = n.next {
		switch m := n.m.(type) {
		case *Scope:
			shot.Children = append(shot.Children, m)
		case Describer:
			d := m.Describe()
			d.Kind = n.m.Kind()
			if q, ok := n.m.(QueueDescriber); ok {
				d.Queue = q.DescribeQueue()
			}
			shot.Members = append(shot.Members, d)
		default:
			if n.m.Kind() != Internal {
				shot.Members = append(shot.Members, Detail{Kind: n.m.Kind()})
			}
		}
	}
	return shot
}

// Describe makes a Task a Describer.
func (t *Task) Describe() Detail { return Detail{PC: t.name} }

// Describe makes a timer a Describer.
func (t *timer) Describe() Detail { return Detail{PC: t.name} }

// Describe makes a cleanup a Describer.
func (c *cleanup) Describe() Detail {
	if c.f != nil {
		return Detail{PC: PC(c.f)}
	}
	return Detail{Name: c.name()}
}

// Describe makes an interrupt a Describer.
func (i *interrupt) Describe() Detail {
	switch {
	case i.f != nil:
		return Detail{PC: PC(i.f)}
	case i.closer != nil:
		return Detail{Name: i.name()}
	}
	return Detail{}
}

// State says how far s has come: "alive", "cut off", "unwinding" or "ended".
func (s *Scope) State() string {
	return [...]string{"alive", "cut off", "unwinding", "ended"}[s.state.Load()]
}

// Staged reports whether the children of s end one after the other.
func (s *Scope) Staged() bool { return s.staged }

// Sealed reports whether s is alive and its stages have begun.
func (s *Scope) Sealed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.sealed && s.Alive()
}

// InTurn reports whether s lives until the unwinding of its parent comes to it.
func (s *Scope) InTurn() bool { return s.bond == inTurn }

// Unattended reports whether s may be left to the collector.
func (s *Scope) Unattended() bool { return s.loose && s.parent == nil }

// ID returns the id that is announced while a handler of s runs, 0 if there is none yet.
func (s *Scope) ID() uint64 { return s.id.Load() }

// Handlers returns how many calls of handlers of s run. Each is announced, or counted in s
// if there was no slot or a teardown waits for it.
func (s *Scope) Handlers() (n int) {
	if id := s.id.Load(); id != 0 {
		n = inflight.Count(id)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return n + int(s.calls)
}

// Counted returns how many of these calls are counted in s.
func (s *Scope) Counted() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int(s.calls)
}

// Children returns the children of s, oldest first.
func (s *Scope) Children() (all []*Scope) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.counts[Child] == 0 {
		return nil
	}
	all = make([]*Scope, 0, s.counts[Child])
	for n := s.last; n != nil; n = n.prev {
		if c, ok := n.m.(*Scope); ok {
			all = append(all, c)
		}
	}
	slices.Reverse(all)
	return all
}

// Each calls visit for each member, newest first, if want accepts its kind. Children are
// left out. It makes no list as Snapshot does. It holds the mutex of s, so visit may
// neither take a lock of the library's nor run user code.
func (s *Scope) Each(want func(Kind) bool, visit func(Detail)) {
	s.Newest(math.MaxInt, want, func(d Detail) bool {
		visit(d)
		return true
	})
}

// Newest is Each for at most the newest most members, children counted, and only as long as
// visit returns true. So it bounds how long the mutex is held. For a queue that is full or
// has dropped values it sets Detail.Queue.
func (s *Scope) Newest(most int, want func(Kind) bool, visit func(Detail) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for n := s.last; n != nil && most > 0; n = n.prev {
		most--
		kind := n.m.Kind()
		if kind == Child || kind == Internal || !want(kind) {
			continue
		}
		var d Detail
		if m, ok := n.m.(Describer); ok {
			d = m.Describe()
		}
		d.Kind = kind
		if d.Overflow != "" && (d.Len >= d.Capacity || d.Dropped > 0) {
			d.Queue = n.m.(QueueDescriber).DescribeQueue()
		}
		if !visit(d) {
			return
		}
	}
}
