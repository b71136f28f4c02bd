package model

import (
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"

	"github.com/seed-ec287111/tether"
)

// A world is what programs run in: the model, or the library.
type world interface {
	newOwner(parent int, super func(any), staged bool) // parent -1: a root
	destroy(o int) error
	destroyContext(o int) error // from the top level only
	cancel(o int, cause error)
	deferred(o int, f func()) (stop func() bool)
	own(o int, f func() error)
	ownBlocking(o int, f func() error)
	interrupt(o int, f func()) (stop func() bool)
	alive(o int) bool
	ended(o int) bool
	waiter(owners []int) (wait func()) // for their ends, which will be due
	cause(o int) error
	stats(o int) tether.Stats

	newSignal(o int, activate func(o int)) // o -1: a zero Signal
	connect(k kind, s, o, q, priority int, handler func(v int))
	disconnect(c int) bool
	disconnectAll(s int)
	connected(c int) bool
	mute(c int) (unmute func())
	fire(s, v int)
	signalLen(s int) int

	newQueue(o, capacity int, overflow tether.Overflow)
	drain(q int) int
	queueLen(q int) int
	dropped(q int) int
}

type kind int

const (
	connect kind = iota
	once
	connectSelf
)

// An op is one operation. What it means by a, b and c depends on its code; a
// number that stands for an object is taken modulo how many there are.
type op struct{ code, a, b, c byte }

const (
	opFire          = iota // signal a; recovers a panic if b is odd
	opConnect              // signal a, owner b, script c; with the next bits of a and b: kind, priority, queue
	opDisconnect           // connection a
	opDisconnectAll        // signal a
	opMute                 // connection a
	opStop                 // the a-th thing that can be stopped or unmuted
	opSelf                 // the running handler's connection: disconnect or mute
	opNewOwner             // a child of a, or a root; supervised if b is even, staged if c is odd
	opNewSignal            // of owner a; WhileActive if b is odd
	opNewQueue             // of owner a, capacity b, overflow c
	opDestroy              // owner a
	opDestroyMine          // the owner whose script this is, or its parent
	opCancel               // owner a
	opDestroyCtx           // owner a
	opDefer                // owner a, script b
	opOwn                  // owner a, script b; fails if c is odd
	opInterrupt            // owner a, script b
	opDrain                // queue a
	opLook                 // at everything
	opPanic
	opGoexit
	opMany     // panics in numbers: of what a says, of owner b, script c
	opDeep     // a chain below owner a, ended in an order that b says; length and closers by c
	opBlocking // owner a, script b; fails if c is odd, as being closed if it is 3 more than a multiple of 4
	opCodes
)

var names = [...]string{
	"fire", "connect", "disconnect", "disconnectAll", "mute", "stop", "self", "newOwner",
	"newSignal", "newQueue", "destroy", "destroyMine", "cancel", "destroyCtx", "defer", "own",
	"interrupt", "drain", "look", "panic", "goexit", "many", "deep", "blocking",
}

func (o op) String() string {
	return fmt.Sprintf("%s(%d,%d,%d)", names[o.code%opCodes], o.a, o.b, o.c)
}

// A program is what the top level does, and what handlers, cleanups, closers and
// interrupts do: each has one of the scripts.
type program struct {
	main    []op
	scripts [][]op
}

func (p program) String() string {
	var b strings.Builder
	fmt.Fprintln(&b, "main:", p.main)
	for i, s := range p.scripts {
		fmt.Fprintf(&b, "script %d: %v\n", i, s)
	}
	return b.String()
}

// decode makes a program of bytes, four for an operation; one with the code 255
// begins the next script, the first one being the top level's.
func decode(b []byte) (p program) {
	into := &p.main
	for ; len(b) >= 4; b = b[4:] {
		if b[0] == 255 {
			p.scripts = append(p.scripts, nil)
			into = &p.scripts[len(p.scripts)-1]
			continue
		}
		*into = append(*into, op{b[0] % opCodes, b[1], b[2], b[3]})
	}
	return p
}

// encode is the inverse of decode.
func (p program) encode() (b []byte) {
	for i, ops := range append([][]op{p.main}, p.scripts...) {
		if i > 0 {
			b = append(b, 255, 0, 0, 0)
		}
		for _, o := range ops {
			b = append(b, o.code, o.a, o.b, o.c)
		}
	}
	return b
}

