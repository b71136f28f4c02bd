package state

import (
	"sync/atomic"

	"github.com/seed-ec287111/tether/internal/yield"
)

// Use is the argument of a computing function. The function reads other values with it, and
// so depends on them. A Use ends with the call that it was given to. It may be handed to
// another goroutine, but may be used by one goroutine at a time.
//
// A Use is also the run of that function. An overtaken run is one whose node was marked
// after it began. All that it has seen was true in one moment, but is not what is true now.
// So the function is not shown anything more: its next Use unwinds it by a panic, and it
// begins again. An effect is not unwound, as it may have done half of something. It runs to
// its end, and then once more.
//
// A run goes along the links of the run before. As long as it uses the same values, and
// those were clean when it began, a Use takes no lock: it reads the value and then looks
// whether the run is overtaken. If not, no Set that the run depends on had stored a value
// by then, as marks come first. The same holds for a value that was used just before.
type Use struct {
	node  *node
	pass  *pass
	by    *Use // whose function needs this one; nil: none. Guarded by books
	needs *Use // what the function waits for: one that it computes itself, or another goroutine does. Likewise

	// Of the function's goroutine.
	stamp uint64
	at    int // index in the node's links of what was used next last time
	ready int // what comes before that is known to be ready; at least at
	ends
	fate      fate        // written with books held, but read without
	overtaken atomic.Bool // written with books held
	foreign   fate        // cyclic, awaited and special: what others note. Guarded by books
	out       rep         // the result, if ok and not same

	// Guarded by books, but list, which the function's goroutine has without.
	used    map[*source]bool // once they are many, see find
	done    chan struct{}    // closed at the end; nil while nobody waits
	wake    chan struct{}    // closed when the run is overtaken; nil while it does not wait
	list    []*link          // so far; room for the next run where it moves
	made    int              // how many of those are new
	stamped int              // how many of the node's links have the stamp, if it has not moved
}

// ends says how a run has ended, or will: it is of the function's goroutine.
type ends struct {
	ok   bool // the function has returned,
	same bool // a value equal to the last one
	dead bool // the owner is: the function was not called
	put  bool // off: the function was not called, and shall be later
	over bool // it counts no more; guarded by books
}

// A fate is what is not as usual with a run. Most have nothing of it, and their end is short.
type fate uint16

const (
	abandoned fate = 1 << iota // the function was unwound, or shall be
	loose                      // the result is not to be kept
	moved                      // it does not use the same in the same order, but what is in list
	met                        // something that it used was a failure, or had no value that could be kept
	stamped                    // some links have its stamp
	mapped                     // used is there
	thrown                     // it was ended by a panic
	awaited                    // done is there
	cyclic                     // it is part of a cycle
	special                    // its node is: an effect, or frozen, or it was a failure or part of a cycle
)

func (u *Use) is(f fate) bool { return u.fate&f != 0 }

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

// advance is the short way of a Use, which takes no lock: it goes on to the next link if that
// is s. It is inlined.
func (u *Use) advance(s *source) bool {
	i := u.at
	if i >= u.ready || u.node.deps[i].dep != s || u.is(moved) {
		return false
	}
	u.at = i + 1
	return true
}

// again is advance for what was used just before, and for another order than that of the last run.
func (u *Use) again(s *source) bool {
	done := u.list
	if !u.is(moved) {
		done = u.node.deps[:u.at]
	} else if u.at < u.ready {
		// What has the stamp was used before, out of turn.
		if l := u.node.deps[u.at]; l.dep == s && l.stamp != u.stamp {
			l.stamp = u.stamp
			u.list = append(u.list, l)
			u.at++
			return true
		}
	}
	const few = 4 // a guess
	if u.is(met) {
		return false
	}
	for i := len(done) - 1; i >= max(0, len(done)-few); i-- {
		if done[i].dep == s {
			return true
		}
	}
	return false
}

