package scope

// A Kind says what a member of a scope is.
type Kind uint8

// The kinds.
const (
	Connection Kind = iota
	Goroutine
	Timer
	Cleanup
	Child
	Interrupt
	Resource // a signal or queue, which is closed at the cut-off
	Internal // of no interest to reports
	kinds
)

// A Member is something that a scope holds.
type Member interface {
	Kind() Kind
	// Cut ends the member at the cut-off of its scope. It is called once, with the
	// scope's mutex held, and may remove the member from the scope's list. It is not
	// called for children.
	Cut(*Cutoff)
}

// A Node is a member's place in the list of its scope, for embedding in the member. The
// scope's mutex guards it.
type Node struct {
	prev, next *Node
	m          Member // nil while in no list
}

// addLocked makes m, whose node is n, the newest member. mu is held.
func (s *Scope) addLocked(n *Node, m Member) {
	n.m = m
	n.prev = s.last
	if s.last != nil {
		s.last.next = n
	}
	s.last = n
	s.counts[m.Kind()]++
}

// removeLocked takes n out of the list and reports whether it was there. mu is held.
func (s *Scope) removeLocked(n *Node) bool {
	if n.m == nil {
		return false
	}
	kind := n.m.Kind()
	s.counts[kind]--
	if kind == Resource {
		s.outlastLocked(n.m)
	}
	if n.next != nil {
		n.next.prev = n.prev
	} else {
		s.last = n.prev
	}
	if n.prev != nil {
		n.prev.next = n.next
	}
	*n = Node{}
	return true
}

// Attach calls link, if it is not nil, and makes m a member. The scope's mutex is held
// throughout, so a cut-off comes before both or after both. If s is dead or link returns
// false, Attach does nothing and returns false.
func (s *Scope) Attach(n *Node, m Member, link func() bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.Alive() || link != nil && !link() {
		return false
	}
	s.addLocked(n, m)
	return true
}

// Detach removes a member, if it still is one.
func (s *Scope) Detach(n *Node) {
	s.mu.Lock()
	s.removeLocked(n)
	s.mu.Unlock()
}

// Change calls change, which changes the kind of the member whose node is n.
func (s *Scope) Change(n *Node, change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n.m != nil {
		s.counts[n.m.Kind()]--
		defer func() { s.counts[n.m.Kind()]++ }()
	}
	change()
}

// A Count says what a subtree holds.
type Count struct{ Owners, Connections, Goroutines, Timers, Cleanups int }

// Count counts what the subtree of s holds now. It walks it.
func (s *Scope) Count() Count {
	var c Count
	for _, p := range s.subtree(nil) {
		p.mu.Lock()
		if !p.Over() {
			c.Owners++
		}
		c.Connections += int(p.counts[Connection])
		c.Goroutines += int(p.counts[Goroutine])
		c.Timers += int(p.counts[Timer])
		c.Cleanups += int(p.counts[Cleanup])
		p.mu.Unlock()
	}
	return c
}

// subtree appends s and its descendants, parents first.
func (s *Scope) subtree(all []*Scope) []*Scope {
	first := len(all)
	all = append(all, s)
	for i := first; i < len(all); i++ {
		p := all[i]
		p.mu.Lock()
		if p.counts[Child] > 0 {
			for n := p.last; n != nil; n = n.prev {
				if c, ok := n.m.(*Scope); ok {
					all = append(all, c)
				}
			}
		}
		p.mu.Unlock()
	}
	return all
}

// Kind makes a scope a member of its parent.
func (s *Scope) Kind() Kind { return Child }

// Cut makes a scope a member of its parent. It is not called: the cut-off itself goes down
// to children.
func (s *Scope) Cut(*Cutoff) { panic("tether: a child is cut off like its parent") }
