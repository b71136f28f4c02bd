// Package model has a second, naive Tether: single-threaded, without a lock, an
// atomic or a clever data structure, so short that it can be checked against the
// contract by reading. Random programs must do the same on it and on the real
// library; see machine.go and README.md.
//
// Where the contract says "running", the model counts; where it says "all that",
// the model looks through everything there is. Panics and Goexit are Go's own.
package model

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/seed-ec287111/tether"
)

type state int

const (
	alive state = iota
	cut
	unwinding
	ended
)

type owner struct {
	parent *owner
	state  state
	staged bool      // its children end one after the other
	sealed bool      // and have begun to
	stage  bool      // it ended as one of them
	down   bool      // has a teardown of its own
	hold   bool      // which is still calling interrupts
	g      int       // goroutine that unwinds, where down
	busy   int       // what runs, or is about to, in this very owner
	items  []any     // *owner, *hook: oldest first
	super  func(any) // gets panics, if not nil
	errs   []error   // of closers, here and below, until the end
	late   []error   // of closers that came after the end, the first few
	lost   int       // and how many more there were
	cause  error     // of the cut-off
}

// A hook is a cleanup or an interrupt.
type hook struct {
	f         func()
	interrupt bool
}

type signal struct {
	owner    *owner // nil: never closes
	closed   bool
	conns    []*conn // live ones, in the order in which they are called
	activate func(id int)
	active   *owner // of the last stretch with connections
}

type conn struct {
	signal   *signal
	owner    *owner
	queue    *queue // nil: direct
	priority int
	once     bool
	live     bool
	spent    bool // dead, but its one value waits in the queue
	muted    int
	handler  func(v int)
}

type queue struct {
	owner    *owner
	capacity int
	overflow tether.Overflow
	dead     bool
	pending  []value
	last     int // number of the last value queued
	g        int // goroutine that drains; 0: none
	dropped  int
}

type value struct {
	c    *conn
	n, v int
}

// A model is one world; see the interface of that name. Numbers stand for
// objects, in the order in which they were made.
type model struct {
	owners  []*owner
	signals []*signal
	conns   []*conn
	queues  []*queue
	g, gs   int  // the goroutine that runs now, and how many there were
	stuck   bool // the program would have hung
}

func newModel() *model { return &model{g: 1, gs: 1} }

// 4.3: owners.

func (m *model) newOwner(parent int, super func(any), staged bool) {
	o := &owner{super: super, staged: staged}
	if parent >= 0 {
		m.adopt(m.owners[parent], o)
	}
	m.owners = append(m.owners, o)
}

func (m *model) adopt(p, o *owner) {
	o.parent, o.state, o.cause = p, p.state, p.cause
	if o.super == nil {
		o.super = p.super
	}
	if p.sealed && p.state == alive {
		o.cause = tether.ErrDestroyed // that of the stages
	}
	if p.state >= unwinding || p.sealed {
		o.state = ended // born so
		return
	}
	p.items = append(p.items, o)
}

func (m *model) destroy(id int) error {
	o := m.owners[id]
	top := o.unwinder()
	switch {
	case o.state == ended:
	case o.staged && o.state == alive && o.sealed:
		return tether.ErrPending // this is one of the stages
	case o.staged && o.state == alive:
		m.stages(o)
	case o.down:
		return tether.ErrPending
	case top != nil && (top.g != m.g || o.begun()):
		return tether.ErrPending // somebody else's unwind, or this is below o
	case top != nil:
		m.unwindChild(o) // now, and skipped later
	default:
		m.teardown(o, tether.ErrDestroyed)
	}
	if o.state != ended {
		return tether.ErrPending
	}
	return o.failed()
}