// Bounds of a run, so that programs which feed themselves end; arbitrary.
const (
	maxSteps  = 250
	maxDepth  = 7
	maxOwners = 16
	maxOthers = 8   // signals, queues
	maxMany   = 2   // opMany and opDeep, each
	maxRaised = 100 // panics of opMany, as the report of one takes its time on a deep stack
)

// A machine runs a program in a world.
type machine struct {
	w     world
	p     program
	log   []string
	steps int
	depth int
	quiet int // panics would crash: nobody to go on to

	scale       int     // how much longer chains and rows of panics are; 0 is 1, and more is without looks
	manies      int     // opMany so far
	raised      int     // panics of these
	deeps       int     // opDeep so far
	ownersFirst int     // owners that no opDeep has made
	failed      []error // what closers returned

	owners, signals, queues, conns int
	usable                         []int // owners that may be given things: not those of WhileActive
	stops                          []func() string

	// Whether to do each of the Cancels: the model decides, for only it can
	// know that the outcome is determinate.
	// And after what goes on on a goroutine of the teardown's own, what will
	// have ended when that has come to rest.
	cancels []bool
	awaits  map[int][]int // by number
	settles int
	decide  func(o int, destroy bool) bool // nil: replay
}

// frame is what runs a script.
type frame struct {
	owner int // -1 at the top level
	conn  int // -1 where it is no handler
}

func (m *machine) logf(format string, args ...any) {
	m.log = append(m.log, strings.Repeat("  ", m.depth)+fmt.Sprintf(format, args...))
}

// prelude makes something to work on: trees o0/o1/o2 and o3, which is supervised, a zero signal, one
// of o1 with WhileActive and one of r3, a queue of o2, and five connections.
func (m *machine) prelude() {
	for _, o := range []op{
		{opNewOwner, 255, 1, 0}, {opNewOwner, 0, 1, 0}, {opNewOwner, 1, 1, 0}, {opNewOwner, 255, 0, 0},
		{opNewSignal, 255, 0, 0}, {opNewSignal, 1, 1, 0}, {opNewSignal, 3, 0, 0},
		{opNewQueue, 2, 1, 1},
		{opConnect, 0, 17, 0}, {opConnect, 0, 19, 1}, {opConnect, 33, 18, 2}, {opConnect, 16, 17, 3}, {opConnect, 0, 1, 4},
	} {
		m.do(o, frame{-1, -1})
	}
}

// run runs the first limit operations of the program and then, if there are no
// more, ends everything. stuck, if not nil, is asked after every operation
// whether that would have hung; if so it is forgotten, and run returns how many
// came before it.
func (m *machine) run(limit int, stuck func() bool) int {
	m.prelude()
	done := 0
	for ; done < limit; done++ {
		mark := len(m.log)
		switch end := done - len(m.p.main); {
		case end < 0:
			m.top(m.p.main[done])
		case end < m.owners:
			m.steps = min(m.steps, maxSteps-20)
			m.top(op{opDestroy, byte(end), 0, 0})
		default:
			return done
		}
		m.look()
		if stuck != nil && stuck() {
			m.log = m.log[:mark]
			return done
		}
	}
	return done
}

// top does o on a goroutine of its own, so that Goexit ends that only.
func (m *machine) top(o op) {
	m.logf("> %v", o)
	done := make(chan struct{})
	go func() {
		finished := false
		defer close(done)
		defer func() {
			if p := recover(); p != nil {
				m.logf("panic %v", p)
			} else if !finished {
				m.logf("goexit")
			}
			m.depth, m.quiet = 0, 0
		}()
		m.do(o, frame{-1, -1})
		finished = true
	}()
	<-done
}

// call runs a script as what is called name.
func (m *machine) call(script byte, f frame, name string) {
	if len(m.p.scripts) == 0 || m.depth >= maxDepth {
		m.logf("%s", name)
		return
	}
	m.logf("%s {", name)
	m.depth++
	finished := false
	defer func() {
		m.depth--
		if !finished {
			m.logf("} broken")
		}
	}()
	for _, o := range m.p.scripts[int(script)%len(m.p.scripts)] {
		m.do(o, f)
	}
	finished = true
}

