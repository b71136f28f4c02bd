package state

import (
	"sync/atomic"

	"github.com/seed-ec287111/tether/internal/yield"
)

// Use is the argument of a computing function. The function reads other values with it, and
// so depends on them. A Use ends with the call that it was given to. It may be handed to
// another goroutine, but may be used by one goroutine at a time, and by no other function.
//
// A Use is also the run of that function. A run is overtaken if its node was marked after
// it began. All that an overtaken run has seen was true in one moment, but is not true now.
// So the function is not shown anything more: its next Use unwinds it by a panic, and the
// function begins again. An effect is not unwound, as it may have done half of something. It
// runs to its end, and then once more.
//
// A run goes along the links of the run before. As long as it uses the same values, and
// those were clean when it began, a Use takes no lock: it reads the value, and then looks
// whether the run is overtaken. If it is not, no Set that the run depends on had stored a
// value by then, because marks come first. The same holds for a value that was used just
// before.
type Use struct {
	node  *node
	pass  *pass
	by    *Use // the run whose function needs this one, or nil; guarded by books
	needs *Use // the run that this one waits for, on this goroutine or another; guarded by books

	// Of the function's goroutine.
	stamp uint64
	at    int // index in the node's links: the next one, in the order of the run before
	ready int // the links before it were clean and no failures when looked at; at least at
	ends
	fate      fate        // written with books held, but read without
	overtaken atomic.Bool // written with books held
	foreign   fate        // cyclic, awaited, special: any goroutine may set them; guarded by books
	out       rep         // the result, if ok and not same

	// Guarded by books, except list, which the function's goroutine uses without.
	used    map[*source]bool // what the run has used, if mapped, see find
	done    chan struct{}    // closed at the end; nil while nobody waits
	list    []*link          // what the run has used, if moved; else room for that
	made    int              // how many links of list are new
	stamped int              // how many of the node's links have the stamp, if not moved
}

// ends says how a run has ended, or will end. It belongs to the function's goroutine.
type ends struct {
	ok   bool // the function has returned, or panicked and that is the result
	same bool // the result is equal to the last value
	dead bool // the owner is dead, and the function was not called
	put  bool // the function was not called, and must be called later
	over bool // the run has ended; guarded by books
}

// A fate is a set of what is unusual about a run. Most runs have none, and a short end.
type fate uint16

const (
	abandoned fate = 1 << iota // the function was unwound, or must be
	loose                      // the result must not be kept
	moved                      // it uses other values, or in another order, see Use.list
	met                        // a value that it used was a failure, or could not be kept
	stamped                    // some links have its stamp
	doubled                    // a dependency may have two of the node's links, see find
	mapped                     // Use.used is there
	thrown                     // a panic has ended it
	awaited                    // Use.done is there
	cyclic                     // it is part of a cycle
	disturbed                  // a cleanup has panicked in a Use
	special                    // its node was special when it began, or is frozen since
)

func (u *Use) is(f fate) bool { return u.fate&f != 0 }

// overtaken is the value of the panic that unwinds a run.
var overtaken any = overtakenPanic{}

type overtakenPanic struct{}

func (overtakenPanic) Error() string {
	return "state: a Set has overtaken this computation; let the panic pass"
}

// overtake notes that the run's node was marked. If the run waits, or one that is computed for
// its sake, overtake wakes that up. books is held.
func (u *Use) overtake() {
	u.overtaken.Store(true)
	p := u.pass
	if u.node.effect {
		return
	}
	p.stale++
	if p.wake != nil {
		close(p.wake)
		p.wake = nil
	}
}

// advance is the short way of a Use. It goes on to the next link if that leads to s, and
// takes no lock. It is inlined.
func (u *Use) advance(s *source) bool {
	i := u.at
	if i >= u.ready || u.node.deps[i].dep != s || u.is(moved) {
		return false
	}
	u.at = i + 1
	return true
}

// again is advance for a value that was used just before, and for a run that has moved. It
// takes no lock either.
func (u *Use) again(s *source) bool {
	done := u.list
	if !u.is(moved) {
		done = u.node.deps[:u.at]
	} else if u.at < u.ready && !u.is(doubled) {
		// A link that has the stamp was used already, out of turn.
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

// read is the long way of a Use. It brings s up to date, enters it as a dependency in the
// same moment, and returns its value. If s is a failure, read panics with that.
func (u *Use) read(s *source) rep {
	books.mu.Lock()
	for {
		if u.over || u.needs != nil || u.node.color == stale {
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

// retries marks s, and returns true, if s has failed before and a Get asks for another try.
// A failure that the function has used already stays what it is.
func (u *Use) retries(s *source) bool {
	if s.node == nil || !s.node.failedBefore() || u.has(s) {
		return false
	}
	return u.pass.retry(s.node, u.node)
}

// peek is read, but makes no dependency.
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

// checkLocked panics, and frees books, if the function must not be shown anything more.
func (u *Use) checkLocked() {
	if u.over {
		books.mu.Unlock()
		panic("state: Use after its computation has returned")
	}
	if u.needs != nil {
		books.mu.Unlock()
		panic("state: Use while its function waits for another value: a Use is for one function, and for one goroutine at a time")
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
