package state

import (
	"slices"
	"sync/atomic"
	"unsafe"

	"github.com/seed-ec287111/tether"
	"github.com/seed-ec287111/tether/internal/connlist"
	"github.com/seed-ec287111/tether/internal/handle"
	"github.com/seed-ec287111/tether/internal/yield"
)

// A Computed is a value that a function computes from others. The function runs when the
// value is read or watched, and something that it used last time has changed. All methods
// may be called by multiple goroutines at once.
type Computed[T any] struct {
	node    node
	equal   func(a, b T) bool // nil if source.alike compares
	changes atomic.Pointer[tether.Signal[Change[T]]]
}

// NewComputed returns a value that f computes, when it is asked for. f reads other values
// by way of use, and depends on those that it used in its last run. f should have no side
// effects that matter: it runs as often as needed, on whatever goroutine asks. It never
// runs twice at once, and no lock is held while it runs.
//
// f is a handler of owner, and Destroy waits for it. When owner is cut off, the value stays
// what it was, or the zero T if it was never computed, and f is not called any more.
//
// If f panics, that is its result. The panic goes on to the caller of Get or Use. f runs
// again when something that it used has changed, or when a Get asks anew, see the package
// documentation. If owner has a panic handler, the handler gets the panic, and the value
// stays what it was.
func NewComputed[T any](owner *tether.Owner, f func(use *Use) T, opts ...Option) *Computed[T] {
	handle.Scope("state: NewComputed", owner)
	if f == nil {
		panic("state: NewComputed with nil function")
	}
	return newComputed(owner, "NewComputed", f, f, opts)
}

// newComputed makes the value that f computes. named is the user's function, whose place is
// the name.
func newComputed[T any](owner *tether.Owner, verb string, named any, f func(use *Use) T, opts []Option) *Computed[T] {
	c := new(Computed[T])
	c.equal = begin[T](&c.node.source, c, verb, opts)
	c.node.begin(handle.Scope(verb, owner), named, funcWord(f), (*computation[T])(c))
	return c
}

// A computation is a Computed as a function to call.
type computation[T any] Computed[T]

// Call calls the user's function, and puts the result into the run.
func (c *computation[T]) Call() {
	n := &c.node
	run := n.run // does not change while the function runs
	f := function[func(*Use) T](n)
	if f == nil {
		run.dead = true
		return
	}
	v := f(run)
	if n.form == plain { // the same as below, in short
		var bits uint64
		*(*T)(unsafe.Pointer(&bits)) = v
		run.out.bits, run.same = bits, n.has && n.bits.Load() == bits
		return
	}
	if n.form.likeness() == byFunc && n.has && c.equal(unpack[T](n.form.shape(), n.load()), v) {
		run.out, run.same = n.load(), true
		return
	}
	run.out = pack(n.form.shape(), v)
	run.same = n.has && n.alike(n.load(), run.out)
}

// Get returns the value, and computes it first if need be. It is the value at a moment
// between Get's call and return, also under concurrent Sets. If another goroutine computes
// it, Get waits for that. Cost: no lock if nothing was set since the last Get.
//
// A computing function reads with [Computed.Use], or with [Computed.Peek]. Get makes no
// dependency, and does not see all cycles. Inside a computing function Get panics if it
// would have to wait, for example in a cycle.
func (c *Computed[T]) Get() T {
	n := &c.node
	if n.cleanAt.Load() == books.epoch.Load()+1 {
		return valueOf[T](&n.source) // the value of that epoch, or a later one
	}
	return unpack[T](n.form.shape(), n.get())
}

// Peek is [Computed.Get] for computing functions and effects that should not depend on the
// value. Unlike Get it may wait there, and it sees cycles.
func (c *Computed[T]) Peek(use *Use) T {
	use.check("Computed.Peek")
	return unpack[T](c.node.form.shape(), use.peek(&c.node.source))
}

// Use returns the value to a computing function, which depends on it from then on. It
// panics with a *[CycleError] if the value depends on the one that is being computed. Apart
// from that it panics as [Value.Use] does.
func (c *Computed[T]) Use(use *Use) T {
	use.check("Computed.Use")
	n := &c.node
	if use.advance(&n.source) || use.again(&n.source) {
		yield.Point("state: used, read")
		v := valueOf[T](&n.source)
		if !use.overtaken.Load() {
			return v
		}
	}
	return unpack[T](n.form.shape(), use.read(&n.source))
}

// Changes returns the source of the value's changes. The value is watched while a handler
// is connected. When a Set may have changed a watched value, the goroutine of that Set
// computes it, once, after all that depends on that Set is marked. A value equal to the
// last one is no change. A panic is no change either: the Old of the next change is the
// value that was there before.
//
// Connect computes the value too, so that there is something to change from. If that
// panics, Connect panics and there is no connection. The source closes with the owner.
func (c *Computed[T]) Changes() tether.Source[Change[T]] { return (*watch[T])(c) }

