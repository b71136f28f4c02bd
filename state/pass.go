package state

import (
	"runtime"

	"github.com/seed-ec287111/tether/internal/connlist"
	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/yield"
)

// A pass is one goroutine's way through the graph, from the call of a Get or a Set to its
// return: what it walks, what it has to settle, and what it has to deliver. If it calls a
// function, and that uses another value, the Use of the function goes on with the pass.
//
// Passes are used again, so that a pass costs no allocation.
type pass struct {
	frames []frame
	most   int    // frames at a time
	walk   uint64 // the number of this walk, see node.visitor
	depth  int    // how many computing functions this goroutine is in by way of the pass
	level  int    // how many functions the pass is in on all goroutines, effects included
	stale  int    // how many of the computing functions that the pass is in are overtaken
	asks   bool   // it is a Get's, which tries again what has failed before
	quiet  bool   // the Get has tried; a failure of what it settles does not go on to its caller

	wake chan struct{} // closed when one of them is overtaken; nil while the innermost does not wait

	sparing *node   // while marking: a busy node that must not be marked
	from    *source // by way of its link to this source; nil: by way of any

	todo      []*node // to be settled
	at        int     // how many of todo were
	deliver   []delivery
	delivered int           // how many of deliver were
	held      connlist.Held // while delivering

	// The result of the last walk, if the node that it went to is not clean.
	given bool // there is a value that was true, but could not be kept
	out   rep
	next  *pass // of the spare ones
}

// A frame is a node on the way down to the node that has to be computed first.
type frame struct {
	node *node
	at   int    // the node's dependencies before this one were clean
	gen  uint32 // of the node, when they were
}

// spares bounds the passes that are kept with the room that they have; arbitrary.
const spares = 8

// take returns a pass for a walk of its own. books is held.
func take() *pass {
	p := books.spare
	if p == nil {
		p = new(pass)
	} else {
		books.spare, p.next = p.next, nil
		books.spares--
	}
	if books.running == 0 {
		books.era++
	}
	books.serial++
	p.walk = books.serial
	return p
}

// release keeps p to be used again. books is held. A pass that a panic has ended is garbage
// instead.
func (p *pass) release() {
	const room = 1 << 12 // a pass with more is garbage
	if books.spares == spares || cap(p.frames) > room || cap(p.todo) > room || cap(p.deliver) > room {
		return
	}
	clear(p.frames[:p.most])
	clear(p.todo)
	clear(p.deliver)
	*p = pass{frames: p.frames[:0], todo: p.todo[:0], deliver: p.deliver[:0], next: books.spare}
	books.spare = p
	books.spares++
}

// hop is how many functions may be called one inside the other on one goroutine. A stack
// must not outgrow some hundreds of megabytes. So the next functions run on another
// goroutine, and the one before waits for it.
const hop = 10_000

// bring brings n up to date for the function of u. If n has a value that could not be kept,
// bring returns that and true. Otherwise the caller looks at n again. books is held, and
// free if bring panics. It may do so with what n's function has panicked with.
func (u *Use) bring(n *node) (given rep, ok bool) {
	p := u.pass
	p.given = false
	if p.depth < hop {
		at := announced{owner: u.node.owner, borrowed: true}
		p.refresh(n, u, &at)
		u.depart(&at)
	} else {
		u.bringElsewhere(n)
	}
	if !p.given {
		return rep{}, false
	}
	given = p.out
	p.given, p.out = false, rep{}
	u.fate |= loose
	return given, true
}

// depart is at.leaveLocked on a walk for u, which may be nil. If a cleanup panics there, what
// u's function makes of that is not its result, as it does not come of what the function has
// used. If it is watched, it is computed again.
func (u *Use) depart(at *announced) {
	over := false
	defer func() {
		if !over && u != nil {
			books.mu.Lock()
			u.fate |= loose | disturbed
			books.mu.Unlock()
		}
	}()
	at.leaveLocked()
	over = true
}

func (u *Use) bringElsewhere(n *node) {
	p := u.pass
	books.mu.Unlock()
	depth := p.depth
	defer func() { p.depth = depth }()
	p.depth = 0
	elsewhere(func() {
		at := announced{owner: u.node.owner, borrowed: true}
		books.mu.Lock()
		p.refresh(n, u, &at)
		books.mu.Unlock()
		at.leave()
	})
	books.mu.Lock()
}

// elsewhere calls f on another goroutine and waits for it. A panic or Goexit of f goes on in
// the caller.
func elsewhere(f func()) {
	done := make(chan struct{})
	var value any
	returned, panicked := false, false
	go func() {
		defer close(done)
		defer func() {
			if !returned {
				value = recover()
				panicked = value != nil
			}
		}()
		f()
		returned = true
	}()
	<-done
	switch {
	case panicked:
		panic(value)
	case !returned:
		runtime.Goexit()
	}
}

