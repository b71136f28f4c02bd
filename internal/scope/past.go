package scope

import (
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/seed-ec287111/tether/internal/fold"
	"github.com/seed-ec287111/tether/internal/inflight"
)

// What queues have counted outlasts them, so that sums over a subtree never fall. When a
// queue leaves its scope, its tally stays there. When a scope ends, its tallies go to its
// parent. While nothing ends, this costs nothing.
//
// A value is counted in one place at a time:
//
//  1. in a queue that is a member of a scope
//  2. in a queue that has left its scope and owes the value to a scope, see CountLate
//  3. in the past of a scope.
//
// 1 becomes 3 in one critical section of the scope, the one in which the queue leaves it. 2
// becomes 3 in one critical section of the nearest scope that has not ended, from the
// queue's scope upwards. When a scope ends, its past is added to its parent's in the
// critical section of the parent in which the scope leaves the list of children. The ended
// scope keeps its own past, which is not written any more.
//
// A walk reads of each scope, in one critical section, its queues, its past and its
// children. Then it goes on to the children. So it counts no value twice. A value that it
// found in the past of a scope had left all scopes in the list of children read with it. A
// value that it found in a queue had not come to the past.
//
// Nor does a later walk miss a value that a walk has counted: the value has only moved up
// since. Let it be below the scope that the later walk is at. Then the child on the way to
// it is in the list, because whatever is below an ended scope has ended before. If the
// value moves up out of that child before the walk comes there, the child has ended, and
// the past that it keeps has the value. Only a value that was owed is not found there, and
// no walk counts what is owed.
//
// It is tempting to add what is owed to the queue's own scope as well, although that has
// ended. A walk under way may count it there. The next walk may come before it is added
// further up, and miss it.

// A Tally is what a queue has counted: values that it let in, and values that it dropped.
type Tally struct{ Taken, Dropped uint64 }

// Minus returns what t has more than u.
func (t Tally) Minus(u Tally) Tally { return Tally{t.Taken - u.Taken, t.Dropped - u.Dropped} }

// A Counter is a member, a Resource, whose tally outlasts it.
type Counter interface {
	Member
	Describer
	// Final returns the tally. It is called when the member leaves its scope, with the
	// scope's mutex held. What is counted later goes to [Scope.CountLate].
	Final() Tally
}

// A Named is the tally of the queues of all owners with one name, see [Scope.Kin].
type Named struct {
	Name string
	Tally
}

// A past is what is left in a scope of what has ended there.
type past struct {
	errs    *errorList // what closers returned; nil: nothing
	tallies []Named    // few, because there are few names
}

func (p *past) errors() *errorList {
	if p == nil {
		return nil
	}
	return p.errs
}

func (s *Scope) pastLocked() *past {
	if s.past == nil {
		s.past = new(past)
	}
	return s.past
}

// outlastLocked keeps what m has counted when m leaves s. mu is held.
func (s *Scope) outlastLocked(m Member) {
	if c, ok := m.(Counter); ok {
		if t := c.Final(); t != (Tally{}) {
			s.countedLocked(Named{s.Kin(), t})
		}
	}
}

// countedLocked adds t to the past of s. mu is held.
func (s *Scope) countedLocked(t Named) {
	p := s.pastLocked()
	for i := range p.tallies {
		if p.tallies[i].Name == t.Name {
			p.tallies[i].Taken += t.Taken
			p.tallies[i].Dropped += t.Dropped
			return
		}
	}
	p.tallies = append(p.tallies, t)
}

// inherit takes child, which has ended, out of the list of children of s, and adds its past
// to that of s. tree.mu is held.
func (s *Scope) inherit(child *Scope) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.removeLocked(&child.node)
	if child.past != nil { // its tallies are not written any more
		for _, t := range child.past.tallies {
			s.countedLocked(t)
		}
	}
}

// CountLate adds what a queue of s has counted since it left s. It takes the mutexes of s
// and of scopes above, one after the other.
func (s *Scope) CountLate(t Tally) {
	if t == (Tally{}) {
		return
	}
	name := s.Kin()
	for p := s; !p.countLate(Named{name, t}); {
		p = p.parent
	}
}