func pick(n byte, of int) int { return int(n) % of }

func (m *machine) do(o op, f frame) {
	if m.steps++; m.steps > maxSteps {
		return
	}
	w := m.w
	step := m.steps
	owner := func(n byte) int { return m.usable[pick(n, len(m.usable))] }
	switch o.code % opCodes {
	case opFire:
		s := pick(o.a, m.signals)
		m.logf("fire s%d %d", s, step)
		depth := m.depth
		if o.b%2 == 1 {
			defer func() {
				if p := recover(); p != nil {
					m.depth = depth
					m.logf("recovered %v", p)
				}
			}()
		}
		w.fire(s, step)
		m.logf("fired s%d %d", s, step)
	case opConnect:
		s, own, c := pick(o.a, m.signals), owner(o.b), m.conns
		k, priority, q := kind(o.a/16%4)%3, int(o.a/64)%3-1, -1
		if o.b/16%4 == 0 && m.queues > 0 {
			q = int(o.b/64) % m.queues
		}
		m.conns++
		w.connect(k, s, own, q, priority, func(v int) {
			m.call(o.c, frame{own, c}, fmt.Sprintf("c%d of o%d, s%d, got %d", c, own, s, v))
		})
		m.logf("c%d = connect %d s%d o%d q%d priority %d: %v", c, k, s, own, q, priority, w.connected(c))
	case opDisconnect:
		if m.conns > 0 {
			c := pick(o.a, m.conns)
			m.logf("disconnect c%d: %v", c, w.disconnect(c))
		}
	case opDisconnectAll:
		s := pick(o.a, m.signals)
		w.disconnectAll(s)
		m.logf("disconnectAll s%d", s)
	case opMute:
		if m.conns > 0 {
			m.mute(pick(o.a, m.conns))
		}
	case opStop:
		if len(m.stops) > 0 {
			i := pick(o.a, len(m.stops))
			m.logf("stop %d: %s", i, m.stops[i]())
		}
	case opSelf:
		if f.conn < 0 {
			return
		}
		if o.a%2 == 0 {
			m.logf("disconnect self: %v", w.disconnect(f.conn))
		} else {
			m.mute(f.conn)
		}
	case opNewOwner:
		if m.ownersFirst >= maxOwners {
			return
		}
		m.ownersFirst++
		parent, id := -1, m.owners
		if o.a != 255 {
			parent = owner(o.a)
		}
		var super func(any)
		if o.b%2 == 0 {
			super = func(p any) { m.logf("o%d supervised: %v", id, p) }
		}
		m.addOwner(true)
		w.newOwner(parent, super, o.c%2 == 1)
		m.logf("o%d = new of o%d", id, parent)
	case opNewSignal:
		if m.signals >= maxOthers {
			return
		}
		id := -1
		if o.a != 255 {
			id = owner(o.a)
		}
		var activate func(int)
		if o.b%2 == 1 && id >= 0 {
			s := m.signals
			activate = func(active int) {
				m.addOwner(false)
				m.logf("s%d active: o%d", s, active)
			}
		}
		w.newSignal(id, activate)
		m.logf("s%d = signal of o%d", m.signals, id)
		m.signals++
	case opNewQueue:
		if m.queues < maxOthers {
			id := owner(o.a)
			w.newQueue(id, int(o.b)%3+1, tether.Overflow(o.c%3))
			m.logf("q%d = queue of o%d", m.queues, id)
			m.queues++
		}
	case opDestroy:
		m.destroy(pick(o.a, m.owners))
	case opDestroyMine:
		if f.owner >= 0 {
			m.destroy(f.owner)
		}
	case opCancel:
		m.cancel(owner(o.a))
	case opDestroyCtx:
		if f.owner >= 0 {
			return
		}
		id := owner(o.a)
		m.logf("destroyContext o%d", id)
		m.quiet += 2
		settle := m.settling()
		err := w.destroyContext(id)
		settle()
		m.quiet -= 2
		m.logf("destroyedContext o%d: %s", id, m.say(err))
	case opDefer:
		id := owner(o.a)
		name := fmt.Sprintf("cleanup %d of o%d", step, id)
		m.logf("defer %s", name)
		m.stoppable(w.deferred(id, func() { m.call(o.b, frame{id, -1}, name) }))
	case opOwn:
		id := owner(o.a)
		name := fmt.Sprintf("closer %d of o%d", step, id)
		m.logf("own %s", name)
		w.own(id, func() error {
			m.call(o.b, frame{id, -1}, name)
			if o.c%2 == 1 {
				return m.fail(name)
			}
			return nil
		})
	case opBlocking:
		id := owner(o.a)
		name := fmt.Sprintf("blocking closer %d of o%d", step, id)
		m.logf("own %s", name)
		w.ownBlocking(id, func() error {
			m.call(o.b, frame{id, -1}, name)
			switch o.c % 4 {
			case 1:
				return m.fail(name)
			case 3:
				return net.ErrClosed
			}
			return nil
		})
	case opInterrupt:
		id := owner(o.a)
		name := fmt.Sprintf("interrupt %d of o%d", step, id)
		m.logf("add %s", name)
		m.stoppable(w.interrupt(id, func() { m.call(o.b, frame{id, -1}, name) }))
	case opDrain:
		if m.queues > 0 {
			q := pick(o.a, m.queues)
			m.logf("drain q%d", q)
			m.logf("drained q%d: %d", q, w.drain(q))
		}
	case opLook:
		m.look()
	case opPanic:
		if m.quiet == 0 {
			panic(fmt.Sprint("panic ", step))
		}
	case opGoexit:
		if m.quiet < 2 {
			runtime.Goexit()
		}
	case opMany:
		if m.manies < maxMany {
			m.manies++
			m.many(o, owner(o.b))
		}
	case opDeep:
		if m.deeps < maxMany {
			m.deeps++
			m.deep(o, owner(o.a))
		}
	}
}

