package state

import "slices"

// A link says that user has used dep.
type link struct {
	dep        *source
	user       *node
	stamp      uint64 // of the last run that has used dep, as far as that was noted
	prev, next *link  // among the users of dep
}

// newLink enters user among the users of dep. books is held.
func newLink(dep *source, user *node) *link {
	l := &dep.first
	if l.user != nil {
		l = new(link)
	}
	*l = link{dep: dep, user: user, next: dep.users}
	if l.next != nil {
		l.next.prev = l
	}
	dep.users = l
	return l
}

// remove is the end of a link. books is held.
func (l *link) remove() {
	if l.prev != nil {
		l.prev.next = l.next
	} else {
		l.dep.users = l.next
	}
	if l.next != nil {
		l.next.prev = l.prev
	}
	l.prev, l.next, l.user = nil, nil, nil
}

// The rest is what a run has used. The run goes along the node's links, which are of the run
// before. From where it leaves these it makes a list of its own, see Use.list.

// next returns the index of the first of the node's links that the run has not used. books
// is held.
func (u *Use) next() int {
	i := u.at
	if u.is(moved) && i < len(u.node.deps) && u.node.deps[i].stamp == u.stamp { // used out of turn
		for i < len(u.node.deps) && u.node.deps[i].stamp == u.stamp {
			i++
		}
		u.look(i)
	}
	return i
}

// look moves at to i, and finds which of the links from there on are ready. books is held.
// Cost: a run looks once at each link, and again at those that slow has made it forget.
func (u *Use) look(i int) {
	if u.at = i; i >= u.ready {
		u.ready = unready(u.node.deps, i)
	}
}

// slow makes the next Use take the long way. books is held.
func (u *Use) slow() { u.ready = u.at }

// link enters s among the sources that the run has used. books is held.
func (u *Use) link(s *source) {
	if s.color != clean || s.failure != nil {
		u.fate |= met
	}
	if i := u.at; u.fate&(moved|mapped) == 0 && i < len(u.node.deps) && u.node.deps[i].dep == s { // as last time
		u.look(i + 1)
		return
	}
	i := u.next()
	l := (*link)(nil)
	back := i < len(u.node.deps) && u.node.deps[i].dep == s // moved, but back in that order
	if !back || u.is(doubled) {
		var used bool
		if l, used = u.find(s); used {
			return
		}
	}
	switch {
	case back:
		l = u.node.deps[i]
		u.look(i + 1)
	case l == nil:
		l = newLink(s, u.node)
		u.made++
	}
	if !u.is(moved) {
		u.fate |= moved
		u.list = append(slices.Grow(u.list[:0], len(u.node.deps)), u.node.deps[:i]...)
	}
	u.list = append(u.list, l)
	l.stamp = u.stamp
	s.seen = max(s.seen, u.stamp)
	if u.used != nil {
		u.used[s] = true
	}
}

// keepLinks gives the node the links of the run: those that the run has used, and if the run
// does not count, the links of the run before as well. books is held.
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

// keepOld ends the links of the run before that this run has not used. If this run does not
// count, keepOld keeps them instead, except those that have a second one by now.
func (u *Use) keepOld(counts bool) {
	var second map[*source]bool
	if !counts && u.is(doubled) {
		second = make(map[*source]bool, len(u.list))
		for _, l := range u.list {
			second[l.dep] = true
		}
	}
	for _, l := range u.node.deps {
		switch {
		case l.stamp == u.stamp:
		case counts || second[l.dep]:
			l.remove()
		default:
			u.list = append(u.list, l)
		}
	}
}

// find returns the node's link to s, and whether the run has used s. l may be nil although
// there is a link. Then s gets a second one, and the first is removed when the run ends.
//
// Most values have few users, and find looks for the link among these. If there are many,
// it goes by the stamp of s, if that decides. It does not always: a newer run that uses the same
// values takes the stamps of an older one. Then find looks through what the run has used, if
// that is little, and else asks a map.
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
	u.fate |= doubled
	switch {
	case s.seen == u.stamp:
		return nil, true
	case u.used != nil:
		return nil, u.used[s]
	case len(u.node.deps) == 0 && books.stamp == u.stamp: // all links are new, and the stamps of the newest run stay
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
	u.slow() // the short way does not enter into used
	for _, l := range done {
		u.used[l.dep] = true
	}
	return nil, u.used[s]
}

// stampUsed gives the stamp to all that the run has used in the order of the run before. The
// short way does not write it, as it is not needed until find asks. books is held. Cost:
// linear in what was used since the last call.
func (u *Use) stampUsed() {
	if u.is(moved) {
		return
	}
	for _, l := range u.node.deps[u.stamped:u.at] {
		l.stamp, l.dep.seen = u.stamp, max(l.dep.seen, u.stamp)
	}
	u.stamped = u.at
	u.fate |= stamped
}

// has reports whether the run has used s.
func (u *Use) has(s *source) bool {
	if i := u.next(); i < len(u.node.deps) && u.node.deps[i].dep == s && !u.is(doubled) {
		return false
	}
	_, used := u.find(s)
	return used
}
