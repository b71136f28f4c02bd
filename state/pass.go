package state

import (
	"runtime"

	"github.com/seed-ec287111/tether/internal/connlist"
	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/yield"
)

// A pass is one goroutine's way through the graph, from a Get or a Set until that returns:
// what it walks, what it has to settle, and what it has to deliver. A function that is
// called on the way and uses something else goes on with the pass of its Use.
//
// Passes are used again, so that one costs no allocation.
type pass struct {
	frames []frame
	most   int    // of these at a time
	walk   uint64 // the number of this walk, see node.visitor
	depth  int    // of computing functions that this goroutine is in by way of the pass
	level  int    // likewise, but of the pass as a whole
	asks   bool   // it is a Get's, which tries again what has failed before
	quiet  bool   // what fails from now on is its own affair: it was the Get's to try

	sparing *node   // while marking: busy, and not to be marked
	from    *source // by way of its link to this; nil: to anything

	todo      []*node // to be settled
	at        int     // how many of them were
	deliver   []delivery
	delivered int
	held      connlist.Held // while delivering

	// What came of the last walk, if its end is not clean.
	given bool // a value that was true, but could not be kept
	out   rep
	next  *pass // unused
}

// A frame is a node on the way down to what has to be computed first.
type frame struct {
	node *node
	at   int    // what comes before it of the node's dependencies is clean
	gen  uint32 // of the node, when that was found
}

// spares bounds the passes that are kept, and keep what room they have; arbitrary.
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

// release gives p back. books is held. A pass that a panic has ended is garbage instead.
func (p *pass) release() {
	const room = 1 << 12 // of what is kept
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
// may not outgrow some hundreds of megabytes, so each such number of levels gets another
// goroutine, which the one before waits for.
const hop = 10_000

// bring brings n up to date for the function of u. It returns a value where n has one that
// could not be kept, and should be asked again otherwise. books is held, but free where bring
// panics: with what n's function has panicked with, perhaps.
func (u *Use) bring(n *node) (given rep, ok bool) {
	p := u.pass
	p.given = false
	if p.depth < hop {
		at := announced{owner: u.node.owner, borrowed: true}
		p.refresh(n, u, &at)
		at.leaveLocked()
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

func (u *Use) bringElsewhere(n *node) {
	p := u.pass
	books.mu.Unlock()
	depth := p.depth
	p.depth = 0
	elsewhere(func() {
		at := announced{owner: u.node.owner, borrowed: true}
		books.mu.Lock()
		p.refresh(n, u, &at)
		books.mu.Unlock()
		at.leave()
	})
	p.depth = depth
	books.mu.Lock()
}

// elsewhere calls f on another goroutine and waits for it. What ends f, ends the caller.
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

// refresh brings n up to date: n is clean when it returns, unless its result could not be
// kept. by is the run whose function needs it; nil: none, and then a run of n's that is
// overtaken is not repeated.
//
// It walks down along what is marked, without recursion, until it finds what is dirty,
// calls that function, and goes up again as far as what was marked turns out clean. So
// nothing is computed that the functions would not ask for: what is looked at is what they
// used last time, in that order, up to the first change.
//
// at is who is announced, which stays so on return, but not where refresh panics.
//
// books is held, and held on return, but free where refresh panics.
func (p *pass) refresh(n *node, by *Use, at *announced) {
	base := len(p.frames)
	p.push(n)
	for len(p.frames) > base {
		p.descend(base, by, at)
	}
}

// descend is refresh up to a panic of a function.
func (p *pass) descend(base int, by *Use, at *announced) {
	var run *Use      // whose function is being called
	var counted *node // one of those that are counted, see count
	over := false
	defer func() {
		if over {
			return
		}
		if run != nil {
			p.failed(run, base, by, at, recover())
			return
		}
		p.frames = p.frames[:base]
		at.leave()
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
				n.color = dirty // a circle of what was used, which only a call can tell from a cycle
				continue
			}
			p.push(dep)
		case dirty:
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
			case len(p.frames)-1 == base && (by == nil || u.is(loose) || u.put):
				if !u.put {
					p.given, p.out = !u.is(abandoned), u.out
				}
				p.pop()
			}
		default:
			p.uncount(&counted)
			at.leaveLocked()
			if n.color >= busy {
				p.wait(base, by)
			}
		}
	}
	p.uncount(&counted)
	over = true
}

// uncount ends what was counted. books is held.
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