// stages ends a staged owner in which nothing runs: its children, then itself.
func (m *model) stages(o *owner) {
	o.sealed = true
	var rest []func()
	for _, item := range slices.Backward(slices.Clone(o.items)) {
		c, ok := item.(*owner)
		if !ok {
			continue
		}
		rest = append(rest, func() {
			switch {
			case c.state != alive || o.state != alive: // others have ended it
			case c.staged && c.sealed:
			case c.staged:
				c.stage = true
				m.stages(c)
			default:
				c.stage = true
				m.teardown(c, tether.ErrDestroyed)
			}
		})
	}
	rest = append(rest, func() {
		if o.state == alive {
			m.teardown(o, tether.ErrDestroyed)
		}
	})
	m.each(&rest)
}

// determinate says whether what Destroy does is, as no stages go on elsewhere.
func (m *model) determinate(id int) bool {
	o := m.owners[id]
	return !o.staged || o.state != alive || o.sealed || o.running() == 0
}

// maxLate is how many errors an owner keeps of what is closed after its end.
const maxLate = 16

// manyErrors is what Destroy returns where there are several.
type manyErrors struct {
	errs []error
	lost int
}

func (e manyErrors) Unwrap() []error { return e.errs }

// Error tells the first ten, and how many there are besides.
func (e manyErrors) Error() string {
	var lines []string
	for _, err := range e.errs[:min(10, len(e.errs))] {
		lines = append(lines, err.Error())
	}
	if more := len(e.errs) + e.lost - len(lines); more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, "\n")
}

func (o *owner) failed() error {
	switch all := slices.Concat(o.errs, o.late); {
	case len(all) == 0:
		return nil
	case len(all) == 1 && o.lost == 0:
		return all[0]
	default:
		return manyErrors{all, o.lost}
	}
}

// fail makes err part of what Destroy returns: of o, or where that has ended of each
// above too, up to the one whose teardown ended o.
func (o *owner) fail(err error) {
	top := o.unwinder()
	for p := o; p != nil; p = p.parent {
		switch {
		case p.state != ended:
			p.errs = append(p.errs, err) // goes up when p ends
			return
		case len(p.late) < maxLate:
			p.late = append(p.late, err)
		default:
			p.lost++
		}
		if p == top || p.stage && p.down {
			if !p.stage {
				return
			}
			top = p.parent.unwinder() // whose end that of p was a part of
		}
	}
}

// may says whether what Destroy, or Cancel, does is determinate.
func (m *model) may(id int, destroy bool) bool {
	if destroy {
		return m.determinate(id)
	}
	return m.cancellable(id)
}

// cancellable says whether what Cancel does is determinate, as nothing runs that
// it would have to wait for.
func (m *model) cancellable(id int) bool {
	o := m.owners[id]
	return o.state == ended || o.unwinder() != nil || !o.down && o.running() == 0
}

func (m *model) cancel(id int, cause error) {
	o := m.owners[id]
	if o.state == ended || o.unwinder() != nil {
		return
	}
	m.elsewhere(func() { m.teardown(o, cause) })
}

func (m *model) destroyContext(id int) (err error) {
	m.elsewhere(func() { err = m.destroy(id) })
	return err
}

// elsewhere runs f on a goroutine of its own and waits for it.
func (m *model) elsewhere(f func()) {
	before := m.g
	m.gs++
	m.g = m.gs
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	<-done
	m.g = before
}

// teardown cuts off, and unwinds if nothing runs; else the last one out does.
func (m *model) teardown(o *owner, cause error) {
	o.down, o.hold = true, true
	var interrupts []func()
	m.cutOff(o, cause, &interrupts)
	m.settleEdges()
	defer m.check(o)
	defer func() { o.hold = false }()
	m.each(&interrupts)
}

// each calls the functions, also if one of them panics.
func (m *model) each(fs *[]func()) {
	if len(*fs) == 0 {
		return
	}
	f := (*fs)[0]
	*fs = (*fs)[1:]
	defer m.each(fs)
	f()
}