func (c *Computed[T]) fire(h *connlist.Held, t transition) {
	s := c.node.form.shape()
	connlist.FireHeld(h, c.node.out.list, Change[T]{unpack[T](s, t.old), unpack[T](s, t.now)})
}

// get is Get of a value that may not be up to date.
func (n *node) get() (v rep) {
	books.mu.Lock()
	p := take()
	var at announced
	over := false
	defer func() {
		if !over {
			p.asks, p.quiet = false, true
			p.settle()
		}
	}()
	p.asks = true
	if n.failedBefore() {
		p.retry(n, nil)
	}
	for {
		p.given = false
		if n.color != clean {
			p.refresh(n, nil, &at)
		}
		if n.color == clean {
			break
		}
		if p.given {
			v = p.out
			at.leaveLocked()
			over = true
			p.asks, p.quiet = false, true
			p.finish()
			return v
		}
	}
	f := n.failure
	v = n.load()
	if f == nil && n.cyclic == 0 {
		n.cleanAt.Store(books.epoch.Load() + 1)
	}
	at.leaveLocked() // what comes meanwhile changes nothing of the above
	if f != nil {
		books.mu.Unlock()
		panic(n.raise(f, nil))
	}
	over = true
	p.asks, p.quiet = false, true
	p.finish()
	return v
}

// failedBefore reports whether a Get must try n again: if its result is of an earlier era, and
// is a failure or part of a cycle, which depends on where the cycle was entered.
func (n *node) failedBefore() bool {
	if n.color != clean || n.frozen {
		return false
	}
	return n.failure != nil && n.failure.era != books.era || n.cyclic != 0 && n.cyclic != books.era
}

// retry marks n, which has failed before, and all failures that it depends on: it makes those
// dirty that depend on no other, where it began, and marks what depends on them. It does not
// mark the node user, which is about to use n. If the marks would overtake a function that is
// being called, retry does nothing and returns false. books is held. Cost: linear in what has
// failed, and in what depends on that.
func (p *pass) retry(n, user *node) bool {
	books.serial++
	seen := books.serial
	n.visitor = seen
	all, first := []*node{n}, []*node(nil)
	for i := 0; i < len(all); i++ {
		began := true
		for _, l := range all[i].deps {
			if d := l.dep.node; d != nil && d.failedBefore() {
				began = false
				if d.visitor != seen {
					d.visitor = seen
					all = append(all, d)
				}
			}
		}
		if began {
			first = append(first, all[i])
		}
	}
	if first == nil {
		first = all // a cycle
	}
	if disturbs(first, user, &n.source) {
		return false
	}
	books.epoch.Add(1)
	p.sparing, p.from = user, &n.source
	for _, m := range first {
		m.color = dirty
		m.gen++
		if m.out != nil {
			p.queue(m)
		}
	}
	for _, m := range first {
		p.mark(&m.source, maybe)
	}
	p.sparing = nil
	return true
}

// disturbs reports whether marks from all would come to a function that is being called. The
// link from user to from does not count.
func disturbs(all []*node, user *node, from *source) bool {
	books.serial++
	seen := books.serial
	all = slices.Clone(all)
	for i := 0; i < len(all); i++ {
		for l := all[i].users; l != nil; l = l.next {
			u := l.user
			if u.color == busy && (u != user || l.dep != from) {
				return true
			}
			if u.color == clean && u.visitor != seen {
				u.visitor = seen
				all = append(all, u)
			}
		}
	}
	return false
}

// A watch is a Computed as the tether.Source of its changes.
type watch[T any] Computed[T]

func (w *watch[T]) Connect(owner *tether.Owner, handler func(Change[T]), opts ...tether.ConnectOption) *tether.Connection {
	return w.begin(func(s *tether.Signal[Change[T]]) *tether.Connection { return s.Connect(owner, handler, opts...) })
}

func (w *watch[T]) Once(owner *tether.Owner, handler func(Change[T]), opts ...tether.ConnectOption) *tether.Connection {
	return w.begin(func(s *tether.Signal[Change[T]]) *tether.Connection { return s.Once(owner, handler, opts...) })
}

// begin connects to a value that is clean. It looks at the value twice: a Set that comes
// before the connection finds no watcher and computes nothing, so begin does that after it.
func (w *watch[T]) begin(connect func(*tether.Signal[Change[T]]) *tether.Connection) *tether.Connection {
	c := (*Computed[T])(w)
	signal := changesOf(&c.node.source, c.node.owner, &c.changes)
	c.Get()
	conn := connect(signal)
	ok := false
	defer func() {
		if !ok {
			conn.Disconnect()
		}
	}()
	books.mu.Lock()
	if c.node.color == clean {
		books.mu.Unlock()
	} else {
		p := take()
		p.queue(&c.node)
		p.finish()
	}
	ok = true
	return conn
}

// check panics if u is nil or zero.
func (u *Use) check(verb string) {
	if u == nil || u.node == nil {
		panic("state: " + verb + " with nil Use")
	}
}