// many makes more things that panic than have a stack of their own, one of eight with a
// script before that: handlers, which it then fires at, cleanups, interrupts, or values on a
// queue, which it then drains.
func (m *machine) many(o op, own int) {
	n := (17 + int(o.c)%16) * max(1, m.scale)
	step := m.steps
	each := func(i int, conn int, what string) {
		name := fmt.Sprintf("%s %d.%d of o%d", what, step, i, own)
		if i%8 == 3 {
			m.call(o.c, frame{own, conn}, name)
		} else {
			m.logf("%s", name)
		}
		if m.quiet == 0 && m.raised < maxRaised*max(1, m.scale) {
			m.raised++
			panic(fmt.Sprintf("panic %d.%d", step, i))
		}
	}
	kind := int(o.a) % 4
	s := pick(o.a/4, m.signals)
	m.logf("%d things of o%d that panic, of kind %d", n, own, kind)
	switch kind {
	case 0:
		for i := range n {
			c := m.conns
			m.conns++
			m.w.connect(connect, s, own, -1, i%3-1, func(int) { each(i, c, "handler") })
		}
		m.do(op{opFire, byte(s), o.b / 16, 0}, frame{-1, -1})
	case 1:
		for i := range n {
			m.w.deferred(own, func() { each(i, -1, "cleanup") })
		}
	case 2:
		for i := range n {
			m.w.interrupt(own, func() { each(i, -1, "interrupt") })
		}
	case 3:
		if m.queues >= maxOthers {
			return
		}
		q, c := m.queues, m.conns
		m.queues++
		m.conns++
		m.w.newQueue(own, n, tether.Block)
		m.w.newSignal(-1, nil)
		signal := m.signals
		m.signals++
		m.w.connect(connect, signal, own, q, 0, func(v int) { each(v, c, "value") })
		for i := range n {
			m.w.fire(signal, i)
		}
		m.logf("drained q%d: %d", q, m.w.drain(q))
	}
}