// cutOff ends all that o holds but cleanups. It calls no user code.
func (m *model) cutOff(o *owner, cause error, interrupts *[]func()) {
	if o.state != alive {
		return
	}
	o.state, o.cause = cut, cause
	for _, item := range slices.Backward(slices.Clone(o.items)) {
		switch item := item.(type) {
		case *owner:
			m.cutOff(item, cause, interrupts)
		case *hook:
			if item.interrupt {
				o.remove(item)
				o.busy++
				*interrupts = append(*interrupts, func() { m.counted(o, item.f) })
			}
		}
	}
	for _, q := range m.queues {
		if q.owner == o {
			q.dead = true
		}
	}
	for _, s := range m.signals {
		if s.owner == o {
			s.closed = true
		}
	}
	for _, c := range m.conns { // of o, or of a signal or queue that is dead now
		if c.owner == o || c.signal.closed || c.queue != nil && c.queue.dead {
			m.end(c)
			c.drop()
		}
	}
}

// check completes the teardown, of o or above, that has nothing to wait for any
// more; there is one at most.
func (m *model) check(o *owner) {
	for p := o; p != nil; p = p.parent {
		if p.down && !p.hold && p.state == cut && p.running() == 0 {
			p.g = m.g
			defer m.check(p.parent) // for which it counted as running
			m.unwindChild(p)
			return
		}
	}
}

func (m *model) unwindChild(o *owner) {
	defer func() {
		o.state = ended
		if o.parent != nil && (!o.down || o.stage) {
			o.parent.errs = append(o.parent.errs, o.errs...)
		}
		if o.parent != nil {
			o.parent.remove(o)
		}
	}()
	m.unwind(o)
}

func (m *model) unwind(o *owner) {
	o.state = unwinding
	if len(o.items) == 0 {
		return
	}
	defer m.unwind(o) // the rest, also after a panic
	defer o.supervise()
	switch item := o.items[len(o.items)-1].(type) {
	case *hook:
		o.remove(item)
		item.f()
	case *owner:
		m.unwindChild(item)
	}
}

// counted calls f, which was counted in o.
func (m *model) counted(o *owner, f func()) {
	defer m.leave(o)
	defer o.supervise()
	f()
}

// leave is for what has run: the last one out completes the teardown.
func (m *model) leave(o *owner) {
	o.busy--
	m.check(o)
}

func (o *owner) supervise() {
	if o.super != nil {
		if p := recover(); p != nil {
			o.super(p)
		}
	}
}

// running counts what a teardown of o waits for. A descendant's teardown that
// has not ended counts too.
func (o *owner) running() int {
	n := o.busy
	for _, item := range o.items {
		if c, ok := item.(*owner); ok {
			n += c.running()
			if c.down {
				n++
			}
		}
	}
	return n
}

// unwinder is the owner, o or above, whose teardown unwinds, or has unwound, o.
func (o *owner) unwinder() *owner {
	for p := o; p != nil; p = p.parent {
		if p.down && p.state >= unwinding {
			return p
		}
	}
	return nil
}

// begun reports whether the unwind of o or of something below has begun.
func (o *owner) begun() bool {
	return o.state >= unwinding || slices.ContainsFunc(o.items, func(item any) bool {
		c, ok := item.(*owner)
		return ok && c.begun()
	})
}

func (o *owner) remove(item any) bool {
	i := slices.Index(o.items, item)
	if i >= 0 {
		o.items = slices.Delete(o.items, i, i+1)
	}
	return i >= 0
}

func (m *model) deferred(id int, f func()) (stop func() bool) {
	o, h := m.owners[id], &hook{f: f}
	stop = func() bool { return o.remove(h) } // also if a supervised panic ends this
	if o.state < unwinding {
		o.items = append(o.items, h)
	} else {
		defer o.supervise()
		f()
	}
	return stop
}

func (m *model) ownBlocking(id int, f func() error) {
	m.interrupt(id, func() {
		if err := f(); err != nil && !errors.Is(err, net.ErrClosed) {
			m.owners[id].fail(err)
		}
	})
}