func (p *pass) push(n *node) {
	n.visitor = p.walk
	p.frames = append(p.frames, frame{node: n, gen: n.gen})
	p.most = max(p.most, len(p.frames))
}

func (p *pass) pop() { p.frames = p.frames[:len(p.frames)-1] }

// refresh brings n up to date. On return n is clean, unless its result could not be kept.
// by is the run whose function needs n. If by is nil, no function needs it, and a run of n
// that is overtaken is not repeated.
//
// refresh walks down along marked nodes, without recursion, until it finds a dirty one. It
// calls the function of that, and goes up again as long as the marked nodes turn out clean.
// So it computes nothing that the functions would not ask for: it looks at what they used
// last time, in that order, up to the first change.
//
// at is the owner that is announced. On return another one may be. If refresh panics, none
// is.
//
// books is held on entry and return, and free if refresh panics.
func (p *pass) refresh(n *node, by *Use, at *announced) {
	base := len(p.frames)
	p.push(n)
	for len(p.frames) > base {
		p.descend(base, by, at)
	}
}

// descend goes on with the walk above base until it has ended or a function panics.
func (p *pass) descend(base int, by *Use, at *announced) {
	var run *Use      // the run whose function is being called, or nil
	var counted *node // a node that was counted, see count; nil if none is
	over := false
	defer func() {
		if over {
			return
		}
		if run != nil {
			p.failed(run, base, by, at, recover())
			return
		}
		p.disturb(base, by)
		at.leave()
		if counted != nil { // leaveLocked has panicked
			books.mu.Lock()
			p.uncount(&counted)
			books.mu.Unlock()
		}
	}()
	for len(p.frames) > base {
		f := &p.frames[len(p.frames)-1]
		n := f.node
		switch n.color {
		case clean:
			p.pop()
		case maybe:
			if f.gen != n.gen {
				f.at, f.gen = 0, n.gen
			}
			if f.at = unclean(n.deps, f.at); f.at == len(n.deps) {
				n.color = clean
				p.pop()
				continue
			}
			dep := n.deps[f.at].dep.node
			if dep.visitor == p.walk && dep.color == maybe && p.has(dep) {
				n.color = dirty // the last runs form a circle; only a call can tell if it is a cycle
				continue
			}
			p.push(dep)
		case dirty:
			if at.owner != n.owner && at.holds() { // before the run: a panic of a cleanup is not n's
				by.depart(at)
				continue
			}
			if counted == nil || counted.effect != n.effect {
				p.uncount(&counted)
				p.count(n, 1)
				counted = n
			}
			run = p.begin(n, by)
			switch {
			case at.owner != n.owner && !at.change(n.owner):
				run.dead = true
			case n.effect:
				goroutine.Effect(n.call)
			default:
				goroutine.Compute(n.call)
			}
			yield.Point("state: worked, end")
			books.mu.Lock()
			u := run
			run = nil
			u.ok = true
			p.end(u)
			switch {
			case n.color == clean:
				p.pop()
			case p.vain(u, by): // the function has recovered the panic that unwinds it
				p.uncount(&counted)
				p.frames = p.frames[:base]
				at.leaveLocked()
				by.abandon()
			case len(p.frames)-1 == base && (by == nil || u.is(loose) || u.put):
				if !u.put {
					p.given, p.out = !u.is(abandoned), u.out
				}
				p.pop()
			}
		default:
			p.uncount(&counted)
			by.depart(at)
			if n.color >= busy {
				p.wait(base, by)
			}
		}
	}
	p.uncount(&counted)
	over = true
}

// disturb ends a walk that a cleanup has left by a panic. If the walk was for what is watched, or
// for an effect, p settles that once more: no further mark may come to it, because what the walk
// was to compute is marked.
func (p *pass) disturb(base int, by *Use) {
	if len(p.frames) == base {
		return
	}
	n := p.frames[base].node
	p.frames = p.frames[:base]
	if by == nil && n.out != nil {
		books.mu.Lock()
		p.queue(n)
		books.mu.Unlock()
	}
}

// vain reports whether the run u, which is over, was unwound because a function further up is
// overtaken. Then by must be unwound too. To run u's function again would come to the same.
// books is held.
func (p *pass) vain(u, by *Use) bool { return by != nil && u.is(abandoned) && p.stale > 0 }

// uncount takes back what was counted. books is held.
func (p *pass) uncount(counted **node) {
	if *counted != nil {
		p.count(*counted, -1)
		*counted = nil
	}
}

// has reports whether n is on the way down.
func (p *pass) has(n *node) bool {
	for i := len(p.frames) - 1; i >= 0; i-- {
		if p.frames[i].node == n {
			return true
		}
	}
	return false
}
