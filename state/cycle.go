package state

import (
	"slices"
	"strconv"
	"strings"

	"github.com/seed-ec287111/tether/internal/goroutine"
	"github.com/seed-ec287111/tether/internal/quote"
	"github.com/seed-ec287111/tether/internal/yield"
)

// A CycleError says that a value needs itself. Use panics with it, so it comes to the
// caller of Get. Names has the chain. The value that closes the cycle is its first and its
// last name.
type CycleError struct {
	Names []string

	nodes []*node // without the last, which is the first again
}

// Error returns the chain of names. It quotes names that could be taken for something else.
func (e *CycleError) Error() string { return "state: cycle: " + arrows(e.Names) }

func arrows(names []string) string {
	text := make([]string, len(names))
	for i, name := range names {
		text[i] = quoted(name)
	}
	return strings.Join(text, " -> ")
}

// quoted makes the name of a value fit for a text. A name with an arrow is quoted, because it
// would look like two. A slash, as in the place of a function, is not special here.
func quoted(name string) string {
	if strings.Contains(name, "->") {
		return strconv.Quote(name)
	}
	return quote.Text(name)
}

// newCycle returns the error of a cycle, and notes that runs are part of it. Each of runs
// needs the next, and the last needs the first.
func newCycle(runs []*Use) *CycleError {
	e := new(CycleError)
	for _, u := range runs {
		u.foreign |= cyclic
		e.nodes = append(e.nodes, u.node)
		e.Names = append(e.Names, u.node.name())
	}
	e.Names = append(e.Names, e.Names[0])
	return e
}

// raise returns the value with which a use of n panics, if f is n's failure. user is the node
// that uses n, nil for a Get. A cycle is the same wherever it is entered. A user that enters
// it at n sees n first.
func (n *node) raise(f *failure, user *node) any {
	e, ok := f.value.(*CycleError)
	if !ok || user != nil && slices.Contains(e.nodes, user) {
		return f.value
	}
	if i := slices.Index(e.nodes, n); i > 0 {
		nodes := slices.Concat(e.nodes[i:], e.nodes[:i])
		names := slices.Concat(e.Names[i:len(e.Names)-1], e.Names[:i+1])
		return &CycleError{Names: names, nodes: nodes}
	}
	return e
}

// wouldWait begins the text of a panic of Get, if that can't tell whether it would wait for
// itself.
const wouldWait = "state: Get inside a computing function has to wait for "

// wait waits for the end of the run of the node that the walk has come to. If that run
// needs the function by, for which the walk is made, neither would ever end. That is a
// cycle, on one goroutine or across several.
//
// A run waits for one other run at most, and that may wait for one more. So the waits form
// a chain, and a cycle is a chain that comes back. An overtaken run breaks the chain. If it
// waits, or a run that is computed for its sake, that is woken up, and all of them are
// unwound. For the same reason none of them begins to wait. A Get inside a computing function
// begins a chain of its own. No run says that this chain hangs on the function. Only the
// stack tells.
//
// books is held on entry and return, and free if wait panics.
func (p *pass) wait(base int, by *Use) {
	n := p.frames[len(p.frames)-1].node
	target := n.run
	if by != nil {
		p.proceed(base, by)
		switch chain, broken := target.chain(by); {
		case chain == nil:
		case len(p.frames)-1 > base: // n's user used n last time, now perhaps a cycle: a new run tells
			p.pop()
			if user := p.frames[len(p.frames)-1].node; user.color == maybe {
				user.color = dirty
			}
			return
		case !broken:
			by.link(&n.source)
			p.frames = p.frames[:base]
			err := newCycle(chain)
			books.mu.Unlock()
			panic(err)
		}
	}
	if books.running > p.depth && goroutine.Computations() > p.depth {
		p.blocked(base, by, target)
	}
	if target.done == nil {
		target.done = make(chan struct{})
		target.foreign |= awaited
	}
	done, wake := target.done, make(chan struct{})
	if by != nil {
		by.needs, p.wake = target, wake
	}
	books.mu.Unlock()
	select {
	case <-done:
	case <-wake:
	}
	yield.Point("state: woken, lock")
	books.mu.Lock()
	if by != nil {
		by.needs, p.wake = nil, nil
		p.proceed(base, by)
	}
}

// proceed unwinds the function of by, and frees books, if that function or one further up is
// overtaken.
func (p *pass) proceed(base int, by *Use) {
	if p.stale > 0 {
		p.frames = p.frames[:base]
		by.abandon()
	}
}

// chain returns the runs from u to target, each of which needs the next, nil if none leads
// there. The chain is broken if one of them is overtaken. books is held.
func (u *Use) chain(target *Use) (runs []*Use, broken bool) {
	for r := u; r != nil; r = r.needs {
		runs = append(runs, r)
		broken = broken || r.node.color == stale
		if r == target {
			return runs, broken
		}
	}
	return nil, false
}

// blocked panics, and frees books, because a Get inside a computing function would have to
// wait for target. If all functions that are being called are on the way from target to the
// Get, the panic is a cycle.
func (p *pass) blocked(base int, by, target *Use) {
	p.frames = p.frames[:base]
	if by != nil {
		way := target.all()
		for u := by; u != nil; u = u.by {
			way = append(way, u)
		}
		slices.Reverse(way[len(target.all()):])
		functions := 0
		for _, u := range way {
			if !u.node.effect {
				functions++
			}
		}
		if functions == books.running {
			by.link(&target.node.source)
			err := newCycle(way)
			books.mu.Unlock()
			panic(err)
		}
		by.fate |= loose
	}
	name := quoted(target.node.name())
	books.mu.Unlock()
	panic(wouldWait + name + "; read with Use there")
}

// all returns u, the run that u waits for, and so on.
func (u *Use) all() (runs []*Use) {
	for ; u != nil; u = u.needs {
		runs = append(runs, u)
	}
	return runs
}