func (m *model) own(id int, f func() error) {
	m.deferred(id, func() {
		if err := f(); err != nil {
			m.owners[id].fail(err)
		}
	})
}

func (m *model) interrupt(id int, f func()) (stop func() bool) {
	o, h := m.owners[id], &hook{f: f, interrupt: true}
	stop = func() bool { return o.remove(h) }
	switch {
	case o.state == alive:
		o.items = append(o.items, h)
	case o.state == cut && o.unwinder() == nil: // the unwind is still to come
		o.busy++
		m.counted(o, f)
	default:
		defer o.supervise()
		f()
	}
	return stop
}

func (m *model) alive(id int) bool          { return m.owners[id].state == alive }
func (m *model) ended(id int) bool          { return m.owners[id].state == ended }
func (m *model) waiter([]int) (wait func()) { return func() {} }
func (m *model) cause(id int) error         { return m.owners[id].cause }

func (m *model) stats(id int) (s tether.Stats) {
	o := m.owners[id]
	if o.state != ended {
		s.Owners = 1
	}
	for _, c := range m.conns {
		if c.live && c.owner == o {
			s.Connections++
		}
	}
	for _, item := range o.items {
		switch item := item.(type) {
		case *hook:
			if !item.interrupt {
				s.Cleanups++
			}
		case *owner:
			t := m.stats(slices.Index(m.owners, item))
			s.Owners += t.Owners
			s.Connections += t.Connections
			s.Cleanups += t.Cleanups
		}
	}
	return s
}

// 4.1, 4.2: signals and connections.

func (m *model) newSignal(id int, activate func(id int)) {
	s := &signal{activate: activate}
	if id >= 0 {
		s.owner = m.owners[id]
		s.closed = s.owner.state != alive
	}
	m.signals = append(m.signals, s)
}

func (m *model) connect(kind kind, sid, oid, qid, priority int, handler func(v int)) {
	s, o := m.signals[sid], m.owners[oid]
	c := &conn{signal: s, owner: o, priority: priority, once: kind == once, handler: handler}
	if qid >= 0 {
		c.queue = m.queues[qid]
	}
	m.conns = append(m.conns, c)
	if o.state != alive || s.closed || c.queue != nil && c.queue.dead {
		return
	}
	c.live = true
	i := 0
	for i < len(s.conns) && s.conns[i].priority >= priority {
		i++
	}
	s.conns = slices.Insert(s.conns, i, c)
	if len(s.conns) == 1 && s.activate != nil {
		s.active = new(owner)
		m.adopt(s.owner, s.active)
		m.owners = append(m.owners, s.active)
		s.activate(len(m.owners) - 1)
	}
}

// end ends c, but not what waits in its queue.
func (m *model) end(c *conn) bool {
	was := c.live
	c.live = false
	c.signal.conns = slices.DeleteFunc(slices.Clone(c.signal.conns), func(d *conn) bool { return d == c })
	return was
}

// drop drops what waits in c's queue.
func (c *conn) drop() {
	if q := c.queue; q != nil {
		before := len(q.pending)
		q.pending = slices.DeleteFunc(q.pending, func(v value) bool { return v.c == c })
		q.dropped += before - len(q.pending)
	}
}

// settleEdges cancels what was active while somebody was connected.
func (m *model) settleEdges() {
	for _, s := range m.signals {
		if a := s.active; a != nil && a.state == alive && len(s.conns) == 0 {
			a.state, a.cause = ended, tether.ErrDestroyed // nothing is ever in it
			a.parent.remove(a)
		}
	}
}

func (m *model) disconnect(id int) bool {
	c := m.conns[id]
	if !m.end(c) {
		return false
	}
	c.drop()
	m.settleEdges()
	return true
}

func (m *model) disconnectAll(id int) {
	for _, c := range m.signals[id].conns {
		m.end(c)
		c.drop()
	}
	m.settleEdges()
}

