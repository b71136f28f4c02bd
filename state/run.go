package state

import "strings"

// A run is one call of a node's function, from begin to end. A run that does not return goes
// by way of failed.

// begin begins a run of n, for the function of by, or for none. It frees books.
func (p *pass) begin(n *node, by *Use) *Use {
	u := n.run
	if u == nil {
		u = &Use{node: n}
		n.run = u
	}
	books.stamp++
	if u.pass != p {
		u.pass = p
	}
	if u.by != by {
		u.by = by
	}
	u.stamp = books.stamp
	u.ends, u.fate, u.foreign = ends{}, 0, n.fate
	u.ready = unready(n.deps, 0)
	n.color = busy
	if by != nil {
		by.needs = u
	}
	books.mu.Unlock()
	return u
}

// end ends a run. It keeps the result if that is true now. books is held.
//
// It is the short way, for a run that has used the same values as the run before, and has
// come to a value as that run has. endOdd is for all others.
func (p *pass) end(u *Use) {
	n := u.node
	if u.fate|u.foreign != 0 || u.dead || n.color != busy || u.at != len(n.deps) {
		p.endOdd(u)
		return
	}
	if u.by != nil {
		u.by.needs, u.by = nil, nil
	}
	u.at, u.ready, u.over = 0, 0, true
	n.color = clean
	if u.same {
		return
	}
	if n.out != nil || n.form.shape() != inBits {
		p.changed(n, u.out)
		return
	}
	n.has = true
	n.bits.Store(u.out.bits)
	n.tellUsers()
}

// changed gives n its new value. books is held.
func (p *pass) changed(n *node, now rep) {
	if n.out != nil && n.has && n.watched() {
		p.add(&n.source, transition{n.load(), now})
	}
	n.has = true
	n.store(now)
	n.tellUsers()
}

func (p *pass) endOdd(u *Use) {
	n := u.node
	overtaken := n.color == stale
	if overtaken && !n.effect {
		p.stale--
	}
	if u.by != nil {
		u.by.needs = nil
	}
	u.over, n.run = true, nil
	u.keepLinks(u.ok && !overtaken && !u.is(abandoned|loose) && !u.put && !u.dead)
	if u.done != nil {
		close(u.done)
		u.done = nil
	}
	switch {
	case u.dead || n.frozen && (overtaken || !u.ok):
		n.freezeLocked()
	case overtaken || u.is(abandoned|loose) || u.put || !u.ok:
		n.color = dirty
		if n.out != nil && u.is(abandoned|disturbed) && !overtaken {
			p.queue(n)
		}
	default:
		n.color = clean
		n.cyclic = 0
		if u.foreign&cyclic != 0 {
			n.cyclic = books.era
		}
		failed := n.failure != nil
		n.failure = nil
		switch {
		case !u.same:
			p.changed(n, u.out)
		case failed:
			n.tellUsers()
		}
		u.out, u.by = rep{}, nil
		n.look()
		if n.frozen {
			n.freezeLocked()
		} else if u.used == nil {
			n.run = u // to be used again: no other goroutine should have it any more
		}
	}
}

// count notes that this goroutine is in one more function, or in one less. Functions that
// descend calls one after the other count as one. books is held.
func (p *pass) count(n *node, more int) {
	p.level += more
	if !n.effect {
		p.depth += more
		books.running += more
	}
}

// tellUsers makes the users of n, which has just changed, dirty if they are maybe.
func (n *node) tellUsers() {
	for l := n.users; l != nil; l = l.next {
		if l.user.color == maybe {
			l.user.color = dirty
		}
	}
}

// failed ends a run whose function has not returned. v is what the function has panicked
// with, nil for a Goexit. A deferred function calls failed, so the function that panicked
// is still on the stack. If the panic goes on to the caller of the walk, it does so from
// here, and a crash shows where it comes from.
//
// books is free on entry. It is held on return, and free if failed panics or a Goexit goes
// on.
func (p *pass) failed(u *Use, base int, by *Use, at *announced, v any) {
	n := u.node
	f := &failure{value: v}
	if v != nil && v != overtaken && n.owner.Supervised() {
		p.report(u, base, at, v)
		f = nil // the node keeps the value that it had
	}
	books.mu.Lock()
	p.count(n, -1)
	f.keep(u, p, v)
	target := len(p.frames)-1 == base
	const natural = 16 // how many panics may go on through each other; more than anybody reads
	switch failed := n.color == clean && n.failure != nil; {
	case v == nil:
		p.frames = p.frames[:base]
		books.mu.Unlock()
		at.leave()
		return
	case p.vain(u, by):
		p.frames = p.frames[:base]
		at.leaveLocked()
		by.abandon()
	case target && (u.is(loose) || failed && (by == nil && !p.quiet || by != nil && p.level < natural)):
		p.frames = p.frames[:base]
		v = by.meet(n, v, failed)
		if by != nil {
			by.fate |= u.fate & disturbed
		}
		books.mu.Unlock()
		at.leave()
		panic(v)
	case target && by == nil && n.color != clean: // a Get that was overtaken asks again; no other caller needs to
		p.pop()
	case u.is(loose):
		p.pop()
		if user := p.frames[len(p.frames)-1].node; user.color == maybe {
			user.color = dirty // it meets the panic itself
		}
	}
	over := false
	defer func() {
		if !over {
			p.disturb(base, by)
		}
	}()
	by.depart(at)
	over = true
}

// meet returns what a user of n gets. n's function has just panicked with v, and n has that
// as its failure if failed. u is the run that uses n, nil for a Get. books is held.
func (u *Use) meet(n *node, v any, failed bool) any {
	switch {
	case u == nil && failed:
		return n.raise(n.failure, nil)
	case u == nil:
		return v
	case u.node.color == stale && !u.node.effect:
		u.fate |= abandoned
		return overtaken
	}
	u.link(&n.source)
	if !failed {
		u.fate |= loose
		return v
	}
	return n.raise(n.failure, u.node)
}

// keep ends the run u, whose function has not returned, and keeps the failure f if it is the
// result. f is nil if the panic was reported. books is held.
func (f *failure) keep(u *Use, p *pass, v any) {
	n := u.node
	if s, ok := v.(string); ok && strings.HasPrefix(s, wouldWait) {
		u.fate |= loose
	}
	u.ok = v != nil && !u.is(abandoned)
	u.fate |= thrown
	u.out, u.same = n.load(), true
	p.end(u)
	n.run = nil
	if n.color != clean || n.frozen || f == nil || u.dead {
		return
	}
	f.era = books.era
	n.failure = f
	n.look()
	n.tellUsers()
}

// report gives v, with which u's function has panicked, to the panic handler of its owner.
// If the panic handler panics itself, the run has no result.
func (p *pass) report(u *Use, base int, at *announced, v any) {
	ok := false
	defer func() {
		if ok {
			return
		}
		books.mu.Lock()
		p.count(u.node, -1)
		u.fate |= thrown
		p.end(u)
		p.frames = p.frames[:base]
		books.mu.Unlock()
		at.leave()
	}()
	u.node.owner.Report(v, nil)
	ok = true
}