// deep makes a chain below own, a cleanup or a failing closer in each, and ends it.
func (m *machine) deep(o op, own int) {
	n := (3 + int(o.c)%10) * max(1, m.scale)
	var chain []int
	at := own
	for i := range n {
		id := m.owners
		m.addOwner(false) // too many to be picked, but for Destroy
		m.w.newOwner(at, nil, false)
		at = id
		chain = append(chain, id)
		if name := fmt.Sprintf("link %d, o%d", i, id); o.c/16%2 == 0 {
			m.w.deferred(id, func() { m.logf("%s", name) })
		} else {
			m.w.own(id, func() error { m.logf("%s", name); return m.fail(name) })
		}
	}
	m.logf("chain of o%d to o%d below o%d", m.owners-n, at, own)
	if o.b/8%2 == 1 {
		m.destroy(own) // who may drain by now
	}
	switch o.b % 8 {
	case 0, 1:
		for i := range chain {
			m.destroy(chain[n-1-i])
		}
	case 2, 3:
		for _, id := range chain {
			m.destroy(id)
		}
	case 4, 5, 6:
		for i := range chain {
			m.destroy(chain[(i*7+3)%n]) // some twice, others not
		}
	}
}

// fail is the error of a closer.
func (m *machine) fail(name string) error {
	err := errors.New(name)
	m.failed = append(m.failed, err)
	return err
}

func (m *machine) addOwner(usable bool) {
	if usable {
		m.usable = append(m.usable, m.owners)
	}
	m.owners++
}

func (m *machine) stoppable(stop func() bool) {
	m.stops = append(m.stops, func() string { return fmt.Sprint(stop()) })
}

func (m *machine) mute(c int) {
	unmute := m.w.mute(c)
	m.logf("mute c%d", c)
	m.stops = append(m.stops, func() string { unmute(); return "unmuted" })
}

func (m *machine) destroy(o int) {
	if !m.may(o, true) {
		return
	}
	m.logf("destroy o%d", o)
	err := m.w.destroy(o)
	m.logf("destroyed o%d: %s", o, m.say(err))
}

// say says what an error is made of, in order, and which of those that closers returned
// errors.Is finds in it.
func (m *machine) say(err error) string {
	many, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return fmt.Sprint(err)
	}
	var all []string
	for _, e := range many.Unwrap() {
		if _, nested := e.(interface{ Unwrap() []error }); nested {
			all = append(all, "nested:")
		}
		all = append(all, e.Error())
	}
	found := 0
	for _, e := range m.failed {
		if errors.Is(err, e) {
			found++
		}
	}
	return fmt.Sprintf("%d errors: %s; %d found; text %q", len(all), strings.Join(all, ", "), found, err)
}

// may says whether o is to be destroyed, or cancelled, which the model decides.
func (m *machine) may(o int, destroy bool) (yes bool) {
	if m.decide != nil {
		yes = m.decide(o, destroy)
		m.cancels = append(m.cancels, yes)
	} else if len(m.cancels) > 0 {
		yes, m.cancels = m.cancels[0], m.cancels[1:]
	}
	return yes
}

func (m *machine) cancel(o int) {
	if !m.may(o, false) {
		return
	}
	m.logf("cancel o%d", o)
	m.quiet++
	settle := m.settling()
	m.w.cancel(o, fmt.Errorf("cancelled o%d", o))
	settle()
	m.quiet--
	m.logf("cancelled o%d", o)
}

// settling returns what waits until what is about to begin has come to rest.
func (m *machine) settling() (settle func()) {
	m.settles++
	n, owners := m.settles, m.owners
	if m.decide == nil {
		return m.w.waiter(m.awaits[n])
	}
	return func() {
		for o := range owners {
			if m.w.ended(o) {
				m.awaits[n] = append(m.awaits[n], o)
			}
		}
	}
}

// look logs all that can be asked.
func (m *machine) look() {
	if m.scale > 1 {
		return
	}
	var b strings.Builder
	for i := range m.owners {
		s := m.w.stats(i)
		fmt.Fprintf(&b, "o%d %v %v %d/%d/%d %v; ", i, m.w.alive(i), m.w.ended(i), s.Owners, s.Connections, s.Cleanups, m.w.cause(i))
	}
	for i := range m.signals {
		fmt.Fprintf(&b, "s%d %d; ", i, m.w.signalLen(i))
	}
	for i := range m.conns {
		fmt.Fprintf(&b, "c%d %v; ", i, m.w.connected(i))
	}
	for i := range m.queues {
		fmt.Fprintf(&b, "q%d %d %d; ", i, m.w.queueLen(i), m.w.dropped(i))
	}
	m.logf("%s", b.String())
}