// read is the long way of a Use: it brings s up to date, enters it as a dependency in the
// same moment, and returns its value. A failure of s goes on to the caller.
func (u *Use) read(s *source) rep {
	books.mu.Lock()
	for {
		if u.over || u.node.color == stale {
			u.checkLocked()
		}
		if s.color == clean && (!u.pass.asks || !u.retries(s)) {
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
	yield.Point("state: used, read")
	if u.overtaken.Load() {
		books.mu.Lock()
		u.checkLocked()
		books.mu.Unlock()
	}
	return v
}

// retries marks s if it has failed before, and is to be tried again, for the sake of a Get. What
// the function has met already stays what it is.
func (u *Use) retries(s *source) bool {
	if s.node == nil || !s.node.failedBefore() || u.has(s) {
		return false
	}
	return u.pass.retry(s.node, u.node)
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
	u.fate |= abandoned
	books.mu.Unlock()
	panic(overtaken)
}

// next returns the index of the first of deps that is still to be used, in the order of the
// run before. books is held.
func (u *Use) next() int {
	i := u.at
	if u.is(moved) && i < len(u.node.deps) && u.node.deps[i].stamp == u.stamp { // some were used out of turn
		for i < len(u.node.deps) && u.node.deps[i].stamp == u.stamp {
			i++
		}
		u.look(i)
	}
	return i
}

// look finds which of deps from i on are ready. books is held. Cost: each is looked at once,
// but for those that slow has forgotten.
func (u *Use) look(i int) {
	if u.at = i; i >= u.ready {
		u.ready = unready(u.node.deps, i)
	}
}

// slow has the next Use take the long way. books is held.
func (u *Use) slow() { u.ready = u.at }

// link enters s among what the run has used. books is held.
func (u *Use) link(s *source) {
	if s.color != clean || s.failure != nil {
		u.fate |= met
	}
	if i := u.at; !u.is(moved) && i < len(u.node.deps) && u.node.deps[i].dep == s { // as last time
		u.look(i + 1)
		return
	}
	i := u.next()
	l := (*link)(nil)
	if i < len(u.node.deps) && u.node.deps[i].dep == s { // likewise
		l = u.node.deps[i]
		u.look(i + 1)
	} else {
		var used bool
		if l, used = u.find(s); used {
			return
		}
		if l == nil {
			l = newLink(s, u.node)
			u.made++
		}
		if !u.is(moved) {
			u.fate |= moved
			u.list = append(u.list[:0], u.node.deps[:i]...)
		}
	}
	u.list = append(u.list, l)
	l.stamp = u.stamp
	s.seen = u.stamp
	if u.used != nil {
		u.used[s] = true
		u.slow() // the short way does not know of used
	}
}

// keepLinks makes the links of the run those of its node: those that it has used, or all where
// the run does not count. books is held.
func (u *Use) keepLinks(counts bool) {
	n := u.node
	switch {
	case !u.is(moved) && counts:
		if u.at < len(n.deps) {
			n.cutLocked(u.at)
		}
	case u.is(moved):
		if len(u.list)-u.made < len(u.node.deps) {
			u.keepOld(counts)
		}
		n.deps, u.list = u.list, n.deps
		clear(u.list)
		u.list = u.list[:0]
	}
	u.at, u.ready, u.stamped, u.made = 0, 0, 0, 0
}

// keepOld ends the links of before that the run has not used, or keeps them too where it does
// not count.
func (u *Use) keepOld(counts bool) {
	for _, l := range u.node.deps {
		switch {
		case l.stamp == u.stamp:
		case counts:
			l.remove()
		default:
			u.list = append(u.list, l)
		}
	}
}

// find returns the link to s that the node has, and whether the run has used it. l may be
// nil though there is one: then s gets a second, and the first one goes when the run ends.
//
// Most values have few users: there the link is found, or found missing, among those. Where
// they are many it goes by stamps where these are sure, and asks a map where there are many
// links. (Where two runs use the same in turn, each takes away the other's stamps.)
func (u *Use) find(s *source) (l *link, used bool) {
	u.stampUsed()
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
	case s.seen == u.stamp:
		return nil, true
	case u.used != nil:
		return nil, u.used[s]
	case len(u.node.deps) == 0 && books.stamp == u.stamp: // all were entered here, and no other run has begun since
		return nil, false
	}
	const some = 16
	done := u.node.deps[:u.at]
	if u.is(moved) {
		done = u.list
	}
	if len(done) <= some {
		for _, l := range done {
			if l.dep == s {
				return nil, true
			}
		}
		return nil, false
	}
	u.used = make(map[*source]bool)
	u.fate |= mapped
	for _, l := range done {
		u.used[l.dep] = true
	}
	return nil, u.used[s]
}

// stampUsed gives the stamp to what was used in the order of before: as long as nobody asks for
// it, it is not written. books is held. Cost: linear in what was used since.
func (u *Use) stampUsed() {
	if u.is(moved) {
		return
	}
	for _, l := range u.node.deps[u.stamped:u.at] {
		l.stamp, l.dep.seen = u.stamp, u.stamp
	}
	u.stamped = u.at
	u.fate |= stamped
}

// has reports whether the run has used s.
func (u *Use) has(s *source) bool {
	if i := u.next(); i < len(u.node.deps) && u.node.deps[i].dep == s {
		return false
	}
	_, used := u.find(s)
	return used
}
