package scope

// This file is for looks at very many owners: no mutex is held for long.

// Number returns the id that is announced while a handler of s runs, and makes it if there
// is none yet. It differs from that of every other scope.
func (s *Scope) Number() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.PresenceID()
}

// Sizes says how many members of each kind a scope has itself.
type Sizes struct {
	Connections, Goroutines, Timers, Cleanups, Interrupts, Resources, Children int

	Calls int // of handlers, that are counted: see Counted
}

// Sizes counts the members of s. Its cost does not depend on how many there are.
func (s *Scope) Sizes() Sizes {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Sizes{
		Connections: int(s.counts[Connection]), Goroutines: int(s.counts[Goroutine]), Timers: int(s.counts[Timer]),
		Cleanups: int(s.counts[Cleanup]), Interrupts: int(s.counts[Interrupt]), Resources: int(s.counts[Resource]),
		Children: int(s.counts[Child]), Calls: int(s.calls),
	}
}

// Older returns at most most children of s, newest first: the newest ones if page is empty,
// else those that are older than all of page, which Older has returned before. ok is false
// if none of page is a child of s any more, because then the place to go on from is
// unknown. The mutex is also held while Older passes over members of other kinds.
func (s *Scope) Older(page []*Scope, most int) (older []*Scope, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.last
	if len(page) > 0 {
		k := len(page) - 1
		for ; page[k].node.m == nil; k-- { // it has left; a child never comes back
			if k == 0 {
				return nil, false
			}
		}
		n = page[k].node.prev
	}
	most = min(most, int(s.counts[Child]))
	for ; n != nil && len(older) < most; n = n.prev {
		if c, ok := n.m.(*Scope); ok {
			if older == nil {
				older = make([]*Scope, 0, most)
			}
			older = append(older, c)
		}
	}
	return older, true
}
