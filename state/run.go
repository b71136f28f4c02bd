package state

import "strings"

// begin begins a run of n. It frees books.
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

// end ends a run, and keeps its result if it is what is true now. books is held.
//
// It is the short way, for a run that has used what the last one has, and came to a value as that
// one did. For the rest there is endOdd.
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

// changed gives n its value. books is held.
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
		if n.out != nil && u.is(abandoned) && !overtaken {
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
			n.run = u // as no other goroutine should have it any more
		}
	}
}

// count notes that this goroutine is in one more function, or one less. For what calls no other in
// between, one after the other, it is once for all. books is held.
func (p *pass) count(n *node, more int) {
	p.level += more
	if !n.effect {
		p.depth += more
		books.running += more
	}
}

// tellUsers makes those dirty that have used what has just changed, and wait to know.
func (n *node) tellUsers() {
	for l := n.users; l != nil; l = l.next {
		if l.user.color == maybe {
			l.user.color = dirty
		}
	}
}

// failed ends a run whose function has not returned: v is what it has panicked with, nil
// for a Goexit. It is called by a deferred function, so what panicked is still on the
// stack. If the panic is to go on to who has asked for the end of the walk, it does so
// from here, and a crash shows where it comes from.
//
// books is free on entry; it is held on return, but free where it panics, or where a
// Goexit goes on.
func (p *pass) failed(u *Use, base int, by *Use, at *announced, v any) {
	n := u.node
	f := &failure{value: v}
	if v != nil && v != overtaken && n.owner.Supervised() {
		p.report(u, base, at, v)
		f = nil // it has the value that it had
	}
	books.mu.Lock()
	p.count(n, -1)
	f.keep(u, p, v)
	target := len(p.frames)-1 == base
	const natural = 16 // how many panics may stand on top of each other; more than anybody reads
	switch failed := n.color == clean && n.failure != nil; {
	case v == nil:
		p.frames = p.frames[:base]
		books.mu.Unlock()
		at.leave()
		return
	case target && (u.is(loose) || failed && (by == nil && !p.quiet || by != nil && p.level < natural)):
		p.frames = p.frames[:base]
		v = by.meet(n, v, failed)
		books.mu.Unlock()
		at.leave()
		panic(v)
	case target && by == nil && n.color != clean: // a Get that was overtaken asks again; others don't care
		p.pop()
	case u.is(loose):
		p.pop()
		if user := p.frames[len(p.frames)-1].node; user.color == maybe {
			user.color = dirty // it meets the panic itself
		}
	}
	at.leaveLocked()
}

// meet returns what the run u, nil for none, gets of n, which has just panicked with v, or
// has that as its failure. books is held.
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

// keep ends the run u, which has not returned, with a failure; a nil f is that of a
// supervised owner.
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

// report gives what u's function has panicked with to the panic handler of its owner. If
// that panics itself, the run has no result.
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