func (m *model) connected(id int) bool { return m.conns[id].live }
func (m *model) signalLen(id int) int  { return len(m.signals[id].conns) }

func (m *model) mute(id int) (unmute func()) {
	c, done := m.conns[id], false
	c.muted++
	return func() {
		if !done {
			done = true
			c.muted--
		}
	}
}

func (m *model) fire(id, v int) {
	w := &walk{conns: slices.Clone(m.signals[id].conns)}
	m.walk(w, v)
}

// A walk is one Fire: the snapshot, and whose handler ran last.
type walk struct {
	conns []*conn
	owner *owner // counted; nil: nobody
	over  bool
}

func (m *model) walk(w *walk, v int) {
	defer func() {
		if w.over {
			return
		}
		if o := w.owner; o != nil && o.super != nil {
			if p := recover(); p != nil {
				defer m.walk(w, v)
				o.super(p)
				return
			}
		}
		m.walk(w, v) // the rest, then the panic goes on
	}()
	for len(w.conns) > 0 {
		c := w.conns[0]
		if !c.live || c.muted > 0 {
			w.conns = w.conns[1:]
			continue
		}
		if w.owner != nil && (w.owner != c.owner || c.queue != nil) {
			w.leave(m) // before another owner's handler runs
			continue   // c may have died of it
		}
		w.conns = w.conns[1:]
		if c.queue != nil {
			m.push(c, v)
			continue
		}
		if w.owner == nil {
			w.owner = c.owner
			w.owner.busy++
		}
		if c.once {
			m.end(c)
			m.settleEdges()
		}
		c.handler(v)
	}
	w.over = true
	w.leave(m) // at the latest before Fire returns
}

func (w *walk) leave(m *model) {
	if o := w.owner; o != nil {
		w.owner = nil
		m.leave(o)
	}
}

// 4.7: queues, all of them Manual.

func (m *model) newQueue(id, capacity int, overflow tether.Overflow) {
	o := m.owners[id]
	m.queues = append(m.queues, &queue{owner: o, capacity: capacity, overflow: overflow, dead: o.state != alive})
}

func (m *model) push(c *conn, v int) {
	q := c.queue
	for len(q.pending) >= q.capacity {
		if q.overflow == tether.DropNewest {
			q.dropped++
			return
		}
		if q.overflow == tether.Block {
			m.stuck = m.stuck || q.g != m.g // else by a handler of q itself: over capacity
			break
		}
		// The value of a spent once is delivered, so it is not dropped: rather the new
		// one, and if that is a once's it stays connected.
		i := slices.IndexFunc(q.pending, func(v value) bool { return !v.c.spent })
		if i < 0 {
			q.dropped++
			return
		}
		q.pending = slices.Delete(q.pending, i, i+1)
		q.dropped++
	}
	q.last++
	q.pending = append(q.pending, value{c, q.last, v})
	if c.once {
		c.spent = true
		m.end(c)
		m.settleEdges()
	}
}

func (m *model) drain(id int) (calls int) {
	q := m.queues[id]
	m.stuck = m.stuck || q.g != 0 && q.g != m.g
	if q.g != 0 || len(q.pending) == 0 {
		return 0
	}
	q.g = m.g
	q.owner.busy++
	defer m.leave(q.owner)
	m.drainTo(q, q.last, &calls)
	return calls
}

func (m *model) drainTo(q *queue, last int, calls *int) {
	if len(q.pending) == 0 || q.pending[0].n > last {
		q.g = 0
		return
	}
	defer m.drainTo(q, last, calls) // the rest, also after a panic
	v := q.pending[0]
	q.pending = q.pending[1:]
	if v.c.muted > 0 && !v.c.spent {
		q.dropped++
		return
	}
	*calls++
	v.c.owner.busy++
	m.counted(v.c.owner, func() { v.c.handler(v.v) })
}

func (m *model) queueLen(id int) int { return len(m.queues[id].pending) }
func (m *model) dropped(id int) int  { return m.queues[id].dropped }
