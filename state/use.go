package state

import (
	"sync/atomic"
)

// Use is what a computing function reads other values with, in order to depend on them.
// It ends with the call that it was given to. It may be handed to another goroutine, but
// is for one at a time.
//
// A Use is also the run of that function. An overtaken run is one whose node was marked
// since it began. What it has seen was true together, but is not what is true now. So the
// function is not shown anything more: its next Use unwinds it by a panic, and it begins
// again. An effect is not unwound, as it may have done half of something; it runs to its
// end, and once more.
//
// A run goes along the links of the run before. As long as it uses the same as that one,
// and that was clean when it began, a Use takes no lock: it reads the value and then looks
// whether the run is overtaken. If not, no Set that the run depends on had stored a value
// by then, as marks come first.
type Use struct {
	node *node
	pass *pass

	overtaken atomic.Bool // written with books held

	// Of the function's goroutine.
	tail      *link // the last link used; nil before the first
	next      *link // the one after it, which is what the run before has used next
	limit     *link // the first one from next on whose dependency was not ready; nil: all were
	stamp     uint64
	fresh     bool // there was no run before, so that all links are entered by link
	abandoned bool // the function was unwound, or shall be
	loose     bool // the result is not to be kept
	dead      bool // the owner is: the function was not called
	put       bool // off: the function was not called, and shall be later
	ok        bool // the function has returned,
	same      bool // a value equal to the last one,
	out       rep  // which is this

	// Guarded by books.
	by     *Use // whose function needs this one; nil: none
	needs  *Use // what the function waits for: one that it computes itself, or another goroutine does
	over   bool
	cyclic bool             // it is part of a cycle
	used   map[*source]bool // once they are many, see unseen
	done   chan struct{}    // closed at the end; nil while nobody waits
	wake   chan struct{}    // closed when the run is overtaken; nil while it does not wait
}

// overtaken is what unwinds a run.
var overtaken any = overtakenPanic{}

type overtakenPanic struct{}

func (overtakenPanic) Error() string {
	return "state: a Set has overtaken this computation; let the panic pass"
}

// overtake notes that the run's node was marked. books is held.
func (u *Use) overtake() {
	u.overtaken.Store(true)
	if u.wake != nil {
		close(u.wake)
		u.wake = nil
	}
}

// advance is the short way of a Use: it goes on to the next link if that is s.
func (u *Use) advance(s *source) bool {
	l := u.next
	if l == nil || l.dep != s || l == u.limit {
		return false
	}
	l.stamp = u.stamp
	u.tail, u.next = l, l.nextDep
	return true
}

// read is the long way of a Use: it brings s up to date, enters it as a dependency in the
// same moment, and returns its value. A failure of s goes on to the caller.
func (u *Use) read(s *source) rep {
	books.mu.Lock()
	for {
		u.checkLocked()
		if s.color == clean && !u.retries(s) {
			u.link(s)
			break
		}
		if given, ok := u.bring(s.node); ok {
			u.link(s)
			books.mu.Unlock()
			return given
		}
	}
	if s.failure != nil {
		v := s.node.raise(s.failure, u.node)
		books.mu.Unlock()
		panic(v)
	}
	v := s.load()
	books.mu.Unlock()
	return v
}

// retries marks s if it has failed before, and is to be tried again. What the function has
// met already stays what it is.
func (u *Use) retries(s *source) bool {
	p := u.pass
	if !p.asks || s.node == nil || !s.node.failedBefore() || u.has(s) {
		return false
	}
	p.retry(s.node, u.node)
	return true
}

// peek is read for a value that is not depended on.
func (u *Use) peek(s *source) rep {
	books.mu.Lock()
	for {
		u.checkLocked()
		if s.color == clean {
			break
		}
		if given, ok := u.bring(s.node); ok {
			books.mu.Unlock()
			return given
		}
	}
	v, f := s.load(), s.failure
	books.mu.Unlock()
	if f != nil {
		panic(f.value)
	}
	return v
}

// checkLocked panics, and frees books, if the function is not to be shown anything more.
func (u *Use) checkLocked() {
	if u.over {
		books.mu.Unlock()
		panic("state: Use after its computation has returned")
	}
	if u.node.color == stale && !u.node.effect {
		u.abandon()
	}
}

// abandon unwinds the function. It frees books.
func (u *Use) abandon() {
	u.abandoned = true
	books.mu.Unlock()
	panic(overtaken)
}

// link enters s among what the run has used. books is held.
func (u *Use) link(s *source) {
	n := u.node
	l := u.next
	switch {
	case l != nil && l.dep == s: // as last time
		u.tail, u.next = l, l.nextDep
		l.stamp = u.stamp
	default:
		var used bool
		if l, used = u.find(s); used {
			return
		}
		if l == nil {
			l = newLink(s, n)
		}
		l.stamp = u.stamp
		u.insert(l)
	}
	s.seen = u.stamp
	if u.used != nil {
		u.used[s] = true
		u.limit = u.next // the short way does not know of used
		return
	}
	if u.limit == l {
		u.limit = unready(u.next)
	}
}

// unclean returns the first link from l on whose dependency is not clean.
func unclean(l *link) *link {
	for l != nil && l.dep.color == clean {
		l = l.nextDep
	}
	return l
}

// unready returns the first link from l on whose dependency has no value that is clean.
func unready(l *link) *link {
	for l != nil && l.dep.color == clean && l.dep.failure == nil {
		l = l.nextDep
	}
	return l
}

// insert puts l, which may stand further on, in the place of next.
func (u *Use) insert(l *link) {
	if l.prevDep != nil { // not the first, as then it would be next
		l.prevDep.nextDep = l.nextDep
		if l.nextDep != nil {
			l.nextDep.prevDep = l.prevDep
		}
	}
	if u.limit == l {
		u.limit = unready(l.nextDep)
	}
	l.prevDep, l.nextDep = u.tail, u.next
	if u.next != nil {
		u.next.prevDep = l
	}
	if u.tail != nil {
		u.tail.nextDep = l
	} else {
		u.node.deps = l
	}
	u.tail = l
}

// find returns the link to s that the node has, and whether the run has used it. l may be
// nil though there is one: then s gets a second, and the first one goes when the run ends.
//
// Most values have few users: there the link is found, or found missing, among those. Where
// they are many it goes by stamps where these are sure, and asks a map where there are many
// links. (Where two runs use the same in turn, each takes away the other's stamps.)
func (u *Use) find(s *source) (l *link, used bool) {
	const few = 4 // guesses, this and the next
	l = s.users
	for range few {
		if l == nil {
			return nil, false
		}
		if l.user == u.node {
			return l, l.stamp == u.stamp
		}
		l = l.next
	}
	switch {
	case u.tail == nil:
		return nil, false
	case s.seen == u.stamp:
		return nil, true
	case u.used != nil:
		return nil, u.used[s]
	case u.fresh && books.stamp == u.stamp: // no other run has begun since
		return nil, false
	}
	const some = 16
	l = u.tail
	for range some {
		if l == nil {
			return nil, false
		}
		if l.dep == s {
			return nil, true
		}
		l = l.prevDep
	}
	u.used = make(map[*source]bool)
	for l = u.tail; l != nil; l = l.prevDep {
		u.used[l.dep] = true
	}
	return nil, u.used[s]
}

// has reports whether the run has used s.
func (u *Use) has(s *source) bool {
	if u.next != nil && u.next.dep == s {
		return false
	}
	_, used := u.find(s)
	return used
}