// countLate adds t to the past of s, unless s has ended and has a parent.
func (s *Scope) countLate(t Named) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Over() && s.parent != nil {
		return false
	}
	s.countedLocked(t)
	return true
}

const (
	// Other is the name for all that come when a tree has maxNames.
	Other = "other"

	maxNames = 255 // arbitrary; names that users choose must not fill the memory
	maxName  = 64  // bytes of a name; arbitrary likewise
)

// names has the names by which the scopes of one tree are counted. A name stays, because
// what was counted by it must not move to another one.
type names struct {
	mu    sync.Mutex
	known map[string]string // nil before the first
}

// of returns what followed by name, without the digits in which many names differ, or
// Other. A long name is cut.
func (n *names) of(what, name string) string {
	var room [maxName]byte
	key := fold.Append(append(room[:0], what...), cut(name, maxName-len(what)))
	n.mu.Lock()
	defer n.mu.Unlock()
	if known, ok := n.known[string(key)]; ok {
		return known
	}
	if len(n.known) == maxNames {
		return Other
	}
	if n.known == nil {
		n.known = make(map[string]string)
	}
	fresh := string(key)
	n.known[fresh] = fresh
	return fresh
}

// cut returns what of name fits into most bytes.
func cut(name string, most int) string {
	n := min(len(name), most)
	for n > most-utf8.UTFMax && n < len(name) && !utf8.RuneStart(name[n]) {
		n--
	}
	return name[:n]
}

// Kin returns the name by which s is counted, together with others of its tree: its own
// name, or that of its parent if its own is a key.
func (s *Scope) Kin() string {
	if p := s.parent; p != nil && p.keys {
		return s.tree.names.of("key of ", p.name)
	}
	return s.tree.names.of("", s.name)
}

// NamedByKeys says that the names of the children of s are keys: data, of which there may
// be any number. s has no children yet.
func (s *Scope) NamedByKeys() { s.keys = true }

// A Share is what one scope holds, does and has counted at one moment.
type Share struct {
	Count
	Handlers int // calls of handlers that run
	Queues   int
	Queued   int     // values pending in the queues
	Live     Tally   // of the queues
	Past     []Named // of what has ended in it; valid during the visit
}

// Shares calls visit for s and then for all below it, parents before their children and older
// ones first. No lock is held meanwhile. Calls of handlers that begin during the walk are not
// looked for.
func (s *Scope) Shares(visit func(*Scope, Share)) {
	ids := inflight.Announced(nil)
	rest := []*Scope{s}
	var past []Named
	for len(rest) > 0 {
		p := rest[len(rest)-1]
		rest = rest[:len(rest)-1]
		var share Share
		if share, rest = p.share(ids, past[:0], rest); share.Past != nil {
			past = share.Past
		}
		visit(p, share)
	}
}

// share returns what s holds, and appends its children to below. past is room for its
// tallies.
func (s *Scope) share(ids []uint64, past []Named, below []*Scope) (Share, []*Scope) {
	s.mu.Lock()
	defer s.mu.Unlock()
	share := Share{Count: s.countsLocked(), Handlers: int(s.calls)}
	if id := s.id.Load(); id != 0 && slices.Contains(ids, id) {
		share.Handlers += inflight.Count(id)
	}
	if s.past != nil {
		share.Past = append(past, s.past.tallies...)
	}
	if s.counts[Child] == 0 && s.counts[Resource] == 0 {
		return share, below
	}
	below = slices.Grow(below, int(s.counts[Child]))
	for n := s.last; n != nil; n = n.prev {
		switch m := n.m.(type) {
		case *Scope:
			below = append(below, m)
		case Counter:
			q := m.Describe()
			share.Queues++
			share.Queued += q.Len
			share.Live.Taken += q.Taken
			share.Live.Dropped += q.Dropped
		}
	}
	return share, below
}

// countsLocked returns what s itself holds. mu is held.
func (s *Scope) countsLocked() Count {
	c := Count{
		Connections: int(s.counts[Connection]), Goroutines: int(s.counts[Goroutine]),
		Timers: int(s.counts[Timer]), Cleanups: int(s.counts[Cleanup]),
	}
	if !s.Over() {
		c.Owners = 1
	}
	return c
}
